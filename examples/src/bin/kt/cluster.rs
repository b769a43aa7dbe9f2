//! `kt cluster` and `kt broker-api-versions`: who the brokers are and what they speak.

use crate::failure::{Failure, Outcome, complain};
use crate::output::{Column, Format, Out, Rows, column};
use crate::settings::Connect;
use kafka_client::admin::{ApiOffer, BrokerDescription};
use kafka_proto::api::{ApiInfo, ApiKey, Versions};
use serde_json::{Value, json};

/// Show the cluster's id and its brokers
#[derive(Debug, clap::Args)]
pub(crate) struct Cluster {
    /// Only this; both if it is left out
    #[arg(value_enum)]
    what: Option<What>,
    /// Those too that the controller keeps clients away from
    #[arg(long)]
    include_fenced_brokers: bool,
    #[command(flatten)]
    connect: Connect,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum What {
    /// The cluster's id
    ClusterId,
    /// The brokers
    ListEndpoints,
}

const ENDPOINTS: [Column; 6] = [
    column("ID", "id", 10),
    column("HOST", "host", 9),
    column("PORT", "port", 10),
    column("RACK", "rack", 0),
    column("STATE", "state", 10),
    column("ENDPOINT_TYPE", "endpointType", 15),
];

impl Cluster {
    pub(crate) async fn run(&self, out: &mut Out) -> Outcome {
        let admin = self.connect.admin("kt-cluster").await?;
        let cluster = admin.describe_cluster().await?;
        if self.what != Some(What::ListEndpoints) {
            let id = cluster.cluster_id.as_deref();
            match out.format {
                Format::Table => {
                    let id = id.unwrap_or("not told by this broker");
                    out.line(format_args!("Cluster ID: {id}"))?;
                }
                Format::Plain => out.line(id.unwrap_or("-"))?,
                Format::Json => out.line(json!({"clusterId": id}))?,
            }
        }
        if self.what == Some(What::ClusterId) {
            return Ok(());
        }
        let mut rows = Rows::new(&ENDPOINTS);
        let fenced = cluster.fenced_brokers.unwrap_or_default();
        let fenced = fenced.iter().filter(|_| self.include_fenced_brokers);
        let serving = cluster.brokers.iter().map(|broker| (broker, "unfenced"));
        for (broker, state) in serving.chain(fenced.map(|broker| (broker, "fenced"))) {
            let BrokerDescription { id, host, port, rack, .. } = broker;
            let rack = json!(rack.as_deref());
            let place = (json!(id), json!(**host), json!(port));
            rows.push([place.0, place.1, place.2, rack, json!(state), json!("broker")]);
        }
        out.rows(&rows)
    }
}

/// Show which APIs each broker serves, beside what we speak
#[derive(Debug, clap::Args)]
pub(crate) struct BrokerApiVersions {
    #[command(flatten)]
    connect: Connect,
}

impl BrokerApiVersions {
    pub(crate) async fn run(&self, out: &mut Out) -> Outcome {
        let admin = self.connect.admin("kt-broker-api-versions").await?;
        let brokers = admin.describe_cluster().await?.brokers;
        let offers = admin.api_versions(brokers.iter().map(|broker| broker.id)).await?;
        let mut failed = false;
        for broker in &brokers {
            match offers.get(&broker.id) {
                Some(Ok(offers)) => show(broker, offers, out)?,
                Some(Err(error)) => {
                    complain(error);
                    failed = true;
                }
                None => {}
            }
        }
        if failed { Err(Failure::Told) } else { Ok(()) }
    }
}

fn show(broker: &BrokerDescription, offers: &[ApiOffer], out: &mut Out) -> Outcome {
    let BrokerDescription { id, host, port, rack, .. } = broker;
    let rows = beside_ours(offers);
    if out.format == Format::Table {
        let rack = rack.as_deref().unwrap_or("null");
        out.line(format_args!("{host}:{port} (id: {id} rack: {rack} isFenced: false) -> ("))?;
        for (at, row) in rows.iter().enumerate() {
            let comma = if at + 1 < rows.len() { "," } else { "" };
            out.line(format_args!("\t{}{comma}", row.text()))?;
        }
        return out.line(")");
    }
    const COLUMNS: [Column; 6] = [
        column("BROKER", "broker", 0),
        column("KEY", "key", 0),
        column("API", "api", 0),
        column("OFFERED", "offered", 0),
        column("OURS", "ours", 0),
        column("USABLE", "usable", 0),
    ];
    let mut list = Rows::new(&COLUMNS);
    for row in rows {
        let range = |range: Option<Versions>| json!(range.map(|range| range.to_string()));
        let (theirs, ours) = (range(row.theirs), range(row.ours));
        list.push([json!(id), json!(row.key), json!(row.name), theirs, ours, json!(row.usable)]);
    }
    out.rows(&list)
}

/// An API that the broker serves, or we speak, or both.
struct Row {
    key: i16,
    name: Value,
    theirs: Option<Versions>,
    ours: Option<Versions>,
    usable: Option<i16>,
}

impl Row {
    /// As Kafka's tool writes it, with what we speak behind it.
    fn text(&self) -> String {
        let range = |Versions { min, max }: Versions| match min == max {
            true => min.to_string(),
            false => format!("{min} to {max}"),
        };
        let ours = self.ours.map(|ours| format!(" ours: {}", range(ours))).unwrap_or_default();
        let name = self.name.as_str().unwrap_or("UNKNOWN");
        let offered = match (self.theirs, self.usable) {
            (Some(theirs), Some(usable)) => format!("{} [usable: {usable}]", range(theirs)),
            // Kafka's tool does not know whether it would be of use either.
            (Some(theirs), None) if self.ours.is_none() => range(theirs),
            (Some(theirs), None) => format!("{} [usable: none]", range(theirs)),
            (None, _) => "UNSUPPORTED".to_owned(),
        };
        format!("{name}({}): {offered}{ours}", self.key)
    }
}

fn beside_ours(offers: &[ApiOffer]) -> Vec<Row> {
    let ours = (0..i16::MAX).map_while(|key| {
        // The numbers have gaps, of APIs that are gone; behind the last are none for long.
        (key..key + 64).any(|key| ApiKey(key).info().is_some()).then_some(key)
    });
    let ours: Vec<ApiInfo> = ours.filter_map(|key| ApiKey(key).info()).collect();
    let row = |offer: &ApiOffer| Row {
        key: offer.key,
        name: json!(offer.name),
        theirs: Some(Versions { min: offer.min, max: offer.max }),
        ours: ApiKey(offer.key).info().map(|info| info.stable),
        usable: offer.usable,
    };
    let mut rows: Vec<Row> = offers.iter().map(row).collect();
    let missing = ours.iter().filter(|info| offers.iter().all(|offer| offer.key != info.key.0));
    rows.extend(missing.map(|info| Row {
        key: info.key.0,
        name: json!(info.name),
        theirs: None,
        ours: Some(info.stable),
        usable: None,
    }));
    rows.sort_by_key(|row| row.key);
    rows
}

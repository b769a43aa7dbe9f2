//! `kt configs`, as kafka-configs: the configs of topics, brokers, groups and client metrics.

use crate::console_producer::properties;
use crate::failure::{Failure, Outcome};
use crate::output::{Column, Format, Out, Rows, column};
use crate::settings::Connect;
use kafka_client::Admin;
use kafka_client::admin::{
    ConfigChanges, ConfigEntry, ConfigResource, ConfigSource, ConfigSynonym, ResourceType,
};
use serde_json::json;
use std::path::PathBuf;

/// Show and change the configs of topics, brokers and groups
///
/// Of what: --topic NAME, --broker ID, --broker-defaults, --group ID and so on, or Kafka's older form --entity-type
/// topics --entity-name NAME. Without a name --describe shows all of the kind.
#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("action").required(true))]
#[command(group = clap::ArgGroup::new("entity").required(true))]
pub(crate) struct Configs {
    /// Show what is set
    #[arg(long, group = "action")]
    describe: bool,
    /// Change configs
    #[arg(long, group = "action")]
    alter: bool,
    /// Configs to set: key=value,key=[value,value]
    #[arg(long, value_name = "CONFIGS", requires = "alter")]
    add_config: Option<String>,
    /// A properties file with configs to set
    #[arg(long, value_name = "FILE", requires = "alter", conflicts_with = "add_config")]
    add_config_file: Option<PathBuf>,
    /// Names of configs to set back to their defaults, separated by commas
    #[arg(long, value_name = "NAMES", requires = "alter")]
    delete_config: Option<String>,
    /// Defaults too
    #[arg(long, requires = "describe")]
    all: bool,
    /// topics, brokers, broker-loggers, groups or client-metrics
    #[arg(long, value_name = "TYPE", group = "entity")]
    entity_type: Option<String>,
    /// Which one
    #[arg(long, value_name = "NAME", requires = "entity_type")]
    entity_name: Option<String>,
    /// The defaults of all brokers
    #[arg(long, requires = "entity_type", conflicts_with = "entity_name")]
    entity_default: bool,
    /// A topic
    #[arg(long, value_name = "NAME", group = "entity")]
    topic: Option<String>,
    /// A broker
    #[arg(long, value_name = "ID", group = "entity")]
    broker: Option<String>,
    /// What holds for all brokers
    #[arg(long, group = "entity")]
    broker_defaults: bool,
    /// The levels of a broker's loggers
    #[arg(long, value_name = "ID", group = "entity")]
    broker_logger: Option<String>,
    /// A group
    #[arg(long, value_name = "ID", group = "entity")]
    group: Option<String>,
    /// A subscription to client metrics
    #[arg(long, value_name = "NAME", group = "entity")]
    client_metrics: Option<String>,
    #[command(flatten)]
    connect: Connect,
}

impl Configs {
    pub(crate) async fn run(&self, out: &mut Out) -> Outcome {
        let (kind, name) = self.entity()?;
        let changes = if self.alter { Some(self.changes()?) } else { None };
        let admin = self.connect.admin("kt-configs").await?;
        if let Some(changes) = changes {
            let name = name.ok_or_else(|| Failure::Usage("--alter needs a name".to_owned()))?;
            return alter(&admin, ConfigResource::new(kind, name), changes, out).await;
        }
        let names = match name {
            Some(name) => vec![name],
            None => names(&admin, kind).await?,
        };
        let mut rows = Rows::new(&COLUMNS);
        for name in names {
            self.describe(&admin, ConfigResource::new(kind, name), out, &mut rows).await?;
        }
        if out.format == Format::Plain { out.rows(&rows) } else { Ok(()) }
    }

    /// What it is about; all of the kind where there is no name.
    fn entity(&self) -> Outcome<(ResourceType, Option<String>)> {
        let named = [
            (ResourceType::Topic, &self.topic),
            (ResourceType::Broker, &self.broker),
            (ResourceType::BrokerLogger, &self.broker_logger),
            (ResourceType::Group, &self.group),
            (ResourceType::ClientMetrics, &self.client_metrics),
        ];
        if let Some((kind, Some(name))) = named.into_iter().find(|(_, name)| name.is_some()) {
            return Ok((kind, Some(name.clone())));
        }
        if self.broker_defaults {
            return Ok((ResourceType::Broker, Some(String::new())));
        }
        let kind = match self.entity_type.as_deref().unwrap_or_default() {
            "topics" => ResourceType::Topic,
            "brokers" => ResourceType::Broker,
            "broker-loggers" => ResourceType::BrokerLogger,
            "groups" => ResourceType::Group,
            "client-metrics" => ResourceType::ClientMetrics,
            quotas @ ("users" | "clients" | "ips") => {
                let reason = format!("quotas and credentials of {quotas} are not handled here");
                return Err(Failure::Usage(reason));
            }
            other => {
                let there = "topics, brokers, broker-loggers, groups and client-metrics";
                let reason = format!("there are no entities {other:?}; there are {there}");
                return Err(Failure::Usage(reason));
            }
        };
        let default = self.entity_default.then(String::new);
        Ok((kind, self.entity_name.clone().or(default)))
    }

    /// What to set, and what to set back.
    fn changes(&self) -> Outcome<Vec<Change>> {
        let mut changes = Vec::new();
        if let Some(text) = &self.add_config {
            changes.extend(assignments(text).map_err(Failure::Usage)?);
        }
        if let Some(path) = &self.add_config_file {
            changes.extend(properties(path)?.into_iter().map(|(key, value)| (key, Some(value))));
        }
        let names = self.delete_config.iter().flat_map(|names| names.split(','));
        changes.extend(names.map(|name| (name.trim().to_owned(), None)));
        if changes.is_empty() {
            let reason = "--alter needs --add-config, --add-config-file or --delete-config";
            return Err(Failure::Usage(reason.to_owned()));
        }
        Ok(changes)
    }

    async fn describe(
        &self,
        admin: &Admin,
        resource: ConfigResource,
        out: &mut Out,
        rows: &mut Rows,
    ) -> Outcome {
        let (kind, name) = (resource.kind(), resource.name().to_owned());
        let described = admin.describe_configs([resource]).await?.all()?;
        let mut entries: Vec<_> = described.into_values().flatten().collect();
        entries.retain(|entry| self.all || is_own(kind, &name, entry.source));
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        match out.format {
            Format::Table => {
                let which = match (kind, name.as_str()) {
                    (_, "") => "Default configs for brokers in the cluster".to_owned(),
                    (kind, name) if self.all => format!("All configs for {} {name}", word(kind)),
                    (kind, name) => format!("Dynamic configs for {} {name}", word(kind)),
                };
                out.line(format_args!("{which} are:"))?;
                for entry in &entries {
                    let ConfigEntry { name, is_sensitive, .. } = entry;
                    let value = entry.value.as_deref().unwrap_or("null");
                    let synonyms: Vec<_> = entry.synonyms.iter().map(synonym).collect();
                    let synonyms = synonyms.join(", ");
                    let line = format_args!(
                        "  {name}={value} sensitive={is_sensitive} synonyms={{{synonyms}}}"
                    );
                    out.line(line)?;
                }
            }
            Format::Plain => {
                for entry in entries {
                    let value = json!(entry.value.as_deref());
                    rows.push([json!(word(kind)), json!(name), json!(*entry.name), value]);
                }
            }
            Format::Json => {
                for entry in &entries {
                    out.line(json!({
                        "entityType": word(kind), "entityName": name, "name": *entry.name,
                        "value": entry.value.as_deref(), "source": source(entry.source),
                        "readOnly": entry.is_read_only, "sensitive": entry.is_sensitive,
                    }))?;
                }
            }
        }
        Ok(())
    }
}

const COLUMNS: [Column; 4] = [
    column("TYPE", "entityType", 0),
    column("ENTITY", "entityName", 0),
    column("NAME", "name", 0),
    column("VALUE", "value", 0),
];

/// A config's name, and its value unless it goes back to its default.
type Change = (String, Option<String>);

async fn names(admin: &Admin, kind: ResourceType) -> Outcome<Vec<String>> {
    Ok(match kind {
        ResourceType::Topic => {
            let topics = admin.list_topics().await?;
            topics.into_iter().map(|topic| topic.name.to_string()).collect()
        }
        ResourceType::Broker | ResourceType::BrokerLogger => {
            let brokers = admin.describe_cluster().await?.brokers.into_iter();
            let mut names: Vec<_> = brokers.map(|broker| broker.id.to_string()).collect();
            names.extend((kind == ResourceType::Broker).then(String::new));
            names
        }
        ResourceType::Group => {
            let groups = admin.list_groups().await?;
            groups.into_iter().map(|group| group.group_id.to_string()).collect()
        }
        _ => return Err(Failure::Usage("--entity-name is needed".to_owned())),
    })
}

async fn alter(
    admin: &Admin,
    resource: ConfigResource,
    changes: Vec<Change>,
    out: &mut Out,
) -> Outcome {
    let (kind, name) = (word(resource.kind()), resource.name().to_owned());
    let mut all = ConfigChanges::new(resource);
    for (key, value) in changes {
        all = match value {
            Some(value) => all.set(key, value),
            None => all.delete(key),
        };
    }
    admin.incremental_alter_configs([all]).await?.all()?;
    match (out.is_json(), name.as_str()) {
        (true, name) => out.line(json!({"entityType": kind, "entityName": name})),
        (_, "") => out.line(format_args!("Completed updating default config for {kind}s.")),
        (_, name) => out.line(format_args!("Completed updating config for {kind} {name}.")),
    }
}

/// Whether it was set for this very resource, and not for more.
fn is_own(kind: ResourceType, name: &str, source: ConfigSource) -> bool {
    match kind {
        ResourceType::Topic => source == ConfigSource::Topic,
        ResourceType::Broker if name.is_empty() => source == ConfigSource::AllBrokers,
        ResourceType::Broker => source == ConfigSource::Broker,
        _ => !matches!(source, ConfigSource::File | ConfigSource::Default),
    }
}

fn word(kind: ResourceType) -> &'static str {
    match kind {
        ResourceType::Topic => "topic",
        ResourceType::Broker => "broker",
        ResourceType::BrokerLogger => "broker-logger",
        ResourceType::Group => "group",
        ResourceType::ClientMetrics => "client-metric",
        _ => "entity",
    }
}

/// Kafka's word for where a value is from.
fn source(source: ConfigSource) -> &'static str {
    match source {
        ConfigSource::Topic => "DYNAMIC_TOPIC_CONFIG",
        ConfigSource::Broker => "DYNAMIC_BROKER_CONFIG",
        ConfigSource::AllBrokers => "DYNAMIC_DEFAULT_BROKER_CONFIG",
        ConfigSource::File => "STATIC_BROKER_CONFIG",
        ConfigSource::Default => "DEFAULT_CONFIG",
        ConfigSource::Logger => "DYNAMIC_BROKER_LOGGER_CONFIG",
        ConfigSource::ClientMetrics => "DYNAMIC_CLIENT_METRICS_CONFIG",
        ConfigSource::Group => "DYNAMIC_GROUP_CONFIG",
        _ => "UNKNOWN",
    }
}

fn synonym(synonym: &ConfigSynonym) -> String {
    let value = synonym.value.as_deref().unwrap_or("null");
    format!("{}:{}={value}", source(synonym.source), synonym.name)
}

/// Reads `key=value,key=[value,value]`.
fn assignments(text: &str) -> Result<Vec<Change>, String> {
    let mut changes = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let wrong = || format!("{rest:?} cannot be read; expected key=value,key=[value,value]");
        let (key, behind) = rest.split_once('=').ok_or_else(wrong)?;
        let (value, behind) = match behind.strip_prefix('[') {
            Some(list) => list.split_once(']').ok_or_else(wrong)?,
            None => behind.split_at(behind.find(',').unwrap_or(behind.len())),
        };
        if key.trim().is_empty() || !(behind.is_empty() || behind.starts_with(',')) {
            return Err(wrong());
        }
        changes.push((key.trim().to_owned(), Some(value.trim().to_owned())));
        rest = behind.trim_start_matches(',').trim_start();
    }
    Ok(changes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn configs_are_separated_by_commas_and_lists_stand_in_brackets() {
        let pair = |key: &str, value: &str| (key.to_owned(), Some(value.to_owned()));
        let read = assignments("a=1, b=[x,y],c=,d=p=q").unwrap();
        assert_eq!(read, [pair("a", "1"), pair("b", "x,y"), pair("c", ""), pair("d", "p=q")]);
        for wrong in ["a", "=1", "a=[1", "a=[1]2"] {
            assert!(assignments(wrong).is_err(), "{wrong}");
        }
    }
}

//! Records of Kafka's own topics and control records, as the messages that they are.

use bytes::Bytes;
use kafka_proto::records::Record;
use kafka_proto::records::control::{ControlType, EndTxnMarker};
use kafka_proto::schema::{self, EachSchema, Prefix, Schema, each_schema};
use kafka_proto::wire::Reader;
use kafka_proto::wire::json::to_json;
use serde_json::{Value, json};

/// Key and value of a record of `topic`, if it is one of Kafka's own; `None` where they are not known.
pub(super) fn of_topic(topic: &str, key: Option<&[u8]>, value: Option<&[u8]>) -> Option<Value> {
    let own = match topic {
        "__cluster_metadata" | "__remote_log_metadata" => {
            let value = Bytes::copy_from_slice(value?);
            let (number, _) = schema::frame_number(&value).ok()?;
            let remote = topic == "__remote_log_metadata";
            let value = find(value, None, |about| {
                about.prefix == Prefix::Frame(number) && about.name.starts_with("Remote") == remote
            })?;
            return Some(json!({"value": value}));
        }
        "__consumer_offsets" => {
            |name: &str| !is_of_shares(name) && !name.starts_with("TransactionLog")
        }
        "__share_group_state" => is_of_shares,
        "__transaction_state" => |name: &str| name.starts_with("TransactionLog"),
        _ => return None,
    };
    let key = Bytes::copy_from_slice(key?);
    let number = schema::key_number(&key)?;
    let of_key = find(key, None, |about| about.prefix == Prefix::Key(number) && own(about.name))?;
    let of_value = value.map(|value| {
        find(Bytes::copy_from_slice(value), None, |about| {
            about.prefix == Prefix::Value(number) && own(about.name)
        })
    });
    Some(json!({"key": of_key, "value": of_value.flatten()}))
}

fn is_of_shares(name: &str) -> bool {
    name.starts_with("ShareSnapshot") || name.starts_with("ShareUpdate")
}

/// What a control record says.
pub(super) fn control(record: &Record<'_>) -> Value {
    let message = |name: &str| {
        let value = Bytes::copy_from_slice(record.value().unwrap_or_default());
        find(value, Some(0), |about| about.name == name)
    };
    let kind = match ControlType::of(record) {
        Ok(kind) => kind,
        Err(error) => return json!({"error": error.to_string()}),
    };
    match kind {
        ControlType::Commit | ControlType::Abort => {
            let word = if kind == ControlType::Commit { "COMMIT" } else { "ABORT" };
            let epoch = EndTxnMarker::of(record).ok().flatten();
            let epoch = epoch.map(|marker| marker.coordinator_epoch);
            json!({"endTxnMarker": word, "coordinatorEpoch": epoch})
        }
        ControlType::LeaderChange => json!({"LeaderChange": message("LeaderChangeMessage")}),
        ControlType::SnapshotHeader => json!({"SnapshotHeader": message("SnapshotHeaderRecord")}),
        ControlType::SnapshotFooter => json!({"SnapshotFooter": message("SnapshotFooterRecord")}),
        ControlType::KRaftVersion => json!({"KRaftVersion": message("KRaftVersionRecord")}),
        ControlType::KRaftVoters => json!({"KRaftVoters": message("VotersRecord")}),
        ControlType::Unknown(number) => json!({"controlType": number}),
    }
}

/// The message of Kafka's definition `name`, and its version; that is needed where the bytes do not tell it.
pub(super) fn named(name: &str, bytes: &Bytes, version: Option<i16>) -> Result<Value, String> {
    let mut names = Vec::new();
    struct Names<'a>(&'a mut Vec<&'static str>);
    impl EachSchema for Names<'_> {
        fn schema<S: Schema>(&mut self) {
            self.0.push(S::NAME);
        }
    }
    each_schema(&mut Names(&mut names));
    if !names.contains(&name) {
        let nearest = kafka_proto::settings::nearest(name, names);
        let nearest = nearest.map(|name| format!(": did you mean {name:?}?")).unwrap_or_default();
        return Err(format!("there is no message {name:?}{nearest}"));
    }
    let wanted = |about: &About| about.name == name;
    let mut search = Search { bytes, version, wanted, found: None };
    each_schema(&mut search);
    search.found.unwrap_or_else(|| Err(format!("{name} is not known")))
}

/// A schema, as far as it is chosen by it.
struct About {
    name: &'static str,
    prefix: Prefix,
}

fn find(bytes: Bytes, version: Option<i16>, wanted: impl Fn(&About) -> bool) -> Option<Value> {
    let mut search = Search { bytes: &bytes, version, wanted, found: None };
    each_schema(&mut search);
    // What cannot be read is shown as bytes.
    search.found?.ok()
}

struct Search<'a, F> {
    bytes: &'a Bytes,
    version: Option<i16>,
    wanted: F,
    found: Option<Result<Value, String>>,
}

impl<F: Fn(&About) -> bool> EachSchema for Search<'_, F> {
    fn schema<S: Schema>(&mut self) {
        if !(self.wanted)(&About { name: S::NAME, prefix: S::PREFIX }) {
            return;
        }
        let bytes = self.bytes.clone();
        let read = match (S::PREFIX, self.version) {
            (Prefix::Nothing, Some(version)) => {
                schema::decode::<S>(&mut Reader::new(bytes), version).map(|value| (value, version))
            }
            _ => schema::from_bytes::<S>(bytes),
        };
        let json = read.map_err(|error| error.to_string()).and_then(|(value, version)| {
            let data = to_json(&value, version).map_err(|error| error.to_string())?;
            Ok(json!({"type": S::NAME, "version": version, "data": data}))
        });
        self.found = Some(json);
    }
}

//! Records of Kafka's own topics and control records, as the messages that they are.

use bytes::Bytes;
use kafka_proto::any::MessageType;
use kafka_proto::records::Record;
use kafka_proto::records::control::{ControlType, EndTxnMarker};
use kafka_proto::schema::{self, Prefix, SCHEMAS};
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
            let value = find(value, None, |of| {
                of.prefix == Some(Prefix::Frame(number)) && of.name.starts_with("Remote") == remote
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
    let of_key = find(key, None, |of| of.prefix == Some(Prefix::Key(number)) && own(of.name))?;
    let of_value = value.map(|value| {
        find(Bytes::copy_from_slice(value), None, |of| {
            of.prefix == Some(Prefix::Value(number)) && own(of.name)
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
        find(value, Some(0), |of| of.name == name)
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
    let Some(of) = SCHEMAS.iter().find(|of| of.name == name) else {
        let names = SCHEMAS.iter().map(|of| of.name);
        let nearest = kafka_proto::settings::nearest(name, names);
        let nearest = nearest.map(|name| format!(": did you mean {name:?}?")).unwrap_or_default();
        return Err(format!("there is no message {name:?}{nearest}"));
    };
    read(of, bytes.clone(), version)
}

fn find(
    bytes: Bytes,
    version: Option<i16>,
    wanted: impl Fn(&MessageType) -> bool,
) -> Option<Value> {
    let of = SCHEMAS.iter().find(|of| wanted(of))?;
    // What cannot be read is shown as bytes.
    read(of, bytes, version).ok()
}

fn read(of: &MessageType, bytes: Bytes, version: Option<i16>) -> Result<Value, String> {
    let read = match (of.prefix, version) {
        (Some(Prefix::Nothing), Some(version)) => {
            of.decode(&mut Reader::new(bytes), version).map(|value| (value, version))
        }
        _ => of.from_stored(bytes),
    };
    let (value, version) = read.map_err(|error| error.to_string())?;
    let data = to_json(&*value, version).map_err(|error| error.to_string())?;
    Ok(json!({"type": of.name, "version": version, "data": data}))
}

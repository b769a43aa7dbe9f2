//! Whose log directory it is: `meta.properties`, and the `partition.metadata` of each log.

use crate::log::{Replace, Storage, StorageError};
use kafka_proto::settings::Properties;
use kafka_proto::uuid::Uuid;

const META: &str = "meta.properties";

/// Who a log directory belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) cluster_id: String,
    pub(super) directory_id: Uuid,
}

/// The cluster that the directory belongs to, if it belongs to any.
pub(super) fn cluster_of(storage: &mut dyn Storage) -> Result<Option<String>, StorageError> {
    let text = storage.load(META)?;
    let text = text.as_deref().and_then(|text| std::str::from_utf8(text).ok());
    let properties = text.and_then(|text| Properties::parse(text).ok());
    let id = properties.and_then(|properties| {
        properties.iter().find(|known| known.key == "cluster.id").map(|known| known.value.clone())
    });
    Ok(id)
}

/// Reads who the directory belongs to, or gives it to this broker.
pub(super) fn identify(
    storage: &mut dyn Storage,
    node_id: i32,
    fresh: Identity,
) -> Result<Identity, StorageError> {
    let Some(text) = storage.load(META)? else {
        write(storage, node_id, &fresh)?;
        return Ok(fresh);
    };
    let wrong = |why: String| StorageError::corrupt(format!("{META} of the log directory {why}"));
    let text = std::str::from_utf8(&text).map_err(|error| wrong(error.to_string()))?;
    let properties = Properties::parse(text).map_err(|error| wrong(error.to_string()))?;
    let value = |name: &str| {
        properties.iter().find(|property| property.key == name).map(|property| &*property.value)
    };
    if value("version") != Some("1") {
        return Err(wrong("is not of version 1, that of Kafka without ZooKeeper".to_owned()));
    }
    match value("node.id") {
        Some(id) if id.parse() == Ok(node_id) => {}
        other => {
            let other = other.unwrap_or("nobody");
            return Err(wrong(format!("says that it belongs to node {other}, not {node_id}")));
        }
    }
    let id = value("cluster.id").ok_or_else(|| wrong("has no cluster.id".to_owned()))?;
    let directory = value("directory.id").and_then(|id| id.parse::<Uuid>().ok());
    let known = Identity {
        cluster_id: id.to_owned(),
        directory_id: directory.unwrap_or(fresh.directory_id),
    };
    if directory.is_none() {
        write(storage, node_id, &known)?;
    }
    Ok(known)
}

fn write(storage: &mut dyn Storage, node_id: i32, identity: &Identity) -> Result<(), StorageError> {
    let Identity { cluster_id, directory_id } = identity;
    let text = format!(
        "#\ncluster.id={cluster_id}\ndirectory.id={directory_id}\nnode.id={node_id}\nversion=1\n"
    );
    storage.replace(META, text.as_bytes(), Replace::Synced)
}

/// Notes in the directory of a log of which topic it is.
pub(super) fn note_topic(
    storage: &mut dyn Storage,
    log: &str,
    topic_id: Uuid,
) -> Result<(), StorageError> {
    if !storage.is_durable() {
        return Ok(());
    }
    let text = format!("version: 0\ntopic_id: {topic_id}");
    storage.replace(&format!("{log}/partition.metadata"), text.as_bytes(), Replace::Written)
}

/// Of which topic the log in a directory is, if it says.
pub(super) fn topic_of(storage: &mut dyn Storage, log: &str) -> Result<Option<Uuid>, StorageError> {
    let text = storage.load(&format!("{log}/partition.metadata"))?;
    let text = text.as_deref().and_then(|text| std::str::from_utf8(text).ok());
    let id = text.and_then(|text| text.lines().find_map(|line| line.strip_prefix("topic_id: ")));
    Ok(id.and_then(|id| id.parse().ok()))
}

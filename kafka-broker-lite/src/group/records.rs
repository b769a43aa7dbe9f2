//! Groups and offsets as records of `__consumer_offsets`, in Kafka's layout.

use super::classic::ClassicGroup;
use super::coordinator::NewOffset;
use super::offsets::Committed;
use bytes::Bytes;
use kafka_proto::ErrorCode;
use kafka_proto::group_protocol::{self, Subscription};
use kafka_proto::schema::{self, Schema};
use kafka_proto::stored::GroupKey;
use kafka_proto::stored::offsets::{
    GroupMetadataKey, GroupMetadataValue, LegacyOffsetCommitKey, OffsetCommitKey, OffsetCommitValue,
};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The value versions that are written; of an offset the newest, or the one that can say when it expires.
const GROUP_VERSION: i16 = 3;
const OFFSET_VERSION: i16 = 4;
const EXPIRING_OFFSET_VERSION: i16 = 1;

/// A record of the topic; without a value it deletes what the key names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) key: Bytes,
    pub(crate) value: Option<Bytes>,
}

/// What a record changes.
#[derive(Debug, PartialEq)]
pub(super) enum Change {
    Group(Arc<str>, Option<GroupMetadataValue>),
    Offset { group: Arc<str>, topic: Arc<str>, partition: i32, committed: Option<Committed> },
}

/// A record, or what the client is told when it has no form.
type Written = Result<Entry, ErrorCode>;

/// A group with what its members are assigned.
pub(super) fn group(group: &ClassicGroup, assignments: &BTreeMap<Arc<str>, Bytes>) -> Written {
    let value = group.to_record(assignments);
    write(&GroupMetadataKey { group: group.id() }, Some((&value, GROUP_VERSION)))
}

/// The end of a group.
pub(super) fn no_group(id: &Arc<str>) -> Written {
    write::<_, GroupMetadataValue>(&GroupMetadataKey { group: id.clone() }, None)
}

/// A committed offset.
pub(super) fn offset(group: &Arc<str>, new: &NewOffset) -> Written {
    let NewOffset { topic, partition, committed } = new;
    let expires = committed.expires_ms.is_some();
    let version = if expires { EXPIRING_OFFSET_VERSION } else { OFFSET_VERSION };
    let value = OffsetCommitValue {
        offset: committed.offset,
        leader_epoch: committed.leader_epoch,
        metadata: committed.metadata.clone(),
        commit_timestamp: committed.committed_ms,
        expire_timestamp: committed.expires_ms.unwrap_or(-1),
        topic_id: committed.topic_id,
    };
    write(&offset_key(group, topic, *partition), Some((&value, version)))
}

/// The end of a committed offset.
pub(super) fn no_offset(group: &Arc<str>, topic: &Arc<str>, partition: i32) -> Written {
    write::<_, OffsetCommitValue>(&offset_key(group, topic, partition), None)
}

fn offset_key(group: &Arc<str>, topic: &Arc<str>, partition: i32) -> OffsetCommitKey {
    OffsetCommitKey { group: group.clone(), topic: topic.clone(), partition }
}

fn write<K: Schema, V: Schema>(key: &K, value: Option<(&V, i16)>) -> Written {
    let bytes = schema::to_bytes(key, K::VERSIONS.max).and_then(|key| {
        let value = value.map(|(value, version)| schema::to_bytes(value, version)).transpose()?;
        Ok(Entry { key, value })
    });
    // Only a text can be too long, which no answer has a better word for.
    bytes.map_err(|_| ErrorCode::UNKNOWN_SERVER_ERROR)
}

/// What a record changes; `None` when it is about nothing that is known here, or is none.
pub(super) fn read(entry: &Entry) -> Option<Change> {
    let value = entry.value.clone();
    match GroupKey::from_bytes(entry.key.clone()).ok()? {
        GroupKey::GroupMetadata(GroupMetadataKey { group }) => {
            let value = value.map(schema::from_bytes).transpose().ok()?;
            Some(Change::Group(group, value.map(|(value, _)| value)))
        }
        GroupKey::OffsetCommit(OffsetCommitKey { group, topic, partition })
        | GroupKey::LegacyOffsetCommit(LegacyOffsetCommitKey { group, topic, partition }) => {
            let committed = match value {
                Some(value) => Some(read_offset(value)?),
                None => None,
            };
            Some(Change::Offset { group, topic, partition, committed })
        }
        _ => None,
    }
}

fn read_offset(value: Bytes) -> Option<Committed> {
    let (value, _) = schema::from_bytes::<OffsetCommitValue>(value).ok()?;
    Some(Committed {
        offset: value.offset,
        leader_epoch: value.leader_epoch,
        metadata: value.metadata,
        committed_ms: value.commit_timestamp,
        expires_ms: (value.expire_timestamp >= 0).then_some(value.expire_timestamp),
        topic_id: value.topic_id,
    })
}

/// The topics that a member of a group of consumers says it reads; `None` when it says something else.
pub(super) fn subscribed_topics(metadata: Bytes) -> Option<Vec<Arc<str>>> {
    let subscription: Subscription = group_protocol::from_bytes(metadata).ok()?;
    Some(subscription.topics)
}

#[cfg(test)]
mod tests {
    use super::*;
    use kafka_proto::uuid::Uuid;

    fn committed() -> Committed {
        Committed {
            offset: 42,
            leader_epoch: 3,
            metadata: "m".into(),
            committed_ms: 1_000,
            expires_ms: None,
            topic_id: Uuid::ZERO,
        }
    }

    #[track_caller]
    fn survives(committed: Committed, version: u8) -> Change {
        let new = NewOffset { topic: "t".into(), partition: 7, committed: committed.clone() };
        let entry = offset(&"g".into(), &new).unwrap();
        assert_eq!(entry.key[..], *b"\0\x01\0\x01g\0\x01t\0\0\0\x07");
        assert_eq!(entry.value.as_ref().unwrap()[..2], [0, version]);
        read(&entry).unwrap()
    }

    #[test]
    fn offsets_come_back_as_they_were_written() {
        let same = |committed: &Committed| Change::Offset {
            group: "g".into(),
            topic: "t".into(),
            partition: 7,
            committed: Some(committed.clone()),
        };
        let plain = committed();
        assert_eq!(survives(plain.clone(), 4), same(&plain));
        let with_id = Committed { topic_id: Uuid([5; 16]), ..committed() };
        assert_eq!(survives(with_id.clone(), 4), same(&with_id));
        let expiring = Committed { expires_ms: Some(9), leader_epoch: -1, ..committed() };
        assert_eq!(survives(expiring.clone(), 1), same(&expiring));
        let entry = no_offset(&"g".into(), &"t".into(), 7).unwrap();
        let Some(Change::Offset { committed: None, .. }) = read(&entry) else { panic!() };
    }

    #[test]
    fn other_records_and_garbage_change_nothing() {
        let key = |key: &'static [u8]| Entry { key: Bytes::from_static(key), value: None };
        assert_eq!(read(&key(b"\0\x02\0\x01g")), Some(Change::Group("g".into(), None)));
        for garbage in [&b""[..], b"\0", b"\0\x63\0\x01g", b"\0\x01\0\x09g"] {
            assert_eq!(read(&key(garbage)), None, "{garbage:?}");
        }
        let mut entry = no_group(&"g".into()).unwrap();
        entry.value = Some(Bytes::from_static(b"\0\x03\0"));
        assert_eq!(read(&entry), None);
    }
}

//! How far a group has read: the committed offsets, and when they are forgotten.

use super::classic::ClassicGroup;
use kafka_proto::uuid::Uuid;
use std::collections::BTreeMap;
use std::sync::Arc;

/// An offset that a group has committed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Committed {
    /// The next record to read.
    pub(crate) offset: i64,
    /// The leader epoch of the record before it; -1 when unknown.
    pub(crate) leader_epoch: i32,
    pub(crate) metadata: Arc<str>,
    pub(crate) committed_ms: i64,
    /// Set by clients of old, in place of what the broker keeps to.
    pub(crate) expires_ms: Option<i64>,
    /// Zero when it is not known.
    pub(crate) topic_id: Uuid,
}

/// The committed offsets of a group.
#[derive(Clone, Debug, Default)]
pub(crate) struct Offsets(BTreeMap<Arc<str>, BTreeMap<i32, Committed>>);

impl Offsets {
    pub(crate) fn get(&self, topic: &str, partition: i32) -> Option<&Committed> {
        self.0.get(topic)?.get(&partition)
    }

    pub(super) fn insert(&mut self, topic: Arc<str>, partition: i32, committed: Committed) {
        self.0.entry(topic).or_default().insert(partition, committed);
    }

    pub(super) fn remove(&mut self, topic: &str, partition: i32) {
        if let Some(partitions) = self.0.get_mut(topic) {
            partitions.remove(&partition);
            if partitions.is_empty() {
                self.0.remove(topic);
            }
        }
    }

    /// All of them, by topic.
    pub(crate) fn topics(&self) -> &BTreeMap<Arc<str>, BTreeMap<i32, Committed>> {
        &self.0
    }

    /// Every partition that has one.
    pub(super) fn partitions(&self) -> impl Iterator<Item = (&Arc<str>, i32, &Committed)> {
        self.0.iter().flat_map(|(topic, partitions)| {
            partitions.iter().map(move |(partition, committed)| (topic, *partition, committed))
        })
    }

    /// The partitions whose offsets `group` has not needed for `retention_ms`.
    ///
    /// A group of readers without membership needs an offset while it commits it. Of others, a group without members
    /// needs it from when the last one left, and consumers need no offset of a topic that they do not read.
    pub(super) fn expired(
        &self,
        group: &ClassicGroup,
        now_ms: i64,
        retention_ms: i64,
    ) -> Vec<(Arc<str>, i32)> {
        let left_ms = group.is_empty().then(|| group.since_ms()).flatten();
        let may_expire = match group.protocol_type() {
            None => true,
            Some(_) if group.is_empty() => true,
            Some(_) => group.is_of_consumers() && group.is_stable() && group.knows_topics(),
        };
        if !may_expire {
            return Vec::new();
        }
        let is_over = |committed: &Committed| {
            let since_ms = match (group.protocol_type(), left_ms) {
                (Some(_), Some(left_ms)) => left_ms,
                _ => committed.committed_ms,
            };
            match committed.expires_ms {
                Some(expires_ms) => now_ms >= expires_ms,
                None => now_ms - since_ms >= retention_ms,
            }
        };
        self.partitions()
            .filter(|(topic, _, committed)| !group.is_subscribed_to(topic) && is_over(committed))
            .map(|(topic, partition, _)| (topic.clone(), partition))
            .collect()
    }
}

//! What is known of the cluster, what of it is stale, and when to ask again.
//!
//! Holds true: the epoch of a partition's leader never goes back within one topic id, whichever broker an answer
//! comes from (KIP-320).

use crate::backoff::Backoff;
use crate::clock::{Monotonic, Now};
use crate::net::Address;
use kafka_proto::ErrorCode;
use kafka_proto::messages::metadata;
use kafka_proto::uuid::Uuid;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// The cluster as last seen.
#[derive(Clone, Debug, Default)]
pub(crate) struct Snapshot {
    pub(crate) cluster_id: Option<Arc<str>>,
    pub(crate) brokers: BTreeMap<i32, Address>,
    pub(crate) topics: BTreeMap<Arc<str>, Arc<Topic>>,
    /// Rises with every answer.
    pub(crate) version: u64,
}

/// One topic.
#[derive(Clone, Debug)]
pub(crate) struct Topic {
    pub(crate) name: Arc<str>,
    /// Zero where the broker is too old for topic ids.
    pub(crate) id: Uuid,
    /// Why nothing else is known of it.
    pub(crate) error: ErrorCode,
    /// By number; empty when there is an error.
    pub(crate) partitions: Vec<Partition>,
}

/// One partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Partition {
    /// `None` while there is no leader.
    pub(crate) leader: Option<i32>,
    /// -1 where the broker is too old to tell.
    pub(crate) leader_epoch: i32,
}

impl Snapshot {
    pub(crate) fn partition(&self, topic: &str, partition: i32) -> Option<Partition> {
        let topic = self.topics.get(topic)?;
        topic.partitions.get(usize::try_from(partition).ok()?).copied()
    }

    /// The leader of a partition and where it listens.
    pub(crate) fn leader(&self, topic: &str, partition: i32) -> Option<(i32, &Address)> {
        let leader = self.partition(topic, partition)?.leader?;
        Some((leader, self.brokers.get(&leader)?))
    }
}

/// What to ask for next.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ask {
    /// Topics that a broker may create if they are not there.
    pub(crate) creatable: Vec<Arc<str>>,
    /// Topics that asking must not create.
    pub(crate) others: Vec<Arc<str>>,
}

/// Keeps the snapshot and decides when it has to be renewed.
#[derive(Debug)]
pub(crate) struct Metadata {
    snapshot: Arc<Snapshot>,
    /// The topics in use, and whether asking for them may create them.
    wanted: BTreeMap<Arc<str>, bool>,
    /// When to ask; `None` while an answer is awaited.
    due: Option<Monotonic>,
    asked_at: Monotonic,
    /// Something became stale after the question that is under way was asked.
    again: bool,
    failures: u32,
    max_age: Duration,
    backoff: Backoff,
}

impl Metadata {
    pub(crate) fn new(max_age: Duration, backoff: Backoff) -> Self {
        Self {
            snapshot: Arc::default(),
            wanted: BTreeMap::new(),
            due: Some(Monotonic::default()),
            asked_at: Monotonic::default(),
            again: false,
            failures: 0,
            max_age,
            backoff,
        }
    }

    pub(crate) fn snapshot(&self) -> &Arc<Snapshot> {
        &self.snapshot
    }

    /// A topic is needed; it stays so. It may be created if anybody says so who needs it.
    pub(crate) fn on_wanted(&mut self, now: Now, topic: &Arc<str>, creatable: bool) {
        let known = self.wanted.get(topic).copied();
        if known.is_none_or(|known| creatable && !known) {
            self.wanted.insert(topic.clone(), creatable);
            self.failures = 0;
            self.ask_by(now.monotonic);
        }
    }

    /// The brokers that are known are no longer those of the cluster: bootstrap.servers lead to them (KIP-1102).
    pub(crate) fn on_rebootstrap(&mut self) {
        Arc::make_mut(&mut self.snapshot).brokers.clear();
    }

    /// Something known proved wrong: ask again, but not more often than the backoff allows.
    pub(crate) fn on_stale(&mut self, now: Now) {
        let wait = self.backoff.wait(self.failures.max(1), now.random);
        let soonest = self.asked_at.after(wait).max(now.monotonic);
        self.ask_by(soonest);
    }

    fn ask_by(&mut self, at: Monotonic) {
        match &mut self.due {
            Some(due) => *due = at.min(*due),
            None => self.again = true,
        }
    }

    /// The question to ask now, if it is time.
    pub(crate) fn poll(&mut self, now: Now) -> Option<Ask> {
        if self.due? > now.monotonic {
            return None;
        }
        self.due = None;
        self.again = false;
        self.asked_at = now.monotonic;
        let wanted = |creatable: bool| {
            let these = self.wanted.iter().filter(move |(_, known)| **known == creatable);
            these.map(|(topic, _)| topic.clone()).collect()
        };
        Some(Ask { creatable: wanted(true), others: wanted(false) })
    }

    /// When [`Metadata::poll`] has something to say if nothing else happens.
    pub(crate) fn deadline(&self) -> Option<Monotonic> {
        self.due
    }

    /// No broker could be asked.
    pub(crate) fn on_failure(&mut self, now: Now) {
        self.failures = self.failures.saturating_add(1);
        self.due = Some(now.monotonic.after(self.backoff.wait(self.failures, now.random)));
    }

    /// A broker answered.
    pub(crate) fn on_answer(&mut self, now: Now, answer: &metadata::Response) {
        let old = &self.snapshot;
        let mut incomplete = false;
        let mut topics = old.topics.clone();
        for row in &answer.topics {
            let Some(name) = &row.name else { continue };
            let topic = topic(name, row, old.topics.get(name).map(|topic| &**topic));
            incomplete |= topic.error.is_retriable()
                || topic.partitions.iter().any(|partition| partition.leader.is_none());
            topics.insert(name.clone(), Arc::new(topic));
        }
        let brokers = answer.brokers.iter().filter_map(|broker| {
            let port = u16::try_from(broker.port).ok()?;
            Some((broker.node_id, Address { host: broker.host.clone(), port }))
        });
        self.snapshot = Arc::new(Snapshot {
            cluster_id: answer.cluster_id.clone().or_else(|| old.cluster_id.clone()),
            brokers: brokers.collect(),
            topics,
            version: old.version + 1,
        });
        // A topic that is being made has no leaders yet: ask again soon, then ever more slowly.
        self.failures = if incomplete { self.failures.saturating_add(1) } else { 0 };
        let next = if std::mem::take(&mut self.again) || incomplete {
            let wait = self.backoff.wait(self.failures.max(1), now.random);
            now.monotonic.after(wait)
        } else {
            now.monotonic.after(self.max_age)
        };
        // What became due while this was asked stays so.
        self.due = Some(self.due.map_or(next, |due| due.min(next)));
    }

    /// A broker told the new leader along with an error (KIP-951). Says whether that is news.
    pub(crate) fn on_leader(
        &mut self,
        topic: &str,
        partition: i32,
        told: Partition,
        endpoint: Option<(i32, Address)>,
    ) -> bool {
        let Some(known) = self.snapshot.partition(topic, partition) else { return false };
        let Ok(index) = usize::try_from(partition) else { return false };
        if told.leader_epoch <= known.leader_epoch {
            return false;
        }
        let snapshot = Arc::make_mut(&mut self.snapshot);
        if let Some((id, address)) = endpoint {
            snapshot.brokers.insert(id, address);
        }
        if let Some(topic) = snapshot.topics.get_mut(topic)
            && let Some(slot) = Arc::make_mut(topic).partitions.get_mut(index)
        {
            *slot = told;
        }
        snapshot.version += 1;
        true
    }
}

/// What an answer says of a topic, without going back behind leader epochs that are known already.
fn topic(name: &Arc<str>, row: &metadata::MetadataResponseTopic, old: Option<&Topic>) -> Topic {
    let same = old.filter(|old| old.id == row.topic_id);
    let mut partitions = Vec::new();
    if row.error_code.is_ok() {
        let count = row.partitions.iter().map(|p| p.partition_index).max().map_or(0, |max| max + 1);
        // Numbers are dense; an answer that claims otherwise does not make us reserve for it.
        let count = usize::try_from(count).unwrap_or(0).min(row.partitions.len());
        partitions = vec![Partition { leader: None, leader_epoch: -1 }; count];
        for partition in &row.partitions {
            let Ok(index) = usize::try_from(partition.partition_index) else { continue };
            let Some(slot) = partitions.get_mut(index) else { continue };
            let told = Partition {
                leader: (partition.leader_id >= 0).then_some(partition.leader_id),
                leader_epoch: partition.leader_epoch,
            };
            let known = same.and_then(|old| old.partitions.get(index));
            *slot = match known {
                Some(known) if known.leader_epoch > told.leader_epoch && told.leader_epoch >= 0 => {
                    *known
                }
                _ => told,
            };
        }
    } else if row.error_code.is_retriable()
        && let Some(old) = old.filter(|old| old.error.is_ok())
    {
        // What was known of a topic serves until there is something better.
        return old.clone();
    }
    Topic { name: name.clone(), id: row.topic_id, error: row.error_code, partitions }
}

#[cfg(test)]
mod tests;

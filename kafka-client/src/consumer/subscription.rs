//! What is assigned, where the application stands in each partition and where fetching does.
//!
//! Holds true: whatever was asked or fetched for a partition carries its generation, and a seek, a reset or a new
//! assignment makes a new one, so that nothing which belongs to an older position is ever handed out.

use crate::clock::Monotonic;
use crate::cluster::metadata::Snapshot;
use crate::error::Error;
use crate::record::TopicPartition;
use kafka_proto::ErrorCode;
use kafka_proto::uuid::Uuid;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

const MISSING: ErrorCode = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
/// A topic that is just being made is missing too, but not in this many answers.
const MISSING_MAX: u32 = 3;

/// One assigned partition.
#[derive(Debug)]
pub(crate) struct Partition {
    /// Tells the current position from those before.
    pub(crate) generation: u64,
    /// Nothing of it is handed out or asked for.
    pub(crate) paused: bool,
    /// The next offset to hand out; `None` while it is being looked up.
    pub(crate) position: Option<i64>,
    /// The leader epoch of what lies before `position`; -1 when unknown.
    pub(crate) position_epoch: i32,
    pub(crate) phase: Phase,
    /// The next offset to ask for: never behind `position`.
    pub(crate) fetch_offset: i64,
    /// The leader epoch of what lies before `fetch_offset`; -1 when unknown.
    pub(crate) fetch_epoch: i32,
    /// As the last answer told them; -1 before.
    pub(crate) high_watermark: i64,
    pub(crate) last_stable_offset: i64,
    pub(crate) topic_id: Uuid,
    pub(crate) leader: Option<i32>,
    pub(crate) leader_epoch: i32,
    /// A replica to read from in place of the leader, and until when (KIP-392).
    pub(crate) preferred: Option<(i32, Monotonic)>,
    /// Failures in a row, and when to try again.
    pub(crate) failures: u32,
    pub(crate) not_before: Monotonic,
    /// How many answers about the cluster in a row did not know it.
    missing: u32,
    /// How many answers to a Fetch in a row did not.
    pub(crate) unknown: u32,
}

/// What a partition waits for.
#[derive(Clone, Debug)]
pub(crate) enum Phase {
    /// It was assigned, and where to start is not settled.
    New,
    /// The group's answer: up to where it has committed.
    Restoring,
    /// The answer to a question about its offsets: where to start.
    Lookup,
    /// The answer to a question about leader epochs: whether its log was cut behind it (KIP-320).
    Check,
    /// Records.
    Fetching,
    /// The application, which has to take what was fetched and then learns of a problem.
    Stopped,
}

impl Partition {
    fn new(generation: u64) -> Self {
        Self {
            generation,
            paused: false,
            position: None,
            position_epoch: -1,
            phase: Phase::New,
            fetch_offset: -1,
            fetch_epoch: -1,
            high_watermark: -1,
            last_stable_offset: -1,
            topic_id: Uuid::ZERO,
            leader: None,
            leader_epoch: -1,
            preferred: None,
            failures: 0,
            not_before: Monotonic::default(),
            missing: 0,
            unknown: 0,
        }
    }

    /// The broker to fetch from.
    pub(crate) fn source(&self, now: Monotonic) -> Option<i32> {
        match self.preferred {
            Some((replica, until)) if now < until => Some(replica),
            _ => self.leader,
        }
    }

    /// A position is known: records are fetched from there.
    pub(crate) fn start(&mut self, offset: i64, epoch: i32) {
        self.position = Some(offset);
        self.position_epoch = epoch;
        self.fetch_offset = offset;
        self.fetch_epoch = epoch;
        self.phase = Phase::Fetching;
    }
}

/// What the metadata say anew of one partition.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum News {
    /// The log may have been cut under the new leader.
    NewLeader,
    /// The topic was deleted and made again.
    NewTopic,
    /// The cluster does not know it.
    Missing,
}

/// All assigned partitions.
#[derive(Debug, Default)]
pub(crate) struct Subscription {
    partitions: BTreeMap<TopicPartition, Partition>,
    last_generation: u64,
}

impl Subscription {
    /// Replaces the assignment; partitions that stay keep their state.
    pub(crate) fn assign(&mut self, wanted: impl IntoIterator<Item = TopicPartition>) {
        let mut old = std::mem::take(&mut self.partitions);
        for partition in wanted {
            if let Entry::Vacant(slot) = self.partitions.entry(partition) {
                let kept = old.remove(slot.key());
                slot.insert(kept.unwrap_or_else(|| {
                    self.last_generation += 1;
                    Partition::new(self.last_generation)
                }));
            }
        }
    }

    /// Gives a partition a new generation: what was fetched for it is void.
    pub(crate) fn renew(&mut self, which: &TopicPartition) -> Option<&mut Partition> {
        let partition = self.partitions.get_mut(which)?;
        self.last_generation += 1;
        partition.generation = self.last_generation;
        partition.preferred = None;
        partition.failures = 0;
        partition.not_before = Monotonic::default();
        Some(partition)
    }

    pub(crate) fn get(&self, which: &TopicPartition) -> Option<&Partition> {
        self.partitions.get(which)
    }

    pub(crate) fn get_mut(&mut self, which: &TopicPartition) -> Option<&mut Partition> {
        self.partitions.get_mut(which)
    }

    /// The partition, if it is still of this generation.
    pub(crate) fn current(
        &mut self,
        which: &TopicPartition,
        generation: u64,
    ) -> Option<&mut Partition> {
        self.partitions.get_mut(which).filter(|partition| partition.generation == generation)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&TopicPartition, &Partition)> {
        self.partitions.iter()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.partitions.is_empty()
    }

    /// Takes in the cluster as it is seen now; `each` hears what is new. Says whether a partition is missing from a
    /// topic that is there: nobody else looks for those.
    pub(crate) fn on_metadata(
        &mut self,
        snapshot: &Snapshot,
        mut each: impl FnMut(&TopicPartition, News),
    ) -> bool {
        let mut beyond = false;
        for (which, partition) in &mut self.partitions {
            let Some(topic) = snapshot.topics.get(&which.topic) else { continue };
            let index = usize::try_from(which.partition).unwrap_or(usize::MAX);
            let Some(told) = topic.partitions.get(index) else {
                beyond |= topic.error.is_ok();
                partition.leader = None;
                // A topic whose leaders are being chosen has them soon.
                if topic.error != MISSING && topic.error.is_retriable() {
                    continue;
                }
                partition.missing = partition.missing.saturating_add(1);
                if partition.missing == MISSING_MAX {
                    each(which, News::Missing);
                }
                continue;
            };
            partition.missing = 0;
            let known_id = partition.topic_id;
            partition.topic_id = topic.id;
            if !known_id.is_zero() && known_id != topic.id {
                (partition.leader, partition.leader_epoch) = (told.leader, told.leader_epoch);
                each(which, News::NewTopic);
                continue;
            }
            if told.leader_epoch < partition.leader_epoch && told.leader_epoch >= 0 {
                continue;
            }
            let moved = partition.leader != told.leader && told.leader.is_some();
            let newer = told.leader_epoch > partition.leader_epoch && partition.leader_epoch >= 0;
            (partition.leader, partition.leader_epoch) = (told.leader, told.leader_epoch);
            if moved || newer {
                partition.failures = 0;
                partition.not_before = Monotonic::default();
            }
            if newer {
                partition.preferred = None;
                each(which, News::NewLeader);
            }
        }
        beyond
    }
}

/// The error that a partition's absence is.
#[cold]
pub(crate) fn missing(which: &TopicPartition, snapshot: &Snapshot) -> Error {
    let asked = "consume";
    let error = match snapshot.topics.get(&which.topic) {
        Some(topic) if topic.error == MISSING => Error::new(
            crate::ErrorKind::UnknownTopicOrPartition,
            asked,
            "there is no such topic; it is looked for until it is made or no longer assigned",
        )
        .with_code(MISSING),
        Some(topic) if !topic.error.is_ok() => Error::broker(topic.error, asked),
        Some(topic) => {
            let count = topic.partitions.len();
            let reason = format!("the topic has {count} partitions, numbered from 0");
            Error::new(crate::ErrorKind::UnknownTopicOrPartition, asked, reason).with_code(MISSING)
        }
        None => Error::broker(MISSING, asked),
    };
    error.with_topic(&which.topic, Some(which.partition))
}

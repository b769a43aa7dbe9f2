//! What was fetched and waits for the application, in the order in which it came.
//!
//! Holds true: an entry of an older generation is never given out, and what stops a partition comes after everything
//! that was fetched for it before.

use super::budget::Held;
use super::subscription::Subscription;
use crate::error::Error;
use crate::record::TopicPartition;
use bytes::Bytes;
use kafka_proto::messages::fetch::AbortedTransaction;
use std::collections::VecDeque;
use std::sync::Arc;

/// What one answer brought for one partition.
#[derive(Debug)]
pub(crate) struct Chunk {
    pub(crate) which: TopicPartition,
    pub(crate) generation: u64,
    /// The broker it came from.
    pub(crate) broker: i32,
    /// Batches as they lie in the log; the last one may be cut.
    pub(crate) records: Bytes,
    /// Fetching cannot go on behind it: some batch in it is damaged.
    pub(crate) broken: bool,
    /// Transactions among them whose records are to be dropped.
    pub(crate) aborted: Vec<AbortedTransaction>,
    /// The answer they came in.
    pub(crate) held: Arc<Held>,
}

/// Why a partition does not go on.
#[derive(Clone, Debug)]
pub(crate) enum Stop {
    /// The log does not reach to where fetching would go on.
    OutOfRange,
    /// The log was cut: it agrees with what was fetched up to here only.
    Truncated {
        /// -1 when it is not known.
        end_offset: i64,
        epoch: i32,
    },
    /// The topic was deleted and made again: no position in the old one means anything in the new one.
    Recreated,
    /// Something that only the application can settle.
    Failed(Error),
}

#[derive(Debug)]
enum Entry {
    Chunk(Chunk),
    Stop(TopicPartition, u64, Stop),
}

impl Entry {
    fn which(&self) -> (&TopicPartition, u64) {
        match self {
            Self::Chunk(chunk) => (&chunk.which, chunk.generation),
            Self::Stop(which, generation, _) => (which, *generation),
        }
    }
}

/// What is next for the application.
#[derive(Debug)]
pub(crate) enum Next {
    /// Batches.
    Chunk(Chunk),
    /// A partition that has nothing before its stop.
    Stop(TopicPartition, Stop),
    /// Nothing yet.
    Nothing,
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    entries: VecDeque<Entry>,
}

impl Queue {
    pub(crate) fn push(&mut self, chunk: Chunk) {
        self.entries.push_back(Entry::Chunk(chunk));
    }

    pub(crate) fn stop(&mut self, which: TopicPartition, generation: u64, stop: Stop) {
        self.entries.push_back(Entry::Stop(which, generation, stop));
    }

    /// The first entry of a partition that is not paused. A [`Stop::Failed`] stays where it is: it is told again until
    /// the partition gets another position.
    pub(crate) fn next(&mut self, subscription: &Subscription) -> Next {
        let mut at = 0;
        while let Some(entry) = self.entries.get(at) {
            let (which, generation) = entry.which();
            let partition = subscription.get(which).filter(|p| p.generation == generation);
            match (partition, entry) {
                (Some(partition), _) if partition.paused => {
                    at += 1;
                    continue;
                }
                (Some(_), Entry::Stop(which, _, Stop::Failed(error))) => {
                    return Next::Stop(which.clone(), Stop::Failed(error.clone()));
                }
                _ => {}
            }
            let current = partition.is_some();
            match self.entries.remove(at) {
                Some(Entry::Chunk(chunk)) if current => return Next::Chunk(chunk),
                Some(Entry::Stop(which, _, stop)) if current => return Next::Stop(which, stop),
                _ => {}
            }
        }
        Next::Nothing
    }

    /// Whether [`Queue::next`] would give something.
    pub(crate) fn has_next(&self, subscription: &Subscription) -> bool {
        self.entries.iter().any(|entry| {
            let (which, generation) = entry.which();
            subscription.get(which).is_some_and(|p| p.generation == generation && !p.paused)
        })
    }

    /// Drops everything that belongs to no assigned partition or an older generation.
    pub(crate) fn sweep(&mut self, subscription: &Subscription) {
        self.entries.retain(|entry| {
            let (which, generation) = entry.which();
            subscription.get(which).is_some_and(|p| p.generation == generation)
        });
    }

    /// Bytes from one broker that wait for the application, without those of paused partitions.
    pub(crate) fn waiting(&self, broker: i32, subscription: &Subscription) -> usize {
        let waits = |entry: &Entry| match entry {
            Entry::Chunk(chunk) if chunk.broker == broker => {
                let paused = subscription.get(&chunk.which).is_none_or(|p| p.paused);
                if paused { 0 } else { chunk.records.len() }
            }
            _ => 0,
        };
        self.entries.iter().map(waits).sum()
    }

    /// Why the partition is stopped for good, if it is.
    pub(crate) fn failure(&self, which: &TopicPartition) -> Option<Error> {
        self.entries.iter().find_map(|entry| match entry {
            Entry::Stop(stopped, _, Stop::Failed(error)) if stopped == which => Some(error.clone()),
            _ => None,
        })
    }

    /// Whether something of the partition waits.
    pub(crate) fn holds(&self, which: &TopicPartition) -> bool {
        self.entries.iter().any(|entry| entry.which().0 == which)
    }
}

//! The topics that a producer has written to, and what replaces them when the metadata changes.

use super::accumulator::{PartitionBuffer, TopicBuffers};
use crate::cluster::metadata::{Snapshot, Topic};
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError, RwLock};

/// By name.
#[derive(Debug, Default)]
pub(crate) struct Topics {
    known: RwLock<BTreeMap<Arc<str>, Arc<TopicBuffers>>>,
    batch_size: usize,
}

impl Topics {
    pub(crate) fn new(batch_size: usize) -> Self {
        Self { known: RwLock::default(), batch_size }
    }

    /// The topic, if it was written to before.
    pub(crate) fn find(&self, name: &str) -> Option<Arc<TopicBuffers>> {
        self.known.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    /// The topic as the metadata has it; makes it known.
    pub(crate) fn enter(&self, topic: &Topic, random: u64) -> Arc<TopicBuffers> {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(there) = known.get(&topic.name) {
            return there.clone();
        }
        let made = make(topic, None, u32::try_from(random >> 33).unwrap_or_default());
        known.insert(topic.name.clone(), made.clone());
        made
    }

    /// Partitions may have been added, and leaders have come or gone.
    pub(crate) fn on_snapshot(&self, snapshot: &Snapshot) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        for (name, old) in known.iter_mut() {
            let Some(topic) = snapshot.topics.get(name) else { continue };
            if topic.error.is_ok() && !old.matches(topic) {
                let new = make(topic, Some(old), old.turn());
                old.stale.store(true, Ordering::Release);
                *old = new;
            }
        }
    }

    /// A batch was closed before it was full.
    pub(crate) fn on_closed(&self, topic: &str, partition: i32, bytes: usize) {
        if let Some(topic) = self.find(topic) {
            topic.on_closed(partition, bytes, self.batch_size);
        }
    }
}

/// Keeps the buffers that `old` has: records already in them stay where they are.
fn make(topic: &Topic, old: Option<&TopicBuffers>, turn: u32) -> Arc<TopicBuffers> {
    let had = old.map_or(0, |old| old.partitions.len());
    let count = topic.partitions.len().max(had);
    let partitions = (0..count).map(|index| {
        let kept = old.and_then(|old| old.partitions.get(index)).cloned();
        let partition = i32::try_from(index).unwrap_or(i32::MAX);
        kept.unwrap_or_else(|| PartitionBuffer::new(topic.name.clone(), partition))
    });
    Arc::new(TopicBuffers::new(
        topic.name.clone(),
        partitions.collect(),
        available(topic).into(),
        turn,
    ))
}

/// The partitions that have a leader; all, if none has.
fn available(topic: &Topic) -> Vec<u32> {
    let numbered = || (0u32..).zip(&topic.partitions);
    let led: Vec<u32> =
        numbered().filter(|(_, p)| p.leader.is_some()).map(|(index, _)| index).collect();
    if led.is_empty() { numbered().map(|(index, _)| index).collect() } else { led }
}

impl TopicBuffers {
    fn matches(&self, topic: &Topic) -> bool {
        self.partitions.len() >= topic.partitions.len() && *self.available == *available(topic)
    }
}

//! What `poll` hands out: whole batches, or pieces of them.
//!
//! Reading costs no allocation, lock or clock: batches were checked when they were opened. The memory goes back when
//! the last owner of it is dropped.

use super::budget::Held;
use super::record::{ConsumerRecord, RecordView, Source};
use crate::record::TopicPartition;
use kafka_proto::records::{RecordIter, TimestampType};
use std::collections::BTreeSet;
use std::iter::FusedIterator;
use std::sync::Arc;

/// Records of one or more partitions, in order within each.
///
/// It owns what it holds and borrows nothing of the consumer, so it can go to another task. While it lives, its bytes
/// count against the consumer's memory.
///
/// ```no_run
/// # fn handle(records: kafka_client::Records) {
/// for record in &records {
///     println!("{} {:?}", record.offset(), record.value());
/// }
/// # }
/// ```
#[derive(Clone, Debug, Default)]
pub struct Records {
    batches: Vec<RecordBatch>,
    len: usize,
}

/// Records of one partition that follow each other in one batch of the log.
#[derive(Clone, Debug)]
pub struct RecordBatch {
    source: Arc<Source>,
    at: usize,
    len: usize,
    /// The offset to go on from behind them.
    next_offset: i64,
    /// Counts the memory until it is dropped.
    _held: Arc<Held>,
}

impl Records {
    pub(crate) fn push(&mut self, batch: RecordBatch) {
        self.len += batch.len;
        self.batches.push(batch);
    }

    pub(crate) fn into_batches(self) -> impl Iterator<Item = RecordBatch> {
        self.batches.into_iter()
    }

    /// How many records there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// All records.
    #[inline]
    pub fn iter(&self) -> Iter<'_> {
        Iter { current: None, batches: self.batches.iter(), left: self.len }
    }

    /// The records batch by batch, as they lie in the log.
    pub fn batches(&self) -> impl ExactSizeIterator<Item = &RecordBatch> {
        self.batches.iter()
    }

    /// Each partition once, with its batches.
    pub fn partitions(
        &self,
    ) -> impl Iterator<Item = (&TopicPartition, impl Iterator<Item = &RecordBatch>)> {
        let mut seen = BTreeSet::new();
        let first = self.batches.iter().filter(move |batch| seen.insert(batch.topic_partition()));
        first.map(|first| {
            let which = first.topic_partition();
            let own = self.batches.iter().filter(move |batch| batch.topic_partition() == which);
            (which, own)
        })
    }
}

impl<'a> IntoIterator for &'a Records {
    type Item = RecordView<'a>;
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

impl RecordBatch {
    pub(crate) fn new(
        source: Arc<Source>,
        at: usize,
        len: usize,
        next_offset: i64,
        held: Arc<Held>,
    ) -> Self {
        Self { source, at, len, next_offset, _held: held }
    }

    pub(crate) fn next_offset(&self) -> i64 {
        self.next_offset
    }

    /// Takes the first record away, if there is one, and gives its offset too.
    pub(crate) fn take_first(&mut self) -> Option<(i64, ConsumerRecord)> {
        let record = self.source.batch.records_from(self.at, self.len).next()?;
        self.at += record.size();
        self.len -= 1;
        Some((record.offset(), ConsumerRecord::new(self.source.clone(), record.place())))
    }

    /// The topic.
    pub fn topic(&self) -> &str {
        &self.source.which.topic
    }

    /// The partition.
    pub fn partition(&self) -> i32 {
        self.source.which.partition
    }

    /// Topic and partition.
    pub fn topic_partition(&self) -> &TopicPartition {
        &self.source.which
    }

    /// The epoch of the leader that took the records; -1 if it is not known.
    pub fn leader_epoch(&self) -> i32 {
        self.source.batch.header().partition_leader_epoch
    }

    /// Whether timestamps are those of who made the records, or of the broker that appended them.
    pub fn timestamp_type(&self) -> TimestampType {
        self.source.batch.header().timestamp_type()
    }

    /// How many records there are: never none.
    #[expect(clippy::len_without_is_empty, reason = "it is never empty")]
    pub fn len(&self) -> usize {
        self.len
    }

    /// The records.
    #[inline]
    pub fn iter(&self) -> BatchIter<'_> {
        let records = self.source.batch.records_from(self.at, self.len);
        BatchIter { source: &self.source, records }
    }
}

impl<'a> IntoIterator for &'a RecordBatch {
    type Item = RecordView<'a>;
    type IntoIter = BatchIter<'a>;

    fn into_iter(self) -> BatchIter<'a> {
        self.iter()
    }
}

/// All records of a [`Records`].
#[derive(Clone, Debug)]
pub struct Iter<'a> {
    current: Option<BatchIter<'a>>,
    batches: std::slice::Iter<'a, RecordBatch>,
    left: usize,
}

impl<'a> Iterator for Iter<'a> {
    type Item = RecordView<'a>;

    #[inline]
    fn next(&mut self) -> Option<RecordView<'a>> {
        loop {
            if let Some(record) = self.current.as_mut().and_then(Iterator::next) {
                self.left -= 1;
                return Some(record);
            }
            self.current = Some(self.batches.next()?.iter());
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Iter<'_> {}
impl FusedIterator for Iter<'_> {}

/// The records of one [`RecordBatch`].
#[derive(Clone, Debug)]
pub struct BatchIter<'a> {
    source: &'a Arc<Source>,
    records: RecordIter<'a>,
}

impl<'a> Iterator for BatchIter<'a> {
    type Item = RecordView<'a>;

    #[inline]
    fn next(&mut self) -> Option<RecordView<'a>> {
        Some(RecordView::new(self.source, self.records.next()?))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.records.size_hint()
    }
}

impl ExactSizeIterator for BatchIter<'_> {}
impl FusedIterator for BatchIter<'_> {}

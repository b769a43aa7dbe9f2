//! One record for the application: a view of it where it lies, and one that keeps the memory it lies in.
//!
//! Neither copies or allocates: they are places in an open batch that all records of the batch share.

use crate::error::{Error, ErrorKind, Result};
use crate::record::{ProducerRecord, TopicPartition};
use bytes::Bytes;
use kafka_proto::records::{
    BatchBuilder, Batches, Compressor, Decompressor, Headers, OpenBatch, Record, RecordPlace,
    Stamp, set_base_offset,
};
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// An open batch, and where it is from.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) which: TopicPartition,
    pub(crate) batch: OpenBatch,
}

/// One record, where it lies.
#[derive(Clone, Copy)]
pub struct RecordView<'a> {
    source: &'a Arc<Source>,
    record: Record<'a>,
}

impl<'a> RecordView<'a> {
    #[inline]
    pub(crate) fn new(source: &'a Arc<Source>, record: Record<'a>) -> Self {
        Self { source, record }
    }

    /// The topic.
    #[inline]
    pub fn topic(&self) -> &'a str {
        &self.source.which.topic
    }

    /// The partition.
    #[inline]
    pub fn partition(&self) -> i32 {
        self.source.which.partition
    }

    /// Topic and partition.
    #[inline]
    pub fn topic_partition(&self) -> &'a TopicPartition {
        &self.source.which
    }

    /// The offset in the partition.
    #[inline]
    pub fn offset(&self) -> i64 {
        self.record.offset()
    }

    /// Milliseconds since 1970; -1 if the record has none.
    #[inline]
    pub fn timestamp_ms(&self) -> i64 {
        self.record.timestamp()
    }

    /// The epoch of the leader that took the record; -1 if it is not known.
    #[inline]
    pub fn leader_epoch(&self) -> i32 {
        self.source.batch.header().partition_leader_epoch
    }

    /// The key.
    #[inline]
    pub fn key(&self) -> Option<&'a [u8]> {
        self.record.key()
    }

    /// The value; `None` is a tombstone.
    #[inline]
    pub fn value(&self) -> Option<&'a [u8]> {
        self.record.value()
    }

    /// Names with values, in order; a name may come twice.
    #[inline]
    pub fn headers(&self) -> Headers<'a> {
        self.record.headers()
    }

    /// The record as one that owns what it holds: it stays where it is, in memory that lives on as long as one such
    /// record of the same answer does.
    #[inline]
    pub fn to_owned(&self) -> ConsumerRecord {
        ConsumerRecord { source: self.source.clone(), place: self.record.place() }
    }
}

impl PartialEq for RecordView<'_> {
    fn eq(&self, other: &Self) -> bool {
        let headers = |of: &Self| of.headers().map(|header| (header.key_bytes(), header.value()));
        self.topic_partition() == other.topic_partition()
            && self.offset() == other.offset()
            && self.timestamp_ms() == other.timestamp_ms()
            && self.leader_epoch() == other.leader_epoch()
            && self.key() == other.key()
            && self.value() == other.value()
            && headers(self).eq(headers(other))
    }
}

impl Eq for RecordView<'_> {}

impl fmt::Debug for RecordView<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        struct Text<'a>(&'a [u8]);
        impl fmt::Debug for Text<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "\"{}\"", self.0.escape_ascii())
            }
        }
        let headers = self.headers().map(|header| (header.key(), header.value().map(Text)));
        f.debug_struct("Record")
            .field("topic", &self.topic())
            .field("partition", &self.partition())
            .field("offset", &self.offset())
            .field("timestamp_ms", &self.timestamp_ms())
            .field("leader_epoch", &self.leader_epoch())
            .field("key", &self.key().map(Text))
            .field("value", &self.value().map(Text))
            .field("headers", &headers.collect::<Vec<_>>())
            .finish()
    }
}

/// A record that owns what it holds: a share in the memory that it was received in, which is free again when the last
/// record of the same answer is dropped. Making, cloning and dropping it copies and allocates nothing.
#[derive(Clone)]
pub struct ConsumerRecord {
    source: Arc<Source>,
    place: RecordPlace,
}

impl ConsumerRecord {
    #[inline]
    pub(crate) fn new(source: Arc<Source>, place: RecordPlace) -> Self {
        Self { source, place }
    }

    /// What a consumer gets of `record` once it is stored at `offset`: for the tests of code that takes records.
    ///
    /// Without a partition it is in partition 0, without a timestamp it has none (-1).
    ///
    /// # Errors
    /// When no batch can hold the record: [`ErrorKind::Invalid`].
    pub fn stored(record: &ProducerRecord<'_>, offset: i64) -> Result<Self> {
        let invalid = |e: kafka_proto::records::RecordError| {
            let error = Error::new(ErrorKind::Invalid, "make a record", e.to_string());
            error.with_topic(&record.topic.into(), record.partition).with_source(e)
        };
        let mut builder = BatchBuilder::new(Vec::new());
        let timestamp = record.timestamp_ms.unwrap_or(-1);
        builder.append(timestamp, record.key, record.value, record.headers);
        let mut batch = builder.seal(Stamp::NONE, &mut Compressor::none());
        set_base_offset(&mut batch, offset);
        let batch = Batches::new(batch.into()).next().transpose().map_err(invalid)?;
        let open = batch.map(|batch| batch.open(&mut Decompressor::new(), usize::MAX));
        let open = open.transpose().map_err(invalid)?;
        let which = TopicPartition::new(record.topic, record.partition.unwrap_or(0));
        let found = open.and_then(|batch| {
            let place = batch.records().next()?.place();
            Some(Self::new(Arc::new(Source { which, batch }), place))
        });
        found.ok_or_else(|| Error::new(ErrorKind::Invalid, "make a record", "it is too large"))
    }

    /// The record where it lies.
    #[inline]
    pub fn view(&self) -> RecordView<'_> {
        RecordView::new(&self.source, self.source.batch.record_at(self.place))
    }

    /// The topic.
    #[inline]
    pub fn topic(&self) -> &str {
        &self.source.which.topic
    }

    /// The partition.
    #[inline]
    pub fn partition(&self) -> i32 {
        self.source.which.partition
    }

    /// Topic and partition.
    #[inline]
    pub fn topic_partition(&self) -> &TopicPartition {
        &self.source.which
    }

    /// The offset in the partition.
    #[inline]
    pub fn offset(&self) -> i64 {
        self.view().offset()
    }

    /// Milliseconds since 1970; -1 if the record has none.
    #[inline]
    pub fn timestamp_ms(&self) -> i64 {
        self.view().timestamp_ms()
    }

    /// The epoch of the leader that took the record; -1 if it is not known.
    #[inline]
    pub fn leader_epoch(&self) -> i32 {
        self.view().leader_epoch()
    }

    /// The key.
    #[inline]
    pub fn key(&self) -> Option<&[u8]> {
        self.view().key()
    }

    /// The value; `None` is a tombstone.
    #[inline]
    pub fn value(&self) -> Option<&[u8]> {
        self.view().value()
    }

    /// Names with values, in order; a name may come twice.
    #[inline]
    pub fn headers(&self) -> Headers<'_> {
        self.view().headers()
    }

    /// The key as bytes that share the record's memory.
    pub fn key_bytes(&self) -> Option<Bytes> {
        self.slice(self.view().record.key_range())
    }

    /// The value as bytes that share the record's memory.
    pub fn value_bytes(&self) -> Option<Bytes> {
        self.slice(self.view().record.value_range())
    }

    fn slice(&self, range: Option<Range<usize>>) -> Option<Bytes> {
        Some(self.source.batch.bytes().slice(range?))
    }
}

impl PartialEq for ConsumerRecord {
    fn eq(&self, other: &Self) -> bool {
        self.view() == other.view()
    }
}

impl Eq for ConsumerRecord {}

impl fmt::Debug for ConsumerRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.view().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stored_record_reads_as_it_was_written() {
        let headers: [(&str, Option<&[u8]>); 2] = [("trace", Some(b"1")), ("trace", None)];
        let record =
            ProducerRecord::new("orders", b"v\xff").key("k").partition(3).headers(&headers);
        let stored = ConsumerRecord::stored(&record.timestamp_ms(17), 41).unwrap();
        assert_eq!((stored.topic(), stored.partition(), stored.offset()), ("orders", 3, 41));
        assert_eq!((stored.timestamp_ms(), stored.leader_epoch()), (17, -1));
        assert_eq!((stored.key(), stored.value()), (Some(&b"k"[..]), Some(&b"v\xff"[..])));
        assert_eq!(stored.key_bytes().as_deref(), stored.key());
        assert_eq!(stored.value_bytes().as_deref(), stored.value());
        let read: Vec<_> = stored.headers().map(|h| (h.key().into_owned(), h.value())).collect();
        assert_eq!(read, headers.map(|(name, value)| (name.to_owned(), value)));
        assert_eq!(
            format!("{stored:?}"),
            "Record { topic: \"orders\", partition: 3, offset: 41, timestamp_ms: 17, \
             leader_epoch: -1, key: Some(\"k\"), value: Some(\"v\\xff\"), \
             headers: [(\"trace\", Some(\"1\")), (\"trace\", None)] }"
        );
    }

    #[test]
    fn records_are_the_same_if_all_of_them_is() {
        let headers: [(&str, Option<&[u8]>); 1] = [("a", None)];
        let one = ProducerRecord::tombstone("t");
        let stored = |record, offset| ConsumerRecord::stored(&record, offset).unwrap();
        let all = [
            stored(one, 0),
            stored(one, 1),
            stored(one.key("k"), 0),
            stored(ProducerRecord::new("t", ""), 0),
            stored(ProducerRecord::tombstone("u"), 0),
            stored(one.partition(1), 0),
            stored(one.timestamp_ms(1), 0),
            stored(one.headers(&headers), 0),
        ];
        for (a, left) in all.iter().enumerate() {
            for (b, right) in all.iter().enumerate() {
                assert_eq!(left == right, a == b, "{left:?} {right:?}");
            }
        }
        assert!(all[0] == stored(one, 0));
        assert_eq!((all[0].key_bytes(), all[0].value_bytes()), (None, None));
    }

    #[test]
    fn a_record_that_no_batch_holds_is_refused() {
        let headers = vec![("h", None); 10_001];
        let error = ConsumerRecord::stored(&ProducerRecord::new("t", "").headers(&headers), 0);
        assert_eq!(error.unwrap_err().kind(), ErrorKind::Invalid);
    }

    #[test]
    fn owned_records_go_anywhere_and_are_small() {
        fn anywhere<T: Send + Sync + Clone + 'static>() {}
        anywhere::<ConsumerRecord>();
        assert_eq!(size_of::<ConsumerRecord>(), 48);
        assert_eq!(size_of::<Result<ConsumerRecord>>(), 48, "moved as often as it is handed on");
    }
}

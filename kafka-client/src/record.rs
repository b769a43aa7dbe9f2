//! Records on their way in, and the names of partitions.

use std::sync::Arc;

/// A record to be sent. It borrows everything: what it names is copied once, into the batch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ProducerRecord<'a> {
    /// Where to.
    pub topic: &'a str,
    /// Which partition; `None` leaves the choice to the partitioner.
    pub partition: Option<i32>,
    /// Milliseconds since 1970; `None` takes the time of sending.
    pub timestamp_ms: Option<i64>,
    /// Records of the same key go to the same partition.
    pub key: Option<&'a [u8]>,
    /// `None` is a tombstone: on a compacted topic it deletes the key.
    pub value: Option<&'a [u8]>,
    /// Names with values, in order; a name may come twice.
    pub headers: &'a [(&'a str, Option<&'a [u8]>)],
}

impl<'a> ProducerRecord<'a> {
    /// A record with a value, for a topic.
    pub fn new<V: AsRef<[u8]> + ?Sized>(topic: &'a str, value: &'a V) -> Self {
        let mut record = Self::tombstone(topic);
        record.value = Some(value.as_ref());
        record
    }

    /// A record without a value, for a topic.
    pub const fn tombstone(topic: &'a str) -> Self {
        Self { topic, partition: None, timestamp_ms: None, key: None, value: None, headers: &[] }
    }

    /// With this key.
    #[must_use]
    pub fn key<K: AsRef<[u8]> + ?Sized>(mut self, key: &'a K) -> Self {
        self.key = Some(key.as_ref());
        self
    }

    /// For this partition, whatever the partitioner would choose.
    #[must_use]
    pub const fn partition(mut self, partition: i32) -> Self {
        self.partition = Some(partition);
        self
    }

    /// With this timestamp, in milliseconds since 1970.
    #[must_use]
    pub const fn timestamp_ms(mut self, timestamp_ms: i64) -> Self {
        self.timestamp_ms = Some(timestamp_ms);
        self
    }

    /// With these headers.
    #[must_use]
    pub const fn headers(mut self, headers: &'a [(&'a str, Option<&'a [u8]>)]) -> Self {
        self.headers = headers;
        self
    }
}

/// A partition of a topic.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicPartition {
    /// The topic.
    pub topic: Arc<str>,
    /// The partition's number.
    pub partition: i32,
}

impl TopicPartition {
    /// A partition of a topic.
    pub fn new(topic: impl Into<Arc<str>>, partition: i32) -> Self {
        Self { topic: topic.into(), partition }
    }
}

impl std::fmt::Display for TopicPartition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}", self.topic, self.partition)
    }
}

impl<T: Into<Arc<str>>> From<(T, i32)> for TopicPartition {
    fn from((topic, partition): (T, i32)) -> Self {
        Self::new(topic, partition)
    }
}

impl From<&Self> for TopicPartition {
    fn from(partition: &Self) -> Self {
        partition.clone()
    }
}

//! Finding offsets by time, or the ends of partitions.

use super::directory::Target;
use super::work::{Answered, Asked, Failure, Operation};
use super::{Admin, Results};
use crate::error::Result;
use crate::record::TopicPartition;
use kafka_proto::ErrorCode;
use kafka_proto::messages::list_offsets;

/// Which offset of a partition to find.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OffsetSpec {
    /// The first offset of the log.
    Earliest,
    /// One past the last record that consumers can see: the high watermark.
    Latest,
    /// One past the last record that a consumer with `isolation.level=read_committed` can see.
    LatestStable,
    /// The record with the largest timestamp. Needs Kafka 3.0.
    MaxTimestamp,
    /// The first record at or after this moment, in milliseconds since 1970.
    Timestamp(i64),
    /// The first offset on the leader's own disk. Needs Kafka 3.5.
    EarliestLocal,
    /// The last offset in tiered storage. Needs Kafka 3.9.
    LatestTiered,
    /// The first offset that tiered storage does not have yet. Needs Kafka 4.2.
    EarliestPendingUpload,
}

impl OffsetSpec {
    /// What stands for it in a request; the first version that has it, with its release of Kafka.
    const fn on_the_wire(self) -> (i64, i16, &'static str) {
        match self {
            Self::Timestamp(ms) => (ms, 1, ""),
            Self::Latest => (-1, 1, ""),
            Self::LatestStable => (-1, 2, "0.11"),
            Self::Earliest => (-2, 1, ""),
            Self::MaxTimestamp => (-3, 7, "3.0"),
            Self::EarliestLocal => (-4, 8, "3.5"),
            Self::LatestTiered => (-5, 9, "3.9"),
            Self::EarliestPendingUpload => (-6, 11, "4.2"),
        }
    }
}

/// An offset found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ListedOffset {
    /// `None` when there is no such record, for instance none as late as asked.
    pub offset: Option<i64>,
    /// The timestamp of the record found, where the spec is about timestamps.
    pub timestamp_ms: Option<i64>,
    /// The epoch of the leader that took the record, where the broker tells.
    pub leader_epoch: Option<i32>,
}

impl Admin {
    /// Finds an offset in each partition.
    ///
    /// # Errors
    /// As [`Admin`] says. Of a partition: it does not exist, or its broker is too old for the spec.
    ///
    /// # Cancel safety
    /// As [`Admin`] says.
    pub async fn list_offsets(
        &self,
        partitions: impl IntoIterator<Item = (impl Into<TopicPartition>, OffsetSpec)>,
    ) -> Result<Results<TopicPartition, ListedOffset>> {
        let items = partitions.into_iter().map(|(partition, spec)| (partition.into(), spec));
        self.run(&ListOffsets, items).await
    }
}

pub(super) struct ListOffsets;

impl Operation for ListOffsets {
    type Key = TopicPartition;
    type Item = OffsetSpec;
    type Answer = ListedOffset;
    type Request = list_offsets::Request;
    const ASKED: &'static str = "find the offset";

    fn target<'a>(&self, key: &'a TopicPartition) -> Target<'a> {
        Target::Leader(key)
    }

    /// A request has one isolation level.
    fn lane(&self, spec: &OffsetSpec) -> u8 {
        u8::from(*spec == OffsetSpec::LatestStable)
    }

    fn invalid(&self, _: &TopicPartition, spec: &OffsetSpec) -> Option<String> {
        match spec {
            // Negative numbers mean other things than times.
            OffsetSpec::Timestamp(ms) if *ms < 0 => Some(format!("{ms} is before 1970")),
            _ => None,
        }
    }

    fn unsupported(&self, _: &TopicPartition, spec: &OffsetSpec, version: i16) -> Option<String> {
        let (_, newer, kafka) = spec.on_the_wire();
        let what = || format!("OffsetSpec::{spec:?}");
        (version < newer).then(|| Failure::needs::<Self::Request>(&what(), newer, kafka, version))
    }

    fn request(&self, items: &Asked<'_, Self>, _: i16, timeout_ms: i32) -> Self::Request {
        let partition = |(key, spec): &(&TopicPartition, &OffsetSpec)| {
            let (timestamp, ..) = spec.on_the_wire();
            list_offsets::ListOffsetsPartition {
                partition_index: key.partition,
                timestamp,
                ..Default::default()
            }
        };
        let of_topic = |items: &Asked<'_, Self>| {
            Some(list_offsets::ListOffsetsTopic {
                name: items.first()?.0.topic.clone(),
                partitions: items.iter().map(partition).collect(),
            })
        };
        let topics = items.chunk_by(|(a, _), (b, _)| a.topic == b.topic).filter_map(of_topic);
        let committed = items.iter().any(|(_, spec)| self.lane(spec) != 0);
        list_offsets::Request {
            replica_id: -1,
            isolation_level: i8::from(committed),
            topics: topics.collect(),
            timeout_ms,
        }
    }

    fn rows(&self, answer: list_offsets::Response, _: i16) -> Answered<Self> {
        let mut rows = Vec::new();
        for topic in answer.topics {
            for row in topic.partitions {
                let key = TopicPartition::new(topic.name.clone(), row.partition_index);
                let result = Failure::check(row.error_code, None).map(|()| ListedOffset {
                    offset: (row.offset >= 0).then_some(row.offset),
                    timestamp_ms: (row.timestamp >= 0).then_some(row.timestamp),
                    leader_epoch: (row.leader_epoch >= 0).then_some(row.leader_epoch),
                });
                rows.push((key, result));
            }
        }
        Ok(rows)
    }

    fn is_transient(&self, code: ErrorCode) -> bool {
        code.is_retriable()
    }
}

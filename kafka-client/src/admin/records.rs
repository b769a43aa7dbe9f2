//! Deleting records from the start of partitions.

use super::directory::Target;
use super::work::{Answered, Asked, Failure, Operation};
use super::{Admin, Results};
use crate::error::Result;
use crate::record::TopicPartition;
use kafka_proto::ErrorCode;
use kafka_proto::messages::delete_records;

/// Up to where records are deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeleteBefore {
    /// All records before this offset.
    Offset(i64),
    /// All records that consumers can see.
    HighWatermark,
}

impl Admin {
    /// Deletes the records at the start of partitions, and answers each partition's first offset afterwards.
    ///
    /// # Errors
    /// As [`Admin`] says. Of a partition: it does not exist, or the offset lies behind its end.
    ///
    /// # Cancel safety
    /// As [`Admin`] says.
    pub async fn delete_records(
        &self,
        partitions: impl IntoIterator<Item = (impl Into<TopicPartition>, DeleteBefore)>,
    ) -> Result<Results<TopicPartition, i64>> {
        let items = partitions.into_iter().map(|(partition, before)| (partition.into(), before));
        self.run(&DeleteRecords, items).await
    }
}

struct DeleteRecords;

impl Operation for DeleteRecords {
    type Key = TopicPartition;
    type Item = DeleteBefore;
    type Answer = i64;
    type Request = delete_records::Request;
    const ASKED: &'static str = "delete records";

    fn target<'a>(&self, key: &'a TopicPartition) -> Target<'a> {
        Target::Leader(key)
    }

    fn invalid(&self, _: &TopicPartition, before: &DeleteBefore) -> Option<String> {
        match before {
            DeleteBefore::Offset(offset) if *offset < 0 => {
                Some(format!("there is no offset {offset}"))
            }
            DeleteBefore::Offset(_) | DeleteBefore::HighWatermark => None,
        }
    }

    fn request(&self, items: &Asked<'_, Self>, _: i16, timeout_ms: i32) -> Self::Request {
        let partition = |(key, before): &(&TopicPartition, &DeleteBefore)| {
            delete_records::DeleteRecordsPartition {
                partition_index: key.partition,
                offset: match before {
                    DeleteBefore::Offset(offset) => *offset,
                    DeleteBefore::HighWatermark => -1,
                },
            }
        };
        let of_topic = |items: &Asked<'_, Self>| {
            Some(delete_records::DeleteRecordsTopic {
                name: items.first()?.0.topic.clone(),
                partitions: items.iter().map(partition).collect(),
            })
        };
        let topics = items.chunk_by(|(a, _), (b, _)| a.topic == b.topic).filter_map(of_topic);
        delete_records::Request { topics: topics.collect(), timeout_ms }
    }

    fn rows(&self, answer: delete_records::Response, _: i16) -> Answered<Self> {
        let mut rows = Vec::new();
        for topic in answer.topics {
            for row in topic.partitions {
                let key = TopicPartition::new(topic.name.clone(), row.partition_index);
                let result = Failure::check(row.error_code, None).map(|()| row.low_watermark);
                rows.push((key, result));
            }
        }
        Ok(rows)
    }

    fn is_transient(&self, code: ErrorCode) -> bool {
        code.is_retriable()
    }
}

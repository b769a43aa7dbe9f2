//! The offsets that groups have committed: list, alter, delete.

use super::super::directory::Target;
use super::super::work::{Answered, Asked, Failure, Operation};
use super::super::{Admin, Results};
use super::GroupId;
use crate::consumer::committed;
use crate::error::Result;
use crate::record::TopicPartition;
use crate::{Error, OffsetAndMetadata};
use kafka_proto::ErrorCode;
use kafka_proto::messages::{offset_commit, offset_delete, offset_fetch};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What is committed, by partition.
type Offsets = BTreeMap<TopicPartition, OffsetAndMetadata>;

/// The newest OffsetCommit that goes by names: later ones want topic ids.
const NEWEST_COMMIT: i16 = 9;

impl Admin {
    /// Everything that a group has committed; nothing for a group that does not exist.
    ///
    /// # Errors
    /// As [`Admin`] says; also when the caller may not see the group.
    ///
    /// # Cancel safety
    /// As [`Admin`] says.
    pub async fn list_group_offsets(&self, group: impl Into<Arc<str>>) -> Result<Offsets> {
        let group = group.into();
        let list = ListOffsets { group: group.clone() };
        let found = self.run(&list, [(GroupId(group), ())]).await?.all()?;
        Ok(found.into_values().next().unwrap_or_default())
    }

    /// Sets the offsets of a group that has no members, as if it had committed them. It need not exist.
    ///
    /// # Errors
    /// As [`Admin`] says. Of a partition: an offset is negative, the partition does not exist, the group has members
    /// (`UNKNOWN_MEMBER_ID`), or the caller may not do it.
    ///
    /// # Cancel safety
    /// As [`Admin`] says.
    pub async fn alter_group_offsets<P, O>(
        &self,
        group: impl Into<Arc<str>>,
        offsets: impl IntoIterator<Item = (P, O)>,
    ) -> Result<Results<TopicPartition, ()>>
    where
        P: Into<TopicPartition>,
        O: Into<OffsetAndMetadata>,
    {
        let offsets = offsets.into_iter().map(|(which, what)| (which.into(), what.into()));
        self.run(&AlterOffsets { group: group.into() }, offsets).await
    }

    /// Has a group forget the offsets of partitions. Needs Kafka 2.4.
    ///
    /// # Errors
    /// As [`Admin`] says. Of a partition: the group does not exist, one of its members subscribes to the topic, or the
    /// caller may not do it.
    ///
    /// # Cancel safety
    /// As [`Admin`] says.
    pub async fn delete_group_offsets(
        &self,
        group: impl Into<Arc<str>>,
        partitions: impl IntoIterator<Item = impl Into<TopicPartition>>,
    ) -> Result<Results<TopicPartition, ()>> {
        let partitions = partitions.into_iter().map(|which| (which.into(), ()));
        self.run(&DeleteOffsets { group: group.into() }, partitions).await
    }
}

struct ListOffsets {
    group: Arc<str>,
}

impl Operation for ListOffsets {
    type Key = GroupId;
    type Item = ();
    type Answer = Offsets;
    type Request = offset_fetch::Request;
    const ASKED: &'static str = "list the offsets of the group";
    const NEWEST: i16 = committed::NEWEST;

    fn target<'a>(&'a self, key: &'a GroupId) -> Target<'a> {
        Target::Coordinator(&key.0)
    }

    fn request(&self, _: &Asked<'_, Self>, version: i16, _: i32) -> Self::Request {
        committed::request(self.group.clone(), None, false, version)
    }

    fn rows(&self, answer: offset_fetch::Response, _: i16) -> Answered<Self> {
        let found = committed::read(answer).map_err(|error: Error| {
            let code = error.code().unwrap_or(ErrorCode::UNKNOWN_SERVER_ERROR);
            Failure::Code(code, None)
        });
        Ok(vec![(GroupId(self.group.clone()), found)])
    }

    fn is_transient(&self, code: ErrorCode) -> bool {
        code.is_retriable()
    }
}

struct AlterOffsets {
    group: Arc<str>,
}

impl Operation for AlterOffsets {
    type Key = TopicPartition;
    type Item = OffsetAndMetadata;
    type Answer = ();
    type Request = offset_commit::Request;
    const ASKED: &'static str = "alter the offset of the group";
    const NEWEST: i16 = NEWEST_COMMIT;

    fn target<'a>(&'a self, _: &'a TopicPartition) -> Target<'a> {
        Target::Coordinator(&self.group)
    }

    fn invalid(&self, _: &TopicPartition, what: &OffsetAndMetadata) -> Option<String> {
        (what.offset < 0).then(|| format!("there is no offset {}", what.offset))
    }

    fn request(&self, items: &Asked<'_, Self>, _: i16, _: i32) -> Self::Request {
        let row = |(which, what): &(&TopicPartition, &OffsetAndMetadata)| {
            offset_commit::OffsetCommitRequestPartition {
                partition_index: which.partition,
                committed_offset: what.offset,
                committed_leader_epoch: what.leader_epoch.unwrap_or(-1),
                committed_metadata: Some(what.metadata.clone()),
            }
        };
        let of_topic = |items: &Asked<'_, Self>| {
            Some(offset_commit::OffsetCommitRequestTopic {
                name: items.first()?.0.topic.clone(),
                partitions: items.iter().map(row).collect(),
                ..Default::default()
            })
        };
        let topics = items.chunk_by(|(a, _), (b, _)| a.topic == b.topic).filter_map(of_topic);
        let (group_id, topics) = (self.group.clone(), topics.collect());
        offset_commit::Request { group_id, topics, ..Default::default() }
    }

    fn rows(&self, answer: offset_commit::Response, _: i16) -> Answered<Self> {
        let mut rows = Vec::new();
        for topic in answer.topics {
            for row in topic.partitions {
                let which = TopicPartition::new(topic.name.clone(), row.partition_index);
                rows.push((which, check(row.error_code)));
            }
        }
        Ok(rows)
    }

    fn is_transient(&self, code: ErrorCode) -> bool {
        code.is_retriable() && code != ErrorCode::UNKNOWN_TOPIC_OR_PARTITION
    }
}

/// A member's id is missing only where there are members.
fn check(code: ErrorCode) -> Result<(), Failure> {
    match code {
        ErrorCode::UNKNOWN_MEMBER_ID => {
            let text = "the group has members, and they alone commit; stop them first";
            Err(Failure::code(code, text))
        }
        code => Failure::check(code, None),
    }
}

struct DeleteOffsets {
    group: Arc<str>,
}

impl Operation for DeleteOffsets {
    type Key = TopicPartition;
    type Item = ();
    type Answer = ();
    type Request = offset_delete::Request;
    const ASKED: &'static str = "delete the offset of the group";

    fn target<'a>(&'a self, _: &'a TopicPartition) -> Target<'a> {
        Target::Coordinator(&self.group)
    }

    fn request(&self, items: &Asked<'_, Self>, _: i16, _: i32) -> Self::Request {
        let row = |(which, ()): &(&TopicPartition, &())| {
            offset_delete::OffsetDeleteRequestPartition { partition_index: which.partition }
        };
        let of_topic = |items: &Asked<'_, Self>| {
            Some(offset_delete::OffsetDeleteRequestTopic {
                name: items.first()?.0.topic.clone(),
                partitions: items.iter().map(row).collect(),
            })
        };
        let topics = items.chunk_by(|(a, _), (b, _)| a.topic == b.topic).filter_map(of_topic);
        offset_delete::Request { group_id: self.group.clone(), topics: topics.collect() }
    }

    fn rows(&self, answer: offset_delete::Response, _: i16) -> Answered<Self> {
        Failure::check(answer.error_code, None)?;
        let mut rows = Vec::new();
        for topic in answer.topics {
            for row in topic.partitions {
                let which = TopicPartition::new(topic.name.clone(), row.partition_index);
                rows.push((which, Failure::check(row.error_code, None)));
            }
        }
        Ok(rows)
    }

    fn is_transient(&self, code: ErrorCode) -> bool {
        code.is_retriable() && code != ErrorCode::UNKNOWN_TOPIC_OR_PARTITION
    }
}

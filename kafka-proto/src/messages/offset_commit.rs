//! OffsetCommit: store the positions of a group.
//!
//! Sent by consumers and administrators to the group's coordinator. Version 6 adds leader epochs (KIP-320), 7 static
//! members (KIP-345), 9 member epochs (KIP-848), 10 topic ids in place of names.

use crate::{ErrorCode, uuid::Uuid, wire::prelude::*};
api!(OffsetCommit = 8, versions 2..=10, flexible 8..);
wire! {
    /// Comes from a member, or from anyone while the group has none.
    pub struct Request {
        group_id: Arc<str>,
        /// Generation of a classic group, else epoch of the member; -1 outside of groups.
        generation_id_or_member_epoch: i32 = -1,
        /// Empty outside of groups.
        member_id: Arc<str>,
        /// The id of a static member.
        group_instance_id: Option<Arc<str>>         [7..] = None,
        /// -1 for the broker's default.
        retention_time_ms: i64                      [..=4, drop] = -1,
        topics: Vec<OffsetCommitRequestTopic>,
    }

    /// The offsets of one topic.
    pub struct OffsetCommitRequestTopic {
        name: Arc<str>                              [..=9, drop],
        topic_id: Uuid                              [10.., drop],
        partitions: Vec<OffsetCommitRequestPartition>,
    }

    /// The position in one partition.
    pub struct OffsetCommitRequestPartition {
        partition_index: i32,
        /// Of the next record to read.
        committed_offset: i64,
        /// Of the record before it; -1 when unknown.
        committed_leader_epoch: i32                 [6.., drop] = -1,
        /// Anything the committer wants back.
        committed_metadata: Option<Arc<str>>,
    }

    /// A result per partition.
    pub struct Response {
        throttle_time_ms: i32                       [3.., drop],
        topics: Vec<OffsetCommitResponseTopic>,
    }

    /// The results of one topic.
    pub struct OffsetCommitResponseTopic {
        name: Arc<str>                              [..=9, drop],
        topic_id: Uuid                              [10.., drop],
        partitions: Vec<OffsetCommitResponsePartition>,
    }

    /// Whether the offset is stored.
    pub struct OffsetCommitResponsePartition { partition_index: i32, error_code: ErrorCode }
}

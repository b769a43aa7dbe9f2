//! AlterShareGroupOffsets: let a share group without members go on elsewhere (KIP-932).
//!
//! Sent by administrators to the group's coordinator.

use crate::{ErrorCode, uuid::Uuid, wire::prelude::*};
api!(AlterShareGroupOffsets = 91, versions 0..=0, flexible 0..);
wire! {
    /// Where to go on.
    pub struct Request { group_id: Arc<str>, topics: Vec<AlterShareGroupOffsetsRequestTopic> }
    /// Partitions of one topic.
    pub struct AlterShareGroupOffsetsRequestTopic {
        topic_name: Arc<str>,
        partitions: Vec<AlterShareGroupOffsetsRequestPartition>,
    }

    /// Where to go on in one partition.
    pub struct AlterShareGroupOffsetsRequestPartition { partition_index: i32, start_offset: i64 }
    /// A result per partition.
    pub struct Response {
        throttle_time_ms: i32,
        error_code: ErrorCode,
        error_message: Option<Arc<str>> = None,
        responses: Vec<AlterShareGroupOffsetsResponseTopic>,
    }

    /// The results of one topic.
    pub struct AlterShareGroupOffsetsResponseTopic {
        topic_name: Arc<str>,
        topic_id: Uuid,
        partitions: Vec<AlterShareGroupOffsetsResponsePartition>,
    }

    /// Whether the offset is set.
    pub struct AlterShareGroupOffsetsResponsePartition {
        partition_index: i32,
        error_code: ErrorCode,
        error_message: Option<Arc<str>> = None,
    }
}

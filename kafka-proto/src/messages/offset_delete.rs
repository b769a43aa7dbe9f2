//! OffsetDelete: forget committed positions of a group (KIP-496).
//!
//! Sent by administrators to the coordinator; refused for topics that a member still subscribes to.

use crate::{ErrorCode, wire::prelude::*};
api!(OffsetDelete = 47, versions 0..=0);
wire! {
    /// What to forget.
    pub struct Request { group_id: Arc<str>, topics: Vec<OffsetDeleteRequestTopic> }
    /// Partitions of one topic.
    pub struct OffsetDeleteRequestTopic {
        name: Arc<str>,
        partitions: Vec<OffsetDeleteRequestPartition>,
    }

    /// One partition.
    pub struct OffsetDeleteRequestPartition { partition_index: i32 }
    /// A result per partition, or one error for all.
    pub struct Response {
        error_code: ErrorCode,
        throttle_time_ms: i32,
        topics: Vec<OffsetDeleteResponseTopic>,
    }

    /// The results of one topic.
    pub struct OffsetDeleteResponseTopic {
        name: Arc<str>,
        partitions: Vec<OffsetDeleteResponsePartition>,
    }

    /// Whether the offset is gone.
    pub struct OffsetDeleteResponsePartition { partition_index: i32, error_code: ErrorCode }
}

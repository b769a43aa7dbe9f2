//! ReadShareGroupStateSummary: how far share groups are, without the single records (KIP-932).
//!
//! Sent by group coordinators to share coordinators. Version 1 counts what is done (KIP-1226).

use crate::{ErrorCode, uuid::Uuid, wire::prelude::*};
api!(ReadShareGroupStateSummary = 87, versions 0..=1, flexible 0..);
wire! {
    /// Which partitions.
    pub struct Request { group_id: Arc<str>, topics: Vec<ReadStateSummaryData> }
    /// Partitions of one topic.
    pub struct ReadStateSummaryData { topic_id: Uuid, partitions: Vec<PartitionData> }
    /// A partition.
    pub struct PartitionData { partition: i32, leader_epoch: i32 }
    /// How far they are.
    pub struct Response { results: Vec<ReadStateSummaryResult> }
    /// The partitions of one topic.
    pub struct ReadStateSummaryResult { topic_id: Uuid, partitions: Vec<PartitionResult> }
    /// How far the group is in one partition.
    pub struct PartitionResult {
        partition: i32,
        error_code: ErrorCode,
        error_message: Option<Arc<str>> = None,
        state_epoch: i32,
        leader_epoch: i32,
        start_offset: i64,
        /// Done behind the start offset; -1 when unknown.
        delivery_complete_count: i32                [1.., drop] = -1,
    }
}

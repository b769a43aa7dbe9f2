//! ReadShareGroupState: the state of share groups' partitions (KIP-932).
//!
//! Sent by the leaders of partitions to share coordinators.

use crate::{ErrorCode, uuid::Uuid, wire::prelude::*};
api!(ReadShareGroupState = 84, versions 0..=0, flexible 0..);
wire! {
    /// Which partitions.
    pub struct Request { group_id: Arc<str>, topics: Vec<ReadStateData> }
    /// Partitions of one topic.
    pub struct ReadStateData { topic_id: Uuid, partitions: Vec<PartitionData> }
    /// A partition, and the epoch of its leader that asks.
    pub struct PartitionData { partition: i32, leader_epoch: i32 }
    /// The states.
    pub struct Response { results: Vec<ReadStateResult> }
    /// The states of one topic.
    pub struct ReadStateResult { topic_id: Uuid, partitions: Vec<PartitionResult> }
    /// The state of one partition.
    pub struct PartitionResult {
        partition: i32,
        error_code: ErrorCode,
        error_message: Option<Arc<str>> = None,
        state_epoch: i32,
        start_offset: i64,
        state_batches: Vec<StateBatch>,
    }

    /// What became of a range of records.
    pub struct StateBatch {
        first_offset: i64,
        last_offset: i64,
        /// 0 available, 2 acknowledged, 4 archived.
        delivery_state: i8,
        delivery_count: i16,
    }
}

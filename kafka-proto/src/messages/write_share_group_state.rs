//! WriteShareGroupState: keep what became of records of share groups (KIP-932).
//!
//! Sent by the leaders of partitions to share coordinators. Version 1 counts what is done (KIP-1226).

use crate::{ErrorCode, uuid::Uuid, wire::prelude::*};
api!(WriteShareGroupState = 85, versions 0..=1, flexible 0..);
wire! {
    /// The states.
    pub struct Request { group_id: Arc<str>, topics: Vec<WriteStateData> }
    /// The states of one topic.
    pub struct WriteStateData { topic_id: Uuid, partitions: Vec<PartitionData> }
    /// The state of one partition.
    pub struct PartitionData {
        partition: i32,
        state_epoch: i32,
        leader_epoch: i32,
        /// -1 when it has not changed.
        start_offset: i64,
        /// Done behind the start offset; -1 when unknown.
        delivery_complete_count: i32                [1.., drop] = -1,
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

    /// A result per partition.
    pub struct Response { results: Vec<WriteStateResult> }
    /// The results of one topic.
    pub struct WriteStateResult { topic_id: Uuid, partitions: Vec<PartitionResult> }
    /// Whether the state is kept.
    pub struct PartitionResult {
        partition: i32,
        error_code: ErrorCode,
        error_message: Option<Arc<str>> = None,
    }
}

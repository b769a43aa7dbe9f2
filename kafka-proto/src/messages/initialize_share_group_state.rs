//! InitializeShareGroupState: begin to keep the state of share groups' partitions (KIP-932).
//!
//! Sent by group coordinators to share coordinators.

use crate::{ErrorCode, uuid::Uuid, wire::prelude::*};
api!(InitializeShareGroupState = 83, versions 0..=0, flexible 0..);
wire! {
    /// What to begin with.
    pub struct Request { group_id: Arc<str>, topics: Vec<InitializeStateData> }
    /// Partitions of one topic.
    pub struct InitializeStateData { topic_id: Uuid, partitions: Vec<PartitionData> }
    /// The state of one partition.
    pub struct PartitionData {
        partition: i32,
        state_epoch: i32,
        /// -1 when it is not known yet.
        start_offset: i64,
    }

    /// A result per partition.
    pub struct Response { results: Vec<InitializeStateResult> }
    /// The results of one topic.
    pub struct InitializeStateResult { topic_id: Uuid, partitions: Vec<PartitionResult> }
    /// Whether the state is kept.
    pub struct PartitionResult {
        partition: i32,
        error_code: ErrorCode,
        error_message: Option<Arc<str>> = None,
    }
}

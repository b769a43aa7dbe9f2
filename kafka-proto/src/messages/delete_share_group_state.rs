//! DeleteShareGroupState: forget the state of share groups' partitions (KIP-932).
//!
//! Sent by group coordinators to share coordinators.

use crate::{ErrorCode, uuid::Uuid, wire::prelude::*};
api!(DeleteShareGroupState = 86, versions 0..=0, flexible 0..);
wire! {
    /// What to forget.
    pub struct Request { group_id: Arc<str>, topics: Vec<DeleteStateData> }
    /// Partitions of one topic.
    pub struct DeleteStateData { topic_id: Uuid, partitions: Vec<PartitionData> }
    /// A partition.
    pub struct PartitionData { partition: i32 }
    /// A result per partition.
    pub struct Response { results: Vec<DeleteStateResult> }
    /// The results of one topic.
    pub struct DeleteStateResult { topic_id: Uuid, partitions: Vec<PartitionResult> }
    /// Whether the state is gone.
    pub struct PartitionResult {
        partition: i32,
        error_code: ErrorCode,
        error_message: Option<Arc<str>> = None,
    }
}

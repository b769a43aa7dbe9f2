//! AlterReplicaLogDirs: move replicas to other log directories of the same broker (KIP-113).
//!
//! Sent by administrators to the broker whose replicas move.

use crate::{ErrorCode, wire::prelude::*};
api!(AlterReplicaLogDirs = 34, versions 1..=2, flexible 2..);
wire! {
    /// What to move where.
    pub struct Request { dirs: Vec<AlterReplicaLogDir> }
    /// What goes to one directory.
    pub struct AlterReplicaLogDir { path: Arc<str>, topics: Vec<AlterReplicaLogDirTopic> }
    /// Partitions of one topic.
    pub struct AlterReplicaLogDirTopic { name: Arc<str>, partitions: Vec<i32> }
    /// A result per partition.
    pub struct Response { throttle_time_ms: i32, results: Vec<AlterReplicaLogDirTopicResult> }
    /// The results of one topic.
    pub struct AlterReplicaLogDirTopicResult {
        topic_name: Arc<str>,
        partitions: Vec<AlterReplicaLogDirPartitionResult>,
    }

    /// Whether the move has begun.
    pub struct AlterReplicaLogDirPartitionResult { partition_index: i32, error_code: ErrorCode }
}

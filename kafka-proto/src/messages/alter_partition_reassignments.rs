//! AlterPartitionReassignments: move replicas to other brokers (KIP-455).
//!
//! Sent by administrators to the controller; brokers forward it. Version 1 can forbid that the number of replicas
//! changes (KIP-860).

use crate::{ErrorCode, wire::prelude::*};
api!(AlterPartitionReassignments = 45, versions 0..=1, flexible 0..);
wire! {
    /// What to move.
    pub struct Request {
        timeout_ms: i32 = 60000,
        allow_replication_factor_change: bool       [1..] = true,
        topics: Vec<ReassignableTopic>,
    }

    /// Partitions of one topic.
    pub struct ReassignableTopic { name: Arc<str>, partitions: Vec<ReassignablePartition> }
    /// Where one partition shall be.
    pub struct ReassignablePartition {
        partition_index: i32,
        /// Null cancels the move that is under way.
        replicas: Option<Vec<i32>> = None,
    }

    /// A result per partition.
    pub struct Response {
        throttle_time_ms: i32,
        allow_replication_factor_change: bool       [1.., drop] = true,
        error_code: ErrorCode,
        error_message: Option<Arc<str>>,
        responses: Vec<ReassignableTopicResponse>,
    }

    /// The results of one topic.
    pub struct ReassignableTopicResponse {
        name: Arc<str>,
        partitions: Vec<ReassignablePartitionResponse>,
    }

    /// Whether the move has begun.
    pub struct ReassignablePartitionResponse {
        partition_index: i32,
        error_code: ErrorCode,
        error_message: Option<Arc<str>>,
    }
}

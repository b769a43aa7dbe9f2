//! ElectLeaders: choose the leaders of partitions anew (KIP-183).
//!
//! Sent by administrators to the controller; brokers forward it. Version 1 can elect a replica that is not in sync
//! (KIP-460).

use crate::{ErrorCode, wire::prelude::*};
api!(ElectLeaders = 43, versions 0..=2, flexible 2..);
wire! {
    /// Which partitions.
    pub struct Request {
        /// 0 the preferred leader, 1 any replica, at the price of records.
        election_type: i8                           [1..],
        /// Null for all.
        topic_partitions: Option<Vec<TopicPartitions>>,
        timeout_ms: i32 = 60000,
    }

    /// Partitions of one topic.
    pub struct TopicPartitions { topic: Arc<str>, partitions: Vec<i32> }
    /// A result per partition.
    pub struct Response {
        throttle_time_ms: i32,
        error_code: ErrorCode                       [1..],
        replica_election_results: Vec<ReplicaElectionResult>,
    }

    /// The results of one topic.
    pub struct ReplicaElectionResult { topic: Arc<str>, partition_result: Vec<PartitionResult> }
    /// Whether a leader was elected; `ELECTION_NOT_NEEDED` when it leads already.
    pub struct PartitionResult {
        partition_id: i32,
        error_code: ErrorCode,
        error_message: Option<Arc<str>>,
    }
}

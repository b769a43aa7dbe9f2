//! ListPartitionReassignments: the moves of replicas that are under way (KIP-455).
//!
//! Sent by administrators to the controller; brokers forward it.

use crate::{ErrorCode, wire::prelude::*};
api!(ListPartitionReassignments = 46, versions 0..=0, flexible 0..);
wire! {
    /// Which partitions; null for all.
    pub struct Request {
        timeout_ms: i32 = 60000,
        topics: Option<Vec<ListPartitionReassignmentsTopics>> = None,
    }

    /// Partitions of one topic.
    pub struct ListPartitionReassignmentsTopics { name: Arc<str>, partition_indexes: Vec<i32> }
    /// The moves.
    pub struct Response {
        throttle_time_ms: i32,
        error_code: ErrorCode,
        error_message: Option<Arc<str>>,
        topics: Vec<OngoingTopicReassignment>,
    }

    /// The moves in one topic.
    pub struct OngoingTopicReassignment {
        name: Arc<str>,
        partitions: Vec<OngoingPartitionReassignment>,
    }

    /// A partition on the move.
    pub struct OngoingPartitionReassignment {
        partition_index: i32,
        /// All it has now, those that come and those that go too.
        replicas: Vec<i32>,
        adding_replicas: Vec<i32>,
        removing_replicas: Vec<i32>,
    }
}

//! CreatePartitions: give topics more partitions.
//!
//! Sent by administrators to the controller (KIP-195); brokers forward it. Version 3 may throttle (KIP-599).

use crate::{ErrorCode, wire::prelude::*};
api!(CreatePartitions = 37, versions 0..=3, flexible 2..);
wire! {
    /// Goes to the controller; brokers forward it.
    pub struct Request {
        topics: Vec<CreatePartitionsTopic>,
        timeout_ms: i32,
        /// Checks everything and creates nothing.
        validate_only: bool,
    }

    /// A topic to grow.
    pub struct CreatePartitionsTopic {
        name: Arc<str>,
        /// The number of partitions afterwards.
        count: i32,
        /// `None` leaves the choice to the controller.
        assignments: Option<Vec<CreatePartitionsAssignment>>,
    }

    /// The replicas of one new partition, chosen by the caller.
    pub struct CreatePartitionsAssignment { broker_ids: Vec<i32> }
    /// A result per topic.
    pub struct Response { throttle_time_ms: i32, results: Vec<CreatePartitionsTopicResult> }
    /// Whether one topic has grown.
    pub struct CreatePartitionsTopicResult {
        name: Arc<str>,
        error_code: ErrorCode,
        /// Why it failed, in the words of the broker.
        error_message: Option<Arc<str>> = None,
    }
}

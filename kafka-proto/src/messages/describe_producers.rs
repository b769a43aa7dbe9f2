//! DescribeProducers: who writes to partitions with a producer id (KIP-664).
//!
//! Sent by administrators to the leaders of partitions, to find hanging transactions.

use crate::{ErrorCode, wire::prelude::*};
api!(DescribeProducers = 61, versions 0..=0, flexible 0..);
wire! {
    /// Which partitions.
    pub struct Request { topics: Vec<TopicRequest> }
    /// Partitions of one topic.
    pub struct TopicRequest { name: Arc<str>, partition_indexes: Vec<i32> }
    /// The producers of each partition.
    pub struct Response { throttle_time_ms: i32, topics: Vec<TopicResponse> }
    /// The producers of one topic.
    pub struct TopicResponse { name: Arc<str>, partitions: Vec<PartitionResponse> }
    /// The producers of one partition.
    pub struct PartitionResponse {
        partition_index: i32,
        error_code: ErrorCode,
        error_message: Option<Arc<str>> = None,
        active_producers: Vec<ProducerState>,
    }

    /// What the log knows of a producer.
    pub struct ProducerState {
        producer_id: i64,
        producer_epoch: i32,
        last_sequence: i32 = -1,
        last_timestamp: i64 = -1,
        coordinator_epoch: i32,
        /// -1 when no transaction is open.
        current_txn_start_offset: i64 = -1,
    }
}

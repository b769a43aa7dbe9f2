//! DescribeTopicPartitions: the partitions of topics, page by page (KIP-966).
//!
//! Sent by administrators to any broker.

use crate::{ErrorCode, uuid::Uuid, wire::prelude::*};
api!(DescribeTopicPartitions = 75, versions 0..=0, flexible 0..);
wire! {
    /// Which topics; empty for all.
    pub struct Request {
        topics: Vec<TopicRequest>,
        /// The broker may give fewer.
        response_partition_limit: i32 = 2000,
        /// Where to go on; null for the beginning.
        cursor: Option<Cursor> = None,
    }

    /// A topic.
    pub struct TopicRequest { name: Arc<str> }
    /// The first partition of a page.
    pub struct Cursor { topic_name: Arc<str>, partition_index: i32 }
    /// A page, in the order of names.
    pub struct Response {
        throttle_time_ms: i32,
        topics: Vec<DescribeTopicPartitionsResponseTopic>,
        /// Null on the last page.
        next_cursor: Option<Cursor> = None,
    }

    /// A topic and those of its partitions that are on the page.
    pub struct DescribeTopicPartitionsResponseTopic {
        error_code: ErrorCode,
        name: Option<Arc<str>>,
        topic_id: Uuid,
        is_internal: bool,
        partitions: Vec<DescribeTopicPartitionsResponsePartition>,
        /// The operations the caller may do, a bit each.
        topic_authorized_operations: i32 = i32::MIN,
    }

    /// Where the replicas of one partition are.
    pub struct DescribeTopicPartitionsResponsePartition {
        error_code: ErrorCode,
        partition_index: i32,
        leader_id: i32,
        leader_epoch: i32 = -1,
        replica_nodes: Vec<i32>,
        isr_nodes: Vec<i32>,
        /// Out of sync, and yet safe to lead.
        eligible_leader_replicas: Option<Vec<i32>> = None,
        last_known_elr: Option<Vec<i32>> = None,
        offline_replicas: Vec<i32>,
    }
}

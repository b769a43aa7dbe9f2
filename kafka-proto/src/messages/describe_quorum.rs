//! DescribeQuorum: the state of the Raft quorum (KIP-595).
//!
//! Sent by administrators to the controller; brokers forward it. Version 1 tells when replicas fetched last (KIP-836),
//! 2 their directories and addresses (KIP-853).

use crate::{ErrorCode, uuid::Uuid, wire::prelude::*};
api!(DescribeQuorum = 55, versions 0..=2, flexible 0..);
wire! {
    /// Of the one partition of `__cluster_metadata`.
    pub struct Request { topics: Vec<TopicData> }
    /// Partitions of one topic.
    pub struct TopicData { topic_name: Arc<str>, partitions: Vec<PartitionData> }
    /// A partition.
    pub struct PartitionData { partition_index: i32 }
    /// The state.
    pub struct Response {
        error_code: ErrorCode,
        error_message: Option<Arc<str>>             [2.., drop],
        topics: Vec<TopicDataResponse>,
        nodes: Vec<Node>                            [2..],
    }

    /// The state of one topic.
    pub struct TopicDataResponse { topic_name: Arc<str>, partitions: Vec<PartitionDataResponse> }
    /// The state of one partition.
    pub struct PartitionDataResponse {
        partition_index: i32,
        error_code: ErrorCode,
        error_message: Option<Arc<str>>             [2.., drop],
        leader_id: i32,
        leader_epoch: i32,
        high_watermark: i64,
        current_voters: Vec<ReplicaState>,
        observers: Vec<ReplicaState>,
    }

    /// How far a replica is.
    pub struct ReplicaState {
        replica_id: i32,
        replica_directory_id: Uuid                  [2..],
        log_end_offset: i64,
        /// -1 when unknown, as of the leader.
        last_fetch_timestamp: i64                   [1.., drop] = -1,
        /// When it last held all that the leader had; -1 when unknown.
        last_caught_up_timestamp: i64               [1.., drop] = -1,
    }

    /// Where a node can be reached.
    pub struct Node { node_id: i32, listeners: Vec<Listener> }
    /// An address.
    pub struct Listener { name: Arc<str>, host: Arc<str>, port: u16 }
}

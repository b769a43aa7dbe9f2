//! BeginQuorumEpoch: announce a new leader of the Raft quorum (KIP-595).
//!
//! Sent by the leader to voters. Version 1 has addresses and directories (KIP-853).

use crate::{ErrorCode, uuid::Uuid, wire::prelude::*};
api!(BeginQuorumEpoch = 53, versions 0..=1, flexible 1..);
wire! {
    /// Who leads.
    pub struct Request {
        cluster_id: Option<Arc<str>> = None,
        voter_id: i32                               [1.., drop] = -1,
        topics: Vec<TopicData>,
        leader_endpoints: Vec<LeaderEndpoint>       [1.., drop],
    }

    /// Partitions of one topic.
    pub struct TopicData { topic_name: Arc<str>, partitions: Vec<PartitionData> }
    /// The leader of one partition.
    pub struct PartitionData {
        partition_index: i32,
        voter_directory_id: Uuid                    [1.., drop],
        leader_id: i32,
        leader_epoch: i32,
    }

    /// An address of the leader.
    pub struct LeaderEndpoint { name: Arc<str>, host: Arc<str>, port: u16 }
    /// Whether the voter follows.
    pub struct Response {
        error_code: ErrorCode,
        topics: Vec<TopicDataResponse>,
        node_endpoints: Vec<NodeEndpoint>           [tag 0, 1..],
    }

    /// The answers in one topic.
    pub struct TopicDataResponse { topic_name: Arc<str>, partitions: Vec<PartitionDataResponse> }
    /// Who leads in the eyes of the voter.
    pub struct PartitionDataResponse {
        partition_index: i32,
        error_code: ErrorCode,
        leader_id: i32,
        leader_epoch: i32,
    }

    /// The address of a leader that the response names.
    pub struct NodeEndpoint { node_id: i32, host: Arc<str>, port: u16 }
}

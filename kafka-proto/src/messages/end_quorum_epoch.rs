//! EndQuorumEpoch: resign as leader of the Raft quorum (KIP-595).
//!
//! Sent by the leader to voters when it stops. Version 1 has addresses and directories (KIP-853).

use crate::{ErrorCode, uuid::Uuid, wire::prelude::*};
api!(EndQuorumEpoch = 54, versions 0..=1, flexible 1..);
wire! {
    /// Who resigns, and who should stand first.
    pub struct Request {
        cluster_id: Option<Arc<str>> = None,
        topics: Vec<TopicData>,
        leader_endpoints: Vec<LeaderEndpoint>       [1.., drop],
    }

    /// Partitions of one topic.
    pub struct TopicData { topic_name: Arc<str>, partitions: Vec<PartitionData> }
    /// The leader of one partition.
    pub struct PartitionData {
        partition_index: i32,
        leader_id: i32,
        leader_epoch: i32,
        preferred_successors: Vec<i32>              [..=0, drop],
        /// Those with the longest logs first.
        preferred_candidates: Vec<ReplicaInfo>      [1.., drop],
    }

    /// A replica in its directory.
    pub struct ReplicaInfo { candidate_id: i32, candidate_directory_id: Uuid }
    /// An address of the leader.
    pub struct LeaderEndpoint { name: Arc<str>, host: Arc<str>, port: u16 }
    /// Whether the voter knows.
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

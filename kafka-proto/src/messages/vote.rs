//! Vote: ask to be elected the leader of the Raft quorum (KIP-595).
//!
//! Sent by candidates to voters. Version 1 names voters with their directories (KIP-853), 2 can ask whether it would be
//! elected before it stands (KIP-996).

use crate::{ErrorCode, uuid::Uuid, wire::prelude::*};
api!(Vote = 52, versions 0..=2, flexible 0..);
wire! {
    /// The candidate's epoch and log.
    pub struct Request {
        cluster_id: Option<Arc<str>> = None,
        voter_id: i32                               [1.., drop] = -1,
        topics: Vec<TopicData>,
    }

    /// Partitions of one topic.
    pub struct TopicData { topic_name: Arc<str>, partitions: Vec<PartitionData> }
    /// The candidate in one partition.
    pub struct PartitionData {
        partition_index: i32,
        replica_epoch: i32,
        replica_id: i32,
        replica_directory_id: Uuid                  [1.., drop],
        voter_directory_id: Uuid                    [1.., drop],
        last_offset_epoch: i32,
        last_offset: i64,
        /// Whether it only asks.
        pre_vote: bool                              [2..],
    }

    /// The vote.
    pub struct Response {
        error_code: ErrorCode,
        topics: Vec<TopicDataResponse>,
        node_endpoints: Vec<NodeEndpoint>           [tag 0, 1..],
    }

    /// The votes in one topic.
    pub struct TopicDataResponse { topic_name: Arc<str>, partitions: Vec<PartitionDataResponse> }
    /// The vote, and who leads.
    pub struct PartitionDataResponse {
        partition_index: i32,
        error_code: ErrorCode,
        leader_id: i32,
        leader_epoch: i32,
        vote_granted: bool,
    }

    /// The address of a leader that the response names.
    pub struct NodeEndpoint { node_id: i32, host: Arc<str>, port: u16 }
}

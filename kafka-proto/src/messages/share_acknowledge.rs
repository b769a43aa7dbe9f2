//! ShareAcknowledge: say what became of records taken for a share group (KIP-932).
//!
//! Sent by share consumers to the leaders of partitions when there is nothing to fetch. Version 2 can renew locks
//! (KIP-1222).

use crate::{ErrorCode, uuid::Uuid, wire::prelude::*};
api!(ShareAcknowledge = 79, versions 1..=2, flexible 0..);
wire! {
    /// In the session of ShareFetch.
    pub struct Request {
        group_id: Option<Arc<str>> = None,
        member_id: Option<Arc<str>>,
        /// -1 closes the session, others count on.
        share_session_epoch: i32,
        /// Whether acknowledgements of type 4 are among these.
        is_renew_ack: bool                          [2..],
        topics: Vec<AcknowledgeTopic>,
    }

    /// Partitions of one topic.
    pub struct AcknowledgeTopic { topic_id: Uuid, partitions: Vec<AcknowledgePartition> }
    /// The records of one partition.
    pub struct AcknowledgePartition {
        partition_index: i32,
        acknowledgement_batches: Vec<AcknowledgementBatch>,
    }

    /// What became of a range of records.
    pub struct AcknowledgementBatch {
        first_offset: i64,
        last_offset: i64,
        /// One for all, or one for each: 0 gap, 1 accept, 2 release, 3 reject, 4 renew.
        acknowledge_types: Vec<i8>,
    }

    /// A result per partition.
    pub struct Response {
        throttle_time_ms: i32,
        error_code: ErrorCode,
        error_message: Option<Arc<str>> = None,
        acquisition_lock_timeout_ms: i32            [2.., drop],
        responses: Vec<ShareAcknowledgeTopicResponse>,
        node_endpoints: Vec<NodeEndpoint>,
    }

    /// The results of one topic.
    pub struct ShareAcknowledgeTopicResponse { topic_id: Uuid, partitions: Vec<PartitionData> }
    /// Whether the acknowledgements were taken.
    pub struct PartitionData {
        partition_index: i32,
        error_code: ErrorCode,
        error_message: Option<Arc<str>> = None,
        current_leader: LeaderIdAndEpoch,
    }

    /// Who leads the partition by now.
    pub struct LeaderIdAndEpoch { leader_id: i32, leader_epoch: i32 }
    /// The address of a leader that the response names.
    pub struct NodeEndpoint {
        node_id: i32,
        host: Arc<str>,
        port: i32,
        rack: Option<Arc<str>> = None,
    }
}

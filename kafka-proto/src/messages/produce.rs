//! Produce: append record batches to the partitions they name.
//!
//! Sent by producers to the leaders of partitions. Version 7 allows zstd (KIP-110), 8 tells which record is to blame
//! (KIP-467), 10 tells the new leader (KIP-951), 11 begins a transaction's partition by itself (KIP-890), 13 has topic
//! ids in place of names.

use crate::{ErrorCode, records::Records, uuid::Uuid, wire::prelude::*};
api!(Produce = 0, versions 3..=13, flexible 9..);
wire! {
    hot;

    /// Goes to the leader of every partition in it.
    pub struct Request {
        /// Set when the batches belong to a transaction.
        transactional_id: Option<Arc<str>> = None,
        /// Replicas that must hold the batches first: -1 all in sync, 1 the leader, 0 none.
        acks: i16,
        /// How long the leader may wait for the other replicas.
        timeout_ms: i32,
        topic_data: Vec<TopicProduceData>,
    }

    /// The batches for one topic.
    pub struct TopicProduceData {
        name: Arc<str>                              [..=12, drop],
        topic_id: Uuid                              [13.., drop],
        partition_data: Vec<PartitionProduceData>,
    }

    /// The batch for one partition.
    pub struct PartitionProduceData {
        index: i32,
        /// One record batch, as `BatchBuilder` seals it.
        records: Option<Records>,
    }

    /// A result per partition; with `acks` 0 none is sent.
    pub struct Response {
        responses: Vec<TopicProduceResponse>,
        throttle_time_ms: i32,
        /// The leaders that `current_leader` names.
        node_endpoints: Vec<NodeEndpoint>           [tag 0, 10..],
    }

    /// The results of one topic.
    pub struct TopicProduceResponse {
        name: Arc<str>                              [..=12, drop],
        topic_id: Uuid                              [13.., drop],
        partition_responses: Vec<PartitionProduceResponse>,
    }

    /// What became of the batch for one partition.
    pub struct PartitionProduceResponse {
        index: i32,
        error_code: ErrorCode,
        /// The offset of the first record.
        base_offset: i64,
        /// When the broker appended the batch; -1 where the topic keeps the producer's time.
        log_append_time_ms: i64 = -1,
        /// The first offset of the partition.
        log_start_offset: i64                       [5.., drop] = -1,
        /// The records for which the batch was refused.
        record_errors: Vec<BatchIndexAndErrorMessage> [8.., drop],
        /// Why it failed, in the words of the broker.
        error_message: Option<Arc<str>>             [8.., drop] = None,
        /// Set with `NOT_LEADER_OR_FOLLOWER`.
        current_leader: LeaderIdAndEpoch            [tag 0, 10..],
    }

    /// A record for which its batch was refused.
    pub struct BatchIndexAndErrorMessage {
        /// The place of the record in its batch, from 0.
        batch_index: i32,
        /// Why it failed, in the words of the broker.
        batch_index_error_message: Option<Arc<str>> = None,
    }

    /// Who leads the partition by now.
    pub struct LeaderIdAndEpoch {
        /// -1 when unknown.
        leader_id: i32 = -1,
        leader_epoch: i32 = -1,
    }

    /// The address of a leader that the response names.
    pub struct NodeEndpoint {
        node_id: i32,
        host: Arc<str>,
        port: i32,
        rack: Option<Arc<str>> = None,
    }
}

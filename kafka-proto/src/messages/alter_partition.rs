//! AlterPartition: change the replicas in sync (KIP-497).
//!
//! Sent by the leaders of partitions to the controller. Version 2 has topic ids, 3 the epochs of the brokers (KIP-903).

use crate::{ErrorCode, uuid::Uuid, wire::prelude::*};
api!(AlterPartition = 56, versions 2..=3, flexible 0..);
wire! {
    /// The changes that a broker wants.
    pub struct Request { broker_id: i32, broker_epoch: i64 = -1, topics: Vec<TopicData> }
    /// Partitions of one topic.
    pub struct TopicData { topic_id: Uuid, partitions: Vec<PartitionData> }
    /// The change of one partition.
    pub struct PartitionData {
        partition_index: i32,
        leader_epoch: i32,
        new_isr: Vec<i32>                           [..=2],
        new_isr_with_epochs: Vec<BrokerState>       [3..],
        /// 1 while the leader recovers from an unclean election.
        leader_recovery_state: i8,
        /// As the leader knows it; the change is refused when it is an old one.
        partition_epoch: i32,
    }

    /// A replica in sync, as the leader knows it.
    pub struct BrokerState { broker_id: i32, broker_epoch: i64 = -1 }
    /// What holds now.
    pub struct Response {
        throttle_time_ms: i32,
        error_code: ErrorCode,
        topics: Vec<TopicDataResponse>,
    }

    /// The state of one topic.
    pub struct TopicDataResponse { topic_id: Uuid, partitions: Vec<PartitionDataResponse> }
    /// The state of one partition.
    pub struct PartitionDataResponse {
        partition_index: i32,
        error_code: ErrorCode,
        leader_id: i32,
        leader_epoch: i32,
        isr: Vec<i32>,
        leader_recovery_state: i8,
        partition_epoch: i32,
    }
}

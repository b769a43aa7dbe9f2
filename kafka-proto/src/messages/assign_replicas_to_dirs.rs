//! AssignReplicasToDirs: in which log directories a broker's replicas are (KIP-858).
//!
//! Sent by brokers to the controller.

use crate::{ErrorCode, uuid::Uuid, wire::prelude::*};
api!(AssignReplicasToDirs = 73, versions 0..=0, flexible 0..);
wire! {
    /// The replicas, by directory.
    pub struct Request { broker_id: i32, broker_epoch: i64 = -1, directories: Vec<DirectoryData> }
    /// The replicas in one directory.
    pub struct DirectoryData { id: Uuid, topics: Vec<TopicData> }
    /// The replicas of one topic.
    pub struct TopicData { topic_id: Uuid, partitions: Vec<PartitionData> }
    /// A replica.
    pub struct PartitionData { partition_index: i32 }
    /// A result per replica.
    pub struct Response {
        throttle_time_ms: i32,
        error_code: ErrorCode,
        directories: Vec<DirectoryDataResponse>,
    }

    /// The results of one directory.
    pub struct DirectoryDataResponse { id: Uuid, topics: Vec<TopicDataResponse> }
    /// The results of one topic.
    pub struct TopicDataResponse { topic_id: Uuid, partitions: Vec<PartitionDataResponse> }
    /// Whether it is noted.
    pub struct PartitionDataResponse { partition_index: i32, error_code: ErrorCode }
}

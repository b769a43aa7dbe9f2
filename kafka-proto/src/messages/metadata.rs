//! Metadata: the brokers of the cluster, and who leads each partition.
//!
//! Sent by all clients to any broker. Version 4 can spare topics from being made, 8 tells authorized operations
//! (KIP-430), 10 has topic ids (KIP-516), 12 asks by them, 13 can send the client back to its bootstrap servers
//! (KIP-1102).

use crate::{ErrorCode, uuid::Uuid, wire::prelude::*};
api!(Metadata = 3, versions 0..=13, flexible 9..);
wire! {
    hot;

    /// Can be answered by any broker.
    pub struct Request {
        /// `None` asks for every topic; in version 0 an empty list does.
        topics: Option<Vec<MetadataRequestTopic>>   [null 1..],
        /// Whether the broker may create a named topic that is missing.
        allow_auto_topic_creation: bool             [4..] = true,
        include_cluster_authorized_operations: bool [8..=10],
        include_topic_authorized_operations: bool   [8..],
    }

    /// A topic by name, or by id where the name is `None`.
    pub struct MetadataRequestTopic {
        topic_id: Uuid                              [10.., drop],
        name: Option<Arc<str>>                      [null 10..],
    }

    /// The cluster as the answering broker knows it.
    pub struct Response {
        throttle_time_ms: i32                       [3.., drop],
        brokers: Vec<MetadataResponseBroker>,
        cluster_id: Option<Arc<str>>                [2.., drop] = None,
        /// -1 when unknown; a broker without the role names any broker.
        controller_id: i32                          [1.., drop] = -1,
        topics: Vec<MetadataResponseTopic>,
        /// The operations the caller may do, a bit each; `i32::MIN` when they were not asked for.
        cluster_authorized_operations: i32          [8..=10] = i32::MIN,
        error_code: ErrorCode                       [13.., drop],
    }

    /// The address of a broker, as its listener advertises it.
    pub struct MetadataResponseBroker {
        node_id: i32,
        host: Arc<str>,
        port: i32,
        rack: Option<Arc<str>>                      [1.., drop] = None,
    }

    /// A topic and its partitions.
    pub struct MetadataResponseTopic {
        error_code: ErrorCode,
        /// Null when the topic was asked for by an unknown id.
        name: Option<Arc<str>>                      [null 12..],
        /// Zero when the topic was asked for by an unknown name.
        topic_id: Uuid                              [10.., drop],
        /// Whether the topic is one of Kafka's own.
        is_internal: bool                           [1.., drop],
        partitions: Vec<MetadataResponsePartition>,
        /// The operations the caller may do, a bit each; `i32::MIN` when they were not asked for.
        topic_authorized_operations: i32            [8..] = i32::MIN,
    }

    /// Where the replicas of one partition are.
    pub struct MetadataResponsePartition {
        error_code: ErrorCode,
        partition_index: i32,
        /// -1 without a leader.
        leader_id: i32,
        leader_epoch: i32                           [7.., drop] = -1,
        /// All replicas, the preferred leader first.
        replica_nodes: Vec<i32>,
        /// The replicas in sync.
        isr_nodes: Vec<i32>,
        /// The replicas on brokers or disks that are down.
        offline_replicas: Vec<i32>                  [5.., drop],
    }
}

//! CreateTopics: create topics with their partitions and configs.
//!
//! Sent by administrators to the controller; brokers forward it. Version 4 takes defaults from the broker (KIP-464), 5
//! tells the configs (KIP-525), 6 may throttle (KIP-599), 7 tells the topic id (KIP-516).

use crate::{ErrorCode, uuid::Uuid, wire::prelude::*};
api!(CreateTopics = 19, versions 2..=7, flexible 5..);
wire! {
    /// Goes to the controller; brokers forward it.
    pub struct Request {
        topics: Vec<CreatableTopic>,
        timeout_ms: i32 = 60000,
        /// Checks everything and creates nothing.
        validate_only: bool,
    }

    /// A topic to create.
    pub struct CreatableTopic {
        name: Arc<str>,
        /// -1 for the broker's default, or with `assignments`.
        num_partitions: i32,
        /// -1 for the broker's default, or with `assignments`.
        replication_factor: i16,
        /// Empty leaves the choice to the controller.
        assignments: Vec<CreatableReplicaAssignment>,
        configs: Vec<CreatableTopicConfig>,
    }

    /// The replicas of one partition, chosen by the caller.
    pub struct CreatableReplicaAssignment { partition_index: i32, broker_ids: Vec<i32> }
    /// A config of the new topic.
    pub struct CreatableTopicConfig { name: Arc<str>, value: Option<Arc<str>> }
    /// A result per topic.
    pub struct Response { throttle_time_ms: i32, topics: Vec<CreatableTopicResult> }
    /// The topic as it was created, or why it was not.
    pub struct CreatableTopicResult {
        name: Arc<str>,
        topic_id: Uuid                              [7.., drop],
        error_code: ErrorCode,
        /// Why it failed, in the words of the broker.
        error_message: Option<Arc<str>>,
        /// Why `configs` is null.
        topic_config_error_code: ErrorCode          [tag 0, 5.., drop],
        /// -1 when the caller may not see it.
        num_partitions: i32                         [5.., drop] = -1,
        /// -1 when the caller may not see it.
        replication_factor: i16                     [5.., drop] = -1,
        configs: Option<Vec<CreatableTopicConfigs>> [5.., drop],
    }

    /// A config of the created topic.
    pub struct CreatableTopicConfigs {
        name: Arc<str>,
        value: Option<Arc<str>>,
        read_only: bool,
        /// 1 topic, 2 this broker, 3 all brokers, 4 file, 5 default, 6 logger, 7 client, 8 group.
        config_source: i8 = -1,
        /// Whether the value is kept back.
        is_sensitive: bool,
    }
}

//! StreamsGroupHeartbeat: join, stay in and leave a group of Kafka Streams (KIP-1071).
//!
//! Sent by Streams clients to the group's coordinator. Version 1 can ask for a description of the topology, and widens
//! the lag that is acceptable.

use crate::{ErrorCode, wire::prelude::*};
api!(StreamsGroupHeartbeat = 88, versions 0..=1, flexible 0..);
wire! {
    /// Fields that have not changed since the last one may be left null or -1.
    pub struct Request {
        group_id: Arc<str>,
        /// A uuid that the member makes up and keeps.
        member_id: Arc<str>,
        /// 0 to join, -1 to leave, -2 to leave for a while as a static member.
        member_epoch: i32,
        endpoint_information_epoch: i32,
        /// The id of a static member.
        instance_id: Option<Arc<str>> = None,
        rack_id: Option<Arc<str>> = None,
        rebalance_timeout_ms: i32 = -1,
        topology: Option<Topology> = None,
        active_tasks: Option<Vec<TaskIds>> = None,
        standby_tasks: Option<Vec<TaskIds>> = None,
        warmup_tasks: Option<Vec<TaskIds>> = None,
        process_id: Option<Arc<str>> = None,
        user_endpoint: Option<Endpoint> = None,
        client_tags: Option<Vec<KeyValue>> = None,
        task_offsets: Option<Vec<TaskOffset>> = None,
        task_end_offsets: Option<Vec<TaskOffset>> = None,
        shutdown_application: bool,
    }

    /// What the application does, in parts that can run apart.
    pub struct Topology { epoch: i32, subtopologies: Vec<Subtopology> }
    /// A part.
    pub struct Subtopology {
        subtopology_id: Arc<str>,
        source_topics: Vec<Arc<str>>,
        source_topic_regex: Vec<Arc<str>>,
        /// Topics to be made.
        state_changelog_topics: Vec<TopicInfo>,
        repartition_sink_topics: Vec<Arc<str>>,
        /// Topics to be made.
        repartition_source_topics: Vec<TopicInfo>,
        copartition_groups: Vec<CopartitionGroup>,
    }

    /// A topic of the application's own.
    pub struct TopicInfo {
        name: Arc<str>,
        /// 0 lets the broker choose.
        partitions: i32,
        replication_factor: i16,
        topic_configs: Vec<KeyValue>,
    }

    /// A name with a value.
    pub struct KeyValue { key: Arc<str>, value: Arc<str> }
    /// Topics with the same number of partitions, by their places in the lists of the subtopology.
    pub struct CopartitionGroup {
        source_topics: Vec<i16>,
        source_topic_regex: Vec<i16>,
        repartition_source_topics: Vec<i16>,
    }

    /// Tasks of one subtopology.
    pub struct TaskIds { subtopology_id: Arc<str>, partitions: Vec<i32> }
    /// Where the member answers queries about its state.
    pub struct Endpoint { host: Arc<str>, port: u16 }
    /// How far the state of a task is.
    pub struct TaskOffset { subtopology_id: Arc<str>, partition: i32, offset: i64 }
    /// Where the member stands.
    pub struct Response {
        throttle_time_ms: i32,
        error_code: ErrorCode,
        error_message: Option<Arc<str>> = None,
        member_id: Arc<str>,
        member_epoch: i32,
        heartbeat_interval_ms: i32,
        acceptable_recovery_lag_legacy: i32         [..=0],
        /// How often to report the offsets of tasks.
        task_offset_interval_ms: i32,
        acceptable_recovery_lag: i64                [1.., drop] = -1,
        status: Option<Vec<Status>>,
        /// Null when the assignment has not changed.
        active_tasks: Option<Vec<TaskIds>> = None,
        standby_tasks: Option<Vec<TaskIds>> = None,
        warmup_tasks: Option<Vec<TaskIds>> = None,
        /// Whether to send StreamsGroupTopologyDescriptionUpdate.
        topology_description_required: bool         [1..],
        endpoint_information_epoch: i32,
        partitions_by_user_endpoint: Option<Vec<EndpointToPartitions>> = None,
    }

    /// What hinders the group.
    pub struct Status {
        /// 0 stale topology, 1 no source topics, 2 topics with wrong partitions, 3 no internal topics, 4 shutdown.
        status_code: i8,
        status_detail: Arc<str>,
    }

    /// The partitions behind one endpoint.
    pub struct EndpointToPartitions {
        user_endpoint: Endpoint,
        active_partitions: Vec<TopicPartition>,
        standby_partitions: Vec<TopicPartition>,
    }

    /// Partitions of one topic.
    pub struct TopicPartition { topic: Arc<str>, partitions: Vec<i32> }
}

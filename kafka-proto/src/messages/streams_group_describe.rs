//! StreamsGroupDescribe: state and members of groups of Kafka Streams (KIP-1071).
//!
//! Sent by administrators to the groups' coordinator. Version 1 can describe the topology in full, and names the
//! assignor.

use crate::{ErrorCode, wire::prelude::*};
api!(StreamsGroupDescribe = 89, versions 0..=1, flexible 0..);
wire! {
    /// Which groups.
    pub struct Request {
        group_ids: Vec<Arc<str>>,
        include_authorized_operations: bool,
        include_topology_description: bool          [1..],
    }

    /// One description per group.
    pub struct Response { throttle_time_ms: i32, groups: Vec<DescribedGroup> }
    /// A group.
    pub struct DescribedGroup {
        error_code: ErrorCode,
        error_message: Option<Arc<str>> = None,
        group_id: Arc<str>,
        group_state: Arc<str>,
        group_epoch: i32,
        assignment_epoch: i32,
        topology: Option<Topology> = None,
        members: Vec<Member>,
        /// The operations the caller may do, a bit each; `i32::MIN` when they were not asked for.
        authorized_operations: i32 = i32::MIN,
        topology_description: Option<TopologyDescription> [1..] = None,
        topology_description_status: i8             [1..],
        assignor_name: Option<Arc<str>>             [1.., drop] = None,
    }

    /// What the application does, in parts that can run apart.
    pub struct Topology { epoch: i32, subtopologies: Option<Vec<Subtopology>> = None }
    /// A part.
    pub struct Subtopology {
        subtopology_id: Arc<str>,
        source_topics: Vec<Arc<str>>,
        repartition_sink_topics: Vec<Arc<str>>,
        state_changelog_topics: Vec<TopicInfo>,
        repartition_source_topics: Vec<TopicInfo>,
    }

    /// A topic of the application's own.
    pub struct TopicInfo {
        name: Arc<str>,
        partitions: i32,
        replication_factor: i16,
        topic_configs: Vec<KeyValue>,
    }

    /// A name with a value.
    pub struct KeyValue { key: Arc<str>, value: Arc<str> }
    /// A member.
    pub struct Member {
        member_id: Arc<str>,
        member_epoch: i32,
        instance_id: Option<Arc<str>> = None,
        rack_id: Option<Arc<str>> = None,
        client_id: Arc<str>,
        client_host: Arc<str>,
        topology_epoch: i32,
        process_id: Arc<str>,
        user_endpoint: Option<Endpoint> = None,
        client_tags: Vec<KeyValue>,
        task_offsets: Vec<TaskOffset>,
        task_end_offsets: Vec<TaskOffset>,
        assignment: Assignment,
        /// What it is to have.
        target_assignment: Assignment,
        is_classic: bool,
    }

    /// Where the member answers queries about its state.
    pub struct Endpoint { host: Arc<str>, port: u16 }
    /// How far the state of a task is.
    pub struct TaskOffset { subtopology_id: Arc<str>, partition: i32, offset: i64 }
    /// Tasks of any subtopologies.
    pub struct Assignment {
        active_tasks: Vec<TaskIds>,
        standby_tasks: Vec<TaskIds>,
        warmup_tasks: Vec<TaskIds>,
    }

    /// Tasks of one subtopology.
    pub struct TaskIds { subtopology_id: Arc<str>, partitions: Vec<i32> }
    /// All nodes of a topology.
    pub struct TopologyDescription {
        subtopologies: Vec<TopologyDescriptionSubtopology>,
        global_stores: Vec<TopologyDescriptionGlobalStore>,
    }

    /// The nodes of one part.
    pub struct TopologyDescriptionSubtopology {
        subtopology_id: Arc<str>,
        nodes: Vec<TopologyDescriptionNode>,
    }

    /// A source, processor or sink.
    pub struct TopologyDescriptionNode {
        name: Arc<str>,
        node_type: i8,
        source_topics: Vec<Arc<str>>,
        sink_topic: Option<Arc<str>> = None,
        stores: Vec<Arc<str>>,
        successors: Vec<Arc<str>>,
    }

    /// A store that every member has whole.
    pub struct TopologyDescriptionGlobalStore {
        source: TopologyDescriptionNode,
        processor: TopologyDescriptionNode,
    }
}

//! Groups of Kafka Streams, as `__consumer_offsets` keeps them (KIP-1071).
//!
//! A record without a value deletes what its key names.

use crate::{schema::schema, wire::prelude::*};

schema!(StreamsGroupMetadataKey, key 17, versions 0..=0);
schema!(StreamsGroupMetadataValue, value 17, versions 0..=0, flexible 0..);
schema!(StreamsGroupMemberMetadataKey, key 19, versions 0..=0);
schema!(StreamsGroupMemberMetadataValue, value 19, versions 0..=0, flexible 0..);
schema!(StreamsGroupTargetAssignmentMetadataKey, key 20, versions 0..=0);
schema!(StreamsGroupTargetAssignmentMetadataValue, value 20, versions 0..=0, flexible 0..);
schema!(StreamsGroupTargetAssignmentMemberKey, key 21, versions 0..=0);
schema!(StreamsGroupTargetAssignmentMemberValue, value 21, versions 0..=0, flexible 0..);
schema!(StreamsGroupCurrentMemberAssignmentKey, key 22, versions 0..=0);
schema!(StreamsGroupCurrentMemberAssignmentValue, value 22, versions 0..=0, flexible 0..);
schema!(StreamsGroupTopologyKey, key 23, versions 0..=0);
schema!(StreamsGroupTopologyValue, value 23, versions 0..=0, flexible 0..);
wire! {
    /// Names a group.
    pub struct StreamsGroupMetadataKey { group_id: Arc<str> }

    /// Where a group stands.
    pub struct StreamsGroupMetadataValue {
        epoch: i32,
        /// Over the topics that the group reads, so that changes are noticed.
        metadata_hash: i64,
        validated_topology_epoch: i32               [tag 0] = -1,
        last_assignment_configs: Option<Vec<LastAssignmentConfig>> [tag 1],
        stored_description_topology_epoch: i32      [tag 2] = -1,
        failed_description_topology_epoch: i32      [tag 3] = -1,
    }

    /// A setting that the assignment was made with.
    pub struct LastAssignmentConfig { key: Arc<str>, value: Arc<str> }
    /// Names a member.
    pub struct StreamsGroupMemberMetadataKey { group_id: Arc<str>, member_id: Arc<str> }

    /// A member as it described itself.
    pub struct StreamsGroupMemberMetadataValue {
        instance_id: Option<Arc<str>>,
        rack_id: Option<Arc<str>>,
        client_id: Arc<str>,
        client_host: Arc<str>,
        rebalance_timeout_ms: i32 = -1,
        topology_epoch: i32,
        process_id: Arc<str>,
        user_endpoint: Option<Endpoint> = None,
        client_tags: Vec<KeyValue>,
    }

    /// Where the member answers queries about its state.
    pub struct Endpoint { host: Arc<str>, port: u16 }
    /// A name with a value.
    pub struct KeyValue { key: Arc<str>, value: Arc<str> }
    /// Names a group.
    pub struct StreamsGroupTargetAssignmentMetadataKey { group_id: Arc<str> }

    /// Of which epoch the target assignment is.
    pub struct StreamsGroupTargetAssignmentMetadataValue {
        assignment_epoch: i32,
        assignment_timestamp: i64                   [tag 0],
    }

    /// Names a member.
    pub struct StreamsGroupTargetAssignmentMemberKey { group_id: Arc<str>, member_id: Arc<str> }

    /// What a member is to have.
    pub struct StreamsGroupTargetAssignmentMemberValue {
        active_tasks: Vec<TaskIds>,
        standby_tasks: Vec<TaskIds>,
        warmup_tasks: Vec<TaskIds>,
    }

    /// Tasks of one subtopology.
    pub struct TaskIds { subtopology_id: Arc<str>, partitions: Vec<i32> }
    /// Names a member.
    pub struct StreamsGroupCurrentMemberAssignmentKey { group_id: Arc<str>, member_id: Arc<str> }

    /// What a member has, and what it gives back.
    pub struct StreamsGroupCurrentMemberAssignmentValue {
        member_epoch: i32,
        /// Accepted too, for an answer that was lost.
        previous_member_epoch: i32,
        state: i8,
        active_tasks: Vec<TaskIdsWithEpochs>,
        standby_tasks: Vec<TaskIdsWithEpochs>,
        warmup_tasks: Vec<TaskIdsWithEpochs>,
        active_tasks_pending_revocation: Vec<TaskIdsWithEpochs>,
        standby_tasks_pending_revocation: Vec<TaskIdsWithEpochs>,
        warmup_tasks_pending_revocation: Vec<TaskIdsWithEpochs>,
    }

    /// Tasks of one subtopology.
    pub struct TaskIdsWithEpochs {
        subtopology_id: Arc<str>,
        partitions: Vec<i32>,
        /// When each came to the member, to fence its late commits.
        assignment_epochs: Option<Vec<i32>>         [tag 0],
    }

    /// Names a group.
    pub struct StreamsGroupTopologyKey { group_id: Arc<str> }
    /// What the application does, in parts that can run apart.
    pub struct StreamsGroupTopologyValue { epoch: i32, subtopologies: Vec<Subtopology> }

    /// A part.
    pub struct Subtopology {
        subtopology_id: Arc<str>,
        source_topics: Vec<Arc<str>>,
        source_topic_regex: Vec<Arc<str>>,
        state_changelog_topics: Vec<TopicInfo>,
        repartition_sink_topics: Vec<Arc<str>>,
        repartition_source_topics: Vec<TopicInfo>,
        copartition_groups: Vec<CopartitionGroup>,
    }

    /// A topic of the application's own.
    pub struct TopicInfo {
        name: Arc<str>,
        partitions: i32,
        replication_factor: i16,
        topic_configs: Vec<TopicConfig>,
    }

    /// A config of a topic.
    pub struct TopicConfig { key: Arc<str>, value: Arc<str> }

    /// Topics with the same number of partitions, by their places in the lists of the subtopology.
    pub struct CopartitionGroup {
        source_topics: Vec<i16>,
        source_topic_regex: Vec<i16>,
        repartition_source_topics: Vec<i16>,
    }
}

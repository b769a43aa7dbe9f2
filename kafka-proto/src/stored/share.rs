//! Share groups, as `__consumer_offsets` and `__share_group_state` keep them (KIP-932).
//!
//! A record without a value deletes what its key names.

use crate::{schema::schema, uuid::Uuid, wire::prelude::*};

schema!(ShareGroupMetadataKey, key 11, versions 0..=0);
schema!(ShareGroupMetadataValue, value 11, versions 0..=0, flexible 0..);
schema!(ShareGroupMemberMetadataKey, key 10, versions 0..=0);
schema!(ShareGroupMemberMetadataValue, value 10, versions 0..=0, flexible 0..);
schema!(ShareGroupTargetAssignmentMetadataKey, key 12, versions 0..=0);
schema!(ShareGroupTargetAssignmentMetadataValue, value 12, versions 0..=0, flexible 0..);
schema!(ShareGroupTargetAssignmentMemberKey, key 13, versions 0..=0);
schema!(ShareGroupTargetAssignmentMemberValue, value 13, versions 0..=0, flexible 0..);
schema!(ShareGroupCurrentMemberAssignmentKey, key 14, versions 0..=0);
schema!(ShareGroupCurrentMemberAssignmentValue, value 14, versions 0..=0, flexible 0..);
schema!(ShareGroupStatePartitionMetadataKey, key 15, versions 0..=0);
schema!(ShareGroupStatePartitionMetadataValue, value 15, versions 0..=0, flexible 0..);
schema!(ShareSnapshotKey, key 0, versions 0..=0);
schema!(ShareSnapshotValue, value 0, versions 0..=0, flexible 0..);
schema!(ShareUpdateKey, key 1, versions 0..=0);
schema!(ShareUpdateValue, value 1, versions 0..=0, flexible 0..);
wire! {
    /// Names a group.
    pub struct ShareGroupMetadataKey { group_id: Arc<str> }

    /// Where a group stands.
    pub struct ShareGroupMetadataValue {
        epoch: i32,
        /// Over the topics that the group reads, so that changes are noticed.
        metadata_hash: i64,
    }

    /// Names a member.
    pub struct ShareGroupMemberMetadataKey { group_id: Arc<str>, member_id: Arc<str> }

    /// A member as it described itself.
    pub struct ShareGroupMemberMetadataValue {
        rack_id: Option<Arc<str>>,
        client_id: Arc<str>,
        client_host: Arc<str>,
        subscribed_topic_names: Vec<Arc<str>>,
    }

    /// Names a group.
    pub struct ShareGroupTargetAssignmentMetadataKey { group_id: Arc<str> }

    /// Of which epoch the target assignment is.
    pub struct ShareGroupTargetAssignmentMetadataValue {
        assignment_epoch: i32,
        assignment_timestamp: i64                   [tag 0],
    }

    /// Names a member.
    pub struct ShareGroupTargetAssignmentMemberKey { group_id: Arc<str>, member_id: Arc<str> }
    /// What a member is to have.
    pub struct ShareGroupTargetAssignmentMemberValue { topic_partitions: Vec<TopicPartition> }
    /// Partitions of one topic.
    pub struct TopicPartition { topic_id: Uuid, partitions: Vec<i32> }
    /// Names a member.
    pub struct ShareGroupCurrentMemberAssignmentKey { group_id: Arc<str>, member_id: Arc<str> }

    /// What a member has.
    pub struct ShareGroupCurrentMemberAssignmentValue {
        member_epoch: i32,
        previous_member_epoch: i32,
        state: i8,
        assigned_partitions: Vec<TopicPartitions>,
    }

    /// Partitions of one topic.
    pub struct TopicPartitions { topic_id: Uuid, partitions: Vec<i32> }
    /// Names a group.
    pub struct ShareGroupStatePartitionMetadataKey { group_id: Arc<str> }

    /// Of which partitions a share coordinator keeps the state.
    pub struct ShareGroupStatePartitionMetadataValue {
        initializing_topics: Vec<TopicPartitionsInfo>,
        initialized_topics: Vec<TopicPartitionsInfo>,
        deleting_topics: Vec<TopicInfo>,
    }

    /// Partitions of one topic.
    pub struct TopicPartitionsInfo { topic_id: Uuid, topic_name: Arc<str>, partitions: Vec<i32> }
    /// A topic.
    pub struct TopicInfo { topic_id: Uuid, topic_name: Arc<str> }
    /// Names the state of a group in a partition.
    pub struct ShareSnapshotKey { group_id: Arc<str>, topic_id: Uuid, partition: i32 }

    /// The state, whole.
    pub struct ShareSnapshotValue {
        snapshot_epoch: i32,
        state_epoch: i32,
        leader_epoch: i32,
        start_offset: i64,
        /// Done behind the start offset; -1 when unknown.
        delivery_complete_count: i32                [tag 0] = -1,
        create_timestamp: i64,
        write_timestamp: i64,
        state_batches: Vec<StateBatch>,
    }

    /// What became of a range of records.
    pub struct StateBatch {
        first_offset: i64,
        last_offset: i64,
        /// 0 available, 2 acknowledged, 4 archived.
        delivery_state: i8,
        delivery_count: i16,
    }

    /// Names the state of a group in a partition.
    pub struct ShareUpdateKey { group_id: Arc<str>, topic_id: Uuid, partition: i32 }

    /// What changed since the snapshot.
    pub struct ShareUpdateValue {
        snapshot_epoch: i32,
        leader_epoch: i32,
        /// -1 when it has not changed.
        start_offset: i64,
        delivery_complete_count: i32                [tag 0] = -1,
        state_batches: Vec<StateBatch>,
    }
}

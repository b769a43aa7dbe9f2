//! Groups of the `consumer` protocol, as `__consumer_offsets` keeps them (KIP-848).
//!
//! A record without a value deletes what its key names.

use crate::{schema::schema, uuid::Uuid, wire::prelude::*};
use bytes::Bytes;

schema!(ConsumerGroupMetadataKey, key 3, versions 0..=0);
schema!(ConsumerGroupMetadataValue, value 3, versions 0..=0, flexible 0..);
schema!(ConsumerGroupPartitionMetadataKey, key 4, versions 0..=0);
schema!(ConsumerGroupPartitionMetadataValue, value 4, versions 0..=0, flexible 0..);
schema!(ConsumerGroupMemberMetadataKey, key 5, versions 0..=0);
schema!(ConsumerGroupMemberMetadataValue, value 5, versions 0..=0, flexible 0..);
schema!(ConsumerGroupTargetAssignmentMetadataKey, key 6, versions 0..=0);
schema!(ConsumerGroupTargetAssignmentMetadataValue, value 6, versions 0..=0, flexible 0..);
schema!(ConsumerGroupTargetAssignmentMemberKey, key 7, versions 0..=0);
schema!(ConsumerGroupTargetAssignmentMemberValue, value 7, versions 0..=0, flexible 0..);
schema!(ConsumerGroupCurrentMemberAssignmentKey, key 8, versions 0..=0);
schema!(ConsumerGroupCurrentMemberAssignmentValue, value 8, versions 0..=0, flexible 0..);
schema!(ConsumerGroupRegularExpressionKey, key 16, versions 0..=0);
schema!(ConsumerGroupRegularExpressionValue, value 16, versions 0..=0, flexible 0..);
wire! {
    /// Names a group.
    pub struct ConsumerGroupMetadataKey { group_id: Arc<str> }

    /// Where a group stands.
    pub struct ConsumerGroupMetadataValue {
        epoch: i32,
        /// Over the topics that the group reads, so that changes are noticed.
        metadata_hash: i64                          [tag 0],
    }

    /// Names a group; not written any more.
    pub struct ConsumerGroupPartitionMetadataKey { group_id: Arc<str> }

    /// The topics of a group as 4.0 and before kept them.
    pub struct ConsumerGroupPartitionMetadataValue { topics: Vec<TopicMetadata> }

    /// A topic with its size.
    pub struct TopicMetadata {
        topic_id: Uuid,
        topic_name: Arc<str>,
        num_partitions: i32,
        partition_metadata: Vec<PartitionMetadata>,
    }

    /// The racks of one partition; not used any more.
    pub struct PartitionMetadata { partition: i32, racks: Vec<Arc<str>> }

    /// Names a member.
    pub struct ConsumerGroupMemberMetadataKey { group_id: Arc<str>, member_id: Arc<str> }

    /// A member as it described itself.
    pub struct ConsumerGroupMemberMetadataValue {
        instance_id: Option<Arc<str>>,
        rack_id: Option<Arc<str>>,
        client_id: Arc<str>,
        client_host: Arc<str>,
        subscribed_topic_names: Vec<Arc<str>>,
        subscribed_topic_regex: Option<Arc<str>>,
        rebalance_timeout_ms: i32 = -1,
        server_assignor: Option<Arc<str>>,
        /// Null unless the member uses the classic protocol.
        classic_member_metadata: Option<ClassicMemberMetadata> [tag 0],
    }

    /// What a member of the classic protocol joined with.
    pub struct ClassicMemberMetadata {
        session_timeout_ms: i32,
        supported_protocols: Vec<ClassicProtocol>,
    }

    /// An assignor of a classic member.
    pub struct ClassicProtocol { name: Arc<str>, metadata: Bytes }

    /// Names a group.
    pub struct ConsumerGroupTargetAssignmentMetadataKey { group_id: Arc<str> }

    /// Of which epoch the target assignment is.
    pub struct ConsumerGroupTargetAssignmentMetadataValue {
        assignment_epoch: i32,
        assignment_timestamp: i64                   [tag 0],
    }

    /// Names a member.
    pub struct ConsumerGroupTargetAssignmentMemberKey { group_id: Arc<str>, member_id: Arc<str> }

    /// What a member is to have.
    pub struct ConsumerGroupTargetAssignmentMemberValue { topic_partitions: Vec<TopicPartition> }

    /// Partitions of one topic.
    pub struct TopicPartition { topic_id: Uuid, partitions: Vec<i32> }

    /// Names a member.
    pub struct ConsumerGroupCurrentMemberAssignmentKey { group_id: Arc<str>, member_id: Arc<str> }

    /// What a member has, and on its way to what.
    pub struct ConsumerGroupCurrentMemberAssignmentValue {
        member_epoch: i32,
        /// Accepted too, for an answer that was lost.
        previous_member_epoch: i32,
        /// 0 stable, 1 gives partitions back, 2 waits for partitions, 127 unknown.
        state: i8,
        assigned_partitions: Vec<TopicPartitions>,
        partitions_pending_revocation: Vec<TopicPartitions>,
    }

    /// Partitions of one topic.
    pub struct TopicPartitions {
        topic_id: Uuid,
        partitions: Vec<i32>,
        /// When each came to the member, to fence its late commits.
        assignment_epochs: Option<Vec<i32>>         [tag 0],
    }

    /// Names a regular expression of a group.
    pub struct ConsumerGroupRegularExpressionKey {
        group_id: Arc<str>,
        regular_expression: Arc<str>,
    }

    /// The topics that it matches.
    pub struct ConsumerGroupRegularExpressionValue {
        topics: Vec<Arc<str>>,
        /// Of the metadata image that it was matched against.
        version: i64,
        timestamp: i64,
    }
}

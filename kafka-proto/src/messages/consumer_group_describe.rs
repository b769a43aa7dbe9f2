//! ConsumerGroupDescribe: state and members of groups of the `consumer` protocol (KIP-848).
//!
//! Sent by administrators to the groups' coordinator. Version 1 tells classic members from others (KIP-1099).

use crate::{ErrorCode, uuid::Uuid, wire::prelude::*};
api!(ConsumerGroupDescribe = 69, versions 0..=1, flexible 0..);
wire! {
    /// Which groups.
    pub struct Request { group_ids: Vec<Arc<str>>, include_authorized_operations: bool }
    /// One description per group.
    pub struct Response { throttle_time_ms: i32, groups: Vec<DescribedGroup> }
    /// A group.
    pub struct DescribedGroup {
        error_code: ErrorCode,
        error_message: Option<Arc<str>> = None,
        group_id: Arc<str>,
        /// `Empty`, `Assigning`, `Reconciling`, `Stable` or `Dead`.
        group_state: Arc<str>,
        group_epoch: i32,
        assignment_epoch: i32,
        assignor_name: Arc<str>,
        members: Vec<Member>,
        /// The operations the caller may do, a bit each; `i32::MIN` when they were not asked for.
        authorized_operations: i32 = i32::MIN,
    }

    /// A member.
    pub struct Member {
        member_id: Arc<str>,
        instance_id: Option<Arc<str>> = None,
        rack_id: Option<Arc<str>> = None,
        member_epoch: i32,
        client_id: Arc<str>,
        client_host: Arc<str>,
        subscribed_topic_names: Vec<Arc<str>>,
        subscribed_topic_regex: Option<Arc<str>> = None,
        /// What it has.
        assignment: Assignment,
        /// What it is to have.
        target_assignment: Assignment,
        /// -1 unknown, 0 classic, 1 consumer.
        member_type: i8                             [1.., drop] = -1,
    }

    /// Partitions of any topics.
    pub struct Assignment { topic_partitions: Vec<TopicPartitions> }
    /// Partitions of one topic.
    pub struct TopicPartitions { topic_id: Uuid, topic_name: Arc<str>, partitions: Vec<i32> }
}

//! ShareGroupDescribe: state and members of share groups (KIP-932).
//!
//! Sent by administrators to the groups' coordinator. Version 1 is the first; 0 was never released for use.

use crate::{ErrorCode, uuid::Uuid, wire::prelude::*};
api!(ShareGroupDescribe = 77, versions 1..=1, flexible 0..);
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
        /// `Empty`, `Stable` or `Dead`.
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
        rack_id: Option<Arc<str>> = None,
        member_epoch: i32,
        client_id: Arc<str>,
        client_host: Arc<str>,
        subscribed_topic_names: Vec<Arc<str>>,
        assignment: Assignment,
    }

    /// Partitions of any topics.
    pub struct Assignment { topic_partitions: Vec<TopicPartitions> }
    /// Partitions of one topic.
    pub struct TopicPartitions { topic_id: Uuid, topic_name: Arc<str>, partitions: Vec<i32> }
}

//! ConsumerGroupHeartbeat: join, stay in and leave a group whose broker assigns the partitions (KIP-848).
//!
//! Sent by consumers of the `consumer` protocol to the group's coordinator. Version 1 lets the member choose its id and
//! subscribe by a regular expression that the broker evaluates.

use crate::{ErrorCode, uuid::Uuid, wire::prelude::*};
api!(ConsumerGroupHeartbeat = 68, versions 0..=1, flexible 0..);
wire! {
    /// Fields that have not changed since the last one may be left null or -1.
    pub struct Request {
        group_id: Arc<str>,
        /// A uuid that the member makes up and keeps.
        member_id: Arc<str>,
        /// 0 to join, -1 to leave, -2 to leave for a while as a static member.
        member_epoch: i32,
        /// The id of a static member.
        instance_id: Option<Arc<str>> = None,
        rack_id: Option<Arc<str>> = None,
        /// How long the member may take to give partitions back.
        rebalance_timeout_ms: i32 = -1,
        subscribed_topic_names: Option<Vec<Arc<str>>> = None,
        /// In the syntax of RE2.
        subscribed_topic_regex: Option<Arc<str>>    [1..] = None,
        /// Null for the broker's default.
        server_assignor: Option<Arc<str>> = None,
        /// What the member owns at the moment.
        topic_partitions: Option<Vec<TopicPartitions>> = None,
    }

    /// Partitions of one topic.
    pub struct TopicPartitions { topic_id: Uuid, partitions: Vec<i32> }
    /// Where the member stands.
    pub struct Response {
        throttle_time_ms: i32,
        error_code: ErrorCode,
        error_message: Option<Arc<str>> = None,
        member_id: Option<Arc<str>> = None,
        member_epoch: i32,
        heartbeat_interval_ms: i32,
        /// Null when it has not changed.
        assignment: Option<Assignment> = None,
    }

    /// The partitions that the member may have now.
    pub struct Assignment { topic_partitions: Vec<TopicPartitions> }
}

//! ShareGroupHeartbeat: join, stay in and leave a share group (KIP-932).
//!
//! Sent by share consumers to the group's coordinator. Version 1 is the first; 0 was never released for use.

use crate::{ErrorCode, uuid::Uuid, wire::prelude::*};
api!(ShareGroupHeartbeat = 76, versions 1..=1, flexible 0..);
wire! {
    /// Fields that have not changed since the last one may be left null.
    pub struct Request {
        group_id: Arc<str>,
        /// A uuid that the member makes up and keeps.
        member_id: Arc<str>,
        /// 0 to join, -1 to leave.
        member_epoch: i32,
        rack_id: Option<Arc<str>> = None,
        subscribed_topic_names: Option<Vec<Arc<str>>> = None,
    }

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

    /// The partitions that the member reads from; others may too.
    pub struct Assignment { topic_partitions: Vec<TopicPartitions> }
    /// Partitions of one topic.
    pub struct TopicPartitions { topic_id: Uuid, partitions: Vec<i32> }
}

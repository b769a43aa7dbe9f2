//! DeleteShareGroupOffsets: let a share group without members forget topics (KIP-932).
//!
//! Sent by administrators to the group's coordinator.

use crate::{ErrorCode, uuid::Uuid, wire::prelude::*};
api!(DeleteShareGroupOffsets = 92, versions 0..=0, flexible 0..);
wire! {
    /// What to forget.
    pub struct Request { group_id: Arc<str>, topics: Vec<DeleteShareGroupOffsetsRequestTopic> }
    /// A topic.
    pub struct DeleteShareGroupOffsetsRequestTopic { topic_name: Arc<str> }
    /// A result per topic.
    pub struct Response {
        throttle_time_ms: i32,
        error_code: ErrorCode,
        error_message: Option<Arc<str>> = None,
        responses: Vec<DeleteShareGroupOffsetsResponseTopic>,
    }

    /// Whether the topic is forgotten.
    pub struct DeleteShareGroupOffsetsResponseTopic {
        topic_name: Arc<str>,
        topic_id: Uuid,
        error_code: ErrorCode,
        error_message: Option<Arc<str>> = None,
    }
}

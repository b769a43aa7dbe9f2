//! DeleteTopics: delete topics by name or by id.
//!
//! Sent by administrators to the controller; brokers forward it. Version 4 is flexible, 5 tells why it failed
//! (KIP-599), 6 can name topics by id (KIP-516).

use crate::{ErrorCode, uuid::Uuid, wire::prelude::*};
api!(DeleteTopics = 20, versions 1..=6, flexible 4..);
wire! {
    /// Goes to the controller; brokers forward it.
    pub struct Request {
        topics: Vec<DeleteTopicState>               [6..],
        topic_names: Vec<Arc<str>>                  [..=5, drop],
        timeout_ms: i32,
    }

    /// A topic by name, or by id where the name is `None`.
    pub struct DeleteTopicState { name: Option<Arc<str>> = None, topic_id: Uuid }
    /// A result per topic.
    pub struct Response { throttle_time_ms: i32, responses: Vec<DeletableTopicResult> }
    /// Whether one topic was deleted.
    pub struct DeletableTopicResult {
        name: Option<Arc<str>>                      [null 6..],
        topic_id: Uuid                              [6.., drop],
        error_code: ErrorCode,
        /// Why it failed, in the words of the broker.
        error_message: Option<Arc<str>>             [5.., drop] = None,
    }
}

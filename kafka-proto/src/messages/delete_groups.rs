//! DeleteGroups: delete groups that have no members, with their offsets.
//!
//! Sent by administrators to the groups' coordinator. Version 3 answers with a message.

use crate::{ErrorCode, wire::prelude::*};
api!(DeleteGroups = 42, versions 0..=3, flexible 2..);
wire! {
    /// Which groups.
    pub struct Request { groups_names: Vec<Arc<str>> }
    /// A result per group.
    pub struct Response { throttle_time_ms: i32, results: Vec<DeletableGroupResult> }
    /// Whether one group is gone.
    pub struct DeletableGroupResult {
        group_id: Arc<str>,
        error_code: ErrorCode,
        error_message: Option<Arc<str>>             [3.., drop] = None,
    }
}

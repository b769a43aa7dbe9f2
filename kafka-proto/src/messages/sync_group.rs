//! SyncGroup: hand in the assignment of a classic group, or fetch one's part of it.
//!
//! Every member sends it to the coordinator after JoinGroup; only the leader's has assignments. Version 3 knows static
//! members (KIP-345), 5 checks the protocol.

use crate::{ErrorCode, wire::prelude::*};
use bytes::Bytes;
api!(SyncGroup = 14, versions 0..=5, flexible 4..);
wire! {
    /// Is answered when the leader's assignment is there.
    pub struct Request {
        group_id: Arc<str>,
        /// From the answer to JoinGroup.
        generation_id: i32,
        member_id: Arc<str>,
        /// The id of a static member.
        group_instance_id: Option<Arc<str>>         [3..] = None,
        protocol_type: Option<Arc<str>>             [5.., drop] = None,
        protocol_name: Option<Arc<str>>             [5.., drop] = None,
        /// Of all members, from the leader; empty from the others.
        assignments: Vec<SyncGroupRequestAssignment>,
    }

    /// What one member gets.
    pub struct SyncGroupRequestAssignment {
        member_id: Arc<str>,
        /// For `consumer` an [`Assignment`](crate::group_protocol::Assignment).
        assignment: Bytes,
    }

    /// The member's own part.
    pub struct Response {
        throttle_time_ms: i32                       [1.., drop],
        error_code: ErrorCode,
        protocol_type: Option<Arc<str>>             [5.., drop] = None,
        protocol_name: Option<Arc<str>>             [5.., drop] = None,
        /// As the leader wrote it.
        assignment: Bytes,
    }
}

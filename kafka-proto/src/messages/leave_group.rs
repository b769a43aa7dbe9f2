//! LeaveGroup: take members out of a classic group.
//!
//! Sent by a member that closes, or by an administrator, to the coordinator. Version 3 takes several members, static
//! ones by their instance id (KIP-345); 5 tells a reason (KIP-800).

use crate::{ErrorCode, wire::prelude::*};
api!(LeaveGroup = 13, versions 0..=5, flexible 4..);
wire! {
    /// Who leaves.
    pub struct Request {
        group_id: Arc<str>,
        member_id: Arc<str>                         [..=2],
        members: Vec<MemberIdentity>                [3..],
    }

    /// A member by its id or its instance id.
    pub struct MemberIdentity {
        /// Empty where the instance id says who it is.
        member_id: Arc<str>,
        group_instance_id: Option<Arc<str>> = None,
        /// Why it leaves, for the broker's log.
        reason: Option<Arc<str>>                    [5.., drop] = None,
    }

    /// A result per member since version 3.
    pub struct Response {
        throttle_time_ms: i32                       [1.., drop],
        error_code: ErrorCode,
        members: Vec<MemberResponse>                [3..],
    }

    /// Whether one member is out.
    pub struct MemberResponse {
        member_id: Arc<str>,
        group_instance_id: Option<Arc<str>>,
        error_code: ErrorCode,
    }
}

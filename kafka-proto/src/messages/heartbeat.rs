//! Heartbeat: stay a member of a classic group.
//!
//! Sent by every member to the coordinator, a few times per session timeout; the answer tells of a rebalance. Version 3
//! knows static members (KIP-345).

use crate::{ErrorCode, wire::prelude::*};
api!(Heartbeat = 12, versions 0..=4, flexible 4..);
wire! {
    /// Says that the member is alive.
    pub struct Request {
        group_id: Arc<str>,
        generation_id: i32,
        member_id: Arc<str>,
        /// The id of a static member.
        group_instance_id: Option<Arc<str>>         [3..] = None,
    }

    /// `REBALANCE_IN_PROGRESS` asks the member to join again.
    pub struct Response { throttle_time_ms: i32 [1.., drop], error_code: ErrorCode }
}

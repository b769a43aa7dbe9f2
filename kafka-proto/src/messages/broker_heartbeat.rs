//! BrokerHeartbeat: a broker tells the controller that it is alive (KIP-631).
//!
//! Sent by brokers all the time. Version 1 names log directories that failed (KIP-858), 2 those that get no new
//! replicas (KIP-1066).

use crate::{ErrorCode, uuid::Uuid, wire::prelude::*};
api!(BrokerHeartbeat = 63, versions 0..=2, flexible 0..);
wire! {
    /// How the broker is.
    pub struct Request {
        broker_id: i32,
        broker_epoch: i64 = -1,
        /// The end of the metadata that it has applied.
        current_metadata_offset: i64,
        /// Whether it wants to lead nothing.
        want_fence: bool,
        want_shut_down: bool,
        offline_log_dirs: Vec<Uuid>                 [tag 0, 1..],
        cordoned_log_dirs: Option<Vec<Uuid>>        [tag 1, 2..] = None,
    }

    /// What the controller makes of it.
    pub struct Response {
        throttle_time_ms: i32,
        error_code: ErrorCode,
        is_caught_up: bool,
        /// Whether it may lead nothing.
        is_fenced: bool = true,
        should_shut_down: bool,
    }
}

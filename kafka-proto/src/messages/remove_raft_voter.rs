//! RemoveRaftVoter: take the vote from a controller (KIP-853).
//!
//! Sent by administrators to the leader of the quorum; brokers forward it.

use crate::{ErrorCode, uuid::Uuid, wire::prelude::*};
api!(RemoveRaftVoter = 81, versions 0..=0, flexible 0..);
wire! {
    /// Which controller.
    pub struct Request { cluster_id: Option<Arc<str>>, voter_id: i32, voter_directory_id: Uuid }
    /// Whether it votes no more.
    pub struct Response {
        throttle_time_ms: i32,
        error_code: ErrorCode,
        error_message: Option<Arc<str>>,
    }
}

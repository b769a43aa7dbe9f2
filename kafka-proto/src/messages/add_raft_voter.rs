//! AddRaftVoter: make a controller a voter of the Raft quorum (KIP-853).
//!
//! Sent by administrators, and by controllers that join by themselves, to the leader; brokers forward it. Version 1 can
//! be answered before the change is committed (KIP-1186).

use crate::{ErrorCode, uuid::Uuid, wire::prelude::*};
api!(AddRaftVoter = 80, versions 0..=1, flexible 0..);
wire! {
    /// Which controller.
    pub struct Request {
        cluster_id: Option<Arc<str>>,
        timeout_ms: i32,
        voter_id: i32,
        voter_directory_id: Uuid,
        listeners: Vec<Listener>,
        ack_when_committed: bool                    [1..] = true,
    }

    /// An address of the voter.
    pub struct Listener { name: Arc<str>, host: Arc<str>, port: u16 }
    /// Whether it votes.
    pub struct Response {
        throttle_time_ms: i32,
        error_code: ErrorCode,
        error_message: Option<Arc<str>>,
    }
}

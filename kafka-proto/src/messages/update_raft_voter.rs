//! UpdateRaftVoter: tell the quorum of a voter's addresses and versions (KIP-853).
//!
//! Sent by voters to the leader of the quorum.

use crate::{ErrorCode, uuid::Uuid, wire::prelude::*};
api!(UpdateRaftVoter = 82, versions 0..=0, flexible 0..);
wire! {
    /// What the voter is now.
    pub struct Request {
        cluster_id: Option<Arc<str>>,
        current_leader_epoch: i32,
        voter_id: i32,
        voter_directory_id: Uuid,
        listeners: Vec<Listener>,
        k_raft_version_feature: KRaftVersionFeature,
    }

    /// An address of the voter.
    pub struct Listener { name: Arc<str>, host: Arc<str>, port: u16 }
    /// The levels of `kraft.version` that it knows.
    pub struct KRaftVersionFeature { min_supported_version: i16, max_supported_version: i16 }
    /// Whether it is noted.
    pub struct Response {
        throttle_time_ms: i32,
        error_code: ErrorCode,
        current_leader: CurrentLeader               [tag 0],
    }

    /// Who leads, when it was not the one asked.
    pub struct CurrentLeader {
        leader_id: i32 = -1,
        leader_epoch: i32 = -1,
        host: Arc<str>,
        port: i32,
    }
}

//! What control batches hold, and files of the Raft quorum.
//!
//! [`records::control`](crate::records::control) makes and reads the batches.

use crate::{schema::schema, uuid::Uuid, wire::prelude::*};

schema!(ControlRecordTypeSchema, nothing, versions 0..=0);
schema!(EndTxnMarker, version, versions 0..=0);
schema!(LeaderChangeMessage, nothing, versions 0..=1, flexible 0..);
schema!(SnapshotHeaderRecord, nothing, versions 0..=0, flexible 0..);
schema!(SnapshotFooterRecord, nothing, versions 0..=0, flexible 0..);
schema!(KRaftVersionRecord, nothing, versions 0..=0, flexible 0..);
schema!(VotersRecord, nothing, versions 0..=0, flexible 0..);
schema!(QuorumStateData, nothing, versions 0..=1, flexible 0..);
schema!(DefaultPrincipalData, version, versions 0..=0, flexible 0..);
wire! {
    /// The key of a control record.
    pub struct ControlRecordTypeSchema { r#type: i16 }
    /// How a transaction ended; the key tells whether it was committed.
    pub struct EndTxnMarker { coordinator_epoch: i32 }

    /// Another leader of the Raft quorum; written at version 0 whatever `version` says.
    pub struct LeaderChangeMessage {
        version: i16,
        leader_id: i32,
        voters: Vec<LeaderChangeVoter>,
        /// Those that voted for the leader.
        granting_voters: Vec<LeaderChangeVoter>,
    }

    /// A voter.
    pub struct LeaderChangeVoter { voter_id: i32, voter_directory_id: Uuid [1..] }
    /// The start of a snapshot.
    pub struct SnapshotHeaderRecord { version: i16, last_contained_log_timestamp: i64 }
    /// The end of a snapshot.
    pub struct SnapshotFooterRecord { version: i16 }
    /// The level of `kraft.version`.
    pub struct KRaftVersionRecord { version: i16, k_raft_version: i16 }
    /// The voters of the Raft quorum (KIP-853).
    pub struct VotersRecord { version: i16, voters: Vec<Voter> }

    /// A voter.
    pub struct Voter {
        voter_id: i32,
        voter_directory_id: Uuid,
        endpoints: Vec<Endpoint>,
        k_raft_version_feature: KRaftVersionFeature,
    }

    /// An address of a voter.
    pub struct Endpoint { name: Arc<str>, host: Arc<str>, port: u16 }
    /// The levels of `kraft.version` that it knows.
    pub struct KRaftVersionFeature { min_supported_version: i16, max_supported_version: i16 }

    /// The vote of a node, in the `quorum-state` file as JSON.
    pub struct QuorumStateData {
        cluster_id: Arc<str>                        [..=0],
        leader_id: i32 = -1,
        leader_epoch: i32 = -1,
        voted_id: i32 = -1,
        voted_directory_id: Uuid                    [1..],
        /// Not used.
        applied_offset: i64                         [..=0],
        current_voters: Option<Vec<QuorumStateVoter>> [..=0],
    }

    /// A voter.
    pub struct QuorumStateVoter { voter_id: i32 }

    /// Who sent a forwarded request.
    pub struct DefaultPrincipalData {
        r#type: Arc<str>,
        name: Arc<str>,
        /// Whether by a delegation token.
        token_authenticated: bool,
    }
}

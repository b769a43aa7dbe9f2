//! A member of a classic group: what it speaks, what it was given, and which of its requests wait.

use super::Ticket;
use bytes::Bytes;
use std::sync::Arc;

/// A protocol that a member can follow, and what it says under it.
pub(crate) type Protocol = (Arc<str>, Bytes);

#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub(crate) instance_id: Option<Arc<str>>,
    pub(crate) client_id: Arc<str>,
    pub(crate) client_host: Arc<str>,
    pub(super) rebalance_timeout_ms: i32,
    pub(super) session_timeout_ms: i32,
    /// The one it likes best first.
    pub(super) protocols: Vec<Protocol>,
    pub(crate) assignment: Bytes,
    /// It has not got its first answer yet, and may not know its id.
    pub(super) is_new: bool,
    /// The JoinGroup of it that waits.
    pub(super) join: Option<Ticket>,
    /// The SyncGroup of it that waits.
    pub(super) sync: Option<Ticket>,
}

impl Member {
    /// What it says under a protocol.
    pub(crate) fn metadata(&self, protocol: &str) -> Bytes {
        let found = self.protocols.iter().find(|(name, _)| &**name == protocol);
        found.map(|(_, metadata)| metadata.clone()).unwrap_or_default()
    }

    pub(super) fn speaks(&self, protocol: &str) -> bool {
        self.protocols.iter().any(|(name, _)| &**name == protocol)
    }

    pub(super) fn session_ms(&self) -> u64 {
        u64::try_from(self.session_timeout_ms).unwrap_or(0)
    }

    /// Its answers to what it has asked last prove that it lives: its session cannot end meanwhile.
    pub(super) fn is_waiting(&self) -> bool {
        self.join.is_some() || self.sync.is_some()
    }
}

//! Where a member of a classic group stands; the picture is in `classic.rs`.

use super::super::super::assignor::GroupMember;
use crate::clock::Monotonic;
use crate::error::Error;
use kafka_proto::messages::sync_group;

#[derive(Debug)]
pub(super) enum Phase {
    /// Not in the group, and not meant to be.
    Out,
    /// It has to join as soon as the application has given up what it must.
    Prepare,
    /// JoinGroup is due or under way.
    Join,
    /// It leads, and waits to learn of the topics of all members.
    Assign {
        members: Vec<GroupMember>,
        until: Monotonic,
        /// The assignment stands: a static leader is back (KIP-814).
        stands: bool,
    },
    /// SyncGroup is due or under way.
    Sync(Vec<sync_group::SyncGroupRequestAssignment>),
    Stable,
    /// Another member has taken the name of this one.
    Fenced(Error),
}

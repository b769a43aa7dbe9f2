//! What the members of a group did and were told, in the order in which it happened, and what was stored for them.

use crate::content::Id;
use std::collections::{BTreeMap, BTreeSet};

/// A life of a member: its place in the group, and how many it had there before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Member {
    pub(crate) slot: u32,
    pub(crate) life: u32,
}

/// Something that a member did or was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum What {
    /// These came; from now on it has all of `held`.
    Assigned { generation: i32, came: Vec<usize>, held: Vec<usize> },
    /// It has given these up.
    Revoked(Vec<usize>),
    /// These were gone already.
    Lost(Vec<usize>),
    /// It has done with a record; if it acknowledges, it has only seen it.
    Handled { partition: usize, offset: i64, value: Option<Id> },
    /// It has done with a record that it saw before.
    Acknowledged { partition: usize, offset: i64 },
    /// A commit that names its offset has an outcome.
    Committed { partition: usize, offset: i64, ok: bool },
    /// A commit of all that was handed out has an outcome.
    CommittedAll { ok: bool },
    /// It stood still, asking for nothing, for longer than it may.
    StoodStill,
    /// It was off the network.
    CutOff,
    /// It left in good order.
    Closed,
    /// It unsubscribed, and is about to subscribe again.
    Unsubscribed,
    /// It is gone without a word.
    Died,
    /// It was told an error that it should not have been.
    Told(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) at_ms: u64,
    pub(crate) member: Member,
    pub(crate) what: What,
}

/// An offset that the coordinator has taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stored {
    pub(crate) at_ms: u64,
    pub(crate) partition: usize,
    pub(crate) offset: i64,
    /// Who committed it, if it says so.
    pub(crate) by: Option<Member>,
}

/// The life of a group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Group {
    pub(crate) cooperative: bool,
    pub(crate) events: Vec<Event>,
    pub(crate) stored: Vec<Stored>,
    /// Handled records that the death of a listener in a slot may leave uncommitted in a partition.
    pub(crate) repeats: BTreeMap<u32, u64>,
    /// The places of members that acknowledge.
    pub(crate) acknowledging: BTreeSet<u32>,
    /// From when to when nobody came or went and there was nothing to do.
    pub(crate) quiet_ms: (u64, u64),
    /// What was not committed in the end, although there was time.
    pub(crate) lag: Option<String>,
}

//! What was asked of the clients and what they answered, in the order in which it happened to each of them.

use crate::content::Id;
use crate::groups::history::Group;

/// What a producer was made to promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Promise {
    /// Idempotent: once and in order.
    ExactlyOnce,
    /// What is acknowledged is there, once or more.
    AtLeastOnce,
    /// Nothing is there twice; what is acknowledged is there.
    AtMostOnce,
    /// Nothing is there twice, and nobody says what is there (`acks=0`).
    Unacknowledged,
}

/// What became of one record that was to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Acknowledged; without an offset where the broker does not say.
    Stored { partition: i32, offset: Option<i64> },
    /// Failed, refused, or given up before it had a place.
    Failed { possibly_written: bool },
    /// Nobody looked.
    Unknown,
    /// Still open when it should not have been.
    Unresolved,
}

/// One record that was to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sent {
    pub(crate) id: Id,
    /// The partition that was asked for, if one was.
    pub(crate) partition: Option<i32>,
    pub(crate) fate: Fate,
}

/// Something that had to be over in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Timed {
    pub(crate) what: &'static str,
    pub(crate) limit_ms: u64,
    pub(crate) took_ms: u64,
    /// Records that had no outcome when it returned, though it says that all have.
    pub(crate) open: usize,
}

/// A producer's life.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Produced {
    pub(crate) promise: Promise,
    pub(crate) sends: Vec<Sent>,
    pub(crate) timed: Vec<Timed>,
    /// Sent after everything was healed, again and again, and refused all the same.
    pub(crate) refused_at_the_end: Option<String>,
}

/// One thing that a consumer did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// It was told to go on there.
    Seek {
        partition: usize,
        to: i64,
    },
    Pause {
        partition: usize,
        paused: bool,
    },
    /// It was given a record; `in_hand`: one by one, so that its position moves with the next.
    Read {
        partition: usize,
        offset: i64,
        value: Option<Id>,
        in_hand: bool,
    },
    /// It said where it stands.
    Position {
        partition: usize,
        offset: i64,
    },
}

/// A consumer's life. It begins with every partition at its beginning.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Consumed {
    pub(crate) events: Vec<Event>,
    pub(crate) timed: Vec<Timed>,
    /// Errors that should have passed by themselves.
    pub(crate) errors: Vec<String>,
    /// Where it stood in each partition when it gave up waiting for more.
    pub(crate) ends: Vec<i64>,
}

/// The log of a partition: whose record is at each offset from 0 on.
pub(crate) type Log = Vec<Option<Id>>;

/// A loss of power: the logs as the process had them, what of them was synced, and as they were found afterwards.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Loss {
    pub(crate) before: Vec<Log>,
    pub(crate) synced: Vec<Log>,
    pub(crate) after: Vec<Log>,
}

/// Everything that happened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct History {
    pub(crate) producers: Vec<Produced>,
    pub(crate) consumers: Vec<Consumed>,
    /// The logs when nothing was on its way any more, and once more at the very end.
    pub(crate) logs: Vec<Log>,
    pub(crate) logs_later: Vec<Log>,
    pub(crate) losses: Vec<Loss>,
    /// Nothing was to be acknowledged or read before it was synced.
    pub(crate) flushed: bool,
    pub(crate) group: Option<Group>,
    /// Panics on the way.
    pub(crate) panics: u64,
}

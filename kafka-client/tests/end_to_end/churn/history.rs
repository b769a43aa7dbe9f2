//! What happened to a group, in order.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum What {
    Started,
    /// The listener was told that these partitions came.
    Assigned(Vec<i32>),
    /// The listener has returned: these are given up, and what was handled of them is committed, or why not.
    Revoked(Vec<i32>, Result<(), String>),
    /// The listener was told that these are lost.
    Lost(Vec<i32>),
    /// Records of a partition were handled.
    Handled(i32, Vec<i64>),
    /// A commit that began at a time was confirmed: of each partition the next record to be handled.
    Committed {
        begun: Duration,
        upto: BTreeMap<i32, i64>,
    },
    Frozen,
    Thawed,
    /// It is told to leave.
    Closing,
    Closed,
    Died,
    /// A call failed.
    Failed(String),
}

#[derive(Clone, Debug)]
pub(super) struct Event {
    /// Since the beginning.
    pub(super) at: Duration,
    pub(super) member: usize,
    pub(super) what: What,
}

#[derive(Clone, Debug, Default)]
pub(super) struct History {
    pub(super) events: Vec<Event>,
    /// Of each partition, when each of its records was acknowledged.
    pub(super) produced: BTreeMap<i32, Vec<Duration>>,
}

/// Takes notes for all members, in one order.
#[derive(Debug)]
pub(super) struct Recorder {
    begun: Instant,
    notes: Mutex<Notes>,
}

#[derive(Debug, Default)]
struct Notes {
    history: History,
    held: BTreeMap<usize, BTreeSet<i32>>,
    /// Of each partition, which records were handled by whomever.
    handled: BTreeMap<i32, BTreeSet<i64>>,
}

impl Recorder {
    #[expect(clippy::disallowed_methods, reason = "real time is what this suite runs in")]
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self { begun: Instant::now(), notes: Mutex::default() })
    }

    pub(super) fn now(&self) -> Duration {
        self.begun.elapsed()
    }

    fn notes(&self) -> MutexGuard<'_, Notes> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn note(&self, member: usize, what: What) {
        let notes = &mut *self.notes();
        let held = notes.held.entry(member).or_default();
        match &what {
            What::Assigned(came) => held.extend(came),
            What::Revoked(gone, _) | What::Lost(gone) => held.retain(|p| !gone.contains(p)),
            What::Died => held.clear(),
            What::Handled(partition, offsets) => {
                notes.handled.entry(*partition).or_default().extend(offsets);
            }
            _ => {}
        }
        notes.history.events.push(Event { at: self.now(), member, what });
    }

    /// The next record of a partition was acknowledged at this offset.
    pub(super) fn produced(&self, partition: i32, offset: i64) {
        let at = self.now();
        let notes = &mut *self.notes();
        let all = notes.history.produced.entry(partition).or_default();
        assert_eq!(i64::try_from(all.len()).unwrap(), offset, "partition {partition}");
        all.push(at);
    }

    /// Whether all partitions are held, and each of these members holds `share`.
    pub(super) fn is_settled(&self, members: &[usize], partitions: usize, share: usize) -> bool {
        let notes = self.notes();
        let held = members.iter().filter_map(|member| notes.held.get(member));
        let union: BTreeSet<_> = held.clone().flatten().collect();
        union.len() == partitions
            && held.filter(|held| held.len() == share).count() == members.len()
    }

    /// How many of all acknowledged records no member has handled.
    pub(super) fn left(&self) -> usize {
        let notes = self.notes();
        let produced: usize = notes.history.produced.values().map(Vec::len).sum();
        produced - notes.handled.values().map(BTreeSet::len).sum::<usize>()
    }

    pub(super) fn history(&self) -> History {
        self.notes().history.clone()
    }
}

//! When offsets are committed: the ack modes, and whether commits are awaited.

use std::time::Duration;

/// When a listener commits the offsets of what was handled. The names and meanings are those of Spring Kafka.
///
/// | mode | offsets are committed | a crash repeats, per partition |
/// |---|---|---|
/// | `Record` | when the handler returns after each record | at most 1 |
/// | `Batch` | when all records of the poll have been handled | at most one poll |
/// | `Time(d)` | as `Batch`, and between polls, if `d` has passed since the last commit | what came since |
/// | `Count(n)` | as `Batch`, if `n` records were handled since the last commit | fewer than `n`, and one poll |
/// | `CountTime(n, d)` | as `Time` and `Count`, if either condition holds | the smaller of both |
/// | `Manual` | the handler acknowledges; then as `Batch` | the unacknowledged, and one poll |
/// | `ManualImmediate` | at once, when the handler acknowledges | the unacknowledged, and at most 1 more |
///
/// A poll is at most `max.poll.records` (500) records. These are the repeats of one crash, with [`Commits::Sync`];
/// nothing is ever lost: an offset is committed only when every record before it was handled, or acknowledged in the
/// manual modes. There, what was acknowledged behind a gap counts as unacknowledged until the gap is closed.
///
/// Partitions that go to another consumer are committed before they go, whatever the mode, and so is everything when
/// the listener stops.
///
/// A handler of batches is called once per poll, so that `Record` is the same as `Batch` for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum AckMode {
    /// After each record.
    Record,
    /// After each poll.
    #[default]
    Batch,
    /// After a poll, or between polls, if this time has passed since the last commit.
    Time(Duration),
    /// After a poll, if this many records were handled since the last commit.
    Count(u64),
    /// After a poll, if this many records were handled or this time has passed since the last commit.
    CountTime(u64, Duration),
    /// What the handler has acknowledged, after each poll.
    Manual,
    /// What the handler acknowledges, at once.
    ManualImmediate,
}

impl AckMode {
    /// Whether the handler acknowledges, and not its return.
    pub(super) const fn is_manual(self) -> bool {
        matches!(self, Self::Manual | Self::ManualImmediate)
    }

    /// Whether commits are due in the middle of a poll.
    pub(super) const fn is_immediate(self) -> bool {
        matches!(self, Self::Record | Self::ManualImmediate)
    }
}

/// Whether a listener waits for its commits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Commits {
    /// Nothing more is handled before a commit that is due has succeeded.
    #[default]
    Sync,
    /// Handling goes on meanwhile. It is faster, and a crash repeats also what was handled since the last commit began.
    Async,
}

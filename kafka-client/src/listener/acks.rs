//! What was handed out of each partition, what of it is done, and which offsets are to be committed when.
//!
//! Holds true: an offset is given for a commit only when every record before it that was handed out is done, and one
//! commit is under way at a time.

use super::mode::AckMode;
use crate::clock::Monotonic;
use crate::consumer::OffsetAndMetadata;
use crate::record::TopicPartition;
use std::collections::BTreeMap;

/// Offsets to be committed.
pub(super) type Offsets = BTreeMap<TopicPartition, OffsetAndMetadata>;

/// Names a partition from when its first record is handed out until it goes: what comes late for one that went is told
/// apart from what concerns its next stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Slot(u64);

/// Records of one partition that follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) slot: Slot,
    /// Where the records before them end, which may be before the offset of the first: logs have holes.
    pub(super) from: i64,
    /// The offset to go on from behind them.
    pub(super) end: i64,
    pub(super) records: u64,
    /// The leader epoch of the last of them; -1 if it is not known.
    pub(super) epoch: i32,
}

/// What came of [`Acks::done`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Done {
    /// Everything before is done too.
    Prefix,
    /// Records before are not.
    Behind,
    /// The partition went.
    Gone,
}

/// One partition.
#[derive(Debug)]
struct Ledger {
    which: TopicPartition,
    /// Everything before is done.
    done: i64,
    /// The leader epoch of what is done last.
    epoch: i32,
    /// What is committed, and what is on its way.
    stored: i64,
    sent: i64,
    /// Everything before was handed out.
    handed_out: i64,
    /// Records handed out and not before `done`.
    open: u64,
    /// Done behind a gap: spans that do not touch, by where they start.
    ahead: BTreeMap<i64, Ahead>,
    paused: bool,
}

#[derive(Clone, Copy, Debug)]
struct Ahead {
    end: i64,
    records: u64,
    epoch: i32,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Acks {
    mode: AckMode,
    gap_limit: u64,
    ledgers: BTreeMap<Slot, Ledger>,
    slots: BTreeMap<TopicPartition, Slot>,
    last_slot: u64,
    /// Records done since the last commit.
    since: u64,
    last_commit: Monotonic,
    in_flight: bool,
    /// Nothing of the last poll is left to be handled.
    poll_over: bool,
    /// The last commit failed.
    again: bool,
    /// What was done may be committed now, or lets a paused partition go on.
    news: bool,
}

impl Ledger {
    fn new(which: TopicPartition, at: i64) -> Self {
        Self {
            which,
            done: at,
            epoch: -1,
            stored: at,
            sent: at,
            handed_out: at,
            open: 0,
            ahead: BTreeMap::new(),
            paused: false,
        }
    }

    fn is_dirty(&self) -> bool {
        self.done > self.sent
    }

    /// Gives how many records came to be before `done`.
    fn on_done(&mut self, span: &Span) -> u64 {
        if span.from != self.done {
            if span.from > self.done {
                self.keep(span);
            }
            return 0;
        }
        let mut records = span.records;
        (self.done, self.epoch) = (span.end, span.epoch);
        while let Some(next) = self.ahead.remove(&self.done) {
            (self.done, self.epoch) = (next.end, next.epoch);
            records += next.records;
        }
        self.open = self.open.saturating_sub(records);
        records
    }

    /// It is done, and something before it is not.
    fn keep(&mut self, span: &Span) {
        let mut kept = Ahead { end: span.end, records: span.records, epoch: span.epoch };
        let before = self.ahead.range_mut(..=span.from).next_back();
        if before.as_ref().is_some_and(|(_, before)| before.end > span.from) {
            return;
        }
        if let Some(next) = self.ahead.remove(&span.end) {
            kept = Ahead { records: kept.records + next.records, ..next };
        }
        match self.ahead.range_mut(..span.from).next_back() {
            Some((_, before)) if before.end == span.from => {
                *before = Ahead { records: kept.records + before.records, ..kept };
            }
            _ => drop(self.ahead.insert(span.from, kept)),
        }
    }

    fn send(&mut self) -> (TopicPartition, OffsetAndMetadata) {
        self.sent = self.done;
        let what = OffsetAndMetadata::new(self.done);
        let what = if self.epoch >= 0 { what.leader_epoch(self.epoch) } else { what };
        (self.which.clone(), what)
    }
}

impl Acks {
    /// `gap_limit` records may be handed out of a partition from the first that is not done.
    pub(super) fn new(mode: AckMode, gap_limit: u64, now: Monotonic) -> Self {
        Self {
            mode,
            gap_limit: gap_limit.max(1),
            ledgers: BTreeMap::new(),
            slots: BTreeMap::new(),
            last_slot: 0,
            since: 0,
            last_commit: now,
            in_flight: false,
            poll_over: true,
            again: false,
            news: false,
        }
    }

    /// These records are handed out: `first` is the offset of the first, `end` the one to go on from behind them.
    pub(super) fn hand_out(
        &mut self,
        which: &TopicPartition,
        (first, end): (i64, i64),
        records: u64,
        epoch: i32,
    ) -> Span {
        self.poll_over = false;
        let known = self.slots.get(which).copied();
        // A log that was cut or made anew begins again before where it was.
        let known =
            known.filter(|slot| self.ledgers.get(slot).is_some_and(|l| l.handed_out <= first));
        let slot = known.unwrap_or_else(|| {
            self.close(which);
            self.last_slot += 1;
            self.slots.insert(which.clone(), Slot(self.last_slot));
            Slot(self.last_slot)
        });
        let open = || Ledger::new(which.clone(), first);
        let ledger = self.ledgers.entry(slot).or_insert_with(open);
        let from = ledger.handed_out;
        ledger.handed_out = end;
        ledger.open += records;
        Span { slot, from, end, records, epoch }
    }

    /// These records are handled, or acknowledged.
    pub(super) fn done(&mut self, span: &Span) -> Done {
        let Some(ledger) = self.ledgers.get_mut(&span.slot) else { return Done::Gone };
        let records = ledger.on_done(span);
        self.since += records;
        let commits = !self.in_flight && (self.poll_over || self.mode.is_immediate());
        let resumes = ledger.paused && ledger.open < self.gap_limit;
        self.news |= records > 0 && (commits || resumes);
        if ledger.done >= span.end { Done::Prefix } else { Done::Behind }
    }

    /// Whether what was done since the last time may be committed now, or lets a paused partition go on.
    pub(super) fn take_news(&mut self) -> bool {
        std::mem::take(&mut self.news)
    }

    /// Everything that was handed out is handled.
    pub(super) fn finish_poll(&mut self) {
        self.poll_over = true;
    }

    /// Whether a commit is due.
    pub(super) fn is_due(&self, now: Monotonic) -> bool {
        let timely = |every| now >= self.last_commit.after(every);
        let ripe = match self.mode {
            AckMode::Record | AckMode::ManualImmediate => true,
            _ if !self.poll_over => false,
            AckMode::Batch | AckMode::Manual => true,
            AckMode::Time(every) => timely(every),
            AckMode::Count(count) => self.since >= count,
            AckMode::CountTime(count, every) => self.since >= count || timely(every),
        };
        (ripe || self.again && self.poll_over) && !self.in_flight && self.is_dirty()
    }

    fn is_dirty(&self) -> bool {
        self.ledgers.values().any(Ledger::is_dirty)
    }

    /// The offsets to commit now, if some are due: they are on their way until [`Acks::on_committed`].
    pub(super) fn commit(&mut self, now: Monotonic) -> Option<Offsets> {
        self.is_due(now).then(|| self.flush(now, |_| true))
    }

    /// The offsets that are not committed of these partitions, due or not. To be asked for when nothing is on its way.
    pub(super) fn flush(
        &mut self,
        now: Monotonic,
        of: impl Fn(&TopicPartition) -> bool,
    ) -> Offsets {
        let dirty = self.ledgers.values_mut().filter(|l| l.is_dirty() && of(&l.which));
        let offsets: Offsets = dirty.map(Ledger::send).collect();
        self.in_flight = !offsets.is_empty();
        if !self.is_dirty() {
            (self.since, self.last_commit, self.again) = (0, now, false);
        }
        offsets
    }

    /// What was on its way is committed, or that failed.
    pub(super) fn on_committed(&mut self, stored: bool) {
        self.in_flight = false;
        self.again |= !stored;
        for ledger in self.ledgers.values_mut() {
            if stored {
                ledger.stored = ledger.sent;
            } else {
                ledger.sent = ledger.stored;
            }
        }
    }

    /// When a commit may be due if nothing happens.
    pub(super) fn deadline(&self) -> Option<Monotonic> {
        let (AckMode::Time(every) | AckMode::CountTime(_, every)) = self.mode else { return None };
        let waits = self.poll_over && !self.in_flight && self.is_dirty();
        waits.then(|| self.last_commit.after(every))
    }

    /// The slot of a partition of which records were handed out.
    pub(super) fn slot(&self, which: &TopicPartition) -> Option<Slot> {
        self.slots.get(which).copied()
    }

    /// Up to where a partition is committed; `None` when it went.
    pub(super) fn stored(&self, slot: Slot) -> Option<i64> {
        self.ledgers.get(&slot).map(|ledger| ledger.stored)
    }

    /// The partition goes: nothing of it is committed any more.
    pub(super) fn close(&mut self, which: &TopicPartition) {
        if let Some(slot) = self.slots.remove(which) {
            self.ledgers.remove(&slot);
        }
    }

    /// All partitions go.
    pub(super) fn close_all(&mut self) {
        self.slots.clear();
        self.ledgers.clear();
    }

    /// The partitions to be paused because of their gap (`true`), and those to be resumed. Each is told once.
    pub(super) fn turned(&mut self) -> Vec<(TopicPartition, bool)> {
        let mut turned = Vec::new();
        for ledger in self.ledgers.values_mut() {
            let full = ledger.open >= self.gap_limit;
            if std::mem::replace(&mut ledger.paused, full) != full {
                turned.push((ledger.which.clone(), full));
            }
        }
        turned
    }
}

#[cfg(test)]
mod random;
#[cfg(test)]
mod tests;

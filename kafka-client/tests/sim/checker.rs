//! Holds a history against the guarantees, in linear time. Anomalies have Jepsen's names where Jepsen has one.

use crate::content::Id;
use crate::history::{Consumed, Event, Fate, History, Log, Loss, Produced, Promise, Sent};
use std::collections::{BTreeMap, BTreeSet};

/// How much later than its limit something may return.
const GRACE_MS: u64 = 100;

/// A guarantee that was not kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Anomaly {
    pub(crate) name: &'static str,
    pub(crate) what: String,
}

/// Where a record is.
type Place = (usize, i64);

struct Checker<'a> {
    history: &'a History,
    places: BTreeMap<Id, Vec<Place>>,
    /// What a loss of power may have taken.
    excused: BTreeSet<Id>,
    found: Vec<Anomaly>,
}

/// Everything that is wrong with a history.
pub(crate) fn check(history: &History) -> Vec<Anomaly> {
    let mut places: BTreeMap<Id, Vec<Place>> = BTreeMap::new();
    for (partition, log) in history.logs.iter().enumerate() {
        for (offset, id) in (0..).zip(log) {
            if let Some(id) = id {
                places.entry(*id).or_default().push((partition, offset));
            }
        }
    }
    let excused = if history.flushed { BTreeSet::new() } else { taken(&history.losses) };
    let mut checker = Checker { history, places, excused, found: Vec::new() };
    checker.logs();
    history.losses.iter().for_each(|loss| checker.loss(loss));
    history.producers.iter().for_each(|producer| checker.producer(producer));
    for (number, consumer) in history.consumers.iter().enumerate() {
        checker.consumer(number, consumer);
    }
    if history.panics > 0 {
        checker.add("panic", format!("{} panics", history.panics));
    }
    checker.found
}

/// What was in the logs before the power was lost, and not afterwards.
fn taken(losses: &[Loss]) -> BTreeSet<Id> {
    let each = losses.iter().flat_map(|loss| loss.before.iter().zip(&loss.after));
    each.flat_map(|(before, after)| before.iter().skip(after.len())).flatten().copied().collect()
}

impl Checker<'_> {
    /// What was synced is still there, and what is there is what was there before.
    fn loss(&mut self, Loss { before, synced, after }: &Loss) {
        for (partition, after) in after.iter().enumerate() {
            let ends = |logs: &[Log]| logs.get(partition).map_or(0, Vec::len);
            let what = format!(
                "log {partition} ended at {}, synced up to {}, and after a loss of power at {}",
                ends(before),
                ends(synced),
                after.len()
            );
            if synced.get(partition).is_some_and(|synced| !after.starts_with(synced)) {
                self.add("lost-synced", what.clone());
            }
            if before.get(partition).is_some_and(|before| !before.starts_with(after)) {
                self.add("inconsistent-offsets", what);
            }
        }
    }

    fn add(&mut self, name: &'static str, what: String) {
        self.found.push(Anomaly { name, what });
    }

    /// Nothing is in the logs that was not sent, and nothing in them changes.
    fn logs(&mut self) {
        let sent: BTreeSet<Id> =
            self.history.producers.iter().flat_map(|it| &it.sends).map(|sent| sent.id).collect();
        for (partition, log) in self.history.logs.iter().enumerate() {
            for (offset, id) in log.iter().enumerate() {
                if id.is_none_or(|id| !sent.contains(&id)) {
                    let what = format!("{partition}@{offset} holds what nobody sent: {id:?}");
                    self.add("phantom-value", what);
                }
            }
            let later = self.history.logs_later.get(partition);
            if !later.is_some_and(|later| later.starts_with(log)) {
                self.add("inconsistent-offsets", format!("log {partition} changed afterwards"));
            }
        }
    }

    fn producer(&mut self, producer: &Produced) {
        for sent in &producer.sends {
            self.sent(producer.promise, sent);
        }
        if producer.promise == Promise::ExactlyOnce {
            self.order(producer);
        }
        for timed in &producer.timed {
            if timed.open > 0 {
                let what = format!("{} left {} records open", timed.what, timed.open);
                self.add("unresolved-send", what);
            }
        }
        self.in_time(&producer.timed);
        if let Some(error) = &producer.refused_at_the_end {
            self.add("unavailable", format!("healed, and still: {error}"));
        }
    }

    fn sent(&mut self, promise: Promise, sent: &Sent) {
        let id = sent.id;
        let places = self.places.get(&id).cloned().unwrap_or_default();
        if places.len() > 1 && promise != Promise::AtLeastOnce {
            self.add("duplicate", format!("{id:?} is at {places:?}"));
        }
        let elsewhere = |asked: i32| places.iter().any(|(at, _)| usize::try_from(asked) != Ok(*at));
        if sent.partition.is_some_and(elsewhere) {
            let what = format!("{id:?} was for {:?} and is at {places:?}", sent.partition);
            self.add("wrong-partition", what);
        }
        match sent.fate {
            Fate::Stored { partition, offset } if promise != Promise::Unacknowledged => {
                let here = usize::try_from(partition).unwrap();
                let there = places
                    .iter()
                    .any(|(at, found)| *at == here && offset.is_none_or(|offset| offset == *found));
                if self.excused.contains(&id) {
                } else if places.is_empty() {
                    let what = format!("{id:?} was acknowledged at {partition}@{offset:?}");
                    self.add("lost-write", what);
                } else if !there {
                    let what = format!("{id:?}: told {partition}@{offset:?}, is at {places:?}");
                    self.add("inconsistent-offsets", what);
                }
            }
            Fate::Failed { possibly_written: false } if !places.is_empty() => {
                self.add("false-failure", format!("{id:?} is not written, but at {places:?}"));
            }
            Fate::Unresolved => self.add("unresolved-send", format!("{id:?} has no outcome")),
            Fate::Stored { .. } | Fate::Failed { .. } | Fate::Unknown => {}
        }
    }

    /// A producer's records are in each log in the order in which they were sent.
    fn order(&mut self, producer: &Produced) {
        let Some(name) = producer.sends.first().map(|sent| sent.id.producer) else { return };
        for partition in 0..self.history.logs.len() {
            let log = &self.history.logs[partition];
            let own = log.iter().flatten().filter(|id| id.producer == name).copied();
            let own: Vec<Id> = own.collect();
            // Twice the same is a duplicate, and told as such.
            // A broker that has lost all it knew of a producer takes a batch whose predecessor it has just refused.
            let forgotten = self.excused.iter().any(|id| id.producer == name);
            if !forgotten
                && let Some(pair) = own.windows(2).find(|pair| pair[0].number > pair[1].number)
            {
                let what = format!("in log {partition}, {:?} comes before {:?}", pair[0], pair[1]);
                self.add("reordered", what);
            }
        }
    }

    fn in_time(&mut self, timed: &[crate::history::Timed]) {
        for timed in timed {
            if timed.took_ms > timed.limit_ms + GRACE_MS {
                let what =
                    format!("{} took {} ms of {}", timed.what, timed.took_ms, timed.limit_ms);
                self.add("late-close", what);
            }
        }
    }

    fn consumer(&mut self, number: usize, consumer: &Consumed) {
        let partitions = self.history.logs.len();
        let mut next = vec![0; partitions];
        let mut cuts: Vec<_> = (0..partitions).map(|partition| self.cuts(partition)).collect();
        let mut seen = vec![Log::new(); partitions];
        let mut in_hand = vec![false; partitions];
        let mut paused = vec![false; partitions];
        for event in &consumer.events {
            match *event {
                Event::Seek { partition, to } => {
                    (next[partition], in_hand[partition]) = (to, false);
                }
                Event::Pause { partition, paused: is } => paused[partition] = is,
                Event::Read { partition, offset, value, in_hand: held } => {
                    let place = format!("consumer {number} read {partition}@{offset}");
                    if paused[partition] {
                        self.add("paused-poll", place.clone());
                    }
                    let explained = goes_back(&mut cuts[partition], next[partition], offset);
                    let expected = if explained { offset } else { next[partition] };
                    self.read(&place, expected, (partition, offset), value);
                    (next[partition], in_hand[partition]) = (offset + 1, held);
                    see(&mut seen[partition], offset, value);
                }
                Event::Position { partition, offset } => {
                    let expected = next[partition];
                    let before = in_hand[partition] && offset == expected - 1;
                    if offset == expected || before {
                    } else if goes_back(&mut cuts[partition], expected, offset) {
                        (next[partition], in_hand[partition]) = (offset, false);
                    } else {
                        let what = format!(
                            "consumer {number} stands at {partition}@{offset}, not at {expected}"
                        );
                        self.add("wrong-position", what);
                    }
                }
            }
        }
        for (partition, log) in self.history.logs.iter().enumerate() {
            let seen = &seen[partition];
            let differs = |offset: &usize| log.get(*offset) != seen.get(*offset);
            if let Some(offset) = (0..log.len()).find(differs) {
                let (end, what) = (consumer.ends.get(partition), seen.get(offset));
                let what =
                    format!("consumer {number} saw {what:?} at {partition}@{offset}, {end:?}");
                self.found.push(Anomaly { name: "unseen", what });
            }
        }
        for error in &consumer.errors {
            self.add("told-error", format!("consumer {number}: {error}"));
        }
        self.in_time(&consumer.timed);
    }

    fn read(&mut self, place: &str, expected: i64, at: Place, value: Option<Id>) {
        let (partition, offset) = at;
        if offset > expected {
            self.add("poll-skip", format!("{place}, expected {expected}"));
        } else if offset < expected {
            self.add("nonmonotonic-poll", format!("{place}, expected {expected}"));
        }
        let at = usize::try_from(offset).unwrap();
        let stored = self.history.logs_later[partition].get(at);
        // What is not synced is nobody's to read where it has to be.
        let lost = self.history.losses.iter().filter(|_| !self.history.flushed);
        let mut lost = lost.filter_map(|loss| loss.before.get(partition)?.get(at));
        if stored != Some(&value) && !lost.any(|lost| *lost == value) {
            self.add("inconsistent-offsets", format!("{place}: {value:?}, the log: {stored:?}"));
        }
    }

    /// The offsets to which the log of a partition was cut.
    fn cuts(&self, partition: usize) -> Vec<i64> {
        let ends = self.history.losses.iter().filter_map(|loss| {
            let (before, after) = (loss.before.get(partition)?, loss.after.get(partition)?);
            (after.len() < before.len()).then(|| i64::try_from(after.len()).unwrap())
        });
        ends.collect()
    }
}

/// Whether a position goes back because its log was cut; each cut explains that once.
fn goes_back(cuts: &mut Vec<i64>, from: i64, to: i64) -> bool {
    let at = cuts.iter().position(|cut| to <= *cut && *cut < from);
    at.map(|at| cuts.remove(at)).is_some()
}

/// Notes what was last read at an offset.
fn see(seen: &mut Log, offset: i64, value: Option<Id>) {
    let at = usize::try_from(offset).unwrap();
    seen.resize(seen.len().max(at + 1), None);
    seen[at] = value;
}

#[cfg(test)]
#[path = "checker_tests.rs"]
mod tests;

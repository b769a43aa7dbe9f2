//! Holds a history against the guarantees, in linear time. Anomalies have Jepsen's names where Jepsen has one.

use crate::content::Id;
use crate::history::{Consumed, Event, Fate, History, Log, Produced, Promise, Sent};
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
    let mut checker = Checker { history, places, found: Vec::new() };
    checker.logs();
    history.producers.iter().for_each(|producer| checker.producer(producer));
    for (number, consumer) in history.consumers.iter().enumerate() {
        checker.consumer(number, consumer);
    }
    if history.panics > 0 {
        checker.add("panic", format!("{} panics", history.panics));
    }
    checker.found
}

impl Checker<'_> {
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
                if places.is_empty() {
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
            if let Some(pair) = own.windows(2).find(|pair| pair[0].number > pair[1].number) {
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
                    self.read(&place, next[partition], (partition, offset), value);
                    (next[partition], in_hand[partition]) = (offset + 1, held);
                }
                Event::Position { partition, offset } => {
                    let expected = next[partition];
                    let before = in_hand[partition] && offset == expected - 1;
                    if offset != expected && !before {
                        let what = format!(
                            "consumer {number} stands at {partition}@{offset}, not at {expected}"
                        );
                        self.add("wrong-position", what);
                    }
                }
            }
        }
        for (partition, log) in self.history.logs.iter().enumerate() {
            let end = consumer.ends.get(partition).copied().unwrap_or_default();
            if usize::try_from(end).unwrap() < log.len() {
                let what = format!("consumer {number} saw {end} of {} in {partition}", log.len());
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
        let log: &Log = &self.history.logs_later[partition];
        let stored = usize::try_from(offset).ok().and_then(|offset| log.get(offset));
        if stored != Some(&value) {
            self.add("inconsistent-offsets", format!("{place}: {value:?}, the log: {stored:?}"));
        }
    }
}

#[cfg(test)]
#[path = "checker_tests.rs"]
mod tests;

//! Holds what happened in a group against what a group promises.

use super::history::{Event, Group, Member, Stored, What};
use crate::checker::Anomaly;
use crate::history::Log;
use std::collections::{BTreeMap, BTreeSet};

/// A member that holds a partition.
#[derive(Clone, Copy, Debug)]
struct Owner {
    member: Member,
    partition: usize,
    /// Whom it was given to meanwhile, and in which generation.
    overlapped: Option<(Member, i32)>,
}

struct Checker<'a> {
    group: &'a Group,
    logs: &'a [Log],
    owners: Vec<Owner>,
    /// Who had a partition in a generation.
    holders: BTreeMap<(usize, i32), Member>,
    /// The offset that a member reads next.
    next: BTreeMap<(Member, usize), i64>,
    /// When each offset was done with first.
    done: Vec<BTreeMap<i64, u64>>,
    /// What each member handled.
    by_member: BTreeMap<(Member, usize), BTreeSet<i64>>,
    /// Who gave a partition up when nobody had come or gone.
    given_up: BTreeMap<usize, Member>,
    /// Each time a partition was given to somebody.
    given: Vec<(usize, u64, Member)>,
    found: Vec<Anomaly>,
}

/// Everything that is wrong with a group.
pub(crate) fn check(group: &Group, logs: &[Log]) -> Vec<Anomaly> {
    let mut checker = Checker {
        group,
        logs,
        owners: Vec::new(),
        holders: BTreeMap::new(),
        next: BTreeMap::new(),
        done: vec![BTreeMap::new(); logs.len()],
        by_member: BTreeMap::new(),
        given_up: BTreeMap::new(),
        given: Vec::new(),
        found: Vec::new(),
    };
    group.events.iter().for_each(|event| checker.event(event));
    checker.everything_handled();
    checker.stored();
    checker.told_commits();
    if let Some(lag) = &group.lag {
        checker.add("lag", lag.clone());
    }
    checker.found
}

impl Checker<'_> {
    fn add(&mut self, name: &'static str, what: String) {
        self.found.push(Anomaly { name, what });
    }

    fn event(&mut self, event: &Event) {
        let Event { at_ms, member, what } = event;
        let (quiet, calm) = self.group.quiet_ms;
        let is_quiet = (quiet..calm).contains(at_ms);
        match what {
            What::Assigned { .. } | What::Revoked(_) | What::Lost(_) if is_quiet => {
                self.add("restless-group", format!("{member:?}: {what:?}, for no reason"));
            }
            _ => {}
        }
        match what {
            What::Assigned { generation, came, held } => {
                self.assigned(event, *generation, came, held);
            }
            What::Revoked(gone) => {
                self.gone(*member, gone);
                if self.group.cooperative && *at_ms >= quiet {
                    self.given_up.extend(gone.iter().map(|partition| (*partition, *member)));
                }
            }
            What::Lost(gone) => {
                self.gone(*member, gone);
                if *at_ms >= quiet {
                    self.add("lost", format!("{member:?} has lost {gone:?}, and all is well"));
                }
            }
            What::Died => {
                self.repeats(*at_ms, *member);
                self.owners.retain(|owner| owner.member != *member);
                self.given_up.retain(|_, by| by != member);
            }
            What::Closed | What::Unsubscribed => {
                self.owners.retain(|owner| owner.member != *member);
                self.given_up.retain(|_, by| by != member);
            }
            What::Handled { partition, offset, value } => {
                self.handled(event, (*partition, *offset));
                let stored = self.logs[*partition].get(usize::try_from(*offset).unwrap());
                if stored != Some(value) {
                    let what = format!("{member:?}, {partition}@{offset}: {value:?}, {stored:?}");
                    self.add("inconsistent-offsets", what);
                }
            }
            What::Acknowledged { partition, offset } => {
                self.done[*partition].entry(*offset).or_insert(*at_ms);
            }
            What::Told(error) => self.add("told-error", format!("{member:?}: {error}")),
            What::Committed { .. }
            | What::CommittedAll { .. }
            | What::StoodStill
            | What::CutOff => {}
        }
    }

    fn assigned(&mut self, event: &Event, generation: i32, came: &[usize], held: &[usize]) {
        let Event { at_ms, member, .. } = *event;
        for partition in held {
            let holder = *self.holders.entry((*partition, generation)).or_insert(member);
            // A static member that comes back gets what it had.
            if holder.slot != member.slot {
                let what =
                    format!("{partition} in generation {generation}: {holder:?}, {member:?}");
                self.add("double-owner", what);
            }
        }
        // Whoever the group has given up may hold on to a partition, as long as it does not know. In a later generation
        // it cannot have it still.
        let stale = |owner: &&Owner| owner.member == member && owner.overlapped.is_some();
        if let Some(owner) = self.owners.iter().find(stale) {
            let what = format!("{owner:?} has it in generation {generation} still");
            self.add("double-owner", what);
        }
        for partition in came {
            self.next.remove(&(member, *partition));
            self.given.push((*partition, at_ms, member));
            if self.given_up.remove(partition) == Some(member) {
                let what =
                    format!("{member:?} was given {partition} back, which it had to give up");
                self.add("needless-revoke", what);
            }
            for owner in self.owners.iter_mut().filter(|owner| owner.partition == *partition) {
                owner.overlapped = Some((member, generation));
            }
            self.owners.push(Owner { member, partition: *partition, overlapped: None });
        }
    }

    fn gone(&mut self, member: Member, gone: &[usize]) {
        self.owners.retain(|owner| owner.member != member || !gone.contains(&owner.partition));
    }

    fn handled(&mut self, event: &Event, (partition, offset): (usize, i64)) {
        let Event { at_ms, member, .. } = *event;
        let owns = |owner: &Owner| owner.member == member && owner.partition == partition;
        if !self.owners.iter().any(owns) {
            let what = format!("{member:?} was given {partition}@{offset}, which it has not");
            self.add("unowned", what);
        }
        let next = self.next.insert((member, partition), offset + 1);
        if next.is_some_and(|next| next != offset) {
            let what = format!("{member:?} was given {partition}@{offset} after {next:?}");
            self.add("poll-skip", what);
        }
        if !self.group.acknowledging.contains(&member.slot) {
            self.done[partition].entry(offset).or_insert(at_ms);
        }
        self.by_member.entry((member, partition)).or_default().insert(offset);
    }

    /// What was handled and not committed when a listener died is handled again: no more than its mode allows.
    fn repeats(&mut self, at_ms: u64, member: Member) {
        let Some(most) = self.group.repeats.get(&member.slot).copied() else { return };
        for partition in 0..self.logs.len() {
            let known = |stored: &&Stored| stored.partition == partition && stored.at_ms <= at_ms;
            let stored = self.group.stored.iter().rev().find(known).map_or(0, |it| it.offset);
            let own = self.by_member.get(&(member, partition)).into_iter().flatten();
            let again = own.filter(|offset| **offset >= stored).count() as u64;
            if again > most {
                let what = format!("{member:?} leaves {again} of {partition}, not {most}");
                self.add("repeats", what);
            }
        }
    }

    fn everything_handled(&mut self) {
        for (partition, log) in self.logs.iter().enumerate() {
            let ends = 0..i64::try_from(log.len()).unwrap();
            let mut missing = ends.filter(|offset| !self.done[partition].contains_key(offset));
            if let Some(first) = missing.next() {
                let more = missing.count();
                self.add("unhandled", format!("{partition}@{first} and {more} more"));
            }
        }
    }

    /// Nothing is committed before it is done with, nothing goes back, and nobody commits what is somebody else's.
    fn stored(&mut self) {
        let mut last = vec![0; self.logs.len()];
        for stored in &self.group.stored {
            let Stored { at_ms, partition, offset, by } = stored;
            // When everything before an offset was done with.
            let done = &self.done[*partition];
            let late = (0..*offset).find(|at| done.get(at).is_none_or(|done| done > at_ms));
            if let Some(late) = late {
                let what = format!("{stored:?}, with {late} done at {:?}", done.get(&late));
                self.add("over-commit", what);
            }
            if *offset < last[*partition] {
                let what = format!("{stored:?}, after {} was committed", last[*partition]);
                self.add("commit-regress", what);
            }
            last[*partition] = *offset;
            let before = |given: &&(usize, u64, Member)| given.0 == *partition && given.1 < *at_ms;
            let owner = self.given.iter().rev().find(before).map(|(_, _, owner)| *owner);
            if let (Some(by), Some(owner)) = (by, owner)
                && by.slot != owner.slot
                && !self.given.contains(&(*partition, *at_ms, *by))
            {
                self.add("zombie-commit", format!("{stored:?}, when it was {owner:?}'s"));
            }
        }
    }

    /// A commit that was acknowledged is stored, or a newer one is in its place.
    fn told_commits(&mut self) {
        let mut most: BTreeMap<(Member, usize), i64> = BTreeMap::new();
        for stored in &self.group.stored {
            if let Some(by) = stored.by {
                let most = most.entry((by, stored.partition)).or_default();
                *most = (*most).max(stored.offset);
            }
        }
        let anybody = |partition, offset| {
            let mut all = self.group.stored.iter();
            all.any(|it| it.partition == partition && it.by.is_none() && it.offset >= offset)
        };
        let lost = self.group.events.iter().filter_map(|event| match event.what {
            What::Committed { partition, offset, ok: true } => {
                let most = most.get(&(event.member, partition)).copied().unwrap_or_default();
                let kept = most >= offset || anybody(partition, offset);
                (!kept).then_some((event.member, partition, offset))
            }
            _ => None,
        });
        let lost: BTreeSet<_> = lost.collect();
        for (member, partition, offset) in lost {
            let what = format!("{member:?} was told that {offset} of {partition} is committed");
            self.add("lost-commit", what);
        }
    }
}

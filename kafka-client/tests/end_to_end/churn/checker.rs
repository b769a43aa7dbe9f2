//! Holds what happened to a group against what Kafka promises.
//!
//! A member that stood still for longer than its session may have been given up. It cannot know: until it does, it
//! counts for nobody from the moment it stood still. That it was not given up, a later commit of it shows.

use super::history::{Event, History, What};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    pub(super) session: Duration,
    /// Whoever dies holds the group up for at least that long, and whoever stops for the group waits with it.
    pub(super) hold_up: Duration,
    /// Members read on during a rebalance.
    pub(super) cooperative: bool,
    pub(super) partitions: usize,
}

/// Something that must not be.
#[derive(Clone, Debug)]
pub(super) struct Violation {
    pub(super) at: Duration,
    /// Of which partition, if it is about one.
    pub(super) partition: Option<i32>,
    pub(super) text: String,
}

/// What a history shows.
#[derive(Clone, Debug, Default)]
pub(super) struct Findings {
    pub(super) violations: Vec<Violation>,
    /// How often a partition came to a member.
    pub(super) moves: usize,
    /// How often members lost what they held.
    pub(super) losses: usize,
    /// Records that were handled more than once, each time after the first.
    pub(super) repeated: usize,
    /// The longest time from the acknowledgement of a record until the member that had been reading its partition all
    /// the while, and never stood still, handled it.
    pub(super) longest_wait: Duration,
}

/// A time in which a member held a partition.
#[derive(Debug)]
struct Tenure {
    member: usize,
    from: Duration,
    to: Duration,
    /// What had been committed before: it goes on there, or behind it.
    committed: i64,
    /// Where reading goes on, and since when it is under way.
    next: Option<i64>,
    running: Duration,
}

/// A member that stood still and has not yet shown that it still is one.
#[derive(Clone, Copy, Debug)]
struct Doubt {
    since: Duration,
    frozen: Duration,
    thawed: Duration,
    longest: Duration,
}

#[derive(Debug, Default)]
struct Member {
    doubt: Option<Doubt>,
    /// When it counted for nobody.
    void: Vec<(Duration, Duration)>,
    thawed: Duration,
    closing: bool,
    /// Not in the group any more from then on, whatever the group knows.
    ended: Option<Duration>,
    held: BTreeSet<i32>,
}

#[derive(Debug, Default)]
struct Partition {
    tenures: Vec<Tenure>,
    /// The next record that nobody has handled.
    next: i64,
    committed: i64,
}

struct Checker<'a> {
    rules: Rules,
    history: &'a History,
    members: BTreeMap<usize, Member>,
    partitions: BTreeMap<i32, Partition>,
    found: Findings,
}

pub(super) fn check(history: &History, rules: Rules) -> Findings {
    let (members, partitions) = (BTreeMap::new(), BTreeMap::new());
    let found = Findings::default();
    let mut checker = Checker { rules, history, members, partitions, found };
    history.events.iter().for_each(|event| checker.take(event));
    checker.check_owners();
    checker.check_all_were_handled();
    checker.found
}

impl Checker<'_> {
    fn violated(&mut self, event: &Event, partition: Option<i32>, what: &str) {
        let (ms, member) = (event.at.as_millis(), event.member);
        let text = format!("at {ms} ms member {member} {what}");
        self.found.violations.push(Violation { at: event.at, partition, text });
    }

    fn take(&mut self, event: &Event) {
        let member = self.members.entry(event.member).or_default();
        match &event.what {
            What::Started => {}
            What::Assigned(came) => self.assigned(event, came),
            What::Revoked(gone, Ok(())) => self.revoked(event, gone),
            What::Revoked(gone, Err(why)) => self.lost(event, gone, why),
            What::Lost(gone) => self.lost(event, gone, "lost"),
            What::Handled(partition, offsets) => self.handled(event, *partition, offsets),
            What::Committed { begun, upto } => {
                if !upto.is_empty() && member.doubt.is_some_and(|doubt| doubt.thawed < *begun) {
                    member.doubt = None;
                }
                for (which, upto) in upto {
                    let committed = &mut self.partitions.entry(*which).or_default().committed;
                    *committed = (*committed).max(*upto);
                }
            }
            What::Frozen => {
                let (since, frozen) = (event.at, event.at);
                let doubt = member.doubt.get_or_insert(Doubt {
                    since,
                    frozen,
                    thawed: since,
                    longest: Duration::ZERO,
                });
                doubt.frozen = frozen;
            }
            What::Thawed => {
                member.thawed = event.at;
                if let Some(doubt) = &mut member.doubt {
                    doubt.thawed = event.at;
                    doubt.longest = doubt.longest.max(event.at - doubt.frozen);
                }
            }
            What::Closing => member.closing = true,
            What::Closed => {
                member.ended = Some(event.at);
                if !member.held.is_empty() {
                    self.violated(event, None, "closed, and was never told that its partitions go");
                }
            }
            What::Died => {
                member.ended = Some(event.at);
                if let Some(doubt) = member.doubt {
                    member.void.push((doubt.since, event.at));
                }
                let held = std::mem::take(&mut member.held);
                self.end(event, &held);
            }
            What::Failed(why) => self.violated(event, None, &format!("failed: {why}")),
        }
    }

    fn assigned(&mut self, event: &Event, came: &[i32]) {
        for which in came {
            let new = self.members.entry(event.member).or_default().held.insert(*which);
            if !new {
                self.violated(event, Some(*which), &format!("was given {which}, which it has"));
            }
            self.found.moves += 1;
            let partition = self.partitions.entry(*which).or_default();
            partition.tenures.push(Tenure {
                member: event.member,
                from: event.at,
                to: Duration::MAX,
                committed: partition.committed,
                next: None,
                running: Duration::MAX,
            });
        }
    }

    /// These end now.
    fn end<'p>(&mut self, event: &Event, gone: impl IntoIterator<Item = &'p i32>) {
        for which in gone {
            let partition = self.partitions.entry(*which).or_default();
            let tenures = partition.tenures.iter_mut();
            if let Some(tenure) = tenures.rev().find(|tenure| tenure.member == event.member) {
                tenure.to = event.at;
            }
        }
    }

    fn give_up(&mut self, event: &Event, gone: &[i32]) {
        for which in gone {
            let held = self.members.entry(event.member).or_default().held.remove(which);
            if !held {
                self.violated(event, Some(*which), &format!("gave up {which}, which it has not"));
            }
        }
        self.end(event, gone);
    }

    fn revoked(&mut self, event: &Event, gone: &[i32]) {
        for which in gone {
            let partition = self.partitions.entry(*which).or_default();
            let mut tenures = partition.tenures.iter().rev();
            let next = tenures.find(|t| t.member == event.member).and_then(|t| t.next);
            let committed = partition.committed;
            if next.is_some_and(|next| next > committed) {
                let what = format!("gave up {which} at {next:?}, but committed {committed}");
                self.violated(event, Some(*which), &what);
            }
        }
        self.give_up(event, gone);
        let group = self.most_members(event.at);
        let member = &self.members[&event.member];
        let share = self.rules.partitions / group.max(1);
        if self.rules.cooperative && !member.closing && member.held.len() < share {
            let left = member.held.len();
            let what = format!("kept {left} partitions, where {share} are its share at least");
            self.violated(event, None, &what);
        }
    }

    /// How many may be in the group: the dead are for a while.
    fn most_members(&self, at: Duration) -> usize {
        let linger = self.rules.session * 3;
        let gone = |ended: Duration| ended + linger < at;
        self.members.values().filter(|member| !member.ended.is_some_and(gone)).count()
    }

    fn lost(&mut self, event: &Event, gone: &[i32], why: &str) {
        self.give_up(event, gone);
        if gone.is_empty() {
            return;
        }
        self.found.losses += 1;
        let member = self.members.entry(event.member).or_default();
        let doubt = member.doubt.filter(|doubt| doubt.longest >= self.rules.session / 2);
        match doubt {
            Some(doubt) => {
                member.void.push((doubt.since, event.at));
                if matches!(event.what, What::Lost(_)) {
                    member.doubt = None;
                }
            }
            None => {
                let what = format!("was put out of the group without having stood still: {why}");
                self.violated(event, None, &what);
            }
        }
    }

    fn handled(&mut self, event: &Event, which: i32, offsets: &[i64]) {
        let (Some(first), Some(last)) = (offsets.first(), offsets.last()) else { return };
        let thawed = self.members.entry(event.member).or_default().thawed;
        let mut wrong = Vec::new();
        let partition = self.partitions.entry(which).or_default();
        let open = |tenure: &&mut Tenure| tenure.member == event.member;
        let tenure = partition.tenures.iter_mut().rev().find(open);
        let Some(tenure) = tenure.filter(|tenure| tenure.to == Duration::MAX) else {
            return self.violated(
                event,
                Some(which),
                &format!("handled {which}, which it has not"),
            );
        };
        if offsets.windows(2).any(|pair| pair[1] != pair[0] + 1) {
            wrong.push(format!("handled {offsets:?} of {which}"));
        }
        match tenure.next {
            Some(next) if next != *first => {
                wrong.push(format!("handled {first} of {which} where {next} was due"));
            }
            Some(_) => {}
            // Whether it begins where the group has committed.
            None if *first < tenure.committed => {
                let committed = tenure.committed;
                wrong.push(format!("read {which} from {first}, but {committed} was committed"));
            }
            None if *first > partition.next => {
                let next = partition.next;
                wrong.push(format!("read {which} from {first}, and nobody has handled {next}"));
            }
            None => {}
        }
        if tenure.next.is_none() {
            tenure.running = event.at;
        }
        tenure.next = Some(last + 1);
        let repeated = offsets.iter().filter(|offset| **offset < partition.next).count();
        let (since, next) = (tenure.running.max(thawed), partition.next);
        partition.next = next.max(last + 1);
        self.found.repeated += repeated;
        let mut longest_wait = Duration::ZERO;
        let acknowledged = self.history.produced.get(&which).into_iter().flatten();
        let range = usize::try_from(next.max(*first)).unwrap()..=usize::try_from(*last).unwrap();
        for at in acknowledged.skip(*range.start()).take(range.count()) {
            if *at >= since {
                longest_wait = longest_wait.max(event.at.saturating_sub(*at));
            }
        }
        if self.rules.cooperative && longest_wait >= self.rules.hold_up {
            let wait = longest_wait.as_millis();
            wrong.push(format!("handled {which} after {wait} ms, though nobody took it away"));
        }
        self.found.longest_wait = self.found.longest_wait.max(longest_wait);
        wrong.iter().for_each(|what| self.violated(event, Some(which), what));
    }

    /// No partition has two owners at a time.
    fn check_owners(&mut self) {
        let partitions = std::mem::take(&mut self.partitions);
        for (which, partition) in &partitions {
            let mut spans: Vec<_> = partition
                .tenures
                .iter()
                .flat_map(|tenure| {
                    let void = &self.members[&tenure.member].void;
                    let spans = without(tenure.from, tenure.to, void);
                    spans.into_iter().map(|(from, to)| (from, to, tenure.member))
                })
                .collect();
            spans.sort_unstable();
            for pair in spans.windows(2) {
                let ((_, until, one), (from, _, other)) = (pair[0], pair[1]);
                if from < until {
                    let (begin, end) = (from.as_millis(), until.as_millis());
                    let text = format!(
                        "{which} belonged to member {one} until {end} ms, and to member {other} \
                         from {begin} ms"
                    );
                    let partition = Some(*which);
                    self.found.violations.push(Violation { at: from, partition, text });
                }
            }
        }
        self.partitions = partitions;
    }

    fn check_all_were_handled(&mut self) {
        for (which, acknowledged) in &self.history.produced {
            let next = self.partitions.get(which).map_or(0, |partition| partition.next);
            let end = i64::try_from(acknowledged.len()).unwrap();
            let committed = self.partitions.get(which).map_or(0, |partition| partition.committed);
            if (next, committed) != (end, end) {
                let text = format!(
                    "of {which}, {end} records were acknowledged, {next} handled, {committed} \
                     committed"
                );
                let (at, partition) = (Duration::MAX, Some(*which));
                self.found.violations.push(Violation { at, partition, text });
            }
        }
    }
}

/// The last that happened to a partition before something that must not be.
pub(super) fn story(history: &History, violation: &Violation) -> Vec<String> {
    let Some(which) = violation.partition else { return Vec::new() };
    let before = history.events.iter().filter(|event| event.at <= violation.at);
    let holders: BTreeSet<_> = before
        .clone()
        .filter(|event| matches!(&event.what, What::Assigned(came) if came.contains(&which)))
        .map(|event| event.member)
        .collect();
    let tell = |event: &Event| {
        let what = match &event.what {
            What::Assigned(of) | What::Revoked(of, Ok(())) | What::Lost(of)
                if !of.contains(&which) =>
            {
                return None;
            }
            What::Handled(of, _) if *of != which => return None,
            What::Committed { upto, begun } => {
                format!("committed {:?}, begun at {} ms", upto.get(&which)?, begun.as_millis())
            }
            other => format!("{other:?}"),
        };
        let member = event.member;
        holders.contains(&member).then(|| format!("{} ms: {member} {what}", event.at.as_millis()))
    };
    let mut story: Vec<_> = before.rev().filter_map(tell).take(60).collect();
    story.reverse();
    story
}

/// What is left of a span.
fn without(
    from: Duration,
    to: Duration,
    holes: &[(Duration, Duration)],
) -> Vec<(Duration, Duration)> {
    let mut spans = vec![(from, to)];
    for (begin, end) in holes {
        let cut = |(from, to): (Duration, Duration)| {
            [(from, to.min(*begin)), (from.max(*end), to)]
                .into_iter()
                .filter(|(from, to)| from < to)
        };
        spans = spans.into_iter().flat_map(cut).collect();
    }
    spans
}

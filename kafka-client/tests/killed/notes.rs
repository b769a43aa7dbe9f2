//! What a member of the group notes of its polls, in a file that outlives it, and what the notes of all show.

use crate::{PARTITIONS, number_of};
use kafka_client::Records;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

/// `max.poll.records`: what may be handled again of a member that is lost, as each commits after every poll.
pub(crate) const MAX_POLL: u64 = 500;

/// Each note is four numbers; the first says what it is.
const NOTE_BYTES: usize = 32;
/// Time, partition with the count of records, offset of the first of them.
const HANDLED: u64 = 1;
/// The poll before is committed.
const CONFIRMED: u64 = 2;
/// The group would not have the commit.
const REFUSED: u64 = 3;

pub(crate) struct Writer(File);

impl Writer {
    pub(crate) fn create(path: &Path) -> Self {
        Self(File::create(path).unwrap())
    }

    /// Notes all records of a poll at once; none is handled twice if the member is killed before, none is forgotten if
    /// it is killed after.
    pub(crate) fn handled(&mut self, records: &Records) {
        let (mut notes, now) = (Vec::new(), now_us());
        let mut runs: Vec<(i32, i64, i64)> = Vec::new();
        for record in records {
            let (partition, offset) = (record.partition(), record.offset());
            let place = (u64::try_from(partition).unwrap(), u64::try_from(offset).unwrap());
            assert_eq!(number_of(record.value()), Some(place.1 * PARTITIONS + place.0));
            match runs
                .last_mut()
                .filter(|(of, first, count)| (*of, first + *count) == (partition, offset))
            {
                Some((_, _, count)) => *count += 1,
                None => runs.push((partition, offset, 1)),
            }
        }
        for (partition, first, count) in runs {
            let [partition, first, count] =
                [i64::from(partition), first, count].map(|number| u64::try_from(number).unwrap());
            let note = [HANDLED, now, partition << 32 | count, first];
            notes.extend(note.iter().flat_map(|number| number.to_be_bytes()));
        }
        self.0.write_all(&notes).unwrap();
    }

    pub(crate) fn confirmed(&mut self) {
        self.outcome(CONFIRMED);
    }

    pub(crate) fn refused(&mut self) {
        self.outcome(REFUSED);
    }

    fn outcome(&mut self, what: u64) {
        let note = [what, now_us(), 0, 0].map(u64::to_be_bytes);
        self.0.write_all(note.as_flattened()).unwrap();
    }
}

#[expect(clippy::disallowed_methods, reason = "the clock that all processes share")]
fn now_us() -> u64 {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    since_1970.as_micros().try_into().unwrap()
}

/// Records of a partition that one poll gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) partition: u64,
    pub(crate) first: u64,
    pub(crate) count: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The member was killed.
    Unknown,
    Confirmed {
        at: u64,
    },
    Refused,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Poll {
    pub(crate) at: u64,
    pub(crate) runs: Vec<Run>,
    pub(crate) outcome: Outcome,
}

/// The polls of one member.
pub(crate) fn read(path: &Path) -> Vec<Poll> {
    let bytes = std::fs::read(path).unwrap_or_default();
    let mut polls: Vec<Poll> = Vec::new();
    for note in bytes.chunks_exact(NOTE_BYTES) {
        let mut numbers = note.chunks_exact(8).map(|n| u64::from_be_bytes(n.try_into().unwrap()));
        let [what, at, packed, first] = std::array::from_fn(|_| numbers.next().unwrap());
        let open = |poll: &&mut Poll| poll.outcome == Outcome::Unknown;
        match (what, polls.last_mut().filter(open)) {
            (HANDLED, poll) => {
                let run = Run { partition: packed >> 32, first, count: packed & 0xffff_ffff };
                match poll {
                    Some(poll) => poll.runs.push(run),
                    None => polls.push(Poll { at, runs: vec![run], outcome: Outcome::Unknown }),
                }
            }
            (CONFIRMED, Some(poll)) => poll.outcome = Outcome::Confirmed { at },
            (REFUSED, Some(poll)) => poll.outcome = Outcome::Refused,
            other => panic!("no such note: {other:?}"),
        }
    }
    polls
}

/// What the notes of all members show together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Handled {
    /// Different records.
    pub(crate) records: u64,
    /// How often one was handled that had been before.
    pub(crate) repeated: u64,
    /// Of those, one of which a commit had been confirmed before.
    pub(crate) after_commit: u64,
    /// How often the next record of a partition was skipped.
    pub(crate) skipped: u64,
    /// Polls of which no commit was confirmed: their records may be repeated.
    pub(crate) unconfirmed: u64,
    /// Of those, of members that the group had put out.
    pub(crate) refused: u64,
    /// The most records in a poll.
    pub(crate) most: u64,
}

/// Adds up what members handled of partitions with `each` records.
pub(crate) fn add_up(members: &[Vec<Poll>], each: u64) -> Handled {
    let mut handled = Handled::default();
    let partitions = usize::try_from(PARTITIONS).unwrap();
    let mut confirmed_at = vec![vec![u64::MAX; usize::try_from(each).unwrap()]; partitions];
    let place = |run: &Run| {
        let first = usize::try_from(run.first).unwrap();
        (
            usize::try_from(run.partition).unwrap(),
            first..first + usize::try_from(run.count).unwrap(),
        )
    };
    for poll in members.iter().flatten() {
        handled.most = handled.most.max(poll.runs.iter().map(|run| run.count).sum());
        let Outcome::Confirmed { at } = poll.outcome else {
            handled.unconfirmed += 1;
            handled.refused += u64::from(poll.outcome == Outcome::Refused);
            continue;
        };
        for (partition, range) in poll.runs.iter().map(place) {
            confirmed_at[partition][range].iter_mut().for_each(|first| *first = at.min(*first));
        }
    }
    let mut next = vec![0; partitions];
    let mut polls: Vec<&Poll> = members.iter().flatten().collect();
    polls.sort_by_key(|poll| poll.at);
    for poll in polls {
        for (partition, range) in poll.runs.iter().map(place) {
            let next = &mut next[partition];
            handled.skipped += u64::from(range.start > *next);
            handled.repeated += (range.end.min(*next).saturating_sub(range.start)) as u64;
            // Whom the group has put out may still have had some in hand.
            if poll.outcome != Outcome::Refused {
                let confirmed = confirmed_at[partition][range.clone()].iter();
                handled.after_commit += confirmed.filter(|at| **at < poll.at).count() as u64;
            }
            handled.records += range.end.saturating_sub(*next) as u64;
            *next = range.end.max(*next);
        }
    }
    handled
}

#[test]
fn repeats_and_what_is_wrong_with_them() {
    let poll = |at, first, count, outcome| Poll {
        at,
        runs: vec![Run { partition: 1, first, count }],
        outcome,
    };
    let confirmed = |at| Outcome::Confirmed { at };
    let one = vec![poll(1, 0, 5, confirmed(2)), poll(3, 5, 5, Outcome::Unknown)];
    let two = vec![poll(9, 5, 5, confirmed(10)), poll(11, 10, 2, confirmed(12))];
    let killed =
        Handled { records: 12, repeated: 5, unconfirmed: 1, most: 5, ..Default::default() };
    assert_eq!(add_up(&[one.clone(), two], 12), killed);

    let after_commit = Handled {
        records: 12,
        repeated: 7,
        after_commit: 2,
        unconfirmed: 1,
        most: 9,
        ..Default::default()
    };
    assert_eq!(add_up(&[one.clone(), vec![poll(9, 3, 9, confirmed(10))]], 12), after_commit);
    let late = Handled {
        records: 10,
        repeated: 5,
        unconfirmed: 2,
        refused: 1,
        most: 5,
        ..Default::default()
    };
    assert_eq!(add_up(&[one.clone(), vec![poll(9, 0, 5, Outcome::Refused)]], 12), late);
    let gap = Handled { skipped: 1, records: 11, unconfirmed: 1, most: 5, ..Default::default() };
    assert_eq!(add_up(&[one, vec![poll(9, 11, 1, confirmed(10))]], 12).skipped, gap.skipped);
}

//! Bad histories of a group, each named: the checker finds what is wrong with them.

use super::checker::{Findings, Rules, check};
use super::history::{Event, History, What};
use std::time::Duration;

const SESSION: Duration = Duration::from_secs(4);

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn committed(begun: u64, which: i32, upto: i64) -> What {
    What::Committed { begun: ms(begun), upto: [(which, upto)].into() }
}

/// What is found in what happened, at a time in milliseconds, to a member; of partition 0 `records` were acknowledged,
/// one every 100 ms.
fn found(cooperative: bool, records: u64, events: &[(u64, usize, What)]) -> Findings {
    let event = |(at, member, what): &(u64, usize, What)| Event {
        at: ms(*at),
        member: *member,
        what: what.clone(),
    };
    let events = events.iter().map(event).collect();
    let produced = (0..records).map(|at| ms(at * 100)).collect();
    let history = History { events, produced: [(0, produced)].into() };
    let hold_up = ms(2700);
    check(&history, Rules { session: SESSION, hold_up, cooperative, partitions: 1 })
}

#[track_caller]
fn finds(what: &str, records: u64, events: &[(u64, usize, What)]) {
    let found = found(false, records, events);
    assert!(found.violations.iter().any(|violation| violation.text.contains(what)), "{found:?}");
}

#[track_caller]
fn fine(records: u64, events: &[(u64, usize, What)]) -> Findings {
    let found = found(false, records, events);
    assert!(found.violations.is_empty(), "{found:?}");
    found
}

fn assigned() -> What {
    What::Assigned(vec![0])
}

fn revoked() -> What {
    What::Revoked(vec![0], Ok(()))
}

fn handled(offsets: &[i64]) -> What {
    What::Handled(0, offsets.to_vec())
}

#[test]
fn a_partition_that_changes_hands_as_it_should() {
    let found = fine(
        4,
        &[
            (100, 1, assigned()),
            (200, 1, handled(&[0, 1])),
            (300, 1, committed(250, 0, 2)),
            (300, 1, revoked()),
            (400, 2, assigned()),
            (500, 2, handled(&[2, 3])),
            (600, 2, committed(500, 0, 4)),
        ],
    );
    assert_eq!((found.moves, found.repeated, found.losses), (2, 0, 0));
}

#[test]
fn two_owners() {
    let owners = [(100, 1, assigned()), (200, 2, assigned()), (300, 1, revoked())];
    finds("belonged to member 1 until 300 ms, and to member 2 from 200 ms", 0, &owners);
}

#[test]
fn two_owners_though_one_stood_still_and_came_back_in_time() {
    let owners = [
        (100, 1, assigned()),
        (200, 1, What::Frozen),
        (300, 2, assigned()),
        (5000, 1, What::Thawed),
        (5100, 1, committed(5050, 0, 0)),
        (5200, 1, revoked()),
    ];
    finds("belonged to member 1 until 5200 ms, and to member 2 from 300 ms", 0, &owners);
    fine(0, &[&owners[..4], &[(5200, 1, What::Lost(vec![0]))]].concat());
    let refused = (5200, 1, What::Revoked(vec![0], Err("not a member".into())));
    fine(0, &[&owners[..4], &[refused]].concat());
    // What it was told late, it held for as long as it did not know better.
    let late = [(5001, 1, What::Assigned(vec![0])), (5002, 1, What::Lost(vec![0]))];
    fine(0, &[&owners[1..4], &late].concat());
}

#[test]
fn the_dead_own_nothing() {
    let died = [(100, 1, assigned()), (200, 1, What::Died), (300, 2, assigned())];
    fine(0, &died);
    finds(
        "belonged to member 1 until 200 ms",
        0,
        &[&died[..1], &[(150, 2, assigned())], &died[1..2]].concat(),
    );
}

#[test]
fn put_out_though_it_was_there() {
    finds("put out", 0, &[(100, 1, assigned()), (200, 1, What::Lost(vec![0]))]);
    let short = [
        (100, 1, assigned()),
        (200, 1, What::Frozen),
        (900, 1, What::Thawed),
        (901, 1, What::Lost(vec![0])),
    ];
    finds("put out", 0, &short);
}

#[test]
fn records_that_are_lost_repeated_or_mixed_up() {
    let start = [(100, 1, assigned()), (200, 1, handled(&[0, 1])), (201, 1, committed(200, 0, 2))];
    let then = |next: &[(u64, usize, What)]| [&start, next].concat();
    let other = |first: i64| {
        then(&[(300, 1, revoked()), (400, 2, assigned()), (500, 2, handled(&[first]))])
    };
    finds("read 0 from 1, but 2 was committed", 2, &other(1));
    finds("read 0 from 3, and nobody has handled 2", 4, &other(3));
    finds("4 records were acknowledged, 2 handled, 2 committed", 4, &start);
    finds("2 handled, 0 committed", 2, &start[..2]);
    finds("handled 3 of 0 where 2 was due", 4, &then(&[(300, 1, handled(&[3]))]));
    finds("handled [2, 4] of 0", 5, &then(&[(300, 1, handled(&[2, 4]))]));
    finds("handled 0, which it has not", 3, &then(&[(300, 2, handled(&[2]))]));
    finds("handled 0, which it has not", 3, &then(&[(300, 1, revoked()), (400, 1, handled(&[2]))]));
    finds("but committed 0", 2, &[&start[..2], &[(300, 1, revoked())]].concat());
    let died = [&start[..2], &[(300, 1, What::Died), (400, 2, assigned())]].concat();
    let again = [(500, 2, handled(&[0, 1])), (501, 2, committed(500, 0, 2))];
    assert_eq!(fine(2, &[&died[..], &again].concat()).repeated, 2);
    // Somebody who stood still when it had asked where to begin, and does not know that it was given up.
    let late = [
        (50, 3, assigned()),
        (60, 3, What::Frozen),
        (4000, 3, What::Thawed),
        (4001, 3, handled(&[0, 1])),
        (4002, 3, What::Lost(vec![0])),
    ];
    let all = [&late[..2], &start, &[(202, 1, revoked())], &late[2..]].concat();
    assert_eq!(fine(2, &all).repeated, 2);
}

#[test]
fn what_members_are_told_of_partitions_adds_up() {
    finds("was given 0, which it has", 0, &[(100, 1, assigned()), (200, 1, assigned())]);
    finds("gave up 0, which it has not", 0, &[(100, 1, revoked())]);
    finds("never told that its partitions go", 0, &[(100, 1, assigned()), (200, 1, What::Closed)]);
    finds("failed: why", 0, &[(100, 1, What::Failed("why".into()))]);
}

#[test]
fn cooperative_members_keep_what_they_have_and_read_on() {
    let end = committed(0, 0, 30);
    let all: Vec<i64> = (1..30).collect();
    let waits =
        [(100, 1, assigned()), (200, 1, handled(&[0])), (2900, 1, handled(&all)), (2900, 1, end)];
    let stood = found(true, 30, &waits);
    assert_eq!(stood.longest_wait, ms(2700));
    assert!(stood.violations[0].text.contains("handled 0 after 2700 ms"), "{stood:?}");
    fine(30, &waits);
    // Whoever stands still itself, or begins, is not meant.
    let stop = [(300, 1, What::Frozen), (2800, 1, What::Thawed)];
    let still = found(true, 30, &[&waits[..2], &stop, &waits[2..]].concat());
    assert!(still.violations.is_empty() && still.longest_wait == ms(100), "{still:?}");
    let kept = found(true, 0, &[(100, 1, assigned()), (200, 1, revoked())]);
    assert!(
        kept.violations[0].text.contains("kept 0 partitions, where 1 are its share"),
        "{kept:?}"
    );
    let leaves = [(100, 1, assigned()), (150, 1, What::Closing), (200, 1, revoked())];
    assert!(found(true, 0, &leaves).violations.is_empty());
}

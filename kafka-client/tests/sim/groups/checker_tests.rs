//! The checker of groups on histories made by hand: good ones, and one for every way to go wrong.

use super::checker::check;
use super::history::{Event, Group, Member, Stored, What};
use crate::content::Id;
use crate::history::Log;

const A: Member = Member { slot: 0, life: 0 };
const B: Member = Member { slot: 1, life: 0 };
/// When the quiet begins and ends.
const QUIET: (u64, u64) = (100, 200);

const fn id(number: u32) -> Option<Id> {
    Some(Id { producer: 0, number })
}

const fn at(at_ms: u64, member: Member, what: What) -> Event {
    Event { at_ms, member, what }
}

fn assigned(at_ms: u64, member: Member, generation: i32, came: &[usize], held: &[usize]) -> Event {
    let (came, held) = (came.to_vec(), held.to_vec());
    at(at_ms, member, What::Assigned { generation, came, held })
}

/// The record at an offset of partition 0 has its number.
fn handled(at_ms: u64, member: Member, offset: u32) -> Event {
    let (offset, value) = (i64::from(offset), id(offset));
    at(at_ms, member, What::Handled { partition: 0, offset, value })
}

const fn stored(at_ms: u64, offset: i64, by: Option<Member>) -> Stored {
    Stored { at_ms, partition: 0, offset, by }
}

/// A reads one record, gives the partition up, and B reads two. B is gone later, and A takes over again.
fn good() -> Group {
    let events = vec![
        assigned(10, A, 1, &[0, 1], &[0, 1]),
        handled(20, A, 0),
        at(21, A, What::Committed { partition: 0, offset: 1, ok: true }),
        at(30, A, What::Revoked(vec![0])),
        assigned(30, A, 2, &[], &[1]),
        assigned(31, B, 2, &[0], &[0]),
        handled(40, B, 1),
        handled(41, B, 2),
        at(50, B, What::CutOff),
        assigned(60, A, 3, &[0], &[0, 1]),
        handled(60, A, 2),
        // It did not know.
        handled(61, B, 3),
        at(70, B, What::Lost(vec![0])),
        handled(71, A, 3),
    ];
    let stored = vec![stored(20, 1, Some(A)), stored(45, 2, Some(B)), stored(75, 4, None)];
    Group { cooperative: true, events, stored, quiet_ms: QUIET, ..Group::default() }
}

fn logs() -> Vec<Log> {
    vec![vec![id(0), id(1), id(2), id(3)], Log::new()]
}

/// The names of all anomalies after a change to the good history.
fn after(change: impl FnOnce(&mut Group)) -> Vec<&'static str> {
    let mut group = good();
    change(&mut group);
    check(&group, &logs()).into_iter().map(|anomaly| anomaly.name).collect()
}

fn events(change: impl FnOnce(&mut Vec<Event>)) -> Vec<&'static str> {
    after(|group| change(&mut group.events))
}

fn committed(change: impl FnOnce(&mut Vec<Stored>)) -> Vec<&'static str> {
    after(|group| change(&mut group.stored))
}

#[test]
fn a_good_history_has_no_anomaly() {
    assert_eq!(after(|_| {}), [""; 0]);
    // A member that has died may be followed by another in its place, in the same generation.
    let follower = Member { slot: 0, life: 1 };
    let follows = |it: &mut Vec<Event>| {
        it.push(at(80, A, What::Died));
        it.push(assigned(81, follower, 3, &[0, 1], &[0, 1]));
        it.push(handled(82, follower, 2));
    };
    assert_eq!(events(follows), [""; 0]);
    // What is refused is not stored.
    let refused = at(99, A, What::Committed { partition: 0, offset: 9, ok: false });
    assert_eq!(events(|it| it.push(refused)), [""; 0]);
}

#[test]
fn a_partition_with_two_owners_is_named() {
    // Two have it in one generation.
    assert_eq!(events(|it| it[4] = assigned(30, A, 2, &[], &[0, 1])), ["double-owner"]);
    // It comes to another before it was given up.
    assert_eq!(events(|it| it.swap(3, 5))[0], "double-owner");
    // One that was given up by the group has it in a later generation still.
    let holds_on = |it: &mut Vec<Event>| it.insert(12, assigned(69, B, 4, &[], &[0]));
    assert_eq!(events(holds_on), ["double-owner"]);
}

#[test]
fn what_is_handled_wrongly_is_named() {
    // Whoever does it, it is done.
    assert_eq!(events(|it| it.truncate(13)), [""; 0]);
    assert_eq!(events(|it| it.truncate(11)), ["unhandled", "over-commit"]);
    let stranger = Member { slot: 2, life: 0 };
    assert_eq!(events(|it| it.push(handled(80, stranger, 3))), ["unowned"]);
    assert_eq!(events(|it| it.push(handled(80, A, 2))), ["poll-skip"]);
    let value = id(7);
    let wrong = What::Handled { partition: 0, offset: 3, value };
    assert_eq!(events(|it| it[13] = at(71, A, wrong)), ["inconsistent-offsets"]);
    assert_eq!(events(|it| it.push(at(80, A, What::Told(String::new())))), ["told-error"]);
}

#[test]
fn a_commit_that_should_not_be_is_named() {
    assert_eq!(committed(|it| it[1].offset = 3), [""; 0]);
    // Offset 2 was handled at 41.
    assert_eq!(committed(|it| it[1] = stored(40, 3, Some(B))), ["over-commit"]);
    assert_eq!(committed(|it| it[2].offset = 5), ["over-commit"]);
    assert_eq!(committed(|it| it.push(stored(90, 3, None))), ["commit-regress"]);
    // B acknowledges, and did so with offset 1 alone.
    let acknowledged = |offsets: &'static [(u64, i64)]| {
        after(|group| {
            group.acknowledging.insert(B.slot);
            let done = |&(at_ms, offset)| at(at_ms, B, What::Acknowledged { partition: 0, offset });
            group.events.extend(offsets.iter().map(done));
        })
    };
    assert_eq!(acknowledged(&[(43, 1)]), [""; 0]);
    assert_eq!(acknowledged(&[(46, 1)]), ["over-commit"]);
    assert_eq!(acknowledged(&[(43, 2)]), ["unhandled", "over-commit", "over-commit"]);
    // B did not know, but the coordinator did.
    assert_eq!(committed(|it| it[2].by = Some(B)), ["zombie-commit"]);
    assert_eq!(committed(|it| it[2].by = Some(A)), [""; 0]);
    let untrue = at(80, A, What::Committed { partition: 0, offset: 5, ok: true });
    assert_eq!(events(|it| it.push(untrue)), ["lost-commit"]);
    assert_eq!(after(|it| it.lag = Some(String::new())), ["lag"]);
}

#[test]
fn more_repeats_than_the_mode_allows_are_named() {
    let dies = |most, at_ms| {
        after(|it| {
            it.repeats.insert(B.slot, most);
            let died = at(at_ms, B, What::Died);
            it.events.retain(|event| event.member == A || event.at_ms < at_ms);
            let place = it.events.iter().position(|event| event.at_ms > at_ms).unwrap();
            it.events.insert(place, died);
        })
    };
    // Offset 1 is stored then, and 1 and 2 are handled.
    assert_eq!(dies(2, 42), [""; 0]);
    assert_eq!(dies(1, 42), ["repeats"]);
    // Offset 2 is stored then.
    assert_eq!(dies(1, 46), [""; 0]);
    assert_eq!(dies(0, 46), ["repeats"]);
}

#[test]
fn a_group_that_does_not_rest_is_named() {
    let again = assigned(150, A, 4, &[], &[0, 1]);
    assert_eq!(events(|it| it.push(again)), ["restless-group"]);
    assert_eq!(events(|it| it.push(at(250, A, What::Lost(vec![0])))), ["lost"]);
    // One that comes takes a partition over; of those that stay nobody gives up what comes back.
    let moves = |to| {
        events(|it| {
            it.push(at(250, A, What::Revoked(vec![0])));
            it.push(assigned(251, to, 5, &[0], &[0]));
        })
    };
    assert_eq!(moves(B), [""; 0]);
    assert_eq!(moves(A), ["needless-revoke"]);
    let eager = after(|it| {
        it.cooperative = false;
        it.events.push(at(250, A, What::Revoked(vec![0])));
        it.events.push(assigned(251, A, 5, &[0], &[0]));
    });
    assert_eq!(eager, [""; 0]);
}

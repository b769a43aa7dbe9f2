//! Every mode as a table of events and the commits that are due, and seeded random events against a naive model.

use super::*;
use std::time::Duration;

fn at(ms: u64) -> Monotonic {
    Monotonic(ms * 1000)
}

fn tp(number: i32) -> TopicPartition {
    TopicPartition::new("t", number)
}

/// One event in the life of partition 0, and what it shows.
#[derive(Clone, Copy, Debug)]
enum Event {
    /// A poll gives the records up to this offset.
    Poll(i64),
    /// The record at this offset is handled, or acknowledged.
    Done(i64),
    /// Everything of the poll is handled.
    Over,
    /// The time.
    At(u64),
    /// A commit of this offset begins now.
    Commits(i64),
    /// It ends.
    Stored,
    Failed,
    /// No commit is due.
    Nothing,
    /// The timer is set to this time, or to none.
    Timer(Option<u64>),
}

use Event::{At, Commits, Done as Handled, Failed, Nothing, Over, Poll, Stored, Timer};

fn tell(mode: AckMode, story: &[Event]) {
    let mut acks = Acks::new(mode, 1000, at(0));
    let mut now = at(0);
    let mut spans = Vec::new();
    for (step, event) in story.iter().enumerate() {
        let context = format!("{mode:?}, step {step}: {event:?}");
        match *event {
            Poll(end) => {
                let first = i64::try_from(spans.len()).unwrap();
                for offset in first..end {
                    spans.push(acks.hand_out(&tp(0), (offset, offset + 1), 1, 4));
                }
            }
            Handled(offset) => {
                assert_ne!(acks.done(&spans[usize::try_from(offset).unwrap()]), Done::Gone);
            }
            Over => acks.finish_poll(),
            At(ms) => now = at(ms),
            Commits(offset) => {
                let what = OffsetAndMetadata::new(offset).leader_epoch(4);
                assert_eq!(acks.commit(now), Some([(tp(0), what)].into()), "{context}");
            }
            Stored => acks.on_committed(true),
            Failed => acks.on_committed(false),
            Nothing => assert_eq!(acks.commit(now), None, "{context}"),
            Timer(when) => assert_eq!(acks.deadline(), when.map(at), "{context}"),
        }
    }
}

#[test]
fn record_commits_each() {
    let story = [
        Poll(3),
        Nothing,
        Handled(0),
        Commits(1),
        Nothing,
        Stored,
        Nothing,
        Handled(1),
        Commits(2),
        Failed,
        Commits(2),
        Stored,
        Handled(2),
        Over,
        Commits(3),
        Stored,
        Nothing,
        Timer(None),
    ];
    tell(AckMode::Record, &story);
}

#[test]
fn batch_and_manual_commit_polls() {
    for mode in [AckMode::Batch, AckMode::Manual] {
        let story = [
            Poll(3),
            Handled(0),
            Nothing,
            Handled(1),
            Handled(2),
            Nothing,
            Over,
            Commits(3),
            Stored,
            Nothing,
            Poll(5),
            Handled(3),
            Handled(4),
            Over,
            Commits(5),
            Failed,
            Commits(5),
            Stored,
            Timer(None),
        ];
        tell(mode, &story);
    }
    // Acknowledged by another task between polls, the last first.
    let story = [
        Poll(3),
        Over,
        Nothing,
        Handled(2),
        Nothing,
        Handled(0),
        Commits(1),
        Handled(1),
        Nothing,
        Stored,
        Commits(3),
        Stored,
        Nothing,
    ];
    tell(AckMode::Manual, &story);
    let story = [
        Poll(4),
        Handled(1),
        Nothing,
        Handled(0),
        Commits(2),
        Handled(3),
        Stored,
        Nothing,
        Handled(2),
        Commits(4),
        Stored,
        Handled(2),
        Handled(0),
        Nothing,
    ];
    tell(AckMode::ManualImmediate, &story);
}

#[test]
fn time_commits_when_it_has_passed() {
    let mode = AckMode::Time(Duration::from_millis(100));
    let story = [
        Poll(2),
        Handled(0),
        At(150),
        Nothing,
        Handled(1),
        Timer(None),
        Over,
        Timer(Some(100)),
        Commits(2),
        Timer(None),
        Stored,
        Poll(3),
        Handled(2),
        Over,
        At(200),
        Nothing,
        Timer(Some(250)),
        At(249),
        Nothing,
        At(250),
        Commits(3),
        Failed,
        Commits(3),
        Stored,
        Timer(None),
        At(900),
        Nothing,
    ];
    tell(mode, &story);
}

#[test]
fn count_commits_when_so_many_were_handled() {
    let story = [
        Poll(2),
        Handled(0),
        Handled(1),
        Over,
        At(9999),
        Nothing,
        Poll(4),
        Handled(2),
        Nothing,
        Handled(3),
        Nothing,
        Over,
        Commits(4),
        Stored,
        Poll(6),
        Handled(4),
        Handled(5),
        Over,
        Nothing,
        Timer(None),
    ];
    tell(AckMode::Count(3), &story);
}

#[test]
fn count_and_time_commit_when_either_is_reached() {
    let mode = AckMode::CountTime(3, Duration::from_millis(100));
    let story = [
        Poll(2),
        Handled(0),
        Handled(1),
        Over,
        Nothing,
        Timer(Some(100)),
        At(100),
        Commits(2),
        Stored,
        Poll(5),
        Handled(2),
        Handled(3),
        Handled(4),
        Nothing,
        Over,
        At(101),
        Commits(5),
        Stored,
        Poll(6),
        Handled(5),
        Over,
        Timer(Some(201)),
        Nothing,
    ];
    tell(mode, &story);
}

#[test]
fn holes_in_the_log_are_no_gaps() {
    let mut acks = Acks::new(AckMode::ManualImmediate, 10, at(0));
    let spans: Vec<_> =
        [(5, 6), (9, 10), (10, 15), (20, 21)].map(|span| acks.hand_out(&tp(0), span, 1, -1)).into();
    assert_eq!(spans.iter().map(|span| span.from).collect::<Vec<_>>(), [5, 6, 10, 15]);
    for (which, done) in [(3, Done::Behind), (1, Done::Behind), (0, Done::Prefix)] {
        assert_eq!(acks.done(&spans[which]), done);
    }
    let offset = |at| Some([(tp(0), OffsetAndMetadata::new(at))].into());
    assert_eq!(acks.commit(at(0)), offset(10));
    assert_eq!(acks.done(&spans[2]), Done::Prefix);
    acks.on_committed(true);
    assert_eq!(acks.commit(at(0)), offset(21));
}

#[test]
fn partitions_that_go_are_flushed_whatever_the_mode_and_then_forgotten() {
    let mut acks = Acks::new(AckMode::Count(100), 10, at(0));
    let spans = [0, 1].map(|number| acks.hand_out(&tp(number), (0, 4), 4, 2));
    spans.iter().for_each(|span| assert_eq!(acks.done(span), Done::Prefix));
    let four = OffsetAndMetadata::new(4).leader_epoch(2);
    assert_eq!(acks.flush(at(0), |which| *which == tp(1)), [(tp(1), four.clone())].into());
    acks.close(&tp(1));
    acks.on_committed(true);
    assert_eq!((acks.stored(spans[0].slot), acks.stored(spans[1].slot)), (Some(0), None));
    assert_eq!(acks.done(&spans[1]), Done::Gone);
    // It comes back, and what is late of its first stay means nothing.
    let again = acks.hand_out(&tp(1), (0, 4), 4, 2);
    assert_eq!(acks.done(&spans[1]), Done::Gone);
    assert_eq!(acks.flush(at(0), |_| true), [(tp(0), four)].into());
    acks.on_committed(true);
    // The log was cut: it begins again.
    let cut = acks.hand_out(&tp(1), (2, 3), 1, 3);
    assert_ne!(cut.slot, again.slot);
    assert_eq!(acks.done(&again), Done::Gone);
    assert!(acks.flush(at(0), |_| true).is_empty());
}

#[test]
fn a_gap_pauses_its_partition() {
    let mut acks = Acks::new(AckMode::Manual, 3, at(0));
    let spans: Vec<_> = (0..4).map(|n| acks.hand_out(&tp(0), (n, n + 1), 1, 0)).collect();
    acks.hand_out(&tp(1), (0, 2), 2, 0);
    assert_eq!(acks.turned(), [(tp(0), true)]);
    for which in [3, 2, 1] {
        assert_eq!(acks.done(&spans[which]), Done::Behind);
        assert!(!acks.take_news() && acks.turned().is_empty());
    }
    assert_eq!(acks.done(&spans[0]), Done::Prefix);
    assert!(acks.take_news() && !acks.take_news());
    assert_eq!(acks.turned(), [(tp(0), false)]);
}

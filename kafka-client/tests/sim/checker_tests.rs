//! The checker on histories made by hand: a good one, and one for every way to go wrong.

use super::check;
use crate::content::Id;
use crate::history::{Consumed, Event, Fate, History, Log, Loss, Produced, Promise, Sent, Timed};

const fn id(number: u32) -> Id {
    Id { producer: 0, number }
}

const fn sent(number: u32, fate: Fate) -> Sent {
    Sent { id: id(number), partition: Some(0), fate }
}

const fn stored(number: u32, offset: i64) -> Sent {
    sent(number, Fate::Stored { partition: 0, offset: Some(offset) })
}

const fn read(offset: i64, number: u32) -> Event {
    Event::Read { partition: 0, offset, value: Some(id(number)), in_hand: false }
}

/// Three records sent and acknowledged, all of them read.
fn good() -> History {
    let producer = Produced {
        promise: Promise::ExactlyOnce,
        sends: vec![stored(0, 0), stored(1, 1), stored(2, 2)],
        timed: vec![Timed { what: "close", limit_ms: 1000, took_ms: 1100, open: 0 }],
        refused_at_the_end: None,
    };
    let consumer = Consumed {
        events: vec![
            read(0, 0),
            read(1, 1),
            Event::Position { partition: 0, offset: 2 },
            Event::Seek { partition: 0, to: 1 },
            Event::Position { partition: 0, offset: 1 },
            read(1, 1),
            Event::Read { partition: 0, offset: 2, value: Some(id(2)), in_hand: true },
            Event::Position { partition: 0, offset: 2 },
            Event::Position { partition: 0, offset: 3 },
        ],
        timed: vec![Timed { what: "close", limit_ms: 0, took_ms: 0, open: 0 }],
        errors: Vec::new(),
        ends: vec![3, 0],
    };
    let logs = vec![vec![Some(id(0)), Some(id(1)), Some(id(2))], Vec::new()];
    History {
        producers: vec![producer],
        consumers: vec![consumer],
        logs_later: logs.clone(),
        logs,
        ..History::default()
    }
}

/// The names of all anomalies after a change to the good history.
fn after(change: impl FnOnce(&mut History)) -> Vec<&'static str> {
    let mut history = good();
    change(&mut history);
    check(&history).into_iter().map(|anomaly| anomaly.name).collect()
}

/// As [`after`], without a consumer that would notice other logs, too.
fn written(change: impl FnOnce(&mut History)) -> Vec<&'static str> {
    after(|history| {
        history.consumers.clear();
        change(history);
        history.logs_later.clone_from(&history.logs);
    })
}

fn events(change: impl FnOnce(&mut Vec<Event>)) -> Vec<&'static str> {
    after(|history| change(&mut history.consumers[0].events))
}

#[test]
fn a_good_history_has_no_anomaly() {
    assert_eq!(after(|_| {}), [""; 0]);
    let failed = Fate::Failed { possibly_written: true };
    for fate in [failed, Fate::Unknown, Fate::Stored { partition: 0, offset: None }] {
        assert_eq!(written(|it| it.producers[0].sends[1] = sent(1, fate)), [""; 0]);
    }
    // Failed for certain, and not there.
    let failed = Fate::Failed { possibly_written: false };
    assert_eq!(written(|it| it.producers[0].sends.push(sent(3, failed))), [""; 0]);
    // More is in the log later.
    assert_eq!(after(|it| it.logs_later[1].push(Some(id(1)))), [""; 0]);
}

#[test]
fn what_is_wrong_in_the_logs_is_named() {
    let failed = Fate::Failed { possibly_written: false };
    assert_eq!(written(|it| it.logs[0].truncate(2)), ["lost-write"]);
    let no_offset = Fate::Stored { partition: 0, offset: None };
    let lost = written(|it| {
        it.producers[0].sends[2] = sent(2, no_offset);
        it.logs[0].pop();
    });
    assert_eq!(lost, ["lost-write"]);
    assert_eq!(written(|it| it.logs[0].push(Some(id(2)))), ["duplicate"]);
    assert_eq!(written(|it| it.logs[0].push(None)), ["phantom-value"]);
    assert_eq!(written(|it| it.logs[0].push(Some(id(9)))), ["phantom-value"]);
    assert_eq!(written(|it| it.producers[0].sends[1] = sent(1, failed)), ["false-failure"]);
    let swapped = written(|it| {
        it.logs[0].swap(0, 1);
        it.producers[0].sends[0] = stored(0, 1);
        it.producers[0].sends[1] = stored(1, 0);
    });
    assert_eq!(swapped, ["reordered"]);
    assert_eq!(written(|it| it.producers[0].sends[1] = stored(1, 7)), ["inconsistent-offsets"]);
    assert_eq!(after(|it| it.logs_later[0][0] = Some(id(2))), ["inconsistent-offsets"; 2]);
    assert_eq!(after(|it| it.logs_later[0].truncate(2)), ["inconsistent-offsets"; 2]);
    let moved = written(|it| {
        it.logs[0].pop();
        it.logs[1].push(Some(id(2)));
        it.producers[0].sends[2].fate = Fate::Stored { partition: 1, offset: Some(0) };
    });
    assert_eq!(moved, ["wrong-partition"]);
}

#[test]
fn each_promise_allows_what_it_does_not_exclude() {
    let twice = |promise| {
        written(|it| {
            it.producers[0].promise = promise;
            it.logs[0].push(Some(id(0)));
        })
    };
    assert_eq!(twice(Promise::AtLeastOnce), [""; 0]);
    assert_eq!(twice(Promise::AtMostOnce), ["duplicate"]);
    assert_eq!(twice(Promise::Unacknowledged), ["duplicate"]);
    let lost = |promise| {
        written(|it| {
            it.producers[0].promise = promise;
            it.logs[0].pop();
        })
    };
    assert_eq!(lost(Promise::AtLeastOnce), ["lost-write"]);
    assert_eq!(lost(Promise::AtMostOnce), ["lost-write"]);
    assert_eq!(lost(Promise::Unacknowledged), [""; 0]);
}

#[test]
fn what_is_late_or_open_is_named() {
    let open = |it: &mut History| it.producers[0].sends[1] = sent(1, Fate::Unresolved);
    assert_eq!(written(open), ["unresolved-send"]);
    assert_eq!(written(|it| it.producers[0].timed[0].open = 1), ["unresolved-send"]);
    assert_eq!(written(|it| it.producers[0].timed[0].took_ms = 1101), ["late-close"]);
    assert_eq!(after(|it| it.consumers[0].timed[0].took_ms = 101), ["late-close"]);
    let refused = |it: &mut History| it.producers[0].refused_at_the_end = Some(String::new());
    assert_eq!(written(refused), ["unavailable"]);
    assert_eq!(written(|it| it.panics = 1), ["panic"]);
}

#[test]
fn what_is_read_wrongly_is_named() {
    assert_eq!(events(|it| *it = it.split_off(1)), ["poll-skip", "unseen"]);
    assert_eq!(events(|it| it.insert(1, read(0, 0))), ["nonmonotonic-poll"]);
    let wrong = ["inconsistent-offsets", "unseen"];
    assert_eq!(events(|it| it[0] = read(0, 1)), wrong);
    let unknown = Event::Read { partition: 0, offset: 0, value: None, in_hand: false };
    assert_eq!(events(|it| it[0] = unknown), wrong);
    assert_eq!(events(|it| it.push(read(3, 3))), ["inconsistent-offsets"]);
    let pause = Event::Pause { partition: 0, paused: true };
    assert_eq!(events(|it| it.insert(6, pause)), ["paused-poll"]);
    let stands = |offset| Event::Position { partition: 0, offset };
    assert_eq!(events(|it| it[2] = stands(1)), ["wrong-position"]);
    assert_eq!(events(|it| it.push(stands(1))), ["wrong-position"]);
    assert_eq!(
        events(|it| it.retain(|e| !matches!(e, Event::Read { offset: 2, .. }))),
        ["wrong-position", "unseen"]
    );
    assert_eq!(after(|it| it.consumers[0].errors.push(String::new())), ["told-error"]);
}

fn log(numbers: &[u32]) -> Log {
    numbers.iter().map(|number| Some(id(*number))).collect()
}

/// The good history after the power was lost when the log was as `before`: there it was cut behind the first record.
/// The consumer reads what was lost, and then what came in its place.
fn cut(before: &[u32], flushed: bool, change: impl FnOnce(&mut History)) -> Vec<&'static str> {
    after(|it| {
        let logs = |numbers| vec![log(numbers), Log::new()];
        let (before, synced, after) = (logs(before), logs(&[]), logs(&[0]));
        it.losses.push(Loss { before, synced, after });
        it.flushed = flushed;
        it.consumers[0].events = vec![read(0, 0), read(1, 5), read(1, 1), read(2, 2)];
        it.producers[0].sends.push(sent(5, Fate::Unknown));
        change(it);
    })
}

#[test]
fn what_was_not_synced_may_be_lost_with_the_power() {
    assert_eq!(cut(&[0, 5], false, |_| {}), [""; 0]);
    let acknowledged = |it: &mut History| it.producers[0].sends[3] = stored(5, 1);
    assert_eq!(cut(&[0, 5], false, acknowledged), [""; 0]);
    // Where nothing may be acknowledged or read before it is synced, that is another matter.
    let unread =
        |it: &mut History| it.consumers[0].events = vec![read(0, 0), read(1, 1), read(2, 2)];
    assert_eq!(cut(&[0, 5], true, unread), [""; 0]);
    assert_eq!(cut(&[0, 5], true, |_| {}), ["inconsistent-offsets"]);
    let both = |it: &mut History| {
        unread(it);
        acknowledged(it);
    };
    assert_eq!(cut(&[0, 5], true, both), ["lost-write"]);
}

#[test]
fn what_a_loss_of_power_does_not_explain_is_named() {
    let synced = |it: &mut History| it.losses[0].synced[0] = log(&[0, 5]);
    assert_eq!(cut(&[0, 5], false, synced), ["lost-synced"]);
    assert_eq!(cut(&[5, 0], false, |_| {})[0], "inconsistent-offsets");
    let never = |it: &mut History| it.producers[0].sends.push(stored(9, 1));
    assert_eq!(cut(&[0, 5], false, never), ["lost-write"]);
    // It goes on where it was, over what came in place of what was lost.
    let skips =
        |it: &mut History| it.consumers[0].events = vec![read(0, 0), read(1, 5), read(2, 2)];
    assert_eq!(cut(&[0, 5], false, skips), ["unseen"]);
    let twice = |it: &mut History| it.consumers[0].events.push(read(1, 1));
    assert_eq!(cut(&[0, 5], false, twice), ["nonmonotonic-poll"]);
    let too_far = |it: &mut History| it.losses[0].after[0] = log(&[]);
    assert_eq!(cut(&[0, 5], false, too_far), ["nonmonotonic-poll"]);
}

//! Runs many seeds, and makes sure that together they show something.

use crate::checker::{Anomaly, check};
use crate::content::Id;
use crate::events;
use crate::groups::{self, history::What};
use crate::history::{Event, Fate, Promise};
use crate::plan::Plan;
use crate::world::{Run, run as live};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::time::Duration;

/// Seeds run at the same time, each in one thread.
const THREADS: usize = 2;

/// A run takes some hundredths of a second. With no result for so long, the runs spin without time going on.
const STUCK: Duration = Duration::from_secs(120);

/// As many later seeds that are done show that a run does not get on, too.
const OVERTAKEN: u64 = 1000;

/// Seeds that a suite must have for its coverage to be judged.
const ENOUGH: u64 = 50;

/// How often everything happened over all runs.
type Coverage = BTreeMap<&'static str, u64>;

/// Without one of these, a suite shows nothing.
const REQUIRED: [&str; 39] = [
    "acknowledged",
    "failed, possibly written",
    "failed, not written",
    "duplicates answered",
    "produce requests without an answer",
    "broker rules acted",
    "requests cut",
    "replies cut",
    "connections stalled",
    "brokers stopped",
    "brokers stopped in good order",
    "brokers killed",
    "power losses",
    "files that lost unsynced bytes",
    "files with torn writes",
    "acknowledged and lost with the power",
    "cooperative groups",
    "eager groups",
    "coordinators restarted",
    "assignments",
    "partitions revoked",
    "partitions lost",
    "records handled",
    "commits stored",
    "commits told",
    "commits refused",
    "members that stood still",
    "members that were cut off",
    "members that left",
    "members that died",
    "listeners that died",
    "records read",
    "seeks",
    "pauses",
    "positions",
    "flushes",
    "closes",
    "not idempotent",
    "acknowledged without an offset",
];

/// One seed, with everything that happens.
pub(crate) fn replay(seed: u64) {
    events::print();
    eprintln!("{:#?}", Plan::draw(seed));
    let run = live(seed);
    print(&coverage(&run));
    let anomalies = judge(&run);
    for anomaly in &anomalies {
        tell(&run, anomaly);
    }
    assert!(anomalies.is_empty(), "{} anomalies", anomalies.len());
}

/// All these seeds.
pub(crate) fn run(seeds: Range<u64>) {
    let next = AtomicU64::new(seeds.start);
    let (report, reports) = mpsc::channel();
    let (mut all, mut bad, mut done) = (Coverage::new(), Vec::new(), BTreeSet::new());
    let mut first_open = seeds.start;
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            let (next, report, end) = (&next, report.clone(), seeds.end);
            scope.spawn(move || {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= end {
                        return;
                    }
                    let run = live(seed);
                    if report.send((seed, coverage(&run), judge(&run))).is_err() {
                        return;
                    }
                }
            });
        }
        drop(report);
        loop {
            match reports.recv_timeout(STUCK) {
                Ok((seed, coverage, anomalies)) => {
                    done.insert(seed);
                    while done.remove(&first_open) {
                        first_open += 1;
                    }
                    if seed.saturating_sub(first_open) > OVERTAKEN {
                        stuck(first_open);
                    }
                    coverage
                        .iter()
                        .for_each(|(name, count)| *all.entry(name).or_default() += count);
                    if !anomalies.is_empty() {
                        complain(seed, &anomalies);
                        bad.push(seed);
                    }
                }
                Err(mpsc::RecvTimeoutError::Disconnected) => break,
                Err(mpsc::RecvTimeoutError::Timeout) => {
                    stuck(first_open);
                }
            }
        }
    });
    let count = seeds.end - seeds.start;
    eprintln!("{count} seeds");
    print(&all);
    assert!(bad.is_empty(), "{} of {count} seeds show anomalies: {bad:?}", bad.len());
    if count >= ENOUGH {
        let missing: Vec<_> = REQUIRED.iter().filter(|name| !all.contains_key(*name)).collect();
        assert!(missing.is_empty(), "this shows nothing of {missing:?}");
    }
}

fn stuck(seed: u64) {
    eprintln!("stuck, time stands still: seed {seed}");
    std::process::abort();
}

fn judge(run: &Run) -> Vec<Anomaly> {
    let mut anomalies = check(&run.history);
    if let Some(group) = &run.history.group {
        anomalies.extend(groups::checker::check(group, &run.history.logs));
    }
    if let Some(parks) = run.restless {
        let what = format!("{parks} wake-ups in an idle world");
        anomalies.push(Anomaly { name: "restless", what });
    }
    anomalies
}

fn complain(seed: u64, anomalies: &[Anomaly]) {
    eprintln!("seed {seed}:");
    for Anomaly { name, what } in anomalies.iter().take(5) {
        eprintln!("  {name}: {what}");
    }
    let command = "cargo test --release -p kafka-client --test sim guarantees -- --nocapture";
    eprintln!("  replay: KAFKA_SIM_SEED={seed} {command}");
}

/// An anomaly, with the logs.
fn tell(run: &Run, Anomaly { name, what }: &Anomaly) {
    eprintln!("{name}: {what}");
    for (partition, log) in run.history.logs.iter().enumerate() {
        let short = |id: &Option<crate::content::Id>| {
            id.map_or("?".to_owned(), |id| format!("{}.{}", id.producer, id.number))
        };
        let log: Vec<_> = log.iter().map(short).collect();
        eprintln!("  log {partition}: {}", log.join(" "));
    }
}

fn print(coverage: &Coverage) {
    for (name, count) in coverage {
        eprintln!("{count:>10}  {name}");
    }
}

fn coverage(run: &Run) -> Coverage {
    let mut coverage = Coverage::new();
    let mut count = |name, by: u64| {
        if by > 0 {
            *coverage.entry(name).or_default() += by;
        }
    };
    for producer in &run.history.producers {
        count("not idempotent", u64::from(producer.promise != Promise::ExactlyOnce));
        for sent in &producer.sends {
            match sent.fate {
                Fate::Stored { offset, .. } => {
                    count("acknowledged", 1);
                    count("acknowledged without an offset", u64::from(offset.is_none()));
                }
                Fate::Failed { possibly_written: true } => count("failed, possibly written", 1),
                Fate::Failed { possibly_written: false } => count("failed, not written", 1),
                Fate::Unknown => count("fate unknown", 1),
                Fate::Unresolved => count("unresolved", 1),
            }
        }
        for timed in &producer.timed {
            count(if timed.what == "flush" { "flushes" } else { "closes" }, 1);
        }
    }
    for event in run.history.consumers.iter().flat_map(|consumer| &consumer.events) {
        match event {
            Event::Seek { .. } => count("seeks", 1),
            Event::Pause { .. } => count("pauses", 1),
            Event::Read { .. } => count("records read", 1),
            Event::Position { .. } => count("positions", 1),
        }
    }
    if let Some(group) = &run.history.group {
        count("groups", 1);
        count(if group.cooperative { "cooperative groups" } else { "eager groups" }, 1);
        let died = |it: &&groups::history::Event| it.what == What::Died;
        let died = group.events.iter().filter(died).map(|event| event.member.slot);
        let bounded = died.filter(|slot| group.repeats.contains_key(slot)).count();
        count("listeners that died", bounded as u64);
        count("commits stored", group.stored.len() as u64);
        for event in &group.events {
            count(of_a_member(&event.what), 1);
        }
    }
    count("coordinators restarted", run.ends.coordinators);
    count("batches appended", run.broker.appended_batches);
    count("duplicates answered", run.broker.duplicates_answered);
    count("broker rules acted", run.broker.faults);
    count("produce requests without an answer", run.failed_requests);
    count("connections", run.network.connections);
    count("requests cut", run.network.cut_requests);
    count("replies cut", run.network.cut_replies);
    count("connections stalled", run.network.stalls);
    count("brokers stopped", run.network.stops);
    count("brokers stopped in good order", run.ends.stops);
    count("brokers killed", run.ends.kills);
    count("power losses", run.ends.power_losses);
    count("files that lost unsynced bytes", run.ends.lost);
    count("files with torn writes", run.ends.torn);
    count("acknowledged and lost with the power", acknowledged_and_lost(run));
    count("virtual seconds", run.virtual_ms / 1000);
    coverage
}

fn of_a_member(what: &What) -> &'static str {
    match what {
        What::Assigned { .. } => "assignments",
        What::Revoked(_) => "partitions revoked",
        What::Lost(_) => "partitions lost",
        What::Handled { .. } => "records handled",
        What::Acknowledged { .. } => "records acknowledged",
        What::Committed { ok: true, .. } | What::CommittedAll { ok: true } => "commits told",
        What::Committed { .. } | What::CommittedAll { .. } => "commits refused",
        What::StoodStill => "members that stood still",
        What::CutOff => "members that were cut off",
        What::Closed => "members that left",
        What::Unsubscribed => "members that unsubscribed",
        What::Died => "members that died",
        What::Told(_) => "errors told",
    }
}

/// Records that a broker without a flush policy acknowledged, and lost with what was not synced.
fn acknowledged_and_lost(run: &Run) -> u64 {
    let kept: BTreeSet<Id> = run.history.logs.iter().flatten().flatten().copied().collect();
    let sends = run.history.producers.iter().filter(|it| it.promise != Promise::Unacknowledged);
    let sends = sends.flat_map(|producer| &producer.sends);
    let stored = sends.filter(|sent| matches!(sent.fate, Fate::Stored { .. }));
    stored.filter(|sent| !kept.contains(&sent.id)).count() as u64
}

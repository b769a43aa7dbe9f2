//! A group of twenty over a hundred partitions, whose members come, go, die, stand still and come back.
//!
//! ```text
//! KAFKA_CHURN_SEED=7 KAFKA_CHURN_SECONDS=120 cargo test -p kafka-client --test end_to_end come_and_go
//! ```
//!
//! The seed gives what happens to whom and when; how it falls together is the machine's.

mod checker;
mod checker_tests;
mod history;
mod member;
mod plan;

use crate::groups::member as settings;
use crate::member::eventually;
use crate::world::{World, soon};
use checker::{Rules, check, story};
use history::{Recorder, What};
use kafka_client::ProducerRecord;
use kafka_client::config::ProducerConfig;
use member::{Member, Task};
use plan::{Act, Step, plan};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;

const MEMBERS: usize = 20;
const PARTITIONS: i32 = 100;
/// Far longer than a busy machine keeps a thread waiting: a member that is alive is not to be given up.
const SESSION: Duration = Duration::from_secs(3);
const HEARTBEAT: Duration = Duration::from_millis(200);
/// How often each partition gets a record.
const EVERY: Duration = Duration::from_millis(100);

/// How long members come and go; not counted that then the rest is read.
pub(crate) fn length() -> Duration {
    Duration::from_secs(number("KAFKA_CHURN_SECONDS").unwrap_or(8))
}

fn number(name: &str) -> Option<u64> {
    Some(std::env::var(name).ok()?.parse().expect("a number"))
}

pub(crate) async fn range_members_come_and_go(world: World) {
    members_come_and_go(world, "range").await;
}

pub(crate) async fn cooperative_members_come_and_go(world: World) {
    members_come_and_go(world, "cooperative-sticky").await;
}

async fn members_come_and_go(world: World, strategy: &str) {
    let (seed, length) = (number("KAFKA_CHURN_SEED").unwrap_or(1), length());
    eprintln!("KAFKA_CHURN_SEED={seed} KAFKA_CHURN_SECONDS={} gives this again", length.as_secs());
    let (topic, group) = (world.topic(PARTITIONS).await, world.group());
    world.settled(&topic).await;
    let config = settings(&group)
        .session_timeout(SESSION)
        .heartbeat_interval(HEARTBEAT)
        .max_poll_interval(Duration::from_secs(60))
        .partition_assignment_strategy([strategy]);
    let recorder = Recorder::new();
    let (stop, stopped) = oneshot::channel();
    let producing = produce(world.clone(), topic.clone(), recorder.clone(), stopped);
    let producing = tokio::spawn(producing);
    let bootstrap = world.bootstrap.clone();
    let task = Task { bootstrap, topic, config, recorder: recorder.clone() };
    let members = churn(&plan(seed, length), &task).await;

    let numbers: Vec<_> = members.iter().map(|member| member.number).collect();
    let (all, share) = (usize::try_from(PARTITIONS).unwrap(), 100 / MEMBERS);
    eventually("all share", || recorder.is_settled(&numbers, all, share)).await;
    drop(stop);
    soon(producing).await.unwrap();
    eventually("every record is handled", || recorder.left() == 0).await;
    members.iter().for_each(Member::close);
    for member in members {
        soon(member.ended()).await;
    }

    let cooperative = strategy.starts_with("cooperative");
    let hold_up = SESSION - 2 * HEARTBEAT;
    let rules = Rules { session: SESSION, hold_up, cooperative, partitions: all };
    let history = recorder.history();
    let found = check(&history, rules);
    let records: usize = history.produced.values().map(Vec::len).sum();
    let count = |of: fn(&What) -> bool| history.events.iter().filter(|e| of(&e.what)).count();
    let died = count(|what| *what == What::Died);
    let (closed, stopped) = (count(|w| *w == What::Closing), count(|w| *w == What::Frozen));
    eprintln!(
        "{strategy}: {closed} members left, {died} died, {stopped} stood still, {} of them were \
         put out; {} times a partition was given to one; {records} records, {} repeated; what was \
         kept waited {} ms at most",
        found.losses,
        found.moves,
        found.repeated,
        found.longest_wait.as_millis()
    );
    if let Some(first) = found.violations.iter().min_by_key(|violation| violation.at) {
        let texts: Vec<_> = found.violations.iter().map(|violation| &*violation.text).collect();
        panic!("{}\nbefore the first:\n{}", texts.join("\n"), story(&history, first).join("\n"));
    }
    assert!(died > 0 && stopped > 0 && found.moves > all, "too little happened to show anything");
}

/// Carries a plan out; gives the members that are left, one per slot.
async fn churn(plan: &[Step], task: &Task) -> Vec<Member> {
    let mut slots: Vec<Option<Member>> = (0..MEMBERS).map(|_| None).collect();
    let mut ending = Vec::new();
    let mut started = 0;
    let begun = task.recorder.now();
    for step in plan {
        let wait = (begun + step.at).saturating_sub(task.recorder.now());
        tokio::time::sleep(wait).await;
        let slot = &mut slots[step.slot];
        match (step.act, &*slot) {
            (Act::Start, _) => {
                *slot = Some(Member::start(started, task.clone()));
                started += 1;
            }
            (Act::Freeze(time), Some(member)) => member.freeze(time),
            (Act::Close, Some(member)) => {
                member.close();
                ending.extend(slot.take());
            }
            (Act::Die, Some(member)) => {
                member.die();
                ending.extend(slot.take());
            }
            (_, None) => panic!("nobody is in slot {}", step.slot),
        }
    }
    for member in ending {
        soon(member.ended()).await;
    }
    slots.into_iter().map(|slot| slot.expect("every slot is filled in the end")).collect()
}

/// Writes a record to every partition now and then, until it is told to stop.
async fn produce(
    world: World,
    topic: String,
    recorder: Arc<Recorder>,
    mut stop: oneshot::Receiver<()>,
) {
    let producer = world.producer(ProducerConfig::default());
    while stop.try_recv() == Err(oneshot::error::TryRecvError::Empty) {
        let record = |place| ProducerRecord::new(&topic, "v").partition(place);
        let sent = producer.send_batch((0..PARTITIONS).map(record)).await.unwrap();
        for stored in sent.all().await.unwrap() {
            recorder.produced(stored.partition(), stored.offset().unwrap());
        }
        tokio::time::sleep(EVERY).await;
    }
}

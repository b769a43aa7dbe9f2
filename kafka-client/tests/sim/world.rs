//! One run: broker and clients in one runtime in paused time, from the first connection to the last read.

use crate::groups::gate::{Gate, Gated};
use crate::groups::history::Group;
use crate::groups::member::{self, Journal};
use crate::groups::plan::{GroupPlan, MemberPlan};
use crate::groups::stored;
use crate::history::{Consumed, History, Produced};
use crate::host::{Ends, Host};
use crate::plan::Plan;
use crate::seed::{Random, Stream};
use crate::{consuming, events, faults, log, producing};
use kafka_broker_lite::control::Counters;
use kafka_broker_lite::net::sim::{FaultCounters, SimNet};
use kafka_client::Client;
use kafka_client::config::ClientConfig;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::sync::Notify;

pub(crate) const HOST: &str = "broker:9092";
pub(crate) const TOPIC: &str = "simulated";

/// After this nothing that was sent before is on its way any more, and a group is stable.
const SETTLED: Duration = Duration::from_secs(30);

/// How long a group may take to handle and commit what is left.
const LAG_MAX_MS: u64 = 120_000;

/// How long nothing happens, and how long one member goes and comes back.
const QUIET: Duration = Duration::from_secs(5);
const CHURN: Duration = Duration::from_secs(15);

/// Where nothing has to be done the runtime goes to sleep this often in a second, at most; clients add theirs.
const IDLE_PARKS_PER_S: u64 = 100;

/// What the clients of a run share.
#[derive(Clone, Debug)]
pub(crate) struct World {
    pub(crate) seed: u64,
    pub(crate) plan: Arc<Plan>,
    net: SimNet,
    stage: Arc<(Mutex<Stage>, Notify)>,
}

#[derive(Debug)]
struct Stage {
    phase: Phase,
    /// Where the logs end, once nothing is written any more.
    ends: Option<Vec<i64>>,
    /// Consumers that have read everything, or given up.
    arrived: usize,
}

/// How far a run has got.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    Faulty,
    Healed,
    /// Nothing is written any more.
    Written,
    /// Everything is read and committed, too.
    Quiet,
    /// A member goes, and another comes in its place.
    Churn,
    Over,
}

/// What a run has shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) history: History,
    pub(crate) network: FaultCounters,
    pub(crate) broker: Counters,
    pub(crate) ends: Ends,
    pub(crate) failed_requests: u64,
    pub(crate) virtual_ms: u64,
    /// More wake-ups in an idle world than there is reason for.
    pub(crate) restless: Option<u64>,
    pub(crate) trace: u64,
}

impl World {
    /// A client that is called by its number.
    pub(crate) fn client(&self, config: &ClientConfig, number: u64) -> Client {
        self.client_through(config, number, Gate::default())
    }

    /// As [`World::client`], with a way to the network that can be closed.
    pub(crate) fn client_through(&self, config: &ClientConfig, number: u64, gate: Gate) -> Client {
        let seed = Random::new(self.seed, Stream::Client, number).word();
        let config = config.clone().client_id(format!("client-{number}"));
        let builder = Client::builder(config).connector(Gated(self.net.clone(), gate)).seed(seed);
        builder.connect_lazily().unwrap()
    }

    /// Waits until there are no faults any more.
    pub(crate) async fn healed(&self) {
        while self.phase() == Phase::Faulty {
            self.stage.1.notified().await;
        }
    }

    fn stage(&self) -> MutexGuard<'_, Stage> {
        self.stage.0.lock().unwrap()
    }

    pub(crate) fn phase(&self) -> Phase {
        self.stage().phase
    }

    /// A [`Notify`] wakes in the order of waiting, so that the run repeats.
    fn enter(&self, phase: Phase) {
        events::tell(|| format!("{phase:?}"));
        self.stage().phase = phase;
        self.stage.1.notify_waiters();
    }

    /// Where the logs end, once nothing is written any more.
    pub(crate) fn ends(&self) -> Option<Vec<i64>> {
        self.stage().ends.clone()
    }

    /// A consumer has read everything, or given up.
    pub(crate) fn arrive(&self) {
        self.stage().arrived += 1;
    }

    /// A record of fewer bytes is not too large for anybody.
    pub(crate) fn small(&self) -> usize {
        self.plan.message_max_bytes.min(3000) / 2
    }
}

/// The time of this run.
#[expect(clippy::disallowed_methods, reason = "the virtual time of the run is what is measured")]
pub(crate) fn now_ms() -> u64 {
    thread_local! {
        static BEGAN: std::cell::Cell<Option<tokio::time::Instant>> =
            const { std::cell::Cell::new(None) };
    }
    let now = tokio::time::Instant::now();
    // A later run in this thread counts on: only differences matter.
    let began = BEGAN.get().unwrap_or(now);
    BEGAN.set(Some(began));
    u64::try_from(now.saturating_duration_since(began).as_millis()).unwrap()
}

/// Runs the world of `seed`.
pub(crate) fn run(seed: u64) -> Run {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = builder.enable_time().start_paused(true).build().unwrap();
    let listening = events::Listening::begin();
    let mut run = runtime.block_on(live(seed));
    drop(runtime);
    let heard = listening.end();
    run.failed_requests = heard.failed_requests;
    run.history.panics = heard.panics;
    run.trace = Random::new(fold(&format!("{:?}", run.history)), Stream::Plan, run.trace).word();
    run
}

/// A number that follows from a text.
fn fold(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

async fn live(seed: u64) -> Run {
    let began_ms = now_ms();
    let plan = Arc::new(Plan::draw(seed));
    let net = SimNet::new(Random::new(seed, Stream::Network, 1).word(), plan.network.clone());
    let host = Host::start(seed, &plan, &net);
    let stage = Stage { phase: Phase::Faulty, ends: None, arrived: 0 };
    let stage = Arc::new((Mutex::new(stage), Notify::new()));
    let world = World { seed, plan: plan.clone(), net: net.clone(), stage };
    let journal = Journal::new();

    let faults = tokio::spawn(faults::run(seed, plan.clone(), net.clone(), host.clone()));
    let producers: Vec<_> = (0_u8..)
        .zip(plan.producers.clone())
        .map(|(name, plan)| tokio::spawn(producing::run(world.clone(), plan, name)))
        .collect();
    let consumers: Vec<_> = (0..)
        .zip(plan.consumers.clone())
        .map(|(number, plan)| tokio::spawn(consuming::run(world.clone(), plan, number)))
        .collect();
    let members = plan.group.iter().flat_map(|group| group.members.clone());
    let members: Vec<_> = (0..)
        .zip(members)
        .map(|(slot, plan)| tokio::spawn(member::run(world.clone(), plan, slot, journal.clone())))
        .collect();

    faults.await.unwrap();
    host.control().unwrap().clear();
    net.heal();
    world.enter(Phase::Healed);
    let producers: Vec<Produced> = all(producers).await;
    tokio::time::sleep(SETTLED).await;

    let logs = log::read(&net, plan.partitions, seed, plan.sizes).await;
    let ends: Vec<_> = logs.iter().map(|log| i64::try_from(log.len()).unwrap()).collect();
    world.stage().ends = Some(ends.clone());
    world.enter(Phase::Written);
    while world.stage().arrived < consumers.len() {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let (mut group, restless) = calm(&world, &journal, &ends).await;
    world.enter(Phase::Over);
    let consumers: Vec<Consumed> = all(consumers).await;
    all(members).await;
    if let Some(group) = &mut group {
        group.events = journal.take();
        group.stored = stored::read(&net).await;
    }
    let logs_later = log::read(&net, plan.partitions, seed, plan.sizes).await;
    let ((ends, losses), flushed) = (host.ends(), plan.flushed());
    let history =
        History { producers, consumers, logs, logs_later, losses, flushed, group, panics: 0 };
    Run {
        history,
        network: net.counters(),
        broker: host.counters(),
        ends,
        failed_requests: 0,
        virtual_ms: now_ms() - began_ms,
        restless,
        trace: net.trace(),
    }
}

/// Waits until a group has committed everything, and looks on while there is nothing to do and while one member goes
/// and comes. Gives what is known of the group, and how often something woke up for nothing, if that is too often.
async fn calm(world: &World, journal: &Journal, ends: &[i64]) -> (Option<Group>, Option<u64>) {
    let Some(plan) = &world.plan.group else {
        world.enter(Phase::Quiet);
        return (None, restless(&world.plan).await);
    };
    let repeats = (0..).zip(&plan.members).filter_map(|(slot, it)| Some((slot, it.repeats?)));
    let acknowledging = (0..).zip(&plan.members).filter(|(_, it)| it.acknowledges());
    let mut group = Group {
        cooperative: plan.cooperative,
        repeats: repeats.collect(),
        acknowledging: acknowledging.map(|(slot, _)| slot).collect(),
        ..Group::default()
    };
    let behind = lag(world, plan, ends).await;
    let began_ms = journal.now_ms();
    world.enter(Phase::Quiet);
    let restless = restless(&world.plan).await;
    group.quiet_ms = (began_ms, journal.now_ms());
    world.enter(Phase::Churn);
    tokio::time::sleep(CHURN).await;
    // What a static member gave up and did not join again for, because it ended, is nobody's before the next
    // generation, in Kafka too: who comes for the old one finds its assignment. Now that one has gone and come, it is
    // somebody's.
    let waits = plan.cooperative && plan.members.iter().any(MemberPlan::is_static);
    group.lag = match behind {
        Some(_) if waits => lag(world, plan, ends).await,
        behind => behind,
    };
    (Some(group), restless)
}

/// Waits until a group has committed everything, and tells what is missing when it should have.
async fn lag(world: &World, plan: &GroupPlan, ends: &[i64]) -> Option<String> {
    let until_ms = now_ms() + LAG_MAX_MS;
    loop {
        let mut committed = vec![0; ends.len()];
        for stored in stored::read(&world.net).await {
            committed[stored.partition] = stored.offset;
        }
        if committed.iter().zip(ends).all(|(committed, end)| committed + plan.lag() >= *end) {
            return None;
        }
        if now_ms() >= until_ms {
            return Some(format!("committed {committed:?} of {ends:?}"));
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

async fn all<T>(tasks: Vec<tokio::task::JoinHandle<T>>) -> Vec<T> {
    let mut results = Vec::new();
    for task in tasks {
        results.push(task.await.unwrap());
    }
    results
}

/// Waits a while in which nothing has to be done, and gives how often something woke up, if that is too often.
async fn restless(plan: &Plan) -> Option<u64> {
    let consumers = plan.consumers.iter().map(|consumer| consumer.wakes);
    let members = plan.group.iter().flat_map(|group| &group.members).map(|member| member.wakes);
    let most = IDLE_PARKS_PER_S + consumers.chain(members).sum::<u64>();
    let metrics = tokio::runtime::Handle::current().metrics();
    let before = metrics.worker_park_count(0);
    tokio::time::sleep(QUIET).await;
    let parks = metrics.worker_park_count(0) - before;
    (parks > most * QUIET.as_secs()).then_some(parks)
}

//! One run: broker and clients in one runtime in paused time, from the first connection to the last read.

use crate::history::{Consumed, History, Produced};
use crate::host::{Ends, Host};
use crate::plan::Plan;
use crate::seed::{Random, Stream};
use crate::{consuming, events, faults, log, producing};
use kafka_broker_lite::control::Counters;
use kafka_broker_lite::net::sim::{FaultCounters, SimNet};
use kafka_client::config::ClientConfig;
use kafka_client::{Client, Connector};
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::Notify;

pub(crate) const HOST: &str = "broker:9092";
pub(crate) const TOPIC: &str = "simulated";

/// After this nothing that was sent before is on its way any more.
const SETTLED: Duration = Duration::from_secs(30);

/// In a world where nothing happens the runtime goes to sleep this often in a second, at most: what wakes up then are
/// fetches that waited in vain, and timers that count in seconds.
const IDLE_PARKS_PER_S: u64 = 100;

/// What the clients of a run share.
#[derive(Clone, Debug)]
pub(crate) struct World {
    pub(crate) seed: u64,
    pub(crate) plan: Arc<Plan>,
    net: SimNet,
    phase: Arc<(Mutex<Phase>, Notify)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Phase {
    Faulty,
    Healed,
    /// Nothing is written any more; where the logs end.
    Written(Vec<i64>),
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

#[derive(Clone, Debug)]
struct OverSimNet(SimNet);

#[async_trait::async_trait]
impl Connector for OverSimNet {
    async fn connect(&self, host: &str, port: u16) -> io::Result<Box<dyn kafka_client::Stream>> {
        Ok(Box::new(self.0.connect(&format!("{host}:{port}")).await?))
    }
}

impl World {
    /// A client that is called by its number.
    pub(crate) fn client(&self, config: &ClientConfig, number: u64) -> Client {
        let seed = Random::new(self.seed, Stream::Client, number).word();
        let config = config.clone().client_id(format!("client-{number}"));
        let builder = Client::builder(config).connector(OverSimNet(self.net.clone())).seed(seed);
        builder.connect_lazily().unwrap()
    }

    /// Waits until there are no faults any more.
    pub(crate) async fn healed(&self) {
        while self.phase() == Phase::Faulty {
            self.phase.1.notified().await;
        }
    }

    fn phase(&self) -> Phase {
        self.phase.0.lock().unwrap().clone()
    }

    /// A [`Notify`] wakes in the order of waiting, so that the run repeats.
    fn enter(&self, phase: Phase) {
        *self.phase.0.lock().unwrap() = phase;
        self.phase.1.notify_waiters();
    }

    /// Where the logs end, once nothing is written any more.
    pub(crate) fn ends(&self) -> Option<Vec<i64>> {
        match self.phase() {
            Phase::Written(ends) => Some(ends),
            Phase::Faulty | Phase::Healed => None,
        }
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
    let phase = Arc::new((Mutex::new(Phase::Faulty), Notify::new()));
    let world = World { seed, plan: plan.clone(), net: net.clone(), phase };

    let faults = tokio::spawn(faults::run(seed, plan.clone(), net.clone(), host.clone()));
    let producers: Vec<_> = (0_u8..)
        .zip(plan.producers.clone())
        .map(|(name, plan)| tokio::spawn(producing::run(world.clone(), plan, name)))
        .collect();
    let consumers: Vec<_> = (0..)
        .zip(plan.consumers.clone())
        .map(|(number, plan)| tokio::spawn(consuming::run(world.clone(), plan, number)))
        .collect();

    faults.await.unwrap();
    host.control().unwrap().clear();
    net.heal();
    world.enter(Phase::Healed);
    let producers: Vec<Produced> = all(producers).await;
    tokio::time::sleep(SETTLED).await;

    let logs = log::read(&net, plan.partitions, seed, plan.sizes).await;
    let ends = logs.iter().map(|log| i64::try_from(log.len()).unwrap()).collect();
    world.enter(Phase::Written(ends));
    let consumers: Vec<Consumed> = all(consumers).await;
    let restless = restless().await;
    let logs_later = log::read(&net, plan.partitions, seed, plan.sizes).await;
    let (ends, losses) = host.ends();
    let flushed = plan.flushed();
    Run {
        history: History { producers, consumers, logs, logs_later, losses, flushed, panics: 0 },
        network: net.counters(),
        broker: host.counters(),
        ends,
        failed_requests: 0,
        virtual_ms: now_ms() - began_ms,
        restless,
        trace: net.trace(),
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
async fn restless() -> Option<u64> {
    const SECONDS: u64 = 5;
    let metrics = tokio::runtime::Handle::current().metrics();
    let before = metrics.worker_park_count(0);
    tokio::time::sleep(Duration::from_secs(SECONDS)).await;
    let parks = metrics.worker_park_count(0) - before;
    (parks > IDLE_PARKS_PER_S * SECONDS).then_some(parks)
}

//! The broker of a run as a machine that dies: killed, without power or in good order, and comes back on its disk.

use crate::events;
use crate::history::{Log, Loss};
use crate::log;
use crate::plan::{Plan, Storage};
use crate::seed::{Random, Stream};
use crate::world::{HOST, TOPIC, now_ms};
use kafka_broker_lite::control::{Control, Counters};
use kafka_broker_lite::log::{PowerLoss, SimDisk};
use kafka_broker_lite::net::sim::{Faults, SimNet};
use kafka_broker_lite::{Cluster, ClusterBuilder};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

/// What a broker's time of day is when a run begins.
pub(crate) const DAWN_MS: i64 = 1_700_000_000_000;

/// After this a process that was killed does nothing more.
const DEAD: Duration = Duration::from_millis(1);

/// How a broker goes down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Stop,
    Kill,
    PowerLoss,
}

/// How often it went down, and what that did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ends {
    pub(crate) stops: u64,
    pub(crate) kills: u64,
    pub(crate) power_losses: u64,
    pub(crate) lost: u64,
    pub(crate) torn: u64,
    pub(crate) coordinators: u64,
}

/// A broker's machine. Clones are the same one.
#[derive(Clone, Debug)]
pub(crate) struct Host {
    seed: u64,
    plan: Arc<Plan>,
    net: SimNet,
    disk: SimDisk,
    began_ms: u64,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    cluster: Option<Cluster>,
    starts: u64,
    /// Of brokers that are gone.
    counters: Counters,
    ends: Ends,
    losses: Vec<Loss>,
}

impl Host {
    /// Starts a broker for the first time.
    pub(crate) fn start(seed: u64, plan: &Arc<Plan>, net: &SimNet) -> Self {
        let (disk, state) = (SimDisk::new(), Arc::default());
        if let Storage::Disk { sync_ms, .. } = &plan.storage {
            disk.sync_takes(sync_ms.clone(), Random::new(seed, Stream::Broker, 1).word());
        }
        let (plan, net, began_ms) = (plan.clone(), net.clone(), now_ms());
        let host = Self { seed, plan, net, disk, began_ms, state };
        host.boot();
        host
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    fn boot(&self) {
        let mut state = self.state();
        let mut builder = self.builder(state.starts);
        if state.starts == 0 {
            builder = builder.topic(TOPIC, self.plan.partitions);
        }
        if let Storage::Disk { .. } = self.plan.storage {
            builder = builder.disk(self.disk.clone());
        }
        state.starts += 1;
        state.cluster = Some(builder.start_on(self.net.listen(HOST)).unwrap());
    }

    /// Each process draws other ids; the time of day goes on.
    fn builder(&self, starts: u64) -> ClusterBuilder {
        let lived_ms = i64::try_from(now_ms() - self.began_ms).unwrap();
        let builder = Cluster::builder()
            .seed(Random::new(self.seed, Stream::Broker, 100 + starts).word())
            .time_of_day(DAWN_MS + lived_ms)
            .config("offsets.topic.num.partitions", "1")
            .config("message.max.bytes", self.plan.message_max_bytes.to_string());
        match &self.plan.storage {
            Storage::Memory => builder,
            Storage::Disk { flush, segment_bytes, .. } => {
                let builder = builder.config("log.segment.bytes", segment_bytes.to_string());
                match flush {
                    Some(records) => builder.config("log.flush.interval.messages", *records),
                    None => builder,
                }
            }
        }
    }

    /// The hand in the broker that runs now.
    pub(crate) fn control(&self) -> Option<Control> {
        self.state().cluster.as_ref().map(|cluster| cluster.control().clone())
    }

    /// Has the coordinator of groups start anew.
    pub(crate) fn restart_coordinator(&self) {
        let mut state = self.state();
        state.ends.coordinators += u64::from(state.cluster.is_some());
        state.cluster.iter().for_each(|cluster| cluster.control().restart_coordinator());
    }

    /// What all brokers did together.
    pub(crate) fn counters(&self) -> Counters {
        let state = self.state();
        let mut all = state.counters.clone();
        state.cluster.iter().for_each(|it| add(&mut all, &it.control().counters()));
        all
    }

    pub(crate) fn ends(&self) -> (Ends, Vec<Loss>) {
        let state = self.state();
        (state.ends.clone(), state.losses.clone())
    }

    /// Goes down, and comes back after that time.
    pub(crate) async fn crash(&self, how: End, down: Duration, random: &mut Random) {
        let Some(cluster) = self.state().cluster.take() else { return };
        add(&mut self.state().counters, &cluster.control().counters());
        if how == End::Stop {
            cluster.shutdown().await;
            self.net.stop(HOST);
            self.state().ends.stops += 1;
        } else {
            self.net.stop(HOST);
            drop(cluster);
            tokio::time::sleep(DEAD).await;
        }
        match how {
            End::Stop => {}
            End::Kill => self.state().ends.kills += 1,
            End::PowerLoss => self.lose_power(random).await,
        }
        tokio::time::sleep(down).await;
        events::tell(|| "the broker comes back".to_owned());
        self.boot();
        self.net.start(HOST);
    }

    async fn lose_power(&self, random: &mut Random) {
        let before = self.logs_on(self.disk.copy()).await;
        let bare = self.disk.copy();
        bare.lose_unsynced();
        let synced = self.logs_on(bare).await;
        let PowerLoss { lost, torn } = self.disk.lose_power(random.word());
        let after = self.logs_on(self.disk.copy()).await;
        events::tell(|| {
            let ends = |logs: &[Log]| logs.iter().map(Vec::len).collect::<Vec<_>>();
            let (before, synced, after) = (ends(&before), ends(&synced), ends(&after));
            format!("logs ended at {before:?}, synced up to {synced:?}, and end now at {after:?}")
        });
        let mut state = self.state();
        state.ends.power_losses += 1;
        state.ends.lost += lost;
        state.ends.torn += torn;
        state.losses.push(Loss { before, synced, after });
    }

    /// The logs as a broker finds them on a disk, which is changed by that.
    async fn logs_on(&self, disk: SimDisk) -> Vec<Log> {
        let net = SimNet::new(0, Faults::none());
        let cluster = self.builder(0).disk(disk).start_on(net.listen(HOST)).unwrap();
        let logs = log::read(&net, self.plan.partitions, self.seed, self.plan.sizes).await;
        drop(cluster);
        logs
    }
}

fn add(all: &mut Counters, more: &Counters) {
    for (api, count) in &more.requests {
        *all.requests.entry(*api).or_default() += count;
    }
    all.appended_batches += more.appended_batches;
    all.duplicates_answered += more.duplicates_answered;
    all.faults += more.faults;
    all.waited_fetches += more.waited_fetches;
}

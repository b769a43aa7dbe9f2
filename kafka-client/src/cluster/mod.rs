//! The cluster as one client sees it: shared metadata, and connections by broker id.

pub(crate) mod coordinator;
pub(crate) mod metadata;
mod watched;

use crate::clock::{Clock, Monotonic};
use crate::error::{Error, ErrorKind, Result};
use crate::net::{Address, Connection, Pool, Purpose};
use kafka_proto::ErrorCode;
use kafka_proto::messages::{find_coordinator, metadata as wire};
use metadata::{Ask, Metadata, Partition, Snapshot, Topic};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, watch};
use watched::{Watch, Watched};

/// A topic that the broker does not know is looked for this many times more, ever more slowly, before that is believed:
/// a broker that makes topics on demand says "unknown" until it has.
const UNKNOWN_LOOKS: u64 = 4;

/// How long a call may wait in all, whatever it waits for in turn.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    until: Monotonic,
    limit: Duration,
    /// The name of the setting that says so.
    setting: &'static str,
}

impl Patience {
    /// Of a call that begins now.
    pub(crate) fn new(clock: &Clock, limit: Duration, setting: &'static str) -> Self {
        Self { until: clock.now().monotonic.after(limit), limit, setting }
    }

    /// What `future` gives, or `None` if that takes too long.
    pub(crate) async fn timeout<F: Future>(self, clock: &Clock, future: F) -> Option<F::Output> {
        tokio::time::timeout_at(clock.instant(self.until), future).await.ok()
    }
}

impl fmt::Display for Patience {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "within {} ms ({})", self.limit.as_millis(), self.setting)
    }
}

/// Shared by everything that belongs to one client.
#[derive(Debug)]
pub(crate) struct Cluster {
    pub(crate) pool: Pool,
    pub(crate) clock: Arc<Clock>,
    bootstrap: Vec<Address>,
    metadata: Mutex<Metadata>,
    /// Wakes the task that asks.
    asked: Notify,
    seen: Arc<Watched<Arc<Snapshot>>>,
    /// Why the last question failed.
    last_error: Mutex<Option<Error>>,
}

impl Cluster {
    pub(crate) fn new(
        pool: Pool,
        clock: Arc<Clock>,
        bootstrap: Vec<Address>,
        metadata: Metadata,
    ) -> Self {
        Self {
            pool,
            clock,
            bootstrap,
            metadata: Mutex::new(metadata),
            asked: Notify::new(),
            seen: Watched::new(Arc::default()),
            last_error: Mutex::default(),
        }
    }

    fn metadata(&self) -> MutexGuard<'_, Metadata> {
        self.metadata.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps the metadata fresh until the client is gone. Ends when `cluster` cannot be upgraded any more.
    pub(crate) async fn run(cluster: std::sync::Weak<Self>, mut closed: watch::Receiver<()>) {
        loop {
            let Some(this) = cluster.upgrade() else { return };
            let now = this.clock.now();
            let ask = this.metadata().poll(now);
            if let Some(ask) = ask {
                let _ = this.ask(ask).await;
                continue;
            }
            let wake = this.metadata().deadline();
            let asked = this.asked.notified();
            tokio::select! {
                biased;
                gone = closed.changed() => if gone.is_err() { return },
                () = asked => {}
                () = sleep_until(&this.clock, wake) => {}
            }
        }
    }

    /// Asks any broker, and takes in what it says.
    async fn ask(&self, ask: Ask) -> Result<()> {
        match self.ask_any(ask).await {
            Ok(answer) => {
                let mut metadata = self.metadata();
                metadata.on_answer(self.clock.now(), &answer);
                *self.last_error.lock().unwrap_or_else(PoisonError::into_inner) = None;
                self.seen.set(metadata.snapshot().clone());
                Ok(())
            }
            Err(error) => {
                tracing::warn!(%error, "metadata could not be read");
                let mut metadata = self.metadata();
                metadata.on_failure(self.clock.now());
                if error.code() == Some(ErrorCode::REBOOTSTRAP_REQUIRED) {
                    metadata.on_rebootstrap();
                    self.seen.set(metadata.snapshot().clone());
                }
                drop(metadata);
                let mut last = self.last_error.lock().unwrap_or_else(PoisonError::into_inner);
                *last = Some(error.clone());
                self.seen.touch();
                Err(error)
            }
        }
    }

    /// All topics of the cluster, as any broker tells; nothing else learns of them.
    pub(crate) async fn list_topics(&self) -> Result<wire::Response> {
        ask_for(&self.any_connection().await?, None, false).await
    }

    /// Which broker coordinates what `key` names, as any broker tells.
    pub(crate) async fn find_coordinator(
        &self,
        key: &Arc<str>,
        key_type: i8,
    ) -> Result<find_coordinator::Response> {
        let connection = self.any_connection().await?;
        let version = connection.version::<find_coordinator::Request>()?;
        connection.call_at(&coordinator::request(key, key_type, version), version).await
    }

    async fn ask_any(&self, ask: Ask) -> Result<wire::Response> {
        let connection = self.any_connection().await?;
        let Ask { creatable, others } = ask;
        if others.is_empty() {
            return ask_for(&connection, Some(creatable), true).await;
        }
        let mut answer = ask_for(&connection, Some(others), false).await?;
        if !creatable.is_empty() {
            answer.topics.extend(ask_for(&connection, Some(creatable), true).await?.topics);
        }
        Ok(answer)
    }

    /// A connection to some broker that answers: known ones first, then those of the bootstrap list.
    ///
    /// # Errors
    /// When every one of them failed once; each is named with its cause.
    pub(crate) async fn any_connection(&self) -> Result<Connection> {
        let snapshot = self.snapshot();
        let mut failures: Vec<(Address, Error)> = Vec::new();
        for address in snapshot.brokers.values().chain(&self.bootstrap) {
            if failures.iter().any(|(failed, _)| failed == address) {
                continue;
            }
            match self.pool.get(address, Purpose::General).await {
                Ok(connection) => return Ok(connection),
                Err(error) => failures.push((address.clone(), error)),
            }
        }
        let each = failures.iter().map(|(address, error)| match error.kind() {
            // That there is no connection is what all this is about.
            ErrorKind::Connect => format!("{address}: {}", error.reason()),
            _ => format!("{address}: {}", error.what_happened()),
        });
        let reason = format!(
            "no broker of bootstrap.servers answers; {}; \
             check the addresses and that the brokers run",
            each.collect::<Vec<_>>().join("; ")
        );
        let error = Error::new(ErrorKind::Connect, "connect to the cluster", reason);
        Err(match failures.pop() {
            Some((_, cause)) => error.with_source(cause),
            None => error,
        })
    }

    /// The first contact: every bootstrap address is tried once.
    pub(crate) async fn connect(&self) -> Result<()> {
        let ask = self.metadata().poll(self.clock.now());
        self.ask(ask.unwrap_or_default()).await
    }

    /// The cluster as last seen.
    pub(crate) fn snapshot(&self) -> Arc<Snapshot> {
        self.seen.get()
    }

    /// Why the last look at the cluster failed, if it did.
    pub(crate) fn last_error(&self) -> Option<Error> {
        self.last_error.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Tells of every change of the snapshot.
    pub(crate) fn watch(&self) -> Watch<Arc<Snapshot>> {
        self.seen.watch()
    }

    /// A topic is needed; the snapshot will have it, or say why not. Asking creates it only if it is `creatable`.
    pub(crate) fn want(&self, topic: &Arc<str>, creatable: bool) {
        self.metadata().on_wanted(self.clock.now(), topic, creatable);
        self.asked.notify_one();
    }

    /// Something known proved wrong.
    pub(crate) fn refresh(&self) {
        self.metadata().on_stale(self.clock.now());
        self.asked.notify_one();
    }

    /// A broker told the new leader of a partition (KIP-951).
    pub(crate) fn learn_leader(
        &self,
        topic: &str,
        partition: i32,
        leader: i32,
        leader_epoch: i32,
        endpoint: Option<(i32, Address)>,
    ) {
        let told = Partition { leader: (leader >= 0).then_some(leader), leader_epoch };
        let mut metadata = self.metadata();
        if metadata.on_leader(topic, partition, told, endpoint) {
            self.seen.set(metadata.snapshot().clone());
        }
    }

    /// Asks the cluster anew, and waits for one answer or failure.
    pub(crate) async fn look_anew(&self, patience: Patience) {
        let mut seen = self.watch();
        self.refresh();
        // Either way the caller looks for itself.
        let _ = patience.timeout(&self.clock, seen.changed()).await;
    }

    /// What is known of a topic that [`Cluster::want`] has been told of, waiting for it as long as `patience` lasts.
    ///
    /// # Errors
    /// When the broker says that there is no such topic, or time runs out.
    pub(crate) async fn topic(&self, name: &Arc<str>, patience: Patience) -> Result<Arc<Topic>> {
        let mut seen = self.watch();
        let found = async {
            let mut unknown_since = None;
            loop {
                let snapshot = seen.latest();
                match snapshot.topics.get(name) {
                    Some(topic) if topic.error.is_ok() && !topic.partitions.is_empty() => {
                        return Ok(topic.clone());
                    }
                    // The broker may be making the topic just now; a few more looks tell.
                    Some(topic) if topic.error == ErrorCode::UNKNOWN_TOPIC_OR_PARTITION => {
                        let since = *unknown_since.get_or_insert(snapshot.version);
                        if snapshot.version >= since + UNKNOWN_LOOKS {
                            return Err(unknown_topic(name, topic.error));
                        }
                        self.refresh();
                    }
                    Some(topic) if !topic.error.is_retriable() => {
                        return Err(unknown_topic(name, topic.error));
                    }
                    _ => {}
                }
                seen.changed().await;
            }
        };
        patience.timeout(&self.clock, found).await.unwrap_or_else(|| {
            let reason = match self.last_error() {
                Some(cause) => format!("nothing was heard of it {patience}; the last try: {cause}"),
                None => format!("nothing was heard of it {patience}"),
            };
            let error = Error::new(ErrorKind::Timeout, "look up the topic", reason);
            Err(error.with_topic(name, None))
        })
    }

    /// The connection to a broker by its id.
    pub(crate) async fn connection(&self, broker: i32, purpose: Purpose) -> Result<Connection> {
        let snapshot = self.snapshot();
        let Some(address) = snapshot.brokers.get(&broker) else {
            self.refresh();
            let asked = format!("connect to broker {broker}");
            return Err(Error::new(ErrorKind::Connect, asked, "its address is not known"));
        };
        self.pool.get(address, purpose).await
    }
}

/// The brokers, and these topics. Whether a topic is really made is the broker's decision (auto.create.topics.enable).
async fn ask_for(
    connection: &Connection,
    topics: Option<Vec<Arc<str>>>,
    allow_auto_topic_creation: bool,
) -> Result<wire::Response> {
    let row = |name| wire::MetadataRequestTopic { name: Some(name), ..Default::default() };
    let topics = topics.map(|topics| topics.into_iter().map(row).collect());
    let request = wire::Request { topics, allow_auto_topic_creation, ..Default::default() };
    let answer = connection.call(&request).await?;
    match answer.error_code {
        // The only one there is; what is wrong with a topic stands with the topic.
        code @ ErrorCode::REBOOTSTRAP_REQUIRED => Err(Error::broker(code, "look up the brokers")),
        _ => Ok(answer),
    }
}

#[cold]
fn unknown_topic(name: &Arc<str>, code: ErrorCode) -> Error {
    let error = Error::broker(code, "look up the topic").with_topic(name, None);
    if code == ErrorCode::UNKNOWN_TOPIC_OR_PARTITION {
        let reason = "there is no such topic; create it, or have the brokers do so \
                      (auto.create.topics.enable)";
        let kind = ErrorKind::UnknownTopicOrPartition;
        return Error::new(kind, "look up the topic", reason)
            .with_code(code)
            .with_topic(name, None);
    }
    error
}

async fn sleep_until(clock: &Clock, at: Option<Monotonic>) {
    match at {
        Some(at) => tokio::time::sleep_until(clock.instant(at)).await,
        None => std::future::pending().await,
    }
}

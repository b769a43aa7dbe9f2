//! A broker to be embedded: started in a few lines, stopped by dropping it.
//!
//! Over TCP it has a thread and a runtime of its own, so it does not matter what the caller's does; on a simulated
//! network it is a task in the caller's.

use crate::broker::{Broker, LogDir};
use crate::clock::Clock;
use crate::config::{Address, BrokerConfig, ConfigError, ListenerName};
use crate::control::{Control, UnknownRelease};
use crate::log::{FileStorage, OpenError, SimDisk, StorageError};
use crate::net::{Acceptor, BindError, Bound};
use crate::server::{Limits, serve};
use kafka_proto::ErrorCode;
use kafka_proto::uuid::Uuid;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use tokio::sync::oneshot;

/// What the builder lays over Kafka's defaults, because tests want it so.
const TEST_DEFAULTS: [(&str, &str); 4] = [
    ("listeners", "PLAINTEXT://127.0.0.1:0"),
    ("num.partitions", "4"),
    ("group.initial.rebalance.delay.ms", "0"),
    ("group.min.session.timeout.ms", "100"),
];

/// The log directory when none is set.
const DEFAULT_LOG_DIR: &str = "/tmp/kafka-logs";

/// Threads that wait for the medium.
const SYNC_THREADS: usize = 4;

/// A running broker. Dropping it stops it; one that is a task on a simulated network stops as if it were killed.
#[derive(Debug)]
pub struct Cluster {
    addresses: Vec<(ListenerName, Address)>,
    control: Control,
    warnings: Vec<String>,
    running: Running,
}

#[derive(Debug)]
enum Running {
    Thread(BrokerThread),
    Task { stop: Option<oneshot::Sender<()>>, task: tokio::task::JoinHandle<()> },
}

/// A thread that serves until it is told to stop.
#[derive(Debug)]
struct BrokerThread {
    stop: Option<oneshot::Sender<()>>,
    /// Closed when everything the broker held is given back.
    stopped: oneshot::Receiver<()>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Cluster {
    /// Begins to describe a cluster.
    ///
    /// ```
    /// use kafka_broker_lite::Cluster;
    ///
    /// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
    /// let cluster = Cluster::builder()
    ///     .config("message.max.bytes", "2000000")
    ///     .topic("orders", 3)
    ///     .start()
    ///     .await?;
    /// println!("connect to {}", cluster.bootstrap_servers());
    /// cluster.shutdown().await;
    /// # Ok::<(), kafka_broker_lite::StartError>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn builder() -> ClusterBuilder {
        ClusterBuilder::default()
    }

    /// Starts a broker with exactly these settings, on disk: where no log directory is set, in Kafka's default one,
    /// `/tmp/kafka-logs`.
    ///
    /// # Errors
    /// When a listener cannot be opened, or the log directory cannot be used.
    ///
    /// # Cancel safety
    /// Dropping the future stops what it has started.
    pub async fn start(mut config: BrokerConfig) -> Result<Self, StartError> {
        if config.log_dirs.is_empty() {
            config.log_dirs.push(DEFAULT_LOG_DIR.into());
        }
        ClusterBuilder::default().start_with(config).await
    }

    /// Where clients connect: the address of the first listener.
    #[must_use]
    pub fn bootstrap_servers(&self) -> String {
        self.addresses.first().map(|(_, address)| address.to_string()).unwrap_or_default()
    }

    /// Every listener with an address at which it can be reached from here; the advertised one may be another.
    #[must_use]
    pub fn addresses(&self) -> &[(ListenerName, Address)] {
        &self.addresses
    }

    /// The hand of a test in the broker.
    #[must_use]
    pub fn control(&self) -> &Control {
        &self.control
    }

    /// What was set and changes nothing, each with the reason.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Stops the broker, and returns when its ports are free and its log directory is in order.
    ///
    /// # Cancel safety
    /// It stops all the same; a task on a simulated network then stops as if it were killed.
    pub async fn shutdown(mut self) {
        match &mut self.running {
            Running::Thread(thread) => {
                drop(thread.stop.take());
                let _closed = (&mut thread.stopped).await;
            }
            Running::Task { stop, task } => {
                drop(stop.take());
                let _ended = task.await;
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        match self {
            Self::Thread(BrokerThread { stop, thread, .. }) => {
                drop(stop.take());
                // It waits for nothing, so this takes no time worth mentioning.
                let _panicked = thread.take().map(thread::JoinHandle::join);
            }
            Self::Task { task, .. } => task.abort(),
        }
    }
}

/// What a [`Cluster`] is to be like.
///
/// Unless told otherwise it has Kafka's defaults but for these, which suit tests: one listener, at a free port of
/// 127.0.0.1, four partitions in a topic of which nobody says how many, groups that rebalance without delay, and
/// sessions of members from 100 ms on.
#[derive(Clone, Debug, Default)]
#[must_use = "a builder starts nothing until told to"]
pub struct ClusterBuilder {
    settings: Vec<(String, String)>,
    topics: Vec<(String, i32)>,
    release: Option<String>,
    seed: Option<u64>,
    time_of_day_ms: Option<i64>,
    disk: Option<SimDisk>,
}

impl ClusterBuilder {
    /// Sets one of Kafka's broker settings; of equal names the last one counts.
    pub fn config(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.settings.push((key.into(), value.into()));
        self
    }

    /// Creates a topic before anybody can connect.
    pub fn topic(mut self, name: impl Into<String>, partitions: i32) -> Self {
        self.topics.push((name.into(), partitions));
        self
    }

    /// Offers the API versions of an older release, such as `"3.9"`.
    pub fn as_version(mut self, release: impl Into<String>) -> Self {
        self.release = Some(release.into());
        self
    }

    /// Listens at this port of 127.0.0.1.
    pub fn port(self, port: u16) -> Self {
        self.config("listeners", format!("PLAINTEXT://127.0.0.1:{port}"))
    }

    /// Keeps records, topics and configs in this directory, in Kafka's layout, so that they are there again when a
    /// broker is started on it the next time; unless told so, they are in memory and gone with the broker.
    pub fn data_dir(self, directory: impl AsRef<Path>) -> Self {
        self.config("log.dirs", directory.as_ref().to_string_lossy())
    }

    /// Keeps everything on a simulated disk.
    pub fn disk(mut self, disk: SimDisk) -> Self {
        self.disk = Some(disk);
        self
    }

    /// Lets ids and the time of day follow from `seed`.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Lets the time of day begin there, in milliseconds since 1970: of a broker that is started again in virtual time.
    pub fn time_of_day(mut self, ms: i64) -> Self {
        self.time_of_day_ms = Some(ms);
        self
    }

    /// Starts the broker over TCP; it is ready when this returns.
    ///
    /// # Errors
    /// When a setting is unknown or not allowed, a listener cannot be opened, or a topic cannot be created.
    ///
    /// # Cancel safety
    /// Dropping the future stops what it has started.
    pub async fn start(self) -> Result<Cluster, StartError> {
        let config = self.parse(&TEST_DEFAULTS)?;
        self.start_with(config).await
    }

    /// Starts the broker as a task of this runtime, with connections from `acceptor`: on a simulated network.
    ///
    /// # Errors
    /// When a setting is unknown or not allowed, or a topic cannot be created.
    pub fn start_on(self, acceptor: impl Acceptor) -> Result<Cluster, StartError> {
        let addresses = acceptor.addresses();
        let join = |texts: Vec<String>| texts.join(",");
        let listeners = join(addresses.iter().map(|(n, at)| format!("{n}://{at}")).collect());
        let map = join(addresses.iter().map(|(n, _)| format!("{n}:PLAINTEXT")).collect());
        let own = [("listeners", &*listeners), ("listener.security.protocol.map", &*map)];
        let config = self.parse(&[&TEST_DEFAULTS[..], &own].concat())?;
        let warnings = config.warnings().to_vec();
        let limits = Limits::new(&config);
        let (broker, clock) = self.make(config)?;
        let control = broker.control().clone();
        let (stop, stopping) = oneshot::channel();
        let task = tokio::spawn(serve(broker, clock, limits, Box::new(acceptor), stopping));
        let running = Running::Task { stop: Some(stop), task };
        Ok(Cluster { addresses, control, warnings, running })
    }

    fn parse(&self, defaults: &[(&str, &str)]) -> Result<BrokerConfig, StartError> {
        let own = self.settings.iter().map(|(key, value)| (&**key, &**value));
        BrokerConfig::from_pairs(defaults.iter().copied().chain(own)).map_err(StartError::Config)
    }

    async fn start_with(self, mut config: BrokerConfig) -> Result<Cluster, StartError> {
        let bound = Bound::bind(&mut config.listeners).map_err(StartError::Bind)?;
        let warnings = config.warnings().to_vec();
        let (ready, started) = oneshot::channel();
        let (stop, stopping) = oneshot::channel();
        let (at_end, stopped) = oneshot::channel();
        let thread = thread::Builder::new()
            .name(format!("broker-{}", config.node_id))
            .spawn(move || {
                self.run_thread(config, bound, ready, stopping);
                drop(at_end);
            })
            .map_err(StartError::Runtime)?;
        let thread = BrokerThread { stop: Some(stop), stopped, thread: Some(thread) };
        let running = Running::Thread(thread);
        let gone = || StartError::Runtime(io::Error::other("the broker's thread has ended"));
        let (addresses, control) = started.await.map_err(|_| gone())??;
        Ok(Cluster { addresses, control, warnings, running })
    }

    /// Serves until `stopping` closes, and tells when it has begun.
    fn run_thread(
        self,
        config: BrokerConfig,
        bound: Bound,
        ready: oneshot::Sender<Result<Started, StartError>>,
        stopping: oneshot::Receiver<()>,
    ) {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = match runtime.enable_all().max_blocking_threads(SYNC_THREADS).build() {
            Ok(runtime) => runtime,
            Err(error) => {
                let _nobody_waits = ready.send(Err(StartError::Runtime(error)));
                return;
            }
        };
        runtime.block_on(async move {
            let limits = Limits::new(&config);
            let begun = bound.into_acceptor().map_err(StartError::Runtime);
            let begun = begun.and_then(|acceptor| Ok((acceptor, self.make(config)?)));
            let (acceptor, (broker, clock)) = match begun {
                Ok(begun) => begun,
                Err(error) => {
                    let _nobody_waits = ready.send(Err(error));
                    return;
                }
            };
            let _nobody_waits = ready.send(Ok((acceptor.addresses(), broker.control().clone())));
            serve(broker, clock, limits, Box::new(acceptor), stopping).await;
        });
    }

    /// The machine with its topics, and the clock of the runtime this is called in.
    fn make(self, mut config: BrokerConfig) -> Result<(Broker, Clock), StartError> {
        let mut clock = Clock::new(self.seed);
        if let Some(ms) = self.time_of_day_ms {
            clock = clock.at(ms);
        }
        let random = u128::from(clock.now().random) << 64 | u128::from(clock.now().random);
        config.cluster_id = Uuid::from_random(random).to_string().into();
        let log_dirs = match &self.disk {
            Some(disk) => vec![LogDir::new("disk", Box::new(disk.restarted()))],
            None => open(&config.log_dirs).map_err(StartError::Directory)?,
        };
        let broker = Broker::new(config, log_dirs, clock.now());
        let mut broker = broker.map_err(StartError::Storage)?;
        if let Some(release) = &self.release {
            broker.control().as_version(release).map_err(StartError::Release)?;
        }
        for (name, partitions) in self.topics {
            if let Err((code, reason)) = broker.create_topic(clock.now(), &name, partitions) {
                return Err(StartError::Topic { name, code, reason });
            }
        }
        Ok((broker, clock))
    }
}

/// Takes the log directories; one that cannot be used is offline, unless none can.
fn open(directories: &[PathBuf]) -> Result<Vec<LogDir>, OpenError> {
    let (mut opened, mut failure) = (Vec::with_capacity(directories.len()), None);
    let mut usable = false;
    for directory in directories {
        // As administrators see it: from the root.
        let path = std::path::absolute(directory).unwrap_or_else(|_| directory.clone());
        let path = path.to_string_lossy().into_owned();
        match FileStorage::new(directory) {
            Ok(storage) => {
                usable = true;
                opened.push(LogDir::new(path, Box::new(storage)));
            }
            Err(error @ OpenError::Locked(_)) => return Err(error),
            Err(error) => {
                tracing::error!("{error}");
                opened.push(LogDir::unusable(path, error.to_storage_error()));
                failure = Some(error);
            }
        }
    }
    match failure {
        Some(error) if !usable => Err(error),
        _ => Ok(opened),
    }
}

/// What a thread tells that has begun to serve.
type Started = (Vec<(ListenerName, Address)>, Control);

/// Why a cluster does not start.
#[derive(Debug)]
#[non_exhaustive]
pub enum StartError {
    /// A setting is unknown or not allowed.
    Config(ConfigError),
    /// A listener cannot be opened.
    Bind(BindError),
    /// The log directory cannot be used.
    Directory(OpenError),
    /// What is in the log directory cannot be taken over.
    Storage(StorageError),
    /// The broker cannot pass for that release.
    Release(UnknownRelease),
    /// A topic cannot be created.
    Topic {
        /// Which.
        name: String,
        /// Why not.
        code: ErrorCode,
        /// Why not, in words.
        reason: String,
    },
    /// The system gives no thread, or no sockets to it.
    Runtime(io::Error),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config(error) => error.fmt(f),
            Self::Bind(error) => error.fmt(f),
            Self::Directory(error) => error.fmt(f),
            Self::Storage(error) => write!(f, "the log directory cannot be taken over: {error}"),
            Self::Release(error) => error.fmt(f),
            Self::Topic { name, code, reason } => {
                write!(f, "topic {name:?} cannot be created: {reason} ({})", code.name())
            }
            Self::Runtime(error) => write!(f, "the broker cannot run: {error}"),
        }
    }
}

impl std::error::Error for StartError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Config(error) => Some(error),
            Self::Bind(error) => Some(error),
            Self::Directory(error) => Some(error),
            Self::Storage(error) => Some(error),
            Self::Release(error) => Some(error),
            Self::Topic { .. } => None,
            Self::Runtime(error) => Some(error),
        }
    }
}

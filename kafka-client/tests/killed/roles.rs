//! The processes of the test: this executable, which runs itself again as the broker or as a member of the group.

use crate::TOPIC;
use crate::notes::{MAX_POLL, Writer};
use kafka_broker_lite::Cluster;
use kafka_client::config::{AutoOffsetReset, ClientConfig, ConsumerConfig};
use kafka_client::{Client, ErrorKind};
use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tokio::sync::oneshot;

/// Tells a process what it is.
const ROLE: &str = "KAFKA_KILLED_ROLE";
const PORT: &str = "KAFKA_KILLED_PORT";
/// The directory of the broker's logs, or the file of a member's notes.
const PATH: &str = "KAFKA_KILLED_PATH";
const STRATEGY: &str = "KAFKA_KILLED_STRATEGY";

const BROKER: &str = "broker";
const MEMBER: &str = "member";

/// For how long a group waits for a member that was killed.
const SESSION: Duration = Duration::from_secs(3);

/// A process in a role. It ends when this is dropped, or when the process that started it ends.
pub(crate) struct Process(Child);

impl Process {
    pub(crate) fn broker(port: u16, directory: &Path) -> Self {
        Self::start(BROKER, port, directory, "")
    }

    pub(crate) fn member(port: u16, notes: &Path, strategy: &str) -> Self {
        Self::start(MEMBER, port, notes, strategy)
    }

    fn start(role: &str, port: u16, path: &Path, strategy: &str) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "--nocapture", crate::TEST]);
        command.env(ROLE, role).env(PORT, port.to_string()).env(PATH, path).env(STRATEGY, strategy);
        Self(command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap())
    }

    /// By SIGKILL: nothing it was about to do is done.
    pub(crate) fn kill(&mut self) {
        assert!(self.0.try_wait().unwrap().is_none(), "it has ended by itself");
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }

    /// Tells it to end, and waits until it has.
    pub(crate) fn end(mut self) {
        drop(self.0.stdin.take());
        assert!(self.0.wait().unwrap().success(), "it has failed");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ended_before = self.0.kill();
        let _ended_before = self.0.wait();
    }
}

/// Plays the role that this process was started for; says whether there is one.
pub(crate) fn play() -> bool {
    let Ok(role) = std::env::var(ROLE) else { return false };
    let given = |name| std::env::var(name).unwrap();
    let (port, path, strategy) = (given(PORT).parse().unwrap(), given(PATH), given(STRATEGY));
    let (end, ended) = oneshot::channel();
    std::thread::spawn(move || {
        let _end_of_input = std::io::stdin().read_to_end(&mut Vec::new());
        drop(end);
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    match &*role {
        BROKER => runtime.block_on(broker(port, Path::new(&path), ended)),
        MEMBER => runtime.block_on(member(port, Path::new(&path), &strategy, ended)),
        other => panic!("no role {other:?}"),
    }
    true
}

async fn broker(port: u16, directory: &Path, ended: oneshot::Receiver<()>) {
    let cluster = Cluster::builder().port(port).data_dir(directory).start().await.unwrap();
    let _ended = ended.await;
    cluster.shutdown().await;
}

/// A client that tries soon again, once there is somebody to talk to.
pub(crate) async fn connect(port: u16) -> Client {
    loop {
        let config = ClientConfig::default()
            .bootstrap_servers([format!("127.0.0.1:{port}")])
            .reconnect_backoff(Duration::from_millis(5))
            .reconnect_backoff_max(Duration::from_millis(50))
            .retry_backoff(Duration::from_millis(5))
            .retry_backoff_max(Duration::from_millis(50));
        match Client::builder(config).connect().await {
            Ok(client) => return client,
            Err(error) => assert!(error.is_retriable(), "{error}"),
        }
    }
}

/// Handles records by noting them, and commits after each poll.
async fn member(port: u16, notes: &Path, strategy: &str, mut ended: oneshot::Receiver<()>) {
    let client = connect(port).await;
    let config = ConsumerConfig::default()
        .group("killed")
        .auto_offset_reset(AutoOffsetReset::Earliest)
        .enable_auto_commit(false)
        .max_poll_records(usize::try_from(MAX_POLL).unwrap())
        .session_timeout(SESSION)
        .heartbeat_interval(Duration::from_millis(200))
        .partition_assignment_strategy([strategy]);
    let mut consumer = client.consumer(config).unwrap();
    consumer.subscribe([TOPIC]).unwrap();
    let mut notes = Writer::create(notes);
    while ended.try_recv() == Err(oneshot::error::TryRecvError::Empty) {
        let records = consumer.poll_timeout(Duration::from_millis(50)).await.unwrap();
        if records.is_empty() {
            continue;
        }
        notes.handled(&records);
        match consumer.commit().await {
            Ok(()) => notes.confirmed(),
            Err(error) if error.kind() == ErrorKind::Rebalanced => notes.refused(),
            Err(error) => panic!("{error}"),
        }
    }
    consumer.close().await.unwrap();
}

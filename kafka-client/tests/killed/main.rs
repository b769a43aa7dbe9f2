//! A broker that is killed five times under a million idempotent records and a group of three, of which members are
//! killed too: nothing is lost, out of order or doubled in the log, and the group repeats what a kill interrupted only.
//!
//! Broker and members are processes of their own on one directory; kills are SIGKILL, at points that follow from
//! `KAFKA_KILLED_SEED`.

#![allow(clippy::unwrap_used, clippy::panic, reason = "in tests a panic is how a check fails")]

mod notes;
mod roles;

use kafka_client::config::ProducerConfig;
use kafka_client::{Client, Deliveries, NewTopic, ProducerRecord};
use kafka_proto::records::{Batches, Decompressor};
use notes::{MAX_POLL, add_up};
use roles::{Process, connect};
use std::collections::{BTreeSet, VecDeque};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::task::JoinHandle;

const TOPIC: &str = "killed";
const TEST: &str = "five_kills_of_the_broker_and_three_of_members";
/// Without optimization a million would take long and show no more.
const RECORDS: u64 = if cfg!(debug_assertions) { 120_000 } else { 1_000_000 };
const PARTITIONS: u64 = 5;
const VALUE_BYTES: usize = 50;
/// Records that are sent at once, and how many such batches are on their way.
const CHUNK: usize = 200;
const WINDOW: usize = 16;

const BROKER_KILLS: u64 = 5;
const MEMBERS: usize = 3;
const MEMBER_KILLS: u64 = 3;
/// Nothing takes this long, not even on a busy machine.
const LIMIT: Duration = Duration::from_secs(180);

/// A directory that goes when it is dropped.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        let path = std::env::temp_dir().join(format!("killed-{}", std::process::id()));
        let _none_left = std::fs::remove_dir_all(&path);
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn logs(&self) -> PathBuf {
        self.0.join("logs")
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _gone = std::fs::remove_dir_all(&self.0);
    }
}

/// A splitmix64 sequence.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (word ^ (word >> 31)) % end
    }

    /// Somewhere in each of `count` equal parts of most records.
    fn points(&mut self, count: u64) -> Vec<u64> {
        let part = RECORDS * 9 / 10 / count;
        (0..count).map(|at| at * part + part / 10 + self.below(part * 9 / 10)).collect()
    }

    async fn pause(&mut self, below_us: u64) {
        tokio::time::sleep(Duration::from_micros(self.below(below_us))).await;
    }
}

/// A free port from below those that the system gives to whoever connects, so that it is still free when a broker that
/// was killed comes back.
fn free_port() -> u16 {
    let first = 20_000 + std::process::id() % 10_000;
    let mut ports = (first..first + 1000).map(|port| u16::try_from(port).unwrap());
    ports.find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok()).unwrap()
}

fn value(number: u64) -> [u8; VALUE_BYTES] {
    let mut value = [b'.'; VALUE_BYTES];
    value[..8].copy_from_slice(&number.to_be_bytes());
    value
}

/// The number that a record carries.
fn number_of(value: Option<&[u8]>) -> Option<u64> {
    let number = u64::from_be_bytes(value?.get(..8)?.try_into().ok()?);
    (value? == self::value(number)).then_some(number)
}

/// Sends all records; each must be acknowledged at the offset that its place in the sequence gives it.
async fn produce(client: Client, mut broker: Broker) -> Broker {
    let producer = client.producer(ProducerConfig::default()).unwrap();
    let mut waiting: VecDeque<Deliveries> = VecDeque::new();
    let mut acknowledged = 0;
    let numbers: Vec<u64> = (0..RECORDS).collect();
    for some in numbers.chunks(CHUNK) {
        let values: Vec<_> = some.iter().map(|number| value(*number)).collect();
        let records = some.iter().zip(&values).map(|(number, value)| {
            let partition = i32::try_from(number % PARTITIONS).unwrap();
            ProducerRecord::new(TOPIC, value).partition(partition)
        });
        waiting.push_back(producer.send_batch(records).await.unwrap());
        if waiting.len() == WINDOW {
            acknowledged += settle(waiting.pop_front().unwrap(), acknowledged).await;
            broker.after(acknowledged).await;
        }
    }
    for deliveries in waiting {
        acknowledged += settle(deliveries, acknowledged).await;
    }
    assert_eq!(acknowledged, RECORDS);
    producer.close(Duration::from_secs(10)).await.unwrap();
    broker
}

/// Waits for acknowledgements, of records from `first` on; gives how many.
async fn settle(deliveries: Deliveries, first: u64) -> u64 {
    let stored = deliveries.all().await.unwrap();
    for (number, stored) in (first..).zip(&stored) {
        let expected = i64::try_from(number / PARTITIONS).unwrap();
        // An answer that a duplicate gets may not say where the first one is.
        assert!(stored.offset().is_none_or(|offset| offset == expected), "{number} at {stored:?}");
    }
    stored.len() as u64
}

/// The broker, which is killed at some points, with much on its way to it, and started again on what it left.
struct Broker {
    port: u16,
    logs: PathBuf,
    running: JoinHandle<Process>,
    kills: VecDeque<u64>,
    random: Random,
}

impl Broker {
    fn start(port: u16, logs: &Path, mut random: Random) -> Self {
        let process = Process::broker(port, logs);
        let kills = random.points(BROKER_KILLS).into();
        let running = tokio::spawn(async { process });
        Self { port, logs: logs.to_owned(), running, kills, random }
    }

    /// So many records are acknowledged.
    async fn after(&mut self, acknowledged: u64) {
        if self.kills.pop_front_if(|point| *point <= acknowledged).is_none() {
            return;
        }
        let mut process = (&mut self.running).await.unwrap();
        process.kill();
        eprintln!("the broker is killed after {acknowledged} acknowledgements");
        let pause = Duration::from_micros(self.random.below(300_000));
        let (port, logs) = (self.port, self.logs.clone());
        self.running = tokio::spawn(async move {
            tokio::time::sleep(pause).await;
            Process::broker(port, &logs)
        });
    }

    /// Ends it as one ends a broker.
    async fn end(self) {
        let process = self.running.await.unwrap();
        tokio::task::spawn_blocking(|| process.end()).await.unwrap();
    }
}

/// The members of the group, and the notes of those who were.
struct Group {
    scratch: PathBuf,
    port: u16,
    strategy: &'static str,
    members: Vec<Process>,
    notes: Vec<PathBuf>,
}

impl Group {
    fn start(&mut self) -> Process {
        let notes = self.scratch.join(format!("member-{}", self.notes.len()));
        let member = Process::member(self.port, &notes, self.strategy);
        self.notes.push(notes);
        member
    }

    fn handled(&self) -> notes::Handled {
        let members: Vec<_> = self.notes.iter().map(|path| notes::read(path)).collect();
        add_up(&members, RECORDS / PARTITIONS)
    }

    async fn until(&self, count: u64) {
        while self.handled().records < count {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Kills members while they have something to do, each time another, and starts others for them, until all is
    /// handled.
    async fn run(mut self, mut random: Random) -> notes::Handled {
        for _ in 0..MEMBERS {
            let member = self.start();
            self.members.push(member);
        }
        for (at, point) in random.points(MEMBER_KILLS).into_iter().enumerate() {
            self.until(point).await;
            random.pause(20_000).await;
            self.members[at % MEMBERS].kill();
            eprintln!("a member is killed after {point} records");
            random.pause(300_000).await;
            self.members[at % MEMBERS] = self.start();
        }
        self.until(RECORDS).await;
        for member in std::mem::take(&mut self.members) {
            tokio::task::spawn_blocking(|| member.end()).await.unwrap();
        }
        self.handled()
    }
}

/// Reads a log as it lies on disk: each record is to be there once, in order. Gives the epochs in which they were
/// appended.
fn check_log(directory: &Path, partition: u64) -> BTreeSet<i32> {
    let files = std::fs::read_dir(directory.join(format!("{TOPIC}-{partition}"))).unwrap();
    let mut files: Vec<PathBuf> = files.map(|file| file.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "log"));
    files.sort();
    let (mut decompressor, mut next) = (Decompressor::new(), 0_u64);
    let mut epochs = BTreeSet::new();
    for file in files {
        for batch in Batches::new(std::fs::read(file).unwrap().into()) {
            let batch = batch.unwrap();
            batch.verify_crc().unwrap();
            epochs.insert(batch.header().partition_leader_epoch);
            for record in batch.open(&mut decompressor, 1 << 30).unwrap().records() {
                assert_eq!(u64::try_from(record.offset()), Ok(next));
                let number = number_of(record.value());
                assert_eq!(number, Some(next * PARTITIONS + partition), "lost, doubled or moved");
                next += 1;
            }
        }
    }
    assert_eq!(next, RECORDS / PARTITIONS, "of partition {partition}");
    epochs
}

async fn run(seed: u64) {
    let strategy = ["range", "cooperative-sticky"][usize::from(seed.is_multiple_of(2))];
    let (scratch, port) = (Scratch::new(), free_port());
    let logs = scratch.logs();
    let broker = Broker::start(port, &logs, Random(seed));
    let client = connect(port).await;
    let topic = NewTopic::new(TOPIC).partitions(i32::try_from(PARTITIONS).unwrap());
    let created = client.admin().create_topics([topic.replication_factor(1)]).await.unwrap();
    created.all().unwrap();

    let group = Group {
        scratch: scratch.0.clone(),
        port,
        strategy,
        members: Vec::new(),
        notes: Vec::new(),
    };
    let group = tokio::spawn(group.run(Random(seed ^ 1 << 32)));
    let broker = produce(client, broker).await;
    let handled = group.await.unwrap();
    broker.end().await;

    let epochs: BTreeSet<_> = (0..PARTITIONS).flat_map(|place| check_log(&logs, place)).collect();
    println!("{RECORDS} records, {strategy}: {handled:?}");
    assert_eq!(epochs.len() as u64, BROKER_KILLS + 1, "every broker that was started took records");
    assert_eq!((handled.records, handled.skipped), (RECORDS, 0));
    assert_eq!(handled.after_commit, 0, "handled again what was committed");
    assert!(handled.most <= MAX_POLL && handled.repeated <= handled.unconfirmed * MAX_POLL);
    assert!(handled.unconfirmed - handled.refused <= MEMBER_KILLS, "who else did not commit?");
}

#[test]
fn five_kills_of_the_broker_and_three_of_members() {
    if roles::play() {
        return;
    }
    let seed = std::env::var("KAFKA_KILLED_SEED").map_or(1, |seed| seed.parse().unwrap());
    eprintln!("KAFKA_KILLED_SEED={seed} gives this again");
    let runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = { runtime }.worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        tokio::time::timeout(LIMIT, run(seed)).await.unwrap();
    });
}

//! A broker inside this process, a million records in, the same million out, and proof that none is missing, doubled
//! or out of order; then a group of three listeners that handles them all, although one is killed half-way.
//!
//!     cargo run --release --example quickstart

use examples::{Progress, Table};
use kafka_broker_lite::Cluster;
use kafka_client::config::{AutoOffsetReset, ConsumerConfig, ProducerConfig};
use kafka_client::listener::{AckMode, ListenerEvent, ListenerHandle};
use kafka_client::{Client, ConsumerRecord, Delivery, Producer, ProducerRecord, TopicPartition};
use std::collections::VecDeque;
use std::error::Error;
use std::fmt::Display;
use std::future::ready;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::runtime::Builder;

type Outcome<T> = Result<T, Box<dyn Error>>;

const TOPIC: &str = "quickstart";
const PARTITIONS: i32 = 6;
const RECORDS: u64 = 1_000_000;
/// Acknowledgements awaited at a time.
const WINDOW: usize = 50_000;
/// Records of a poll: with `AckMode::Batch`, what a crash may repeat of a partition.
const POLL: usize = 500;

#[tokio::main]
async fn main() -> Outcome<()> {
    let cluster = Cluster::builder().topic(TOPIC, PARTITIONS).start().await?;
    println!("A broker listens on {}.", cluster.bootstrap_servers());
    let client = Client::connect(&cluster.bootstrap_servers()).await?;

    let producer = client.producer(ProducerConfig::default().linger(Duration::from_millis(5)))?;
    let sent = produce(&producer).await?;
    producer.close(Duration::from_secs(10)).await?;
    let read = consume(&client).await?;
    let listened = listen(&cluster.bootstrap_servers()).await?;

    println!();
    print!("{}", summary(&sent, &read, &listened).render());
    println!();
    print!("{}", per_partition(&read).render());
    read.check()?;
    println!("\nEvery record was consumed once, and in order.");
    println!(
        "The group handled every record, although one of three was killed half-way. {} were \
         repeated,\nof no partition more than the {POLL} of a poll.",
        listened.check()?
    );
    cluster.shutdown().await;
    Ok(())
}

/// What producing showed.
struct Sent {
    rate: u64,
    elapsed: Duration,
    /// From enqueueing to the acknowledgement, of every thousandth record.
    latencies: Vec<Duration>,
}

/// Sends every number below `RECORDS`, as text.
async fn produce(producer: &Producer) -> Outcome<Sent> {
    let mut progress = Progress::new("produced", RECORDS);
    let mut latencies = Vec::new();
    let mut waiting: VecDeque<(Option<Instant>, Delivery)> = VecDeque::with_capacity(WINDOW);
    let topic = producer.topic(TOPIC).await?;
    let mut acknowledged = 0;
    for number in 0..RECORDS {
        if waiting.len() == WINDOW {
            acknowledged += settle(&mut waiting, WINDOW / 2, &mut latencies).await?;
            progress.show(acknowledged);
        }
        let value = number.to_string();
        let started = number.is_multiple_of(1000).then(now);
        let delivery = topic.enqueue(ProducerRecord::new(TOPIC, &value)).await?;
        waiting.push_back((started, delivery));
    }
    producer.flush().await?;
    acknowledged += settle(&mut waiting, WINDOW, &mut latencies).await?;
    progress.show(acknowledged);
    latencies.sort();
    Ok(Sent { rate: progress.rate(acknowledged), elapsed: progress.elapsed(), latencies })
}

/// Waits for the oldest acknowledgements.
async fn settle(
    waiting: &mut VecDeque<(Option<Instant>, Delivery)>,
    most: usize,
    latencies: &mut Vec<Duration>,
) -> Outcome<u64> {
    let mut settled = 0;
    for (started, delivery) in waiting.drain(..most.min(waiting.len())) {
        delivery.await?;
        latencies.extend(started.map(|started| started.elapsed()));
        settled += 1;
    }
    Ok(settled)
}

/// What consuming showed.
struct Read {
    rate: u64,
    elapsed: Duration,
    /// How often each number came.
    seen: Vec<u8>,
    counts: Vec<u64>,
    out_of_order: u64,
}

async fn consume(client: &Client) -> Outcome<Read> {
    let mut progress = Progress::new("consumed", RECORDS);
    let mut consumer = client.consumer(ConsumerConfig::default())?;
    let partitions: Vec<TopicPartition> =
        (0..PARTITIONS).map(|partition| (TOPIC, partition).into()).collect();
    consumer.assign(partitions.clone())?;
    consumer.seek_to_beginning(partitions.clone())?;
    let ends = consumer.end_offsets(partitions.clone()).await?;
    let total = ends.values().sum::<i64>().try_into()?;

    let mut seen = vec![0_u8; RECORDS.try_into()?];
    let mut counts = vec![0; partitions.len()];
    let mut last: Vec<Option<u64>> = vec![None; partitions.len()];
    let (mut read, mut out_of_order) = (0_u64, 0);
    while read < total {
        let records = consumer.poll().await?;
        for record in &records {
            let number: u64 = std::str::from_utf8(record.value().unwrap_or_default())?.parse()?;
            let partition = usize::try_from(record.partition())?;
            let slot = seen.get_mut(usize::try_from(number)?).ok_or("a number nobody sent")?;
            *slot = slot.saturating_add(1);
            out_of_order += u64::from(last[partition] > Some(number));
            last[partition] = Some(number);
            counts[partition] += 1;
            read += 1;
        }
        progress.show(read);
    }
    let (rate, elapsed) = (progress.rate(read), progress.elapsed());
    Ok(Read { rate, elapsed, seen, counts, out_of_order })
}

impl Read {
    fn check(&self) -> Outcome<()> {
        let lost = self.seen.iter().filter(|count| **count == 0).count();
        let doubled = self.seen.iter().filter(|count| **count > 1).count();
        if lost + doubled > 0 || self.out_of_order > 0 {
            let out_of_order = self.out_of_order;
            return Err(
                format!("{lost} lost, {doubled} doubled, {out_of_order} out of order").into()
            );
        }
        Ok(())
    }
}

/// What a group of listeners showed.
struct Listened {
    rate: u64,
    elapsed: Duration,
    /// How often records of each partition were handled again.
    repeated: Vec<u64>,
}

/// What the listeners count together.
struct Count {
    /// How often each number came.
    seen: Vec<AtomicU8>,
    handled: AtomicU64,
    repeated: Vec<AtomicU64>,
    /// How many have got their share of the partitions.
    sharing: AtomicUsize,
}

/// Handles all records in a group of three, and kills one half-way.
async fn listen(bootstrap: &str) -> Outcome<Listened> {
    let mut progress = Progress::new("listened", RECORDS);
    let count = Arc::new(Count::new());
    let mut group = Vec::new();
    for _ in 0..3 {
        // A runtime of its own is a process in miniature: it can end without a word to anybody.
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let listener = runtime.spawn(start(bootstrap.to_owned(), count.clone())).await?;
        group.push((runtime, listener?));
    }
    while count.sharing.load(Ordering::Relaxed) < group.len() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    group.iter().for_each(|(_, listener)| listener.resume());
    let mut killed = false;
    loop {
        let handled = count.handled.load(Ordering::Relaxed);
        progress.show(handled);
        if handled == RECORDS {
            break;
        }
        if handled >= RECORDS / 2 && !std::mem::replace(&mut killed, true) {
            group.swap_remove(0).0.shutdown_background();
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let (rate, elapsed) = (progress.rate(RECORDS), progress.elapsed());
    for (runtime, listener) in group {
        listener.stop(Duration::from_secs(10)).await?;
        runtime.shutdown_background();
    }
    let repeated = count.repeated.iter().map(|count| count.load(Ordering::Relaxed)).collect();
    Ok(Listened { rate, elapsed, repeated })
}

async fn start(bootstrap: String, count: Arc<Count>) -> kafka_client::Result<ListenerHandle> {
    let config = ConsumerConfig::default()
        .auto_offset_reset(AutoOffsetReset::Earliest)
        .max_poll_records(POLL)
        // Whoever says nothing for that long is taken for dead.
        .session_timeout(Duration::from_secs(2))
        .heartbeat_interval(Duration::from_millis(200));
    let client = Client::connect(&bootstrap).await?;
    let listener = client.listener("quickstart").topics([TOPIC]).config(config);
    let shared = count.clone();
    let listener = listener.on_event(move |event| {
        if let ListenerEvent::Assigned { partitions } = event
            && partitions.len() * 3 == shared.repeated.len()
        {
            shared.sharing.fetch_add(1, Ordering::Relaxed);
        }
    });
    let listener = listener.ack_mode(AckMode::Batch);
    let listener = listener.start(move |record| ready(count.note(&record)))?;
    // Nobody begins before all have their share, or the first would be done before the others are there.
    listener.pause();
    Ok(listener)
}

impl Count {
    fn new() -> Self {
        let seen = (0..RECORDS).map(|_| AtomicU8::new(0)).collect();
        let repeated = (0..PARTITIONS).map(|_| AtomicU64::new(0)).collect();
        let (handled, sharing) = (AtomicU64::new(0), AtomicUsize::new(0));
        Self { seen, handled, repeated, sharing }
    }

    fn note(&self, record: &ConsumerRecord) -> Result<(), Box<dyn Error + Send + Sync>> {
        let number: usize = std::str::from_utf8(record.value().unwrap_or_default())?.parse()?;
        let seen = self.seen.get(number).ok_or("a number nobody sent")?;
        let counter = match seen.fetch_add(1, Ordering::Relaxed) {
            0 => &self.handled,
            _ => &self.repeated[usize::try_from(record.partition())?],
        };
        counter.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

impl Listened {
    fn check(&self) -> Outcome<u64> {
        let worst = self.repeated.iter().copied().max().unwrap_or_default();
        if worst > POLL.try_into()? {
            return Err(format!("{worst} records of one partition were repeated").into());
        }
        Ok(self.repeated.iter().sum())
    }
}

fn summary(sent: &Sent, read: &Read, listened: &Listened) -> Table {
    let latency = |per_mille: usize| {
        let at = sent.latencies.len() * per_mille / 1000;
        let found = sent.latencies.get(at.min(sent.latencies.len().saturating_sub(1)));
        format!("{:.1} ms", found.copied().unwrap_or_default().as_secs_f64() * 1e3)
    };
    let seconds = |time: Duration| format!("{:.2} s", time.as_secs_f64());
    let (sent_in, read_in) = (seconds(sent.elapsed), seconds(read.elapsed));
    let listened_in = seconds(listened.elapsed);
    let mut table = Table::default();
    table.row([&"" as &dyn Display, &"records", &"time", &"records/s"]);
    table.row([&"produced" as &dyn Display, &RECORDS, &sent_in, &sent.rate]);
    table.row([&"consumed" as &dyn Display, &read.seen.len(), &read_in, &read.rate]);
    table.row([&"listened" as &dyn Display, &RECORDS, &listened_in, &listened.rate]);
    table.row([&"" as &dyn Display, &"p50", &"p99", &"p99.9"]);
    table.row([&"acknowledged after" as &dyn Display, &latency(500), &latency(990), &latency(999)]);
    table
}

fn per_partition(read: &Read) -> Table {
    let mut table = Table::default();
    table.row([&"partition" as &dyn Display, &"records"]);
    for (partition, count) in read.counts.iter().enumerate() {
        table.row([&partition as &dyn Display, count]);
    }
    table
}

#[expect(clippy::disallowed_methods, reason = "latency is measured in real time")]
fn now() -> Instant {
    Instant::now()
}

//! A broker inside this process, a million records in, the same million out, and proof that none is missing, doubled
//! or out of order.
//!
//!     cargo run --release --example quickstart

use examples::{Progress, Table};
use kafka_broker_lite::Cluster;
use kafka_client::config::{ConsumerConfig, ProducerConfig};
use kafka_client::{Client, Delivery, Producer, ProducerRecord, TopicPartition};
use std::collections::VecDeque;
use std::error::Error;
use std::fmt::Display;
use std::time::{Duration, Instant};

type Outcome<T> = Result<T, Box<dyn Error>>;

const TOPIC: &str = "quickstart";
const PARTITIONS: i32 = 6;
const RECORDS: u64 = 1_000_000;
/// Acknowledgements awaited at a time.
const WINDOW: usize = 50_000;

#[tokio::main]
async fn main() -> Outcome<()> {
    let cluster = Cluster::builder().topic(TOPIC, PARTITIONS).start().await?;
    println!("A broker listens on {}.", cluster.bootstrap_servers());
    let client = Client::connect(&cluster.bootstrap_servers()).await?;

    let producer = client.producer(ProducerConfig::default().linger(Duration::from_millis(5)))?;
    let sent = produce(&producer).await?;
    producer.close(Duration::from_secs(10)).await?;
    let read = consume(&client).await?;

    println!();
    print!("{}", summary(&sent, &read).render());
    println!();
    print!("{}", per_partition(&read).render());
    read.check()?;
    println!("\nEvery record came once, and in order.");
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

fn summary(sent: &Sent, read: &Read) -> Table {
    let latency = |per_mille: usize| {
        let at = sent.latencies.len() * per_mille / 1000;
        let found = sent.latencies.get(at.min(sent.latencies.len().saturating_sub(1)));
        format!("{:.1} ms", found.copied().unwrap_or_default().as_secs_f64() * 1e3)
    };
    let seconds = |time: Duration| format!("{:.2} s", time.as_secs_f64());
    let (sent_in, read_in) = (seconds(sent.elapsed), seconds(read.elapsed));
    let mut table = Table::default();
    table.row([&"" as &dyn Display, &"records", &"time", &"records/s"]);
    table.row([&"produced" as &dyn Display, &RECORDS, &sent_in, &sent.rate]);
    table.row([&"consumed" as &dyn Display, &read.seen.len(), &read_in, &read.rate]);
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

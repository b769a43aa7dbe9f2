//! `kt perf produce`: sends records, and measures each from the moment it was to be sent.
//!
//! With a throughput, record number n is due at n / throughput, however late the producer is: a stall counts for every
//! record that it held up. Without one a record is due when its turn has come, so that waiting for room counts.

use super::live::Live;
use super::stats::{Stats, cost_line};
use crate::Kt;
use crate::clock::now;
use crate::failure::{Failure, Outcome, complain};
use crate::settings::{Connect, Settings, pair};
use benches::meter::Meter;
use benches::payloads::Payloads;
use kafka_client::{Delivery, Error, Producer, ProducerRecord, TopicHandle};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// How long the last records may take to be acknowledged.
const CLOSE_MAX: Duration = Duration::from_secs(120);
/// Records of one partition that are handed to its watcher together, at most.
const MOST: usize = 1024;
/// How far the sender sleeps at least: the timer of the runtime is no finer.
const TICK: Duration = Duration::from_millis(1);

/// Send records as fast as they go, or at a steady rate
///
/// Records go to the partitions in turn, about a batch to each. Latency counts from the moment at which a record was to
/// be sent to its acknowledgement.
#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("payload").required(true))]
pub(super) struct Produce {
    /// The topic
    #[arg(long)]
    topic: String,
    /// How many records
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    num_records: u64,
    /// How large each is, in bytes; about half compressible
    #[arg(long, value_name = "BYTES", group = "payload")]
    record_size: Option<usize>,
    /// A file with a record in each line, which are sent in turn
    #[arg(long, value_name = "FILE", group = "payload")]
    payload_file: Option<PathBuf>,
    /// What separates the records of the file
    #[arg(long, value_name = "TEXT", default_value = "\\n", requires = "payload_file")]
    payload_delimiter: String,
    /// Records are numbers that count up
    #[arg(long, group = "payload")]
    payload_monotonic: bool,
    /// Records a second; -1 for as many as go
    #[arg(long, value_name = "N", default_value_t = -1.0, allow_hyphen_values = true)]
    throughput: f64,
    /// Settings of the producer, as key=value key=value
    #[arg(long, value_name = "KEY=VALUE", num_args = 1.., value_parser = pair)]
    producer_props: Vec<(String, String)>,
    /// How often the line that tells how it goes is shown
    #[arg(
        long,
        value_name = "MS",
        default_value_t = 1000,
        value_parser = clap::value_parser!(u64).range(1..)
    )]
    reporting_interval: u64,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
    /// Taken for Kafka's sake: there are no metrics to print yet
    #[arg(long, hide = true)]
    print_metrics: bool,
    #[command(flatten)]
    connect: Connect,
}

/// What all watchers count into.
#[derive(Default)]
struct Counted {
    total: Stats,
    window: Stats,
    first_error: Option<Error>,
}

type Shared = Arc<Mutex<Counted>>;

/// A record under way: when it was due, how large it is.
type UnderWay = (Instant, usize, Delivery);

impl Produce {
    pub(super) async fn run(&self, kt: &mut Kt) -> Outcome {
        let payload = self.payload()?;
        let settings = self.settings()?;
        let config = settings.producer()?;
        let batch = config.get("batch.size").and_then(|size| size.parse().ok()).unwrap_or(16_384);
        let stop = kt.stop.clone();
        let client = stop.or(settings.client()).await?;
        let producer = client.producer(config)?;
        let topic = stop.or(async { Ok(producer.topic(&self.topic).await?) }).await?;
        let counted = Shared::default();
        let meter = Meter::start();
        let sending = self.send(&producer, &topic, &payload, batch, &counted);
        let sent = tokio::select! {
            biased;
            () = stop.asked() => Ok(()),
            sent = sending => sent,
            () = self.report(&counted) => Ok(()),
        };
        let closed = producer.close(CLOSE_MAX).await;
        let cost = meter.cost();
        let Counted { total, first_error, .. } =
            std::mem::take(&mut *counted.lock().unwrap_or_else(PoisonError::into_inner));
        if self.json || kt.out.is_json() {
            kt.out.line(total.json(&cost))?;
        } else {
            kt.out.line(total.last_line(Duration::from_secs_f64(cost.wall_s)))?;
            kt.out.line(cost_line(&cost, total.records))?;
        }
        sent?;
        closed?;
        match first_error {
            Some(error) => {
                complain(format_args!("{} records failed; the first: {error}", total.failed));
                Err(Failure::Told)
            }
            None => Ok(()),
        }
    }

    fn settings(&self) -> Outcome<Settings> {
        let mut settings = self.connect.settings(&[("client.id", "perf-producer-client")])?;
        for (key, value) in &self.producer_props {
            settings.set(key, value);
        }
        Ok(settings)
    }

    fn payload(&self) -> Outcome<Payload> {
        if let Some(size) = self.record_size {
            return Ok(Payload::Made(Payloads::new(size)));
        }
        let Some(path) = &self.payload_file else { return Ok(Payload::Numbers) };
        let text = std::fs::read_to_string(path)
            .map_err(|error| Failure::of(format_args!("read {}", path.display()), error))?;
        let delimiter = self.payload_delimiter.replace("\\n", "\n").replace("\\t", "\t");
        let each = text.split(delimiter.as_str()).filter(|each| !each.is_empty());
        let lines: Vec<Vec<u8>> = each.map(|each| each.as_bytes().to_vec()).collect();
        if lines.is_empty() {
            return Err(Failure::Failed(format!("{} has no records", path.display())));
        }
        Ok(Payload::Lines(lines))
    }

    /// Sends all records, and returns when all have their outcome.
    async fn send(
        &self,
        producer: &Producer,
        topic: &TopicHandle,
        payload: &Payload,
        batch: usize,
        counted: &Shared,
    ) -> Outcome {
        let mut watchers = JoinSet::new();
        let mut lanes = Vec::new();
        for _ in 0..topic.partitions() {
            let (lane, records) = mpsc::unbounded_channel();
            watchers.spawn(watch(records, counted.clone()));
            lanes.push(lane);
        }
        let pace = (self.throughput > 0.0).then(|| Duration::from_secs_f64(1.0 / self.throughput));
        let started = now();
        let (mut lane, mut chunk, mut chunk_bytes) = (0, Vec::new(), 0);
        let mut number = Vec::new();
        for n in 0..self.num_records {
            let value = payload.value(n, &mut number);
            let due = match pace {
                Some(pace) => started + pace.mul_f64(n as f64),
                None => now(),
            };
            if pace.is_some() && due > now() + TICK {
                hand_on(&lanes[lane], &mut chunk);
                tokio::time::sleep_until(due.into()).await;
            }
            let partition = i32::try_from(lane).unwrap_or(i32::MAX);
            let record = ProducerRecord::new(topic.name(), value).partition(partition);
            match topic.enqueue(record).await {
                Ok(delivery) => chunk.push((due, value.len(), delivery)),
                Err(error) => count_failure(counted, error),
            }
            chunk_bytes += value.len();
            if chunk_bytes >= batch || chunk.len() >= MOST {
                hand_on(&lanes[lane], &mut chunk);
            }
            if chunk_bytes >= batch {
                chunk_bytes = 0;
                lane = (lane + 1) % lanes.len();
            }
        }
        if let Some(lane) = lanes.get(lane) {
            hand_on(lane, &mut chunk);
        }
        drop(lanes);
        producer.flush().await?;
        while watchers.join_next().await.is_some() {}
        Ok(())
    }

    /// Tells how it goes, for as long as it is polled.
    async fn report(&self, counted: &Shared) {
        let mut live = Live::new(self.num_records);
        let mut since = now();
        let mut ticks = tokio::time::interval(Duration::from_millis(self.reporting_interval));
        ticks.tick().await;
        loop {
            ticks.tick().await;
            let (window, done) = {
                let mut counted = counted.lock().unwrap_or_else(PoisonError::into_inner);
                (std::mem::take(&mut counted.window), counted.total.records)
            };
            let time = since.elapsed();
            since = now();
            live.show(done, &window.line("sent", time));
            if done + window.failed >= self.num_records {
                live.end();
                std::future::pending::<()>().await;
            }
        }
    }
}

/// What is sent.
enum Payload {
    Made(Payloads),
    Lines(Vec<Vec<u8>>),
    Numbers,
}

impl Payload {
    /// The value of record `n`; `buffer` holds it where it is made on the spot.
    fn value<'a>(&'a self, n: u64, buffer: &'a mut Vec<u8>) -> &'a [u8] {
        let index = usize::try_from(n).unwrap_or(usize::MAX);
        match self {
            Self::Made(payloads) => payloads.value(index),
            Self::Lines(lines) => lines.get(index % lines.len()).map_or(&[], Vec::as_slice),
            Self::Numbers => {
                use std::io::Write;
                buffer.clear();
                // Writing to a vector does not fail.
                let _ = write!(buffer, "{n}");
                buffer
            }
        }
    }
}

fn hand_on(lane: &mpsc::UnboundedSender<Vec<UnderWay>>, chunk: &mut Vec<UnderWay>) {
    if !chunk.is_empty() {
        let next = Vec::with_capacity(chunk.len());
        // The watcher lives until the lane is dropped.
        let _ = lane.send(std::mem::replace(chunk, next));
    }
}

fn count_failure(counted: &Shared, error: Error) {
    let mut counted = counted.lock().unwrap_or_else(PoisonError::into_inner);
    counted.total.failed += 1;
    counted.window.failed += 1;
    counted.first_error.get_or_insert(error);
}

/// Waits for the records of one partition, which are acknowledged in order.
async fn watch(mut records: mpsc::UnboundedReceiver<Vec<UnderWay>>, counted: Shared) {
    while let Some(chunk) = records.recv().await {
        let mut done = Vec::with_capacity(chunk.len());
        // The clock is read where there was something to wait for: once per batch.
        let mut at = now();
        for (due, bytes, delivery) in chunk {
            let result = match delivery.try_get() {
                Some(result) => result,
                None => {
                    let result = delivery.await;
                    at = now();
                    result
                }
            };
            match result {
                Ok(_) => done.push((bytes, at.saturating_duration_since(due))),
                Err(error) => count_failure(&counted, error),
            }
        }
        let mut counted = counted.lock().unwrap_or_else(PoisonError::into_inner);
        for (bytes, latency) in done {
            counted.total.record(bytes, latency);
            counted.window.record(bytes, latency);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payloads_come_in_turn() {
        let mut buffer = Vec::new();
        let lines = Payload::Lines(vec![b"a".to_vec(), b"b".to_vec()]);
        assert_eq!(lines.value(3, &mut buffer), b"b");
        assert_eq!(Payload::Numbers.value(42, &mut buffer), b"42");
        assert_eq!(Payload::Made(Payloads::new(100)).value(7, &mut buffer).len(), 100);
    }
}

//! Takes part in comparisons with other clients: the same work, the same command line, one line of JSON at the end.
//!
//! `ours-bench produce|consume|latency --bootstrap HOST:PORT --topic T ...`; see `usage`. Every
//! acknowledgement is counted, and any error ends the program.

use benches::histogram::Histogram;
use benches::meter::{Cost, Meter};
use benches::payloads::Payloads;
use kafka_client::config::{ClientConfig, ConsumerConfig, ProducerConfig};
use kafka_client::{Client, Consumer, Deliveries, Delivery, Producer, ProducerRecord};
use std::collections::{BTreeMap, VecDeque};
use std::error::Error;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// Acknowledgements that may be awaited at a time.
const WINDOW: usize = 100_000;
/// Records given to one `send_batch`.
const CHUNK: usize = 1_000;

struct Args {
    command: String,
    options: BTreeMap<String, String>,
}

impl Args {
    fn parse() -> Option<Self> {
        let mut words = std::env::args().skip(1);
        let command = words.next()?;
        let mut options = BTreeMap::new();
        while let Some(word) = words.next() {
            options.insert(word.strip_prefix("--")?.to_owned(), words.next()?);
        }
        Some(Self { command, options })
    }

    fn text(&self, name: &str, default: &str) -> String {
        self.options.get(name).map_or(default, String::as_str).to_owned()
    }

    fn number<T: std::str::FromStr>(&self, name: &str, default: T) -> Outcome<T> {
        match self.options.get(name) {
            None => Ok(default),
            Some(text) => {
                text.parse().map_err(|_| format!("--{name} {text} is no number of its kind").into())
            }
        }
    }

    fn records(&self) -> Outcome<usize> {
        self.number("records", 1_000_000)
    }

    fn size(&self) -> Outcome<usize> {
        self.number("size", 100)
    }

    fn topic(&self) -> String {
        self.text("topic", "null-p1")
    }

    fn partitions(&self) -> Outcome<i32> {
        self.number("partitions-hint", 1)
    }

    fn producer(&self) -> Outcome<ProducerConfig> {
        Ok(ProducerConfig::default()
            .set("acks", &self.text("acks", "all"))?
            .set("enable.idempotence", &self.text("idempotence", "true"))?
            .set("compression.type", &self.text("compression", "none"))?
            .set("linger.ms", &self.text("linger-ms", "5"))?
            .set("batch.size", &self.text("batch-bytes", "262144"))?
            .set("buffer.memory", &self.text("buffer-memory", "67108864"))?)
    }

    async fn client(&self) -> Outcome<Client> {
        let servers = self.text("bootstrap", "127.0.0.1:9092");
        let config = ClientConfig::default().set("bootstrap.servers", &servers)?;
        Ok(Client::builder(config).connect().await?)
    }

    fn report(&self, cost: Cost, records: usize, bytes: usize, extra: &str) {
        let Cost { wall_s, user_s, sys_s, max_rss_kb } = cost;
        let per_record = (user_s + sys_s) * 1e9 / records as f64;
        let (rate, mb) = (records as f64 / wall_s, bytes as f64 / wall_s / 1e6);
        println!(
            "{{\"peer\":\"ours\",\"cmd\":\"{}\",\"topic\":\"{}\",\"compression\":\"{}\",\
             \"records\":{records},\"bytes\":{bytes},\"wall_s\":{wall_s:.4},\"user_s\":{user_s:.4},\
             \"sys_s\":{sys_s:.4},\"max_rss_kb\":{max_rss_kb},\"records_per_s\":{rate:.0},\
             \"mb_per_s\":{mb:.2},\"cpu_ns_per_record\":{per_record:.1}{extra}}}",
            self.command,
            self.topic(),
            self.text("compression", "none"),
        );
    }
}

fn main() -> Outcome<()> {
    let Some(args) = Args::parse() else {
        eprintln!("{}", usage());
        std::process::exit(2);
    };
    match args.command.as_str() {
        "produce" => multi(1)?.block_on(produce(&args)),
        "consume" => current()?.block_on(consume(&args)),
        "latency" => latency(&args),
        other => Err(format!("no command {other}\n{}", usage()).into()),
    }
}

fn usage() -> &'static str {
    "ours-bench produce|consume|latency --bootstrap HOST:PORT --topic T [--records N] [--size S]\n\
     [--key-size K] [--acks all|1|0] [--idempotence true|false]\n\
     [--compression none|lz4|zstd|gzip|snappy] [--linger-ms L] [--batch-bytes B]\n\
     [--buffer-memory B] [--partitions-hint P] [--rate R] [--seconds X]\n\
     [--api record|batch (produce), views|owned (consume)]"
}

/// The caller on the main thread, the client's tasks on one other: what `#[tokio::main]` gives.
fn multi(workers: usize) -> Outcome<tokio::runtime::Runtime> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    Ok(builder.worker_threads(workers).enable_all().build()?)
}

fn current() -> Outcome<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_current_thread().enable_all().build()?)
}

async fn produce(args: &Args) -> Outcome<()> {
    let (records, size) = (args.records()?, args.size()?);
    let payloads = Payloads::new(size);
    let client = args.client().await?;
    let producer = client.producer(args.producer()?)?;
    let topic = args.topic();
    producer.topic(&topic).await?;
    let meter = Meter::start();
    let api = args.text("api", "record");
    let acknowledged = match api.as_str() {
        "record" => produce_records(args, &producer, &topic, &payloads).await?,
        "batch" => produce_batches(&producer, &topic, &payloads, records).await?,
        other => return Err(format!("no --api {other} for produce").into()),
    };
    let cost = meter.cost();
    if acknowledged != records {
        return Err(format!("{acknowledged} of {records} records were acknowledged").into());
    }
    args.report(cost, records, records * size, &format!(",\"api\":\"{api}\""));
    producer.close(Duration::from_secs(5)).await?;
    Ok(())
}

/// An acknowledgement per record, awaited in order.
async fn produce_records(
    args: &Args,
    producer: &Producer,
    topic: &str,
    payloads: &Payloads,
) -> Outcome<usize> {
    let (records, key_size) = (args.records()?, args.number("key-size", 0)?);
    let topic = producer.topic(topic).await?;
    let mut waiting: VecDeque<Delivery> = VecDeque::with_capacity(WINDOW);
    let mut key = Vec::new();
    let mut acknowledged = 0;
    for number in 0..records {
        if waiting.len() >= WINDOW
            && let Some(oldest) = waiting.pop_front()
        {
            oldest.await?;
            acknowledged += 1;
        }
        let mut record = ProducerRecord::new(topic.name(), payloads.value(number));
        if key_size > 0 {
            fill_key(number, key_size, &mut key);
            record = record.key(&key);
        }
        waiting.push_back(topic.enqueue(record).await?);
    }
    producer.flush().await?;
    for delivery in waiting {
        delivery.await?;
        acknowledged += 1;
    }
    Ok(acknowledged)
}

async fn produce_batches(
    producer: &Producer,
    topic: &str,
    payloads: &Payloads,
    records: usize,
) -> Outcome<usize> {
    let mut waiting: VecDeque<Deliveries> = VecDeque::new();
    let mut acknowledged = 0;
    let mut sent = 0;
    while sent < records {
        if waiting.len() >= WINDOW / CHUNK
            && let Some(oldest) = waiting.pop_front()
        {
            acknowledged += count(&oldest).await?;
        }
        let end = records.min(sent + CHUNK);
        let chunk = (sent..end).map(|n| ProducerRecord::new(topic, payloads.value(n)));
        waiting.push_back(producer.send_batch(chunk).await?);
        sent = end;
    }
    producer.flush().await?;
    for deliveries in waiting {
        acknowledged += count(&deliveries).await?;
    }
    Ok(acknowledged)
}

async fn count(deliveries: &Deliveries) -> Outcome<usize> {
    deliveries.resolved().await;
    let mut count = 0;
    for result in deliveries.results() {
        result?;
        count += 1;
    }
    Ok(count)
}

fn fill_key(number: usize, size: usize, key: &mut Vec<u8>) {
    key.clear();
    let mut word = (number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    for _ in 0..size {
        key.push(b'a' + word.to_le_bytes()[0] % 26);
        word = word / 26 + 7;
    }
}

/// Checks that offsets have no gaps, and touches every value.
#[derive(Default)]
struct Check {
    next: Vec<i64>,
    records: usize,
    bytes: usize,
    touch: u64,
}

impl Check {
    #[inline]
    fn record(&mut self, partition: i32, offset: i64, value: &[u8]) -> Outcome<()> {
        let partition = usize::try_from(partition)?;
        if partition >= self.next.len() {
            self.next.resize(partition + 1, 0);
        }
        if self.next[partition] != offset {
            let due = self.next[partition];
            return Err(format!("offset {offset} of partition {partition}: {due} was due").into());
        }
        self.next[partition] = offset + 1;
        self.records += 1;
        self.bytes += value.len();
        if let (Some(first), Some(last)) = (value.first(), value.last()) {
            let ends = u64::from(*first) ^ (u64::from(*last) << 8);
            self.touch = self.touch.wrapping_mul(31).wrapping_add(ends);
        }
        Ok(())
    }
}

fn consumer(args: &Args, client: &Client) -> Outcome<Consumer> {
    let config = ConsumerConfig::default().set("auto.offset.reset", "earliest")?;
    let mut consumer = client.consumer(config)?;
    let topic = args.topic();
    let all: Vec<_> = (0..args.partitions()?).map(|p| (topic.as_str(), p).into()).collect();
    consumer.assign(all.clone())?;
    for partition in &all {
        consumer.seek(partition, 0)?;
    }
    Ok(consumer)
}

async fn consume(args: &Args) -> Outcome<()> {
    let (records, size) = (args.records()?, args.size()?);
    let meter = Meter::start();
    let client = args.client().await?;
    let mut consumer = consumer(args, &client)?;
    let mut check = Check::default();
    let api = args.text("api", "views");
    match api.as_str() {
        "views" => {
            while check.records < records {
                let polled = consumer.poll().await?;
                for record in &polled {
                    let value = record.value().unwrap_or_default();
                    check.record(record.partition(), record.offset(), value)?;
                }
            }
        }
        "owned" => {
            while check.records < records {
                let record = consumer.recv().await?;
                let value = record.value().unwrap_or_default();
                check.record(record.partition(), record.offset(), value)?;
            }
        }
        other => return Err(format!("no --api {other} for consume").into()),
    }
    let cost = meter.cost();
    if check.bytes != check.records * size {
        return Err(format!("{} bytes in {} records", check.bytes, check.records).into());
    }
    let extra = format!(",\"api\":\"{api}\",\"touch\":{}", check.touch);
    args.report(cost, check.records, check.bytes, &extra);
    Ok(())
}

/// An open loop: records leave when they are due, from a plain thread, whatever the client does.
fn latency(args: &Args) -> Outcome<()> {
    let (rate, seconds, size) =
        (args.number("rate", 1_000)?, args.number("seconds", 3)?, args.size()?.max(8));
    let total: u64 = rate * seconds;
    let ready = Arc::new(AtomicBool::new(false));
    let histogram = Arc::new(Mutex::new(Histogram::default()));
    let runtime = multi(1)?;
    let client = runtime.block_on(args.client())?;
    let producer = runtime.block_on(async { client.producer(args.producer()?).map_err(Into::into) })
        as Outcome<Producer>;
    let producer = producer?;
    let topic = runtime.block_on(producer.topic(&args.topic()))?;
    let entered = runtime.enter();
    let consumer = consumer(args, &client)?;
    drop(entered);
    let reader = runtime.spawn(read_stamps(consumer, total, ready.clone(), histogram.clone()));
    // One record first, so that everything is connected.
    runtime.block_on(topic.send(ProducerRecord::new(topic.name(), &vec![0; size])))?;
    while !ready.load(Ordering::Acquire) {
        pause(Duration::from_millis(20));
    }
    pause(Duration::from_secs(1));
    let meter = Meter::start();
    let start = now_ns();
    let mut sent = 0;
    let mut value = vec![b'x'; size];
    while sent < total {
        let due = ((now_ns() - start) * rate / 1_000_000_000 + 1).min(total);
        while sent < due {
            let stamp = start + sent * 1_000_000_000 / rate;
            value[..8].copy_from_slice(&stamp.to_le_bytes());
            drop(topic.try_enqueue(ProducerRecord::new(topic.name(), &value))?);
            sent += 1;
        }
        pause(Duration::from_micros(100));
    }
    runtime.block_on(reader)??;
    let cost = meter.cost();
    let histogram = histogram.lock().map_err(|_| "the reader failed")?;
    let us = |ns: u64| ns as f64 / 1000.0;
    let extra = format!(
        ",\"latency_us\":{{\"n\":{},\"p50\":{:.1},\"p99\":{:.1},\"p999\":{:.1},\"max\":{:.1}}}",
        histogram.len(),
        us(histogram.quantile(500)),
        us(histogram.quantile(990)),
        us(histogram.quantile(999)),
        us(histogram.max()),
    );
    let records = usize::try_from(total)?;
    args.report(cost, records, records * size, &extra);
    Ok(())
}

async fn read_stamps(
    mut consumer: Consumer,
    total: u64,
    ready: Arc<AtomicBool>,
    histogram: Arc<Mutex<Histogram>>,
) -> Outcome<()> {
    let mut seen = 0;
    while seen < total {
        let polled = consumer.poll().await?;
        let now = now_ns();
        let mut histogram = histogram.lock().map_err(|_| "the histogram is lost")?;
        for record in &polled {
            let stamp = record.value().and_then(|value| value.first_chunk::<8>());
            match stamp.map(|stamp| u64::from_le_bytes(*stamp)) {
                Some(0) | None => ready.store(true, Ordering::Release),
                Some(stamp) => {
                    histogram.record(now.saturating_sub(stamp));
                    seen += 1;
                }
            }
        }
    }
    Ok(())
}

fn now_ns() -> u64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    let since = Duration::try_from(time).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

/// The pacer is a plain thread that waits for its time; nobody wakes it earlier.
fn pause(time: Duration) {
    std::thread::park_timeout(time);
}

//! What a record costs in allocations, once everything is warm: none, whatever way it is produced or consumed.
//!
//! Everything of the client runs on the thread that counts, the broker on another. Batches and requests may allocate a
//! little; a record among hundreds in a batch that allocated even once would break the bound many times over.

#![allow(clippy::unwrap_used, reason = "in tests a panic is how a check fails")]

use allocation_counter::measure;
use kafka_broker_lite::Cluster;
use kafka_client::config::{AutoOffsetReset, ConsumerConfig, ProducerConfig};
use kafka_client::{Client, Consumer, ProducerRecord, TopicHandle};
use kafka_proto::api::ApiKey;
use std::sync::Arc;
use tokio::runtime::Runtime;
use tokio::sync::watch;

/// Bytes of a batch, and records of 100 bytes in it.
const BATCH_SIZE: usize = 64 << 10;
const PER_BATCH: u64 = 600;
const RECORDS: u64 = 60_000;
const BATCHES: u64 = RECORDS / PER_BATCH;

/// What a batch, and a request, may allocate. A poll has a list of batches besides.
const BATCH_MAX: u64 = 3;
const REQUEST_MAX: u64 = 12;
/// What a poll of a listener may allocate, with its commit.
const POLL_MAX: u64 = 40;
/// Buffers and queues that grow, callers that wait.
const ALLOWANCE: u64 = 200;

struct World {
    runtime: Runtime,
    cluster: Cluster,
    client: Client,
}

impl World {
    fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (cluster, client) = runtime.block_on(async {
            let cluster = Cluster::builder().topic("t", 1).start().await.unwrap();
            let client = Client::connect(&cluster.bootstrap_servers()).await.unwrap();
            (cluster, client)
        });
        Self { runtime, cluster, client }
    }

    /// Runs `work` and checks what all of it allocated.
    fn check(&self, api: ApiKey, what: &str, polls: u64, work: impl Future<Output = ()>) {
        self.cluster.control().clear_request_log();
        let cost = measure(|| self.runtime.block_on(work));
        let log = self.cluster.control().request_log();
        let requests = u64::try_from(log.iter().filter(|r| r.api == api).count()).unwrap();
        let most = BATCH_MAX * BATCHES + REQUEST_MAX * requests + polls + ALLOWANCE;
        assert!(
            cost.count_total <= most,
            "{what}: {} allocations for {RECORDS} records, {BATCHES} batches, {requests} requests; \
             {most} at most",
            cost.count_total
        );
        println!("{what}: {} for {requests} requests, {BATCHES} batches", cost.count_total);
        assert!(most < RECORDS / 10, "{what}: {requests} requests say nothing of records");
    }

    async fn topic(&self) -> TopicHandle {
        let config = ProducerConfig::default().batch_size(BATCH_SIZE);
        let producer = self.client.producer(config).unwrap();
        producer.topic("t").await.unwrap()
    }

    fn consumer(&self) -> Consumer {
        let config = ConsumerConfig::default().auto_offset_reset(AutoOffsetReset::Earliest);
        let _entered = self.runtime.enter();
        let mut consumer = self.client.consumer(config).unwrap();
        consumer.assign([("t", 0)]).unwrap();
        consumer
    }

    /// More records than two checks read, in batches as large as they get.
    fn filled() -> Self {
        let world = Self::new();
        world.runtime.block_on(async {
            let topic = world.topic().await;
            for _ in 0..3 {
                produce(&topic).await;
            }
        });
        world
    }
}

/// With an acknowledgement per record.
async fn produce(topic: &TopicHandle) {
    let value = [7; 100];
    let headers: [(&str, Option<&[u8]>); 1] = [("h", None)];
    let mut waiting = Vec::new();
    for _ in 0..RECORDS {
        let record = ProducerRecord::new("t", &value).key("k").partition(0).headers(&headers);
        waiting.push(topic.enqueue(record).await.unwrap());
    }
    for delivery in waiting {
        delivery.await.unwrap();
    }
}

#[test]
fn producing_allocates_nothing_per_record() {
    let world = World::new();
    let topic = world.runtime.block_on(world.topic());
    world.runtime.block_on(produce(&topic));
    world.check(ApiKey::PRODUCE, "enqueue", 0, produce(&topic));
}

#[test]
fn views_allocate_nothing_per_record() {
    let world = World::filled();
    let mut consumer = world.consumer();
    let mut read = async || {
        let (mut count, mut bytes) = (0, 0);
        while count < RECORDS {
            for record in &consumer.poll().await.unwrap() {
                bytes += record.value().map_or(0, <[u8]>::len) + record.headers().len();
                count += 1;
            }
        }
        assert_eq!(bytes % 101, 0);
    };
    world.runtime.block_on(read());
    world.check(ApiKey::FETCH, "poll", RECORDS / 500 + BATCHES, read());
}

#[test]
fn owned_records_allocate_nothing_either() {
    let world = World::filled();
    let mut consumer = world.consumer();
    let mut read = async || {
        for _ in 0..RECORDS {
            let record = consumer.recv().await.unwrap();
            let copy = record.clone();
            assert_eq!((copy.key(), copy.headers().len()), (Some(&b"k"[..]), 1));
            assert_eq!(record.value().map(<[u8]>::len), Some(100));
        }
    };
    world.runtime.block_on(read());
    world.check(ApiKey::FETCH, "recv", 0, read());
}

/// The whole container: hand-out, handler, ledger, commits.
#[test]
fn a_listener_allocates_nothing_per_record() {
    let world = World::filled();
    let (count, handled) = watch::channel(0);
    let count = Arc::new(count);
    let config = ConsumerConfig::default().auto_offset_reset(AutoOffsetReset::Earliest);
    let _entered = world.runtime.enter();
    let listener = world.client.listener("g").topics(["t"]).config(config);
    let _listener = listener.start(move |record| {
        assert_eq!(record.value().map(<[u8]>::len), Some(100));
        count.send_modify(|count| *count += 1);
        std::future::ready(())
    });
    let reaches = async |all: u64| {
        handled.clone().wait_for(|count| *count >= all).await.unwrap();
    };
    world.runtime.block_on(reaches(RECORDS));
    // A poll has its list of batches and is committed besides.
    world.check(ApiKey::FETCH, "listener", POLL_MAX * RECORDS / 500, reaches(2 * RECORDS));
}

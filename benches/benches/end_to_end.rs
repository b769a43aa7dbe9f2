//! Producer and consumer against broker-lite in this process, over TCP: what the whole path takes, the broker included.
//! The throughput is that of records.

use benches::payloads::Payloads;
use criterion::{Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use kafka_broker_lite::Cluster;
use kafka_client::config::{ConsumerConfig, ProducerConfig};
use kafka_client::{Client, Consumer, Producer, ProducerRecord, Result, TopicPartition};
use std::hint::black_box;
use std::time::Duration;
use tokio::runtime::Runtime;

const TOPIC: &str = "bench";
const PARTITIONS: i32 = 3;
/// Records in one iteration.
const RECORDS: u64 = 100_000;
const SIZE: usize = 100;

#[expect(
    clippy::expect_used,
    reason = "without a runtime and a broker there is nothing to measure"
)]
fn world(criterion: &mut Criterion, measure: impl FnOnce(&Runtime, &Client, &mut Criterion)) {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = builder.enable_all().build().expect("a runtime");
    let cluster = Cluster::builder().topic(TOPIC, PARTITIONS).start();
    let cluster = runtime.block_on(cluster).expect("a broker");
    let servers = cluster.bootstrap_servers();
    let client = runtime.block_on(Client::connect(&servers)).expect("a client");
    measure(&runtime, &client, criterion);
    drop(client);
    runtime.block_on(cluster.shutdown());
}

fn records(payloads: &Payloads) -> impl Iterator<Item = ProducerRecord<'_>> {
    (0..).zip(0..RECORDS).map(|(at, _)| ProducerRecord::new(TOPIC, payloads.value(at)))
}

/// An acknowledgement for each.
async fn one_by_one(producer: &Producer, payloads: &Payloads) -> Result<()> {
    let topic = producer.topic(TOPIC).await?;
    let mut waiting = Vec::new();
    for record in records(payloads) {
        waiting.push(topic.enqueue(record).await?);
    }
    producer.flush().await?;
    for delivery in waiting {
        black_box(delivery.await?);
    }
    Ok(())
}

async fn in_batches(producer: &Producer, payloads: &Payloads) -> Result<()> {
    let deliveries = producer.send_batch(records(payloads)).await?;
    producer.flush().await?;
    black_box(deliveries.all().await?);
    Ok(())
}

async fn views(consumer: &mut Consumer) -> Result<usize> {
    let (mut read, mut bytes) = (0, 0);
    while read < RECORDS {
        for record in &consumer.poll().await? {
            bytes += record.value().map_or(0, <[u8]>::len);
            read += 1;
        }
    }
    Ok(bytes)
}

async fn owned(consumer: &mut Consumer) -> Result<usize> {
    let mut bytes = 0;
    for _ in 0..RECORDS {
        bytes += consumer.recv().await?.value().map_or(0, <[u8]>::len);
    }
    Ok(bytes)
}

#[expect(clippy::expect_used, reason = "a failure leaves nothing to measure")]
fn end_to_end(criterion: &mut Criterion) {
    let payloads = Payloads::new(SIZE);
    world(criterion, |runtime, client, criterion| {
        let mut group = criterion.benchmark_group("end to end");
        group.throughput(Throughput::Elements(RECORDS)).sampling_mode(SamplingMode::Flat);
        group.sample_size(10).warm_up_time(Duration::from_secs(1));
        group.measurement_time(Duration::from_secs(2));
        let producer = {
            let _entered = runtime.enter();
            client.producer(ProducerConfig::default()).expect("a producer")
        };
        group.bench_function("produce, acknowledged one by one", |bencher| {
            bencher.iter(|| runtime.block_on(one_by_one(&producer, &payloads)).expect("stored"));
        });
        group.bench_function("produce, send_batch", |bencher| {
            bencher.iter(|| runtime.block_on(in_batches(&producer, &payloads)).expect("stored"));
        });
        let partitions: Vec<TopicPartition> = (0..PARTITIONS).map(|p| (TOPIC, p).into()).collect();
        let mut consumer = {
            let _entered = runtime.enter();
            client.consumer(ConsumerConfig::default()).expect("a consumer")
        };
        consumer.assign(partitions.clone()).expect("partitions");
        group.bench_function("consume, views", |bencher| {
            bencher.iter(|| {
                consumer.seek_to_beginning(partitions.clone()).expect("assigned");
                runtime.block_on(views(&mut consumer)).expect("records")
            });
        });
        group.bench_function("consume, owned", |bencher| {
            bencher.iter(|| {
                consumer.seek_to_beginning(partitions.clone()).expect("assigned");
                runtime.block_on(owned(&mut consumer)).expect("records")
            });
        });
        group.finish();
    });
}

criterion_group!(benches, end_to_end);
criterion_main!(benches);

//! Every way to consume what is there, and what comes.

use crate::world::{World, assert_same, nothing_more, numbers, partition, soon, take, texts};
use futures_core::Stream;
use kafka_client::config::{AutoOffsetReset, ConsumerConfig, IsolationLevel, ProducerConfig};
use kafka_client::{ConsumerRecord, ProducerRecord};
use std::collections::BTreeMap;
use std::pin::{Pin, pin};
use std::time::Duration;

fn from_start() -> ConsumerConfig {
    ConsumerConfig::default().auto_offset_reset(AutoOffsetReset::Earliest)
}

/// Whoever starts at an offset in the middle of a batch gets the whole batch from the broker, and must not see what
/// lies before.
pub(crate) async fn batches_of_every_codec_are_read_from_their_middle(world: World) {
    let topic = world.topic(1).await;
    for codec in ["none", "gzip", "snappy", "lz4", "zstd"] {
        let config = ProducerConfig::default().set("compression.type", codec).unwrap();
        world.fill(&topic, 0, 100, config, 100).await;
    }
    let expected: Vec<_> = (0..5).flat_map(|_| numbers(0..100)).collect();
    let mut consumer = world.consumer(&topic, [0]);
    for start in [57, 157, 257, 357, 457, 499, 0, 99, 100] {
        consumer.seek(partition(&topic, 0), i64::try_from(start).unwrap()).unwrap();
        let read = take(&mut consumer, 500 - start).await;
        assert!(texts(&read) == expected[start..], "from {start}");
        assert!(read.iter().map(|r| usize::try_from(r.offset()).unwrap()).eq(start..500));
    }
}

pub(crate) async fn poll_recv_and_stream_give_the_same(world: World) {
    let topic = world.topic(1).await;
    let config = ProducerConfig::default().set("compression.type", "lz4").unwrap();
    world.fill(&topic, 0, 1000, config, 70).await;
    let by_recv = world.read(&topic, 0, 1000).await;
    assert_eq!(texts(&by_recv), numbers(0..1000));

    for isolation in [IsolationLevel::ReadUncommitted, IsolationLevel::ReadCommitted] {
        let config = from_start().max_poll_records(90).isolation_level(isolation);
        let mut consumer = world.consumer_with(config, &topic, [0]);
        let mut by_poll = Vec::new();
        while by_poll.len() < 1000 {
            let records = soon(consumer.poll()).await.unwrap();
            assert!((1..=90).contains(&records.len()), "max.poll.records");
            // Records live on their own: the consumer can be used while they do.
            let position = consumer.position(partition(&topic, 0)).await.unwrap();
            let last = records.iter().last().unwrap();
            assert_eq!(position, last.offset() + 1);
            let task = tokio::spawn(async move {
                records.iter().map(|view| view.to_owned()).collect::<Vec<_>>()
            });
            by_poll.extend(task.await.unwrap());
        }
        assert!(by_poll == by_recv);
    }

    let mut consumer = world.consumer(&topic, [0]);
    let by_stream = collect(pin!(consumer.stream()), 1000).await;
    assert!(by_stream == by_recv);
}

async fn collect(
    mut stream: Pin<&mut impl Stream<Item = kafka_client::Result<ConsumerRecord>>>,
    count: usize,
) -> Vec<ConsumerRecord> {
    let mut records = Vec::new();
    while records.len() < count {
        let next = std::future::poll_fn(|cx| stream.as_mut().poll_next(cx));
        records.push(soon(next).await.expect("a stream of records has no end").unwrap());
    }
    records
}

/// Far more than the consumer may hold at a time, in answers far smaller than what waits.
pub(crate) async fn many_partitions_are_read_in_a_small_memory(world: World) {
    const PARTITIONS: i32 = 12;
    const RECORDS: usize = 12_000;
    let topic = world.topic(PARTITIONS).await;
    let config = ProducerConfig::default().set("compression.type", "snappy").unwrap();
    let producer = world.producer(config);
    let values: Vec<_> = (0..RECORDS).map(|n| format!("{n:0>200}")).collect();
    let record = |(n, value)| {
        let place = i32::try_from(n).unwrap() % PARTITIONS;
        ProducerRecord::new(&topic, value).partition(place)
    };
    let records = values.iter().enumerate().map(record);
    producer.send_batch(records).await.unwrap().all().await.unwrap();

    let small = from_start()
        .consumer_buffer_memory(50_000)
        .max_partition_fetch_bytes(1000)
        .fetch_max_bytes(10_000);
    let mut consumer = world.consumer_with(small, &topic, 0..PARTITIONS);
    let mut read: BTreeMap<i32, Vec<String>> = BTreeMap::new();
    let mut count = 0;
    while count < RECORDS {
        for record in &soon(consumer.poll()).await.unwrap() {
            let value = String::from_utf8(record.value().unwrap().to_vec()).unwrap();
            read.entry(record.partition()).or_default().push(value);
            count += 1;
        }
    }
    for (place, read) in read {
        let first = usize::try_from(place).unwrap();
        let expected: Vec<_> = values.iter().skip(first).step_by(12).cloned().collect();
        assert_same(&read, &expected, &format!("partition {place}"));
    }
    nothing_more(&mut consumer).await;
}

pub(crate) async fn paused_partitions_wait(world: World) {
    let topic = world.topic(2).await;
    for place in 0..2 {
        world.fill(&topic, place, 100, ProducerConfig::default(), 10).await;
    }
    let mut consumer = world.consumer(&topic, 0..2);
    // What was fetched before is not handed out either.
    let first = take(&mut consumer, 1).await[0].partition();
    consumer.pause([partition(&topic, first)]).unwrap();
    let other = take(&mut consumer, 100).await;
    assert!(other.iter().all(|record| record.partition() == 1 - first));
    nothing_more(&mut consumer).await;
    assert_eq!(consumer.position(partition(&topic, first)).await.unwrap(), 1);
    consumer.resume([partition(&topic, first)]).unwrap();
    let rest = take(&mut consumer, 99).await;
    assert_eq!(texts(&rest), numbers(1..100));
    nothing_more(&mut consumer).await;
}

pub(crate) async fn records_arrive_while_they_are_waited_for(world: World) {
    let topic = world.topic(1).await;
    let mut consumer = world.consumer(&topic, [0]);
    let producer = world.producer(ProducerConfig::default().linger(Duration::ZERO));
    nothing_more(&mut consumer).await;
    for n in numbers(0..20) {
        let waiting = consumer.recv();
        let sending = producer.send(ProducerRecord::new(&topic, &n));
        let (received, stored) = soon(async { tokio::join!(waiting, sending) }).await;
        let received = received.unwrap();
        assert_eq!(Some(received.offset()), stored.unwrap().offset());
        assert_eq!(texts(&[received]), [n]);
    }
}

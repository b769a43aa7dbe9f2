//! Every way to produce, and what a consumer then reads.

use crate::world::{World, nothing_more, now_ms, numbers, partition, soon, take, texts};
use kafka_client::config::{Acks, ProducerConfig};
use kafka_client::{ErrorKind, Partitioner, ProducerRecord};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

const CODECS: [&str; 5] = ["none", "gzip", "snappy", "lz4", "zstd"];

pub(crate) async fn every_acks_with_every_codec(world: World) {
    for acks in [Acks::None, Acks::Leader, Acks::All] {
        let topic = world.topic(1).await;
        for (number, codec) in (0..).zip(CODECS) {
            let config = ProducerConfig::default().acks(acks);
            let config = config.set("compression.type", codec).unwrap();
            let stored = world.fill(&topic, 0, 20, config, 10).await;
            let offsets: Vec<_> = stored.iter().map(|stored| stored.offset()).collect();
            let expected = |n| (acks != Acks::None).then_some(i64::from(number * 20 + n));
            assert_eq!(offsets, (0..20).map(expected).collect::<Vec<_>>(), "{acks} {codec}");
        }
        let records = world.read(&topic, 0, 100).await;
        let expected: Vec<_> = CODECS.iter().flat_map(|_| numbers(0..20)).collect();
        assert_eq!(texts(&records), expected, "{acks}");
        assert!(records.iter().map(|r| r.offset()).eq(0..100), "{acks}");
    }
}

/// Where Kafka's Java client puts these keys among twelve partitions, computed from the hashes in its own tests.
pub(crate) async fn keys_land_where_javas_do(world: World) {
    const PLACES: [(&str, i32); 6] = [
        ("21", 0),
        ("foobar", 6),
        ("a-little-bit-long-string", 8),
        ("a-little-bit-longer-string", 11),
        ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", 5),
        ("abc", 3),
    ];
    let topic = world.topic(12).await;
    let producer = world.producer(ProducerConfig::default());
    for (key, place) in PLACES {
        let stored = producer.send(ProducerRecord::new(&topic, "v").key(key)).await.unwrap();
        assert_eq!((stored.partition(), stored.offset()), (place, Some(0)), "{key}");
    }
    let read = take(&mut world.consumer(&topic, 0..12), PLACES.len()).await;
    let read: BTreeSet<_> = read.iter().map(|r| (r.key().unwrap(), r.partition())).collect();
    assert_eq!(read, PLACES.iter().map(|(key, place)| (key.as_bytes(), *place)).collect());
}

#[derive(Debug)]
struct ByFirstByte;

impl Partitioner for ByFirstByte {
    fn partition(
        &self,
        _: &str,
        _: Option<&[u8]>,
        value: Option<&[u8]>,
        count: i32,
    ) -> Option<i32> {
        value?.first().map(|byte| i32::from(*byte) % count)
    }
}

pub(crate) async fn explicit_and_custom_partitions(world: World) {
    let topic = world.topic(3).await;
    let producer = world.producer(ProducerConfig::default());
    for place in [2, 0, 1, 2] {
        let record = ProducerRecord::new(&topic, "v").key("always the same").partition(place);
        assert_eq!(producer.send(record).await.unwrap().partition(), place);
    }
    let error = producer.send(ProducerRecord::new(&topic, "v").partition(3)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UnknownTopicOrPartition);
    assert_eq!((error.topic(), error.partition()), (Some(&*topic), Some(3)));
    assert!(!error.possibly_written());

    let builder = world.client.producer_builder(ProducerConfig::default());
    let producer = builder.partitioner(ByFirstByte).build().unwrap();
    for byte in [0u8, 1, 2, 3, 4, 5] {
        let value = [byte];
        let stored = producer.send(ProducerRecord::new(&topic, &value).key("k")).await.unwrap();
        assert_eq!(stored.partition(), i32::from(byte) % 3);
    }
    // A record that names its partition is not the partitioner's to place.
    let record = ProducerRecord::new(&topic, &[1]).partition(0);
    assert_eq!(producer.send(record).await.unwrap().partition(), 0);
}

/// Records without a key fill one batch and then go elsewhere, so that all partitions get their share.
pub(crate) async fn records_without_key_stick_and_spread(world: World) {
    const RECORDS: usize = 4000;
    let topic = world.topic(4).await;
    let config = ProducerConfig::default().batch_size(2000).linger(Duration::from_secs(20));
    let producer = world.producer(config.clone());
    let value = [7; 90];
    let mut deliveries = Vec::new();
    for _ in 0..RECORDS {
        deliveries.push(producer.enqueue(ProducerRecord::new(&topic, &value)).await.unwrap());
    }
    producer.flush().await.unwrap();
    let (mut counts, mut moves, mut last) = (BTreeMap::new(), 0, None);
    for delivery in deliveries {
        let place = delivery.await.unwrap().partition();
        *counts.entry(place).or_insert(0) += 1;
        moves += usize::from(last.replace(place) != Some(place));
    }
    assert_eq!(counts.values().sum::<usize>(), RECORDS);
    assert_eq!(counts.len(), 4, "{counts:?}");
    assert!(counts.values().all(|count| *count > RECORDS / 10), "{counts:?}");
    assert!(moves < RECORDS / 10, "{moves} moves: every batch holds about 20 records");

    let producer = world.producer(config.partitioner_ignore_keys(true));
    let records: Vec<_> =
        (0..10).map(|_| ProducerRecord::new(&topic, "v").key("the same")).collect();
    let deliveries = producer.send_batch(records).await.unwrap();
    producer.flush().await.unwrap();
    let places: BTreeSet<_> =
        deliveries.all().await.unwrap().iter().map(|stored| stored.partition()).collect();
    assert_eq!(places.len(), 1, "ten records are one batch");
}

pub(crate) async fn headers_nulls_and_empty_values(world: World) {
    let topic = world.topic(1).await;
    let producer = world.producer(ProducerConfig::default());
    let long = "x".repeat(1000);
    let headers: [(&str, Option<&[u8]>); 5] = [
        ("trace", Some(b"1")),
        ("trace", Some(b"2")),
        ("nothing", None),
        ("", Some(b"")),
        (&long, Some(long.as_bytes())),
    ];
    let sent = [
        ProducerRecord::new(&topic, "value").key("key").headers(&headers),
        ProducerRecord::tombstone(&topic).key("gone"),
        ProducerRecord::new(&topic, "").key(""),
        ProducerRecord::tombstone(&topic),
        ProducerRecord::new(&topic, &[0xff, 0x00, 0xfe]).key("grüße"),
    ];
    for record in sent {
        producer.send(record).await.unwrap();
    }
    let read = world.read(&topic, 0, sent.len()).await;
    for (sent, read) in sent.iter().zip(&read) {
        assert_eq!((sent.key, sent.value), (read.key(), read.value()));
        let headers = read.headers().map(|h| (h.key_bytes(), h.value()));
        assert!(headers.eq(sent.headers.iter().map(|(name, value)| (name.as_bytes(), *value))));
        assert_eq!(read.topic(), topic);
    }
}

pub(crate) async fn timestamps_of_the_client_and_of_the_broker(world: World) {
    let before = now_ms();
    let forever = ("retention.ms", "-1");
    let topic = world.topic_with(1, &[forever]).await;
    let producer = world.producer(ProducerConfig::default());
    for given in [Some(0), Some(1_600_000_000_123), None, Some(1_000_000_000_000)] {
        let record = ProducerRecord { timestamp_ms: given, ..ProducerRecord::new(&topic, "v") };
        let stored = producer.send(record).await.unwrap();
        assert_eq!(stored.log_append_time_ms(), None);
    }
    let read: Vec<_> = world.read(&topic, 0, 4).await.iter().map(|r| r.timestamp_ms()).collect();
    assert_eq!((read[0], read[1], read[3]), (0, 1_600_000_000_123, 1_000_000_000_000));
    // The client's clock is read now and then only.
    assert!((before - 1000..=now_ms()).contains(&read[2]), "{read:?}");

    for codec in ["none", "lz4"] {
        let stamped = ("message.timestamp.type", "LogAppendTime");
        let topic = world.topic_with(1, &[forever, stamped]).await;
        let config = ProducerConfig::default().set("compression.type", codec).unwrap();
        let producer = world.producer(config.linger(Duration::from_millis(50)));
        let record = ProducerRecord::new(&topic, "v").timestamp_ms(1_000_000_000_000);
        let deliveries = producer.send_batch([record; 10]).await.unwrap();
        let stored = deliveries.all().await.unwrap();
        let read = world.read(&topic, 0, 10).await;
        for (stored, read) in stored.iter().zip(&read) {
            assert_eq!(stored.log_append_time_ms(), Some(read.timestamp_ms()));
            assert!((before..=now_ms()).contains(&read.timestamp_ms()), "{}", read.timestamp_ms());
        }
    }
}

pub(crate) async fn send_batch_acknowledges_each_record(world: World) {
    const RECORDS: usize = 10_000;
    let (one, two) = (world.topic(1).await, world.topic(3).await);
    let producer = world.producer(ProducerConfig::default());
    let values: Vec<_> = (0..RECORDS).map(|n| n.to_string()).collect();
    let record = |(n, value)| match n % 4 {
        0 => ProducerRecord::new(&one, value),
        place => ProducerRecord::new(&two, value).partition(i32::try_from(place).unwrap() - 1),
    };
    let records = values.iter().enumerate().map(record);
    let deliveries = producer.send_batch(records.clone()).await.unwrap();
    assert_eq!(deliveries.len(), RECORDS);
    let stored = deliveries.all().await.unwrap();
    assert_eq!(stored.len(), RECORDS);
    let mut next = BTreeMap::new();
    for (record, stored) in records.zip(&stored) {
        assert_eq!(
            (stored.topic(), stored.partition()),
            (record.topic, record.partition.unwrap_or(0))
        );
        let next = next.entry(partition(stored.topic(), stored.partition())).or_insert(0);
        assert_eq!(stored.offset(), Some(*next));
        *next += 1;
    }
    for place in 0..3 {
        let read = texts(&world.read(&two, place, RECORDS / 4).await);
        let first = usize::try_from(place).unwrap() + 1;
        let expected: Vec<_> = values.iter().skip(first).step_by(4).cloned().collect();
        assert_eq!(read, expected, "partition {place}");
    }
}

pub(crate) async fn try_enqueue_never_waits(world: World) {
    let topic = world.topic(1).await;
    let config = ProducerConfig::default().buffer_memory(100_000).linger(Duration::from_secs(20));
    let producer = world.producer(config.batch_size(10_000));
    let value = [1; 1000];
    let record = ProducerRecord::new(&topic, &value);
    let error = producer.try_enqueue(record).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WouldBlock, "the topic is not known yet");
    assert!(error.is_retriable());
    producer.topic(&topic).await.unwrap();

    // Nothing else runs in this thread in between, so that nothing is sent and the buffer has to fill.
    let mut deliveries = Vec::new();
    let error = loop {
        match producer.try_enqueue(record) {
            Ok(delivery) => deliveries.push(delivery),
            Err(error) => break error,
        }
        assert!(deliveries.len() < 1000, "buffer.memory has no effect");
    };
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
    assert!(deliveries.len() >= 50, "{}", deliveries.len());
    producer.flush().await.unwrap();
    for (offset, delivery) in (0..).zip(deliveries) {
        assert_eq!(delivery.await.unwrap().offset(), Some(offset));
    }
    assert!(producer.try_enqueue(record).is_ok(), "there is room again");
    producer.flush().await.unwrap();
}

pub(crate) async fn flush_does_not_wait_for_linger(world: World) {
    let topic = world.topic(2).await;
    let producer = world.producer(ProducerConfig::default().linger(Duration::from_secs(100)));
    let mut deliveries = Vec::new();
    for place in [0, 1, 0] {
        let record = ProducerRecord::new(&topic, "v").partition(place);
        deliveries.push(producer.enqueue(record).await.unwrap());
    }
    assert!(deliveries.iter().all(|delivery| delivery.try_get().is_none()));
    soon(producer.flush()).await.unwrap();
    let offsets: Vec<_> =
        deliveries.iter().map(|d| d.try_get().unwrap().unwrap().offset().unwrap()).collect();
    assert_eq!(offsets, [0, 0, 1]);
    // Nothing is left to wait for.
    soon(producer.flush()).await.unwrap();
}

pub(crate) async fn closed_producers_have_sent_everything(world: World) {
    let topic = world.topic(1).await;
    let config = ProducerConfig::default().linger(Duration::from_secs(100));
    let closed = world.producer(config.clone());
    let delivery = closed.enqueue(ProducerRecord::new(&topic, "closed")).await.unwrap();
    closed.close(Duration::from_secs(30)).await.unwrap();
    assert_eq!(delivery.await.unwrap().offset(), Some(0));
    let error = closed.send(ProducerRecord::new(&topic, "late")).await.unwrap_err();
    assert_eq!((error.kind(), error.possibly_written()), (ErrorKind::Closed, false));

    let dropped = world.producer(config);
    let delivery = dropped.enqueue(ProducerRecord::new(&topic, "dropped")).await.unwrap();
    drop(dropped);
    assert_eq!(soon(delivery).await.unwrap().offset(), Some(1));
    let mut consumer = world.consumer(&topic, [0]);
    assert_eq!(texts(&take(&mut consumer, 2).await), ["closed", "dropped"]);
    nothing_more(&mut consumer).await;
}

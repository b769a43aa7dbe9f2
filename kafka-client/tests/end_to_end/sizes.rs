//! Records and batches around the limits of client and broker.

use crate::world::{World, nothing_more, numbers, take, texts};
use kafka_client::config::ProducerConfig;
use kafka_client::{ErrorKind, ProducerRecord};
use kafka_proto::ErrorCode;
use std::time::Duration;

/// What no codec makes smaller.
fn noise(len: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    (0..len).map(|_| next()).collect()
}

pub(crate) async fn records_as_large_as_a_request_may_be(world: World) {
    const REQUEST: usize = 1_048_576;
    // Besides it there is the batch's header of 61 bytes, and what lengths and differences may take.
    let (most, too_much) = (noise(REQUEST - 61 - 50), noise(REQUEST));
    for codec in ["none", "gzip", "snappy", "lz4", "zstd"] {
        // Noise grows under some codecs, and what the broker measures is what it gets.
        let topic = world.topic_with(1, &[("max.message.bytes", "1100000")]).await;
        let config = ProducerConfig::default().set("compression.type", codec).unwrap();
        let producer = world.producer(config);
        for (offset, value) in (0..).zip([&most[..], b"small", &most[1..]]) {
            let stored = producer.send(ProducerRecord::new(&topic, value)).await.unwrap();
            assert_eq!(stored.offset(), Some(offset), "{codec}");
        }
        let error = producer.send(ProducerRecord::new(&topic, &too_much)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::RecordTooLarge, "{codec}");
        assert!(!error.possibly_written() && error.code().is_none(), "{codec}: {error}");
        let read = world.read(&topic, 0, 3).await;
        assert!(read[0].value() == Some(&most[..]), "{codec}: damaged");
        assert!(read[1].value() == Some(b"small"), "{codec}");
        assert!(read[2].value() == Some(&most[1..]), "{codec}: damaged");
    }
}

pub(crate) async fn a_batch_too_large_for_the_topic_is_split(world: World) {
    let topic = world.topic_with(1, &[("max.message.bytes", "5000")]).await;
    let config = ProducerConfig::default().batch_size(200_000).linger(Duration::from_secs(20));
    let producer = world.producer(config);
    let padding = "-".repeat(400);
    let values: Vec<_> = (0..200).map(|n| format!("{n}{padding}")).collect();
    // Twice: what was split must not disturb the sequence numbers of what follows.
    for round in 0..2 {
        let records = values.iter().map(|value| ProducerRecord::new(&topic, value));
        let deliveries = producer.send_batch(records).await.unwrap();
        producer.flush().await.unwrap();
        let stored = deliveries.all().await.unwrap();
        let offsets = stored.iter().map(|stored| stored.offset().unwrap());
        assert!(offsets.eq(round * 200..(round + 1) * 200), "round {round}");
    }
    let mut consumer = world.consumer(&topic, [0]);
    let read = texts(&take(&mut consumer, 400).await);
    assert_eq!(read, [&values[..], &values[..]].concat());
    nothing_more(&mut consumer).await;
}

pub(crate) async fn a_record_too_large_for_the_topic_is_refused_alone(world: World) {
    let topic = world.topic_with(1, &[("max.message.bytes", "5000")]).await;
    let producer = world.producer(ProducerConfig::default().linger(Duration::from_secs(20)));
    let (large, small) = (noise(6000), numbers(0..20));
    let mut deliveries = Vec::new();
    for (n, value) in small.iter().enumerate() {
        if n == 10 {
            let record = ProducerRecord::new(&topic, &large);
            deliveries.push(producer.enqueue(record).await.unwrap());
        }
        deliveries.push(producer.enqueue(ProducerRecord::new(&topic, value)).await.unwrap());
    }
    producer.flush().await.unwrap();
    let mut results: Vec<_> = deliveries.iter().map(|d| d.try_get().unwrap()).collect();
    let error = results.remove(10).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::RecordTooLarge);
    assert_eq!(error.code(), Some(ErrorCode::MESSAGE_TOO_LARGE));
    assert!(!error.possibly_written(), "{error}");
    assert!(!error.is_fatal() && !error.is_retriable(), "{error}");
    let offsets = results.into_iter().map(|result| result.unwrap().offset().unwrap());
    assert!(offsets.eq(0..20));
    // And the producer goes on.
    let stored = producer.enqueue(ProducerRecord::new(&topic, "after")).await.unwrap();
    producer.flush().await.unwrap();
    assert_eq!(stored.await.unwrap().offset(), Some(20));
    let read = texts(&world.read(&topic, 0, 21).await);
    assert_eq!(read, [small, vec!["after".to_owned()]].concat());
}

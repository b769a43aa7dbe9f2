//! Topics that are not there, come to be, go, and come again under those who use them.

use crate::world::{World, partition, soon, take, texts};
use kafka_client::admin::{NewPartitions, NewTopic};
use kafka_client::config::{AutoOffsetReset, ClientConfig, ConsumerConfig, ProducerConfig};
use kafka_client::{Client, ErrorCode, ErrorKind, ProducerRecord};
use std::time::Duration;

/// Brokers make topics that are asked for, unless they are told not to.
pub(crate) async fn made_by_the_first_record(world: World) {
    let topic = world.name();
    let producer = world.producer(ProducerConfig::default());
    let stored = soon(producer.send(ProducerRecord::new(&topic, "first"))).await.unwrap();
    assert_eq!(stored.offset(), Some(0));
    let read = world.read(&topic, stored.partition(), 1).await;
    assert_eq!(texts(&read), ["first"]);
}

pub(crate) async fn made_because_a_consumer_asks(world: World) {
    let topic = world.name();
    let mut consumer = world.consumer(&topic, [0]);
    assert_eq!(soon(consumer.position((&*topic, 0))).await.unwrap(), 0);
    let producer = world.producer(ProducerConfig::default());
    let record = ProducerRecord::new(&topic, "first").partition(0);
    soon(producer.send(record)).await.unwrap();
    assert_eq!(texts(&take(&mut consumer, 1).await), ["first"]);
}

pub(crate) async fn not_made_where_a_consumer_says_so(world: World) {
    let topic = world.name();
    let config = ConsumerConfig::default().allow_auto_create_topics(false);
    let mut consumer = world.consumer_with(config, &topic, [0]);
    let error = soon(consumer.recv()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UnknownTopicOrPartition, "{error}");
    let error = soon(consumer.end_offsets([(&*topic, 0)])).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UnknownTopicOrPartition, "{error}");
    let there = world.admin().list_topics().await.unwrap();
    assert!(!there.iter().any(|there| *there.name == *topic), "it was made");
}

/// It is told, and looked for on and on.
pub(crate) async fn unknown_to_a_consumer(world: World) {
    let topic = world.topic(1).await;
    let mut consumer = world.consumer(&topic, [1]);
    let error = soon(consumer.recv()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UnknownTopicOrPartition, "{error}");
    assert_eq!((error.topic(), error.partition()), (Some(&*topic), Some(1)));
    let two = NewPartitions::new(&*topic, 2);
    world.admin().create_partitions([two]).await.unwrap().all().unwrap();
    let producer = world.producer(ProducerConfig::default());
    let sent = async {
        let record = ProducerRecord::new(&topic, "there").partition(1);
        while let Err(error) = producer.send(record).await {
            assert_eq!(error.kind(), ErrorKind::UnknownTopicOrPartition, "{error}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    soon(sent).await;
    let received = async {
        loop {
            match consumer.recv().await {
                Ok(record) => return record,
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::UnknownTopicOrPartition, "{error}");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
        }
    };
    assert_eq!(texts(&[soon(received).await]), ["there"]);
}

pub(crate) async fn unknown_to_a_producer(world: World) {
    let config = ProducerConfig::default().max_block(Duration::from_secs(2));
    let producer = world.producer(config);
    for name in ["no/such/name", "", "..", &"x".repeat(250)] {
        let error = soon(producer.send(ProducerRecord::new(name, "v"))).await.unwrap_err();
        assert!(!error.possibly_written(), "{error}");
        assert_eq!(error.topic(), Some(name), "{error}");
        assert!(!error.is_retriable(), "{error}");
    }
    // And the same producer goes on.
    let topic = world.topic(1).await;
    producer.send(ProducerRecord::new(&topic, "v")).await.unwrap();
}

/// A topic that is deleted and made again is another topic: what was sent to the old one is gone, and its offsets begin
/// at zero, whatever sequence numbers and positions were reached in the old one.
pub(crate) async fn deleted_and_made_again_under_producer_and_consumer(world: World) {
    let topic = world.topic(1).await;
    let config = ClientConfig::default()
        .bootstrap_servers([&*world.bootstrap])
        .retry_backoff(Duration::from_millis(20));
    let client = Client::builder(config).connect().await.unwrap();
    let producer = client.producer(ProducerConfig::default()).unwrap();
    let config = ConsumerConfig::default().auto_offset_reset(AutoOffsetReset::Earliest);
    let mut consumer = client.consumer(config).unwrap();
    consumer.assign([partition(&topic, 0)]).unwrap();
    for n in 0..10 {
        let value = format!("old {n}");
        producer.send(ProducerRecord::new(&topic, &value)).await.unwrap();
    }
    take(&mut consumer, 10).await;

    let old = world.settled(&topic).await.id;
    world.admin().delete_topics([&*topic]).await.unwrap().all().unwrap();
    // A running client that asks for the topic may be the one that makes it again.
    let made = NewTopic::new(&*topic).partitions(1).replication_factor(1);
    let made = world.admin().create_topics([made]).await.unwrap().all();
    if let Err(error) = made {
        assert_eq!(error.code(), Some(ErrorCode::TOPIC_ALREADY_EXISTS), "{error}");
    }
    let is_new = async { while old.is_some() && world.settled(&topic).await.id == old {} };
    soon(is_new).await;
    let mut sent = Vec::new();
    for n in 0..10 {
        let value = format!("new {n}");
        let record = ProducerRecord::new(&topic, &value).partition(0);
        let stored = soon(producer.send(record)).await.unwrap();
        sent.push((stored.offset().unwrap(), value));
    }
    assert!(sent.iter().map(|(offset, _)| *offset).eq(0..10), "{sent:?}");
    let read = take(&mut consumer, 10).await;
    let read: Vec<_> = read.iter().map(|r| r.offset()).zip(texts(&read)).collect();
    assert_eq!(read, sent);
}

//! At most once, at least once, exactly once: each setting under the faults that tell them apart.

use kafka_broker_lite::Cluster;
use kafka_broker_lite::control::RuleBuilder;
use kafka_client::config::{Acks, AutoOffsetReset, ClientConfig, ConsumerConfig, ProducerConfig};
use kafka_client::{Client, ProducerRecord};
use kafka_proto::api::ApiKey;
use std::time::Duration;

const TOPIC: &str = "orders";
const MARK: &[u8] = b"all that can come has come";

/// What happens to the first request with records.
#[derive(Clone, Copy, Debug)]
enum Fault {
    /// It does not get there: the broker ends the connection without having acted.
    RequestLost,
    /// It gets there and is acted on, and the answer is lost.
    ReplyLost,
}

/// What came of three records, each in a batch of its own.
#[derive(Debug, PartialEq, Eq)]
struct Outcome {
    /// Of each send: whether it succeeded, or else whether the record may have been written.
    sends: Vec<Result<(), bool>>,
    log: Vec<String>,
    duplicates_answered: u64,
}

async fn send_through(fault: Fault, config: ProducerConfig) -> Outcome {
    let cluster = Cluster::builder().topic(TOPIC, 1).start().await.unwrap();
    let rule = cluster.control().on(ApiKey::PRODUCE).client_id("tried").times(1);
    match fault {
        Fault::RequestLost => RuleBuilder::drop_connection(rule),
        Fault::ReplyLost => RuleBuilder::lose_reply(rule),
    }
    let connect = async |name: &str| {
        let settings = ClientConfig::default()
            .bootstrap_servers([cluster.bootstrap_servers()])
            .client_id(name)
            .retry_backoff(Duration::from_millis(1))
            .reconnect_backoff(Duration::from_millis(1));
        Client::builder(settings).connect().await.unwrap()
    };
    let producer = connect("tried").await.producer(config.linger(Duration::ZERO)).unwrap();
    let mut sends = Vec::new();
    for value in ["a", "b", "c"] {
        let sent = producer.send(ProducerRecord::new(TOPIC, value)).await;
        sends.push(sent.map(drop).map_err(|error| error.possibly_written()));
    }
    producer.close(Duration::from_secs(10)).await.unwrap();

    let other = connect("other").await;
    let marker = other.producer(ProducerConfig::default()).unwrap();
    marker.send(ProducerRecord::new(TOPIC, MARK)).await.unwrap();
    let config = ConsumerConfig::default().auto_offset_reset(AutoOffsetReset::Earliest);
    let mut consumer = other.consumer(config).unwrap();
    consumer.assign([(TOPIC, 0)]).unwrap();
    let mut log = Vec::new();
    loop {
        let record = consumer.recv().await.unwrap();
        match record.value().unwrap() {
            MARK => break,
            value => log.push(String::from_utf8_lossy(value).into_owned()),
        }
    }
    let duplicates_answered = cluster.control().counters().duplicates_answered;
    Outcome { sends, log, duplicates_answered }
}

fn outcome(first: Result<(), bool>, log: &[&str], duplicates_answered: u64) -> Outcome {
    let log = log.iter().map(|value| (*value).to_owned()).collect();
    Outcome { sends: vec![first, Ok(()), Ok(())], log, duplicates_answered }
}

#[tokio::test]
async fn at_most_once_loses_and_never_doubles() {
    let unanswered = || ProducerConfig::default().acks(Acks::None);
    let lost = send_through(Fault::RequestLost, unanswered()).await;
    let stored = send_through(Fault::ReplyLost, unanswered()).await;
    for (Outcome { sends, log, .. }, first) in [(lost, None), (stored, Some("a"))] {
        assert_eq!(sends, [Ok(()); 3], "nobody tells what is lost");
        // What follows may be lost with the connection, which ends unnoticed.
        let followed: Vec<_> = first.into_iter().chain(["b", "c"]).collect();
        let expected: Vec<_> =
            followed.into_iter().filter(|it| log.contains(&(*it).into())).collect();
        assert_eq!(log, expected);
        assert_eq!(log.first().is_some_and(|it| it == "a"), first.is_some(), "{log:?}");
    }

    let untried = || ProducerConfig::default().retries(0);
    let lost = send_through(Fault::RequestLost, untried()).await;
    assert_eq!(lost, outcome(Err(true), &["b", "c"], 0), "the error tells that it may be lost");
    let stored = send_through(Fault::ReplyLost, untried()).await;
    assert_eq!(stored, outcome(Err(true), &["a", "b", "c"], 0));
}

#[tokio::test]
async fn at_least_once_doubles_and_never_loses() {
    let config = || ProducerConfig::default().enable_idempotence(false);
    let again = send_through(Fault::RequestLost, config()).await;
    assert_eq!(again, outcome(Ok(()), &["a", "b", "c"], 0));
    let doubled = send_through(Fault::ReplyLost, config()).await;
    assert_eq!(doubled, outcome(Ok(()), &["a", "a", "b", "c"], 0));
}

#[tokio::test]
async fn exactly_once_neither_loses_nor_doubles() {
    let again = send_through(Fault::RequestLost, ProducerConfig::default()).await;
    assert_eq!(again, outcome(Ok(()), &["a", "b", "c"], 0));
    let known = send_through(Fault::ReplyLost, ProducerConfig::default()).await;
    assert_eq!(known, outcome(Ok(()), &["a", "b", "c"], 1), "the broker knows it again");
}

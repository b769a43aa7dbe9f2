//! The broker over TCP: a client with raw frames, many of them, fast and slow ones.

#![allow(clippy::unwrap_used, reason = "in tests a panic is how a check fails")]

mod common;

use common::{Client, fetch_request, produce_request};
use kafka_broker_lite::Cluster;
use kafka_proto::messages::{fetch, produce};

#[tokio::test]
async fn records_go_in_and_come_out() {
    let cluster = Cluster::builder().topic("orders", 2).start().await.unwrap();
    let mut client = Client::tcp(&cluster.bootstrap_servers()).await;
    let metadata = client.metadata().await;
    let broker = &metadata.brokers[0];
    assert_eq!(format!("{}:{}", broker.host, broker.port), cluster.bootstrap_servers());
    assert_eq!(metadata.topics.len(), 1);
    assert_eq!(metadata.topics[0].partitions.len(), 2);
    assert_eq!(client.produce("orders", &[b"a", b"b"]).await.unwrap(), 0);
    assert_eq!(client.produce("orders", &[b"c"]).await.unwrap(), 2);
    assert_eq!(client.fetch("orders", 0).await.unwrap(), ["a", "b", "c"]);
    assert_eq!(client.end_offset("orders").await, 3);
}

#[tokio::test]
async fn a_waiting_fetch_is_answered_by_another_connection() {
    let cluster = Cluster::builder().topic("orders", 1).start().await.unwrap();
    let mut consumer = Client::tcp(&cluster.bootstrap_servers()).await;
    let mut producer = Client::tcp(&cluster.bootstrap_servers()).await;
    consumer.send(&fetch_request("orders", 0, 600_000), 11).await.unwrap();
    while cluster.control().counters().waited_fetches == 0 {
        producer.metadata().await;
    }
    producer.produce("orders", &[b"late"]).await.unwrap();
    let (_, response) = consumer.receive::<fetch::Request>(11).await.unwrap();
    let partition = &response.responses[0].partitions[0];
    assert_eq!(common::values(partition.records.as_ref()), ["late"]);
    consumer.send(&fetch_request("orders", 1, 20), 11).await.unwrap();
    let (_, response) = consumer.receive::<fetch::Request>(11).await.unwrap();
    let partition = &response.responses[0].partitions[0];
    assert!(common::values(partition.records.as_ref()).is_empty(), "time is up without records");
}

#[tokio::test]
async fn answers_leave_in_the_order_of_pipelined_requests() {
    let cluster = Cluster::builder().topic("orders", 1).start().await.unwrap();
    let mut client = Client::tcp(&cluster.bootstrap_servers()).await;
    let value = vec![7; 10_000];
    let mut expected = Vec::new();
    for round in 0..200 {
        // Every fourth wants no answer.
        let acks = if round % 4 == 3 { 0 } else { -1 };
        client.send(&produce_request("orders", 0, acks, &[&value]), 9).await.unwrap();
        if acks != 0 {
            expected.push((round + 1, i64::from(round)));
        }
    }
    for expected in expected {
        let (id, response) = client.receive::<produce::Request>(9).await.unwrap();
        let offset = response.responses[0].partition_responses[0].base_offset;
        assert_eq!((id, offset), expected);
    }
    assert_eq!(client.end_offset("orders").await, 200);
}

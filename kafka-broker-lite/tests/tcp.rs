//! The broker over TCP: a client with raw frames, many of them, fast and slow ones.

#![allow(clippy::unwrap_used, reason = "in tests a panic is how a check fails")]

mod common;

use common::{Client, fetch_request, produce_request};
use kafka_broker_lite::{Cluster, ClusterBuilder};
use kafka_proto::api::ApiKey;
use kafka_proto::messages::{api_versions, fetch, produce};
use tokio::io::AsyncReadExt;
use tokio::task::JoinSet;

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

#[tokio::test]
async fn a_hundred_connections_at_once() {
    let cluster = Cluster::builder().topic("orders", 1).start().await.unwrap();
    let mut clients = JoinSet::new();
    for client in 0..100_u8 {
        let servers = cluster.bootstrap_servers();
        clients.spawn(async move {
            let mut connection = Client::tcp(&servers).await;
            let mut offsets = Vec::new();
            for _ in 0..20 {
                offsets.push(connection.produce("orders", &[&[client; 100]]).await.unwrap());
            }
            offsets
        });
    }
    let mut offsets = clients.join_all().await.concat();
    offsets.sort_unstable();
    assert!(offsets.into_iter().eq(0..2000), "every record has an offset of its own");
}

#[tokio::test]
async fn large_requests_and_answers_pass() {
    let builder = Cluster::builder().topic("orders", 1).config("message.max.bytes", "50000000");
    let cluster = builder.start().await.unwrap();
    let mut client = Client::tcp(&cluster.bootstrap_servers()).await;
    let value: Vec<u8> = (0..=u8::MAX).cycle().take(20_000_000).collect();
    for offset in 0..3 {
        assert_eq!(client.produce("orders", &[&value]).await.unwrap(), offset);
    }
    let values = client.fetch("orders", 0).await.unwrap();
    assert!(values.len() >= 2 && values.iter().all(|found| *found == value));
}

#[tokio::test]
async fn a_port_is_free_when_its_broker_is_dropped() {
    let mut port = 0;
    for _ in 0..5 {
        let cluster = Cluster::builder().port(port).start().await.unwrap();
        let servers = cluster.bootstrap_servers();
        port = servers.rsplit_once(':').unwrap().1.parse().unwrap();
        let mut client = Client::tcp(&servers).await;
        client.metadata().await;
        let taken = Cluster::builder().port(port).start().await.unwrap_err().to_string();
        assert!(taken.starts_with(&format!("port {port} is taken: listener PLAINTEXT")), "{taken}");
        drop(cluster);
        assert!(client.stream.read_u8().await.is_err());
    }
}

#[tokio::test]
async fn what_cannot_be_started_says_why() {
    let error = |builder: ClusterBuilder| async { builder.start().await.unwrap_err().to_string() };
    assert_eq!(
        error(Cluster::builder().config("num.partition", "1")).await,
        "unknown setting num.partition; did you mean num.partitions?"
    );
    assert_eq!(
        error(Cluster::builder().as_version("0.8")).await,
        "cannot pass for Kafka \"0.8\"; known are 2.1, 2.8, 3.9, 4.0 and 4.4"
    );
    let text = error(Cluster::builder().topic("a b", 1)).await;
    assert!(text.starts_with("topic \"a b\" cannot be created: "), "{text}");
    assert!(text.ends_with(" (INVALID_TOPIC_EXCEPTION)"), "{text}");
}

#[tokio::test]
async fn an_older_release_offers_older_versions() {
    let cluster = Cluster::builder().as_version("2.8").start().await.unwrap();
    let mut client = Client::tcp(&cluster.bootstrap_servers()).await;
    let response = client.call(&api_versions::Request::default(), 0).await.unwrap();
    let fetch = response.api_keys.iter().find(|row| row.api_key == ApiKey::FETCH.0).unwrap();
    assert_eq!((fetch.min_version, fetch.max_version), (4, 12));
}

#[tokio::test]
async fn a_connection_can_be_cut_within_an_answer() {
    let directory = std::env::temp_dir().join(format!("broker-cut-{}", std::process::id()));
    let cluster = Cluster::builder().topic("orders", 1).data_dir(&directory).start().await.unwrap();
    let mut client = Client::tcp(&cluster.bootstrap_servers()).await;
    client.produce("orders", &[&[b'x'; 300_000]]).await.unwrap();
    for bytes in [0, 1, 4, 1_000, 200_000] {
        cluster.control().on(ApiKey::FETCH).times(1).cut_reply(bytes);
        let mut client = Client::tcp(&cluster.bootstrap_servers()).await;
        client.send(&fetch_request("orders", 0, 0), 11).await.unwrap();
        let mut read = Vec::new();
        client.stream.read_to_end(&mut read).await.unwrap();
        assert_eq!(read.len(), bytes);
    }
    assert_eq!(client.fetch("orders", 0).await.unwrap().len(), 1);
    drop(cluster);
    std::fs::remove_dir_all(directory).unwrap();
}

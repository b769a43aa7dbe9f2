//! Bad input: whatever a client sends, it loses its own connection at most, and the broker stays within its memory.

#![allow(clippy::unwrap_used, reason = "in tests a panic is how a check fails")]

mod common;

use common::{Client, produce_request};
use kafka_broker_lite::Cluster;
use kafka_proto::ErrorCode;
use kafka_proto::messages::{api_versions, metadata};
use kafka_proto::records::{BatchBuilder, Compression, Compressor, Records, Stamp};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Sends `bytes` on a connection of its own; whether the broker closes it.
async fn closes(cluster: &Cluster, bytes: &[u8]) -> bool {
    let mut stream = TcpStream::connect(cluster.bootstrap_servers()).await.unwrap();
    // The broker may close before all is sent.
    let _sent = stream.write_all(bytes).await;
    let mut rest = Vec::new();
    tokio::time::timeout(Duration::from_secs(10), stream.read_to_end(&mut rest)).await.is_ok()
}

async fn works(client: &mut Client) {
    client.produce("orders", &[b"still here"]).await.unwrap();
}

fn framed(body: &[u8]) -> Vec<u8> {
    let mut frame = u32::try_from(body.len()).unwrap().to_be_bytes().to_vec();
    frame.extend_from_slice(body);
    frame
}

/// A splitmix64 sequence.
fn random(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut word = *state;
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

#[tokio::test]
async fn what_is_no_request_closes_its_connection_alone() {
    let cluster = Cluster::builder().topic("orders", 1).start().await.unwrap();
    let mut other = Client::tcp(&cluster.bootstrap_servers()).await;
    works(&mut other).await;
    for (name, bytes) in [
        ("a negative length", vec![0xff; 100]),
        ("a huge length", vec![0x7f; 100]),
        ("just over the limit", 104_857_601_u32.to_be_bytes().to_vec()),
        ("an empty frame", framed(&[])),
        ("a header cut short", framed(&[0, 18, 0, 0, 0])),
        ("a body cut short", framed(&[0, 3, 0, 9, 0, 0, 0, 1, 0, 0, 0, 200])),
        ("an unknown API", framed(&[0x7f, 0xff, 0, 0, 0, 0, 0, 1, 0xff, 0xff])),
        ("a negative API", framed(&[0xff, 0xff, 0, 0, 0, 0, 0, 1, 0xff, 0xff])),
        ("an unknown version", framed(&[0, 3, 0, 99, 0, 0, 0, 1, 0xff, 0xff, 0])),
        ("a negative version", framed(&[0, 3, 0xff, 0xff, 0, 0, 0, 1, 0xff, 0xff, 0])),
        ("a TLS greeting", vec![0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3]),
        ("an HTTP request", b"GET / HTTP/1.1\r\nHost: broker\r\n\r\n".to_vec()),
    ] {
        assert!(closes(&cluster, &bytes).await, "{name} is not closed");
        works(&mut other).await;
    }
}

#[tokio::test]
async fn random_bytes_harm_nobody() {
    let cluster = Cluster::builder().topic("orders", 1).start().await.unwrap();
    let mut other = Client::tcp(&cluster.bootstrap_servers()).await;
    let mut state = 11;
    for round in 0..300_u64 {
        let len = random(&mut state) % 300;
        let mut body: Vec<u8> = (0..len).map(|_| random(&mut state).to_le_bytes()[0]).collect();
        // Two of three get a header that is served, so that the bodies are read.
        if round % 3 != 0 && body.len() > 10 {
            let key = [0, 1, 2, 3, 10, 18, 19, 20, 21, 22, 23, 32, 33, 37, 44, 60];
            let at = usize::try_from(random(&mut state) % 16).unwrap();
            let version = (random(&mut state) % 14).to_le_bytes()[0];
            body.splice(..10, [0, key[at], 0, version, 0, 0, 0, 1, 0xff, 0xff]);
        }
        let mut stream = TcpStream::connect(cluster.bootstrap_servers()).await.unwrap();
        stream.write_all(&framed(&body)).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut rest = Vec::new();
        // An answer or none, but always an end.
        let _reset = stream.read_to_end(&mut rest).await;
    }
    works(&mut other).await;
}

#[tokio::test]
async fn an_unknown_version_of_api_versions_is_answered_in_the_oldest() {
    let cluster = Cluster::builder().start().await.unwrap();
    let mut client = Client::tcp(&cluster.bootstrap_servers()).await;
    let frame = framed(&[0, 18, 0, 99, 0, 0, 0, 1, 0xff, 0xff, 0]);
    client.stream.write_all(&frame).await.unwrap();
    let (id, response) = client.receive::<api_versions::Request>(0).await.unwrap();
    assert_eq!((id, response.error_code), (1, ErrorCode::UNSUPPORTED_VERSION));
    assert!(response.api_keys.iter().any(|row| row.api_key == 18));
    assert_eq!(client.metadata().await.error_code, ErrorCode::NONE, "the connection goes on");
}

#[tokio::test]
async fn promised_bytes_take_no_memory() {
    let cluster = Cluster::builder().topic("orders", 1).start().await.unwrap();
    let mut other = Client::tcp(&cluster.bootstrap_servers()).await;
    let before = resident_kib();
    let mut promises = Vec::new();
    for _ in 0..100 {
        let mut stream = TcpStream::connect(cluster.bootstrap_servers()).await.unwrap();
        stream.write_all(&100_000_000_u32.to_be_bytes()).await.unwrap();
        stream.write_all(&[0, 0, 0, 9]).await.unwrap();
        promises.push(stream);
    }
    works(&mut other).await;
    let grown = resident_kib().saturating_sub(before);
    assert!(grown < 64 * 1024, "{grown} KiB for 100 promises of 100 MB");
}

/// Memory of this process, broker and test.
fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_request_over_the_limit_is_refused() {
    let builder = Cluster::builder().topic("orders", 1).config("socket.request.max.bytes", "5000");
    let cluster = builder.start().await.unwrap();
    let mut client = Client::tcp(&cluster.bootstrap_servers()).await;
    client.produce("orders", &[&[1; 4000]]).await.unwrap();
    client.send(&produce_request("orders", 0, -1, &[&[1; 6000]]), 9).await.unwrap();
    assert!(client.receive::<metadata::Request>(9).await.is_err());
}

/// What a batch for a topic is answered with.
async fn refusal(client: &mut Client, topic: &str, batch: Vec<u8>) -> ErrorCode {
    let mut request = produce_request(topic, 0, -1, &[]);
    request.topic_data[0].partition_data[0].records = Some(Records::Bytes(batch.into()));
    let response = client.call(&request, 9).await.unwrap();
    response.responses[0].partition_responses[0].error_code
}

#[tokio::test]
async fn a_batch_with_a_wrong_checksum_is_refused() {
    let cluster = Cluster::builder().topic("orders", 1).start().await.unwrap();
    let mut client = Client::tcp(&cluster.bootstrap_servers()).await;
    let mut batch = common::batch(&[b"whole"]);
    *batch.last_mut().unwrap() ^= 1;
    assert_eq!(refusal(&mut client, "orders", batch).await, ErrorCode::CORRUPT_MESSAGE);
    works(&mut client).await;
    assert_eq!(client.end_offset("orders").await, 1);
}

#[tokio::test]
async fn a_decompression_bomb_is_refused() {
    let builder = Cluster::builder().config("log.cleanup.policy", "compact").topic("keyed", 1);
    let cluster = builder.start().await.unwrap();
    let mut client = Client::tcp(&cluster.bootstrap_servers()).await;
    let nothing = vec![0; 50 << 20];
    let mut builder = BatchBuilder::new(Vec::new());
    (0..3).for_each(|_| builder.append(1_700_000_000_000, Some(b"k"), Some(&nothing), &[]));
    let batch = builder.seal(Stamp::NONE, &mut Compressor::new(Compression::Zstd, None).unwrap());
    assert!(batch.len() < 1_000_000, "150 MB of nothing are {} bytes", batch.len());
    // A compacted topic looks for keys, and so into the batch: as far as the broker's memory may go, not Kafka's 2 GB.
    assert_eq!(refusal(&mut client, "keyed", batch).await, ErrorCode::CORRUPT_MESSAGE);
    assert_eq!(client.metadata().await.error_code, ErrorCode::NONE, "the connection goes on");
}

#[tokio::test]
async fn requests_that_never_end_hold_up_nobody() {
    let cluster = Cluster::builder().topic("orders", 1).start().await.unwrap();
    let mut other = Client::tcp(&cluster.bootstrap_servers()).await;
    let mut slow = Vec::new();
    for _ in 0..200 {
        let mut stream = TcpStream::connect(cluster.bootstrap_servers()).await.unwrap();
        stream.write_all(&[0, 0, 1, 0]).await.unwrap();
        slow.push(stream);
    }
    for byte in 0..20 {
        for stream in &mut slow {
            stream.write_all(&[byte]).await.unwrap();
        }
        works(&mut other).await;
    }
}

#[tokio::test]
async fn a_connection_without_a_whole_request_is_closed_in_time() {
    let builder = Cluster::builder().topic("orders", 1).config("connections.max.idle.ms", "200");
    let cluster = builder.start().await.unwrap();
    assert!(closes(&cluster, &[0, 0, 1]).await);
    assert!(closes(&cluster, &[]).await);
}

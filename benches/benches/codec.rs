//! What it costs to read and write the messages that every record travels in.

#![allow(clippy::unwrap_used, reason = "a benchmark that cannot be set up has nothing to measure")]

use bytes::Bytes;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use kafka_proto::frame::{decode_response, encode_request, encode_response};
use kafka_proto::messages::{fetch, metadata, produce};
use kafka_proto::records::Records;
use kafka_proto::uuid::Uuid;
use std::hint::black_box;

const PARTITIONS: i32 = 100;
const BATCH: usize = 16 << 10;

fn records() -> Option<Records> {
    Some(Records::Bytes(Bytes::from(vec![7; BATCH])))
}

/// A response as it comes off the socket, without its length prefix.
fn fetched(version: i16) -> Bytes {
    let partition = |partition_index| fetch::PartitionData {
        partition_index,
        high_watermark: 1_000_000,
        last_stable_offset: 1_000_000,
        log_start_offset: 0,
        aborted_transactions: None,
        records: records(),
        ..Default::default()
    };
    let topic = fetch::FetchableTopicResponse {
        topic: if version < 13 { "orders".into() } else { "".into() },
        topic_id: if version < 13 { Uuid::ZERO } else { Uuid([7; 16]) },
        partitions: (0..PARTITIONS).map(partition).collect(),
    };
    let response = fetch::Response { responses: vec![topic], ..Default::default() };
    let frame = encode_response::<fetch::Request>(&response, version, 1).unwrap();
    frame.into_bytes().slice(4..)
}

fn decode_fetch(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("decode Fetch response, 100 partitions of 16 KiB");
    group.throughput(Throughput::Elements(PARTITIONS.unsigned_abs().into()));
    for version in 12..=18 {
        let frame = fetched(version);
        group.bench_with_input(BenchmarkId::from_parameter(version), &frame, |bencher, frame| {
            bencher.iter(|| decode_response::<fetch::Request>(black_box(frame.clone()), version));
        });
    }
    group.finish();
}

fn encode_produce(criterion: &mut Criterion) {
    let partition = |index| produce::PartitionProduceData { index, records: records() };
    let topic = produce::TopicProduceData {
        topic_id: Uuid([7; 16]),
        partition_data: (0..PARTITIONS).map(partition).collect(),
        ..Default::default()
    };
    let request = produce::Request {
        acks: -1,
        timeout_ms: 30_000,
        topic_data: vec![topic],
        ..Default::default()
    };
    let client_id = "bench".into();
    let frame = encode_request(&request, 13, 1, Some(&client_id)).unwrap();
    assert!(frame.pieces().count() > 100, "batches join by reference");
    let mut group = criterion.benchmark_group("encode Produce request, 100 partitions of 16 KiB");
    group.throughput(Throughput::Elements(PARTITIONS.unsigned_abs().into()));
    group.bench_function("13", |bencher| {
        bencher.iter(|| encode_request(black_box(&request), 13, 1, Some(&client_id)));
    });
    group.finish();
}

fn decode_metadata(criterion: &mut Criterion) {
    let broker = |node_id| metadata::MetadataResponseBroker {
        node_id,
        host: format!("broker-{node_id}.example.com").into(),
        port: 9092,
        rack: Some("rack-a".into()),
    };
    let partition = |partition_index| metadata::MetadataResponsePartition {
        partition_index,
        leader_id: partition_index % 3,
        leader_epoch: 4,
        replica_nodes: vec![0, 1, 2],
        isr_nodes: vec![0, 1, 2],
        ..Default::default()
    };
    let topic = |index| metadata::MetadataResponseTopic {
        name: Some(format!("topic-{index}").into()),
        topic_id: Uuid::from_random(index),
        partitions: (0..12).map(partition).collect(),
        ..Default::default()
    };
    let response = metadata::Response {
        brokers: (0..3).map(broker).collect(),
        topics: (0..100).map(topic).collect(),
        ..Default::default()
    };
    let frame = encode_response::<metadata::Request>(&response, 13, 1).unwrap();
    let frame = frame.into_bytes().slice(4..);
    let mut group =
        criterion.benchmark_group("decode Metadata response, 100 topics of 12 partitions");
    group.throughput(Throughput::Elements(1200));
    group.bench_function("13", |bencher| {
        bencher.iter(|| decode_response::<metadata::Request>(black_box(frame.clone()), 13));
    });
    group.finish();
}

criterion_group!(codec, decode_fetch, encode_produce, decode_metadata);
criterion_main!(codec);

//! What it costs to read and write the messages that every record travels in.

#![allow(clippy::unwrap_used, reason = "a benchmark that cannot be set up has nothing to measure")]

use benches::cases::{PARTITIONS, answer, cluster, fetched, produced};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use kafka_proto::frame::{decode_response, encode_request};
use kafka_proto::messages::{fetch, metadata};
use std::hint::black_box;

fn decode_fetch(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("decode Fetch response, 100 partitions of 16 KiB");
    group.throughput(Throughput::Elements(PARTITIONS.unsigned_abs().into()));
    for version in 12..=18 {
        let frame = answer::<fetch::Request>(&fetched(version), version);
        group.bench_with_input(BenchmarkId::from_parameter(version), &frame, |bencher, frame| {
            bencher.iter(|| decode_response::<fetch::Request>(black_box(frame.clone()), version));
        });
    }
    group.finish();
}

fn encode_produce(criterion: &mut Criterion) {
    let request = produced();
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
    let frame = answer::<metadata::Request>(&cluster(), 13);
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

//! The time that both crates take for the same work, in pairs: `ours` and `theirs`.

use bytes::{Bytes, BytesMut};
use compare::overlap;
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use kafka_proto::api::Request;
use kafka_proto::frame;
use kafka_proto::messages::{fetch, metadata, produce};
use kafka_proto::records::{
    BatchBuilder, Batches, Compression, Compressor, Decompressor, Records, Stamp,
};
use kafka_proto::uuid::Uuid;
use kafka_protocol::messages::{
    FetchRequest, FetchResponse, MetadataResponse, ProduceRequest, ProduceResponse,
};
use kafka_protocol::protocol::{Decodable, Encodable};
use kafka_protocol::records::{
    Compression as TheirCompression, Record, RecordBatchDecoder, RecordBatchEncoder,
    RecordEncodeOptions, TimestampType,
};
use std::hint::black_box;
use std::time::Duration;

const PARTITIONS: i32 = 100;
const LIMIT: usize = 16 << 20;

fn newest<R: Request>() -> i16 {
    R::KEY.info().and_then(|api| overlap(&api)).expect("both know it").max
}

fn payload(len: usize) -> Option<Records> {
    Some(Records::Bytes(vec![7; len].into()))
}

/// Decoding and encoding of requests, on both sides.
fn request<R: Request, T: Decodable + Encodable>(criterion: &mut Criterion, what: &str, ours: &R) {
    let version = newest::<R>();
    let bytes = frame::encode_request(ours, version, 1, None).expect("fits").into_bytes();
    let (_, body) = frame::decode_request_header(&bytes.slice(4..)).expect("a header");
    let theirs = T::decode(&mut body.clone(), version).expect("theirs");
    let mut group = criterion.benchmark_group(format!("decode {what}"));
    group.bench_function("ours", |bencher| {
        bencher.iter(|| frame::decode_request::<R>(black_box(body.clone()), version));
    });
    group.bench_function("theirs", |bencher| {
        bencher.iter(|| T::decode(&mut black_box(body.clone()), version));
    });
    group.finish();
    let mut group = criterion.benchmark_group(format!("encode {what}"));
    group.bench_function("ours", |bencher| {
        bencher.iter(|| frame::encode_request(black_box(ours), version, 1, None));
    });
    group.bench_function("theirs", |bencher| {
        bencher.iter(|| {
            let mut to = BytesMut::with_capacity(256);
            black_box(&theirs).encode(&mut to, version).map(|()| to)
        });
    });
    group.finish();
}

/// Decoding and encoding of responses, on both sides.
fn response<R: Request, T: Decodable + Encodable>(
    criterion: &mut Criterion,
    what: &str,
    ours: &R::Response,
) {
    let version = newest::<R>();
    let bytes = frame::encode_response::<R>(ours, version, 1).expect("fits").into_bytes();
    let bytes = bytes.slice(4..);
    // Behind the correlation id, and the count of tagged fields.
    let body = bytes.slice(if R::is_flexible(version) { 5 } else { 4 }..);
    let theirs = T::decode(&mut body.clone(), version).expect("theirs");
    let mut group = criterion.benchmark_group(format!("decode {what}"));
    group.bench_function("ours", |bencher| {
        bencher.iter(|| frame::decode_response::<R>(black_box(bytes.clone()), version));
    });
    group.bench_function("theirs", |bencher| {
        bencher.iter(|| T::decode(&mut black_box(body.clone()), version));
    });
    group.finish();
    let mut group = criterion.benchmark_group(format!("encode {what}"));
    group.bench_function("ours", |bencher| {
        bencher.iter(|| frame::encode_response::<R>(black_box(ours), version, 1));
    });
    group.bench_function("theirs", |bencher| {
        bencher.iter(|| {
            let mut to = BytesMut::with_capacity(256);
            black_box(&theirs).encode(&mut to, version).map(|()| to)
        });
    });
    group.finish();
}

fn messages(criterion: &mut Criterion) {
    for (name, len) in [("1 KiB", 1 << 10), ("16 KiB", 16 << 10)] {
        let partition = |index| produce::PartitionProduceData { index, records: payload(len) };
        let topic = produce::TopicProduceData {
            topic_id: Uuid([7; 16]),
            partition_data: (0..PARTITIONS).map(partition).collect(),
            ..Default::default()
        };
        let produce = produce::Request { acks: -1, topic_data: vec![topic], ..Default::default() };
        let what = format!("Produce request, {name}");
        request::<_, ProduceRequest>(criterion, &what, &produce);

        let partition = |partition_index| fetch::PartitionData {
            partition_index,
            high_watermark: 1_000_000,
            aborted_transactions: None,
            records: payload(len),
            ..Default::default()
        };
        let topic = fetch::FetchableTopicResponse {
            topic_id: Uuid([7; 16]),
            partitions: (0..PARTITIONS).map(partition).collect(),
            ..Default::default()
        };
        let fetched = fetch::Response { responses: vec![topic], ..Default::default() };
        let what = format!("Fetch response, {name}");
        response::<fetch::Request, FetchResponse>(criterion, &what, &fetched);
    }
    let partition = |partition| fetch::FetchPartition {
        partition,
        fetch_offset: 1_000_000,
        partition_max_bytes: 1 << 20,
        ..Default::default()
    };
    let topic = fetch::FetchTopic {
        topic_id: Uuid([7; 16]),
        partitions: (0..PARTITIONS).map(partition).collect(),
        ..Default::default()
    };
    let fetch = fetch::Request { topics: vec![topic], ..Default::default() };
    request::<_, FetchRequest>(criterion, "Fetch request", &fetch);

    let partition = |index| produce::PartitionProduceResponse { index, ..Default::default() };
    let topic = produce::TopicProduceResponse {
        topic_id: Uuid([7; 16]),
        partition_responses: (0..PARTITIONS).map(partition).collect(),
        ..Default::default()
    };
    let produced = produce::Response { responses: vec![topic], ..Default::default() };
    response::<produce::Request, ProduceResponse>(criterion, "Produce response", &produced);
    response::<metadata::Request, MetadataResponse>(criterion, "Metadata response", &cluster());
}

fn cluster() -> metadata::Response {
    let broker = |node_id| metadata::MetadataResponseBroker {
        node_id,
        host: format!("broker-{node_id}.example.com").into(),
        port: 9092,
        ..Default::default()
    };
    let partition = |partition_index| metadata::MetadataResponsePartition {
        partition_index,
        replica_nodes: vec![0, 1, 2],
        isr_nodes: vec![0, 1, 2],
        ..Default::default()
    };
    let topic = |index| metadata::MetadataResponseTopic {
        name: Some(format!("topic-{index}").into()),
        topic_id: Uuid::from_random(index),
        partitions: (0..PARTITIONS / 10).map(partition).collect(),
        ..Default::default()
    };
    metadata::Response {
        brokers: (0..3).map(broker).collect(),
        topics: (0..10).map(topic).collect(),
        ..Default::default()
    }
}

/// Half noise, half words.
fn values(len: usize, count: usize) -> Vec<Bytes> {
    let mut state = 0x1234_5678_9abc_def1_u64;
    let mut value = || {
        let mut value = Vec::with_capacity(len + 16);
        while value.len() < len {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            value.extend_from_slice(&state.to_le_bytes());
            value.extend_from_slice(b"order=42");
        }
        value.truncate(len);
        value.into()
    };
    (0..count).map(|_| value()).collect()
}

fn their_record(at: usize, value: &Bytes) -> Record {
    Record {
        transactional: false,
        control: false,
        delete_horizon: false,
        partition_leader_epoch: -1,
        producer_id: -1,
        producer_epoch: -1,
        timestamp_type: TimestampType::Creation,
        offset: at as i64,
        sequence: at as i32 - 1,
        timestamp: 1_700_000_000_000 + at as i64,
        key: None,
        value: Some(value.clone()),
        headers: Default::default(),
    }
}

fn fill(builder: &mut BatchBuilder, values: &[Bytes]) {
    for (timestamp, value) in (1_700_000_000_000..).zip(values) {
        builder.append(timestamp, None, Some(value), &[]);
    }
}

fn records(criterion: &mut Criterion) {
    for (name, len, count) in [("10,000 x 100 B", 100, 10_000), ("100 x 1 KiB", 1024, 100)] {
        let values = values(len, count);
        let theirs: Vec<_> = values.iter().enumerate().map(|(at, v)| their_record(at, v)).collect();
        let options = RecordEncodeOptions { version: 2, compression: TheirCompression::None };
        let mut group = criterion.benchmark_group(format!("build a batch, {name}"));
        let mut compressor = Compressor::new(Compression::None, None).expect("nothing to make");
        let mut buffer = Vec::new();
        group.bench_function("ours", |bencher| {
            bencher.iter(|| {
                let mut builder = BatchBuilder::new(std::mem::take(&mut buffer));
                fill(&mut builder, &values);
                buffer = builder.seal(Stamp::NONE, &mut compressor);
            });
        });
        let mut to = BytesMut::new();
        group.bench_function("theirs", |bencher| {
            bencher.iter(|| {
                to.clear();
                RecordBatchEncoder::encode(&mut to, black_box(&theirs), &options).expect("encodes");
            });
        });
        group.finish();

        let mut builder = BatchBuilder::new(Vec::new());
        fill(&mut builder, &values);
        let batch = Bytes::from(builder.seal(Stamp::NONE, &mut compressor));
        let mut decompressor = Decompressor::new();
        let mut group = criterion.benchmark_group(format!("visit a batch, {name}"));
        group.bench_function("ours", |bencher| {
            bencher.iter(|| {
                let batch = Batches::new(black_box(batch.clone())).next().expect("one");
                let batch = batch.expect("a good one");
                batch.verify_crc().expect("a good checksum");
                let open = batch.open(&mut decompressor, LIMIT).expect("records");
                for record in &open {
                    black_box((record.key(), record.value()));
                }
            });
        });
        group.bench_function("theirs", |bencher| {
            bencher.iter(|| {
                let set = RecordBatchDecoder::decode(&mut black_box(batch.clone())).expect("one");
                for record in &set.records {
                    black_box((&record.key, &record.value));
                }
            });
        });
        group.finish();
    }
}

/// Beside C's block functions, which write no frame and no checksum.
fn lz4(criterion: &mut Criterion) {
    for (name, count) in [("16 KiB", 150), ("1 MiB", 10_000)] {
        let values = values(100, count);
        let mut builder = BatchBuilder::new(Vec::new());
        fill(&mut builder, &values);
        let mut plain = Compressor::new(Compression::None, None).expect("nothing to make");
        let records = builder.seal(Stamp::NONE, &mut plain).split_off(61);
        let mut compressor = Compressor::new(Compression::Lz4, None).expect("in this build");
        let mut group = criterion.benchmark_group(format!("lz4 compress {name}"));
        group.bench_function("ours", |bencher| {
            let filled = || {
                let mut builder = BatchBuilder::new(Vec::new());
                fill(&mut builder, &values);
                builder
            };
            let seal = |builder: BatchBuilder| builder.seal(Stamp::NONE, &mut compressor);
            bencher.iter_batched(filled, seal, BatchSize::LargeInput);
        });
        let mut to = vec![0; lz4::block::compress_bound(records.len()).expect("small")];
        group.bench_function("theirs", |bencher| {
            bencher.iter(|| lz4::block::compress_to_buffer(&records, None, false, &mut to));
        });
        group.finish();

        let mut builder = BatchBuilder::new(Vec::new());
        fill(&mut builder, &values);
        let ours = builder.seal(Stamp::NONE, &mut compressor).split_off(61);
        let block = lz4::block::compress(&records, None, false).expect("compresses");
        let mut decompressor = Decompressor::new();
        let mut group = criterion.benchmark_group(format!("lz4 decompress {name}"));
        group.bench_function("ours", |bencher| {
            bencher.iter(|| decompressor.decompress(Compression::Lz4, black_box(&ours), LIMIT));
        });
        let mut to = vec![0; records.len()];
        group.bench_function("theirs", |bencher| {
            let len = i32::try_from(records.len()).expect("small");
            bencher
                .iter(|| lz4::block::decompress_to_buffer(black_box(&block), Some(len), &mut to));
        });
        group.finish();
    }
}

criterion_group! {
    name = compare;
    config = Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .sample_size(20);
    targets = messages, records, lz4
}
criterion_main!(compare);

//! What instructions are counted of: the messages that every record travels in, and batches. The benchmarks that take
//! the time of the same use the same messages.

use bytes::Bytes;
use kafka_proto::api::Request;
use kafka_proto::frame::{
    decode_request, decode_request_header, decode_response, encode_request, encode_response,
};
use kafka_proto::messages::{fetch, metadata, produce};
use kafka_proto::records::{
    BatchBuilder, Batches, Compression, Compressor, Decompressor, Records, Stamp,
};
use kafka_proto::uuid::Uuid;
use std::hint::black_box;

/// Partitions in a message.
pub const PARTITIONS: i32 = 100;
const BATCH: usize = 16 << 10;
const LIMIT: usize = 16 << 20;

/// A piece of work, to be repeated.
pub struct Case {
    /// What it does.
    pub name: &'static str,
    /// Does it once.
    pub run: Box<dyn FnMut()>,
}

impl std::fmt::Debug for Case {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Case").field(&self.name).finish()
    }
}

impl Case {
    fn new(name: &'static str, run: impl FnMut() + 'static) -> Self {
        Self { name, run: Box::new(run) }
    }
}

fn records() -> Option<Records> {
    Some(Records::Bytes(Bytes::from(vec![7; BATCH])))
}

/// A batch of 16 KiB for each of 100 partitions.
#[must_use]
pub fn produced() -> produce::Request {
    let partition = |index| produce::PartitionProduceData { index, records: records() };
    let topic = produce::TopicProduceData {
        topic_id: Uuid([7; 16]),
        partition_data: (0..PARTITIONS).map(partition).collect(),
        ..Default::default()
    };
    produce::Request { acks: -1, timeout_ms: 30_000, topic_data: vec![topic], ..Default::default() }
}

/// A batch of 16 KiB of each of 100 partitions.
#[must_use]
pub fn fetched(version: i16) -> fetch::Response {
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
    fetch::Response { responses: vec![topic], ..Default::default() }
}

/// 100 topics of 12 partitions on three brokers.
#[must_use]
pub fn cluster() -> metadata::Response {
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
    metadata::Response {
        brokers: (0..3).map(broker).collect(),
        topics: (0..100).map(topic).collect(),
        ..Default::default()
    }
}

/// A response as it comes off the socket, without its length prefix.
#[must_use]
#[expect(clippy::expect_used, reason = "what cannot be written has nothing to count")]
pub fn answer<R: Request>(response: &R::Response, version: i16) -> Bytes {
    encode_response::<R>(response, version, 1).expect("fits").into_bytes().slice(4..)
}

/// Half noise, half words: what lz4 brings to about half its size.
#[must_use]
pub fn noise(len: usize) -> Vec<u8> {
    let mut state = 0x1234_5678_9abc_def1_u64;
    let mut noise = Vec::with_capacity(len + 16);
    while noise.len() < len {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        noise.extend_from_slice(&state.to_le_bytes());
        noise.extend_from_slice(b"order=42");
    }
    noise.truncate(len);
    noise
}

/// Appends `values`, a record each.
pub fn fill<'a>(builder: &mut BatchBuilder, values: impl Iterator<Item = &'a [u8]>) {
    for (timestamp, value) in (1_700_000_000_000..).zip(values) {
        builder.append(timestamp, None, Some(value), &[]);
    }
}

/// A batch as it is read: its checksum, its records, each key and value.
#[expect(clippy::expect_used, reason = "a batch that does not open has nothing to count")]
pub fn visit(batch: Bytes, decompressor: &mut Decompressor) {
    let batch = Batches::new(batch).next().expect("a batch").expect("a good one");
    batch.verify_crc().expect("a good checksum");
    let open = batch.open(decompressor, LIMIT).expect("records");
    for record in &open {
        black_box((record.key(), record.value()));
    }
}

#[expect(clippy::expect_used, reason = "what cannot be written or read has nothing to count")]
fn messages(cases: &mut Vec<Case>) {
    const PRODUCE: i16 = 13;
    const FETCH: i16 = 18;
    const METADATA: i16 = 13;
    let request = produced();
    let frame = encode_request(&request, PRODUCE, 1, None).expect("fits").into_bytes().slice(4..);
    let (_, body) = decode_request_header(&frame).expect("a header");
    cases.push(Case::new("encode Produce request", move || {
        black_box(encode_request(black_box(&request), PRODUCE, 1, None)).expect("fits");
    }));
    cases.push(Case::new("decode Produce request", move || {
        black_box(decode_request::<produce::Request>(body.clone(), PRODUCE)).expect("reads");
    }));
    let response = fetched(FETCH);
    let frame = answer::<fetch::Request>(&response, FETCH);
    cases.push(Case::new("encode Fetch response", move || {
        black_box(encode_response::<fetch::Request>(black_box(&response), FETCH, 1)).expect("fits");
    }));
    cases.push(Case::new("decode Fetch response", move || {
        black_box(decode_response::<fetch::Request>(frame.clone(), FETCH)).expect("reads");
    }));
    let response = cluster();
    let frame = answer::<metadata::Request>(&response, METADATA);
    cases.push(Case::new("encode Metadata response", move || {
        let written = encode_response::<metadata::Request>(black_box(&response), METADATA, 1);
        black_box(written).expect("fits");
    }));
    cases.push(Case::new("decode Metadata response", move || {
        black_box(decode_response::<metadata::Request>(frame.clone(), METADATA)).expect("reads");
    }));
}

#[expect(clippy::expect_used, reason = "every codec is in this build")]
fn batches(cases: &mut Vec<Case>) {
    for (build, read, compression) in [
        ("build a batch", "read a batch", Compression::None),
        ("build a batch, lz4", "read a batch, lz4", Compression::Lz4),
        ("build a batch, zstd", "read a batch, zstd", Compression::Zstd),
    ] {
        let values = noise(100 * 2500);
        let mut compressor = Compressor::new(compression, None).expect("a codec of this build");
        let mut buffer = Vec::new();
        let mut seal = move || {
            let mut builder = BatchBuilder::new(std::mem::take(&mut buffer));
            fill(&mut builder, values.chunks_exact(100));
            buffer = builder.seal(Stamp::NONE, &mut compressor);
            buffer.clone()
        };
        let batch = Bytes::from(seal());
        cases.push(Case::new(build, move || {
            black_box(seal());
        }));
        let mut decompressor = Decompressor::new();
        cases.push(Case::new(read, move || visit(black_box(batch.clone()), &mut decompressor)));
    }
}

/// All of them.
#[must_use]
pub fn all() -> Vec<Case> {
    let mut cases = Vec::new();
    messages(&mut cases);
    batches(&mut cases);
    cases
}

//! Record batches: appending and sealing, opening and reading, with every codec. Times are per batch; the throughput
//! is that of records.

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use kafka_proto::bytes::Bytes;
use kafka_proto::records::{BatchBuilder, Batches, Compression, Compressor, Decompressor, Stamp};
use std::hint::black_box;

const LIMIT: usize = 16 << 20;

/// Half noise, half words: what lz4 brings to about half its size.
struct Payloads {
    name: &'static str,
    len: usize,
    pool: Vec<u8>,
    count: usize,
}

impl Payloads {
    fn new(name: &'static str, len: usize, count: usize) -> Self {
        let mut state = 0x1234_5678_9abc_def1_u64;
        let mut pool = Vec::with_capacity(len * count);
        while pool.len() < len * count {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            pool.extend_from_slice(&state.to_le_bytes());
            pool.extend_from_slice(b"order=42");
        }
        Self { name, len, pool, count }
    }

    fn records(&self) -> impl Iterator<Item = &[u8]> {
        self.pool.chunks_exact(self.len).take(self.count)
    }

    fn fill(&self, builder: &mut BatchBuilder) {
        for (timestamp, value) in (1_700_000_000_000..).zip(self.records()) {
            builder.append(timestamp, None, Some(value), &[]);
        }
    }

    fn sealed(&self, compression: Compression) -> Vec<u8> {
        let mut builder = BatchBuilder::new(Vec::new());
        self.fill(&mut builder);
        builder.seal(Stamp::NONE, &mut compressor(compression))
    }
}

#[expect(clippy::expect_used, reason = "every codec is in this build")]
fn compressor(compression: Compression) -> Compressor {
    Compressor::new(compression, None).expect("a codec of this build")
}

fn all_payloads() -> [Payloads; 2] {
    [Payloads::new("100B", 100, 2_500), Payloads::new("1KiB", 1_024, 100)]
}

fn write(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("append and seal");
    for payloads in all_payloads() {
        group.throughput(Throughput::Elements(payloads.count as u64));
        for compression in Compression::ALL {
            let mut compressor = compressor(compression);
            let mut buffer = Vec::new();
            group.bench_function(format!("{compression}/{}", payloads.name), |bencher| {
                bencher.iter(|| {
                    let mut builder = BatchBuilder::new(std::mem::take(&mut buffer));
                    payloads.fill(&mut builder);
                    buffer = builder.seal(Stamp::NONE, &mut compressor);
                });
            });
        }
    }
    group.finish();
}

#[expect(clippy::expect_used, reason = "a batch that does not open has no time to measure")]
fn read(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("open and read");
    for payloads in all_payloads() {
        group.throughput(Throughput::Elements(payloads.count as u64));
        for compression in Compression::ALL {
            let mut decompressor = Decompressor::new();
            let bytes = Bytes::from(payloads.sealed(compression));
            group.bench_function(format!("{compression}/{}", payloads.name), |bencher| {
                let read = |bytes: Bytes| {
                    let batch = Batches::new(bytes).next().expect("a batch").expect("a good one");
                    batch.verify_crc().expect("a good checksum");
                    let open = batch.open(&mut decompressor, LIMIT).expect("records");
                    for record in &open {
                        black_box((record.key(), record.value()));
                    }
                };
                bencher.iter_batched(|| bytes.clone(), read, BatchSize::SmallInput);
            });
        }
    }
    group.finish();
}

criterion_group!(benches, write, read);
criterion_main!(benches);

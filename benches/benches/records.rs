//! Record batches: appending and sealing, opening and reading, with every codec. Times are per batch; the throughput
//! is that of records.

use benches::cases::{fill, noise, visit};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use kafka_proto::bytes::Bytes;
use kafka_proto::records::{BatchBuilder, Compression, Compressor, Decompressor, Stamp};

struct Payloads {
    name: &'static str,
    len: usize,
    pool: Vec<u8>,
    count: usize,
}

impl Payloads {
    fn new(name: &'static str, len: usize, count: usize) -> Self {
        Self { name, len, pool: noise(len * count), count }
    }

    fn fill(&self, builder: &mut BatchBuilder) {
        fill(builder, self.pool.chunks_exact(self.len));
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

fn read(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("open and read");
    for payloads in all_payloads() {
        group.throughput(Throughput::Elements(payloads.count as u64));
        for compression in Compression::ALL {
            let mut decompressor = Decompressor::new();
            let bytes = Bytes::from(payloads.sealed(compression));
            group.bench_function(format!("{compression}/{}", payloads.name), |bencher| {
                let read = |bytes| visit(bytes, &mut decompressor);
                bencher.iter_batched(|| bytes.clone(), read, BatchSize::SmallInput);
            });
        }
    }
    group.finish();
}

criterion_group!(benches, write, read);
criterion_main!(benches);

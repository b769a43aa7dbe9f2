//! Batches that someone made up or changed: no panic, memory within the limit, and bombs given up early.

#![cfg(all(feature = "gzip", feature = "snappy", feature = "lz4", feature = "zstd"))]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "in tests a panic is how a check fails"
)]

use allocation_counter::measure;
use kafka_proto::bytes::Bytes;
use kafka_proto::records::{
    BatchBuilder, BatchHeader, Batches, Compression, Compressor, Decompressor, HEADER_LEN,
    RecordError, RecordErrorKind, Stamp,
};
use kafka_proto::wire::sample::Rng;

const LIMIT: usize = 1 << 20;

/// What codecs take for themselves, once.
const CONTEXTS: u64 = 1 << 20;

/// Reads everything there is to read; returns how many records there were.
fn read(bytes: Bytes, limit: usize) -> Result<usize, RecordError> {
    let mut decompressor = Decompressor::new();
    let mut count = 0;
    for batch in Batches::new(bytes) {
        let batch = batch?;
        let _ = batch.verify_crc();
        let open = batch.open(&mut decompressor, limit)?;
        assert_eq!(open.records().count(), open.count());
        for record in &open {
            let headers = record.headers();
            assert_eq!(headers.clone().count(), headers.len());
            let parts = record.key().map_or(0, <[u8]>::len) + record.value().map_or(0, <[u8]>::len);
            assert!(parts <= record.size());
            count += 1;
        }
    }
    Ok(count)
}

/// Reads with a bound on memory: the output, once more while it grows, and the contexts.
fn read_within(bytes: &[u8], limit: usize) -> Result<usize, RecordError> {
    let shared = Bytes::copy_from_slice(bytes);
    let mut result = Ok(0);
    let memory = measure(|| result = read(shared, limit));
    let most = 3 * limit as u64 + CONTEXTS;
    assert!(memory.bytes_max <= most, "{} bytes of memory, over {most}", memory.bytes_max);
    result
}

fn batch(compression: Compression, rng: &mut Rng) -> Vec<u8> {
    let mut builder = BatchBuilder::new(Vec::new());
    for _ in 0..=rng.below(30) {
        let (noise, len) = (rng.bytes(20), rng.below(80));
        let value: Vec<_> = noise.iter().copied().cycle().take(len).collect();
        builder.append(
            i64::from(rng.next_u64().to_le_bytes()[0]),
            Some(&noise),
            Some(&value),
            &[("h", Some(b"i"))],
        );
    }
    builder.seal(Stamp::NONE, &mut Compressor::new(compression, None).unwrap())
}

/// The batch with `body` for its records, all else as it should be.
fn with_body(compression: Compression, count: i32, body: &[u8]) -> Vec<u8> {
    let header = BatchHeader {
        base_offset: 0,
        length: 0,
        partition_leader_epoch: -1,
        magic: 2,
        crc: 0,
        attributes: compression as i16,
        last_offset_delta: 0,
        base_timestamp: 0,
        max_timestamp: 0,
        producer_id: -1,
        producer_epoch: -1,
        base_sequence: -1,
        count,
    };
    let mut batch = [&[0; HEADER_LEN], body].concat();
    header.write(&mut batch);
    batch
}

#[test]
fn random_bytes_are_survived() {
    let mut rng = Rng::new(1);
    for _ in 0..300 {
        let len = rng.below(300);
        let noise = rng.bytes(len);
        let _ = read_within(&noise, LIMIT);
        for compression in Compression::ALL {
            let count = i32::try_from(1 + rng.below(4)).unwrap();
            let _ = read_within(&with_body(compression, count, &noise), LIMIT);
        }
    }
}

#[test]
fn changed_batches_are_survived() {
    let mut refused = 0;
    for compression in Compression::ALL {
        let mut rng = Rng::new(2);
        for _ in 0..400 {
            let mut bytes = batch(compression, &mut rng);
            for _ in 0..=rng.below(3) {
                let at = HEADER_LEN + rng.below(bytes.len() - HEADER_LEN);
                match rng.below(4) {
                    0 => bytes[at] = 0xff,
                    1 => bytes[at] ^= 1 << rng.below(8),
                    2 => bytes.truncate(at.max(HEADER_LEN + 1)),
                    _ => {
                        let more = rng.below(9);
                        bytes.splice(at..at, rng.bytes(more));
                    }
                }
            }
            let header = BatchHeader::parse(&bytes).unwrap();
            header.write(&mut bytes);
            refused += usize::from(read_within(&bytes, LIMIT).is_err());
        }
    }
    assert!((800..2000).contains(&refused), "{refused} of 2000 were refused");
}

#[test]
fn changed_headers_are_survived() {
    let mut rng = Rng::new(3);
    for round in 0..2000 {
        let compression = Compression::ALL[round % 5];
        let mut bytes = batch(compression, &mut rng);
        let at = rng.below(HEADER_LEN);
        bytes[at] = rng.next_u64().to_le_bytes()[0];
        let _ = read_within(&bytes, LIMIT);
    }
}

#[test]
fn negative_and_excessive_numbers_are_refused() {
    // length, attributes, timestamp delta, offset delta, key, value, headers
    let good = [12, 0, 0, 0, 1, 1, 0];
    assert_eq!(read(with_body(Compression::None, 1, &good).into(), 0), Ok(1));
    for (at, bad) in [(0, 11), (0, 13), (0, 14), (4, 3), (4, 4), (5, 3), (5, 4), (6, 1), (6, 2)] {
        let mut body = good;
        body[at] = bad;
        let error = read(with_body(Compression::None, 1, &body).into(), 0).unwrap_err();
        assert!(matches!(error.kind(), RecordErrorKind::Corrupt(_)), "{at} {bad}: {error}");
        assert!(error.offset() <= 7);
    }
    for count in [-1, i32::MIN, 2, 1000, i32::MAX] {
        let error = read(with_body(Compression::None, count, &good).into(), 0).unwrap_err();
        assert_eq!(error.offset(), 57, "{error}");
    }
    let long = [0xfe, 0xff, 0xff, 0xff, 0x0f, 0, 0, 0, 1, 1, 0];
    assert!(read(with_body(Compression::None, 1, &long).into(), 0).is_err());
}

#[test]
fn bombs_are_given_up_early() {
    let zeros = vec![0; 16 << 20];
    for compression in &Compression::ALL[1..] {
        let mut builder = BatchBuilder::new(Vec::new());
        builder.append(0, None, Some(&zeros), &[]);
        let mut compressor = Compressor::new(*compression, None).unwrap();
        let bomb = builder.seal(Stamp::NONE, &mut compressor);
        assert!(bomb.len() < 1 << 20, "{compression}: {} bytes", bomb.len());
        let error = read_within(&bomb, LIMIT).unwrap_err();
        assert_eq!(*error.kind(), RecordErrorKind::TooLarge { limit: LIMIT }, "{compression}");
        assert_eq!(read(bomb.into(), 64 << 20), Ok(1), "{compression}");
    }
}

#[test]
fn zstd_frames_that_say_nothing_of_their_size_are_bounded_by_their_blocks() {
    // A window of 128 MiB, no size, and 1000 blocks that each repeat a byte 128 KiB times.
    let mut bomb = vec![0x28, 0xb5, 0x2f, 0xfd, 0, 17 << 3];
    for index in 0..1000 {
        let header = (128_u32 << 10) << 3 | 1 << 1 | u32::from(index == 999);
        bomb.extend(&header.to_le_bytes()[..3]);
        bomb.push(7);
    }
    let error = read_within(&with_body(Compression::Zstd, 1, &bomb), LIMIT).unwrap_err();
    assert_eq!(*error.kind(), RecordErrorKind::TooLarge { limit: LIMIT });

    // The same window around a single small block costs nothing of its size.
    let small = [0x28, 0xb5, 0x2f, 0xfd, 0, 17 << 3, 57, 0, 0, 12, 0, 0, 0, 1, 1, 0];
    assert_eq!(read_within(&with_body(Compression::Zstd, 1, &small), LIMIT), Ok(1));
}

#[test]
fn reading_allocates_once_a_batch_when_warm() {
    for compression in Compression::ALL {
        let bytes = Bytes::from(batch(compression, &mut Rng::new(4)));
        let mut decompressor = Decompressor::new();
        let mut pass = || {
            let batch = Batches::new(bytes.clone()).next().unwrap().unwrap();
            batch.verify_crc().unwrap();
            let open = batch.open(&mut decompressor, LIMIT).unwrap();
            open.records().filter(|record| record.value().is_some()).count()
        };
        assert!(pass() > 0);
        let memory = measure(|| assert!(pass() > 0));
        assert!(memory.count_total <= 3, "{compression}: {} allocations", memory.count_total);
    }
}

#[test]
fn writing_allocates_nothing_when_warm() {
    for compression in Compression::ALL {
        let mut compressor = Compressor::new(compression, None).unwrap();
        let mut pass = |buffer| {
            let mut builder = BatchBuilder::new(buffer);
            for at in 0..200 {
                builder.append(
                    at,
                    Some(b"a key"),
                    Some(b"a value that says little"),
                    &[("h", None)],
                );
            }
            builder.seal(Stamp::NONE, &mut compressor)
        };
        let mut buffer = pass(Vec::new());
        buffer = pass(buffer);
        let memory = measure(|| buffer = pass(std::mem::take(&mut buffer)));
        assert!(memory.count_total <= 2, "{compression}: {} allocations", memory.count_total);
    }
}

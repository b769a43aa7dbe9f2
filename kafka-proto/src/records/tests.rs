//! Stories of batches written, placed in a log and read.

use super::*;
use crate::wire::sample::Rng;
use bytes::Bytes;
use std::io::Write;

/// A record as it goes in, with everything of its own.
#[derive(Clone, Debug, PartialEq)]
struct Owned {
    timestamp: i64,
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    headers: Vec<(String, Option<Vec<u8>>)>,
}

impl Owned {
    fn random(rng: &mut Rng) -> Self {
        Self {
            timestamp: 1_700_000_000_000 + (rng.next_u64() >> rng.below(64)).cast_signed() % 10_000,
            key: some_bytes(rng),
            value: some_bytes(rng),
            headers: (0..rng.below(4) * rng.below(2))
                .map(|_| ("é".repeat(rng.below(70)), some_bytes(rng)))
                .collect(),
        }
    }

    fn append_to(&self, builder: &mut BatchBuilder) {
        let headers: Vec<_> =
            self.headers.iter().map(|(key, value)| (key.as_str(), value.as_deref())).collect();
        let (key, value) = (self.key.as_deref(), self.value.as_deref());
        let lens = (key.map_or(0, <[u8]>::len), value.map_or(0, <[u8]>::len));
        let most = builder.len_bytes() + BatchBuilder::record_size(lens.0, lens.1, &headers);
        builder.append(self.timestamp, key, value, &headers);
        assert!((builder.len_bytes()..builder.len_bytes() + 100).contains(&most));
    }

    fn read(record: Record<'_>) -> Self {
        Self {
            timestamp: record.timestamp(),
            key: record.key().map(<[u8]>::to_vec),
            value: record.value().map(<[u8]>::to_vec),
            headers: record
                .headers()
                .map(|header| (header.key().into_owned(), header.value().map(<[u8]>::to_vec)))
                .collect(),
        }
    }
}

/// Null, empty, noise or text, of lengths around those where a varint grows.
fn some_bytes(rng: &mut Rng) -> Option<Vec<u8>> {
    let len = [0, 1, 63, 64, 100, 8191, 8192, 70_000][rng.below(rng.clone().below(8) + 1)];
    match rng.below(4) {
        0 => None,
        1 => Some(rng.bytes(len)),
        _ => Some(b"the same again and ".iter().copied().cycle().take(len).collect()),
    }
}

fn one(batch: Vec<u8>) -> Batch {
    let mut batches = Batches::new(batch.into());
    let batch = batches.next().unwrap().unwrap();
    assert!(batches.next().is_none());
    batch
}

fn open(batch: &Batch) -> OpenBatch {
    batch.verify_crc().unwrap();
    batch.open(&mut Decompressor::new(), 64 << 20).unwrap()
}

/// One batch with a record for every timestamp.
fn small(timestamps: &[i64]) -> Vec<u8> {
    let mut builder = BatchBuilder::new(Vec::new());
    for &timestamp in timestamps {
        builder.append(timestamp, None, Some(b"v"), &[]);
    }
    builder.seal(Stamp::NONE, &mut Compressor::none())
}

#[test]
fn what_is_appended_is_read() {
    for compression in Compression::ALL {
        let mut compressor = Compressor::new(compression, None).unwrap();
        let mut decompressor = Decompressor::new();
        let mut buffer = Vec::new();
        for seed in 0..25 {
            let mut rng = Rng::new(seed);
            let records: Vec<_> = (0..=rng.below(40)).map(|_| Owned::random(&mut rng)).collect();
            let mut builder = BatchBuilder::new(buffer);
            records.iter().for_each(|record| record.append_to(&mut builder));
            let (count, max) = (builder.count(), builder.max_timestamp());
            let sealed = builder.seal(Stamp::NONE, &mut compressor);

            let batch = one(sealed.clone());
            batch.verify_crc().unwrap();
            let header = batch.header();
            assert_eq!(header.compression(), Ok(compression));
            assert_eq!((header.count, header.last_offset()), (count, i64::from(count) - 1));
            assert_eq!(Some(max), records.iter().map(|record| record.timestamp).max());
            assert_eq!((header.max_timestamp, header.base_timestamp), (max, records[0].timestamp));
            let open = batch.open(&mut decompressor, 64 << 20).unwrap();
            let read: Vec<_> = open.records().map(Owned::read).collect();
            assert_eq!(read, records, "{compression}, seed {seed}");
            assert_eq!(open.records().map(|r| r.size()).sum::<usize>(), open.bytes().len());
            assert!((0..i64::from(count)).eq(open.records().map(|record| record.offset())));
            for record in &open {
                let range = record.value_range();
                assert_eq!(range.map(|range| &open.bytes()[range]), record.value());
                assert_eq!(record.key_range().map(|range| &open.bytes()[range]), record.key());
                for header in record.headers() {
                    assert_eq!(&open.bytes()[header.key_range()], header.key_bytes());
                    let range = header.value_range();
                    assert_eq!(range.map(|range| &open.bytes()[range]), header.value());
                }
            }
            buffer = sealed;
        }
    }
}

#[test]
fn offsets_count_from_the_base_and_may_leave_gaps() {
    let mut builder = BatchBuilder::new(Vec::new());
    builder.append_at(2, 10, None, None, &[]);
    builder.append(9, None, None, &[]);
    builder.append_at(7, 11, None, None, &[]);
    builder.set_last_offset_delta(9);
    let mut batch = builder.seal(Stamp::NONE, &mut Compressor::none());
    set_base_offset(&mut batch, 100);
    set_partition_leader_epoch(&mut batch, 5);
    let batch = one(batch);
    let offsets: Vec<_> = open(&batch).records().map(|record| record.offset()).collect();
    assert_eq!(offsets, [102, 103, 107]);
    assert_eq!((batch.header().last_offset(), batch.header().partition_leader_epoch), (109, 5));
}

#[test]
fn the_time_of_the_append_takes_the_place_of_all_others() {
    let mut batch = small(&[5, 6]);
    set_log_append_time(&mut batch, 77);
    let batch = one(batch);
    assert_eq!(batch.header().timestamp_type(), TimestampType::LogAppendTime);
    assert!(open(&batch).records().all(|record| record.timestamp() == 77));
}

#[test]
fn a_delete_horizon_is_the_base_of_the_timestamps() {
    let mut builder = BatchBuilder::new(Vec::new());
    builder.set_delete_horizon(1000);
    builder.append(400, None, None, &[]);
    let batch = one(builder.seal(Stamp::NONE, &mut Compressor::none()));
    assert_eq!((batch.header().delete_horizon(), batch.header().max_timestamp), (Some(1000), 400));
    assert_eq!(open(&batch).records().next().unwrap().timestamp(), 400);
    assert_eq!(one(small(&[400])).header().delete_horizon(), None);
}

#[test]
fn a_stamp_says_who_writes_and_can_be_changed() {
    let stamp = Stamp {
        producer_id: 9,
        producer_epoch: 3,
        base_sequence: i32::MAX,
        transactional: true,
        control: false,
        partition_leader_epoch: -1,
    };
    let mut builder = BatchBuilder::new(Vec::new());
    builder.append(1, None, None, &[]);
    builder.append(1, None, None, &[]);
    let mut gzip = Compressor::new(Compression::Gzip, Some(9)).unwrap();
    let mut bytes = builder.seal(stamp, &mut gzip);
    let before = *one(bytes.clone()).header();
    assert_eq!((before.producer_id, before.producer_epoch, before.base_sequence), (9, 3, i32::MAX));
    assert_eq!((before.is_transactional(), before.is_control()), (true, false));
    assert_eq!(before.last_sequence(), 0);

    BatchBuilder::restamp(&mut bytes, Stamp { producer_id: 10, base_sequence: 0, ..Stamp::NONE });
    let batch = one(bytes);
    open(&batch);
    let after = *batch.header();
    let expected = BatchHeader {
        producer_id: 10,
        producer_epoch: -1,
        base_sequence: 0,
        attributes: Compression::Gzip as i16,
        crc: after.crc,
        ..before
    };
    assert_eq!(after, expected);
}

#[test]
fn sequences_wrap() {
    assert_eq!(increment_sequence(0, 1), 1);
    assert_eq!(increment_sequence(i32::MAX, 1), 0);
    assert_eq!(increment_sequence(i32::MAX - 1, 3), 1);
    assert_eq!(increment_sequence(i32::MAX, i32::MAX), i32::MAX - 1);
}

#[test]
fn an_empty_batch_is_never_compressed() {
    let mut zstd = Compressor::new(Compression::Zstd, None).unwrap();
    let batch = one(BatchBuilder::new(vec![1; 500]).seal(Stamp::NONE, &mut zstd));
    assert_eq!(batch.bytes().len(), HEADER_LEN);
    assert_eq!(batch.header().compression(), Ok(Compression::None));
    assert_eq!((open(&batch).count(), batch.header().last_offset_delta), (0, -1));
}

#[test]
fn a_cut_batch_ends_the_batches_in_silence() {
    let log = [small(&[1]), small(&[2, 3])].concat();
    let first = small(&[1]).len();
    for len in 0..log.len() {
        let mut batches = Batches::new(log[..len].to_vec().into());
        let whole = usize::from(len >= first);
        assert_eq!(batches.by_ref().filter(Result::is_ok).count(), whole, "{len} bytes");
        assert_eq!(batches.position(), whole * first, "{len} bytes");
    }
    assert_eq!(Batches::new(log.into()).filter(Result::is_ok).count(), 2);
}

#[test]
fn what_is_no_batch_is_an_error_once() {
    let good = small(&[1]);
    for (at, byte, complaint) in [
        (16, 0, "message format 0 (magic) at byte 85 is too old, only format 2 is taken here"),
        (16, 1, "message format 1 (magic) at byte 85 is too old, only format 2 is taken here"),
        (16, 3, "no record batch: magic 3 at byte 85"),
        (8, 0xff, "batch length less than any batch has at byte 77"),
        (11, 40, "batch length less than a header at byte 77"),
    ] {
        let mut bad = good.clone();
        bad[at] = byte;
        let mut batches = Batches::new([good.clone(), bad].concat().into());
        assert!(batches.next().unwrap().is_ok());
        assert_eq!(batches.next().unwrap().unwrap_err().to_string(), complaint);
        assert!(batches.next().is_none());
    }
    let cut = BatchHeader::parse(&good[..60]).unwrap_err();
    assert_eq!(cut.to_string(), "cut batch header at byte 60");
    assert_eq!(BatchHeader::parse(&good[..61]).unwrap().total_len(), good.len());
}

#[test]
fn a_changed_byte_is_noticed_by_the_checksum() {
    let good = small(&[1, 2]);
    for at in 21..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 0x10;
        let batch = Batches::new(bad.into()).next().unwrap().unwrap();
        let error = batch.verify_crc().unwrap_err();
        assert!(matches!(error.kind(), RecordErrorKind::Checksum { .. }), "{error}");
    }
}

#[test]
fn too_many_headers_are_refused() {
    for (headers, fine) in [(MAX_HEADERS, true), (MAX_HEADERS + 1, false)] {
        let mut builder = BatchBuilder::new(Vec::new());
        builder.append(0, None, None, &vec![("", None); headers]);
        let batch = one(builder.seal(Stamp::NONE, &mut Compressor::none()));
        assert_eq!(batch.open(&mut Decompressor::new(), 0).is_ok(), fine, "{headers}");
    }
}

#[test]
fn a_header_key_that_is_not_text_can_be_read() {
    let mut builder = BatchBuilder::new(Vec::new());
    builder.append(0, None, None, &[("ab", None)]);
    let mut batch = builder.seal(Stamp::NONE, &mut Compressor::none());
    let at = batch.len() - 2;
    batch[at] = 0xff;
    let open = one(batch).open(&mut Decompressor::new(), 0).unwrap();
    let header = open.records().next().unwrap().headers().next().unwrap();
    assert_eq!((header.key().as_ref(), header.key_bytes()), ("a\u{fffd}", &b"a\xff"[..]));
}

#[test]
fn markers_end_transactions() {
    use control::{ControlType, EndTxnMarker};
    for committed in [true, false] {
        let marker = EndTxnMarker { committed, coordinator_epoch: 12 };
        let batch = one(marker.batch(500, 4, 99, 7, 2));
        let header = batch.header();
        assert!(header.is_control() && header.is_transactional());
        assert_eq!((header.base_offset, header.producer_id, header.base_sequence), (500, 7, -1));
        let open = open(&batch);
        assert_eq!(EndTxnMarker::of(&open.records().next().unwrap()), Ok(Some(marker)));
    }
    let read = |key: &[u8], value: &[u8]| {
        let mut builder = BatchBuilder::new(Vec::new());
        builder.append(0, Some(key), Some(value), &[]);
        let open = open(&one(builder.seal(Stamp::NONE, &mut Compressor::none())));
        let record = open.records().next().unwrap();
        (ControlType::of(&record).ok(), EndTxnMarker::of(&record).map_err(|e| e.to_string()))
    };
    assert_eq!(read(&[0, 0, 0, 9], &[]), (Some(ControlType::Unknown(9)), Ok(None)));
    assert!(matches!(read(&[0, 0, 0], &[0; 6]), (None, Err(_))));
    assert!(matches!(read(&[0xff, 0xff, 0, 0], &[0; 6]), (None, Err(_))));
    assert!(matches!(read(&[0, 0, 0, 1], &[0; 5]), (Some(ControlType::Commit), Err(_))));
}

#[test]
fn records_are_bytes_wherever_they_lie() {
    let path = std::env::temp_dir().join(format!("kafka-proto-records-{}", std::process::id()));
    std::fs::File::create(&path).unwrap().write_all(b"0123456789").unwrap();
    let file = std::sync::Arc::new(std::fs::File::open(&path).unwrap());
    std::fs::remove_file(&path).unwrap();
    let range = |offset, len| Records::File(FileRange { file: file.clone(), offset, len });
    assert_eq!(range(3, 4).to_bytes().unwrap(), "3456");
    assert!(range(8, 4).to_bytes().is_err());
    assert_eq!((range(3, 4), range(3, 4).len()), (range(3, 4), 4));
    assert_ne!(range(3, 4), range(3, 5));

    let bytes = |text: &'static str| Bytes::from(text);
    let whole = Records::from(bytes("3456"));
    let chain = Records::Chain(vec![bytes("34"), bytes(""), bytes("56")]);
    assert_eq!((&chain, chain.len()), (&whole, 4));
    assert_eq!(chain.to_bytes().unwrap(), whole.to_bytes().unwrap());
    assert_ne!(chain, Records::from(bytes("345")));
    assert_ne!(whole, range(3, 4));
    assert!(Records::default().is_empty());
}

#[test]
fn codecs_have_kafkas_names_and_levels() {
    for compression in Compression::ALL {
        assert_eq!(compression.name().parse(), Ok(compression));
        assert_eq!(Compression::try_from(compression as i16 | !7), Ok(compression));
    }
    assert_eq!(Compression::try_from(5).unwrap_err().to_string(), "unknown compression 5");
    assert!("brotli".parse::<Compression>().is_err());
    for (compression, levels) in [
        (
            Compression::Gzip,
            [(-2, false), (-1, true), (0, false), (1, true), (9, true), (10, false)],
        ),
        (
            Compression::Lz4,
            [(-1, false), (0, false), (1, true), (9, true), (17, true), (18, false)],
        ),
        (
            Compression::Zstd,
            [(-131_073, false), (-131_072, true), (-1, true), (1, true), (22, true), (23, false)],
        ),
    ] {
        for (level, fine) in levels {
            let made = Compressor::new(compression, Some(level));
            assert_eq!(made.is_ok(), fine, "{compression} {level}");
        }
    }
}

//! What each format allows beyond what is written here.

use super::*;
use crate::wire::sample::Rng;

const LIMIT: usize = 1 << 20;

fn decode(compression: Compression, bytes: &[u8], limit: usize) -> Result<Bytes, String> {
    Decompressor::new().decompress(compression, bytes, limit).map_err(|e| e.to_string())
}

fn encode(compression: Compression, bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    Compressor::new(compression, None).unwrap().encoder.encode(bytes, &mut out).unwrap();
    out
}

/// Noise and repetition by turns.
fn payload(seed: u64, len: usize) -> Vec<u8> {
    let mut rng = Rng::new(seed);
    let mut bytes = Vec::new();
    while bytes.len() < len {
        bytes.extend(rng.bytes(50));
        let from = rng.below(bytes.len());
        bytes.extend_from_within(from..(from + rng.below(200)).min(bytes.len()));
    }
    bytes.truncate(len);
    bytes
}

#[test]
fn every_length_survives() {
    for compression in &Compression::ALL[1..] {
        let mut decompressor = Decompressor::new();
        for len in [1, 2, 12, 13, 100, 16_384, 32_768, 32_769, 65_535, 65_536, 65_537, 300_000] {
            let bytes = payload(7, len);
            let encoded = encode(*compression, &bytes);
            let decoded = decompressor.decompress(*compression, &encoded, len).unwrap();
            assert_eq!(decoded, bytes, "{compression}, {len} bytes");
            let error = decompressor.decompress(*compression, &encoded, len - 1).unwrap_err();
            assert_eq!(*error.kind(), RecordErrorKind::TooLarge { limit: len - 1 }, "{error}");
        }
    }
}

#[test]
fn a_compressor_may_move_to_another_thread() {
    let zstd = Compression::Zstd;
    let mut compressors: Vec<_> =
        (1..7).map(|level| Compressor::new(zstd, Some(level)).unwrap()).collect();
    let mut decompressor = Decompressor::new();
    let bytes = payload(10, 1000);
    for _ in 0..2 {
        (compressors, decompressor) = std::thread::scope(|scope| {
            let work = scope.spawn(|| {
                for compressor in &mut compressors {
                    let mut out = Vec::new();
                    compressor.encoder.encode(&bytes, &mut out).unwrap();
                    assert_eq!(decompressor.decompress(zstd, &out, LIMIT).unwrap(), bytes);
                }
                (compressors, decompressor)
            });
            work.join().unwrap()
        });
    }
}

#[test]
fn a_cut_stream_is_an_error() {
    for compression in &Compression::ALL[1..] {
        let encoded = encode(*compression, &payload(8, 100_000));
        for len in (0..encoded.len()).step_by(97) {
            // Framed snappy has no end mark: cut between blocks it is whole.
            match decode(*compression, &encoded[..len], LIMIT) {
                Ok(_) => assert_eq!((*compression, len), (Compression::Snappy, len), "{len}"),
                Err(error) => assert!(error.contains("corrupt"), "{compression}: {error}"),
            }
        }
    }
}

#[test]
fn levels_trade_size_for_time() {
    let bytes = payload(9, 50_000);
    for (compression, low, high) in [(Compression::Gzip, 1, 9), (Compression::Zstd, -5, 19)] {
        let size = |level| {
            let mut out = Vec::new();
            let mut compressor = Compressor::new(compression, Some(level)).unwrap();
            compressor.encoder.encode(&bytes, &mut out).unwrap();
            assert_eq!(decode(compression, &out, LIMIT).unwrap(), bytes);
            out.len()
        };
        assert!(size(high) < size(low), "{compression}");
    }
}

mod gzip {
    use super::*;

    #[test]
    fn optional_header_fields_are_skipped() {
        let plain = encode(Compression::Gzip, b"hello");
        let mut full = plain[..3].to_vec();
        full.extend([0b11111, 0, 0, 0, 0, 0, 3]);
        full.extend(b"\x03\0abcname\0comment\0\x12\x34");
        full.extend(&plain[10..]);
        assert_eq!(decode(Compression::Gzip, &full, LIMIT).unwrap(), "hello");
        full[3] |= 0x20;
        assert!(
            decode(Compression::Gzip, &full, LIMIT).unwrap_err().contains("not in gzip format")
        );
    }

    #[test]
    fn members_follow_one_another_and_other_bytes_end_them() {
        let mut two =
            [encode(Compression::Gzip, b"one"), encode(Compression::Gzip, b"two")].concat();
        assert_eq!(decode(Compression::Gzip, &two, LIMIT).unwrap(), "onetwo");
        assert!(decode(Compression::Gzip, &two, 5).unwrap_err().contains("more than the 5 bytes"));
        two.extend([0; 9]);
        assert_eq!(decode(Compression::Gzip, &two, LIMIT).unwrap(), "onetwo");
    }

    #[test]
    fn the_trailer_is_checked() {
        let good = encode(Compression::Gzip, b"hello");
        for at in 1..=8 {
            let mut bad = good.clone();
            let at = bad.len() - at;
            bad[at] ^= 1;
            assert!(decode(Compression::Gzip, &bad, LIMIT).unwrap_err().contains("differs"));
        }
    }
}

mod snappy {
    use super::*;

    #[test]
    fn bare_blocks_and_streams_in_a_row_are_read() {
        let raw = snap::raw::Encoder::new().compress_vec(b"hello hello hello").unwrap();
        assert_eq!(decode(Compression::Snappy, &raw, LIMIT).unwrap(), "hello hello hello");
        let framed = encode(Compression::Snappy, b"hello");
        assert_eq!(&framed[..16], b"\x82SNAPPY\0\0\0\0\x01\0\0\0\x01");
        assert_eq!(decode(Compression::Snappy, &framed.repeat(2), LIMIT).unwrap(), "hellohello");
    }

    #[test]
    fn a_block_cannot_claim_what_it_cannot_hold() {
        let claim = [0xff, 0xff, 0xff, 0xff, 0x0f, 0, 0];
        assert!(decode(Compression::Snappy, &claim, usize::MAX).unwrap_err().contains("claims"));
        let mut framed = encode(Compression::Snappy, b"hello");
        framed.extend([0xff; 4]);
        assert!(decode(Compression::Snappy, &framed, LIMIT).unwrap_err().contains("past the end"));
    }
}

mod lz4 {
    use super::super::xxh32::xxh32;
    use super::*;
    use lz4_flex::block::{compress, compress_with_dict};

    /// A frame of `bytes` in blocks of 64 KiB, with these flags beside the version.
    fn frame(flags: u8, bytes: &[u8]) -> Vec<u8> {
        let mut descriptor = vec![0b0100_0000 | flags, 0x40];
        if flags & 8 != 0 {
            descriptor.extend((bytes.len() as u64).to_le_bytes());
        }
        if flags & 1 != 0 {
            descriptor.extend([1, 2, 3, 4]);
        }
        let mut out = 0x184d_2204_u32.to_le_bytes().to_vec();
        out.extend(&descriptor);
        out.push(xxh32(&descriptor).to_be_bytes()[2]);
        for (index, block) in bytes.chunks(64 << 10).enumerate() {
            let before = &bytes[..index * (64 << 10)];
            let window = &before[before.len().saturating_sub(64 << 10)..];
            let linked = flags & 0x20 == 0 && index > 0;
            let data = if linked { compress_with_dict(block, window) } else { compress(block) };
            // One block as it is, so that both kinds are there.
            let (stored, data) = if index == 1 { (1 << 31, block) } else { (0, data.as_slice()) };
            out.extend((u32::try_from(data.len()).unwrap() | stored).to_le_bytes());
            out.extend(data);
            if flags & 0x10 != 0 {
                out.extend(xxh32(data).to_le_bytes());
            }
        }
        out.extend([0; 4]);
        if flags & 4 != 0 {
            out.extend(xxh32(bytes).to_le_bytes());
        }
        out
    }

    #[test]
    fn every_flag_is_read() {
        let bytes = [payload(1, 70_000), payload(1, 130_000)].concat();
        for flags in (0..0x40).filter(|flags| flags & 3 == 0) {
            let frame = frame(flags, &bytes);
            assert_eq!(decode(Compression::Lz4, &frame, LIMIT).unwrap(), bytes, "flags {flags:#x}");
            let short = decode(Compression::Lz4, &frame, bytes.len() - 1).unwrap_err();
            assert!(short.contains("more than"), "flags {flags:#x}: {short}");
        }
    }

    #[test]
    fn what_is_checked_cannot_be_changed() {
        let bytes = payload(2, 100_000);
        let good = frame(0x3c, &bytes);
        for at in (0..good.len()).step_by(53).chain(0..16) {
            let mut bad = good.clone();
            bad[at] ^= 1;
            assert!(decode(Compression::Lz4, &bad, LIMIT).is_err(), "byte {at}");
        }
        assert!(
            decode(Compression::Lz4, &frame(1, b""), LIMIT).unwrap_err().contains("dictionary")
        );
        assert!(decode(Compression::Lz4, &frame(2, b""), LIMIT).unwrap_err().contains("reserved"));
    }

    #[test]
    fn linked_blocks_reach_no_further_than_their_frame() {
        // A match of 4 bytes, 12 back, and then 5 literals.
        let block = [9, 0, 0, 0, 0x00, 12, 0, 0x50, b'a', b'b', b'c', b'd', b'e'];
        let linked = |mut frame: Vec<u8>| {
            let end = frame.len() - 4;
            frame.splice(end..end, block);
            frame
        };
        let one = linked(frame(0, b"twelve bytes"));
        assert_eq!(decode(Compression::Lz4, &one, LIMIT).unwrap(), "twelve bytestwelabcde");
        let two = [frame(0, b"twelve bytes"), linked(frame(0, b""))].concat();
        assert!(decode(Compression::Lz4, &two, LIMIT).unwrap_err().contains("bad block"));
    }

    #[test]
    fn frames_follow_one_another_and_may_be_skipped() {
        let skipped = [&0x184d_2a53_u32.to_le_bytes()[..], &[3, 0, 0, 0], b"abc"].concat();
        let frames = [frame(0x20, b"one"), skipped.clone(), frame(0x04, b"two")].concat();
        assert_eq!(decode(Compression::Lz4, &frames, LIMIT).unwrap(), "onetwo");
        let trailing = [frames, vec![1, 2, 3, 4, 5]].concat();
        assert_eq!(decode(Compression::Lz4, &trailing, LIMIT).unwrap(), "onetwo");
        assert!(decode(Compression::Lz4, &skipped[..10], LIMIT).is_err());
    }

    #[test]
    fn kafkas_frames_are_read() {
        let vectors = include_str!("../../../tests/vectors/algorithms.jsonl");
        let mut read = 0;
        for line in vectors.lines().filter(|line| line.contains("lz4_frames")) {
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            let hex = |name: &str| -> Vec<u8> {
                let digits = line[name].as_str().unwrap().as_bytes().chunks(2);
                let byte =
                    |pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
                digits.map(byte).collect()
            };
            let (frame, payload) = (hex("frame_hex"), hex("payload_hex"));
            // The old wrong checksum belongs to format 0, which is not read.
            let wrong = line["broken_header_checksum"] == true;
            let decoded = decode(Compression::Lz4, &frame, LIMIT);
            assert_eq!(decoded.is_err(), wrong, "{line}");
            if let Ok(decoded) = decoded {
                assert_eq!(decoded, payload);
                read += 1;
            }
            if line["block_size_code"] == 4 && !wrong && payload.len() < 64 << 10 {
                let ours = encode(Compression::Lz4, &payload);
                assert_eq!(ours[..7], frame[..7], "the header as Kafka writes it");
            }
        }
        assert_eq!(read, 5);
    }
}

mod zstd {
    use super::*;

    #[test]
    fn frames_follow_one_another_and_may_be_skipped() {
        let skipped = [&0x184d_2a50_u32.to_le_bytes()[..], &[2, 0, 0, 0], b"ab"].concat();
        let frames =
            [encode(Compression::Zstd, b"one"), skipped, encode(Compression::Zstd, b"two")];
        assert_eq!(decode(Compression::Zstd, &frames.concat(), LIMIT).unwrap(), "onetwo");
        let trailing = [frames.concat(), vec![0; 8]].concat();
        assert!(decode(Compression::Zstd, &trailing, LIMIT).is_err());
        assert!(decode(Compression::Zstd, b"", LIMIT).is_err());
    }

    #[test]
    fn a_declared_size_counts_only_as_far_as_blocks_can_hold_it() {
        // Single segment, a size of 8 bytes, one raw block with one byte.
        let mut frame = [0x28, 0xb5, 0x2f, 0xfd, 0xe0].to_vec();
        frame.extend(1_u64.to_le_bytes());
        frame.extend([9, 0, 0, b'x']);
        assert_eq!(decode(Compression::Zstd, &frame, LIMIT).unwrap(), "x");
        for size in [2, 1 << 40, u64::MAX] {
            frame[5..13].copy_from_slice(&size.to_le_bytes());
            let memory = allocation_counter::measure(|| {
                assert!(decode(Compression::Zstd, &frame, usize::MAX).is_err());
            });
            assert!(memory.bytes_max < 1 << 16, "{} bytes for size {size}", memory.bytes_max);
        }
    }

    #[test]
    fn a_content_checksum_is_checked() {
        // A frame with a checksum and no size: window of 1 KiB, one raw block with "x".
        let mut frame = [0x28, 0xb5, 0x2f, 0xfd, 4, 0, 9, 0, 0, b'x', 0x23, 0x11, 0x04, 0x83];
        assert_eq!(decode(Compression::Zstd, &frame, LIMIT).unwrap(), "x");
        frame[10] ^= 1;
        assert!(decode(Compression::Zstd, &frame, LIMIT).is_err());
    }
}

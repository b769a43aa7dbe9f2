//! Message sets of the formats 0 and 1, as topics hold them that were written before Kafka 0.11: read, never written.
//!
//! ```text
//!  0 offset i64   8 length i32 (from 12)   12 CRC-32 u32 (from 16)   16 magic i8   17 attributes i8
//! 18 timestamp i64, in format 1 only; then the key and the value, each behind its length as i32, -1 is null
//! ```
//!
//! A message without compression is a batch of one record. A compressed one has a message set for its value and is a
//! batch of those records; its own offset is that of the last. Format 1 numbers the inner messages from 0 on, format 0
//! gives them their offsets. Opening rewrites the records in format 2, so that whatever reads records reads these too.
//!
//! Stricter than Kafka: offsets within a batch have to rise.

use super::batch::{Batch, BatchHeader, LEAST_LENGTH, LOG_APPEND_TIME, PREFIX_LEN};
use super::compression::{Compression, Decompressor};
use super::error::{RecordError, RecordErrorKind};
use super::open::OpenBatch;
use super::{BatchBuilder, Compressor, HEADER_LEN, Stamp};
use bytes::Bytes;

/// The newest format of these.
pub(super) const NEWEST: i8 = 1;

/// Where the bytes begin that the checksum covers.
const CHECKED: usize = 16;

/// The bits of the attributes that say how a message is compressed.
const COMPRESSION: i16 = 7;

/// One message.
struct Message<'a> {
    offset: i64,
    crc: u32,
    magic: i8,
    attributes: i16,
    /// -1 in format 0.
    timestamp: i64,
    key: Option<&'a [u8]>,
    value: Option<&'a [u8]>,
    /// Where it ends.
    end: usize,
}

/// What is left to be read, and how far that is from the start.
struct Input<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Input<'a> {
    fn take(&mut self, len: usize) -> Result<&'a [u8], RecordError> {
        let end = self.at.checked_add(len);
        let Some(taken) = end.and_then(|end| self.bytes.get(self.at..end)) else {
            return Err(RecordError::corrupt("cut message", self.at));
        };
        self.at += len;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], RecordError> {
        let taken = self.take(N)?;
        taken.first_chunk().copied().ok_or_else(|| RecordError::corrupt("cut message", self.at))
    }

    fn i32(&mut self) -> Result<i32, RecordError> {
        self.array().map(i32::from_be_bytes)
    }

    fn nullable(&mut self) -> Result<Option<&'a [u8]>, RecordError> {
        match usize::try_from(self.i32()?) {
            Ok(len) => self.take(len).map(Some),
            Err(_) => Ok(None),
        }
    }
}

impl<'a> Message<'a> {
    fn read(bytes: &'a [u8], start: usize) -> Result<Self, RecordError> {
        let mut input = Input { bytes, at: start };
        let offset = i64::from_be_bytes(input.array()?);
        let length = input.i32()?;
        let end = usize::try_from(length).ok().and_then(|length| input.at.checked_add(length));
        let (Some(end), true) = (end, length >= LEAST_LENGTH) else {
            return Err(RecordError::corrupt("message length less than any message has", start));
        };
        input.bytes = bytes.get(..end).ok_or_else(|| RecordError::corrupt("cut message", start))?;
        let crc = u32::from_be_bytes(input.array()?);
        let [magic, attributes] = input.array()?;
        let magic = magic.cast_signed();
        let timestamp = match magic {
            0 => -1,
            1 => i64::from_be_bytes(input.array()?),
            _ => return Err(RecordError::new(RecordErrorKind::Magic(magic), start)),
        };
        let attributes = i16::from(attributes) & if magic == 0 { COMPRESSION } else { 15 };
        let (key, value) = (input.nullable()?, input.nullable()?);
        if input.at != end {
            return Err(RecordError::corrupt("message length does not fit what is in it", start));
        }
        Ok(Self { offset, crc, magic, attributes, timestamp, key, value, end })
    }
}

/// The header of the message at the start of `bytes`, which are its own. Of the fields that came with format 2 it has
/// what says "none"; the base offset is that of the last record, and the count 0 until the batch is open.
pub(super) fn header(bytes: &[u8]) -> Result<BatchHeader, RecordError> {
    let message = Message::read(bytes, 0)?;
    Ok(BatchHeader {
        base_offset: message.offset,
        length: i32::try_from(message.end - PREFIX_LEN).unwrap_or(i32::MAX),
        partition_leader_epoch: -1,
        magic: message.magic,
        crc: message.crc,
        attributes: message.attributes,
        last_offset_delta: 0,
        base_timestamp: message.timestamp,
        max_timestamp: message.timestamp,
        producer_id: -1,
        producer_epoch: -1,
        base_sequence: -1,
        count: 0,
    })
}

/// The checksum of the message that `bytes` are.
pub(super) fn checksum(bytes: &[u8]) -> u32 {
    crc32(bytes.get(CHECKED..).unwrap_or_default())
}

/// The records of a message, in format 2.
pub(super) fn open(
    batch: &Batch,
    decompressor: &mut Decompressor,
    limit: usize,
) -> Result<OpenBatch, RecordError> {
    let outer = Message::read(batch.bytes(), 0)?;
    let header = batch.header();
    let compression = header.compression()?;
    if compression == Compression::None {
        return rewrite(header, std::slice::from_ref(&outer), 0);
    }
    if compression == Compression::Zstd {
        return Err(RecordError::corrupt("zstd in a message format that is older", CHECKED + 1));
    }
    let compressed = outer.value.ok_or_else(|| {
        RecordError::corrupt("compressed message without a value", batch.bytes().len())
    })?;
    // The checksum of lz4's frame header was a wrong one in format 0.
    let set = decompressor.decompress_records(compression, compressed, limit, outer.magic == 0)?;
    let messages = inner(&set, &outer)?;
    let last = messages.last().map_or(0, |message| message.offset);
    let shift = if outer.magic == 0 { 0 } else { outer.offset.wrapping_sub(last) };
    rewrite(header, &messages, shift)
}

/// The messages within a compressed one.
fn inner<'a>(set: &'a Bytes, outer: &Message<'_>) -> Result<Vec<Message<'a>>, RecordError> {
    let mut messages = Vec::new();
    let mut at = 0;
    while at < set.len() {
        let message = Message::read(set, at)?;
        if message.magic != outer.magic || message.attributes & COMPRESSION != 0 {
            return Err(RecordError::corrupt("message of another kind in a compressed one", at));
        }
        at = message.end;
        messages.push(message);
    }
    if messages.is_empty() {
        return Err(RecordError::corrupt("compressed message without messages", 0));
    }
    Ok(messages)
}

/// Writes the records in format 2, with offsets that are higher by `shift`.
fn rewrite(
    outer: &BatchHeader,
    messages: &[Message<'_>],
    shift: i64,
) -> Result<OpenBatch, RecordError> {
    let first = messages.first().map_or(0, |message| message.offset);
    let mut builder = BatchBuilder::new(Vec::new());
    let mut last = -1;
    for message in messages {
        let delta = message.offset.checked_sub(first).and_then(|delta| i32::try_from(delta).ok());
        let Some(delta) = delta.filter(|&delta| delta > last) else {
            return Err(RecordError::corrupt("offsets of messages do not rise", message.end));
        };
        last = delta;
        builder.append_at(delta, message.timestamp, message.key, message.value, &[]);
    }
    let rewritten = builder.seal(Stamp::NONE, &mut Compressor::none());
    let written = BatchHeader::parse(&rewritten)?;
    let header = BatchHeader {
        base_offset: first.wrapping_add(shift),
        last_offset_delta: last,
        base_timestamp: written.base_timestamp,
        // Of the append if it says so, and then for all.
        max_timestamp: if outer.attributes & LOG_APPEND_TIME == 0 {
            outer.max_timestamp.max(written.max_timestamp)
        } else {
            outer.max_timestamp
        },
        count: written.count,
        ..*outer
    };
    OpenBatch::new(header, Bytes::from(rewritten).slice(HEADER_LEN..))
}

/// The remainders of all bytes.
const REMAINDERS: [u32; 256] = {
    let mut table = [0; 256];
    let (mut at, mut byte) = (0, 0_u32);
    while at < table.len() {
        let (mut remainder, mut bits) = (byte, 8);
        while bits > 0 {
            let low = remainder & 1;
            remainder = (remainder >> 1) ^ (low * 0xedb8_8320);
            bits -= 1;
        }
        table[at] = remainder;
        (at, byte) = (at + 1, byte + 1);
    }
    table
};

/// The CRC-32 of gzip and of Ethernet. Only old topics need it, so a table of a byte a step will do.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc: u32, &byte| {
        let [low, ..] = crc.to_le_bytes();
        REMAINDERS[usize::from(low ^ byte)] ^ (crc >> 8)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::Batches;

    #[test]
    fn the_checksum_is_the_usual_one() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }

    fn message(offset: i64, magic: u8, attributes: u8, value: &[u8]) -> Vec<u8> {
        let mut checked = vec![magic, attributes];
        if magic == 1 {
            checked.extend_from_slice(&7_i64.to_be_bytes());
        }
        checked.extend_from_slice(&(-1_i32).to_be_bytes());
        checked.extend_from_slice(&i32::try_from(value.len()).unwrap().to_be_bytes());
        checked.extend_from_slice(value);
        let mut bytes = offset.to_be_bytes().to_vec();
        bytes.extend_from_slice(&i32::try_from(checked.len() + 4).unwrap().to_be_bytes());
        bytes.extend_from_slice(&crc32(&checked).to_be_bytes());
        bytes.extend_from_slice(&checked);
        bytes
    }

    #[test]
    fn old_formats_are_read_where_they_are_asked_for() {
        let bytes = Bytes::from([message(5, 1, 0, b"a"), message(9, 0, 0, b"b")].concat());
        let error = Batches::new(bytes.clone()).next().unwrap().unwrap_err();
        assert_eq!(error.kind(), &RecordErrorKind::Magic(1));
        let mut read = Vec::new();
        for batch in Batches::with_legacy(bytes) {
            let batch = batch.unwrap();
            batch.verify_crc().unwrap();
            let open = batch.open(&mut Decompressor::new(), 100).unwrap();
            read.extend(
                open.records().map(|r| (r.offset(), r.timestamp(), r.value().unwrap().to_vec())),
            );
        }
        assert_eq!(read, [(5, 7, b"a".to_vec()), (9, -1, b"b".to_vec())]);
    }

    #[test]
    fn every_cut_and_flipped_bit_is_survived() {
        let whole = message(5, 1, 1, b"not gzip at all");
        for at in 0..whole.len() {
            for mask in [0, 1, 0x80, 0xff] {
                let mut bytes = whole.clone();
                bytes[at] ^= mask;
                bytes.truncate(if mask == 0 { at } else { whole.len() });
                for batch in Batches::with_legacy(bytes.into()).flatten() {
                    let _ = batch.open(&mut Decompressor::new(), 1_000);
                }
            }
        }
    }
}

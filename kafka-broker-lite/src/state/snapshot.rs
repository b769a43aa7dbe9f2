//! The `.snapshot` files of a log: its producers as they were before some offset, in Kafka's format.
//!
//! Of each producer a snapshot has the last batch only; the others come back from the end of the log. A file is a
//! version, the CRC-32C of what follows, and an array of entries of 46 bytes.

use super::producers::{Appended, Producer, Producers};
use crate::log::{Log, Replace, Storage, StorageError};
use kafka_proto::records::{crc32c, increment_sequence};
use std::collections::{BTreeMap, VecDeque};

const VERSION: i16 = 1;
const HEAD: usize = 6;
const ENTRY: usize = 46;

/// What a transaction's coordinator and first offset are when there is none.
const NO_COORDINATOR: i32 = -1;
const NO_OFFSET: i64 = -1;

/// Bytes at the end of a log from which the batches of producers are learned that a snapshot leaves out.
const TAIL_BYTES: u64 = 1024 * 1024;

/// Notes the producers of a log as they were before `offset`.
pub(crate) fn write(
    storage: &mut dyn Storage,
    log: &str,
    offset: i64,
    producers: &Producers,
) -> Result<(), StorageError> {
    storage.replace(&name(log, offset), &encode(producers), Replace::Written)
}

/// The producers of a log that was opened.
pub(crate) fn recover(
    storage: &mut dyn Storage,
    log: &Log,
    now_ms: i64,
) -> Result<Producers, StorageError> {
    let mut newest: Option<(i64, Producers)> = None;
    for file in storage.list(log.name())? {
        let offset = file.strip_suffix(".snapshot").and_then(|offset| offset.parse::<i64>().ok());
        let Some(offset) = offset else { continue };
        let inside = (log.start_offset()..=log.end_offset()).contains(&offset);
        let loaded = if inside { storage.load(&name(log.name(), offset))? } else { None };
        match loaded.and_then(|bytes| decode(&bytes, now_ms)) {
            Some(producers) => {
                let older = newest.replace((offset, producers));
                let superseded = older.filter(|(offset, _)| !log.begins_segment_at(*offset));
                if let Some((offset, _)) = superseded {
                    storage.remove(&name(log.name(), offset))?;
                }
            }
            // It is of records that are gone, or was not written to its end.
            None => storage.remove(&name(log.name(), offset))?,
        }
    }
    let tail = log.offset_before_end(TAIL_BYTES);
    let from = newest.as_ref().map_or(log.start_offset(), |(offset, _)| tail.min(*offset));
    let mut producers = Producers::default();
    log.replay(storage, from, &mut |header| producers.replayed(header, now_ms))?;
    if let Some((_, snapshot)) = newest {
        producers.add_missing(snapshot);
    }
    Ok(producers)
}

fn name(log: &str, offset: i64) -> String {
    format!("{log}/{offset:020}.snapshot")
}

fn encode(producers: &Producers) -> Vec<u8> {
    let last = producers.by_id.iter();
    let last: Vec<_> = last.filter_map(|(id, p)| Some((id, p, p.batches.back()?))).collect();
    let mut body = Vec::with_capacity(HEAD + 4 + ENTRY * last.len());
    body.extend_from_slice(&u32::try_from(last.len()).unwrap_or(u32::MAX).to_be_bytes());
    for (id, producer, batch) in last {
        let records = batch.last_sequence.wrapping_sub(batch.first_sequence) & i32::MAX;
        body.extend_from_slice(&id.to_be_bytes());
        body.extend_from_slice(&producer.epoch.to_be_bytes());
        body.extend_from_slice(&batch.last_sequence.to_be_bytes());
        body.extend_from_slice(&(batch.base_offset + i64::from(records)).to_be_bytes());
        body.extend_from_slice(&records.to_be_bytes());
        let timestamp = batch.append_time_ms.unwrap_or(producer.used_ms);
        body.extend_from_slice(&timestamp.to_be_bytes());
        body.extend_from_slice(&NO_COORDINATOR.to_be_bytes());
        body.extend_from_slice(&NO_OFFSET.to_be_bytes());
    }
    let mut file = Vec::with_capacity(HEAD + body.len());
    file.extend_from_slice(&VERSION.to_be_bytes());
    file.extend_from_slice(&crc32c(&body).to_be_bytes());
    file.extend_from_slice(&body);
    file
}

fn decode(file: &[u8], now_ms: i64) -> Option<Producers> {
    let (version, rest) = file.split_first_chunk()?;
    let (crc, body) = rest.split_first_chunk()?;
    if i16::from_be_bytes(*version) != VERSION || u32::from_be_bytes(*crc) != crc32c(body) {
        return None;
    }
    let (count, entries) = body.split_first_chunk()?;
    if usize::try_from(u32::from_be_bytes(*count)).ok()? * ENTRY != entries.len() {
        return None;
    }
    let by_id = entries.chunks_exact(ENTRY).map(|entry| decode_entry(entry, now_ms));
    Some(Producers { by_id: by_id.collect::<Option<BTreeMap<_, _>>>()? })
}

fn decode_entry(entry: &[u8], now_ms: i64) -> Option<(i64, Producer)> {
    let (id, rest) = entry.split_first_chunk()?;
    let (epoch, rest) = rest.split_first_chunk()?;
    let (last_sequence, rest) = rest.split_first_chunk()?;
    let (last_offset, rest) = rest.split_first_chunk()?;
    let (records, _) = rest.split_first_chunk()?;
    let (last_sequence, records) =
        (i32::from_be_bytes(*last_sequence), i32::from_be_bytes(*records));
    let batch = Appended {
        // What comes `records` before the last one, around the end of the numbers too.
        first_sequence: increment_sequence(last_sequence, records.wrapping_neg()),
        last_sequence,
        base_offset: i64::from_be_bytes(*last_offset) - i64::from(records),
        append_time_ms: None,
    };
    // Of a producer that was only fenced there is no batch.
    let batches = if last_sequence < 0 { VecDeque::new() } else { VecDeque::from([batch]) };
    let producer = Producer { epoch: i16::from_be_bytes(*epoch), batches, used_ms: now_ms };
    Some((i64::from_be_bytes(*id), producer))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file that Apache Kafka 4.4.0 has written.
    const KAFKAS: &str = "0001cbc5522c00000001000000000000000000000000\
        24ff00000000000024ff00000093000001a214d3d832ffffffffffffffffffffffff";

    fn kafkas() -> Vec<u8> {
        let digit = |at: usize| u8::from_str_radix(&KAFKAS[at..at + 2], 16).unwrap();
        (0..KAFKAS.len()).step_by(2).map(digit).collect()
    }

    #[test]
    fn the_format_is_kafkas() {
        let producers = decode(&kafkas(), 0x01a2_14d3_d832).unwrap();
        let producer = &producers.by_id[&0];
        let batch = Appended {
            first_sequence: 0x24ff - 0x93,
            last_sequence: 0x24ff,
            base_offset: 0x24ff - 0x93,
            append_time_ms: None,
        };
        assert_eq!((producer.epoch, &producer.batches), (0, &VecDeque::from([batch])));
        assert_eq!(encode(&producers), kafkas());
    }

    #[test]
    fn what_is_not_whole_is_nothing() {
        let whole = kafkas();
        for at in 0..whole.len() {
            assert!(decode(&whole[..at], 0).is_none(), "{at} bytes");
            let mut bent = whole.clone();
            bent[at] ^= 1;
            assert!(decode(&bent, 0).is_none(), "byte {at}");
        }
        assert!(decode(&encode(&Producers::default()), 0).unwrap().by_id.is_empty());
    }
}

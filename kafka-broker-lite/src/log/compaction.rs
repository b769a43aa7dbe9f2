//! What compaction keeps of a batch: the newest record of each key, tombstones for a while, and an empty batch where
//! something still hangs on it.
//!
//! A batch of which records went keeps its base and last offset, producer and sequence, so that offsets and duplicates
//! are told as before. The first time that a tombstone is kept, its batch is given the time when it may go (KIP-534).

use kafka_proto::records::{
    Batch, BatchBuilder, BatchHeader, Compression, Compressor, Decompressor, HEADER_LEN, OpenBatch,
    Record, RecordError, Stamp, TimestampType, set_base_offset, set_log_append_time,
};
use std::collections::BTreeMap;

/// What a key takes in memory beside its bytes.
const KEY_OVERHEAD: usize = 64;

/// The bits of the attributes that say how records are compressed and that there is a delete horizon.
const CODEC_AND_HORIZON: i16 = 0b100_0111;

/// The last offset of each key in the part of a log that was read.
#[derive(Debug, Default)]
pub(super) struct KeyMap {
    offsets: BTreeMap<Box<[u8]>, i64>,
    bytes: usize,
    /// The offset behind all that was read.
    pub(super) end: i64,
}

impl KeyMap {
    /// Empty, of a part that begins at `offset`.
    pub(super) fn from(offset: i64) -> Self {
        Self { end: offset, ..Self::default() }
    }

    /// Enters the records of a batch that do not lie before `from`.
    pub(super) fn enter(&mut self, open: &OpenBatch, from: i64) {
        let header = open.header();
        if !is_left_alone(header) {
            for record in open.records().filter(|record| record.offset() >= from) {
                let Some(key) = record.key() else { continue };
                match self.offsets.get_mut(key) {
                    Some(offset) => *offset = record.offset(),
                    None => {
                        self.bytes += key.len() + KEY_OVERHEAD;
                        self.offsets.insert(key.into(), record.offset());
                    }
                }
            }
        }
        self.end = header.last_offset() + 1;
    }

    /// About the memory that it takes.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether a newer record has the key of this one.
    fn supersedes(&self, key: &[u8], offset: i64) -> bool {
        self.offsets.get(key).is_some_and(|newest| *newest > offset)
    }
}

/// By what is judged what stays.
pub(super) struct Rules<'a> {
    pub(super) keys: &'a KeyMap,
    pub(super) now_ms: i64,
    /// How long tombstones stay.
    pub(super) delete_retention_ms: i64,
    /// Whether a batch is the last one of its producer, who goes on from there.
    pub(super) ends_producer: &'a dyn Fn(&BatchHeader) -> bool,
}

/// What stays of a batch.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Kept {
    All,
    Nothing,
    /// This, in its place.
    Part(Vec<u8>),
}

/// Transactions have an end that compaction does not know of, so their batches stay as they are.
fn is_left_alone(header: &BatchHeader) -> bool {
    header.is_control() || header.is_transactional()
}

/// What stays of a batch; one that reaches behind the keys stays as it is.
pub(super) fn compact(
    batch: &Batch,
    decompressor: &mut Decompressor,
    limit: usize,
    rules: &Rules<'_>,
) -> Result<Kept, RecordError> {
    let header = batch.header();
    if is_left_alone(header) || header.last_offset() >= rules.keys.end {
        return Ok(Kept::All);
    }
    let open = batch.open(decompressor, limit)?;
    let expired = header.delete_horizon().is_some_and(|horizon| rules.now_ms >= horizon);
    let stays = |record: &Record<'_>| {
        record.key().is_some_and(|key| {
            !rules.keys.supersedes(key, record.offset()) && (record.value().is_some() || !expired)
        })
    };
    let (mut kept, mut tombstones, mut foreign) = (0, false, false);
    for record in open.records().filter(stays) {
        kept += 1;
        tombstones |= record.value().is_none();
        foreign |= record.headers().any(|header| std::str::from_utf8(header.key_bytes()).is_err());
    }
    if kept == 0 {
        let last = header.last_offset() + 1 == rules.keys.end;
        let needed = last || header.producer_id >= 0 && (rules.ends_producer)(header);
        return Ok(match (needed, open.count()) {
            (false, _) => Kept::Nothing,
            (true, 0) => Kept::All,
            (true, _) => Kept::Part(empty(header)),
        });
    }
    let fresh_horizon = tombstones && header.delete_horizon().is_none();
    // A header whose name is no text cannot be written anew.
    if foreign || kept == open.count() && !fresh_horizon {
        return Ok(Kept::All);
    }
    let horizon = match fresh_horizon {
        true => Some(rules.now_ms.saturating_add(rules.delete_retention_ms)),
        false => header.delete_horizon(),
    };
    Ok(Kept::Part(rebuild(header, open.records().filter(stays), horizon)?))
}

/// The batch with these of its records.
fn rebuild<'a>(
    header: &BatchHeader,
    records: impl Iterator<Item = Record<'a>>,
    horizon: Option<i64>,
) -> Result<Vec<u8>, RecordError> {
    let mut builder = BatchBuilder::new(Vec::new());
    horizon.into_iter().for_each(|horizon| builder.set_delete_horizon(horizon));
    for record in records {
        let delta = record.offset().wrapping_sub(header.base_offset);
        let names: Vec<_> = record.headers().map(|header| header.key()).collect();
        let headers: Vec<(&str, Option<&[u8]>)> =
            names.iter().map(|name| &**name).zip(record.headers().map(|h| h.value())).collect();
        let delta = i32::try_from(delta).unwrap_or(i32::MAX);
        builder.append_at(delta, record.timestamp(), record.key(), record.value(), &headers);
    }
    builder.set_last_offset_delta(header.last_offset_delta);
    let stamp = Stamp {
        producer_id: header.producer_id,
        producer_epoch: header.producer_epoch,
        base_sequence: header.base_sequence,
        partition_leader_epoch: header.partition_leader_epoch,
        transactional: false,
        control: false,
    };
    let mut batch = builder.seal(stamp, &mut Compressor::new(header.compression()?, None)?);
    if header.timestamp_type() == TimestampType::LogAppendTime {
        set_log_append_time(&mut batch, header.max_timestamp);
    }
    set_base_offset(&mut batch, header.base_offset);
    Ok(batch)
}

/// The batch without records.
fn empty(header: &BatchHeader) -> Vec<u8> {
    let attributes = header.attributes & !CODEC_AND_HORIZON | Compression::None as i16;
    let base_timestamp = header.max_timestamp;
    let header = BatchHeader { attributes, base_timestamp, count: 0, ..*header };
    let mut batch = vec![0; HEADER_LEN];
    header.write(&mut batch);
    batch
}

#[cfg(test)]
mod tests {
    use super::*;
    use kafka_proto::records::Batches;

    /// Timestamp, offset delta, key and value of a record.
    type Told<'a> = (i64, i32, Option<&'a str>, Option<&'a str>);

    fn batch(base: i64, records: &[Told<'_>], codec: Compression) -> Batch {
        let mut builder = BatchBuilder::new(Vec::new());
        for (time, delta, key, value) in records {
            let headers: &[(&str, Option<&[u8]>)] = &[("h", Some(b"1")), ("n", None)];
            let (key, value) = (key.map(str::as_bytes), value.map(str::as_bytes));
            builder.append_at(*delta, *time, key, value, headers);
        }
        let stamp = Stamp { producer_id: 9, producer_epoch: 2, base_sequence: 40, ..Stamp::NONE };
        let mut bytes = builder.seal(stamp, &mut Compressor::new(codec, None).unwrap());
        set_base_offset(&mut bytes, base);
        one(bytes)
    }

    fn one(bytes: Vec<u8>) -> Batch {
        Batches::new(bytes.into()).next().unwrap().unwrap()
    }

    fn open(batch: &Batch) -> OpenBatch {
        batch.verify_crc().unwrap();
        batch.open(&mut Decompressor::new(), 1 << 20).unwrap()
    }

    fn told(batch: &Batch) -> Vec<(i64, i64, String, Option<String>)> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let open = open(batch);
        let records = open.records().map(|record| {
            assert_eq!(record.headers().count(), 2);
            (
                record.timestamp(),
                record.offset(),
                text(record.key().unwrap()),
                record.value().map(text),
            )
        });
        records.collect()
    }

    fn keys(batches: &[&Batch]) -> KeyMap {
        let mut keys = KeyMap::default();
        batches.iter().for_each(|batch| keys.enter(&open(batch), 0));
        keys
    }

    fn kept(batch: &Batch, keys: &KeyMap, now_ms: i64, ends_producer: bool) -> Kept {
        let ends_producer = move |_: &BatchHeader| ends_producer;
        let rules = Rules { keys, now_ms, delete_retention_ms: 100, ends_producer: &ends_producer };
        compact(batch, &mut Decompressor::new(), 1 << 20, &rules).unwrap()
    }

    #[test]
    fn the_newest_record_of_a_key_stays_where_it_was() {
        for codec in [Compression::None, Compression::Lz4, Compression::Gzip] {
            let old = [
                (10, 0, Some("a"), Some("1")),
                (30, 1, Some("b"), Some("2")),
                (20, 2, Some("a"), Some("3")),
                (40, 3, None, Some("no key")),
            ];
            let old = batch(100, &old, codec);
            let new = batch(104, &[(50, 0, Some("a"), Some("4"))], codec);
            let keys = keys(&[&old, &new]);
            let Kept::Part(part) = kept(&old, &keys, 0, false) else { panic!("not a part") };
            let part = one(part);
            assert_eq!(told(&part), [(30, 101, "b".to_owned(), Some("2".to_owned()))]);
            let (was, is) = (old.header(), part.header());
            assert_eq!((is.base_offset, is.last_offset()), (100, 103));
            assert_eq!((is.producer_id, is.producer_epoch, is.base_sequence), (9, 2, 40));
            assert_eq!((is.last_sequence(), is.max_timestamp), (was.last_sequence(), 30));
            assert_eq!(is.compression().unwrap(), codec);
            assert_eq!(kept(&part, &keys, 0, false), Kept::All, "nothing is left to be done");
            assert_eq!(kept(&new, &keys, 0, false), Kept::All);
        }
    }

    #[test]
    fn tombstones_stay_until_their_time_has_come() {
        let deleted =
            batch(7, &[(10, 0, Some("a"), None), (10, 1, Some("b"), Some("1"))], Compression::None);
        let later = batch(9, &[(12, 0, Some("c"), Some("1"))], Compression::None);
        let keys = keys(&[&deleted, &later]);
        let Kept::Part(part) = kept(&deleted, &keys, 1_000, false) else { panic!("no horizon") };
        let part = one(part);
        assert_eq!(part.header().delete_horizon(), Some(1_100));
        assert_eq!(told(&part), told(&deleted));
        assert_eq!(kept(&part, &keys, 1_099, false), Kept::All);
        let Kept::Part(after) = kept(&part, &keys, 1_100, false) else { panic!("still there") };
        let after = one(after);
        assert_eq!(told(&after), [(10, 8, "b".to_owned(), Some("1".to_owned()))]);
        assert_eq!(after.header().delete_horizon(), Some(1_100));
    }

    #[test]
    fn a_batch_without_records_stays_where_something_hangs_on_it() {
        let old = batch(0, &[(10, 0, Some("a"), Some("1"))], Compression::Lz4);
        let new = batch(1, &[(11, 0, Some("a"), Some("2"))], Compression::Lz4);
        let both = keys(&[&old, &new]);
        assert_eq!(kept(&old, &both, 0, false), Kept::Nothing);
        let Kept::Part(part) = kept(&old, &both, 0, true) else { panic!("its producer is lost") };
        let part = one(part);
        assert_eq!((open(&part).count(), part.header().last_sequence()), (0, 40));
        assert_eq!(kept(&part, &both, 0, true), Kept::All);
        assert_eq!(kept(&part, &both, 0, false), Kept::Nothing);
        let keyless = batch(0, &[(10, 0, None, Some("1"))], Compression::None);
        let alone = keys(&[&keyless]);
        let Kept::Part(part) = kept(&keyless, &alone, 0, false) else { panic!("the end is lost") };
        assert_eq!((part.len(), one(part).header().last_offset()), (HEADER_LEN, 0));
    }

    #[test]
    fn what_lies_behind_the_keys_stays() {
        let batch = batch(5, &[(10, 0, None, None), (10, 1, None, None)], Compression::None);
        let keys = KeyMap::from(6);
        assert_eq!(kept(&batch, &keys, 0, false), Kept::All);
    }
}

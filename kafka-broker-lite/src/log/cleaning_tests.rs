//! Logs that are cleaned: what is left for readers, and what a crash at any write leaves.

use super::tests::{NOW_MS, config};
use super::*;
use crate::clock::Random;
use kafka_proto::records::{BatchBuilder, Batches, Compression, Compressor, Stamp};
use std::collections::BTreeMap;

/// Ways in which the power goes at each write.
const WAYS: u64 = 12;

/// Offset and value of the newest record of each key, and of those that a reader saw.
type State = BTreeMap<Vec<u8>, (i64, Option<Vec<u8>>)>;

fn compacted() -> LogConfig {
    LogConfig { compacts: true, deletes: false, min_cleanable_ratio: 0, ..config() }
}

fn batch(records: &[(u8, Option<usize>)], time: i64, codec: Compression) -> Batch {
    let mut builder = BatchBuilder::new(Vec::new());
    for (key, padding) in records {
        let value = padding.map(|padding| vec![b'x'; padding]);
        builder.append(time, Some(&[*key]), value.as_deref(), &[]);
    }
    let mut compressor = Compressor::new(codec, None).unwrap();
    let bytes = builder.seal(Stamp::NONE, &mut compressor);
    Batches::new(bytes.into()).next().unwrap().unwrap()
}

/// A log with a story of few keys.
fn fill(storage: &mut dyn Storage, appends: i64, seed: u64) -> Log {
    let mut random = Random::new(seed);
    let mut log = Log::create(storage, "t-0".to_owned(), NOW_MS).unwrap();
    log.begin_epoch(storage, 0).unwrap();
    for step in 0..appends {
        let mut word = || usize::try_from(random.word() % 1_000).unwrap();
        let records: Vec<_> = (0..1 + word() % 3)
            .map(|_| {
                let key = u8::try_from(word() % 9).unwrap();
                (key, (word() % 5 > 0).then(|| word() % 400))
            })
            .collect();
        let codec = if word() % 2 == 0 { Compression::None } else { Compression::Lz4 };
        let batch = batch(&records, NOW_MS + step, codec);
        log.append(storage, &compacted(), &batch, 0, NOW_MS).unwrap();
    }
    log
}

/// What a reader sees: every record in order, and the newest of each key.
fn read(log: &Log, storage: &mut dyn Storage) -> (Vec<i64>, State) {
    let (mut offsets, mut state, mut at) = (Vec::new(), State::new(), log.start_offset());
    while at < log.end_offset() {
        let read = log.read(storage, at, log.end_offset(), 2_000, true).unwrap();
        let before = at;
        for batch in Batches::new(read.to_bytes().unwrap()) {
            let batch = batch.unwrap();
            batch.verify_crc().unwrap();
            for record in &batch.open(&mut Decompressor::new(), 1 << 20).unwrap() {
                offsets.push(record.offset());
                let value = (record.offset(), record.value().map(<[u8]>::to_vec));
                state.insert(record.key().unwrap().to_vec(), value);
            }
            at = batch.header().last_offset() + 1;
        }
        assert!(at > before, "a reader gets on from {before}");
    }
    assert!(offsets.is_sorted_by(|a, b| a < b));
    (offsets, state)
}

/// Cleans to the end, and gives the number of steps; a disk that dies ends it.
fn clean(log: &mut Log, storage: &mut dyn Storage, now_ms: i64) -> Result<usize, Trouble> {
    let config = compacted();
    let Some(dirt) = log.dirt(&config, now_ms) else { return Ok(0) };
    let mut cleaning = Cleaning::begin(dirt, now_ms);
    for steps in 1.. {
        let mut place = Workplace {
            log,
            storage,
            decompressor: &mut Decompressor::new(),
            config: &config,
            ends_producer: &|_| false,
        };
        match cleaning.step(&mut place)? {
            Progress::More => {}
            Progress::Sync(job) => job.run()?,
            Progress::Done(end) => {
                log.set_cleaned(end);
                return Ok(steps);
            }
        }
    }
    Ok(0)
}

#[test]
fn a_cleaned_log_has_the_newest_record_of_each_key_where_it_was() {
    for durable in [false, true] {
        let (mut memory, mut disk) = (MemoryStorage::new(), SimDisk::new());
        let storage: &mut dyn Storage = if durable { &mut disk } else { &mut memory };
        let mut log = fill(storage, 150, 3);
        let (before, newest) = read(&log, storage);
        let active = log.active_base_offset();
        let (size, segments) = (log.size_bytes(), log.segment_count());
        assert!(clean(&mut log, storage, NOW_MS).unwrap() > segments);
        assert_eq!(log.cleaned(), active);
        assert!(log.size_bytes() < size / 2, "{} of {size}", log.size_bytes());
        let (after, same) = read(&log, storage);
        assert_eq!(same, newest);
        let is_newest =
            |offset: &i64| *offset >= active || newest.values().any(|(newest, _)| newest == offset);
        let kept: Vec<i64> = before.iter().copied().filter(is_newest).collect();
        let closed = |offsets: &[i64]| offsets.iter().filter(|at| **at < active).count();
        assert!(kept.iter().all(|offset| after.contains(offset)));
        assert!(closed(&after) <= 9, "one record of each key before the open segment");
        assert!(log.dirt(&compacted(), NOW_MS).is_none(), "nothing is left to clean");
        assert_eq!(clean(&mut log, storage, NOW_MS).unwrap(), 0);
        for time in 0..3 {
            let large = batch(&[(20, Some(3_000))], NOW_MS + time, Compression::None);
            log.append(storage, &compacted(), &large, 0, NOW_MS).unwrap();
        }
        let (_, newest) = read(&log, storage);
        clean(&mut log, storage, NOW_MS).unwrap();
        assert!(log.segment_count() <= 4, "small ones are joined: {}", log.segment_count());
        assert_eq!(read(&log, storage).1, newest);
    }
}

#[test]
fn tombstones_go_when_their_time_has_come() {
    let mut storage = MemoryStorage::new();
    let config = LogConfig { delete_retention_ms: 86_400_000, ..compacted() };
    let mut log = Log::create(&mut storage, "t-0".to_owned(), NOW_MS).unwrap();
    let append = |log: &mut Log, storage: &mut MemoryStorage, records: &[_]| {
        let batch = batch(records, NOW_MS, Compression::None);
        log.append(storage, &config, &batch, 0, NOW_MS).unwrap();
    };
    let large = Some(3_500);
    append(&mut log, &mut storage, &[(1, Some(10)), (2, Some(10))]);
    append(&mut log, &mut storage, &[(1, None), (3, large)]);
    append(&mut log, &mut storage, &[(4, large)]);
    clean(&mut log, &mut storage, NOW_MS).unwrap();
    let keys = |log: &Log, storage: &mut MemoryStorage| {
        let (_, state) = read(log, storage);
        state.iter().map(|(key, (_, value))| (key[0], value.is_some())).collect::<Vec<_>>()
    };
    assert_eq!(keys(&log, &mut storage), [(1, false), (2, true), (3, true), (4, true)]);
    append(&mut log, &mut storage, &[(5, large)]);
    clean(&mut log, &mut storage, NOW_MS + 86_399_999).unwrap();
    assert_eq!(keys(&log, &mut storage)[0], (1, false), "not yet");
    append(&mut log, &mut storage, &[(6, large)]);
    clean(&mut log, &mut storage, NOW_MS + 86_400_000).unwrap();
    assert_eq!(keys(&log, &mut storage)[0], (2, true));
}

#[test]
fn what_is_young_waits_and_what_has_waited_is_overdue() {
    let mut storage = MemoryStorage::new();
    let log = fill(&mut storage, 60, 5);
    let config = |lag, most| LogConfig {
        min_cleanable_ratio: 999_999,
        min_compaction_lag_ms: lag,
        max_compaction_lag_ms: most,
        ..compacted()
    };
    let dirt = |config: &LogConfig, now_ms| log.dirt(config, now_ms);
    assert!(dirt(&config(1_000, i64::MAX), NOW_MS + 500).is_none());
    let later = dirt(&config(1_000, i64::MAX), NOW_MS + 2_000).unwrap();
    assert!(!later.overdue && later.is_enough(&config(0, i64::MAX)));
    assert!(dirt(&config(0, 100), NOW_MS + 200).unwrap().overdue);
}

#[test]
fn a_crash_at_any_write_of_a_cleaning_loses_no_newest_record() {
    let mut full = SimDisk::new();
    let mut log = fill(&mut full, 40, 7);
    let (_, newest) = read(&log, &mut full);
    let (job, end) = log.begin_sync(&mut full).unwrap().unwrap();
    job.run().unwrap();
    log.end_sync(end);
    full.sync_everything().unwrap().run().unwrap();
    let noted = Checkpoint { start: 0, recovery_point: end, clean: false, cleaned: 0 };
    let reopen = |disk: &mut SimDisk| {
        Log::open(disk, "t-0".to_owned(), &compacted(), noted, NOW_MS).unwrap()
    };
    let (mut at, mut states, mut swapped) = (0, 0, 0);
    loop {
        let disk = full.copy();
        let mut process = disk.restarted();
        let mut log = reopen(&mut process);
        disk.die_after(at);
        let finished = clean(&mut log, &mut process, NOW_MS).is_ok();
        for way in 0..=WAYS {
            let left = disk.copy();
            if way < WAYS {
                left.lose_power(at * WAYS + way);
            }
            swapped += usize::from(left.names().iter().any(|name| name.ends_with(".log.swap")));
            let mut disk = left.restarted();
            let mut log = reopen(&mut disk);
            assert_eq!((log.start_offset(), log.end_offset()), (0, end), "{at}, {way}");
            assert_eq!(read(&log, &mut disk).1, newest, "{at}, {way}");
            let odd = |name: &String| [".cleaned", ".swap"].iter().any(|end| name.ends_with(end));
            assert!(!disk.names().iter().any(odd), "{at}, {way}");
            clean(&mut log, &mut disk, NOW_MS).unwrap();
            assert_eq!(read(&log, &mut disk).1, newest, "{at}, {way}, cleaned again");
            states += 1;
        }
        if finished {
            break;
        }
        at += 1;
    }
    assert!(states > 300 && swapped > 20, "{states} states, {swapped} in the middle of a swap");
}

#[test]
fn a_log_with_gaps_opens_when_it_is_compacted_no_more() {
    let mut disk = SimDisk::new();
    let mut log = fill(&mut disk, 60, 11);
    clean(&mut log, &mut disk, NOW_MS).unwrap();
    let (offsets, _) = read(&log, &mut disk);
    let (cleaned, end) = (log.cleaned(), log.end_offset());
    let noted = Checkpoint { start: 0, recovery_point: 0, clean: false, cleaned };
    let deleting = LogConfig { compacts: false, ..compacted() };
    let mut disk = disk.restarted();
    let log = Log::open(&mut disk, "t-0".to_owned(), &deleting, noted, NOW_MS).unwrap();
    assert_eq!((log.end_offset(), read(&log, &mut disk).0), (end, offsets));
}

//! What a log promises, against a model of it.

use super::*;
use kafka_proto::records::{BatchBuilder, Batches, Compressor, Stamp};
use kafka_proto::wire::sample::Rng;

pub(super) const NOW_MS: i64 = 1_700_000_000_000;

pub(super) fn config() -> LogConfig {
    LogConfig {
        segment_bytes: 4_000,
        segment_ms: i64::MAX,
        index_interval_bytes: 300,
        index_bytes: 10_485_760,
        flush_messages: i64::MAX,
        flush_ms: u64::MAX,
        file_delete_delay_ms: 60_000,
        retention_ms: -1,
        retention_bytes: -1,
        max_message_bytes: 1 << 20,
        max_decompressed_bytes: 1 << 20,
        deletes: true,
        compacts: false,
        delete_retention_ms: 86_400_000,
        min_cleanable_ratio: 500_000,
        min_compaction_lag_ms: 0,
        max_compaction_lag_ms: i64::MAX,
        log_append_time: false,
        timestamp_before_max_ms: i64::MAX,
        timestamp_after_max_ms: i64::MAX,
        min_insync_replicas: 1,
    }
}

pub(super) fn batch(records: usize, timestamp: i64, padding: usize) -> Batch {
    let mut builder = BatchBuilder::new(Vec::new());
    for _ in 0..records {
        builder.append(timestamp, None, Some(&vec![b'x'; padding]), &[]);
    }
    let bytes = builder.seal(Stamp::NONE, &mut Compressor::none());
    Batches::new(bytes.into()).next().unwrap().unwrap()
}

fn new_log(storage: &mut MemoryStorage) -> Log {
    Log::create(storage, "t-0".to_owned(), NOW_MS).unwrap()
}

/// First and last offset of each batch in what was read.
fn offsets(records: &Records) -> Vec<(i64, i64)> {
    let batches = Batches::new(records.to_bytes().unwrap());
    batches
        .map(|batch| {
            let header = *batch.unwrap().header();
            (header.base_offset, header.last_offset())
        })
        .collect()
}

#[test]
fn any_read_gives_the_whole_batches_it_should() {
    let (mut storage, mut rng, config) = (MemoryStorage::new(), Rng::new(11), config());
    let mut log = new_log(&mut storage);
    // First offset, last offset and length of every batch.
    let mut model: Vec<(i64, i64, u64)> = Vec::new();
    for step in 0..400 {
        let batch = batch(1 + rng.below(5), NOW_MS, rng.below(90));
        let base = log.append(&mut storage, &config, &batch, 0, NOW_MS).unwrap();
        let last = base + i64::from(batch.header().last_offset_delta);
        model.push((base, last, batch.bytes().len() as u64));
        if step % 4 != 0 {
            continue;
        }
        let offset = i64::try_from(rng.below(usize::try_from(last).unwrap() + 1)).unwrap();
        let max_bytes = rng.below(9_000) as u64;
        let one_at_least = rng.one_in(2);
        let mut left = max_bytes;
        let mut expected = Vec::new();
        for (first, last, len) in model.iter().filter(|(_, last, _)| *last >= offset) {
            if *len > left && !(one_at_least && expected.is_empty()) {
                break;
            }
            left = left.saturating_sub(*len);
            expected.push((*first, *last));
        }
        let end = log.end_offset();
        let read = log.read(&mut storage, offset, end, max_bytes, one_at_least).unwrap();
        assert_eq!(offsets(&read), expected, "offset {offset}, {max_bytes} bytes, step {step}");
        let from: u64 = model.iter().filter(|(_, last, _)| *last >= offset).map(|b| b.2).sum();
        let counted = log.bytes_between(&mut storage, offset, end, u64::MAX).unwrap();
        assert_eq!(counted, from);
        assert_eq!(log.bytes_between(&mut storage, offset, end, 100).unwrap(), from.min(100));
    }
    assert!(log.segment_count() > 10, "{}", log.segment_count());
}

#[test]
fn nothing_is_read_behind_the_given_end() {
    let (mut storage, config) = (MemoryStorage::new(), config());
    let mut log = new_log(&mut storage);
    for _ in 0..30 {
        log.append(&mut storage, &config, &batch(2, NOW_MS, 200), 0, NOW_MS).unwrap();
    }
    for end in [0, 2, 18, 40, 60] {
        let read = log.read(&mut storage, 0, end, u64::MAX, true).unwrap();
        assert_eq!(offsets(&read).last().map_or(0, |(_, last)| last + 1), end);
        let counted = log.bytes_between(&mut storage, 0, end, u64::MAX).unwrap();
        assert_eq!(counted, read.len() as u64);
    }
}

#[test]
fn a_batch_gets_the_epoch_of_its_leader() {
    let (mut storage, config) = (MemoryStorage::new(), config());
    let mut log = new_log(&mut storage);
    log.begin_epoch(&mut storage, 0).unwrap();
    for epoch in [0, 0, 3, 7] {
        log.append(&mut storage, &config, &batch(1, NOW_MS, 1), epoch, NOW_MS).unwrap();
    }
    let read = log.read(&mut storage, 0, 4, u64::MAX, true).unwrap();
    let epochs = Batches::new(read.to_bytes().unwrap())
        .map(|batch| batch.unwrap().header().partition_leader_epoch);
    assert_eq!(epochs.collect::<Vec<_>>(), [0, 0, 3, 7]);
    assert_eq!(log.epochs().end_of(3, 4), (3, 3));
    assert_eq!(log.epochs().at(2), Some(3));
}

#[test]
fn retention_drops_closed_segments_from_the_front() {
    let (mut storage, mut config) = (MemoryStorage::new(), config());
    let mut log = new_log(&mut storage);
    for at in 0..8 {
        let batch = batch(1, NOW_MS + at * 1_000, 2_500);
        log.append(&mut storage, &config, &batch, 0, NOW_MS).unwrap();
    }
    assert_eq!(log.segment_count(), 8);
    let size = log.size_bytes() / 8;
    assert_eq!(log.retain(&mut storage, &config, NOW_MS + 1_000_000), Ok(0), "nothing is limited");
    config.retention_ms = 1_000;
    assert_eq!(log.retain(&mut storage, &config, NOW_MS + 3_000), Ok(2));
    assert_eq!((log.start_offset(), log.end_offset()), (2, 8));
    config.retention_bytes = i64::try_from(4 * size).unwrap();
    assert_eq!(log.retain(&mut storage, &config, NOW_MS), Ok(2));
    assert_eq!(log.start_offset(), 4);
    config.deletes = false;
    config.retention_bytes = 0;
    assert_eq!(log.retain(&mut storage, &config, NOW_MS), Ok(0), "it is not for retention");
    config.deletes = true;
    assert_eq!(log.retain(&mut storage, &config, NOW_MS + 1_000_000), Ok(3));
    assert_eq!((log.segment_count(), log.start_offset()), (1, 7), "the open one stays");
    assert_eq!(storage.len(), size, "files of dropped segments are gone");
}

#[test]
fn moving_the_start_lets_go_of_memory() {
    let (mut storage, config) = (MemoryStorage::new(), config());
    let mut log = new_log(&mut storage);
    for _ in 0..10 {
        log.append(&mut storage, &config, &batch(1, NOW_MS, 1_500), 0, NOW_MS).unwrap();
    }
    let before = storage.len();
    log.advance_start(&mut storage, 5, NOW_MS).unwrap();
    assert!(storage.len() < before);
    assert_eq!(offsets(&log.read(&mut storage, 5, 10, 1, true).unwrap()), [(5, 5)]);
    log.advance_start(&mut storage, 3, NOW_MS).unwrap();
    assert_eq!(log.start_offset(), 5, "it never goes back");
    log.advance_start(&mut storage, 10, NOW_MS).unwrap();
    assert_eq!((storage.len(), log.start_offset(), log.end_offset()), (0, 10, 10));
    let base = log.append(&mut storage, &config, &batch(1, NOW_MS, 1), 0, NOW_MS).unwrap();
    assert_eq!(base, 10);
}

#[test]
fn an_append_that_fails_leaves_the_log_as_it_was() {
    let (mut storage, config) = (SimDisk::new(), config());
    let mut log = Log::create(&mut storage, "t-0".to_owned(), NOW_MS).unwrap();
    log.append(&mut storage, &config, &batch(2, NOW_MS, 2_500), 0, NOW_MS).unwrap();
    for padding in [1, 2_500] {
        storage.fail(Some(DiskFault::Full));
        let small = batch(1, NOW_MS, padding);
        let error = log.append(&mut storage, &config, &small, 1, NOW_MS).unwrap_err();
        assert_eq!(error.kind, std::io::ErrorKind::StorageFull);
        assert_eq!((log.end_offset(), log.high_watermark(), log.segment_count()), (2, 2, 1));
        assert_eq!(log.epochs().at(2), Some(0));
    }
    storage.fail(None);
    let next = log.append(&mut storage, &config, &batch(1, NOW_MS, 1), 0, NOW_MS).unwrap();
    assert_eq!(next, 2);
}

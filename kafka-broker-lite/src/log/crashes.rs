//! What is left of a log when the process or the power goes, at every write and in many ways.

use super::tests::{NOW_MS, batch, config};
use super::*;
use crate::clock::Random;
use kafka_proto::records::Batches;

/// Batches that a story appends.
const APPENDS: u64 = 60;

/// Ways in which the power goes at each write.
const WAYS: u64 = 70;

/// What a story has got done before it ended.
#[derive(Clone, Default)]
struct Done {
    /// Every batch as it lies in the log, with its base offset.
    batches: Vec<(i64, Bytes)>,
    /// Everything before it was synced.
    synced: i64,
    /// What a checkpoint says, which is written now and then.
    noted: i64,
    start: i64,
}

impl Done {
    /// The end of all that was appended for certain: the last one may not have been.
    fn end(&self) -> i64 {
        let certain = self.batches.len().saturating_sub(1);
        let certain = self.batches.get(..certain).unwrap_or_default();
        certain.last().map_or(0, |(base, bytes)| end_of(*base, bytes))
    }
}

fn end_of(base: i64, bytes: &Bytes) -> i64 {
    base + i64::from(BatchHeader::parse(bytes).unwrap().last_offset_delta) + 1
}

/// Appends, syncs, rolls and drops segments until it is done or the disk dies.
fn tell(disk: &mut SimDisk, seed: u64, done: &mut Done) -> Result<(), StorageError> {
    let mut random = Random::new(seed);
    let config = config();
    let mut log = Log::create(disk, "t-0".to_owned(), NOW_MS)?;
    log.begin_epoch(disk, 0)?;
    let mut epoch = 0;
    for step in 0..APPENDS {
        let records = 1 + usize::try_from(random.word() % 3).unwrap();
        let padding = usize::try_from(random.word() % 700).unwrap();
        let time = NOW_MS + i64::try_from(random.word() % 1_000).unwrap();
        if step % 25 == 24 {
            epoch += 1;
            log.begin_epoch(disk, epoch)?;
        }
        let fresh = batch(records, time, padding);
        let base = log.end_offset();
        let mut bytes = fresh.bytes().to_vec();
        set_base_offset(&mut bytes, base);
        set_partition_leader_epoch(&mut bytes, epoch);
        // An append that fails may still have reached the medium.
        done.batches.push((base, bytes.into()));
        log.append(disk, &config, &fresh, epoch, NOW_MS)?;
        if random.word().is_multiple_of(4)
            && let Some((job, end)) = log.begin_sync(disk)?
        {
            job.run()?;
            log.end_sync(end);
            done.synced = end;
            if random.word().is_multiple_of(2) {
                done.noted = end;
            }
        }
        if random.word().is_multiple_of(20) {
            let start = log.high_watermark() / 3;
            done.start = done.start.max(start);
            log.advance_start(disk, start, NOW_MS)?;
        }
    }
    Ok(())
}

/// Opens what is left, and checks it against what was done; gives where the log ends.
fn check(disk: &SimDisk, done: &Done, at_least: i64, what: &str) -> i64 {
    let mut disk = disk.restarted();
    let noted =
        Checkpoint { start: done.start, recovery_point: done.noted, clean: false, cleaned: 0 };
    let opened = Log::open(&mut disk, "t-0".to_owned(), &config(), noted, NOW_MS);
    let mut log = opened.unwrap_or_else(|error| panic!("{what}: {error}"));
    let (start, end) = (log.start_offset(), log.end_offset());
    assert!(end >= at_least, "{what}: {at_least} was promised, the log ends at {end}");
    assert_eq!(start, done.start, "{what}");
    let inside = |(base, bytes): &&(i64, Bytes)| end_of(*base, bytes) > start && *base < end;
    let model: Vec<_> = done.batches.iter().filter(inside).filter(|_| start < end).collect();
    let read = log.read(&mut disk, start, end, u64::MAX, true).unwrap().to_bytes().unwrap();
    let mut found = Batches::new(read);
    for (base, bytes) in &model {
        let batch = found.next().unwrap().unwrap();
        assert_eq!(batch.bytes(), bytes, "{what}: the batch at {base}");
        batch.verify_crc().unwrap();
        let one = log.read(&mut disk, (*base).max(start), end, 1, true).unwrap();
        assert_eq!(one.to_bytes().unwrap(), bytes, "{what}: looked up at {base}");
    }
    assert!(found.next().is_none(), "{what}");
    if let Some((base, bytes)) = model.last() {
        assert_eq!(end_of(*base, bytes), end, "{what}: it ends with a whole batch");
        let epoch = BatchHeader::parse(bytes).unwrap().partition_leader_epoch;
        assert_eq!(log.epochs().at(*base), Some(epoch), "{what}");
    }
    for (_, bytes) in &model {
        // The batch found may be any with that time or a later one; none before it has one.
        let wanted = BatchHeader::parse(bytes).unwrap().max_timestamp;
        let first = model
            .iter()
            .find(|(_, bytes)| BatchHeader::parse(bytes).unwrap().max_timestamp >= wanted);
        let decompressor = &mut Decompressor::new();
        let since = log.first_since(&mut disk, decompressor, 1 << 20, wanted).unwrap();
        let expected = first.map(|(base, _)| (*base).max(start));
        assert_eq!(since.map(|found| found.offset), expected, "{what}");
    }
    let base = log.append(&mut disk, &config(), &batch(1, NOW_MS, 9), 9, NOW_MS).unwrap();
    assert_eq!(base, end, "{what}: it goes on where it ends");
    end
}

#[test]
fn every_crash_leaves_all_that_was_synced() {
    let (mut states, mut shorter, mut longer) = (0, 0, 0);
    let mut at = 0;
    loop {
        let mut disk = SimDisk::new();
        disk.die_after(at);
        let mut done = Done::default();
        let finished = tell(&mut disk, 7, &mut done).is_ok();
        check(&disk.copy(), &done, done.end(), &format!("killed at {at}"));
        for way in 0..WAYS {
            let left = disk.copy();
            left.lose_power(at * WAYS + way);
            if way % 7 == 0 {
                let names = left.names().into_iter().filter(|name| name.ends_with("index"));
                names.for_each(|name| left.lose_file(&name));
            }
            let end = check(&left, &done, done.synced, &format!("power lost at {at}, way {way}"));
            states += 1;
            shorter += u64::from(end < done.end());
            longer += u64::from(end > done.synced);
        }
        if finished {
            break;
        }
        at += 1;
    }
    assert!(states >= 10_000, "only {states} states");
    assert!(shorter > states / 10 && longer > states / 10, "{shorter}, {longer} of {states}");
}

#[test]
fn a_clean_stop_leaves_a_log_that_opens_as_it_was() {
    let (mut disk, config) = (SimDisk::new(), config());
    let mut log = Log::create(&mut disk, "t-0".to_owned(), NOW_MS).unwrap();
    log.begin_epoch(&mut disk, 0).unwrap();
    for at in 0..50 {
        log.append(&mut disk, &config, &batch(2, NOW_MS + at, 300), 0, NOW_MS).unwrap();
    }
    log.stop(&mut disk).unwrap();
    disk.sync_everything().unwrap().run().unwrap();
    let changes = disk.changes();
    disk.lose_power(1);
    let mut disk = disk.restarted();
    let noted = Checkpoint { start: 0, recovery_point: 0, clean: true, cleaned: 0 };
    let mut again = Log::open(&mut disk, "t-0".to_owned(), &config, noted, NOW_MS).unwrap();
    assert_eq!((again.start_offset(), again.end_offset(), again.recovery_point()), (0, 100, 100));
    assert_eq!(again.segment_count(), log.segment_count());
    assert_eq!(again.size_bytes(), log.size_bytes());
    assert_eq!(disk.changes(), changes, "nothing had to be written");
    for offset in 0..100 {
        let read = again.read(&mut disk, offset, 100, 1, true).unwrap();
        let header = BatchHeader::parse(&read.to_bytes().unwrap()).unwrap();
        assert_eq!(header.base_offset, offset / 2 * 2);
    }
    let base = again.append(&mut disk, &config, &batch(1, NOW_MS, 1), 0, NOW_MS).unwrap();
    assert_eq!(base, 100);
}

#[test]
fn with_a_flush_policy_nothing_is_seen_before_it_is_synced() {
    let (mut disk, config) = (SimDisk::new(), LogConfig { flush_messages: 3, ..config() });
    let mut log = Log::create(&mut disk, "t-0".to_owned(), NOW_MS).unwrap();
    let append = |disk: &mut SimDisk, log: &mut Log, records| {
        log.append(disk, &config, &batch(records, NOW_MS, 1), 0, NOW_MS).unwrap();
        (log.high_watermark(), log.wants_sync())
    };
    assert_eq!(append(&mut disk, &mut log, 2), (2, false));
    assert_eq!(append(&mut disk, &mut log, 2), (2, true), "four records are not synced");
    let (job, end) = log.begin_sync(&mut disk).unwrap().unwrap();
    assert_eq!(append(&mut disk, &mut log, 1), (2, false), "it waits for what is before it");
    assert!(log.begin_sync(&mut disk).unwrap().is_none(), "one at a time");
    job.run().unwrap();
    log.end_sync(end);
    assert_eq!((log.high_watermark(), log.wants_sync()), (4, true));
}

#[test]
fn what_a_killed_process_left_unsynced_is_synced_before_it_is_seen() {
    for (flush_messages, left) in [(1, 3), (4, 0)] {
        let (mut disk, config) = (SimDisk::new(), LogConfig { flush_messages, ..config() });
        let mut log = Log::create(&mut disk, "t-0".to_owned(), NOW_MS).unwrap();
        let (job, _) = (disk.sync_everything().unwrap(), log.begin_epoch(&mut disk, 0).unwrap());
        job.run().unwrap();
        log.append(&mut disk, &config, &batch(3, NOW_MS, 1), 0, NOW_MS).unwrap();
        let open = |disk: &mut SimDisk| {
            let noted = Checkpoint { start: 0, recovery_point: 0, clean: false, cleaned: 0 };
            let mut log = Log::open(disk, "t-0".to_owned(), &config, noted, NOW_MS).unwrap();
            log.sync_what_was_left(disk, &config).unwrap();
            log.high_watermark()
        };
        assert_eq!(open(&mut disk.restarted()), 3);
        disk.lose_unsynced();
        assert_eq!(open(&mut disk.restarted()), left);
    }
}

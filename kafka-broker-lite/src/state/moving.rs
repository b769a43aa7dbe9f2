//! Moves of partitions to other log directories: a copy grows in a directory that ends in `-future`, a little at a
//! time, and takes the place of the log when it has all of it and is synced.
//!
//! Whichever of the two the metadata log names counts: a process that dies leaves the log where it was, or where it was
//! to go. What is copied and not named is thrown away.

use super::{DirId, News, PartitionKey, State, directory, snapshot};
use crate::clock::Now;
use crate::log::{Checkpoint, Log, StorageError};
use std::collections::BTreeMap;

/// Bytes that are copied in one step, and with how few missing a copy can be finished at once.
const STEP_BYTES: u64 = 256 * 1024;

/// How long there is between two steps.
const STEP_EVERY_MS: u64 = 2;

/// All moves that are under way.
#[derive(Debug, Default)]
pub(crate) struct Moves {
    running: BTreeMap<PartitionKey, Move>,
    next_ms: Option<u64>,
}

/// The move of one partition.
#[derive(Debug)]
pub(crate) struct Move {
    from: DirId,
    pub(crate) to: DirId,
    pub(crate) log: Log,
    waits_for: Option<u64>,
    /// Everything before it is on the medium.
    synced: i64,
}

impl Moves {
    pub(super) fn deadline(&self) -> Option<u64> {
        self.next_ms
    }

    pub(crate) fn of(&self, key: PartitionKey) -> Option<&Move> {
        self.running.get(&key)
    }

    /// Takes the end of a sync, if it is one of a copy; gives the directory that it was in.
    pub(super) fn synced(&mut self, now: Now, token: u64) -> Option<DirId> {
        let mut all = self.running.values_mut();
        let found = all.find(|one| one.waits_for == Some(token))?;
        found.waits_for = None;
        self.next_ms = Some(now.monotonic_ms);
        Some(found.to)
    }
}

impl State {
    /// Begins to move a partition to another directory; one that moves elsewhere gives that up.
    pub(crate) fn move_partition(
        &mut self,
        now: Now,
        key: PartitionKey,
        to: DirId,
    ) -> Result<(), StorageError> {
        if self.disk.moves.of(key).is_some_and(|running| running.to == to) {
            return Ok(());
        }
        self.stop_moving(key);
        let unique = self.random(now);
        let topic = self.topics.by_id_mut(key.0);
        let Some(partition) = topic.and_then(|topic| topic.partition(key.1)) else { return Ok(()) };
        if partition.dir == to {
            return Ok(());
        }
        let name = format!("{}.{unique:032x}-future", partition.name);
        let storage = self.log_dirs.storage(to);
        let begun = partition.log.begin_copy(storage, name, now.wall_ms);
        let from = partition.dir;
        let log = self.stored(to, begun)?;
        self.disk.moves.running.insert(key, Move { from, to, log, waits_for: None, synced: -1 });
        self.disk.moves.next_ms = Some(now.monotonic_ms);
        Ok(())
    }

    fn stop_moving(&mut self, key: PartitionKey) {
        let Some(Move { to, log, .. }) = self.disk.moves.running.remove(&key) else { return };
        let name = log.name().to_owned();
        let storage = self.log_dirs.storage(to);
        log.close(storage);
        let removed = storage.remove(&name);
        let _offline_when_failed = self.stored(to, removed);
    }

    /// Copies a little of every log that moves, when it is time.
    pub(super) fn move_a_little(&mut self, now: Now) {
        if self.disk.moves.next_ms.is_none_or(|at| at > now.monotonic_ms) {
            return;
        }
        self.disk.moves.next_ms = None;
        let keys: Vec<PartitionKey> = self.disk.moves.running.keys().copied().collect();
        for key in keys {
            let Some(mut running) = self.disk.moves.running.remove(&key) else { continue };
            let to = running.to;
            if running.waits_for.is_some() {
                self.disk.moves.running.insert(key, running);
                continue;
            }
            self.disk.moves.next_ms = Some(now.monotonic_ms + STEP_EVERY_MS);
            let stepped = self.step_of_move(now, key, &mut running);
            match stepped {
                Ok(Step::More) => {
                    self.disk.moves.running.insert(key, running);
                }
                Ok(Step::Whole) => {
                    let finished = self.finish_move(now, key, running);
                    let _offline_when_failed = self.stored(to, finished);
                }
                Ok(Step::Gone) => {
                    self.disk.moves.running.insert(key, running);
                    self.stop_moving(key);
                }
                Err(error) => {
                    tracing::error!("a move ends: {error}");
                    self.disk.moves.running.insert(key, running);
                    self.stop_moving(key);
                }
            }
        }
    }

    fn step_of_move(
        &mut self,
        now: Now,
        key: PartitionKey,
        running: &mut Move,
    ) -> Result<Step, StorageError> {
        self.log_dirs.check(running.to)?;
        self.log_dirs.check(running.from)?;
        let Some(topic) = self.topics.by_id_mut(key.0) else { return Ok(Step::Gone) };
        let at = usize::try_from(key.1).unwrap_or(usize::MAX);
        let Some(partition) = topic.partitions.get_mut(at) else { return Ok(Step::Gone) };
        let (config, source) = (&topic.log_config, &partition.log);
        if source.start_offset() > running.log.end_offset() {
            return Ok(Step::Gone);
        }
        if running.log.end_offset() < source.end_offset() {
            let (from, end) = (running.log.end_offset(), source.end_offset());
            let storage = self.log_dirs.storage(running.from);
            let read = source.read(storage, from, end, STEP_BYTES, true)?;
            let bytes = read.to_bytes().map_err(|error| StorageError {
                what: format!("read {}", partition.name),
                kind: error.kind(),
            })?;
            let storage = self.log_dirs.storage(running.to);
            running.log.append_copied(storage, config, bytes, now.wall_ms)?;
        }
        let (have, end) = (running.log.end_offset(), source.end_offset());
        if have < end {
            return Ok(Step::More);
        }
        let storage = self.log_dirs.storage(running.from);
        let fresh = source.bytes_between(storage, running.synced.max(0), end, STEP_BYTES)?;
        if running.synced >= 0 && fresh < STEP_BYTES {
            return Ok(Step::Whole);
        }
        // The bulk is synced while records still come; what is left then takes no time.
        running.synced = have;
        if let Some((job, end)) = running.log.begin_sync(self.log_dirs.storage(running.to))? {
            running.log.end_sync(end);
            running.waits_for = Some(self.disk.add_job(job));
        }
        Ok(Step::More)
    }

    /// Puts a copy that has everything in the place of the log.
    fn finish_move(
        &mut self,
        now: Now,
        key: PartitionKey,
        running: Move,
    ) -> Result<(), StorageError> {
        let Move { from, to, mut log, .. } = running;
        let topic = self.topics.by_id_mut(key.0);
        let Some(topic) = topic else { return Ok(()) };
        let (config, delay_ms) = (topic.log_config.clone(), topic.log_config.file_delete_delay_ms);
        let Some(partition) = topic.partition(key.1) else { return Ok(()) };
        let (name, future) = (partition.name.clone(), log.name().to_owned());
        let (start, end) = (partition.log.start_offset(), log.end_offset());
        let storage = self.log_dirs.storage(to);
        log.take_epochs_of(storage, &partition.log)?;
        snapshot::write(storage, &future, end, &partition.producers)?;
        directory::note_topic(storage, &future, key.0)?;
        log.stop(storage)?;
        if let Some((job, _)) = log.begin_sync(storage)? {
            job.run()?;
        }
        log.close(storage);
        storage.rename(&future, &name)?;
        storage.sync(&[])?.run()?;
        let noted = Checkpoint { start, recovery_point: end, clean: true, cleaned: 0 };
        let opened = Log::open(storage, name, &config, noted, now.wall_ms)?;
        let moved = self.lead(key.0, key.1, false, self.log_dirs.uuid(to));
        let unique = format!("{:016x}{:016x}", self.random(now), self.random(now));
        if let Err(error) = self.record(now, &[moved]) {
            // The copy counts for nothing until the metadata log says so.
            opened.close(self.log_dirs.storage(to));
            tracing::error!("a move ends: {error}");
            return Ok(());
        }
        let topic = self.topics.by_id_mut(key.0);
        let Some(partition) = topic.and_then(|topic| topic.partition(key.1)) else { return Ok(()) };
        partition.dir = to;
        let mut old = std::mem::replace(&mut partition.log, opened);
        let deleted = old.delete(self.log_dirs.storage(from), &unique);
        let doomed = old.take_doomed();
        self.doom(now, delay_ms, from, doomed);
        let _offline_when_failed = self.stored(from, deleted);
        self.news.push(News::Partition(key));
        self.note_log_starts(to)
    }
}

/// How a step of a move has ended.
enum Step {
    More,
    /// The copy has everything, and only little of it is not synced.
    Whole,
    /// There is nothing to be moved any more, or not from where it began.
    Gone,
}

//! What the state owes its disks: syncs that are due, files to be deleted, checkpoints; and what happens when one
//! fails.
//!
//! After a failed write or sync nobody knows what the medium holds, so the log directory is offline from then on:
//! nothing in it is appended to, read or acknowledged any more, until another process has recovered it.

use super::cleaner::Cleaner;
use super::moving::Moves;
use super::{DirId, News, PartitionKey, State};
use crate::clock::Now;
use crate::log::{Replace, StorageError, SyncJob, checkpoint};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// How often checkpoints are written (`log.flush.offset.checkpoint.interval.ms`).
const CHECKPOINT_MS: u64 = 60_000;

/// What `flush.ms` is when nobody has set it.
const NEVER_MS: u64 = i64::MAX as u64;

/// Says that the process before has stopped cleanly.
pub(super) const CLEAN_SHUTDOWN: &str = ".kafka_cleanshutdown";

/// Syncs, deletions and checkpoints to come.
#[derive(Debug, Default)]
pub(crate) struct Disk {
    /// The syncs that run: of which partition, and up to which offset.
    running: BTreeMap<u64, (PartitionKey, i64)>,
    next_token: u64,
    /// Syncs to be run by whoever runs the broker.
    jobs: VecDeque<(u64, SyncJob)>,
    /// When a partition has to be synced because of `flush.ms`, on the monotonic clock.
    flushes: BTreeSet<(u64, PartitionKey)>,
    /// When files are to be deleted.
    doomed: BTreeMap<u64, Vec<(DirId, String)>>,
    /// When checkpoints are written next; 0 before anything was appended.
    next_checkpoint_ms: Option<u64>,
    pub(super) cleaner: Cleaner,
    pub(crate) moves: Moves,
}

impl Disk {
    /// A sync to be run, with the token to tell its end by.
    pub(crate) fn next_job(&mut self) -> Option<(u64, SyncJob)> {
        self.jobs.pop_front()
    }

    /// Has a job run, and gives the token to tell its end by.
    pub(super) fn add_job(&mut self, job: SyncJob) -> u64 {
        let token = self.next_token;
        self.next_token += 1;
        self.jobs.push_back((token, job));
        token
    }

    /// When there is something to do next.
    pub(crate) fn deadline(&self) -> Option<u64> {
        let flush = self.flushes.first().map(|(at, _)| *at);
        let doomed = self.doomed.first_key_value().map(|(at, _)| *at);
        [flush, doomed, self.next_checkpoint_ms, self.cleaner.deadline(), self.moves.deadline()]
            .into_iter()
            .flatten()
            .min()
    }
}

impl State {
    /// A write or sync has failed: takes the log directory offline, and lets everybody know who waits for what lies in
    /// it.
    pub(crate) fn storage_failed(&mut self, dir: DirId, error: &StorageError) {
        if !self.log_dirs.take_offline(dir, error) {
            return;
        }
        let lost = self.topics.iter().flat_map(|topic| {
            let numbered = (0..).zip(&topic.partitions);
            let there = numbered.filter(|(_, partition)| partition.dir == dir);
            there.map(|(index, _)| (topic.id, index))
        });
        self.news.extend(lost.map(News::Partition));
        for names in self.disk.doomed.values_mut() {
            names.retain(|(at, _)| *at != dir);
        }
        self.release_answers();
    }

    /// Takes the log directory offline if `result` is a failure, and passes it on.
    pub(crate) fn stored<T>(
        &mut self,
        dir: DirId,
        result: Result<T, StorageError>,
    ) -> Result<T, StorageError> {
        if let Err(error) = &result {
            self.storage_failed(dir, error);
        }
        result
    }

    /// A partition was appended to: begins to sync it if that is due, or notes when it will be.
    pub(crate) fn appended(&mut self, now: Now, key: PartitionKey) {
        let Some(topic) = self.topics.by_id_mut(key.0) else { return };
        let (flush_ms, compacts) = (topic.log_config.flush_ms, topic.log_config.compacts);
        if compacts {
            self.wake_cleaner(now);
        }
        if !self.log_dirs.are_durable() {
            return;
        }
        self.disk.next_checkpoint_ms.get_or_insert(now.monotonic_ms + CHECKPOINT_MS);
        let Some(topic) = self.topics.by_id_mut(key.0) else { return };
        let Some(partition) = topic.partition(key.1) else { return };
        if partition.log.wants_sync() {
            self.begin_sync(key);
        } else if flush_ms < NEVER_MS && partition.log.unsynced_since_ms() == Some(now.wall_ms) {
            self.disk.flushes.insert((now.monotonic_ms + flush_ms, key));
        }
    }

    fn begin_sync(&mut self, key: PartitionKey) {
        let Some(topic) = self.topics.by_id_mut(key.0) else { return };
        let Some(partition) = topic.partition(key.1) else { return };
        let dir = partition.dir;
        if self.log_dirs.check(dir).is_err() {
            return;
        }
        match partition.log.begin_sync(self.log_dirs.storage(dir)) {
            Ok(Some((job, end))) => {
                let token = self.disk.add_job(job);
                self.disk.running.insert(token, (key, end));
            }
            Ok(None) => {}
            Err(error) => self.storage_failed(dir, &error),
        }
    }

    /// A sync has ended.
    pub(crate) fn synced(&mut self, now: Now, token: u64, result: Result<(), StorageError>) {
        if let Some(dir) = self.disk.moves.synced(now, token) {
            let _offline_when_failed = self.stored(dir, result);
            return;
        }
        if let Some(dir) = self.disk.cleaner.syncing(token) {
            self.disk.cleaner.synced(now);
            let _offline_when_failed = self.stored(dir, result);
            return;
        }
        let Some((key, end)) = self.disk.running.remove(&token) else { return };
        let topic = self.topics.by_id_mut(key.0);
        let Some(partition) = topic.and_then(|topic| topic.partition(key.1)) else { return };
        let dir = partition.dir;
        if let Err(error) = result {
            return self.storage_failed(dir, &error);
        }
        if self.log_dirs.check(dir).is_err() {
            return;
        }
        partition.log.end_sync(end);
        let again = partition.log.wants_sync();
        self.news.push(News::Partition(key));
        self.release_answers();
        if again {
            self.begin_sync(key);
        }
    }

    /// Does what is due on the disk.
    pub(crate) fn work_on_disk(&mut self, now: Now) {
        while let Some((at, key)) = self.disk.flushes.first().copied() {
            if at > now.monotonic_ms {
                break;
            }
            self.disk.flushes.remove(&(at, key));
            self.begin_sync(key);
        }
        while let Some(entry) = self.disk.doomed.first_entry() {
            if *entry.key() > now.monotonic_ms {
                break;
            }
            for (dir, name) in entry.remove() {
                // What stays behind is deleted when the directory is opened again.
                if let Err(error) = self.log_dirs.storage(dir).remove(&name) {
                    tracing::warn!("{error}");
                }
            }
        }
        self.clean_a_little(now);
        self.move_a_little(now);
        if self.disk.next_checkpoint_ms.is_some_and(|at| at <= now.monotonic_ms) {
            self.disk.next_checkpoint_ms = None;
            for dir in self.log_dirs.online() {
                let written = self.write_checkpoints(dir, Replace::Written);
                let _offline_from_now_on = self.stored(dir, written);
            }
        }
    }

    /// Has files deleted that went out of logs, when their time has come.
    pub(crate) fn doom(&mut self, now: Now, delay_ms: u64, dir: DirId, names: Vec<String>) {
        if !names.is_empty() {
            let at = now.monotonic_ms.saturating_add(delay_ms);
            let names = names.into_iter().map(|name| (dir, name));
            self.disk.doomed.entry(at).or_default().extend(names);
        }
    }

    /// Writes down where the logs of a directory begin, so that no restart brings deleted records back.
    pub(crate) fn note_log_starts(&mut self, dir: DirId) -> Result<(), StorageError> {
        if !self.log_dirs.are_durable() {
            return Ok(());
        }
        let written = self.write_offsets(dir, checkpoint::LOG_STARTS, Replace::Synced, |log| {
            (log.start_offset() > log.first_base_offset()).then(|| log.start_offset())
        });
        self.stored(dir, written)
    }

    fn write_checkpoints(&mut self, dir: DirId, how: Replace) -> Result<(), StorageError> {
        let points = checkpoint::RECOVERY_POINTS;
        self.write_offsets(dir, points, how, |log| Some(log.recovery_point()))?;
        let marks = checkpoint::HIGH_WATERMARKS;
        self.write_offsets(dir, marks, how, |log| Some(log.high_watermark()))
    }

    pub(super) fn write_offsets(
        &mut self,
        dir: DirId,
        name: &str,
        how: Replace,
        offset: impl Fn(&crate::log::Log) -> Option<i64>,
    ) -> Result<(), StorageError> {
        let partitions = self.topics.iter().flat_map(|topic| {
            let numbered = (0..).zip(&topic.partitions);
            let there = numbered.filter(|(_, partition)| partition.dir == dir);
            there.map(|(index, partition)| (&*topic.name, index, &partition.log))
        });
        let offsets =
            partitions.filter_map(|(topic, index, log)| Some((topic, index, offset(log)?)));
        let text = checkpoint::offsets_text(offsets);
        self.log_dirs.storage(dir).replace(name, text.as_bytes(), how)
    }

    /// Syncs everything and says that it is: what the next process finds needs no recovery.
    ///
    /// # Errors
    /// When a directory is offline, or goes offline now; the others are in order all the same.
    pub(crate) fn stop(&mut self) -> Result<(), StorageError> {
        if !self.log_dirs.are_durable() {
            return Ok(());
        }
        let mut result = Ok(());
        for dir in self.log_dirs.opened() {
            let stopped = self.log_dirs.check(dir).and_then(|()| self.stop_in(dir));
            result = result.and(stopped);
        }
        result
    }

    fn stop_in(&mut self, dir: DirId) -> Result<(), StorageError> {
        let storage = self.log_dirs.storage(dir);
        let all = self.topics.iter_mut().flat_map(|topic| &mut topic.partitions);
        for partition in all.filter(|partition| partition.dir == dir) {
            partition.stop(storage)?;
        }
        if dir == self.log_dirs.metadata() {
            self.stop_metadata()?;
        }
        self.log_dirs.storage(dir).sync_everything()?.run()?;
        let all = self.topics.iter_mut().flat_map(|topic| &mut topic.partitions);
        for partition in all.filter(|partition| partition.dir == dir) {
            partition.log.end_sync(partition.log.end_offset());
        }
        self.note_log_starts(dir)?;
        self.write_checkpoints(dir, Replace::Synced)?;
        let note = br#"{"version":0,"brokerEpoch":0}"#;
        self.log_dirs.storage(dir).replace(CLEAN_SHUTDOWN, note, Replace::Synced)
    }
}

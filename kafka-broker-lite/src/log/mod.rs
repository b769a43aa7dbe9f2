//! The log of one partition: segments of record batches, from a first offset to an end.
//!
//! Holds true: segments are in order and never none, offsets rise from batch to batch, start <= high watermark <=
//! end. A batch goes in as it came but for base offset and leader epoch, both outside its checksum. Which batches may
//! come in is decided by the partition, not here.

pub mod checkpoint;
mod cleaning;
#[cfg(test)]
mod cleaning_tests;
mod compaction;
mod config;
mod copying;
#[cfg(test)]
mod crashes;
mod epochs;
mod files;
mod index;
mod memory;
mod recovery;
mod segment;
mod sim_disk;
mod storage;
mod sync;
#[cfg(test)]
mod tests;

pub(crate) use cleaning::{Cleaning, Dirt, Progress, Trouble, Workplace};
pub use config::LogConfig;
pub use epochs::Epochs;
pub use files::{FileStorage, OpenError};
pub use memory::MemoryStorage;
pub use recovery::Checkpoint;
pub use sim_disk::{DiskFault, PowerLoss, SimDisk};
pub use storage::{FileId, Replace, Storage, StorageError, SyncJob};

use bytes::Bytes;
use kafka_proto::records::{
    Batch, BatchHeader, Decompressor, HEADER_LEN, Records, set_base_offset, set_log_append_time,
    set_partition_leader_epoch,
};
use segment::Segment;
use std::collections::VecDeque;
use sync::SyncState;

/// A record found by its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FoundRecord {
    /// Its offset.
    pub offset: i64,
    /// Its timestamp.
    pub timestamp: i64,
}

/// What a look-up by time failed of.
#[derive(Debug)]
pub enum LookupError {
    /// The storage.
    Storage(StorageError),
    /// A batch that cannot be opened.
    Corrupt(String),
}

impl From<StorageError> for LookupError {
    fn from(error: StorageError) -> Self {
        Self::Storage(error)
    }
}

/// The log of one partition.
#[derive(Debug)]
pub struct Log {
    /// The partition's directory, as Kafka names it.
    name: String,
    segments: VecDeque<Segment>,
    start: i64,
    end: i64,
    high_watermark: i64,
    epochs: Epochs,
    sync: SyncState,
    /// Everything before it is clean, if the log is compacted.
    cleaned: i64,
    /// Files that are out of the log and are to be deleted after a while.
    doomed: Vec<String>,
}

impl Log {
    /// An empty one.
    ///
    /// # Errors
    /// When the storage cannot make a file.
    pub fn create(
        storage: &mut dyn Storage,
        name: String,
        now_ms: i64,
    ) -> Result<Self, StorageError> {
        let segments = VecDeque::from([Segment::create(storage, &name, 0, now_ms)?]);
        Ok(Self {
            name,
            segments,
            start: 0,
            end: 0,
            high_watermark: 0,
            epochs: Epochs::default(),
            sync: SyncState::new(),
            cleaned: 0,
            doomed: Vec::new(),
        })
    }

    /// One that cannot be reached, with nothing in it; it must not be appended to.
    #[must_use]
    pub fn offline(name: String) -> Self {
        Self {
            name,
            segments: VecDeque::new(),
            start: 0,
            end: 0,
            high_watermark: 0,
            epochs: Epochs::default(),
            sync: SyncState::new(),
            cleaned: 0,
            doomed: Vec::new(),
        }
    }

    /// The partition's directory.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The first offset that can be read.
    #[must_use]
    pub fn start_offset(&self) -> i64 {
        self.start
    }

    /// The offset that the next record gets.
    #[must_use]
    pub fn end_offset(&self) -> i64 {
        self.end
    }

    /// The end of what every in-sync replica holds.
    #[must_use]
    pub fn high_watermark(&self) -> i64 {
        self.high_watermark
    }

    /// The end of what no open transaction can change any more.
    #[must_use]
    pub fn last_stable_offset(&self) -> i64 {
        self.high_watermark
    }

    /// The leader epochs of the records.
    #[must_use]
    pub fn epochs(&self) -> &Epochs {
        &self.epochs
    }

    /// Notes that a leader of `epoch` takes over.
    ///
    /// # Errors
    /// When that cannot be written down.
    pub fn begin_epoch(
        &mut self,
        storage: &mut dyn Storage,
        epoch: i32,
    ) -> Result<(), StorageError> {
        let news = self.epochs.assign(epoch, self.end);
        if news { self.write_epochs(storage) } else { Ok(()) }
    }

    /// Those of batches that a recovery looks at follow from them, so only a segment that is done needs them synced.
    fn write_epochs(&mut self, storage: &mut dyn Storage) -> Result<(), StorageError> {
        self.sync.epochs_changed = storage.is_durable();
        self.put_epochs(storage, Replace::Written)
    }

    /// Sees to it that the epochs are on the medium.
    fn sync_epochs(&mut self, storage: &mut dyn Storage) -> Result<(), StorageError> {
        if std::mem::take(&mut self.sync.epochs_changed) {
            self.put_epochs(storage, Replace::Synced)?;
        }
        Ok(())
    }

    fn put_epochs(&self, storage: &mut dyn Storage, how: Replace) -> Result<(), StorageError> {
        if !storage.is_durable() {
            return Ok(());
        }
        let name = format!("{}/{}", self.name, checkpoint::LEADER_EPOCHS);
        storage.replace(&name, checkpoint::epochs_text(&self.epochs).as_bytes(), how)
    }

    /// Bytes in all segments.
    #[must_use]
    pub fn size_bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.size).sum()
    }

    /// How many segments there are.
    #[must_use]
    pub fn segment_count(&self) -> usize {
        self.segments.len()
    }

    /// The first offset that may lie in the segment that is appended to.
    #[must_use]
    pub fn active_base_offset(&self) -> i64 {
        self.segments.back().map_or(self.end, |active| active.base_offset)
    }

    /// Whether a segment begins at `offset`.
    #[must_use]
    pub fn begins_segment_at(&self, offset: i64) -> bool {
        self.segments.binary_search_by_key(&offset, |segment| segment.base_offset).is_ok()
    }

    /// The first offset that may lie in the first segment.
    #[must_use]
    pub fn first_base_offset(&self) -> i64 {
        self.segments.front().map_or(self.start, |first| first.base_offset)
    }

    /// The files that went out of the log since the last call, to be deleted after a while.
    pub fn take_doomed(&mut self) -> Vec<String> {
        std::mem::take(&mut self.doomed)
    }

    /// Appends a batch that was found good, and gives its first offset.
    ///
    /// # Errors
    /// When the storage does not take it; the log is then as before.
    pub fn append(
        &mut self,
        storage: &mut dyn Storage,
        config: &LogConfig,
        batch: &Batch,
        leader_epoch: i32,
        now_ms: i64,
    ) -> Result<i64, StorageError> {
        let mut header = *batch.header();
        let base_offset = self.end;
        header.base_offset = base_offset;
        if config.log_append_time {
            header.max_timestamp = now_ms;
        }
        self.roll_when_full(storage, config, &header, now_ms)?;
        let Some(active) = self.segments.back_mut() else { return Err(no_segment(&self.name)) };
        let interval = config.index_interval_bytes;
        if config.log_append_time {
            let mut copy = batch.bytes().to_vec();
            set_base_offset(&mut copy, base_offset);
            set_partition_leader_epoch(&mut copy, leader_epoch);
            set_log_append_time(&mut copy, now_ms);
            active.append(storage, &header, &[&copy], interval)?;
        } else {
            let (front, rest) = batch.bytes().split_at(HEADER_LEN.min(batch.bytes().len()));
            let mut patched = [0; HEADER_LEN];
            patched[..front.len()].copy_from_slice(front);
            set_base_offset(&mut patched, base_offset);
            set_partition_leader_epoch(&mut patched, leader_epoch);
            active.append(storage, &header, &[&patched, rest], interval)?;
        }
        self.end = header.last_offset() + 1;
        if self.epochs.assign(leader_epoch, base_offset) {
            self.write_epochs(storage)?;
        }
        self.appended(storage, config, now_ms);
        Ok(base_offset)
    }

    fn roll_when_full(
        &mut self,
        storage: &mut dyn Storage,
        config: &LogConfig,
        header: &BatchHeader,
        now_ms: i64,
    ) -> Result<(), StorageError> {
        let Some(active) = self.segments.back() else { return Err(no_segment(&self.name)) };
        let full = active.size + header.total_len() as u64 > config.segment_bytes
            || active.age_ms(header.max_timestamp, now_ms) >= config.segment_ms
            || header.last_offset() - active.base_offset > i64::from(i32::MAX)
            || active.index_is_full(config.index_bytes);
        if full && active.size > 0 {
            self.roll(storage, now_ms)?;
        }
        Ok(())
    }

    fn roll(&mut self, storage: &mut dyn Storage, now_ms: i64) -> Result<(), StorageError> {
        let next = Segment::create(storage, &self.name, self.end, now_ms)?;
        if let Some(full) = self.segments.back_mut()
            && storage.is_durable()
        {
            let indexes = full.write_index(storage, &self.name)?;
            full.close();
            self.sync.rolled(full.file, indexes);
        }
        self.segments.push_back(next);
        Ok(())
    }

    /// The batches from the one that holds `offset` up to `end`, as many whole ones as fit into `max_bytes`; of a log
    /// in files, only those in one file.
    ///
    /// With `one_at_least`, the first batch is given however large it is.
    ///
    /// # Errors
    /// When the storage cannot be read.
    pub fn read(
        &self,
        storage: &mut dyn Storage,
        offset: i64,
        end: i64,
        max_bytes: u64,
        one_at_least: bool,
    ) -> Result<Records, StorageError> {
        let mut pieces = Vec::new();
        let mut left = max_bytes;
        if offset >= end {
            return Ok(Records::Bytes(Bytes::new()));
        }
        for segment in self.segments.range(self.segment_of(offset)..) {
            if segment.base_offset >= end {
                break;
            }
            let from = segment.position_of(storage, offset)?;
            let first = one_at_least && pieces.is_empty();
            let mut to = segment.end_of_fitting(storage, from, left, first)?;
            if end < self.end {
                to = to.min(segment.position_of(storage, end)?);
            }
            if to > from {
                match segment.read(storage, from, to)? {
                    // Ranges of several files do not join; what is in the next one is asked for next.
                    range @ Records::File(_) => return Ok(range),
                    Records::Bytes(bytes) => pieces.push(bytes),
                    Records::Chain(chain) => pieces.extend(chain),
                }
            }
            left = left.saturating_sub(to.saturating_sub(from));
            if to < segment.size || left == 0 {
                break;
            }
        }
        Ok(join(pieces))
    }

    /// Bytes of batches between the one that holds `offset` and `end`, up to `max_bytes`.
    ///
    /// # Errors
    /// When the storage cannot be read.
    pub fn bytes_between(
        &self,
        storage: &mut dyn Storage,
        offset: i64,
        end: i64,
        max_bytes: u64,
    ) -> Result<u64, StorageError> {
        let mut sum = 0;
        if offset >= end {
            return Ok(0);
        }
        for segment in self.segments.range(self.segment_of(offset)..) {
            if segment.base_offset >= end || sum >= max_bytes {
                break;
            }
            let to = if end < self.end { segment.position_of(storage, end)? } else { segment.size };
            sum += to.saturating_sub(segment.position_of(storage, offset)?);
        }
        Ok(sum.min(max_bytes))
    }

    /// Index of the segment that `offset` lies in.
    fn segment_of(&self, offset: i64) -> usize {
        self.segments.partition_point(|segment| segment.base_offset <= offset).saturating_sub(1)
    }

    /// The first record that is not before `timestamp`.
    ///
    /// # Errors
    /// When its batch cannot be read.
    pub fn first_since(
        &self,
        storage: &mut dyn Storage,
        decompressor: &mut Decompressor,
        limit: usize,
        timestamp: i64,
    ) -> Result<Option<FoundRecord>, LookupError> {
        for segment in self.segments.range(self.segment_of(self.start)..) {
            let Some(mut position) = segment.first_batch_since(storage, timestamp)? else {
                continue;
            };
            // What matches in a batch may all lie before the start of the log.
            while position < segment.size {
                let batch = segment.batch_at(storage, position)?;
                position += batch.header().total_len() as u64;
                if batch.header().max_timestamp < timestamp {
                    continue;
                }
                let found = find_record(&batch, decompressor, limit, |record| {
                    record.timestamp >= timestamp && record.offset >= self.start
                })?;
                if found.is_some() {
                    return Ok(found);
                }
            }
        }
        Ok(None)
    }

    /// The first of the records with the largest timestamp.
    ///
    /// # Errors
    /// When its batch cannot be read.
    pub fn latest_by_time(
        &self,
        storage: &mut dyn Storage,
        decompressor: &mut Decompressor,
        limit: usize,
    ) -> Result<Option<FoundRecord>, LookupError> {
        let mut latest: Option<(&Segment, segment::LatestTime)> = None;
        for segment in self.segments.range(self.segment_of(self.start)..) {
            let Some(time) = segment.latest_time else { continue };
            if latest.is_none_or(|(_, best)| best.timestamp < time.timestamp) {
                latest = Some((segment, time));
            }
        }
        let Some((segment, time)) = latest else { return Ok(None) };
        let position = segment.position_of(storage, time.offset)?;
        let batch = segment.batch_at(storage, position)?;
        find_record(&batch, decompressor, limit, |record| record.timestamp == time.timestamp)
    }

    /// Moves the start of the log to `offset`, and lets go of segments that lie before it.
    ///
    /// # Errors
    /// When the storage cannot delete a file.
    pub fn advance_start(
        &mut self,
        storage: &mut dyn Storage,
        offset: i64,
        now_ms: i64,
    ) -> Result<(), StorageError> {
        if offset <= self.start {
            return Ok(());
        }
        self.start = offset.min(self.high_watermark);
        self.epochs.advance_start(self.start);
        let empty = self.start == self.end;
        if empty && self.segments.back().is_some_and(|active| active.size > 0) {
            self.roll(storage, now_ms)?;
        }
        while self.segments.get(1).is_some_and(|next| next.base_offset <= self.start) {
            self.delete_first(storage)?;
        }
        Ok(())
    }

    /// Deletes closed segments that are too old or too much, and gives the number of them.
    ///
    /// # Errors
    /// When the storage cannot delete a file.
    pub fn retain(
        &mut self,
        storage: &mut dyn Storage,
        config: &LogConfig,
        now_ms: i64,
    ) -> Result<usize, StorageError> {
        if !config.deletes {
            return Ok(0);
        }
        let mut deleted = 0;
        let allowed = u64::try_from(config.retention_bytes).unwrap_or(u64::MAX);
        let mut excess = self.size_bytes().saturating_sub(allowed);
        while let (Some(first), Some(next)) = (self.segments.front(), self.segments.get(1)) {
            let newest = first.latest_time.map_or(now_ms, |time| time.timestamp);
            let old = config.retention_ms >= 0 && now_ms - newest > config.retention_ms;
            let much = first.size <= excess;
            let (start, size) = (next.base_offset, first.size);
            if !(old || much) || start > self.high_watermark {
                break;
            }
            self.delete_first(storage)?;
            self.start = self.start.max(start);
            self.epochs.advance_start(self.start);
            excess = excess.saturating_sub(size);
            deleted += 1;
        }
        Ok(deleted)
    }

    fn delete_first(&mut self, storage: &mut dyn Storage) -> Result<(), StorageError> {
        if let Some(segment) = self.segments.pop_front() {
            self.sync.forget(segment.file);
            self.doomed.extend(segment.delete(storage, &self.name)?);
        }
        Ok(())
    }

    /// Deletes everything; the log must not be used again. On a storage that lasts, its directory gets a name that
    /// ends in `unique` and `-delete`, and is deleted later.
    ///
    /// # Errors
    /// When the storage cannot delete a file.
    pub fn delete(&mut self, storage: &mut dyn Storage, unique: &str) -> Result<(), StorageError> {
        let durable = storage.is_durable();
        while let Some(segment) = self.segments.pop_front() {
            if durable {
                storage.close(segment.file);
            } else {
                segment.delete(storage, &self.name)?;
            }
        }
        if durable {
            let to = format!("{}.{unique}-delete", self.name);
            storage.rename(&self.name, &to)?;
            self.doomed.push(to);
        }
        Ok(())
    }
}

fn no_segment(log: &str) -> StorageError {
    StorageError::new(format!("{log} is deleted"), std::io::ErrorKind::NotFound)
}

fn join(mut pieces: Vec<Bytes>) -> Records {
    match pieces.len() {
        0 => Records::Bytes(Bytes::new()),
        1 => Records::Bytes(pieces.swap_remove(0)),
        _ => Records::Chain(pieces),
    }
}

fn find_record(
    batch: &Batch,
    decompressor: &mut Decompressor,
    limit: usize,
    wanted: impl Fn(FoundRecord) -> bool,
) -> Result<Option<FoundRecord>, LookupError> {
    let open =
        batch.open(decompressor, limit).map_err(|error| LookupError::Corrupt(error.to_string()))?;
    Ok(open
        .records()
        .map(|record| FoundRecord { offset: record.offset(), timestamp: record.timestamp() })
        .find(|record| wanted(*record)))
}

//! What of a log is on the medium, and what has to be before it may be seen.
//!
//! With a flush policy an append that makes too many records unsynced holds the high watermark back until they are
//! synced; whoever waits for an acknowledgement or reads waits for the high watermark. One sync of a log runs at a
//! time: what comes meanwhile is synced by the next one, all together.

use super::storage::{FileId, Storage, StorageError, SyncJob};
use super::{Log, LogConfig};

/// How far a log is synced.
#[derive(Debug, Default)]
pub(super) struct SyncState {
    /// Everything before it is on the medium.
    pub(super) recovery_point: i64,
    /// Nothing may be seen before everything up to here is on the medium.
    due: i64,
    running: bool,
    /// Since when something is not on the medium.
    pub(super) since_ms: Option<i64>,
    /// Files of full segments that are not synced; those of indexes are needed for nothing else.
    full: Vec<FileId>,
    indexes: Vec<FileId>,
    /// Whether anything has changed since a process has left it in order.
    changed: bool,
    /// Whether the file of leader epochs may not be on the medium.
    pub(super) epochs_changed: bool,
}

impl SyncState {
    /// Of an empty log.
    pub(super) fn new() -> Self {
        Self { changed: true, ..Self::default() }
    }

    /// Of a log that was opened, as it was left or not.
    pub(super) fn opened(recovery_point: i64, as_it_was: bool) -> Self {
        Self { recovery_point, changed: !as_it_was, ..Self::default() }
    }

    pub(super) fn rolled(&mut self, full: FileId, indexes: Vec<FileId>) {
        self.changed = true;
        self.full.push(full);
        self.indexes.extend(indexes);
    }

    /// What a process left behind is not as it was.
    pub(super) fn note_change(&mut self) {
        self.changed = true;
    }

    pub(super) fn forget(&mut self, file: FileId) {
        self.full.retain(|known| *known != file);
    }
}

impl Log {
    /// Everything before this offset is on the medium.
    #[must_use]
    pub fn recovery_point(&self) -> i64 {
        self.sync.recovery_point
    }

    /// Whether a sync should be started now: one is due, or a segment was filled.
    #[must_use]
    pub fn wants_sync(&self) -> bool {
        let SyncState { running, due, recovery_point, full, .. } = &self.sync;
        !running && (due > recovery_point || !full.is_empty())
    }

    /// Since when records are in the log that are not on the medium.
    #[must_use]
    pub fn unsynced_since_ms(&self) -> Option<i64> {
        self.sync.since_ms
    }

    /// What forces the log to the medium, and up to which offset; `None` when that runs already or there is nothing.
    ///
    /// # Errors
    /// When a file cannot be opened.
    pub fn begin_sync(
        &mut self,
        storage: &mut dyn Storage,
    ) -> Result<Option<(SyncJob, i64)>, StorageError> {
        let SyncState { running, recovery_point, full, .. } = &self.sync;
        if *running || (*recovery_point >= self.end && full.is_empty()) {
            return Ok(None);
        }
        if !full.is_empty() {
            self.sync_epochs(storage)?;
        }
        let state = &mut self.sync;
        let mut files = std::mem::take(&mut state.full);
        let indexes = std::mem::take(&mut state.indexes);
        files.extend(&indexes);
        files.extend(self.segments.back().map(|active| active.file));
        let job = storage.sync(&files)?;
        indexes.into_iter().for_each(|file| storage.close(file));
        self.sync.running = true;
        self.sync.since_ms = None;
        Ok(Some((job, self.end)))
    }

    /// Syncs what another process has left unsynced, if the flush policy has that seen by nobody: whoever sent it may
    /// send it again, and is told that it is there.
    ///
    /// # Errors
    /// When the medium does not take it.
    pub fn sync_what_was_left(
        &mut self,
        storage: &mut dyn Storage,
        config: &LogConfig,
    ) -> Result<(), StorageError> {
        if self.end - self.sync.recovery_point >= config.flush_messages
            && let Some((job, end)) = self.begin_sync(storage)?
        {
            job.run()?;
            self.end_sync(end);
        }
        Ok(())
    }

    /// A sync has ended well that was begun when the log ended at `end`.
    pub fn end_sync(&mut self, end: i64) {
        let state = &mut self.sync;
        state.running = false;
        state.recovery_point = state.recovery_point.max(end);
        let seen = if state.due <= state.recovery_point { self.end } else { state.recovery_point };
        self.high_watermark = self.high_watermark.max(seen);
    }

    /// Something was appended: it may be seen, unless it has to be synced first.
    pub(super) fn appended(&mut self, storage: &dyn Storage, config: &LogConfig, now_ms: i64) {
        if storage.is_durable() {
            let state = &mut self.sync;
            state.changed = true;
            state.since_ms.get_or_insert(now_ms);
            if self.end - state.recovery_point >= config.flush_messages {
                state.due = self.end;
            }
            if state.due > state.recovery_point {
                return;
            }
        }
        self.high_watermark = self.end;
    }

    /// Whether anything has changed since a process has left the log in order.
    #[must_use]
    pub fn has_changed(&self) -> bool {
        self.sync.changed || self.sync.epochs_changed
    }

    /// Leaves the indexes of the open segment for the next process. Everything has to be synced after this.
    ///
    /// # Errors
    /// When an index cannot be written.
    pub fn stop(&mut self, storage: &mut dyn Storage) -> Result<(), StorageError> {
        if let Some(active) = self.segments.back_mut() {
            let files = active.write_index(storage, &self.name)?;
            files.into_iter().for_each(|file| storage.close(file));
        }
        Ok(())
    }
}

//! Copies of a log that grow batch by batch, gaps and all, until they can take its place.

use super::{Epochs, Segment, SyncState};
use super::{Log, LogConfig, Storage, StorageError, no_segment};
use bytes::Bytes;
use kafka_proto::records::Batches;
use std::collections::VecDeque;

impl Log {
    /// An empty log in directory `name`, to become a copy of this one.
    ///
    /// # Errors
    /// When the storage cannot make a file.
    pub(crate) fn begin_copy(
        &self,
        storage: &mut dyn Storage,
        name: String,
        now_ms: i64,
    ) -> Result<Self, StorageError> {
        let base = self.segments.get(self.segment_of(self.start));
        let base = base.map_or(self.start, |segment| segment.base_offset);
        let segments = VecDeque::from([Segment::create(storage, &name, base, now_ms)?]);
        Ok(Self {
            name,
            segments,
            start: base,
            end: base,
            high_watermark: base,
            epochs: Epochs::default(),
            sync: SyncState::new(),
            cleaned: 0,
            doomed: Vec::new(),
        })
    }

    /// Appends batches of the other log as they are.
    ///
    /// # Errors
    /// When the storage does not take them, or they are no batches.
    pub(crate) fn append_copied(
        &mut self,
        storage: &mut dyn Storage,
        config: &LogConfig,
        bytes: Bytes,
        now_ms: i64,
    ) -> Result<(), StorageError> {
        for batch in Batches::new(bytes) {
            let batch = batch.map_err(|error| {
                StorageError::corrupt(format!("a batch to be copied to {}: {error}", self.name))
            })?;
            self.roll_when_full(storage, config, batch.header(), now_ms)?;
            let Some(active) = self.segments.back_mut() else { return Err(no_segment(&self.name)) };
            let interval = config.index_interval_bytes;
            active.append(storage, batch.header(), &[batch.bytes()], interval)?;
            self.end = batch.header().last_offset() + 1;
            self.high_watermark = self.end;
            self.sync.note_change();
        }
        Ok(())
    }

    /// Takes the leader epochs of the other log over.
    ///
    /// # Errors
    /// When they cannot be written.
    pub(crate) fn take_epochs_of(
        &mut self,
        storage: &mut dyn Storage,
        other: &Self,
    ) -> Result<(), StorageError> {
        self.epochs = other.epochs.clone();
        self.write_epochs(storage)
    }

    /// Lets go of its files, and leaves them.
    pub(crate) fn close(self, storage: &mut dyn Storage) {
        self.segments.iter().for_each(|segment| storage.close(segment.file));
    }
}

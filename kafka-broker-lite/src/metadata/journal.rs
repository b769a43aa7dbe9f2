//! The metadata log of the cluster, `__cluster_metadata-0`, as Kafka's controller writes it.
//!
//! Each change is one batch that is synced before it takes effect, so it is there as a whole or not at all.

use super::image::Image;
use super::snapshot;
use crate::clock::Now;
use crate::log::{Checkpoint, Log, LogConfig, Replace, Storage, StorageError};
use kafka_proto::bytes::Bytes;
use kafka_proto::records::{
    Batch, BatchBuilder, Batches, Compressor, Decompressor, Records, Stamp,
};
use kafka_proto::stored::MetadataRecord;

/// The topic that the log would be of.
pub(crate) const METADATA_TOPIC: &str = "__cluster_metadata";

/// The directory of the log.
const DIRECTORY: &str = "__cluster_metadata-0";

/// The id that Kafka gives the topic of the log.
const TOPIC_ID: &str = "AAAAAAAAAAAAAAAAAAAAAQ";

/// More than any record of it takes.
const LARGEST_BATCH: usize = 64 * 1024 * 1024;

/// The metadata log, open to be appended to.
#[derive(Debug)]
pub(crate) struct Journal {
    log: Log,
    config: LogConfig,
    epoch: i32,
    /// What the log comes to.
    image: Image,
    /// What was written since the last snapshot, and when that was.
    unsaved_bytes: u64,
    saved_ms: u64,
}

impl Journal {
    /// The directory of the log.
    pub(crate) const DIRECTORY: &str = DIRECTORY;

    /// Opens the log, and gives what its records come to.
    pub(crate) fn open(
        storage: &mut dyn Storage,
        config: LogConfig,
        (clean, node_id): (bool, i32),
        now_ms: i64,
    ) -> Result<(Self, Image), StorageError> {
        let mut image = Image::default();
        let snapshot = apply_snapshot(storage, &mut image)?;
        let noted = Checkpoint { start: snapshot, recovery_point: 0, clean, cleaned: 0 };
        let mut log = Log::open(storage, DIRECTORY.to_owned(), &config, noted, now_ms)?;
        let end = log.end_offset();
        let mut at = log.start_offset();
        while at < end {
            let read = log.read(storage, at, end, 1 << 20, true)?;
            at = apply(&records(&read)?, &mut image)?.unwrap_or(end);
        }
        let epoch = log.epochs().latest().map_or(1, |(epoch, _)| epoch.max(1));
        log.begin_epoch(storage, epoch)?;
        let text = format!("version: 0\ntopic_id: {TOPIC_ID}");
        let name = format!("{DIRECTORY}/partition.metadata");
        storage.replace(&name, text.as_bytes(), Replace::Written)?;
        let name = format!("{DIRECTORY}/quorum-state");
        let text = format!(
            "{{\"clusterId\":\"\",\"leaderId\":{node_id},\"leaderEpoch\":{epoch},\"votedId\":-1,\
             \"appliedOffset\":0,\"currentVoters\":[{{\"voterId\":{node_id}}}],\"data_version\":0}}"
        );
        storage.replace(&name, text.as_bytes(), Replace::Written)?;
        let unsaved_bytes = log.size_bytes();
        let empty = Image::default();
        Ok((Self { log, config, epoch, image: empty, unsaved_bytes, saved_ms: 0 }, image))
    }

    /// Follows what is written from here on; `image` is what the log comes to so far.
    pub(crate) fn with(self, image: Image) -> Self {
        Self { image, ..self }
    }

    /// Appends `records` and syncs them; they are there when this returns.
    pub(crate) fn append(
        &mut self,
        storage: &mut dyn Storage,
        records: &[MetadataRecord],
        now_ms: i64,
    ) -> Result<(), StorageError> {
        let unfit = |error: &dyn std::fmt::Display| {
            StorageError::corrupt(format!("records for {DIRECTORY}: {error}"))
        };
        let mut builder = BatchBuilder::new(Vec::new());
        for record in records {
            let value = record.to_bytes(version_of(record)).map_err(|error| unfit(&error))?;
            builder.append(now_ms, None, Some(&value), &[]);
        }
        let batch = builder.seal(Stamp::NONE, &mut Compressor::none());
        let batch = match Batches::new(batch.into()).next() {
            Some(Ok(batch)) => batch,
            Some(Err(error)) => return Err(unfit(&error)),
            None => return Ok(()),
        };
        self.log.append(storage, &self.config, &batch, self.epoch, now_ms)?;
        self.unsaved_bytes += batch.bytes().len() as u64;
        records.iter().cloned().for_each(|record| self.image.apply(record));
        if let Some((job, end)) = self.log.begin_sync(storage)? {
            job.run()?;
            self.log.end_sync(end);
        }
        Ok(())
    }

    /// The leader epoch and the end of the log.
    pub(crate) fn end(&self) -> (i32, i64) {
        (self.epoch, self.log.end_offset())
    }

    /// Whether a snapshot is due, after so many bytes or milliseconds.
    pub(crate) fn wants_snapshot(&mut self, bytes: i64, ms: i64, now: Now) -> bool {
        let (bytes, ms) = (u64::try_from(bytes), u64::try_from(ms));
        if self.saved_ms == 0 {
            self.saved_ms = now.monotonic_ms;
        }
        let much = bytes.is_ok_and(|bytes| self.unsaved_bytes >= bytes);
        let long = ms.is_ok_and(|ms| ms > 0 && now.monotonic_ms - self.saved_ms >= ms);
        if much || long {
            self.saved_ms = now.monotonic_ms;
        }
        much || long
    }

    /// Writes a snapshot of all that there is, and lets the log begin behind it.
    pub(crate) fn write_snapshot(
        &mut self,
        storage: &mut dyn Storage,
        now_ms: i64,
    ) -> Result<(), StorageError> {
        let end = self.log.end_offset();
        let content = snapshot::encode(&self.image, self.epoch, now_ms)
            .map_err(|error| StorageError::corrupt(format!("a snapshot: {error}")))?;
        let name = snapshot::name(end, self.epoch);
        storage.replace(&format!("{DIRECTORY}/{name}"), &content, Replace::Synced)?;
        self.unsaved_bytes = 0;
        for older in storage.list(DIRECTORY)? {
            if snapshot::end_of(&older).is_some_and(|older| older < end) {
                storage.remove(&format!("{DIRECTORY}/{older}"))?;
            }
        }
        self.log.advance_start(storage, end, now_ms)
    }

    /// The files that went out of the log, to be deleted after a while.
    pub(crate) fn take_doomed(&mut self) -> Vec<String> {
        self.log.take_doomed()
    }

    /// Leaves the log as the next process needs it.
    pub(crate) fn stop(&mut self, storage: &mut dyn Storage) -> Result<(), StorageError> {
        self.log.stop(storage)
    }
}

/// The newest version that goes with `metadata.version` 33, that of a fresh Kafka 4.4.
pub(super) fn version_of(record: &MetadataRecord) -> i16 {
    match record {
        MetadataRecord::RegisterBroker(_) => 4,
        MetadataRecord::BrokerRegistrationChange(_) => 3,
        MetadataRecord::Partition(_) | MetadataRecord::PartitionChange(_) => 2,
        _ => 0,
    }
}

fn records(read: &Records) -> Result<Bytes, StorageError> {
    read.to_bytes().map_err(|error| StorageError::new(format!("read {DIRECTORY}"), error.kind()))
}

/// Takes the newest snapshot over, and gives the offset that it goes up to.
fn apply_snapshot(storage: &mut dyn Storage, image: &mut Image) -> Result<i64, StorageError> {
    let names = storage.list(DIRECTORY)?.into_iter();
    let newest = names.filter_map(|name| Some((snapshot::end_of(&name)?, name)));
    let Some((offset, name)) = newest.max() else { return Ok(0) };
    if let Some(bytes) = storage.load(&format!("{DIRECTORY}/{name}"))? {
        apply(&bytes, image)?;
    }
    Ok(offset)
}

/// Takes over the records of whole batches, and gives the offset behind the last one.
fn apply(bytes: &Bytes, image: &mut Image) -> Result<Option<i64>, StorageError> {
    let wrong = |error: &dyn std::fmt::Display| {
        StorageError::corrupt(format!("a record of {DIRECTORY}: {error}"))
    };
    let mut decompressor = Decompressor::new();
    let mut end = None;
    for batch in Batches::new(bytes.clone()) {
        let batch: Batch = batch.map_err(|error| wrong(&error))?;
        end = Some(batch.header().last_offset() + 1);
        if batch.header().is_control() {
            continue;
        }
        let open = batch.open(&mut decompressor, LARGEST_BATCH).map_err(|error| wrong(&error))?;
        for record in open.records() {
            let value = Bytes::copy_from_slice(record.value().unwrap_or_default());
            image.apply(MetadataRecord::from_bytes(value).map_err(|error| wrong(&error))?);
        }
    }
    Ok(end)
}

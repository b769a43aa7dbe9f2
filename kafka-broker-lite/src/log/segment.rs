//! One stretch of a log: a file of whole batches, with sparse indexes by offset and by time.
//!
//! Entries of both indexes rise from one to the next. The first batch always has an entry in the offset index, so a
//! look-up is a binary search and then a walk over the headers of at most `index.interval.bytes` of batches.

use super::storage::{FileId, Storage, StorageError};
use bytes::Bytes;
use kafka_proto::records::{Batch, BatchHeader, Batches, HEADER_LEN, Records};

/// The timestamp of a batch that carries none.
pub(super) const NO_TIMESTAMP: i64 = -1;

/// Where the batch with the largest timestamp begins, and that timestamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LatestTime {
    pub(super) timestamp: i64,
    pub(super) position: u64,
}

#[derive(Debug)]
pub(super) struct Segment {
    file: FileId,
    /// The first offset that may lie in it.
    pub(super) base_offset: i64,
    pub(super) size: u64,
    /// First offset and position of some batches.
    offsets: Vec<(i64, u64)>,
    /// Largest timestamp up to and with the batch at a position, and that position.
    times: Vec<(i64, u64)>,
    /// Bytes since the last index entry.
    since_entry: u64,
    pub(super) latest_time: Option<LatestTime>,
    /// What `segment.ms` counts from: the first batch's timestamp, or when the segment was made.
    rolls_from: Option<i64>,
    created_ms: i64,
}

impl Segment {
    pub(super) fn create(
        storage: &mut dyn Storage,
        log: &str,
        base_offset: i64,
        now_ms: i64,
    ) -> Result<Self, StorageError> {
        let file = storage.create(&format!("{log}/{base_offset:020}.log"))?;
        Ok(Self {
            file,
            base_offset,
            size: 0,
            offsets: Vec::new(),
            times: Vec::new(),
            since_entry: 0,
            latest_time: None,
            rolls_from: None,
            created_ms: now_ms,
        })
    }

    /// Appends one batch that is `parts` joined; `header` is its own.
    pub(super) fn append(
        &mut self,
        storage: &mut dyn Storage,
        header: &BatchHeader,
        parts: &[&[u8]],
        index_interval: u64,
    ) -> Result<(), StorageError> {
        storage.append(self.file, parts)?;
        let position = self.size;
        let len: u64 = parts.iter().map(|part| part.len() as u64).sum();
        let newest = self.latest_time.map_or(NO_TIMESTAMP, |time| time.timestamp);
        if header.max_timestamp > newest {
            let timestamp = header.max_timestamp;
            self.latest_time = Some(LatestTime { timestamp, position });
        }
        if self.offsets.is_empty() || self.since_entry >= index_interval {
            self.offsets.push((header.base_offset, position));
            let newest = header.max_timestamp.max(newest);
            if self.times.last().is_none_or(|(last, _)| *last < newest) {
                self.times.push((newest, position));
            }
            self.since_entry = 0;
        }
        self.since_entry += len;
        self.rolls_from =
            self.rolls_from.or((header.max_timestamp >= 0).then_some(header.max_timestamp));
        self.size += len;
        Ok(())
    }

    /// How long it has been filling, when a batch of `timestamp` comes.
    pub(super) fn age_ms(&self, timestamp: i64, now_ms: i64) -> i64 {
        match self.rolls_from {
            Some(first) if timestamp >= 0 => timestamp.saturating_sub(first),
            _ => now_ms.saturating_sub(self.created_ms),
        }
    }

    pub(super) fn delete(&self, storage: &mut dyn Storage) -> Result<(), StorageError> {
        storage.delete(self.file)
    }

    /// Where the batch begins that holds `offset`, or else the first one behind it.
    pub(super) fn position_of(
        &self,
        storage: &mut dyn Storage,
        offset: i64,
    ) -> Result<u64, StorageError> {
        let after = self.offsets.partition_point(|(base, _)| *base <= offset);
        let entry = after.checked_sub(1).and_then(|at| self.offsets.get(at));
        let mut position = entry.map_or(0, |(_, position)| *position);
        if entry.is_some_and(|(base, _)| *base == offset) {
            return Ok(position);
        }
        while position < self.size {
            let header = self.header_at(storage, position)?;
            if header.last_offset() >= offset {
                break;
            }
            position += header.total_len() as u64;
        }
        Ok(position)
    }

    /// Where the last whole batch ends of those that begin at `from` and fit into `max_bytes`.
    ///
    /// With `one_at_least`, the batch at `from` counts however large it is.
    pub(super) fn end_of_fitting(
        &self,
        storage: &mut dyn Storage,
        from: u64,
        max_bytes: u64,
        one_at_least: bool,
    ) -> Result<u64, StorageError> {
        let limit = from.saturating_add(max_bytes);
        if limit >= self.size {
            return Ok(self.size);
        }
        let after = self.offsets.partition_point(|(_, position)| *position <= limit);
        let known = after.checked_sub(1).and_then(|at| self.offsets.get(at));
        let mut end = known.map_or(from, |(_, position)| (*position).max(from));
        while end < limit {
            let next = end + self.header_at(storage, end)?.total_len() as u64;
            if next > limit && !(one_at_least && end == from) {
                break;
            }
            end = next;
        }
        if end == from && one_at_least {
            end += self.header_at(storage, end)?.total_len() as u64;
        }
        Ok(end)
    }

    pub(super) fn read(
        &self,
        storage: &mut dyn Storage,
        from: u64,
        to: u64,
    ) -> Result<Records, StorageError> {
        storage.read(self.file, from, to.saturating_sub(from))
    }

    /// The first batch whose largest timestamp is not before `timestamp`.
    pub(super) fn first_batch_since(
        &self,
        storage: &mut dyn Storage,
        timestamp: i64,
    ) -> Result<Option<u64>, StorageError> {
        if self.latest_time.is_none_or(|latest| latest.timestamp < timestamp) {
            return Ok(None);
        }
        let earlier = self.times.partition_point(|(newest, _)| *newest < timestamp);
        let entry = earlier.checked_sub(1).and_then(|at| self.times.get(at));
        let mut position = entry.map_or(0, |(_, position)| *position);
        while position < self.size {
            let header = self.header_at(storage, position)?;
            if header.max_timestamp >= timestamp {
                return Ok(Some(position));
            }
            position += header.total_len() as u64;
        }
        Ok(None)
    }

    /// The whole batch that begins at `position`.
    pub(super) fn batch_at(
        &self,
        storage: &mut dyn Storage,
        position: u64,
    ) -> Result<Batch, StorageError> {
        let end = position + self.header_at(storage, position)?.total_len() as u64;
        let bytes = whole(self.read(storage, position, end)?)?;
        match Batches::new(bytes).next() {
            Some(Ok(batch)) => Ok(batch),
            Some(Err(error)) => Err(corrupt(position, &error.to_string())),
            None => Err(corrupt(position, "no batch")),
        }
    }

    fn header_at(
        &self,
        storage: &mut dyn Storage,
        position: u64,
    ) -> Result<BatchHeader, StorageError> {
        let bytes = whole(self.read(storage, position, position + HEADER_LEN as u64)?)?;
        BatchHeader::parse(&bytes).map_err(|error| corrupt(position, &error.to_string()))
    }
}

fn whole(records: Records) -> Result<Bytes, StorageError> {
    records
        .to_bytes()
        .map_err(|error| StorageError { what: "read records".to_owned(), kind: error.kind() })
}

fn corrupt(position: u64, why: &str) -> StorageError {
    StorageError {
        what: format!("batch at {position} of a segment: {why}"),
        kind: std::io::ErrorKind::InvalidData,
    }
}

//! One stretch of a log: a file of whole batches, with sparse indexes by offset and by time.
//!
//! Entries of both indexes rise from one to the next. The first batch always has an entry in the offset index, so a
//! look-up is a binary search and then a walk over the headers of at most `index.interval.bytes` of batches.

use super::index::{self, IndexFiles};
use super::storage::{FileId, Storage, StorageError};
use bytes::Bytes;
use kafka_proto::records::{Batch, BatchHeader, Batches, HEADER_LEN, Records};

/// The timestamp of a batch that carries none.
pub(super) const NO_TIMESTAMP: i64 = -1;

/// What is read at a time of a file that is read from front to back.
const CHUNK: u64 = 1024 * 1024;
const HEADER_CHUNK: u64 = 64 * 1024;

/// The largest timestamp, and an offset of the batch that has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LatestTime {
    pub(super) timestamp: i64,
    pub(super) offset: i64,
}

#[derive(Debug)]
pub(super) struct Segment {
    pub(super) file: FileId,
    /// The first offset that may lie in it.
    pub(super) base_offset: i64,
    pub(super) size: u64,
    /// An offset of some batches, and the position of the batch.
    offsets: Vec<(i64, u64)>,
    /// Largest timestamp up to and with the batch at a position, and that position.
    times: Vec<(i64, u64)>,
    /// Bytes since the last index entry.
    since_entry: u64,
    pub(super) latest_time: Option<LatestTime>,
    /// What `segment.ms` counts from: the first batch's timestamp, or when the segment was made.
    rolls_from: Option<i64>,
    created_ms: i64,
    /// What its index files will say, while it grows on a storage that lasts.
    index: Option<IndexFiles>,
}

/// The path of one of a segment's files.
pub(super) fn path(log: &str, base_offset: i64, suffix: &str) -> String {
    format!("{log}/{base_offset:020}{suffix}")
}

impl Segment {
    pub(super) fn create(
        storage: &mut dyn Storage,
        log: &str,
        base_offset: i64,
        now_ms: i64,
    ) -> Result<Self, StorageError> {
        Self::create_as(storage, log, base_offset, ".log", now_ms)
    }

    /// With a file of another name, for a segment that is not in the log yet.
    pub(super) fn create_as(
        storage: &mut dyn Storage,
        log: &str,
        base_offset: i64,
        suffix: &str,
        now_ms: i64,
    ) -> Result<Self, StorageError> {
        let file = storage.create(&path(log, base_offset, suffix))?;
        let mut segment = Self::empty(file, base_offset, now_ms);
        segment.index = storage.is_durable().then(IndexFiles::default);
        Ok(segment)
    }

    fn empty(file: FileId, base_offset: i64, now_ms: i64) -> Self {
        Self {
            file,
            base_offset,
            size: 0,
            offsets: Vec::new(),
            times: Vec::new(),
            since_entry: 0,
            latest_time: None,
            rolls_from: None,
            created_ms: now_ms,
            index: None,
        }
    }

    /// Takes over a segment with its index files; `None` when these are missing or wrong.
    pub(super) fn open(
        storage: &mut dyn Storage,
        log: &str,
        base_offset: i64,
        grows: bool,
        now_ms: i64,
    ) -> Result<Option<Self>, StorageError> {
        let loaded = storage.load(&path(log, base_offset, ".index"))?;
        let Some(offsets) = loaded else { return Ok(None) };
        let loaded = storage.load(&path(log, base_offset, ".timeindex"))?;
        let Some(times) = loaded else { return Ok(None) };
        let offsets = index::offset_entries(base_offset, &offsets);
        let times = index::time_entries(base_offset, &times);
        let (file, size) = storage.open(&path(log, base_offset, ".log"))?;
        let mut segment = Self::empty(file, base_offset, now_ms);
        segment.size = size;
        let fits = segment.adopt(storage, offsets, &times, grows)?;
        if !fits {
            storage.close(file);
        }
        Ok(fits.then_some(segment))
    }

    /// Takes over what index files say, if the batch of the last entry is where they say.
    fn adopt(
        &mut self,
        storage: &mut dyn Storage,
        offsets: Vec<(i64, u64)>,
        times: &[LatestTime],
        grows: bool,
    ) -> Result<bool, StorageError> {
        if let Some((offset, position)) = offsets.last() {
            if position + HEADER_LEN as u64 > self.size {
                return Ok(false);
            }
            match self.header_at(storage, *position) {
                Ok(header) if header.last_offset() == *offset => {}
                Ok(_) => return Ok(false),
                Err(error) if error.kind == std::io::ErrorKind::InvalidData => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        if self.size > 0 {
            let first = self.header_at(storage, 0)?.max_timestamp;
            self.rolls_from = (first >= 0).then_some(first);
            if times.is_empty() && first >= 0 {
                return Ok(false);
            }
        }
        if grows {
            self.index = Some(IndexFiles::from_entries(self.base_offset, &offsets, times));
        }
        self.since_entry = self.size - offsets.last().map_or(0, |(_, position)| *position);
        self.latest_time = times.last().copied().filter(|time| time.timestamp >= 0);
        self.times =
            times.iter().map(|time| (time.timestamp, floor(&offsets, time.offset))).collect();
        self.offsets = offsets;
        Ok(true)
    }

    /// Goes over every batch of a segment that may not be whole, and cuts it before the first bad one.
    ///
    /// Bad is also a batch that does not begin at the offset behind what came before it; before `gaps_before`, up to
    /// where the log is compacted, it may begin behind that. Tells whether something was cut, and the offset behind the
    /// last batch.
    pub(super) fn recover(
        storage: &mut dyn Storage,
        (log, base_offset): (&str, i64),
        gaps_before: i64,
        index_interval: u64,
        now_ms: i64,
        seen: &mut dyn FnMut(&BatchHeader),
    ) -> Result<Recovered, StorageError> {
        let (file, size) = storage.open(&path(log, base_offset, ".log"))?;
        let mut segment = Self::empty(file, base_offset, now_ms);
        segment.index = Some(IndexFiles::default());
        let mut end = base_offset;
        let whole = each_batch(storage, file, size, &mut |batch| {
            let header = batch.header();
            let placed =
                header.base_offset == end || (end < gaps_before && header.base_offset > end);
            if !placed || header.last_offset_delta < 0 || batch.verify_crc().is_err() {
                return false;
            }
            segment.note(header, index_interval);
            end = header.last_offset() + 1;
            seen(header);
            true
        })?;
        if whole < size {
            storage.truncate(file, whole)?;
        }
        Ok(Recovered { segment, end, cut: whole < size })
    }

    /// Writes the index files, of a segment that grows no more or a broker that stops, and gives them to be synced.
    pub(super) fn write_index(
        &mut self,
        storage: &mut dyn Storage,
        log: &str,
    ) -> Result<Vec<FileId>, StorageError> {
        self.write_index_as(storage, log, "")
    }

    /// Under names that end in `end`.
    pub(super) fn write_index_as(
        &mut self,
        storage: &mut dyn Storage,
        log: &str,
        end: &str,
    ) -> Result<Vec<FileId>, StorageError> {
        let Some(index) = &mut self.index else { return Ok(Vec::new()) };
        self.latest_time.into_iter().for_each(|time| index.add_time(self.base_offset, time));
        let mut files = Vec::with_capacity(2);
        for (suffix, content) in [(".index", &index.offsets), (".timeindex", &index.times)] {
            let name = path(log, self.base_offset, suffix);
            let file = storage.create(&format!("{name}{end}"))?;
            storage.append(file, &[content])?;
            files.push(file);
        }
        Ok(files)
    }

    /// Whether its indexes are kept to be written.
    pub(super) fn has_index(&self) -> bool {
        self.index.is_some()
    }

    /// An offset of a batch that begins near `position`, and not behind it.
    pub(super) fn offset_near(&self, position: u64) -> i64 {
        let after = self.offsets.partition_point(|(_, known)| *known <= position);
        let entry = after.checked_sub(1).and_then(|at| self.offsets.get(at));
        entry.map_or(self.base_offset, |(offset, _)| *offset)
    }

    /// It grows no more.
    pub(super) fn close(&mut self) {
        self.index = None;
    }

    /// Whether its index files would grow beyond `most` bytes.
    pub(super) fn index_is_full(&self, most: u64) -> bool {
        self.index.as_ref().is_some_and(|index| index.is_full(most))
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
        self.note(header, index_interval);
        Ok(())
    }

    /// Appends batches that lie one behind the other in `bytes`.
    pub(super) fn append_all(
        &mut self,
        storage: &mut dyn Storage,
        headers: &[BatchHeader],
        bytes: &[u8],
        index_interval: u64,
    ) -> Result<(), StorageError> {
        storage.append(self.file, &[bytes])?;
        headers.iter().for_each(|header| self.note(header, index_interval));
        Ok(())
    }

    /// The timestamp of its first batch, if it has one.
    pub(super) fn first_timestamp(&self) -> Option<i64> {
        self.rolls_from
    }

    /// About the size of its index by offset.
    pub(super) fn index_bytes(&self) -> u64 {
        (self.offsets.len() * index::OFFSET_ENTRY) as u64
    }

    /// Whole batches from `position` on, about `most` bytes of them and one at least, and the position behind them.
    pub(super) fn batches_at(
        &self,
        storage: &mut dyn Storage,
        position: u64,
        most: u64,
    ) -> Result<(Vec<Batch>, u64), StorageError> {
        if position >= self.size {
            return Ok((Vec::new(), self.size));
        }
        let first = self.header_at(storage, position)?.total_len() as u64;
        let len = most.max(first).min(self.size - position);
        let mut batches = Batches::new(whole(self.read(storage, position, position + len)?)?);
        let mut found = Vec::new();
        for batch in batches.by_ref() {
            found.push(batch.map_err(|error| corrupt(position, &error.to_string()))?);
        }
        match batches.position() as u64 {
            0 => Err(corrupt(position, "no whole batch")),
            read => Ok((found, position + read)),
        }
    }

    /// Enters a batch that is at the end of the file into the indexes.
    fn note(&mut self, header: &BatchHeader, index_interval: u64) {
        let position = self.size;
        let len = header.total_len() as u64;
        let newest = self.latest_time.map_or(NO_TIMESTAMP, |time| time.timestamp);
        // What has no records left has no time either.
        if header.max_timestamp > newest && header.count > 0 {
            let (timestamp, offset) = (header.max_timestamp, header.last_offset());
            self.latest_time = Some(LatestTime { timestamp, offset });
        }
        if self.offsets.is_empty() || self.since_entry >= index_interval {
            self.offsets.push((header.base_offset, position));
            let newest = header.max_timestamp.max(newest);
            if self.times.last().is_none_or(|(last, _)| *last < newest) {
                self.times.push((newest, position));
            }
            if let Some(index) = &mut self.index {
                index.add_offset(self.base_offset, header.last_offset(), position);
                self.latest_time
                    .into_iter()
                    .for_each(|time| index.add_time(self.base_offset, time));
            }
            self.since_entry = 0;
        }
        self.since_entry += len;
        self.rolls_from =
            self.rolls_from.or((header.max_timestamp >= 0).then_some(header.max_timestamp));
        self.size += len;
    }

    /// How long it has been filling, when a batch of `timestamp` comes.
    pub(super) fn age_ms(&self, timestamp: i64, now_ms: i64) -> i64 {
        match self.rolls_from {
            Some(first) if timestamp >= 0 => timestamp.saturating_sub(first),
            _ => now_ms.saturating_sub(self.created_ms),
        }
    }

    /// Takes the segment out of its log; on a storage that lasts, gives the files that are to be deleted later.
    pub(super) fn delete(
        &self,
        storage: &mut dyn Storage,
        log: &str,
    ) -> Result<Vec<String>, StorageError> {
        if !storage.is_durable() {
            storage.delete(self.file)?;
            return Ok(Vec::new());
        }
        self.doom(storage, log, &[".log", ".index", ".timeindex", ".snapshot"])
    }

    /// Takes the segment out of its log, because one that begins at `base_offset` takes its place.
    pub(super) fn delete_for(
        &self,
        storage: &mut dyn Storage,
        log: &str,
        base_offset: i64,
    ) -> Result<Vec<String>, StorageError> {
        if storage.is_durable() && self.base_offset == base_offset {
            // The producers before an offset stay the same.
            return self.doom(storage, log, &[".log", ".index", ".timeindex"]);
        }
        self.delete(storage, log)
    }

    fn doom(
        &self,
        storage: &mut dyn Storage,
        log: &str,
        suffixes: &[&str],
    ) -> Result<Vec<String>, StorageError> {
        storage.close(self.file);
        let mut doomed = Vec::new();
        for suffix in suffixes {
            let name = path(log, self.base_offset, suffix);
            let to = format!("{name}.deleted");
            match storage.rename(&name, &to) {
                Ok(()) => doomed.push(to),
                Err(error) if error.kind == std::io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(doomed)
    }

    /// The offset behind the last batch.
    pub(super) fn end_offset(&self, storage: &mut dyn Storage) -> Result<i64, StorageError> {
        let mut end = self.base_offset;
        let from = self.offsets.last().map_or(0, |(_, position)| *position);
        self.each_header(storage, from, &mut |header| end = header.last_offset() + 1)?;
        Ok(end)
    }

    /// The header of every batch from `position` on.
    pub(super) fn each_header(
        &self,
        storage: &mut dyn Storage,
        mut position: u64,
        seen: &mut dyn FnMut(&BatchHeader),
    ) -> Result<(), StorageError> {
        let (mut window, mut window_at) = (Bytes::new(), position);
        while position < self.size {
            let at = usize::try_from(position - window_at).unwrap_or(usize::MAX);
            let header = match window.get(at..) {
                Some(rest) if rest.len() >= HEADER_LEN => BatchHeader::parse(rest)
                    .map_err(|error| corrupt(position, &error.to_string()))?,
                _ => {
                    let len = HEADER_CHUNK.min(self.size - position);
                    window = whole(storage.read(self.file, position, len)?)?;
                    window_at = position;
                    BatchHeader::parse(&window)
                        .map_err(|error| corrupt(position, &error.to_string()))?
                }
            };
            seen(&header);
            position += header.total_len() as u64;
        }
        Ok(())
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

/// A segment that was gone over.
pub(super) struct Recovered {
    pub(super) segment: Segment,
    /// The offset behind its last batch.
    pub(super) end: i64,
    /// Whether bytes were cut off.
    pub(super) cut: bool,
}

/// The last offset in the file of a segment, if there is any.
pub(super) fn last_offset(
    storage: &mut dyn Storage,
    name: &str,
) -> Result<Option<i64>, StorageError> {
    let (file, size) = storage.open(name)?;
    let mut segment = Segment::empty(file, 0, 0);
    segment.size = size;
    let mut last = None;
    let read = segment.each_header(storage, 0, &mut |header| last = Some(header.last_offset()));
    storage.close(file);
    read.map(|()| last)
}

/// Shows every batch of a file until one is refused, and gives where the first bad one begins.
fn each_batch(
    storage: &mut dyn Storage,
    file: FileId,
    size: u64,
    accept: &mut dyn FnMut(&Batch) -> bool,
) -> Result<u64, StorageError> {
    let (mut position, mut want) = (0, CHUNK);
    while position < size {
        let len = want.min(size - position);
        let bytes = whole(storage.read(file, position, len)?)?;
        let mut batches = Batches::new(bytes.clone());
        let mut passed = 0;
        loop {
            match batches.next() {
                Some(Ok(batch)) if accept(&batch) => passed = batches.position() as u64,
                Some(_) => return Ok(position + passed),
                None => break,
            }
        }
        want = CHUNK;
        if passed == 0 {
            // Either the batch is larger than what was read, or the file ends in it.
            let length = bytes.get(8..12).and_then(|length| length.try_into().ok());
            let length = length.map_or(0, i32::from_be_bytes);
            want = u64::try_from(length).unwrap_or(0) + 12;
            if want <= len || want > size - position {
                return Ok(position);
            }
        }
        position += passed;
    }
    Ok(position)
}

/// The position of the last entry that is not behind `offset`.
fn floor(offsets: &[(i64, u64)], offset: i64) -> u64 {
    let after = offsets.partition_point(|(known, _)| *known <= offset);
    let entry = after.checked_sub(1).and_then(|at| offsets.get(at));
    entry.map_or(0, |(_, position)| *position)
}

fn whole(records: Records) -> Result<Bytes, StorageError> {
    records.to_bytes().map_err(|error| StorageError::new("read records", error.kind()))
}

fn corrupt(position: u64, why: &str) -> StorageError {
    StorageError::corrupt(format!("batch at {position} of a segment: {why}"))
}

//! One round of cleaning of a compacted log, in steps that take little time each.
//!
//! First the keys of what is not clean are read, as many as memory allows. Then every segment up to there is copied
//! without the records that newer ones supersede, several small ones into one; a copy is synced, and takes the place of
//! what it was made of, before the next one is begun. Its files are `.cleaned` while they grow and `.swap` from when
//! they are whole, so that whoever finds them knows which count. The segment that is appended to is left alone.

use super::compaction::{Kept, KeyMap, Rules, compact};
use super::segment::{self, Segment};
use super::storage::{FileId, Storage, StorageError, SyncJob};
use super::{Log, LogConfig, no_segment};
use kafka_proto::records::{Batch, BatchHeader, Decompressor, RecordError};
use std::collections::VecDeque;

/// Bytes of a log that are gone over in one step; a larger batch is taken whole.
const STEP_BYTES: u64 = 128 * 1024;

/// Memory for the keys of a round.
const KEY_BYTES: usize = 64 * 1024 * 1024;

/// The files of a segment that a cleaning replaces. The one with the records is last: with it the others count.
const SUFFIXES: [&str; 3] = [".timeindex", ".index", ".log"];

/// What of a log is to be cleaned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Dirt {
    /// Where it begins and ends.
    from: i64,
    until: i64,
    /// How much of what a cleaning goes over it is, in millionths.
    pub(crate) ratio: u64,
    /// Whether it has waited for as long as it may.
    pub(crate) overdue: bool,
}

impl Dirt {
    /// Whether a log with it should be cleaned.
    pub(crate) fn is_enough(&self, config: &LogConfig) -> bool {
        self.overdue || self.ratio > config.min_cleanable_ratio
    }
}

/// How a round stands.
#[derive(Debug)]
pub(crate) enum Progress {
    /// There is more to be done.
    More,
    /// The next step may be done when this job has ended well.
    Sync(SyncJob),
    /// Everything before this offset is clean.
    Done(i64),
}

/// Why a round cannot go on.
#[derive(Debug)]
pub(crate) enum Trouble {
    Storage(StorageError),
    /// What it was to clean has changed: another round may begin anew.
    Changed,
    /// A batch that cannot be read: no round will get past it.
    Corrupt(String),
}

impl From<StorageError> for Trouble {
    fn from(error: StorageError) -> Self {
        match error.kind {
            std::io::ErrorKind::InvalidData => Self::Corrupt(error.to_string()),
            _ => Self::Storage(error),
        }
    }
}

impl From<RecordError> for Trouble {
    fn from(error: RecordError) -> Self {
        Self::Corrupt(error.to_string())
    }
}

/// What a step works with.
pub(crate) struct Workplace<'a> {
    pub(crate) log: &'a mut Log,
    pub(crate) storage: &'a mut dyn Storage,
    pub(crate) decompressor: &'a mut Decompressor,
    pub(crate) config: &'a LogConfig,
    /// Whether a batch is the last one of its producer.
    pub(crate) ends_producer: &'a dyn Fn(&BatchHeader) -> bool,
}

/// A round that is under way.
#[derive(Debug)]
pub(crate) struct Cleaning {
    dirt: Dirt,
    /// When it was begun.
    now_ms: i64,
    keys: KeyMap,
    /// Where reading goes on; `None` when the keys are read.
    reading: Option<(i64, u64)>,
    /// The segments that are yet to be copied, those together that go into one.
    groups: VecDeque<Vec<i64>>,
    copy: Option<Copy>,
}

/// Segments that are being copied into one.
#[derive(Debug)]
struct Copy {
    bases: Vec<i64>,
    /// Which of them is copied, and from where on.
    at: usize,
    position: u64,
    segment: Segment,
    /// Its indexes, when it is whole.
    indexes: Option<Vec<FileId>>,
}

impl Cleaning {
    pub(crate) fn begin(dirt: Dirt, now_ms: i64) -> Self {
        let keys = KeyMap::from(dirt.from);
        let reading = Some((dirt.from, 0));
        Self { dirt, now_ms, keys, reading, groups: VecDeque::new(), copy: None }
    }

    /// Does a little of what is left; not before a job that was given has ended well.
    pub(crate) fn step(&mut self, place: &mut Workplace<'_>) -> Result<Progress, Trouble> {
        if let Some((offset, position)) = self.reading {
            self.reading = self.read(place, offset, position)?;
            if self.reading.is_none() {
                self.groups = group(place.log, place.config, self.keys.end);
            }
            return Ok(Progress::More);
        }
        match self.copy.take() {
            Some(Copy { bases, segment, indexes: Some(indexes), .. }) => {
                place.log.replace(place.storage, &bases, segment, indexes)?;
                Ok(Progress::More)
            }
            Some(copy) => self.go_on(place, copy),
            None => {
                let Some(bases) = self.groups.pop_front() else {
                    return Ok(Progress::Done(self.keys.end));
                };
                let Some(base) = bases.first() else { return Ok(Progress::More) };
                let (name, suffix) = (&place.log.name, ".log.cleaned");
                let segment = Segment::create_as(place.storage, name, *base, suffix, self.now_ms)?;
                self.copy = Some(Copy { bases, at: 0, position: 0, segment, indexes: None });
                Ok(Progress::More)
            }
        }
    }

    /// Gives the round up, and what it has written.
    pub(crate) fn abandon(self, log: &str, storage: &mut dyn Storage) -> Result<(), StorageError> {
        let Some(copy) = self.copy else { return Ok(()) };
        copy.indexes.into_iter().flatten().for_each(|file| storage.close(file));
        if !storage.is_durable() {
            return storage.delete(copy.segment.file);
        }
        storage.close(copy.segment.file);
        SUFFIXES.iter().try_for_each(|suffix| {
            let name = segment::path(log, copy.segment.base_offset, suffix);
            storage.remove(&format!("{name}.cleaned"))
        })
    }

    /// Enters keys from `position` of the segment on that holds `offset`, and gives where to go on.
    fn read(
        &mut self,
        place: &mut Workplace<'_>,
        offset: i64,
        position: u64,
    ) -> Result<Option<(i64, u64)>, Trouble> {
        if offset >= self.dirt.until {
            return Ok(None);
        }
        let at = place.log.segment_of(offset);
        let next = place.log.segments.get(at + 1).map(|next| next.base_offset);
        let (Some(segment), Some(next)) = (place.log.segments.get(at), next) else {
            return Err(Trouble::Changed);
        };
        let (batches, end) = segment.batches_at(place.storage, position, STEP_BYTES)?;
        for batch in batches {
            let limit = place.config.max_decompressed_bytes;
            if batch.header().last_offset() < self.dirt.from {
                continue;
            }
            self.keys.enter(&batch.open(place.decompressor, limit)?, self.dirt.from);
            if self.keys.bytes() > KEY_BYTES {
                return Ok(None);
            }
        }
        if end < segment.size {
            return Ok(Some((offset, end)));
        }
        self.keys.end = self.keys.end.max(next.min(self.dirt.until));
        Ok(Some((next, 0)))
    }

    /// Copies a little more.
    fn go_on(&mut self, place: &mut Workplace<'_>, mut copy: Copy) -> Result<Progress, Trouble> {
        let Some(base) = copy.bases.get(copy.at) else {
            let indexes =
                copy.segment.write_index_as(place.storage, &place.log.name, ".cleaned")?;
            let files: Vec<FileId> =
                std::iter::once(copy.segment.file).chain(indexes.iter().copied()).collect();
            copy.indexes = Some(indexes);
            self.copy = Some(copy);
            return Ok(Progress::Sync(place.storage.sync(&files)?));
        };
        let found = place.log.segments.binary_search_by_key(base, |known| known.base_offset);
        let Some(segment) = found.ok().and_then(|at| place.log.segments.get(at)) else {
            self.copy = Some(copy);
            return Err(Trouble::Changed);
        };
        let result = segment.batches_at(place.storage, copy.position, STEP_BYTES);
        let (batches, end) = match result {
            Ok(read) => read,
            Err(error) => {
                self.copy = Some(copy);
                return Err(error.into());
            }
        };
        copy.position = end;
        if end >= segment.size {
            (copy.at, copy.position) = (copy.at + 1, 0);
        }
        let copied = self.copy_batches(place, &mut copy.segment, &batches);
        self.copy = Some(copy);
        copied.map(|()| Progress::More)
    }

    fn copy_batches(
        &self,
        place: &mut Workplace<'_>,
        to: &mut Segment,
        batches: &[Batch],
    ) -> Result<(), Trouble> {
        let rules = Rules {
            keys: &self.keys,
            now_ms: self.now_ms,
            delete_retention_ms: place.config.delete_retention_ms,
            ends_producer: place.ends_producer,
        };
        let limit = place.config.max_decompressed_bytes;
        let (mut bytes, mut headers) = (Vec::new(), Vec::with_capacity(batches.len()));
        for batch in batches {
            match compact(batch, place.decompressor, limit, &rules)? {
                Kept::Nothing => {}
                Kept::All => {
                    headers.push(*batch.header());
                    bytes.extend_from_slice(batch.bytes());
                }
                Kept::Part(part) => {
                    headers.push(BatchHeader::parse(&part)?);
                    bytes.extend_from_slice(&part);
                }
            }
        }
        if !headers.is_empty() {
            let interval = place.config.index_interval_bytes;
            to.append_all(place.storage, &headers, &bytes, interval)?;
        }
        Ok(())
    }
}

/// The closed segments that begin before `end`, those together that fit into one.
fn group(log: &Log, config: &LogConfig, end: i64) -> VecDeque<Vec<i64>> {
    let mut groups: VecDeque<Vec<i64>> = VecDeque::new();
    let (mut size, mut index) = (0, 0);
    for (segment, next) in log.segments.iter().zip(log.segments.iter().skip(1)) {
        if segment.base_offset >= end {
            break;
        }
        let joins = groups.back().and_then(|group| group.first()).is_some_and(|first| {
            size + segment.size <= config.segment_bytes
                && index + segment.index_bytes() <= config.index_bytes
                && next.base_offset - first <= i64::from(i32::MAX)
        });
        match groups.back_mut().filter(|_| joins) {
            Some(group) => group.push(segment.base_offset),
            None => {
                (size, index) = (0, 0);
                groups.push_back(vec![segment.base_offset]);
            }
        }
        size += segment.size;
        index += segment.index_bytes();
    }
    groups
}

impl Log {
    /// Everything before it is clean.
    #[must_use]
    pub fn cleaned(&self) -> i64 {
        self.cleaned
    }

    pub(crate) fn set_cleaned(&mut self, end: i64) {
        self.cleaned = end;
    }

    /// What of the log could be cleaned now, if there is anything.
    pub(crate) fn dirt(&self, config: &LogConfig, now_ms: i64) -> Option<Dirt> {
        let inside = (self.start..=self.end).contains(&self.cleaned);
        let from = if inside { self.cleaned } else { self.start };
        let (mut clean, mut dirty, mut until, mut oldest) = (0, 0, from, None);
        for (segment, next) in self.segments.iter().zip(self.segments.iter().skip(1)) {
            if next.base_offset <= from {
                clean += segment.size;
                continue;
            }
            let newest = segment.latest_time.map_or(now_ms, |time| time.timestamp);
            let fresh = config.min_compaction_lag_ms > 0
                && newest > now_ms.saturating_sub(config.min_compaction_lag_ms);
            if fresh || next.base_offset > self.high_watermark {
                break;
            }
            oldest = oldest.or(segment.first_timestamp());
            dirty += segment.size;
            until = next.base_offset;
        }
        let waited = oldest.map_or(0, |oldest: i64| now_ms.saturating_sub(oldest));
        let ratio = (dirty * 1_000_000).checked_div(clean + dirty).unwrap_or(0);
        let overdue = waited > config.max_compaction_lag_ms;
        (until > from && dirty > 0).then_some(Dirt { from, until, ratio, overdue })
    }

    /// Puts a synced copy in the place of the segments it was made of.
    fn replace(
        &mut self,
        storage: &mut dyn Storage,
        bases: &[i64],
        mut copy: Segment,
        indexes: Vec<FileId>,
    ) -> Result<(), Trouble> {
        let base = copy.base_offset;
        let found = self.segments.binary_search_by_key(&base, |known| known.base_offset);
        let Ok(at) = found else { return Err(Trouble::Changed) };
        let replaced = self.segments.range(at..).take(bases.len());
        if !replaced.map(|segment| segment.base_offset).eq(bases.iter().copied()) {
            return Err(Trouble::Changed);
        }
        indexes.into_iter().for_each(|file| storage.close(file));
        let durable = storage.is_durable();
        let name =
            |suffix: &str, end: &str| format!("{}{end}", segment::path(&self.name, base, suffix));
        if durable {
            for suffix in SUFFIXES {
                storage.rename(&name(suffix, ".cleaned"), &name(suffix, ".swap"))?;
            }
        }
        for old in self.segments.range(at..at + bases.len()) {
            self.sync.forget(old.file);
            self.doomed.extend(old.delete_for(storage, &self.name, base)?);
        }
        if durable {
            for suffix in SUFFIXES {
                storage.rename(&name(suffix, ".swap"), &name(suffix, ""))?;
            }
            storage.close(copy.file);
            (copy.file, _) = storage.open(&name(".log", ""))?;
        }
        let place = self.segments.get_mut(at).ok_or_else(|| no_segment(&self.name))?;
        *place = copy;
        self.segments.drain(at + 1..at + bases.len());
        self.sync.note_change();
        Ok(())
    }
}

/// Finishes what a process had begun to put in place of old segments: what is `.swap` is whole.
pub(super) fn finish_swaps(storage: &mut dyn Storage, log: &str) -> Result<(), StorageError> {
    let names = storage.list(log)?;
    let base_of = |name: &str, suffix: &str| name.strip_suffix(suffix)?.parse::<i64>().ok();
    let bases: Vec<i64> = names.iter().filter_map(|name| base_of(name, ".log")).collect();
    for base in names.iter().filter_map(|name| base_of(name, ".log.swap")) {
        let swap = segment::path(log, base, ".log.swap");
        let last = segment::last_offset(storage, &swap)?.unwrap_or(base);
        for old in bases.iter().filter(|old| (base..=last).contains(*old)) {
            for suffix in SUFFIXES {
                storage.remove(&segment::path(log, *old, suffix))?;
            }
            if *old != base {
                storage.remove(&segment::path(log, *old, ".snapshot"))?;
            }
        }
        for suffix in SUFFIXES {
            let name = segment::path(log, base, suffix);
            let waiting = format!("{base:020}{suffix}.swap");
            if names.contains(&waiting) {
                storage.rename(&format!("{log}/{waiting}"), &name)?;
            }
        }
    }
    Ok(())
}

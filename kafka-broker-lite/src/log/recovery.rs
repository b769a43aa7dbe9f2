//! Takes a log over from a process that has stopped, or was stopped.
//!
//! After a clean stop the files are as they should be, and only what cannot be read is made anew. Otherwise every
//! batch from the segment on that holds the recovery point is looked at, the log is cut before the first bad one, and
//! indexes and leader epochs are made anew. What was synced is before that cut, because batches are appended one
//! after the other.

use super::cleaning::finish_swaps;
use super::epochs::Epochs;
use super::segment::{self, Recovered, Segment};
use super::storage::{FileId, Storage, StorageError};
use super::sync::SyncState;
use super::{Log, LogConfig, checkpoint};
use kafka_proto::records::BatchHeader;
use std::collections::{BTreeSet, VecDeque};

/// What the process before has noted of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Where the log begins.
    pub start: i64,
    /// Everything before it is on the medium.
    pub recovery_point: i64,
    /// Whether the process has stopped cleanly.
    pub clean: bool,
    /// Everything before it was compacted, so that offsets may be missing.
    pub cleaned: i64,
}

/// Segments on their way into a log.
struct Found {
    segments: VecDeque<Segment>,
    end: i64,
    /// Whether a segment was looked through from front to back.
    recovered: bool,
    /// The files of full segments that may not be on the medium, each with those of its indexes.
    unsynced: Vec<(FileId, Vec<FileId>)>,
}

impl Log {
    /// Opens the log in directory `name`; where there is none, it begins empty.
    ///
    /// # Errors
    /// When the storage fails.
    pub fn open(
        storage: &mut dyn Storage,
        name: String,
        config: &LogConfig,
        noted: Checkpoint,
        now_ms: i64,
    ) -> Result<Self, StorageError> {
        let bases = tidy(storage, &name)?;
        let loaded = storage.load(&format!("{name}/{}", checkpoint::LEADER_EPOCHS))?;
        let known_epochs = loaded.as_deref().and_then(checkpoint::parse_epochs);
        let mut epochs = known_epochs.clone().unwrap_or_default();
        let mut found = find(storage, &name, &bases, config, noted, now_ms, &mut |header| {
            epochs.assign(header.partition_leader_epoch, header.base_offset);
        })?;
        if found.end < noted.start || found.segments.is_empty() {
            // What was noted is behind all that is left: the log goes on from there.
            while let Some(segment) = found.segments.pop_front() {
                storage.close(segment.file);
                remove(storage, &name, segment.base_offset)?;
            }
            let base = noted.start.max(found.end);
            found.recovered = true;
            found.segments.push_back(Segment::create(storage, &name, base, now_ms)?);
            found.end = base;
        }
        let first = found.segments.front().map_or(0, |first| first.base_offset);
        let start = noted.start.max(first);
        let recovery_point = if noted.clean { found.end } else { noted.recovery_point };
        let as_it_was = noted.clean && !found.recovered;
        let mut sync = SyncState::opened(recovery_point.clamp(start, found.end), as_it_was);
        found.unsynced.into_iter().for_each(|(file, indexes)| sync.rolled(file, indexes));
        let mut log = Self {
            name,
            start,
            end: found.end,
            high_watermark: found.end,
            segments: found.segments,
            epochs: Epochs::default(),
            sync,
            cleaned: noted.cleaned,
            doomed: Vec::new(),
        };
        if known_epochs.is_none() {
            // Without a file that can be read, all that is known is in the batches.
            epochs = Epochs::default();
            log.replay(storage, start, &mut |header| {
                epochs.assign(header.partition_leader_epoch, header.base_offset);
            })?;
        }
        epochs.advance_start(start);
        // One that has begun and has no record yet stays.
        epochs.truncate(log.end + 1);
        log.epochs = epochs;
        if Some(&log.epochs) != known_epochs.as_ref() {
            log.write_epochs(storage)?;
        }
        if found.recovered {
            log.sync.since_ms = Some(now_ms);
        }
        Ok(log)
    }

    /// Shows the header of every batch that ends behind `offset`.
    ///
    /// # Errors
    /// When the storage cannot be read.
    pub fn replay(
        &self,
        storage: &mut dyn Storage,
        offset: i64,
        seen: &mut dyn FnMut(&BatchHeader),
    ) -> Result<(), StorageError> {
        for segment in self.segments.range(self.segment_of(offset)..) {
            let from = segment.position_of(storage, offset)?;
            segment.each_header(storage, from, seen)?;
        }
        Ok(())
    }

    /// An offset from which on there are about `bytes` bytes to the end of the log, or all of the log.
    #[must_use]
    pub fn offset_before_end(&self, bytes: u64) -> i64 {
        let mut left = bytes;
        for segment in self.segments.iter().rev() {
            if segment.size >= left {
                return segment.offset_near(segment.size - left).max(self.start);
            }
            left -= segment.size;
        }
        self.start
    }
}

/// Opens segments from front to back, up to the first that is not whole.
fn find(
    storage: &mut dyn Storage,
    name: &str,
    bases: &[i64],
    config: &LogConfig,
    noted: Checkpoint,
    now_ms: i64,
    seen: &mut dyn FnMut(&BatchHeader),
) -> Result<Found, StorageError> {
    let mut found = Found {
        segments: VecDeque::new(),
        end: noted.start,
        recovered: false,
        unsynced: Vec::new(),
    };
    let mut cut = false;
    for (at, base) in bases.iter().copied().enumerate() {
        // Behind a hole nothing belongs to the log any more.
        let gaps = config.compacts || found.end < noted.cleaned;
        let hole = at > 0 && (base < found.end || (base > found.end && !gaps));
        if cut || hole {
            cut = true;
            remove(storage, name, base)?;
            continue;
        }
        let next = bases.get(at + 1).copied();
        let certain = noted.clean || next.is_some_and(|next| next <= noted.recovery_point);
        let grows = next.is_none();
        let opened = match certain {
            true => Segment::open(storage, name, base, grows, now_ms)?,
            false => None,
        };
        let (segment, end) = match opened {
            Some(segment) => {
                let end = match next {
                    Some(next) if !gaps => next,
                    _ => segment.end_offset(storage)?,
                };
                (segment, end)
            }
            None => {
                let gaps_before = if config.compacts { i64::MAX } else { noted.cleaned };
                let (interval, place) = (config.index_interval_bytes, (name, base));
                let recovered =
                    Segment::recover(storage, place, gaps_before, interval, now_ms, seen)?;
                let Recovered { segment, end, cut: shorter } = recovered;
                cut = shorter;
                found.recovered = true;
                (segment, end)
            }
        };
        if let Some(full) = found.segments.back_mut() {
            if full.has_index() {
                let indexes = full.write_index(storage, name)?;
                found.unsynced.push((full.file, indexes));
            }
            full.close();
        }
        found.end = end;
        found.segments.push_back(segment);
    }
    Ok(found)
}

/// Deletes what a process has left behind in the middle of something, and gives the segments that are there.
fn tidy(storage: &mut dyn Storage, name: &str) -> Result<Vec<i64>, StorageError> {
    finish_swaps(storage, name)?;
    let names = storage.list(name)?;
    let base = |file: &str, suffix: &str| file.strip_suffix(suffix)?.parse::<i64>().ok();
    let bases: BTreeSet<i64> = names.iter().filter_map(|file| base(file, ".log")).collect();
    for file in &names {
        let left = [".deleted", ".tmp", ".cleaned", ".swap"].iter().any(|end| file.ends_with(end));
        let lone = [".index", ".timeindex"]
            .iter()
            .any(|end| base(file, end).is_some_and(|base| !bases.contains(&base)));
        if left || lone {
            storage.remove(&format!("{name}/{file}"))?;
        }
    }
    Ok(bases.into_iter().collect())
}

fn remove(storage: &mut dyn Storage, name: &str, base: i64) -> Result<(), StorageError> {
    [".log", ".index", ".timeindex"]
        .iter()
        .try_for_each(|suffix| storage.remove(&segment::path(name, base, suffix)))
}

//! From fetched batches to records: checks, decompresses, drops what is not for the application.
//!
//! Holds true: a batch is opened when its records are handed out and not before; a damaged one is never passed over;
//! the offsets given out only rise.

use super::budget::{Budget, Held};
use super::queue::Chunk;
use super::record::Source;
use crate::error::{Error, ErrorKind, Result};
use crate::record::TopicPartition;
use kafka_proto::messages::fetch::AbortedTransaction;
use kafka_proto::records::control::ControlType;
use kafka_proto::records::{
    Batch, BatchHeader, Batches, Compression, Decompressor, OpenBatch, RecordError,
};
use std::collections::BTreeSet;
use std::sync::Arc;

/// What one batch may decompress to.
const DECOMPRESSED_MAX: usize = 128 << 20;

/// What opening batches needs; one per consumer.
#[derive(Debug)]
pub(crate) struct Decoder {
    decompressor: Decompressor,
    check_crcs: bool,
    read_committed: bool,
    budget: Arc<Budget>,
}

impl Decoder {
    pub(crate) fn new(check_crcs: bool, read_committed: bool, budget: Arc<Budget>) -> Self {
        Self { decompressor: Decompressor::new(), check_crcs, read_committed, budget }
    }

    fn open(&mut self, batch: &Batch) -> Result<OpenBatch, RecordError> {
        if self.check_crcs {
            batch.verify_crc()?;
        }
        batch.open(&mut self.decompressor, DECOMPRESSED_MAX)
    }
}

/// A batch whose records are being handed out.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) source: Arc<Source>,
    /// Where the next record begins, and how many are left.
    pub(crate) at: usize,
    pub(crate) left: usize,
    /// Behind the batch.
    pub(crate) next_offset: i64,
    /// The memory it lies in.
    pub(crate) held: Arc<Held>,
}

/// Reads one chunk, batch by batch.
#[derive(Debug)]
pub(crate) struct Cursor {
    pub(crate) which: TopicPartition,
    pub(crate) generation: u64,
    batches: Batches,
    broken: bool,
    /// By first offset, the latest first.
    aborted: Vec<AbortedTransaction>,
    /// Whose records are dropped at this place.
    aborted_producers: BTreeSet<i64>,
    held: Arc<Held>,
    /// Nothing before it is given out.
    position: i64,
    /// The leader epoch of the batch that was opened last; -1 before.
    epoch: i32,
    failed: Option<Error>,
}

impl Cursor {
    /// Reads `chunk` from `position` on.
    pub(crate) fn new(chunk: Chunk, position: i64) -> Self {
        let mut aborted = chunk.aborted;
        aborted.sort_unstable_by_key(|transaction| std::cmp::Reverse(transaction.first_offset));
        Self {
            which: chunk.which,
            generation: chunk.generation,
            batches: Batches::with_legacy(chunk.records),
            broken: chunk.broken,
            aborted,
            aborted_producers: BTreeSet::new(),
            held: chunk.held,
            position,
            epoch: -1,
            failed: None,
        }
    }

    /// Behind everything that was given out or dropped.
    pub(crate) fn position(&self) -> i64 {
        self.position
    }

    /// The leader epoch of what was given out last; -1 before.
    pub(crate) fn epoch(&self) -> i32 {
        self.epoch
    }

    /// The next batch with records for the application; `None` at the end of the chunk.
    ///
    /// # Errors
    /// When a batch is damaged; again and again.
    pub(crate) fn next(&mut self, decoder: &mut Decoder) -> Result<Option<Opened>> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        loop {
            let batch = match self.batches.next() {
                Some(Ok(batch)) => batch,
                Some(Err(e)) => return Err(self.fail(None, &e.to_string(), Some(e))),
                None if self.broken => {
                    let reason = "the answer holds no whole batch that leads on from there";
                    return Err(self.fail(None, reason, None));
                }
                None => return Ok(None),
            };
            let header = *batch.header();
            let next_offset = header.last_offset().saturating_add(1);
            if next_offset <= self.position {
                continue;
            }
            let opened = self.open(decoder, &batch, header);
            match opened.map_err(|e| self.fail(Some(header), &e.to_string(), Some(e)))? {
                Some(opened) => {
                    self.position = next_offset;
                    self.epoch = header.partition_leader_epoch;
                    return Ok(Some(opened));
                }
                None => self.position = next_offset,
            }
        }
    }

    /// Opens a batch, unless all of it is to be dropped.
    fn open(
        &mut self,
        decoder: &mut Decoder,
        batch: &Batch,
        header: BatchHeader,
    ) -> Result<Option<Opened>, RecordError> {
        if header.is_transactional() && decoder.read_committed {
            while self.aborted.last().is_some_and(|next| next.first_offset <= header.last_offset())
            {
                self.aborted_producers.extend(self.aborted.pop().map(|next| next.producer_id));
            }
        }
        if header.is_control() {
            let batch = decoder.open(batch)?;
            let kind = batch.records().next().map(|record| ControlType::of(&record)).transpose()?;
            if kind == Some(ControlType::Abort) {
                self.aborted_producers.remove(&header.producer_id);
            }
            return Ok(None);
        }
        if header.is_transactional() && self.aborted_producers.contains(&header.producer_id) {
            return Ok(None);
        }
        let opened = decoder.open(batch)?;
        let held = match header.compression()? {
            Compression::None => self.held.clone(),
            _ => Arc::new(decoder.budget.hold(opened.bytes().len())),
        };
        let (at, left) = self.skip(&opened);
        let next_offset = header.last_offset().saturating_add(1);
        if left == 0 {
            return Ok(None);
        }
        let source = Arc::new(Source { which: self.which.clone(), batch: opened });
        Ok(Some(Opened { source, at, left, next_offset, held }))
    }

    /// Passes over the records before the position, which a batch that begins before it has.
    fn skip(&self, batch: &OpenBatch) -> (usize, usize) {
        let (mut at, mut left) = (0, batch.count());
        if batch.header().base_offset < self.position {
            for record in batch.records().take_while(|record| record.offset() < self.position) {
                at += record.size();
                left -= 1;
            }
        }
        (at, left)
    }

    #[cold]
    fn fail(
        &mut self,
        header: Option<BatchHeader>,
        reason: &str,
        source: Option<RecordError>,
    ) -> Error {
        let position = self.position;
        let reason = match header {
            Some(header) => format!(
                "the batch of offsets {} to {}: {reason}; seek behind it to go on without it",
                header.base_offset,
                header.last_offset()
            ),
            None => format!("at offset {position}: {reason}"),
        };
        let asked = format!("read the records at offset {position}");
        let mut error = Error::new(ErrorKind::CorruptBatch, asked, reason)
            .with_topic(&self.which.topic, Some(self.which.partition));
        if let Some(source) = source {
            error = error.with_source(source);
        }
        self.failed = Some(error.clone());
        error
    }
}

#[cfg(test)]
mod tests;

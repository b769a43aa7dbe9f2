//! An open batch: its records decompressed and every bound in them checked, so that reading them cannot fail.

use super::batch::BatchHeader;
use super::error::{RecordError, RecordErrorKind};
use super::record::{Parts, Record, RecordPlace};
use super::varint;
use bytes::Bytes;

/// The least bytes of a record: its length, attributes, two deltas, and three lengths or counts.
const LEAST_RECORD: usize = 7;

/// A batch whose records can be read; cheap to clone.
#[derive(Clone, Debug)]
pub struct OpenBatch {
    header: BatchHeader,
    bytes: Bytes,
    count: usize,
}

impl OpenBatch {
    pub(super) fn new(header: BatchHeader, bytes: Bytes) -> Result<Self, RecordError> {
        let Ok(count) = usize::try_from(header.count) else {
            return Err(RecordError::corrupt("negative number of records", 57));
        };
        if count > bytes.len() / LEAST_RECORD {
            return Err(RecordError::corrupt("more records than its bytes can hold", 57));
        }
        // Where a record lies is said in 32 bits.
        if u32::try_from(bytes.len()).is_err() {
            return Err(RecordError::new(
                RecordErrorKind::TooLarge { limit: u32::MAX as usize },
                0,
            ));
        }
        let records: &[u8] = &bytes;
        let mut at = 0;
        for _ in 0..count {
            at = Parts::check(records, at)?;
        }
        if at != records.len() {
            return Err(RecordError::corrupt("bytes after the last record", at));
        }
        Ok(Self { header, bytes, count })
    }

    /// The header of the batch.
    pub fn header(&self) -> &BatchHeader {
        &self.header
    }

    /// How many records there are.
    pub fn count(&self) -> usize {
        self.count
    }

    /// The records one after the other, decompressed; the ranges of a [`Record`] are in here.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The records.
    #[inline]
    pub fn records(&self) -> RecordIter<'_> {
        self.records_from(0, self.count)
    }

    /// Up to `count` records, from the one that begins at byte `at` on: 0, or what [`OpenBatch::behind`] says.
    #[inline]
    pub fn records_from(&self, at: usize, count: usize) -> RecordIter<'_> {
        RecordIter { batch: self, at, left: count }
    }

    /// The record of this batch that `place` is of.
    #[inline]
    pub fn record_at(&self, place: RecordPlace) -> Record<'_> {
        Record::at(self, place)
    }

    /// Where the record begins that comes `count` records after the one at byte `at`.
    pub fn behind(&self, mut at: usize, count: usize) -> usize {
        for _ in 0..count {
            let length = varint::read_i32(&self.bytes, &mut at).unwrap_or_default();
            at = at.saturating_add(usize::try_from(length).unwrap_or_default());
        }
        at.min(self.bytes.len())
    }
}

impl<'a> IntoIterator for &'a OpenBatch {
    type Item = Record<'a>;
    type IntoIter = RecordIter<'a>;

    fn into_iter(self) -> RecordIter<'a> {
        self.records()
    }
}

/// The records of an [`OpenBatch`], in order.
#[derive(Clone, Debug)]
pub struct RecordIter<'a> {
    batch: &'a OpenBatch,
    at: usize,
    left: usize,
}

impl<'a> Iterator for RecordIter<'a> {
    type Item = Record<'a>;

    #[inline]
    fn next(&mut self) -> Option<Record<'a>> {
        self.left = self.left.checked_sub(1)?;
        // Checked when the batch was opened, so there is no error to lose.
        let parts = Parts::read(&self.batch.bytes, self.at)?;
        self.at = parts.end();
        Some(Record::new(self.batch, parts))
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for RecordIter<'_> {}
impl std::iter::FusedIterator for RecordIter<'_> {}

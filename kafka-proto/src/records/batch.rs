//! Batches over shared bytes: telling them apart, their headers and checksums, and placing them in a log.
//!
//! A [`Batch`] is whole and has a header of format 2, nothing more: its checksum and its records are looked at when
//! asked for.

use super::compression::{Compression, Decompressor};
use super::error::{RecordError, RecordErrorKind};
use super::open::OpenBatch;
use super::{HEADER_LEN, MAGIC, crc32c, legacy};
use bytes::Bytes;

/// The bytes before what the length in the header counts.
pub(super) const PREFIX_LEN: usize = 12;
/// The least that the length in the header can say, of any format.
pub(super) const LEAST_LENGTH: i32 = 14;
/// The bytes up to and with the format version.
const UP_TO_MAGIC: usize = 17;
/// Where the bytes begin that the checksum covers.
const CHECKED: usize = 21;

pub(super) const LOG_APPEND_TIME: i16 = 1 << 3;
const TRANSACTIONAL: i16 = 1 << 4;
const CONTROL: i16 = 1 << 5;
pub(super) const DELETE_HORIZON: i16 = 1 << 6;

/// Where the timestamps of records come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimestampType {
    /// From who made them.
    CreateTime,
    /// From the broker, when it appended them.
    LogAppendTime,
}

/// The header of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchHeader {
    /// What the offset deltas of the records count from.
    pub base_offset: i64,
    /// The bytes after this field.
    pub length: i32,
    /// The epoch of the leader that appended the batch; -1 when none did yet.
    pub partition_leader_epoch: i32,
    /// The format version.
    pub magic: i8,
    /// The CRC-32C of the bytes from the attributes on.
    pub crc: u32,
    /// Compression and flags.
    pub attributes: i16,
    /// From the base offset to the last one the batch stands for, also when that record was compacted away.
    pub last_offset_delta: i32,
    /// What the timestamp deltas count from; the delete horizon, if the batch has one.
    pub base_timestamp: i64,
    /// The largest timestamp, or when the broker appended the batch.
    pub max_timestamp: i64,
    /// -1 without idempotence.
    pub producer_id: i64,
    /// -1 without idempotence.
    pub producer_epoch: i16,
    /// The sequence number of the first record; -1 without idempotence.
    pub base_sequence: i32,
    /// How many records there are.
    pub count: i32,
}

impl BatchHeader {
    /// The header at the start of `bytes`, which need not hold the whole batch.
    ///
    /// # Errors
    /// When there are too few bytes, or the format is not 2.
    pub fn parse(bytes: &[u8]) -> Result<Self, RecordError> {
        if let Some(&magic) = bytes.get(UP_TO_MAGIC - 1)
            && magic.cast_signed() != MAGIC
        {
            return Err(RecordError::new(
                RecordErrorKind::Magic(magic.cast_signed()),
                UP_TO_MAGIC - 1,
            ));
        }
        let Some(head) = bytes.first_chunk() else {
            return Err(RecordError::corrupt("cut batch header", bytes.len()));
        };
        let header = Self::from_array(head);
        if header.total_len() < HEADER_LEN {
            return Err(RecordError::corrupt("batch length less than a header", 8));
        }
        Ok(header)
    }

    fn from_array(head: &[u8; HEADER_LEN]) -> Self {
        Self {
            base_offset: i64::from_be_bytes(field(head, 0)),
            length: i32::from_be_bytes(field(head, 8)),
            partition_leader_epoch: i32::from_be_bytes(field(head, 12)),
            magic: i8::from_be_bytes(field(head, 16)),
            crc: u32::from_be_bytes(field(head, 17)),
            attributes: i16::from_be_bytes(field(head, 21)),
            last_offset_delta: i32::from_be_bytes(field(head, 23)),
            base_timestamp: i64::from_be_bytes(field(head, 27)),
            max_timestamp: i64::from_be_bytes(field(head, 35)),
            producer_id: i64::from_be_bytes(field(head, 43)),
            producer_epoch: i16::from_be_bytes(field(head, 51)),
            base_sequence: i32::from_be_bytes(field(head, 53)),
            count: i32::from_be_bytes(field(head, 57)),
        }
    }

    /// Writes the header to the start of `batch`, with the length and the checksum that its bytes now have. A batch
    /// shorter than a header is left alone.
    pub fn write(&self, batch: &mut [u8]) {
        let length = i32::try_from(batch.len().saturating_sub(PREFIX_LEN)).unwrap_or(i32::MAX);
        let Some(head) = batch.first_chunk_mut::<HEADER_LEN>() else { return };
        head[0..8].copy_from_slice(&self.base_offset.to_be_bytes());
        head[8..12].copy_from_slice(&length.to_be_bytes());
        head[12..16].copy_from_slice(&self.partition_leader_epoch.to_be_bytes());
        head[16..17].copy_from_slice(&self.magic.to_be_bytes());
        head[21..23].copy_from_slice(&self.attributes.to_be_bytes());
        head[23..27].copy_from_slice(&self.last_offset_delta.to_be_bytes());
        head[27..35].copy_from_slice(&self.base_timestamp.to_be_bytes());
        head[35..43].copy_from_slice(&self.max_timestamp.to_be_bytes());
        head[43..51].copy_from_slice(&self.producer_id.to_be_bytes());
        head[51..53].copy_from_slice(&self.producer_epoch.to_be_bytes());
        head[53..57].copy_from_slice(&self.base_sequence.to_be_bytes());
        head[57..61].copy_from_slice(&self.count.to_be_bytes());
        stamp_crc(batch);
    }

    /// How the records are compressed.
    ///
    /// # Errors
    /// When no codec has that number.
    pub fn compression(&self) -> Result<Compression, RecordError> {
        Compression::try_from(self.attributes)
    }

    /// Where the timestamps come from.
    pub fn timestamp_type(&self) -> TimestampType {
        if self.attributes & LOG_APPEND_TIME == 0 {
            TimestampType::CreateTime
        } else {
            TimestampType::LogAppendTime
        }
    }

    /// Whether the batch belongs to a transaction.
    pub fn is_transactional(&self) -> bool {
        self.attributes & TRANSACTIONAL != 0
    }

    /// Whether it is for the protocol only, such as the marker at the end of a transaction.
    pub fn is_control(&self) -> bool {
        self.attributes & CONTROL != 0
    }

    /// When the tombstones and markers in it may go, once the log cleaner has set that.
    pub fn delete_horizon(&self) -> Option<i64> {
        (self.attributes & DELETE_HORIZON != 0).then_some(self.base_timestamp)
    }

    /// The last offset that the batch stands for.
    pub fn last_offset(&self) -> i64 {
        self.base_offset.wrapping_add(self.last_offset_delta.into())
    }

    /// The sequence number of the last record; -1 without idempotence.
    pub fn last_sequence(&self) -> i32 {
        if self.base_sequence < 0 {
            return self.base_sequence;
        }
        super::increment_sequence(self.base_sequence, self.last_offset_delta)
    }

    /// The bytes of the batch with its header.
    pub fn total_len(&self) -> usize {
        usize::try_from(self.length).map_or(0, |length| length.saturating_add(PREFIX_LEN))
    }

    /// Says what the batch is for, and leaves the other attributes.
    pub(super) fn set_purpose(&mut self, transactional: bool, control: bool) {
        self.attributes &= !(TRANSACTIONAL | CONTROL);
        self.attributes |= if transactional { TRANSACTIONAL } else { 0 };
        self.attributes |= if control { CONTROL } else { 0 };
    }
}

/// The `N` bytes at `at`: with a constant `at` there is nothing left of this but a load.
#[inline]
fn field<const N: usize>(head: &[u8; HEADER_LEN], at: usize) -> [u8; N] {
    let mut bytes = [0; N];
    bytes.copy_from_slice(&head[at..at + N]);
    bytes
}

/// One whole batch; cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    header: BatchHeader,
    bytes: Bytes,
}

impl Batch {
    /// Its header.
    pub fn header(&self) -> &BatchHeader {
        &self.header
    }

    /// All its bytes, from the header on.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    fn is_legacy(&self) -> bool {
        self.header.magic <= legacy::NEWEST
    }

    /// Checks that the bytes are those that were written.
    ///
    /// # Errors
    /// When the checksum in the header is another.
    pub fn verify_crc(&self) -> Result<(), RecordError> {
        let (computed, at) = if self.is_legacy() {
            (legacy::checksum(&self.bytes), PREFIX_LEN)
        } else {
            (crc32c(self.bytes.get(CHECKED..).unwrap_or_default()), UP_TO_MAGIC)
        };
        let stored = self.header.crc;
        if stored == computed {
            return Ok(());
        }
        Err(RecordError::new(RecordErrorKind::Checksum { stored, computed }, at))
    }

    /// Decompresses the records and checks the bounds of each, so that reading them cannot fail. The checksum is not
    /// looked at.
    ///
    /// # Errors
    /// When the records are corrupt, the build lacks the codec, or they decompress to more than `limit` bytes.
    pub fn open(
        &self,
        decompressor: &mut Decompressor,
        limit: usize,
    ) -> Result<OpenBatch, RecordError> {
        if self.is_legacy() {
            return legacy::open(self, decompressor, limit);
        }
        let records = match self.header.compression()? {
            // What Kafka does: where there is nothing to read, nothing is wrong with it.
            _ if self.header.count == 0 => Bytes::new(),
            Compression::None => self.bytes.slice(HEADER_LEN..),
            compression => {
                let compressed = self.bytes.get(HEADER_LEN..).unwrap_or_default();
                decompressor.decompress_records(compression, compressed, limit, false)?
            }
        };
        OpenBatch::new(self.header, records)
    }
}

/// The batches in a piece of a log, one after the other. A cut one at the end is left out in silence; after an error
/// there is nothing more.
#[derive(Clone, Debug)]
pub struct Batches {
    bytes: Bytes,
    at: usize,
    failed: bool,
    legacy: bool,
}

impl Batches {
    /// The batches in `bytes`.
    pub fn new(bytes: Bytes) -> Self {
        Self { bytes, at: 0, failed: false, legacy: false }
    }

    /// The batches in `bytes`, those of the formats 0 and 1 too, which old topics may hold. Their headers have no more
    /// than these formats say: until such a batch is open, its base offset is that of its last record.
    pub fn with_legacy(bytes: Bytes) -> Self {
        Self { legacy: true, ..Self::new(bytes) }
    }

    /// Where the next batch begins: the end of the whole ones, when there is no next one.
    pub fn position(&self) -> usize {
        self.at
    }

    fn read(&mut self) -> Result<Option<Batch>, RecordError> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let Some(length) = rest.get(8..PREFIX_LEN).and_then(|bytes| bytes.first_chunk()) else {
            return Ok(None);
        };
        let at_fault = |what, offset| Err(RecordError::corrupt(what, self.at + offset));
        let length = i32::from_be_bytes(*length);
        if length < LEAST_LENGTH {
            return at_fault("batch length less than any batch has", 8);
        }
        let Some(&magic) = rest.get(UP_TO_MAGIC - 1) else { return Ok(None) };
        let legacy = self.legacy && (0..=legacy::NEWEST).contains(&magic.cast_signed());
        if magic.cast_signed() != MAGIC && !legacy {
            let kind = RecordErrorKind::Magic(magic.cast_signed());
            return Err(RecordError::new(kind, self.at + UP_TO_MAGIC - 1));
        }
        let Some(total) = usize::try_from(length).ok().and_then(|n| n.checked_add(PREFIX_LEN))
        else {
            return at_fault("batch length beyond memory", 8);
        };
        if legacy {
            let Some(message) = rest.get(..total) else { return Ok(None) };
            let header = legacy::header(message)?;
            let bytes = self.bytes.slice(self.at..self.at + total);
            self.at += total;
            return Ok(Some(Batch { header, bytes }));
        }
        if total < HEADER_LEN {
            return at_fault("batch length less than a header", 8);
        }
        let (Some(head), true) = (rest.first_chunk(), rest.len() >= total) else {
            return Ok(None);
        };
        let header = BatchHeader::from_array(head);
        let bytes = self.bytes.slice(self.at..self.at + total);
        self.at += total;
        Ok(Some(Batch { header, bytes }))
    }
}

impl Iterator for Batches {
    type Item = Result<Batch, RecordError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let batch = self.read();
        self.failed = batch.is_err();
        batch.transpose()
    }
}

impl std::iter::FusedIterator for Batches {}

/// Gives the batch its place in the log. The checksum does not cover it.
pub fn set_base_offset(batch: &mut [u8], offset: i64) {
    if let Some(head) = batch.first_chunk_mut::<HEADER_LEN>() {
        head[0..8].copy_from_slice(&offset.to_be_bytes());
    }
}

/// Says which leader appended the batch. The checksum does not cover it.
pub fn set_partition_leader_epoch(batch: &mut [u8], epoch: i32) {
    if let Some(head) = batch.first_chunk_mut::<HEADER_LEN>() {
        head[12..16].copy_from_slice(&epoch.to_be_bytes());
    }
}

/// Makes `timestamp` that of all records in the batch, and the checksum fit again.
pub fn set_log_append_time(batch: &mut [u8], timestamp: i64) {
    rewrite(batch, |header| {
        header.attributes |= LOG_APPEND_TIME;
        header.max_timestamp = timestamp;
    });
}

/// Changes the header of a whole batch, and makes the checksum fit again.
pub(super) fn rewrite(batch: &mut [u8], change: impl FnOnce(&mut BatchHeader)) {
    if let Some(head) = batch.first_chunk::<HEADER_LEN>() {
        let mut header = BatchHeader::from_array(head);
        change(&mut header);
        header.write(batch);
    }
}

fn stamp_crc(batch: &mut [u8]) {
    let crc = crc32c(batch.get(CHECKED..).unwrap_or_default());
    if let Some(head) = batch.first_chunk_mut::<HEADER_LEN>() {
        head[17..21].copy_from_slice(&crc.to_be_bytes());
    }
}

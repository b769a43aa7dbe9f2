//! Builds batches: a record is encoded once, when it is appended, behind room for the header; sealing fills that in.
//!
//! The buffers go round: [`BatchBuilder::new`] takes one that was used before, and sealing with compression leaves the
//! open one in the [`Compressor`] for the next batch. Which batch a record belongs to, and when a batch is full, is
//! the caller's to know.

use super::batch::{BatchHeader, DELETE_HORIZON, rewrite};
use super::compression::Compressor;
use super::varint::{Head, append_head, len, len_of_length, zigzag};
use super::{HEADER_LEN, MAGIC};

/// The most that a record takes beside its key, value and headers.
const RECORD_OVERHEAD: usize = 36;
/// The most that a header takes beside its key and value.
const HEADER_OVERHEAD: usize = 10;

/// Who writes a batch, and what for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// From InitProducerId; -1 without idempotence.
    pub producer_id: i64,
    /// From InitProducerId; -1 without idempotence.
    pub producer_epoch: i16,
    /// The sequence number of the first record; -1 without idempotence.
    pub base_sequence: i32,
    /// Whether the batch belongs to a transaction.
    pub transactional: bool,
    /// Whether it is for the protocol only.
    pub control: bool,
    /// The epoch of the leader that writes it; producers leave it at -1.
    pub partition_leader_epoch: i32,
}

impl Stamp {
    /// No idempotence, no transaction.
    pub const NONE: Self = Self {
        producer_id: -1,
        producer_epoch: -1,
        base_sequence: -1,
        transactional: false,
        control: false,
        partition_leader_epoch: -1,
    };
}

impl Default for Stamp {
    fn default() -> Self {
        Self::NONE
    }
}

/// A batch that is being written.
///
/// ```
/// use kafka_proto::records::{Batches, BatchBuilder, Compression, Compressor, Decompressor, Stamp};
///
/// let mut builder = BatchBuilder::new(Vec::new());
/// builder.append(1_700_000_000_000, Some(b"key"), Some(b"value"), &[("trace", Some(b"1"))]);
/// let mut compressor = Compressor::new(Compression::Lz4, None)?;
/// let batch = builder.seal(Stamp::NONE, &mut compressor);
///
/// let batch = Batches::new(batch.into()).next().unwrap()?;
/// batch.verify_crc()?;
/// let open = batch.open(&mut Decompressor::new(), 1024)?;
/// assert_eq!(open.records().next().unwrap().value(), Some(&b"value"[..]));
/// # Ok::<(), kafka_proto::records::RecordError>(())
/// ```
#[derive(Debug)]
pub struct BatchBuilder {
    buffer: Vec<u8>,
    count: i32,
    last_offset_delta: i32,
    base_timestamp: Option<i64>,
    max_timestamp: i64,
    delete_horizon: bool,
}

impl BatchBuilder {
    /// Begins a batch in `buffer`; what is in there goes, its memory is kept.
    pub fn new(mut buffer: Vec<u8>) -> Self {
        buffer.clear();
        buffer.resize(HEADER_LEN, 0);
        Self {
            buffer,
            count: 0,
            last_offset_delta: -1,
            base_timestamp: None,
            max_timestamp: -1,
            delete_horizon: false,
        }
    }

    /// Appends a record; a `value` of `None` is a tombstone.
    ///
    /// The caller has compared [`len_bytes`](Self::len_bytes) and [`record_size`](Self::record_size) with the size it
    /// allows, 2 GiB at most: a larger batch has no valid form.
    #[inline]
    pub fn append(
        &mut self,
        timestamp: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[(&str, Option<&[u8]>)],
    ) {
        let offset_delta = self.last_offset_delta.wrapping_add(1);
        self.append_at(offset_delta, timestamp, key, value, headers);
    }

    /// Appends a record at `offset_delta` from the base offset, as the log cleaner does, which leaves gaps. Deltas
    /// have to rise.
    #[inline]
    pub fn append_at(
        &mut self,
        offset_delta: i32,
        timestamp: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[(&str, Option<&[u8]>)],
    ) {
        let base_timestamp = *self.base_timestamp.get_or_insert(timestamp);
        let time = zigzag(timestamp.wrapping_sub(base_timestamp));
        let offset = zigzag(offset_delta.into());
        let key_length = nullable_length(key);
        let value_length = nullable_length(value);
        let key = key.unwrap_or_default();
        let value = value.unwrap_or_default();
        let headers_len = if headers.is_empty() { 1 } else { headers_len(headers) };
        let len = 1
            + len(time)
            + len(offset)
            + len(key_length)
            + key.len()
            + len(value_length)
            + value.len()
            + headers_len;

        let start = |head: &mut Head<'_>| {
            head.put(zigzag(len as i64));
            head.byte(0);
            head.put(time);
            head.put(offset);
            head.put(key_length);
        };
        if key.is_empty() {
            append_head(&mut self.buffer, |head| {
                start(head);
                head.put(value_length);
            });
        } else {
            append_head(&mut self.buffer, start);
            self.buffer.extend_from_slice(key);
            append_head(&mut self.buffer, |head| head.put(value_length));
        }
        self.buffer.extend_from_slice(value);
        if headers.is_empty() {
            self.buffer.push(0);
        } else {
            self.append_headers(headers);
        }

        self.max_timestamp = self.max_timestamp.max(timestamp);
        self.last_offset_delta = offset_delta;
        self.count += 1;
    }

    fn append_headers(&mut self, headers: &[(&str, Option<&[u8]>)]) {
        let out = &mut self.buffer;
        append_head(out, |head| head.put(zigzag(headers.len() as i64)));
        for &(key, value) in headers {
            append_head(out, |head| head.put(zigzag(key.len() as i64)));
            out.extend_from_slice(key.as_bytes());
            append_head(out, |head| head.put(nullable_length(value)));
            out.extend_from_slice(value.unwrap_or_default());
        }
    }

    /// No fewer bytes than a record of this size takes in a batch, uncompressed.
    #[inline]
    pub fn record_size(
        key_len: usize,
        value_len: usize,
        headers: &[(&str, Option<&[u8]>)],
    ) -> usize {
        headers.iter().fold(RECORD_OVERHEAD + key_len + value_len, |size, (key, value)| {
            size + HEADER_OVERHEAD + key.len() + value.map_or(0, <[u8]>::len)
        })
    }

    /// The bytes of the batch so far, uncompressed, with its header.
    #[inline]
    pub fn len_bytes(&self) -> usize {
        self.buffer.len()
    }

    /// How many records there are.
    #[inline]
    pub fn count(&self) -> i32 {
        self.count
    }

    /// Whether there are none.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The timestamp of the first record, or -1.
    #[inline]
    pub fn base_timestamp(&self) -> i64 {
        self.base_timestamp.unwrap_or(-1)
    }

    /// The largest timestamp, or -1.
    #[inline]
    pub fn max_timestamp(&self) -> i64 {
        self.max_timestamp
    }

    /// Says when tombstones and markers in the batch may go. Only before the first record, since it takes the place
    /// of the base timestamp.
    pub fn set_delete_horizon(&mut self, timestamp: i64) {
        debug_assert!(self.is_empty(), "the delete horizon comes before the records");
        self.base_timestamp = Some(timestamp);
        self.delete_horizon = true;
    }

    /// Makes the batch stand for the offsets up to this one though no record in it has it, as after compaction.
    pub fn set_last_offset_delta(&mut self, delta: i32) {
        self.last_offset_delta = delta;
    }

    /// Gives up the batch and returns its buffer.
    pub fn into_buffer(self) -> Vec<u8> {
        self.buffer
    }

    /// Finishes the batch: compression, header, checksum. Should the codec fail, which none is known to do, the batch
    /// leaves uncompressed.
    pub fn seal(self, stamp: Stamp, compressor: &mut Compressor) -> Vec<u8> {
        let base_timestamp = self.base_timestamp();
        let (mut batch, compression) = compressor.compress_batch(self.buffer);
        let horizon = if self.delete_horizon { DELETE_HORIZON } else { 0 };
        let mut header = BatchHeader {
            base_offset: 0,
            length: 0,
            partition_leader_epoch: stamp.partition_leader_epoch,
            magic: MAGIC,
            crc: 0,
            attributes: compression as i16 | horizon,
            last_offset_delta: self.last_offset_delta,
            base_timestamp,
            max_timestamp: self.max_timestamp,
            producer_id: stamp.producer_id,
            producer_epoch: stamp.producer_epoch,
            base_sequence: stamp.base_sequence,
            count: self.count,
        };
        header.set_purpose(stamp.transactional, stamp.control);
        header.write(&mut batch);
        batch
    }

    /// Stamps a sealed batch anew, as when the producer got another id before the batch was sent.
    pub fn restamp(batch: &mut [u8], stamp: Stamp) {
        rewrite(batch, |header| {
            header.partition_leader_epoch = stamp.partition_leader_epoch;
            header.producer_id = stamp.producer_id;
            header.producer_epoch = stamp.producer_epoch;
            header.base_sequence = stamp.base_sequence;
            header.set_purpose(stamp.transactional, stamp.control);
        });
    }
}

#[inline]
fn nullable_length(bytes: Option<&[u8]>) -> u64 {
    bytes.map_or(zigzag(-1), |bytes| zigzag(bytes.len() as i64))
}

#[cold]
fn headers_len(headers: &[(&str, Option<&[u8]>)]) -> usize {
    headers.iter().fold(len_of_length(headers.len()), |size, (key, value)| {
        let value_len = value.map_or(0, <[u8]>::len);
        size + len_of_length(key.len()) + key.len() + len(nullable_length(*value)) + value_len
    })
}

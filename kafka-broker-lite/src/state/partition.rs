//! One partition: its log, its producers, and what may be appended to it.
//!
//! A batch is judged by its header and checksum alone. Its records are looked at only where the topic asks for
//! something that no header tells: keys on a compacted topic, or timestamps with a lower limit.

use super::log_dirs::DirId;
use super::producers::{NO_PRODUCER_ID, Producers, Verdict};
use super::snapshot;
use crate::log::{Checkpoint, Log, LogConfig, Storage, StorageError};
use bytes::Bytes;
use kafka_proto::ErrorCode;
use kafka_proto::records::{Batch, BatchHeader, Batches, Compression, Decompressor, TimestampType};

/// The first request version that may carry zstd.
const ZSTD_SINCE: i16 = 7;

/// Records named in the text of an error; all of them are in its list.
const NAMED_RECORDS: usize = 3;

/// Where the magic byte of a batch or of an old message lies.
const MAGIC_AT: usize = 16;

/// Where the size of a batch or of an old message lies, and the smallest that an old message has.
const SIZE_AT: usize = 8;
const SMALLEST_OLD_MESSAGE: i32 = 14;

/// One partition of a topic.
#[derive(Debug)]
pub(crate) struct Partition {
    /// As Kafka prints it: topic, dash, number.
    pub(crate) name: String,
    /// The log directory it lies in.
    pub(crate) dir: DirId,
    pub(crate) log: Log,
    pub(crate) producers: Producers,
    pub(crate) leader_epoch: i32,
}

/// A batch that is in the log.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Stored {
    pub(crate) base_offset: i64,
    /// The offset behind its last record.
    pub(crate) end_offset: i64,
    /// When the log stamps its records, what it stamped on these.
    pub(crate) append_time_ms: Option<i64>,
    /// Whether it was there before.
    pub(crate) duplicate: bool,
}

/// Why a batch was not appended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) code: ErrorCode,
    pub(crate) message: Option<String>,
    /// The records that are to blame, with a reason each.
    pub(crate) records: Vec<(i32, String)>,
}

impl Refusal {
    pub(crate) fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: Some(message.into()), records: Vec::new() }
    }

    pub(crate) fn plain(code: ErrorCode) -> Self {
        Self { code, message: None, records: Vec::new() }
    }
}

impl From<StorageError> for Refusal {
    fn from(error: StorageError) -> Self {
        Self::new(ErrorCode::KAFKA_STORAGE_ERROR, error.to_string())
    }
}

/// Why nothing was appended.
#[derive(Debug)]
pub(crate) enum Rejected {
    /// The batch is not as it should be.
    Refused(Refusal),
    /// The storage does not take it, nor anything else from now on.
    Failed(StorageError),
}

impl From<Refusal> for Rejected {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<StorageError> for Rejected {
    fn from(error: StorageError) -> Self {
        Self::Failed(error)
    }
}

/// What an append needs beside the batch.
pub(crate) struct AppendContext<'a> {
    pub(crate) storage: &'a mut dyn Storage,
    pub(crate) decompressor: &'a mut Decompressor,
    pub(crate) config: &'a LogConfig,
    /// Version of the Produce request.
    pub(crate) version: i16,
    pub(crate) now_ms: i64,
}

impl Partition {
    pub(crate) fn create(
        (dir, storage): (DirId, &mut dyn Storage),
        (topic, index): (&str, i32),
        now_ms: i64,
    ) -> Result<Self, StorageError> {
        let name = format!("{topic}-{index}");
        let mut log = Log::create(storage, name.clone(), now_ms)?;
        log.begin_epoch(storage, 0)?;
        Ok(Self { name, dir, log, producers: Producers::default(), leader_epoch: 0 })
    }

    /// Takes a partition over from the process before; one that it did not come to make is made.
    pub(crate) fn open(
        (dir, storage): (DirId, &mut dyn Storage),
        (topic, index): (&str, i32),
        config: &LogConfig,
        noted: Checkpoint,
        leader_epoch: i32,
        now_ms: i64,
    ) -> Result<Self, StorageError> {
        let name = format!("{topic}-{index}");
        let mut log = Log::open(storage, name.clone(), config, noted, now_ms)?;
        let producers = snapshot::recover(storage, &log, now_ms)?;
        log.begin_epoch(storage, leader_epoch)?;
        log.sync_what_was_left(storage, config)?;
        Ok(Self { name, dir, log, producers, leader_epoch })
    }

    /// A partition whose log directory is offline: nothing of it is known here.
    pub(crate) fn offline(dir: DirId, (topic, index): (&str, i32), leader_epoch: i32) -> Self {
        let name = format!("{topic}-{index}");
        let log = Log::offline(name.clone());
        Self { name, dir, log, producers: Producers::default(), leader_epoch }
    }

    /// Leaves everything as the next process needs it. Everything has to be synced after this.
    pub(crate) fn stop(&mut self, storage: &mut dyn Storage) -> Result<(), StorageError> {
        if !self.log.has_changed() {
            return Ok(());
        }
        snapshot::write(storage, &self.name, self.log.end_offset(), &self.producers)?;
        self.log.stop(storage)
    }

    /// Appends the one batch in `records`, or finds that it is there already.
    pub(crate) fn append(
        &mut self,
        cx: &mut AppendContext<'_>,
        records: Bytes,
    ) -> Result<Stored, Rejected> {
        let batch = only_batch(records, cx.version)?;
        let header = batch.header();
        check_size(&self.name, header, cx.config)?;
        batch
            .verify_crc()
            .map_err(|error| Refusal::new(ErrorCode::CORRUPT_MESSAGE, error.to_string()))?;
        check_header(&self.name, header, cx.version)?;
        self.check_records(cx, &batch)?;
        let idempotent = has_producer(header);
        if idempotent {
            match self.producers.judge(&self.name, header) {
                Verdict::Append => {}
                Verdict::Refuse(code, message) => return Err(Refusal::new(code, message).into()),
                Verdict::Duplicate(known) => {
                    let (base_offset, append_time_ms) = (known.base_offset, known.append_time_ms);
                    let end_offset = base_offset + i64::from(header.count);
                    return Ok(Stored { base_offset, end_offset, append_time_ms, duplicate: true });
                }
            }
        }
        let append_time_ms = cx.config.log_append_time.then_some(cx.now_ms);
        let base_offset =
            self.log.append(cx.storage, cx.config, &batch, self.leader_epoch, cx.now_ms)?;
        if base_offset > 0
            && self.log.active_base_offset() == base_offset
            && cx.storage.is_durable()
        {
            snapshot::write(cx.storage, &self.name, base_offset, &self.producers)?;
        }
        if idempotent {
            self.producers.appended(header, base_offset, append_time_ms, cx.now_ms);
        }
        let end_offset = self.log.end_offset();
        Ok(Stored { base_offset, end_offset, append_time_ms, duplicate: false })
    }

    /// Checks what the topic asks of records.
    fn check_records(&self, cx: &mut AppendContext<'_>, batch: &Batch) -> Result<(), Refusal> {
        let config = cx.config;
        let earliest = cx.now_ms.saturating_sub(config.timestamp_before_max_ms);
        let latest = cx.now_ms.saturating_add(config.timestamp_after_max_ms);
        let create_time = !config.log_append_time;
        let bounded = create_time && config.timestamp_before_max_ms != i64::MAX;
        let late = create_time && batch.header().max_timestamp > latest;
        if !config.compacts && !bounded && !late {
            return Ok(());
        }
        let open = batch
            .open(cx.decompressor, config.max_decompressed_bytes)
            .map_err(|error| Refusal::new(ErrorCode::CORRUPT_MESSAGE, error.to_string()))?;
        let mut keyless = Vec::new();
        let mut out_of_time = Vec::new();
        for (index, record) in (0_i32..).zip(open.records()) {
            let timestamp = record.timestamp();
            if config.compacts && record.key().is_none() {
                let partition = &self.name;
                let text = format!(
                    "Compacted topic cannot accept message without key in topic partition \
                     {partition}"
                );
                keyless.push((index, text));
            }
            if (bounded && timestamp < earliest) || (create_time && timestamp > latest) {
                let text = format!(
                    "Timestamp {timestamp} of message with offset {index} is out of range. \
                     The timestamp should be within [{earliest}, {latest}]"
                );
                out_of_time.push((index, text));
            }
        }
        refuse_records(ErrorCode::INVALID_RECORD, keyless)?;
        refuse_records(ErrorCode::INVALID_TIMESTAMP, out_of_time)
    }
}

fn refuse_records(code: ErrorCode, records: Vec<(i32, String)>) -> Result<(), Refusal> {
    if records.is_empty() {
        return Ok(());
    }
    let named: Vec<&str> = records.iter().take(NAMED_RECORDS).map(|(_, text)| &**text).collect();
    let message = format!(
        "One or more records have been rejected due to {} record errors in total, and only showing \
         the first three errors at most: [{}]",
        records.len(),
        named.join(", ")
    );
    Err(Refusal { code, message: Some(message), records })
}

/// The batch that a request of `version` brings for one partition; exactly one is allowed.
fn only_batch(records: Bytes, version: i16) -> Result<Batch, Refusal> {
    let invalid = |what: &str| {
        let text = format!("Produce requests with version {version} {what}");
        Err(Refusal::new(ErrorCode::INVALID_RECORD, text))
    };
    if records.is_empty() {
        return invalid("must have exactly one record batch per partition");
    }
    let size = records.get(SIZE_AT..).and_then(<[u8]>::first_chunk).copied();
    if size.is_some_and(|size| i32::from_be_bytes(size) >= SMALLEST_OLD_MESSAGE)
        && records.get(MAGIC_AT).is_some_and(|magic| matches!(magic, 0 | 1))
    {
        return Err(Refusal::new(
            ErrorCode::UNSUPPORTED_FOR_MESSAGE_FORMAT,
            "record batches of magic version 0 and 1 are not taken, only version 2",
        ));
    }
    let len = records.len();
    let batch = match Batches::new(records).next() {
        Some(Ok(batch)) => batch,
        Some(Err(error)) => {
            return Err(Refusal::new(ErrorCode::CORRUPT_MESSAGE, error.to_string()));
        }
        None => return invalid("must have exactly one record batch per partition"),
    };
    if batch.header().total_len() < len {
        return invalid("are only allowed to contain exactly one record batch per partition");
    }
    Ok(batch)
}

fn check_size(partition: &str, header: &BatchHeader, config: &LogConfig) -> Result<(), Refusal> {
    let (size, most) = (header.total_len(), config.max_message_bytes);
    if size > most {
        let text = format!(
            "The record batch size in the append to {partition} is {size} bytes which exceeds the \
             maximum configured value of {most}."
        );
        return Err(Refusal::new(ErrorCode::MESSAGE_TOO_LARGE, text));
    }
    if size as u64 > config.segment_bytes {
        let text = format!(
            "Message batch size is {size} bytes in append to partition {partition}, which exceeds \
             the maximum configured segment size of {}.",
            config.segment_bytes
        );
        return Err(Refusal::new(ErrorCode::RECORD_LIST_TOO_LARGE, text));
    }
    Ok(())
}

fn has_producer(header: &BatchHeader) -> bool {
    header.producer_id > NO_PRODUCER_ID
}

/// Checks what a header must say, as Kafka does for a batch that comes from a client.
fn check_header(partition: &str, header: &BatchHeader, version: i16) -> Result<(), Refusal> {
    let invalid = |text: String| Err(Refusal::new(ErrorCode::INVALID_RECORD, text));
    let (count, last) = (header.count, header.last_offset_delta);
    match header.compression() {
        Ok(Compression::Zstd) if version < ZSTD_SINCE => {
            return Err(Refusal::new(
                ErrorCode::UNSUPPORTED_COMPRESSION_TYPE,
                format!(
                    "Produce requests with version {version} are not allowed to use ZStandard \
                     compression"
                ),
            ));
        }
        Ok(_) => {}
        Err(error) => return Err(Refusal::new(ErrorCode::CORRUPT_MESSAGE, error.to_string())),
    }
    if header.base_offset != 0 {
        return invalid(format!(
            "The baseOffset of the record batch in the append to {partition} should be 0, but it \
             is {}",
            header.base_offset
        ));
    }
    if count <= 0 || last.checked_add(1) != Some(count) {
        return invalid(format!(
            "Inconsistent batch offset range [0, {last}] and count of records {count} in topic \
             partition {partition}."
        ));
    }
    if header.is_control() {
        return invalid(format!(
            "Clients are not allowed to write control records in topic partition {partition}."
        ));
    }
    let BatchHeader { producer_id, base_sequence, .. } = *header;
    if has_producer(header) && base_sequence < 0 {
        return invalid(format!(
            "Invalid sequence number {base_sequence} in record batch with producerId {producer_id}"
        ));
    }
    if header.is_transactional() {
        let text = format!("No transaction is open in topic partition {partition}");
        return Err(Refusal::new(ErrorCode::INVALID_PRODUCER_ID_MAPPING, text));
    }
    if header.timestamp_type() == TimestampType::LogAppendTime {
        let text = format!(
            "Invalid timestamp type in message to {partition}. Producer should not set timestamp \
             type to LogAppendTime."
        );
        return Err(Refusal::new(ErrorCode::INVALID_TIMESTAMP, text));
    }
    Ok(())
}

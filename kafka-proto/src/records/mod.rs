//! Record batches: what Produce sends, Fetch brings and a log holds.
//!
//! A batch of format version 2 (its "magic") is 61 bytes of header and then the records, together compressed or not:
//!
//! ```text
//!  0 base offset i64        12 leader epoch i32   23 last offset delta i32   43 producer id i64
//!  8 length i32 (from 12)   16 magic i8           27 base timestamp i64      51 producer epoch i16
//!                           17 CRC-32C u32        35 max timestamp i64       53 base sequence i32
//!                           21 attributes i16                                57 count i32
//! ```
//!
//! The checksum covers everything from the attributes on, so a broker can place a batch (base offset, leader epoch)
//! without reading it. Attributes: bits 0-2 compression, 3 timestamps are those of the log append, 4 transactional,
//! 5 control, 6 the base timestamp is a delete horizon.
//!
//! A record is a varint length, then attributes, timestamp delta, offset delta, key, value and headers; lengths are
//! zigzag varints, -1 is null. Formats 0 and 1 are read where [`Batches::with_legacy`] asks for them.
//!
//! [`BatchBuilder`] writes; [`Batches`], [`Batch`] and [`OpenBatch`] read, all of them over shared bytes. Where batches
//! come from and go to is not known here.

mod batch;
mod builder;
mod compression;
pub mod control;
mod error;
mod legacy;
mod open;
mod record;
mod region;
pub mod varint;

#[cfg(test)]
#[cfg(all(feature = "gzip", feature = "snappy", feature = "lz4", feature = "zstd"))]
mod tests;

pub use batch::{
    Batch, BatchHeader, Batches, TimestampType, set_base_offset, set_log_append_time,
    set_partition_leader_epoch,
};
pub use builder::{BatchBuilder, Stamp};
pub use compression::{Compression, Compressor, Decompressor, UnknownCompression};
pub use error::{RecordError, RecordErrorKind};
pub use open::{OpenBatch, RecordIter};
pub use record::{Header, Headers, Record, RecordPlace};
pub use region::{FileRange, Records};

/// Bytes of a batch's header.
pub const HEADER_LEN: usize = 61;

/// The format version of the batches here.
pub const MAGIC: i8 = 2;

/// The most headers that a record may have.
pub const MAX_HEADERS: usize = 10_000;

/// The CRC-32C of `bytes`.
pub fn crc32c(bytes: &[u8]) -> u32 {
    // On x86 the one is the faster where it has 512 bits at a time, the other where it has not.
    #[cfg(target_arch = "x86_64")]
    if !std::arch::is_x86_feature_detected!("avx512vl") {
        return ::crc32c::crc32c(bytes);
    }
    crc_fast::crc32_iscsi(bytes)
}

/// The sequence number `by` records after `base`: after 2147483647 comes 0.
///
/// ```
/// assert_eq!(kafka_proto::records::increment_sequence(i32::MAX, 2), 1);
/// ```
pub fn increment_sequence(base: i32, by: i32) -> i32 {
    base.wrapping_add(by) & i32::MAX
}

//! Snapshots of the metadata log: `END-EPOCH.checkpoint` files with all that the records before `END` come to.
//!
//! One is a log of its own: a control batch that says it begins, batches of records, a control batch that says it is
//! whole.

use super::image::Image;
use super::journal::version_of;
use kafka_proto::records::control::{ControlType, batch};
use kafka_proto::records::{BatchBuilder, Compressor, Stamp, set_base_offset};
use kafka_proto::schema;
use kafka_proto::stored::control::{SnapshotFooterRecord, SnapshotHeaderRecord};
use kafka_proto::wire::EncodeError;

/// Records of one batch.
const BATCH_RECORDS: usize = 500;

/// The file of the snapshot up to `end`, the last of whose records is of `epoch`.
pub(super) fn name(end: i64, epoch: i32) -> String {
    format!("{end:020}-{epoch:010}.checkpoint")
}

/// Up to where the snapshot of that name goes.
pub(super) fn end_of(name: &str) -> Option<i64> {
    let (end, _epoch) = name.strip_suffix(".checkpoint")?.split_once('-')?;
    end.parse().ok()
}

/// The content of a snapshot.
pub(super) fn encode(image: &Image, epoch: i32, now_ms: i64) -> Result<Vec<u8>, EncodeError> {
    let stamp = Stamp { partition_leader_epoch: epoch, ..Stamp::NONE };
    let header = SnapshotHeaderRecord { version: 0, last_contained_log_timestamp: now_ms };
    let header = schema::to_bytes(&header, 0)?;
    let mut file = batch(0, now_ms, ControlType::SnapshotHeader, &header, stamp);
    let mut offset = 1;
    for records in image.records().chunks(BATCH_RECORDS) {
        let mut builder = BatchBuilder::new(Vec::new());
        for record in records {
            let value = record.to_bytes(version_of(record))?;
            builder.append(now_ms, None, Some(&value), &[]);
        }
        let count = i64::from(builder.count());
        let mut batch = builder.seal(stamp, &mut Compressor::none());
        set_base_offset(&mut batch, offset);
        file.extend_from_slice(&batch);
        offset += count;
    }
    let footer = schema::to_bytes(&SnapshotFooterRecord { version: 0 }, 0)?;
    let footer = batch(offset, now_ms, ControlType::SnapshotFooter, &footer, stamp);
    file.extend_from_slice(&footer);
    Ok(file)
}

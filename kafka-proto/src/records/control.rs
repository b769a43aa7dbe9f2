//! Control batches: records for the protocol only, such as the markers at the end of a transaction.
//!
//! A control batch holds one record or more whose keys are a version and a [`ControlType`], on which the meaning of the
//! value depends. Only the value of transaction markers is known here; those of Raft are messages.

use super::batch::set_base_offset;
use super::builder::{BatchBuilder, Stamp};
use super::compression::Compressor;
use super::error::RecordError;
use super::record::Record;

/// What a control record says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ControlType {
    /// The transaction was aborted.
    Abort,
    /// The transaction was committed.
    Commit,
    /// Another leader of the Raft quorum.
    LeaderChange,
    /// The start of a snapshot.
    SnapshotHeader,
    /// The end of a snapshot.
    SnapshotFooter,
    /// The version of the Raft protocol.
    KRaftVersion,
    /// The voters of the Raft quorum.
    KRaftVoters,
    /// Something newer; readers pass over it.
    Unknown(i16),
}

impl ControlType {
    /// What the control record `record` says.
    ///
    /// # Errors
    /// When its key is no control key.
    pub fn of(record: &Record<'_>) -> Result<Self, RecordError> {
        let key = record.key().unwrap_or_default();
        let at = record.key_range().map_or(0, |range| range.start);
        let (Some(version), Some(kind)) = (i16_at(key, 0), i16_at(key, 2)) else {
            return Err(RecordError::corrupt("cut key of a control record", at));
        };
        if version < 0 {
            return Err(RecordError::corrupt("negative version of a control record", at));
        }
        Ok(Self::from_number(kind))
    }

    /// Kafka's number for it.
    pub fn number(self) -> i16 {
        match self {
            Self::Abort => 0,
            Self::Commit => 1,
            Self::LeaderChange => 2,
            Self::SnapshotHeader => 3,
            Self::SnapshotFooter => 4,
            Self::KRaftVersion => 5,
            Self::KRaftVoters => 6,
            Self::Unknown(number) => number,
        }
    }

    /// What Kafka's `number` stands for.
    pub fn from_number(number: i16) -> Self {
        match number {
            0 => Self::Abort,
            1 => Self::Commit,
            2 => Self::LeaderChange,
            3 => Self::SnapshotHeader,
            4 => Self::SnapshotFooter,
            5 => Self::KRaftVersion,
            6 => Self::KRaftVoters,
            number => Self::Unknown(number),
        }
    }
}

/// The marker that ends a transaction in a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EndTxnMarker {
    /// Committed, or aborted.
    pub committed: bool,
    /// The epoch of the coordinator that decided it.
    pub coordinator_epoch: i32,
}

impl EndTxnMarker {
    /// The marker in the control record `record`; `None` when that is something else.
    ///
    /// # Errors
    /// When its key or value is cut.
    pub fn of(record: &Record<'_>) -> Result<Option<Self>, RecordError> {
        let committed = match ControlType::of(record)? {
            ControlType::Commit => true,
            ControlType::Abort => false,
            _ => return Ok(None),
        };
        let value = record.value().unwrap_or_default();
        let version = i16_at(value, 0).filter(|&version| version >= 0);
        let epoch = value.get(2..6).and_then(|bytes| bytes.first_chunk());
        let (Some(_), Some(epoch)) = (version, epoch) else {
            let at = record.value_range().map_or(0, |range| range.start);
            return Err(RecordError::corrupt("bad value of a transaction marker", at));
        };
        Ok(Some(Self { committed, coordinator_epoch: i32::from_be_bytes(*epoch) }))
    }

    /// The batch with this marker in it, at `base_offset` of the log.
    pub fn batch(
        self,
        base_offset: i64,
        partition_leader_epoch: i32,
        timestamp: i64,
        producer_id: i64,
        producer_epoch: i16,
    ) -> Vec<u8> {
        let kind = if self.committed { ControlType::Commit } else { ControlType::Abort };
        let mut value = [0; 6];
        value[2..].copy_from_slice(&self.coordinator_epoch.to_be_bytes());
        let stamp = Stamp {
            producer_id,
            producer_epoch,
            transactional: true,
            partition_leader_epoch,
            ..Stamp::NONE
        };
        batch(base_offset, timestamp, kind, &value, stamp)
    }
}

/// A control batch at `base_offset` of the log with one record in it.
pub fn batch(
    base_offset: i64,
    timestamp: i64,
    kind: ControlType,
    value: &[u8],
    stamp: Stamp,
) -> Vec<u8> {
    let mut key = [0; 4];
    key[2..].copy_from_slice(&kind.number().to_be_bytes());
    let mut builder = BatchBuilder::new(Vec::new());
    builder.append(timestamp, Some(&key), Some(value), &[]);
    let mut batch = builder.seal(Stamp { control: true, ..stamp }, &mut Compressor::none());
    set_base_offset(&mut batch, base_offset);
    batch
}

fn i16_at(bytes: &[u8], at: usize) -> Option<i16> {
    bytes.get(at..)?.first_chunk().map(|bytes| i16::from_be_bytes(*bytes))
}

//! Segments in tiered storage, as `__remote_log_metadata` keeps them (KIP-405).

use crate::{schema::schema, uuid::Uuid, wire::prelude::*};
use bytes::Bytes;

schema!(RemoteLogSegmentMetadataRecord, frame 0, versions 0..=0, flexible 0..);
schema!(RemoteLogSegmentMetadataUpdateRecord, frame 1, versions 0..=0, flexible 0..);
schema!(RemotePartitionDeleteMetadataRecord, frame 2, versions 0..=0, flexible 0..);
schema!(RemoteLogSegmentMetadataSnapshotRecord, frame 3, versions 0..=0, flexible 0..);
wire! {
    /// A segment is being copied.
    pub struct RemoteLogSegmentMetadataRecord {
        remote_log_segment_id: RemoteLogSegmentIdEntry,
        start_offset: i64,
        end_offset: i64,
        broker_id: i32,
        max_timestamp_ms: i64,
        event_timestamp_ms: i64,
        /// The epochs in it with their first offsets.
        segment_leader_epochs: Vec<SegmentLeaderEpochEntry>,
        segment_size_in_bytes: i32,
        custom_metadata: Option<Bytes> = None,
        /// 0 copy begun, 1 copied, 2 deletion begun, 3 deleted.
        remote_log_segment_state: i8,
        txn_index_empty: bool                       [tag 0],
    }

    /// Names a segment.
    pub struct RemoteLogSegmentIdEntry { topic_id_partition: TopicIdPartitionEntry, id: Uuid }
    /// Names a partition.
    pub struct TopicIdPartitionEntry { name: Arc<str>, id: Uuid, partition: i32 }
    /// Where an epoch begins.
    pub struct SegmentLeaderEpochEntry { leader_epoch: i32, offset: i64 }

    /// A segment's state has changed.
    pub struct RemoteLogSegmentMetadataUpdateRecord {
        remote_log_segment_id: RemoteLogSegmentIdEntry,
        broker_id: i32,
        event_timestamp_ms: i64,
        custom_metadata: Option<Bytes> = None,
        remote_log_segment_state: i8,
    }

    /// A partition's segments are being deleted.
    pub struct RemotePartitionDeleteMetadataRecord {
        topic_id_partition: TopicIdPartitionEntry,
        broker_id: i32,
        event_timestamp_ms: i64,
        /// 0 marked, 1 begun, 2 done.
        remote_partition_delete_state: i8,
    }

    /// A segment, in a snapshot file of its partition.
    pub struct RemoteLogSegmentMetadataSnapshotRecord {
        segment_id: Uuid,
        start_offset: i64,
        end_offset: i64,
        broker_id: i32,
        max_timestamp_ms: i64,
        event_timestamp_ms: i64,
        segment_leader_epochs: Vec<SegmentLeaderEpochEntry>,
        segment_size_in_bytes: i32,
        custom_metadata: Option<Bytes> = None,
        remote_log_segment_state: i8,
        txn_index_empty: bool                       [tag 0],
    }
}

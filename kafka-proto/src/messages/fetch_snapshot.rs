//! FetchSnapshot: read a snapshot of the metadata log (KIP-630).
//!
//! Sent by brokers and controllers to the leader of the quorum when Fetch points to a snapshot. Version 1 has
//! directories and addresses (KIP-853).

use crate::{ErrorCode, records::Records, uuid::Uuid, wire::prelude::*};
api!(FetchSnapshot = 59, versions 0..=1, flexible 0..);
wire! {
    /// Which snapshot, from where on.
    pub struct Request {
        cluster_id: Option<Arc<str>>                [tag 0] = None,
        replica_id: i32 = -1,
        max_bytes: i32 = i32::MAX,
        topics: Vec<TopicSnapshot>,
    }

    /// Snapshots of one topic.
    pub struct TopicSnapshot { name: Arc<str>, partitions: Vec<PartitionSnapshot> }
    /// The snapshot of one partition.
    pub struct PartitionSnapshot {
        partition: i32,
        current_leader_epoch: i32,
        snapshot_id: SnapshotId,
        /// The first byte to read.
        position: i64,
        replica_directory_id: Uuid                  [tag 0, 1.., drop],
    }

    /// The end of what a snapshot covers.
    pub struct SnapshotId { end_offset: i64, epoch: i32 }
    /// A piece of the snapshot.
    pub struct Response {
        throttle_time_ms: i32,
        error_code: ErrorCode,
        topics: Vec<TopicSnapshotResponse>,
        node_endpoints: Vec<NodeEndpoint>           [tag 0, 1..],
    }

    /// Pieces of one topic.
    pub struct TopicSnapshotResponse { name: Arc<str>, partitions: Vec<PartitionSnapshotResponse> }
    /// A piece of one partition's.
    pub struct PartitionSnapshotResponse {
        index: i32,
        error_code: ErrorCode,
        snapshot_id: SnapshotId,
        current_leader: LeaderIdAndEpoch            [tag 0],
        /// Of the whole snapshot, in bytes.
        size: i64,
        position: i64,
        /// Batches; the piece may begin and end in the middle of one.
        unaligned_records: Records,
    }

    /// Who leads by now.
    pub struct LeaderIdAndEpoch { leader_id: i32, leader_epoch: i32 }
    /// The address of a leader that the response names.
    pub struct NodeEndpoint { node_id: i32, host: Arc<str>, port: u16 }
}

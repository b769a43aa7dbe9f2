//! Fetch: read record batches from partition logs.
//!
//! Sent by consumers and followers. Version 7 has sessions (KIP-227), 9 leader epochs (KIP-320), 10 zstd (KIP-110), 11
//! reads from near replicas (KIP-392), 13 has topic ids in place of names (KIP-516), 15 says which replica asks
//! (KIP-903), 16 tells the new leader (KIP-951), 17 and 18 are for followers.

use crate::{ErrorCode, records::Records, uuid::Uuid, wire::prelude::*};
api!(Fetch = 1, versions 4..=18, flexible 12..);
wire! {
    hot;

    /// Goes to the leader of the partitions, or to a replica near the consumer.
    pub struct Request {
        /// Refused when it is not that of the broker.
        cluster_id: Option<Arc<str>>                [tag 0, 12.., drop] = None,
        /// -1 for a consumer.
        replica_id: i32                             [..=14] = -1,
        replica_state: ReplicaState                 [tag 1, 15..],
        /// How long the broker may wait until it has `min_bytes`.
        max_wait_ms: i32,
        min_bytes: i32,
        /// Limit of the response; the first batch may pass it.
        max_bytes: i32 = i32::MAX,
        /// 0 reads uncommitted records too, 1 only committed ones.
        isolation_level: i8,
        /// 0 opens a session or does without one.
        session_id: i32                             [7.., drop],
        /// 0 opens a session, -1 closes it or does without one, others count on.
        session_epoch: i32                          [7.., drop] = -1,
        /// All partitions to read; in a session those that are new or have changed.
        topics: Vec<FetchTopic>,
        forgotten_topics_data: Vec<ForgottenTopic>  [7..],
        /// Where the consumer is, so that it can be sent to a near replica.
        rack_id: Arc<str>                           [11.., drop],
    }

    /// Which replica asks; of a consumer all is default.
    pub struct ReplicaState {
        /// -1 for a consumer.
        replica_id: i32 = -1,
        replica_epoch: i64 = -1,
    }

    /// The partitions of one topic to read.
    pub struct FetchTopic {
        topic: Arc<str>                             [..=12, drop],
        topic_id: Uuid                              [13.., drop],
        partitions: Vec<FetchPartition>,
    }

    /// Where to read in one partition, and how much.
    pub struct FetchPartition {
        partition: i32,
        /// Fences those with old metadata; -1 does not.
        current_leader_epoch: i32                   [9.., drop] = -1,
        /// The first offset to read.
        fetch_offset: i64,
        /// The epoch of the record before `fetch_offset`; -1 when unknown.
        last_fetched_epoch: i32                     [12..] = -1,
        /// The follower's first offset; -1 for a consumer.
        log_start_offset: i64                       [5.., drop] = -1,
        /// Limit of this partition; the first batch may pass it.
        partition_max_bytes: i32,
        /// The follower's log directory.
        replica_directory_id: Uuid                  [tag 0, 17.., drop],
        /// As the follower knows it, -1 when it does not; the default switches it off.
        high_watermark: i64                         [tag 1, 18.., drop] = i64::MAX,
    }

    /// Partitions that leave the fetch session.
    pub struct ForgottenTopic {
        topic: Arc<str>                             [..=12, drop],
        topic_id: Uuid                              [13.., drop],
        partitions: Vec<i32>,
    }

    /// The batches found; partitions without news are left out in a session.
    pub struct Response {
        throttle_time_ms: i32,
        error_code: ErrorCode                       [7.., drop],
        /// 0 without a session.
        session_id: i32                             [7..],
        responses: Vec<FetchableTopicResponse>,
        /// The leaders that `current_leader` names.
        node_endpoints: Vec<NodeEndpoint>           [tag 0, 16..],
    }

    /// What was found in one topic.
    pub struct FetchableTopicResponse {
        topic: Arc<str>                             [..=12, drop],
        topic_id: Uuid                              [13.., drop],
        partitions: Vec<PartitionData>,
    }

    /// What was found in one partition, and the state of its log.
    pub struct PartitionData {
        partition_index: i32,
        error_code: ErrorCode,
        /// The end of what all in-sync replicas hold.
        high_watermark: i64,
        /// The end of what no open transaction can change any more.
        last_stable_offset: i64 = -1,
        /// The first offset of the partition.
        log_start_offset: i64                       [5.., drop] = -1,
        /// Set when the asker's log has parted from this one.
        diverging_epoch: EpochEndOffset             [tag 0, 12..],
        /// Set with `NOT_LEADER_OR_FOLLOWER` and `FENCED_LEADER_EPOCH`.
        current_leader: LeaderIdAndEpoch            [tag 1, 12..],
        /// Set when the offset lies before the start of a metadata log.
        snapshot_id: SnapshotId                     [tag 2, 12..],
        /// Those among `records`; null unless only committed records were asked for.
        aborted_transactions: Option<Vec<AbortedTransaction>>,
        /// The replica to read from next time; -1 for this one.
        preferred_read_replica: i32                 [11..] = -1,
        /// Whole record batches; the last one may be cut short.
        records: Option<Records>,
    }

    /// The largest epoch up to which the logs agree, and its end.
    pub struct EpochEndOffset { epoch: i32 = -1, end_offset: i64 = -1 }
    /// Who leads the partition by now.
    pub struct LeaderIdAndEpoch {
        /// -1 when unknown.
        leader_id: i32 = -1,
        leader_epoch: i32 = -1,
    }

    /// The snapshot to fetch in place of records deleted long ago.
    pub struct SnapshotId { end_offset: i64 = -1, epoch: i32 = -1 }
    /// A producer whose records are dropped from an offset on.
    pub struct AbortedTransaction { producer_id: i64, first_offset: i64 }
    /// The address of a leader that the response names.
    pub struct NodeEndpoint {
        node_id: i32,
        host: Arc<str>,
        port: i32,
        rack: Option<Arc<str>> = None,
    }
}

//! OffsetForLeaderEpoch: where a leader epoch ends in a log, to find where two logs part.
//!
//! Sent by consumers and followers to the leaders of partitions (KIP-101, KIP-320). Version 3 says which replica asks,
//! 4 is flexible.

use crate::{ErrorCode, wire::prelude::*};
api!(OffsetForLeaderEpoch = 23, versions 2..=4, flexible 4..);
wire! {
    /// Goes to the leader of every partition in it.
    pub struct Request {
        /// -1 for a consumer, -2 for a debugging one.
        replica_id: i32                             [3.., drop] = -2,
        topics: Vec<OffsetForLeaderTopic>,
    }

    /// The partitions of one topic.
    pub struct OffsetForLeaderTopic { topic: Arc<str>, partitions: Vec<OffsetForLeaderPartition> }
    /// What is asked about one partition.
    pub struct OffsetForLeaderPartition {
        partition: i32,
        /// Fences those with old metadata; -1 does not.
        current_leader_epoch: i32 = -1,
        /// The epoch whose end is asked for.
        leader_epoch: i32,
    }

    /// An end offset per partition.
    pub struct Response { throttle_time_ms: i32, topics: Vec<OffsetForLeaderTopicResult> }
    /// The end offsets of one topic.
    pub struct OffsetForLeaderTopicResult { topic: Arc<str>, partitions: Vec<EpochEndOffset> }
    /// Where the epoch ends in one partition.
    pub struct EpochEndOffset {
        error_code: ErrorCode,
        partition: i32,
        /// The largest epoch not above the one asked for; -1 for none.
        leader_epoch: i32 = -1,
        /// -1 for none.
        end_offset: i64 = -1,
    }
}

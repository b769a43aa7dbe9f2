//! ListOffsets: the offset of a timestamp, or of the start or end of a partition.
//!
//! Sent by consumers and administrators to the leaders of partitions. Version 4 has leader epochs (KIP-320), 7 asks for
//! the offset of the largest timestamp (KIP-734), 8 and 9 for those of tiered storage (KIP-405, KIP-1005), 11 for the
//! first that waits for tiered storage.

use crate::{ErrorCode, wire::prelude::*};
api!(ListOffsets = 2, versions 1..=11, flexible 6..);
wire! {
    /// Goes to the leader of every partition in it.
    pub struct Request {
        /// -1 for a consumer; the default is 0.
        replica_id: i32,
        /// 1 takes the last stable offset as the end, 0 the high watermark.
        isolation_level: i8                         [2..],
        topics: Vec<ListOffsetsTopic>,
        /// How long a search in tiered storage may take.
        timeout_ms: i32                             [10.., drop],
    }

    /// The partitions of one topic.
    pub struct ListOffsetsTopic { name: Arc<str>, partitions: Vec<ListOffsetsPartition> }
    /// What is asked about one partition.
    pub struct ListOffsetsPartition {
        partition_index: i32,
        /// Fences those with old metadata; -1 does not.
        current_leader_epoch: i32                   [4.., drop] = -1,
        /// -1 end, -2 start, -3 largest timestamp; -4 to -6 concern tiered storage.
        timestamp: i64,
    }

    /// An offset per partition.
    pub struct Response { throttle_time_ms: i32 [2.., drop], topics: Vec<ListOffsetsTopicResponse> }
    /// The offsets of one topic.
    pub struct ListOffsetsTopicResponse {
        name: Arc<str>,
        partitions: Vec<ListOffsetsPartitionResponse>,
    }

    /// The offset found in one partition.
    pub struct ListOffsetsPartitionResponse {
        partition_index: i32,
        error_code: ErrorCode,
        /// Of the record found; -1 for none.
        timestamp: i64 = -1,
        /// -1 when no record is as late as asked.
        offset: i64 = -1,
        /// Of the record found; -1 when unknown.
        leader_epoch: i32                           [4..] = -1,
    }
}

//! DeleteRecords: move the start of partitions forward.
//!
//! Sent by administrators to the leaders of partitions (KIP-107). Version 2 is flexible, no more.

use crate::{ErrorCode, wire::prelude::*};
api!(DeleteRecords = 21, versions 0..=2, flexible 2..);
wire! {
    /// Goes to the leader of every partition in it.
    pub struct Request { topics: Vec<DeleteRecordsTopic>, timeout_ms: i32 }
    /// The partitions of one topic.
    pub struct DeleteRecordsTopic { name: Arc<str>, partitions: Vec<DeleteRecordsPartition> }
    /// Where one partition shall start.
    pub struct DeleteRecordsPartition {
        partition_index: i32,
        /// The first offset to keep; -1 for the high watermark.
        offset: i64,
    }

    /// A result per partition.
    pub struct Response { throttle_time_ms: i32, topics: Vec<DeleteRecordsTopicResult> }
    /// The results of one topic.
    pub struct DeleteRecordsTopicResult {
        name: Arc<str>,
        partitions: Vec<DeleteRecordsPartitionResult>,
    }

    /// Where one partition starts now.
    pub struct DeleteRecordsPartitionResult {
        partition_index: i32,
        /// The lowest start among the replicas.
        low_watermark: i64,
        error_code: ErrorCode,
    }
}

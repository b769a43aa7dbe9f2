//! DescribeLogDirs: the log directories of a broker and what lies in them (KIP-113).
//!
//! Sent by administrators to the broker that is asked about. Version 4 tells the size of the disk (KIP-827), 5 whether
//! the directory takes new replicas (KIP-1066).

use crate::{ErrorCode, wire::prelude::*};
api!(DescribeLogDirs = 35, versions 1..=5, flexible 2..);
wire! {
    /// Which partitions; null for all.
    pub struct Request { topics: Option<Vec<DescribableLogDirTopic>> }
    /// Partitions of one topic.
    pub struct DescribableLogDirTopic { topic: Arc<str>, partitions: Vec<i32> }
    /// One description per directory.
    pub struct Response {
        throttle_time_ms: i32,
        error_code: ErrorCode                       [3.., drop],
        results: Vec<DescribeLogDirsResult>,
    }

    /// A directory.
    pub struct DescribeLogDirsResult {
        error_code: ErrorCode,
        log_dir: Arc<str>,
        topics: Vec<DescribeLogDirsTopic>,
        /// Of the disk; -1 when unknown.
        total_bytes: i64                            [4.., drop] = -1,
        usable_bytes: i64                           [4.., drop] = -1,
        /// Whether it gets no new replicas.
        is_cordoned: bool                           [5.., drop],
    }

    /// The replicas of one topic.
    pub struct DescribeLogDirsTopic { name: Arc<str>, partitions: Vec<DescribeLogDirsPartition> }
    /// A replica.
    pub struct DescribeLogDirsPartition {
        partition_index: i32,
        partition_size: i64,
        offset_lag: i64,
        /// Whether it is a copy that will replace the one in another directory.
        is_future_key: bool,
    }
}

//! DescribeShareGroupOffsets: how far share groups are (KIP-932).
//!
//! Sent by administrators to the groups' coordinator. Version 1 tells the lag (KIP-1226).

use crate::{ErrorCode, uuid::Uuid, wire::prelude::*};
api!(DescribeShareGroupOffsets = 90, versions 0..=1, flexible 0..);
wire! {
    /// Which groups.
    pub struct Request { groups: Vec<DescribeShareGroupOffsetsRequestGroup> }
    /// What is asked of one group; null for all topics.
    pub struct DescribeShareGroupOffsetsRequestGroup {
        group_id: Arc<str>,
        topics: Option<Vec<DescribeShareGroupOffsetsRequestTopic>>,
    }

    /// Partitions of one topic.
    pub struct DescribeShareGroupOffsetsRequestTopic { topic_name: Arc<str>, partitions: Vec<i32> }
    /// The offsets.
    pub struct Response {
        throttle_time_ms: i32,
        groups: Vec<DescribeShareGroupOffsetsResponseGroup>,
    }

    /// The offsets of one group.
    pub struct DescribeShareGroupOffsetsResponseGroup {
        group_id: Arc<str>,
        topics: Vec<DescribeShareGroupOffsetsResponseTopic>,
        error_code: ErrorCode,
        error_message: Option<Arc<str>> = None,
    }

    /// The offsets of one topic.
    pub struct DescribeShareGroupOffsetsResponseTopic {
        topic_name: Arc<str>,
        topic_id: Uuid,
        partitions: Vec<DescribeShareGroupOffsetsResponsePartition>,
    }

    /// How far the group is in one partition.
    pub struct DescribeShareGroupOffsetsResponsePartition {
        partition_index: i32,
        /// Everything before is done; -1 when unknown.
        start_offset: i64,
        leader_epoch: i32,
        lag: i64                                    [1.., drop] = -1,
        error_code: ErrorCode,
        error_message: Option<Arc<str>> = None,
    }
}

//! OffsetFetch: read the committed positions of groups.
//!
//! Sent by consumers and administrators to the coordinator. Version 2 can ask for all topics, 5 tells leader epochs
//! (KIP-320), 7 can leave out what open transactions may change (KIP-447), 8 asks for several groups (KIP-709), 9
//! checks the member epoch (KIP-848), 10 has topic ids in place of names.

use crate::{ErrorCode, uuid::Uuid, wire::prelude::*};
api!(OffsetFetch = 9, versions 1..=10, flexible 6..);
wire! {
    /// Names one group before version 8, then any number.
    pub struct Request {
        group_id: Arc<str>                          [..=7],
        /// Null asks for all.
        topics: Option<Vec<OffsetFetchRequestTopic>> [..=7, null 2..],
        groups: Vec<OffsetFetchRequestGroup>        [8..],
        /// Answers `UNSTABLE_OFFSET_COMMIT` where an open transaction has offsets.
        require_stable: bool                        [7..],
    }

    /// Partitions of one topic.
    pub struct OffsetFetchRequestTopic { name: Arc<str>, partition_indexes: Vec<i32> }
    /// What is asked of one group.
    pub struct OffsetFetchRequestGroup {
        group_id: Arc<str>,
        member_id: Option<Arc<str>>                 [9.., drop] = None,
        /// -1 unless a member of a consumer group asks.
        member_epoch: i32                           [9.., drop] = -1,
        /// Null asks for all.
        topics: Option<Vec<OffsetFetchRequestTopics>>,
    }

    /// Partitions of one topic.
    pub struct OffsetFetchRequestTopics {
        name: Arc<str>                              [..=9, drop],
        topic_id: Uuid                              [10.., drop],
        partition_indexes: Vec<i32>,
    }

    /// The offsets; of a group alone before version 8.
    pub struct Response {
        throttle_time_ms: i32                       [3.., drop],
        topics: Vec<OffsetFetchResponseTopic>       [..=7],
        error_code: ErrorCode                       [2..=7, drop],
        groups: Vec<OffsetFetchResponseGroup>       [8..],
    }

    /// The offsets of one topic.
    pub struct OffsetFetchResponseTopic {
        name: Arc<str>,
        partitions: Vec<OffsetFetchResponsePartition>,
    }

    /// The position in one partition.
    pub struct OffsetFetchResponsePartition {
        partition_index: i32,
        /// -1 when there is none.
        committed_offset: i64,
        committed_leader_epoch: i32                 [5.., drop] = -1,
        metadata: Option<Arc<str>>,
        error_code: ErrorCode,
    }

    /// The offsets of one group.
    pub struct OffsetFetchResponseGroup {
        group_id: Arc<str>,
        topics: Vec<OffsetFetchResponseTopics>,
        error_code: ErrorCode,
    }

    /// The offsets of one topic.
    pub struct OffsetFetchResponseTopics {
        name: Arc<str>                              [..=9, drop],
        topic_id: Uuid                              [10.., drop],
        partitions: Vec<OffsetFetchResponsePartitions>,
    }

    /// The position in one partition.
    pub struct OffsetFetchResponsePartitions {
        partition_index: i32,
        /// -1 when there is none.
        committed_offset: i64,
        committed_leader_epoch: i32 = -1,
        metadata: Option<Arc<str>>,
        error_code: ErrorCode,
    }
}

//! TxnOffsetCommit: store the positions of a group when a transaction commits (KIP-98).
//!
//! Sent by transactional producers to the group's coordinator. Version 3 says which member commits (KIP-447), 4 may
//! answer `TRANSACTION_ABORTABLE`, 5 makes AddOffsetsToTxn needless (both KIP-890), 6 has topic ids in place of names
//! (KIP-1319).

use crate::{ErrorCode, uuid::Uuid, wire::prelude::*};
api!(TxnOffsetCommit = 28, versions 0..=6, flexible 3..);
wire! {
    /// The offsets, and on whose behalf.
    pub struct Request {
        transactional_id: Arc<str>,
        group_id: Arc<str>,
        producer_id: i64,
        producer_epoch: i16,
        /// Of the member that read the records; -1 checks nothing.
        generation_id_or_member_epoch: i32          [3..] = -1,
        member_id: Arc<str>                         [3..],
        /// The id of a static member.
        group_instance_id: Option<Arc<str>>         [3..] = None,
        topics: Vec<TxnOffsetCommitRequestTopic>,
    }

    /// The offsets of one topic.
    pub struct TxnOffsetCommitRequestTopic {
        name: Arc<str>                              [..=5, drop],
        topic_id: Uuid                              [6.., drop],
        partitions: Vec<TxnOffsetCommitRequestPartition>,
    }

    /// The position in one partition.
    pub struct TxnOffsetCommitRequestPartition {
        partition_index: i32,
        committed_offset: i64,
        /// Of the record before the offset; -1 when unknown.
        committed_leader_epoch: i32                 [2.., drop] = -1,
        committed_metadata: Option<Arc<str>>,
    }

    /// A result per partition.
    pub struct Response { throttle_time_ms: i32, topics: Vec<TxnOffsetCommitResponseTopic> }
    /// The results of one topic.
    pub struct TxnOffsetCommitResponseTopic {
        name: Arc<str>                              [..=5, drop],
        topic_id: Uuid                              [6.., drop],
        partitions: Vec<TxnOffsetCommitResponsePartition>,
    }

    /// Whether the offset waits for the commit.
    pub struct TxnOffsetCommitResponsePartition { partition_index: i32, error_code: ErrorCode }
}

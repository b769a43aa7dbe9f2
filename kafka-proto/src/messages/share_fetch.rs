//! ShareFetch: take records for a share group, and say what became of those taken before (KIP-932).
//!
//! Sent by share consumers to the leaders of partitions. Version 1 bounds the number of records, 2 can bound it
//! strictly (KIP-1206) and renew locks (KIP-1222).

use crate::{ErrorCode, records::Records, uuid::Uuid, wire::prelude::*};
api!(ShareFetch = 78, versions 1..=2, flexible 0..);
wire! {
    /// Reads in a session of one member and one broker.
    pub struct Request {
        group_id: Option<Arc<str>> = None,
        member_id: Option<Arc<str>>,
        /// 0 opens the session, -1 closes it, others count on.
        share_session_epoch: i32,
        max_wait_ms: i32,
        min_bytes: i32,
        /// Limit of the response; the first batch may pass it.
        max_bytes: i32 = i32::MAX,
        max_records: i32,
        /// The broker may split what it hands out at batches of about so many records.
        batch_size: i32,
        /// 0 takes whole batches and may pass `max_records`, 1 never takes more.
        share_acquire_mode: i8                      [2.., drop],
        /// Whether acknowledgements of type 4 are among these.
        is_renew_ack: bool                          [2..],
        topics: Vec<FetchTopic>,
        forgotten_topics_data: Vec<ForgottenTopic>,
    }

    /// Partitions of one topic.
    pub struct FetchTopic { topic_id: Uuid, partitions: Vec<FetchPartition> }
    /// A partition to read from.
    pub struct FetchPartition {
        partition_index: i32,
        acknowledgement_batches: Vec<AcknowledgementBatch>,
    }

    /// What became of a range of records.
    pub struct AcknowledgementBatch {
        first_offset: i64,
        last_offset: i64,
        /// One for all, or one for each: 0 gap, 1 accept, 2 release, 3 reject, 4 renew.
        acknowledge_types: Vec<i8>,
    }

    /// Partitions that leave the session.
    pub struct ForgottenTopic { topic_id: Uuid, partitions: Vec<i32> }
    /// The records that are now the member's for a while.
    pub struct Response {
        throttle_time_ms: i32,
        error_code: ErrorCode,
        error_message: Option<Arc<str>> = None,
        /// For how long.
        acquisition_lock_timeout_ms: i32,
        responses: Vec<ShareFetchableTopicResponse>,
        node_endpoints: Vec<NodeEndpoint>,
    }

    /// The records of one topic.
    pub struct ShareFetchableTopicResponse { topic_id: Uuid, partitions: Vec<PartitionData> }
    /// The records of one partition.
    pub struct PartitionData {
        partition_index: i32,
        error_code: ErrorCode,
        error_message: Option<Arc<str>> = None,
        /// Whether the acknowledgements were taken.
        acknowledge_error_code: ErrorCode,
        acknowledge_error_message: Option<Arc<str>> = None,
        current_leader: LeaderIdAndEpoch,
        records: Records,
        acquired_records: Vec<AcquiredRecords>,
    }

    /// Who leads the partition by now.
    pub struct LeaderIdAndEpoch { leader_id: i32, leader_epoch: i32 }
    /// A range of offsets that is the member's.
    pub struct AcquiredRecords {
        first_offset: i64,
        last_offset: i64,
        /// How often they have been handed out, this time included.
        delivery_count: i16,
    }

    /// The address of a leader that the response names.
    pub struct NodeEndpoint {
        node_id: i32,
        host: Arc<str>,
        port: i32,
        rack: Option<Arc<str>> = None,
    }
}

//! AddPartitionsToTxn: make partitions part of a transaction (KIP-98).
//!
//! Sent by transactional producers to the coordinator before the first Produce to a partition, up to version 3; not any
//! more under the second transaction protocol. Brokers send version 4 and later to add or verify partitions for a
//! producer (KIP-890); version 5 may answer `TRANSACTION_ABORTABLE`.

use crate::{ErrorCode, wire::prelude::*};
api!(AddPartitionsToTxn = 24, versions 0..=5, flexible 3..);
wire! {
    /// Names one transaction up to version 3, then any number.
    pub struct Request {
        transactions: Vec<AddPartitionsToTxnTransaction> [4..],
        v3_and_below_transactional_id: Arc<str>     [..=3],
        v3_and_below_producer_id: i64               [..=3],
        v3_and_below_producer_epoch: i16            [..=3],
        v3_and_below_topics: Vec<AddPartitionsToTxnTopic> [..=3],
    }

    /// The partitions of one transaction.
    pub struct AddPartitionsToTxnTransaction {
        transactional_id: Arc<str>,
        producer_id: i64,
        producer_epoch: i16,
        /// Asks whether they are in it, and adds nothing.
        verify_only: bool,
        topics: Vec<AddPartitionsToTxnTopic>,
    }

    /// Partitions of one topic.
    pub struct AddPartitionsToTxnTopic { name: Arc<str>, partitions: Vec<i32> }
    /// A result per partition.
    pub struct Response {
        throttle_time_ms: i32,
        error_code: ErrorCode                       [4.., drop],
        results_by_transaction: Vec<AddPartitionsToTxnResult> [4..],
        results_by_topic_v3_and_below: Vec<AddPartitionsToTxnTopicResult> [..=3],
    }

    /// The results of one transaction.
    pub struct AddPartitionsToTxnResult {
        transactional_id: Arc<str>,
        topic_results: Vec<AddPartitionsToTxnTopicResult>,
    }

    /// The results of one topic.
    pub struct AddPartitionsToTxnTopicResult {
        name: Arc<str>,
        results_by_partition: Vec<AddPartitionsToTxnPartitionResult>,
    }

    /// Whether one partition is in it.
    pub struct AddPartitionsToTxnPartitionResult {
        partition_index: i32,
        partition_error_code: ErrorCode,
    }
}

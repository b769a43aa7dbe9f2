//! DescribeTransactions: the state of transactions (KIP-664).
//!
//! Sent by administrators to the transactions' coordinator.

use crate::{ErrorCode, wire::prelude::*};
api!(DescribeTransactions = 65, versions 0..=0, flexible 0..);
wire! {
    /// Which transactions.
    pub struct Request { transactional_ids: Vec<Arc<str>> }
    /// One description per transactional id.
    pub struct Response { throttle_time_ms: i32, transaction_states: Vec<TransactionState> }
    /// A transaction.
    pub struct TransactionState {
        error_code: ErrorCode,
        transactional_id: Arc<str>,
        /// `Empty`, `Ongoing`, `PrepareCommit`, `CompleteAbort` and so on.
        transaction_state: Arc<str>,
        transaction_timeout_ms: i32,
        /// -1 when none is open.
        transaction_start_time_ms: i64,
        producer_id: i64,
        producer_epoch: i16,
        topics: Vec<TopicData>,
    }

    /// Partitions of one topic.
    pub struct TopicData { topic: Arc<str>, partitions: Vec<i32> }
}

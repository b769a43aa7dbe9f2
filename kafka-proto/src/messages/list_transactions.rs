//! ListTransactions: the transactions that a broker coordinates (KIP-664).
//!
//! Sent by administrators to every broker. Version 1 can ask for those that run long (KIP-994), 2 for ids that match a
//! pattern (KIP-1152).

use crate::{ErrorCode, wire::prelude::*};
api!(ListTransactions = 66, versions 0..=2, flexible 0..);
wire! {
    /// Empty filters let everything pass.
    pub struct Request {
        state_filters: Vec<Arc<str>>,
        producer_id_filters: Vec<i64>,
        /// Only those open for more milliseconds than this; -1 for all.
        duration_filter: i64                        [1..] = -1,
        /// A regular expression in the syntax of RE2.
        transactional_id_pattern: Option<Arc<str>>  [2..] = None,
    }

    /// The transactions that pass.
    pub struct Response {
        throttle_time_ms: i32,
        error_code: ErrorCode,
        /// Those that name no state the broker knows.
        unknown_state_filters: Vec<Arc<str>>,
        transaction_states: Vec<TransactionState>,
    }

    /// A transaction.
    pub struct TransactionState {
        transactional_id: Arc<str>,
        producer_id: i64,
        transaction_state: Arc<str>,
    }
}

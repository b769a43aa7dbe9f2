//! EndTxn: commit or abort a transaction (KIP-98).
//!
//! Sent by transactional producers to the transaction's coordinator. Version 4 may answer `TRANSACTION_ABORTABLE`, 5
//! gives the epoch of the next transaction (both KIP-890).

use crate::{ErrorCode, wire::prelude::*};
api!(EndTxn = 26, versions 0..=5, flexible 3..);
wire! {
    /// How the transaction ends.
    pub struct Request {
        transactional_id: Arc<str>,
        producer_id: i64,
        producer_epoch: i16,
        /// Whether its records are to be seen.
        committed: bool,
    }

    /// The outcome is decided; the markers may still be on their way.
    pub struct Response {
        throttle_time_ms: i32,
        error_code: ErrorCode,
        /// For the next transaction; -1 before version 5.
        producer_id: i64                            [5.., drop] = -1,
        producer_epoch: i16                         [5.., drop] = -1,
    }
}

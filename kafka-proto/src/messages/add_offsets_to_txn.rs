//! AddOffsetsToTxn: make a group's offsets part of a transaction (KIP-98).
//!
//! Sent by transactional producers to the transaction's coordinator before TxnOffsetCommit; not any more under the
//! second transaction protocol. Version 4 may answer `TRANSACTION_ABORTABLE` (KIP-890).

use crate::{ErrorCode, wire::prelude::*};
api!(AddOffsetsToTxn = 25, versions 0..=4, flexible 3..);
wire! {
    /// Which group, in the transaction that is open or that this opens.
    pub struct Request {
        transactional_id: Arc<str>,
        producer_id: i64,
        producer_epoch: i16,
        group_id: Arc<str>,
    }

    /// `CONCURRENT_TRANSACTIONS` while the transaction before is not over.
    pub struct Response { throttle_time_ms: i32, error_code: ErrorCode }
}

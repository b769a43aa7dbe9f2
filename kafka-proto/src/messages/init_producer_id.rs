//! InitProducerId: an id and epoch for an idempotent or transactional producer.
//!
//! Sent by producers before they write (KIP-98). Version 3 raises the epoch of an id in use (KIP-360), 4 tells fenced
//! producers from others (KIP-588), 5 may answer `TRANSACTION_ABORTABLE` (KIP-890), 6 is for transactions that are
//! prepared elsewhere (KIP-939) and unstable.

use crate::{ErrorCode, wire::prelude::*};
api!(InitProducerId = 22, versions 0..=6, flexible 2.., unstable 6..);
wire! {
    /// Goes to the transactional id's coordinator, or to any broker without one.
    pub struct Request {
        /// `None` for a producer that is only idempotent.
        transactional_id: Option<Arc<str>>,
        /// How long a transaction may stay open before the coordinator aborts it.
        transaction_timeout_ms: i32,
        /// The id in use, to have its epoch raised; -1 for a new one.
        producer_id: i64                            [3..] = -1,
        /// The epoch in use; refused when it is not the current one.
        producer_epoch: i16                         [3..] = -1,
        /// Whether a second phase of the commit is led from outside.
        enable2_pc: bool                            [6..],
        /// Whether the open transaction stays open.
        keep_prepared_txn: bool                     [6..],
    }

    /// The id and epoch to stamp batches with.
    pub struct Response {
        throttle_time_ms: i32,
        error_code: ErrorCode,
        producer_id: i64 = -1,
        producer_epoch: i16,
        /// Of the transaction kept open; -1 for none.
        ongoing_txn_producer_id: i64                [6..] = -1,
        /// Of the transaction kept open; -1 for none.
        ongoing_txn_producer_epoch: i16             [6..] = -1,
    }
}

//! AllocateProducerIds: a block of producer ids for a broker to hand out (KIP-730).
//!
//! Sent by brokers to the controller.

use crate::{ErrorCode, wire::prelude::*};
api!(AllocateProducerIds = 67, versions 0..=0, flexible 0..);
wire! {
    /// Which broker.
    pub struct Request { broker_id: i32, broker_epoch: i64 = -1 }
    /// The block.
    pub struct Response {
        throttle_time_ms: i32,
        error_code: ErrorCode,
        producer_id_start: i64,
        producer_id_len: i32,
    }
}

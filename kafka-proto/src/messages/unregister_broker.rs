//! UnregisterBroker: forget a broker that is gone for good (KIP-631).
//!
//! Sent by administrators to the controller; brokers forward it.

use crate::{ErrorCode, wire::prelude::*};
api!(UnregisterBroker = 64, versions 0..=0, flexible 0..);
wire! {
    /// Which broker.
    pub struct Request { broker_id: i32 }
    /// Whether it is forgotten.
    pub struct Response {
        throttle_time_ms: i32,
        error_code: ErrorCode,
        error_message: Option<Arc<str>>,
    }
}

//! UnregisterController: forget a controller that is gone for good.
//!
//! Sent by administrators to the controller; brokers forward it. New in Kafka 4.4.

use crate::{ErrorCode, wire::prelude::*};
api!(UnregisterController = 94, versions 0..=0, flexible 0..);
wire! {
    /// Which controller.
    pub struct Request { controller_id: i32 }
    /// Whether it is forgotten.
    pub struct Response {
        throttle_time_ms: i32,
        error_code: ErrorCode,
        error_message: Option<Arc<str>>,
    }
}

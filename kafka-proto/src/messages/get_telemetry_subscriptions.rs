//! GetTelemetrySubscriptions: which of its metrics a client shall push (KIP-714).
//!
//! Sent by clients to any broker, first and when a push is refused.

use crate::{ErrorCode, uuid::Uuid, wire::prelude::*};
api!(GetTelemetrySubscriptions = 71, versions 0..=0, flexible 0..);
wire! {
    /// Who asks.
    pub struct Request {
        /// Zero to be given one.
        client_instance_id: Uuid,
    }

    /// What to push, and how often.
    pub struct Response {
        throttle_time_ms: i32,
        error_code: ErrorCode,
        client_instance_id: Uuid,
        subscription_id: i32,
        /// The numbers of record batches, the one the broker likes best first.
        accepted_compression_types: Vec<i8>,
        push_interval_ms: i32,
        telemetry_max_bytes: i32,
        /// Whether sums count from the push before, and not from the start.
        delta_temporality: bool,
        /// Prefixes of names; empty for none, one empty prefix for all.
        requested_metrics: Vec<Arc<str>>,
    }
}

//! PushTelemetry: hand in a client's metrics (KIP-714).
//!
//! Sent by clients to the broker that gave them the subscription.

use crate::{ErrorCode, uuid::Uuid, wire::prelude::*};
use bytes::Bytes;
api!(PushTelemetry = 72, versions 0..=0, flexible 0..);
wire! {
    /// The metrics.
    pub struct Request {
        client_instance_id: Uuid,
        subscription_id: i32,
        /// Whether it is the last before the client closes.
        terminating: bool,
        compression_type: i8,
        /// `MetricsData` of OpenTelemetry in protobuf, compressed.
        metrics: Bytes,
    }

    /// `UNKNOWN_SUBSCRIPTION_ID` asks for a new subscription.
    pub struct Response { throttle_time_ms: i32, error_code: ErrorCode }
}

//! ExpireDelegationToken: let a delegation token end earlier (KIP-48).
//!
//! Sent by the token's owner or one of its renewers to any broker.

use crate::{ErrorCode, wire::prelude::*};
use bytes::Bytes;
api!(ExpireDelegationToken = 40, versions 1..=2, flexible 2..);
wire! {
    /// Which token, and when.
    pub struct Request {
        /// The secret names it.
        hmac: Bytes,
        /// From now on; negative for at once.
        expiry_time_period_ms: i64,
    }

    /// Until when it is good.
    pub struct Response { error_code: ErrorCode, expiry_timestamp_ms: i64, throttle_time_ms: i32 }
}

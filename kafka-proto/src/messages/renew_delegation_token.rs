//! RenewDelegationToken: let a delegation token live longer (KIP-48).
//!
//! Sent by the token's owner or one of its renewers to any broker.

use crate::{ErrorCode, wire::prelude::*};
use bytes::Bytes;
api!(RenewDelegationToken = 39, versions 1..=2, flexible 2..);
wire! {
    /// Which token, and how long.
    pub struct Request {
        /// The secret names it.
        hmac: Bytes,
        /// -1 for the broker's default.
        renew_period_ms: i64,
    }

    /// Until when it is good.
    pub struct Response { error_code: ErrorCode, expiry_timestamp_ms: i64, throttle_time_ms: i32 }
}

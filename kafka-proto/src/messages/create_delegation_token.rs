//! CreateDelegationToken: a token to authenticate with in place of a principal's own credentials (KIP-48).
//!
//! Sent by administrators to any broker. Version 3 can make one for somebody else (KIP-373).

use crate::{ErrorCode, wire::prelude::*};
use bytes::Bytes;
api!(CreateDelegationToken = 38, versions 1..=3, flexible 2..);
wire! {
    /// For whom, and how long.
    pub struct Request {
        /// Null for the caller's own.
        owner_principal_type: Option<Arc<str>>      [3..],
        owner_principal_name: Option<Arc<str>>      [3..],
        renewers: Vec<CreatableRenewers>,
        /// -1 for the broker's maximum.
        max_lifetime_ms: i64,
    }

    /// Who may renew it besides the owner.
    pub struct CreatableRenewers { principal_type: Arc<str>, principal_name: Arc<str> }
    /// The token.
    pub struct Response {
        error_code: ErrorCode,
        principal_type: Arc<str>,
        principal_name: Arc<str>,
        token_requester_principal_type: Arc<str>    [3..],
        token_requester_principal_name: Arc<str>    [3..],
        issue_timestamp_ms: i64,
        expiry_timestamp_ms: i64,
        max_timestamp_ms: i64,
        token_id: Arc<str>,
        /// The secret; base64 of it is the password.
        hmac: Bytes,
        throttle_time_ms: i32,
    }
}

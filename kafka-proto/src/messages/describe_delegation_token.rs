//! DescribeDelegationToken: the delegation tokens that the caller may see (KIP-48).
//!
//! Sent by administrators to any broker. Version 3 tells who asked for a token (KIP-373).

use crate::{ErrorCode, wire::prelude::*};
use bytes::Bytes;
api!(DescribeDelegationToken = 41, versions 1..=3, flexible 2..);
wire! {
    /// Whose tokens; null for all.
    pub struct Request { owners: Option<Vec<DescribeDelegationTokenOwner>> }
    /// A principal.
    pub struct DescribeDelegationTokenOwner { principal_type: Arc<str>, principal_name: Arc<str> }
    /// The tokens.
    pub struct Response {
        error_code: ErrorCode,
        tokens: Vec<DescribedDelegationToken>,
        throttle_time_ms: i32,
    }

    /// A token with its secret.
    pub struct DescribedDelegationToken {
        principal_type: Arc<str>,
        principal_name: Arc<str>,
        token_requester_principal_type: Arc<str>    [3..],
        token_requester_principal_name: Arc<str>    [3..],
        issue_timestamp: i64,
        expiry_timestamp: i64,
        max_timestamp: i64,
        token_id: Arc<str>,
        hmac: Bytes,
        renewers: Vec<DescribedDelegationTokenRenewer>,
    }

    /// A principal that may renew it.
    pub struct DescribedDelegationTokenRenewer {
        principal_type: Arc<str>,
        principal_name: Arc<str>,
    }
}

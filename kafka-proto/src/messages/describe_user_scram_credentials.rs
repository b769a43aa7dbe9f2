//! DescribeUserScramCredentials: which users can authenticate with SCRAM (KIP-554).
//!
//! Sent by administrators to any broker. Secrets are not told.

use crate::{ErrorCode, wire::prelude::*};
api!(DescribeUserScramCredentials = 50, versions 0..=0, flexible 0..);
wire! {
    /// Which users; null for all.
    pub struct Request { users: Option<Vec<UserName>> }
    /// A user.
    pub struct UserName { name: Arc<str> }
    /// The users.
    pub struct Response {
        throttle_time_ms: i32,
        error_code: ErrorCode,
        error_message: Option<Arc<str>>,
        results: Vec<DescribeUserScramCredentialsResult>,
    }

    /// A user with its credentials.
    pub struct DescribeUserScramCredentialsResult {
        user: Arc<str>,
        error_code: ErrorCode,
        error_message: Option<Arc<str>>,
        credential_infos: Vec<CredentialInfo>,
    }

    /// A credential.
    pub struct CredentialInfo {
        /// 1 SCRAM-SHA-256, 2 SCRAM-SHA-512.
        mechanism: i8,
        iterations: i32,
    }
}

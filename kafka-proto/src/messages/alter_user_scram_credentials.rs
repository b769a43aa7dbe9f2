//! AlterUserScramCredentials: set or remove what users authenticate with by SCRAM (KIP-554).
//!
//! Sent by administrators to the controller; brokers forward it. The password itself is not sent.

use crate::{ErrorCode, wire::prelude::*};
use bytes::Bytes;
api!(AlterUserScramCredentials = 51, versions 0..=0, flexible 0..);
wire! {
    /// What to change.
    pub struct Request {
        deletions: Vec<ScramCredentialDeletion>,
        upsertions: Vec<ScramCredentialUpsertion>,
    }

    /// A credential to remove.
    pub struct ScramCredentialDeletion {
        name: Arc<str>,
        /// 1 SCRAM-SHA-256, 2 SCRAM-SHA-512.
        mechanism: i8,
    }

    /// A credential to set.
    pub struct ScramCredentialUpsertion {
        name: Arc<str>,
        /// 1 SCRAM-SHA-256, 2 SCRAM-SHA-512.
        mechanism: i8,
        iterations: i32,
        salt: Bytes,
        salted_password: Bytes,
    }

    /// A result per user.
    pub struct Response { throttle_time_ms: i32, results: Vec<AlterUserScramCredentialsResult> }
    /// Whether the change was made.
    pub struct AlterUserScramCredentialsResult {
        user: Arc<str>,
        error_code: ErrorCode,
        error_message: Option<Arc<str>>,
    }
}

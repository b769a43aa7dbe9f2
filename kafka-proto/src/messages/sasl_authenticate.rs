//! SaslAuthenticate: exchange the tokens of a SASL mechanism (KIP-152).
//!
//! Sent by clients, and by brokers to each other, until the mechanism is done. Version 1 tells when to do so again
//! (KIP-368).

use crate::{ErrorCode, wire::prelude::*};
use bytes::Bytes;
api!(SaslAuthenticate = 36, versions 0..=2, flexible 2..);
wire! {
    /// The client's token.
    pub struct Request { auth_bytes: Bytes }
    /// The server's token, or why the client is refused.
    pub struct Response {
        error_code: ErrorCode,
        error_message: Option<Arc<str>>,
        auth_bytes: Bytes,
        /// After so long the broker closes the connection unless the client authenticates again; 0 never.
        session_lifetime_ms: i64                    [1.., drop],
    }
}

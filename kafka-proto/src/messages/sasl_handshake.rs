//! SaslHandshake: choose a SASL mechanism (KIP-43).
//!
//! The first request of a connection that has to authenticate, behind ApiVersions. After version 0 the tokens follow
//! without any frame of Kafka's; after version 1 in SaslAuthenticate (KIP-152).

use crate::{ErrorCode, wire::prelude::*};
api!(SaslHandshake = 17, versions 0..=1);
wire! {
    /// Which mechanism.
    pub struct Request { mechanism: Arc<str> }
    /// Whether the broker will do it.
    pub struct Response {
        error_code: ErrorCode,
        /// Those that the broker has.
        mechanisms: Vec<Arc<str>>,
    }
}

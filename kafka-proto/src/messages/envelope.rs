//! Envelope: somebody's request, forwarded with who sent it (KIP-590).
//!
//! Sent by brokers to the controller.

use crate::{ErrorCode, wire::prelude::*};
use bytes::Bytes;
api!(Envelope = 58, versions 0..=0, flexible 0..);
wire! {
    /// The request as it came.
    pub struct Request {
        /// Header and body.
        request_data: Bytes,
        /// The sender, as [`DefaultPrincipalData`](crate::stored::control::DefaultPrincipalData) has it.
        request_principal: Option<Bytes>,
        /// Four or sixteen bytes.
        client_host_address: Bytes,
    }

    /// The answer to be sent back.
    pub struct Response {
        /// Header and body; null with an error.
        response_data: Option<Bytes> = None,
        error_code: ErrorCode,
    }
}

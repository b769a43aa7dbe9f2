//! FindCoordinator: which broker coordinates a group or a transactional id.
//!
//! Sent by clients to any broker. Version 1 knows transactions (KIP-98), 4 asks for several at once (KIP-699), 5 may
//! answer `TRANSACTION_ABORTABLE` (KIP-890), 6 knows share groups (KIP-932).

use crate::{ErrorCode, wire::prelude::*};
api!(FindCoordinator = 10, versions 0..=6, flexible 3..);
wire! {
    /// Can be answered by any broker.
    pub struct Request {
        /// The group or transactional id.
        key: Arc<str>                               [..=3],
        /// 0 group, 1 transaction, 2 share group (`group:topicId:partition`).
        key_type: i8                                [1..],
        /// The groups or transactional ids.
        coordinator_keys: Vec<Arc<str>>             [4..],
    }

    /// A coordinator, or the reason why there is none; several since version 4.
    pub struct Response {
        throttle_time_ms: i32                       [1.., drop],
        error_code: ErrorCode                       [..=3],
        /// Why it failed, in the words of the broker.
        error_message: Option<Arc<str>>             [1..=3, drop],
        /// -1 with an error.
        node_id: i32                                [..=3],
        host: Arc<str>                              [..=3],
        port: i32                                   [..=3],
        coordinators: Vec<Coordinator>              [4..],
    }

    /// The coordinator of one key.
    pub struct Coordinator {
        key: Arc<str>,
        /// -1 with an error.
        node_id: i32,
        host: Arc<str>,
        port: i32,
        error_code: ErrorCode,
        /// Why it failed, in the words of the broker.
        error_message: Option<Arc<str>>,
    }
}

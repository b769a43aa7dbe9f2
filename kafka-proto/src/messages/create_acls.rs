//! CreateAcls: allow or deny principals what they may do.
//!
//! Sent by administrators to any broker. Version 1 knows patterns of names (KIP-290), 3 resources of users (KIP-373).

use crate::{ErrorCode, wire::prelude::*};
api!(CreateAcls = 30, versions 1..=3, flexible 2..);
wire! {
    /// What to add.
    pub struct Request { creations: Vec<AclCreation> }
    /// One rule.
    pub struct AclCreation {
        /// 2 topic, 3 group, 4 cluster, 5 transactional id, 6 delegation token, 7 user.
        resource_type: i8,
        resource_name: Arc<str>,
        /// 3 the name itself, 4 a prefix.
        resource_pattern_type: i8 = 3,
        /// Such as `User:alice`.
        principal: Arc<str>,
        host: Arc<str>,
        /// 2 all, 3 read, 4 write, 5 create, 6 delete, 7 alter, 8 describe, and others.
        operation: i8,
        /// 2 deny, 3 allow.
        permission_type: i8,
    }

    /// A result per rule, in the order of the request.
    pub struct Response { throttle_time_ms: i32, results: Vec<AclCreationResult> }
    /// Whether one rule is there.
    pub struct AclCreationResult { error_code: ErrorCode, error_message: Option<Arc<str>> }
}

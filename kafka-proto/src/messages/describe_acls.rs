//! DescribeAcls: the rules that match a filter.
//!
//! Sent by administrators to any broker. Version 1 knows patterns of names (KIP-290), 3 resources of users (KIP-373).

use crate::{ErrorCode, wire::prelude::*};
api!(DescribeAcls = 29, versions 1..=3, flexible 2..);
wire! {
    /// The filter; numbers are those of CreateAcls, 1 matches any.
    pub struct Request {
        resource_type_filter: i8,
        resource_name_filter: Option<Arc<str>>,
        /// 1 any, 2 whatever applies to the name, 3 the name itself, 4 a prefix.
        pattern_type_filter: i8 = 3,
        principal_filter: Option<Arc<str>>,
        host_filter: Option<Arc<str>>,
        operation: i8,
        permission_type: i8,
    }

    /// The rules, by resource.
    pub struct Response {
        throttle_time_ms: i32,
        error_code: ErrorCode,
        error_message: Option<Arc<str>>,
        resources: Vec<DescribeAclsResource>,
    }

    /// The rules of one resource or prefix.
    pub struct DescribeAclsResource {
        resource_type: i8,
        resource_name: Arc<str>,
        pattern_type: i8 = 3,
        acls: Vec<AclDescription>,
    }

    /// One rule.
    pub struct AclDescription {
        principal: Arc<str>,
        host: Arc<str>,
        operation: i8,
        permission_type: i8,
    }
}

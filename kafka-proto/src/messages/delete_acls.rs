//! DeleteAcls: remove the rules that match filters.
//!
//! Sent by administrators to any broker. Version 1 knows patterns of names (KIP-290), 3 resources of users (KIP-373).

use crate::{ErrorCode, wire::prelude::*};
api!(DeleteAcls = 31, versions 1..=3, flexible 2..);
wire! {
    /// What to remove.
    pub struct Request { filters: Vec<DeleteAclsFilter> }
    /// A filter as in DescribeAcls.
    pub struct DeleteAclsFilter {
        resource_type_filter: i8,
        resource_name_filter: Option<Arc<str>>,
        pattern_type_filter: i8 = 3,
        principal_filter: Option<Arc<str>>,
        host_filter: Option<Arc<str>>,
        operation: i8,
        permission_type: i8,
    }

    /// A result per filter.
    pub struct Response { throttle_time_ms: i32, filter_results: Vec<DeleteAclsFilterResult> }
    /// What one filter matched.
    pub struct DeleteAclsFilterResult {
        error_code: ErrorCode,
        error_message: Option<Arc<str>>,
        matching_acls: Vec<DeleteAclsMatchingAcl>,
    }

    /// A rule, and whether it is gone.
    pub struct DeleteAclsMatchingAcl {
        error_code: ErrorCode,
        error_message: Option<Arc<str>>,
        resource_type: i8,
        resource_name: Arc<str>,
        pattern_type: i8 = 3,
        principal: Arc<str>,
        host: Arc<str>,
        operation: i8,
        permission_type: i8,
    }
}

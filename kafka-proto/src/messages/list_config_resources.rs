//! ListConfigResources: the resources that have configs of their own.
//!
//! Sent by administrators to any broker. Version 0 lists client metrics only (KIP-1000), 1 any type (KIP-1142).

use crate::{ErrorCode, wire::prelude::*};
api!(ListConfigResources = 74, versions 0..=1, flexible 0..);
wire! {
    /// Of which types; empty for all.
    pub struct Request {
        /// 2 topic, 4 broker, 8 broker logger, 16 client metrics, 32 group.
        resource_types: Vec<i8>                     [1..],
    }

    /// The resources.
    pub struct Response {
        throttle_time_ms: i32,
        error_code: ErrorCode,
        config_resources: Vec<ConfigResource>,
    }

    /// A resource.
    pub struct ConfigResource { resource_name: Arc<str>, resource_type: i8 [1.., drop] = 16 }
}

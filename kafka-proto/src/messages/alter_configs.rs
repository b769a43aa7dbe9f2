//! AlterConfigs: replace the configs of topics and brokers as a whole.
//!
//! Sent by administrators (KIP-133); IncrementalAlterConfigs took its place. Version 2 is flexible, no more.

use crate::{ErrorCode, wire::prelude::*};
api!(AlterConfigs = 33, versions 0..=2, flexible 2..);
wire! {
    /// A broker's own configs go to that broker, all others to any.
    pub struct Request {
        resources: Vec<AlterConfigsResource>,
        /// Checks everything and changes nothing.
        validate_only: bool,
    }

    /// All configs of one resource; what is not named here goes back to its default.
    pub struct AlterConfigsResource {
        /// 2 topic, 4 broker, 8 broker logger, 16 client metrics, 32 group.
        resource_type: i8,
        resource_name: Arc<str>,
        configs: Vec<AlterableConfig>,
    }

    /// A config to set.
    pub struct AlterableConfig {
        name: Arc<str>,
        /// `None` goes back to the default.
        value: Option<Arc<str>>,
    }

    /// A result per resource.
    pub struct Response { throttle_time_ms: i32, responses: Vec<AlterConfigsResourceResponse> }
    /// Whether one resource was changed.
    pub struct AlterConfigsResourceResponse {
        error_code: ErrorCode,
        /// Why it failed, in the words of the broker.
        error_message: Option<Arc<str>>,
        /// 2 topic, 4 broker, 8 broker logger, 16 client metrics, 32 group.
        resource_type: i8,
        resource_name: Arc<str>,
    }
}

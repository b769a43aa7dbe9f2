//! IncrementalAlterConfigs: change single configs of topics, brokers and groups.
//!
//! Sent by administrators to any broker, or to the broker whose configs change (KIP-339). Version 1 is flexible, no
//! more.

use crate::{ErrorCode, wire::prelude::*};
api!(IncrementalAlterConfigs = 44, versions 0..=1, flexible 1..);
wire! {
    /// A broker's own configs go to that broker, all others to any.
    pub struct Request {
        resources: Vec<AlterConfigsResource>,
        /// Checks everything and changes nothing.
        validate_only: bool,
    }

    /// The changes of one resource; what is not named here stays.
    pub struct AlterConfigsResource {
        /// 2 topic, 4 broker, 8 broker logger, 16 client metrics, 32 group.
        resource_type: i8,
        resource_name: Arc<str>,
        configs: Vec<AlterableConfig>,
    }

    /// A config to change.
    pub struct AlterableConfig {
        name: Arc<str>,
        /// 0 set, 1 delete, 2 append to the list, 3 take from the list.
        config_operation: i8,
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

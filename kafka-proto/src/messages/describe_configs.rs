//! DescribeConfigs: read the configs of topics, brokers and groups.
//!
//! Sent by administrators to any broker, or to the broker that is asked about (KIP-133). Version 1 tells where a value
//! comes from (KIP-226), 3 types and documentation (KIP-569).

use crate::{ErrorCode, wire::prelude::*};
api!(DescribeConfigs = 32, versions 1..=4, flexible 4..);
wire! {
    /// A broker's own configs go to that broker, all others to any.
    pub struct Request {
        resources: Vec<DescribeConfigsResource>,
        /// Whether to tell every place that sets a config.
        include_synonyms: bool,
        include_documentation: bool                 [3..],
    }

    /// What is asked about one resource.
    pub struct DescribeConfigsResource {
        /// 2 topic, 4 broker, 8 broker logger, 16 client metrics, 32 group.
        resource_type: i8,
        resource_name: Arc<str>,
        /// `None` asks for all.
        configuration_keys: Option<Vec<Arc<str>>>,
    }

    /// A result per resource.
    pub struct Response { throttle_time_ms: i32, results: Vec<DescribeConfigsResult> }
    /// The configs of one resource.
    pub struct DescribeConfigsResult {
        error_code: ErrorCode,
        /// Why it failed, in the words of the broker.
        error_message: Option<Arc<str>>,
        /// 2 topic, 4 broker, 8 broker logger, 16 client metrics, 32 group.
        resource_type: i8,
        resource_name: Arc<str>,
        configs: Vec<DescribeConfigsResourceResult>,
    }

    /// One config and where its value is from.
    pub struct DescribeConfigsResourceResult {
        name: Arc<str>,
        value: Option<Arc<str>>,
        /// Whether it is set when the broker starts, and only then.
        read_only: bool,
        /// 1 topic, 2 this broker, 3 all brokers, 4 file, 5 default, 6 logger, 7 client, 8 group.
        config_source: i8 = -1,
        /// Whether the value is kept back.
        is_sensitive: bool,
        synonyms: Vec<DescribeConfigsSynonym>,
        /// 1 boolean, 2 string, 3 int, 4 short, 5 long, 6 double, 7 list, 8 class, 9 password.
        config_type: i8                             [3.., drop],
        documentation: Option<Arc<str>>             [3.., drop],
    }

    /// Another place that sets the config, in order of precedence.
    pub struct DescribeConfigsSynonym {
        name: Arc<str>,
        value: Option<Arc<str>>,
        /// As `config_source`.
        source: i8,
    }
}

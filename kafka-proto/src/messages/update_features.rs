//! UpdateFeatures: raise or lower levels of features such as `metadata.version` (KIP-584).
//!
//! Sent by administrators to the controller; brokers forward it. Version 1 tells safe downgrades from others and can
//! only check (KIP-778), 2 gives one error for all.

use crate::{ErrorCode, wire::prelude::*};
api!(UpdateFeatures = 57, versions 0..=2, flexible 0..);
wire! {
    /// What to change.
    pub struct Request {
        timeout_ms: i32 = 60000,
        feature_updates: Vec<FeatureUpdateKey>,
        /// Checks everything and changes nothing.
        validate_only: bool                         [1..],
    }

    /// The new level of one feature.
    pub struct FeatureUpdateKey {
        feature: Arc<str>,
        /// Below 1 removes the feature.
        max_version_level: i16,
        allow_downgrade: bool                       [..=0],
        /// 1 upgrade, 2 downgrade that loses nothing, 3 downgrade that may.
        upgrade_type: i8                            [1..] = 1,
    }

    /// Whether the levels are set.
    pub struct Response {
        throttle_time_ms: i32,
        error_code: ErrorCode,
        error_message: Option<Arc<str>>,
        results: Vec<UpdatableFeatureResult>        [..=1, drop],
    }

    /// Whether one level is set.
    pub struct UpdatableFeatureResult {
        feature: Arc<str>,
        error_code: ErrorCode,
        error_message: Option<Arc<str>>,
    }
}

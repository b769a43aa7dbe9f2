//! ApiVersions: which APIs a broker serves at which versions, and its features.
//!
//! The first request of every connection. Version 3 tells who the client is (KIP-511), 4 shows features from level 0,
//! 5 lets the broker check that it is the one that is meant (KIP-1242).

use crate::{ErrorCode, wire::prelude::*};
api!(ApiVersions = 18, versions 0..=5, flexible 3..);
wire! {
    /// The first request of a connection.
    pub struct Request {
        /// Letters, digits, `-` and `.`, as in `client_software_version`.
        client_software_name: Arc<str>              [3.., drop],
        client_software_version: Arc<str>           [3.., drop],
        /// The cluster that the client expects here.
        cluster_id: Option<Arc<str>>                [5.., drop] = None,
        /// The broker that the client expects here; -1 for any.
        node_id: i32                                [5.., drop] = -1,
    }

    /// What the broker serves; of an unknown version, version 0 of it with an error.
    pub struct Response {
        error_code: ErrorCode,
        api_keys: Vec<ApiVersion>,
        throttle_time_ms: i32                       [1.., drop],
        supported_features: Vec<SupportedFeatureKey> [tag 0, 3.., drop],
        /// Grows with every change; -1 when unknown.
        finalized_features_epoch: i64               [tag 1, 3.., drop] = -1,
        /// Valid when the epoch is not -1.
        finalized_features: Vec<FinalizedFeatureKey> [tag 2, 3.., drop],
        /// Of the time when clusters moved away from ZooKeeper.
        zk_migration_ready: bool                    [tag 3, 3.., drop],
    }

    /// The versions of one API, both ends included.
    pub struct ApiVersion { api_key: i16, min_version: i16, max_version: i16 }
    /// The levels of a feature that the broker could serve.
    pub struct SupportedFeatureKey { name: Arc<str>, min_version: i16, max_version: i16 }
    /// The levels of a feature that the cluster has settled on.
    pub struct FinalizedFeatureKey {
        name: Arc<str>,
        max_version_level: i16,
        min_version_level: i16,
    }
}

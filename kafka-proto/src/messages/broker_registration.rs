//! BrokerRegistration: a broker tells the controller that it is there (KIP-631).
//!
//! Sent by brokers when they start. Version 1 is for the way from ZooKeeper (KIP-866), 2 names log directories
//! (KIP-858), 3 the epoch before, 4 features from level 0.

use crate::{ErrorCode, uuid::Uuid, wire::prelude::*};
api!(BrokerRegistration = 62, versions 0..=4, flexible 0..);
wire! {
    /// What the broker is.
    pub struct Request {
        broker_id: i32,
        cluster_id: Arc<str>,
        /// Of this run of the process.
        incarnation_id: Uuid,
        listeners: Vec<Listener>,
        features: Vec<Feature>,
        rack: Option<Arc<str>>,
        is_migrating_zk_broker: bool                [1..],
        log_dirs: Vec<Uuid>                         [2.., drop],
        /// From the last clean shutdown; -1 when it was not clean.
        previous_broker_epoch: i64                  [3.., drop] = -1,
    }

    /// An address of the broker.
    pub struct Listener {
        name: Arc<str>,
        host: Arc<str>,
        port: u16,
        /// 0 PLAINTEXT, 1 SSL, 2 SASL_PLAINTEXT, 3 SASL_SSL.
        security_protocol: i16,
    }

    /// The levels of a feature that it knows.
    pub struct Feature { name: Arc<str>, min_supported_version: i16, max_supported_version: i16 }
    /// The epoch to go on with.
    pub struct Response { throttle_time_ms: i32, error_code: ErrorCode, broker_epoch: i64 = -1 }
}

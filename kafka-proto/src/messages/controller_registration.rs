//! ControllerRegistration: a controller tells the active one that it is there (KIP-919).
//!
//! Sent by controllers when they start.

use crate::{ErrorCode, uuid::Uuid, wire::prelude::*};
api!(ControllerRegistration = 70, versions 0..=0, flexible 0..);
wire! {
    /// What the controller is.
    pub struct Request {
        controller_id: i32,
        /// Of this run of the process.
        incarnation_id: Uuid,
        zk_migration_ready: bool,
        listeners: Vec<Listener>,
        features: Vec<Feature>,
    }

    /// An address of the controller.
    pub struct Listener {
        name: Arc<str>,
        host: Arc<str>,
        port: u16,
        /// 0 PLAINTEXT, 1 SSL, 2 SASL_PLAINTEXT, 3 SASL_SSL.
        security_protocol: i16,
    }

    /// The levels of a feature that it knows.
    pub struct Feature { name: Arc<str>, min_supported_version: i16, max_supported_version: i16 }
    /// Whether it is registered.
    pub struct Response {
        throttle_time_ms: i32,
        error_code: ErrorCode,
        error_message: Option<Arc<str>>,
    }
}

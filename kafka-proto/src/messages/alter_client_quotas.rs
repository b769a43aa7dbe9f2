//! AlterClientQuotas: set or remove quotas (KIP-546).
//!
//! Sent by administrators to any broker. Version 1 is flexible, no more.

use crate::{ErrorCode, wire::prelude::*};
api!(AlterClientQuotas = 49, versions 0..=1, flexible 1..);
wire! {
    /// What to change.
    pub struct Request {
        entries: Vec<EntryData>,
        /// Checks everything and changes nothing.
        validate_only: bool,
    }

    /// The changes for one combination of entities.
    pub struct EntryData { entity: Vec<EntityData>, ops: Vec<OpData> }
    /// A user, client id or ip.
    pub struct EntityData {
        entity_type: Arc<str>,
        /// Null for the default.
        entity_name: Option<Arc<str>>,
    }

    /// One quota.
    pub struct OpData {
        /// Such as `producer_byte_rate`.
        key: Arc<str>,
        value: f64,
        remove: bool,
    }

    /// A result per combination.
    pub struct Response { throttle_time_ms: i32, entries: Vec<EntryDataResponse> }
    /// Whether the change was made.
    pub struct EntryDataResponse {
        error_code: ErrorCode,
        error_message: Option<Arc<str>>,
        entity: Vec<EntityData>,
    }
}

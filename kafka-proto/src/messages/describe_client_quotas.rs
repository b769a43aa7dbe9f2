//! DescribeClientQuotas: the quotas that match a filter (KIP-546).
//!
//! Sent by administrators to any broker. Version 1 is flexible, no more.

use crate::{ErrorCode, wire::prelude::*};
api!(DescribeClientQuotas = 48, versions 0..=1, flexible 1..);
wire! {
    /// All components have to match.
    pub struct Request {
        components: Vec<ComponentData>,
        /// Leaves out entities with types that no component names.
        strict: bool,
    }

    /// What one type of entity has to be.
    pub struct ComponentData {
        /// `user`, `client-id` or `ip`.
        entity_type: Arc<str>,
        /// 0 the name in `match`, 1 the default, 2 any that is named.
        match_type: i8,
        r#match: Option<Arc<str>>,
    }

    /// The quotas.
    pub struct Response {
        throttle_time_ms: i32,
        error_code: ErrorCode,
        error_message: Option<Arc<str>>,
        entries: Option<Vec<EntryData>>,
    }

    /// The quotas of one combination of entities.
    pub struct EntryData { entity: Vec<EntityData>, values: Vec<ValueData> }
    /// A user, client id or ip.
    pub struct EntityData {
        entity_type: Arc<str>,
        /// Null for the default.
        entity_name: Option<Arc<str>>,
    }

    /// A quota.
    pub struct ValueData {
        /// Such as `producer_byte_rate`.
        key: Arc<str>,
        value: f64,
    }
}

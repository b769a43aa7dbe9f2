//! ListGroups: the groups that a broker coordinates.
//!
//! Sent by administrators to every broker. Version 4 can filter by state (KIP-518), 5 by type (KIP-848).

use crate::{ErrorCode, wire::prelude::*};
api!(ListGroups = 16, versions 0..=5, flexible 3..);
wire! {
    /// Empty filters let everything pass.
    pub struct Request {
        states_filter: Vec<Arc<str>>                [4..],
        /// `classic`, `consumer`, `share` or `streams`.
        types_filter: Vec<Arc<str>>                 [5..],
    }

    /// The groups that pass.
    pub struct Response {
        throttle_time_ms: i32                       [1.., drop],
        error_code: ErrorCode,
        groups: Vec<ListedGroup>,
    }

    /// A group.
    pub struct ListedGroup {
        group_id: Arc<str>,
        /// `consumer`, `connect`, `share`, `streams`, or empty.
        protocol_type: Arc<str>,
        group_state: Arc<str>                       [4.., drop],
        group_type: Arc<str>                        [5.., drop],
    }
}

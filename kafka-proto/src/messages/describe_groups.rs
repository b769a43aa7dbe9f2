//! DescribeGroups: state and members of classic groups.
//!
//! Sent by administrators to the groups' coordinator. Version 3 tells authorized operations (KIP-430), 4 instance ids
//! (KIP-345), 6 answers an unknown group with `GROUP_ID_NOT_FOUND` and a message (KIP-1043).

use crate::{ErrorCode, wire::prelude::*};
use bytes::Bytes;
api!(DescribeGroups = 15, versions 0..=6, flexible 5..);
wire! {
    /// Which groups.
    pub struct Request { groups: Vec<Arc<str>>, include_authorized_operations: bool [3..] }
    /// One description per group.
    pub struct Response { throttle_time_ms: i32 [1.., drop], groups: Vec<DescribedGroup> }
    /// A group; of one that is unknown, state `Dead` before version 6.
    pub struct DescribedGroup {
        error_code: ErrorCode,
        error_message: Option<Arc<str>>             [6..] = None,
        group_id: Arc<str>,
        /// `PreparingRebalance`, `CompletingRebalance`, `Stable`, `Dead` or `Empty`.
        group_state: Arc<str>,
        protocol_type: Arc<str>,
        /// The assignor in use.
        protocol_data: Arc<str>,
        members: Vec<DescribedGroupMember>,
        /// The operations the caller may do, a bit each; `i32::MIN` when they were not asked for.
        authorized_operations: i32                  [3..] = i32::MIN,
    }

    /// A member.
    pub struct DescribedGroupMember {
        member_id: Arc<str>,
        group_instance_id: Option<Arc<str>>         [4.., drop] = None,
        client_id: Arc<str>,
        client_host: Arc<str>,
        /// What it told for the assignor in use.
        member_metadata: Bytes,
        member_assignment: Bytes,
    }
}

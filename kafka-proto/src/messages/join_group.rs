//! JoinGroup: become a member of a classic group, and one of its next generation.
//!
//! Sent by consumers of the classic protocol, and by Connect workers, to the group's coordinator. Version 1 sets the
//! rebalance timeout apart, 4 makes a new member come back with the id it is given (KIP-394), 5 knows static members
//! (KIP-345), 7 tells the chosen protocol, 8 a reason (KIP-800), 9 spares a leader the assignment (KIP-814).

use crate::{ErrorCode, wire::prelude::*};
use bytes::Bytes;
api!(JoinGroup = 11, versions 0..=9, flexible 6..);
wire! {
    /// Is answered when all members have joined, or when their time is over.
    pub struct Request {
        group_id: Arc<str>,
        /// A member whose heartbeats stay away this long is out.
        session_timeout_ms: i32,
        /// How long the others wait for this member in a rebalance.
        rebalance_timeout_ms: i32                   [1.., drop] = -1,
        /// Empty for a new member.
        member_id: Arc<str>,
        /// The id of a static member.
        group_instance_id: Option<Arc<str>>         [5..] = None,
        /// `consumer` or `connect`; all members agree on it.
        protocol_type: Arc<str>,
        /// Assignors the member can work with, the one it likes best first.
        protocols: Vec<JoinGroupRequestProtocol>,
        /// Why it joins, for the broker's log.
        reason: Option<Arc<str>>                    [8.., drop] = None,
    }

    /// An assignor, and what the member tells the leader for it.
    pub struct JoinGroupRequestProtocol {
        name: Arc<str>,
        /// For `consumer` a [`Subscription`](crate::group_protocol::Subscription).
        metadata: Bytes,
    }

    /// The generation that the member belongs to.
    pub struct Response {
        throttle_time_ms: i32                       [2.., drop],
        error_code: ErrorCode,
        generation_id: i32 = -1,
        protocol_type: Option<Arc<str>>             [7.., drop] = None,
        /// The assignor that all members know.
        protocol_name: Option<Arc<str>>             [null 7..],
        /// The member that makes the assignment.
        leader: Arc<str>,
        /// Whether the leader leaves the assignment as it is.
        skip_assignment: bool                       [9..],
        /// The caller's own, also with `MEMBER_ID_REQUIRED`.
        member_id: Arc<str>,
        /// Empty for all but the leader.
        members: Vec<JoinGroupResponseMember>,
    }

    /// A member, for the leader to assign partitions to.
    pub struct JoinGroupResponseMember {
        member_id: Arc<str>,
        group_instance_id: Option<Arc<str>>         [5.., drop] = None,
        /// What it sent with the chosen protocol.
        metadata: Bytes,
    }
}

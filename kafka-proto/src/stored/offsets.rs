//! Committed offsets and classic groups, as `__consumer_offsets` keeps them.
//!
//! A record without a value deletes what its key names.

use crate::{schema::schema, uuid::Uuid, wire::prelude::*};
use bytes::Bytes;

schema!(LegacyOffsetCommitKey, key 0, versions 0..=0);
schema!(LegacyOffsetCommitValue, value 0, versions 0..=0);
schema!(OffsetCommitKey, key 1, versions 0..=0);
schema!(OffsetCommitValue, value 1, versions 0..=4, flexible 4..);
schema!(GroupMetadataKey, key 2, versions 0..=0);
schema!(GroupMetadataValue, value 2, versions 0..=4, flexible 4..);
wire! {
    /// An offset committed by a consumer of before 0.9; read like an [`OffsetCommitKey`].
    pub struct LegacyOffsetCommitKey { group: Arc<str>, topic: Arc<str>, partition: i32 }

    /// What was committed then.
    pub struct LegacyOffsetCommitValue { offset: i64, metadata: Arc<str>, commit_timestamp: i64 }

    /// Names the position of a group in a partition.
    pub struct OffsetCommitKey { group: Arc<str>, topic: Arc<str>, partition: i32 }

    /// A committed position.
    pub struct OffsetCommitValue {
        offset: i64,
        /// Of the record before the offset; -1 when unknown.
        leader_epoch: i32                           [3.., drop] = -1,
        metadata: Arc<str>,
        commit_timestamp: i64,
        /// -1 unless the committer chose it.
        expire_timestamp: i64                       [1..=1, drop] = -1,
        topic_id: Uuid                              [tag 0, 4.., drop],
    }

    /// Names a classic group.
    pub struct GroupMetadataKey { group: Arc<str> }

    /// A classic group after a rebalance.
    pub struct GroupMetadataValue {
        /// Empty while the group has never had members.
        protocol_type: Arc<str>,
        generation: i32,
        protocol: Option<Arc<str>>,
        leader: Option<Arc<str>>,
        /// Since when it has been empty, if it is.
        current_state_timestamp: i64                [2.., drop] = -1,
        members: Vec<MemberMetadata>,
    }

    /// A member with what it told and got.
    pub struct MemberMetadata {
        member_id: Arc<str>,
        group_instance_id: Option<Arc<str>>         [3.., drop] = None,
        client_id: Arc<str>,
        client_host: Arc<str>,
        rebalance_timeout: i32                      [1.., drop] = -1,
        session_timeout: i32,
        subscription: Bytes,
        assignment: Bytes,
    }
}

//! Between the terms of the classic machine and those of its messages.

use super::super::assignor::GroupMember;
use super::super::settings::GroupSettings;
use super::Identity;
use crate::error::{Error, ErrorKind, Result};
use crate::record::TopicPartition;
use bytes::Bytes;
use kafka_proto::group_protocol::{self, Assignment, Subscription};
use kafka_proto::messages::{heartbeat, join_group, leave_group, sync_group};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

/// The newest versions of what members tell each other.
const SUBSCRIPTION_VERSION: i16 = 3;
const ASSIGNMENT_VERSION: i16 = 3;

/// What consumers call themselves among the users of group membership.
const PROTOCOL_TYPE: &str = "consumer";

/// A request for the coordinator. An answer counts only with the ticket of what is under way.
#[derive(Debug)]
pub(crate) enum Ask {
    Join { ticket: u64, request: join_group::Request, timeout: Duration },
    Sync { ticket: u64, request: sync_group::Request },
    Heartbeat { ticket: u64, request: heartbeat::Request },
    Leave(Farewell),
}

/// A member that goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Farewell {
    pub(crate) member_id: Arc<str>,
    pub(crate) reason: &'static str,
}

impl Farewell {
    /// The request, which has another form before version 3.
    pub(crate) fn request(&self, group_id: Arc<str>, version: i16) -> leave_group::Request {
        let member_id = self.member_id.clone();
        if version < 3 {
            return leave_group::Request { group_id, member_id, ..Default::default() };
        }
        let reason = Some(self.reason.into());
        let member = leave_group::MemberIdentity { member_id, reason, ..Default::default() };
        leave_group::Request { group_id, members: vec![member], ..Default::default() }
    }
}

pub(super) fn join_request(
    settings: &GroupSettings,
    me: &Identity,
    protocols: Vec<join_group::JoinGroupRequestProtocol>,
    reason: &str,
) -> join_group::Request {
    join_group::Request {
        group_id: settings.group_id.clone(),
        session_timeout_ms: millis(settings.session_timeout),
        rebalance_timeout_ms: millis(settings.max_poll_interval),
        member_id: me.member_id.clone(),
        group_instance_id: settings.instance_id.clone(),
        protocol_type: PROTOCOL_TYPE.into(),
        protocols,
        reason: Some(reason.into()),
    }
}

pub(super) fn sync_request(
    settings: &GroupSettings,
    me: &Identity,
    protocol: &Arc<str>,
    assignments: Vec<sync_group::SyncGroupRequestAssignment>,
) -> sync_group::Request {
    sync_group::Request {
        group_id: settings.group_id.clone(),
        generation_id: me.generation,
        member_id: me.member_id.clone(),
        group_instance_id: settings.instance_id.clone(),
        protocol_type: Some(PROTOCOL_TYPE.into()),
        protocol_name: Some(protocol.clone()),
        assignments,
    }
}

pub(super) fn heartbeat_request(settings: &GroupSettings, me: &Identity) -> heartbeat::Request {
    heartbeat::Request {
        group_id: settings.group_id.clone(),
        generation_id: me.generation,
        member_id: me.member_id.clone(),
        group_instance_id: settings.instance_id.clone(),
    }
}

fn millis(duration: Duration) -> i32 {
    i32::try_from(duration.as_millis()).unwrap_or(i32::MAX)
}

pub(super) fn by_topic(
    partitions: &BTreeSet<TopicPartition>,
) -> Vec<group_protocol::TopicPartition> {
    let mut topics: Vec<group_protocol::TopicPartition> = Vec::new();
    for which in partitions {
        match topics.last_mut().filter(|topic| topic.topic == which.topic) {
            Some(topic) => topic.partitions.push(which.partition),
            None => topics.push(group_protocol::TopicPartition {
                topic: which.topic.clone(),
                partitions: vec![which.partition],
            }),
        }
    }
    topics
}

pub(super) fn flat(topics: Vec<group_protocol::TopicPartition>) -> BTreeSet<TopicPartition> {
    let each = |topic: group_protocol::TopicPartition| {
        let name = topic.topic;
        topic.partitions.into_iter().map(move |p| TopicPartition::new(name.clone(), p))
    };
    topics.into_iter().flat_map(each).collect()
}

/// What a member told when it joined; one that cannot be read gets nothing.
pub(super) fn member(row: join_group::JoinGroupResponseMember) -> GroupMember {
    let told = group_protocol::from_bytes::<Subscription>(row.metadata);
    let told = told.unwrap_or_else(|error| {
        tracing::warn!(member = &*row.member_id, %error, "subscription cannot be read");
        Subscription::default()
    });
    let mut member = GroupMember::new(row.member_id, told.topics);
    member.group_instance_id = row.group_instance_id;
    member.owned = flat(told.owned_partitions);
    member.generation = (told.generation_id >= 0).then_some(told.generation_id);
    member.rack = told.rack_id;
    member.user_data = told.user_data;
    member
}

/// What a member tells the others. Names and partitions that a broker told fit into what a broker takes.
pub(super) fn subscription(subscription: &Subscription) -> Bytes {
    group_protocol::to_bytes(subscription, SUBSCRIPTION_VERSION).unwrap_or_default()
}

/// What the leader tells a member.
pub(super) fn assignment(share: &BTreeSet<TopicPartition>) -> Bytes {
    let assignment = Assignment { assigned_partitions: by_topic(share), ..Default::default() };
    group_protocol::to_bytes(&assignment, ASSIGNMENT_VERSION).unwrap_or_default()
}

/// What SyncGroup gave; nothing at all for a member of whom the leader did not know.
pub(super) fn assigned(bytes: Bytes) -> Result<BTreeSet<TopicPartition>> {
    if bytes.is_empty() {
        return Ok(BTreeSet::new());
    }
    let assignment = group_protocol::from_bytes::<Assignment>(bytes).map_err(|e| {
        let asked = "read the assignment of the group's leader";
        Error::new(ErrorKind::Protocol, asked, e.to_string()).with_source(e)
    })?;
    Ok(flat(assignment.assigned_partitions))
}

//! Groups: list, describe, delete.

mod coordinators;
mod modern;
pub(super) mod offsets;
mod reset;

pub use reset::OffsetReset;

use modern::DescribeModernGroups;

use super::directory::Target;
use super::run::join_all;
use super::work::{Answered, Asked, Failure, Key, Operation};
use super::{Admin, Results};
use crate::error::{Error, Result};
use crate::record::TopicPartition;
use kafka_proto::ErrorCode;
use kafka_proto::group_protocol::{self, Assignment};
use kafka_proto::messages::{delete_groups, describe_groups, list_groups};
use std::collections::BTreeSet;
use std::sync::Arc;

/// What groups that do not exist are said to be by brokers before Kafka 4.0.
const DEAD: &str = "Dead";

/// A group in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct GroupListing {
    /// `group.id`.
    pub group_id: Arc<str>,
    /// What its members use it for: `consumer`, `connect`; empty for one that only has offsets.
    pub protocol_type: Arc<str>,
    /// Such as `Stable` or `Empty`; `None` from brokers before Kafka 2.6.
    pub state: Option<Arc<str>>,
    /// Such as `classic` or `consumer`; `None` from brokers before Kafka 3.8.
    pub group_type: Option<Arc<str>>,
}

/// A group and its members, of the classic protocol or of `group.protocol=consumer`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct GroupDescription {
    /// `group.id`.
    pub group_id: Arc<str>,
    /// Such as `Stable`, `PreparingRebalance` (classic), `Reconciling` (consumer) or `Empty`.
    pub state: Arc<str>,
    /// What its members use it for: `consumer`, `connect`; empty for one that only has offsets.
    pub protocol_type: Arc<str>,
    /// What its members have agreed on, of consumers the assignor; empty while they have not.
    pub protocol: Arc<str>,
    /// In the broker's order.
    pub members: Vec<MemberDescription>,
}

/// A member of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MemberDescription {
    /// Its id, which the coordinator made.
    pub member_id: Arc<str>,
    /// Its name, if it is a static member (`group.instance.id`).
    pub group_instance_id: Option<Arc<str>>,
    /// Its `client.id`.
    pub client_id: Arc<str>,
    /// Where it connects from.
    pub client_host: Arc<str>,
    /// What a consumer was given; empty while the group rebalances, and for members that are no consumers.
    pub assignment: BTreeSet<TopicPartition>,
}

/// A group as the thing a call is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct GroupId(Arc<str>);

impl Key for GroupId {
    fn asked(&self, what: &str) -> String {
        format!("{what} {:?}", self.0)
    }
}

/// A broker as the thing a call is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct BrokerId(pub(super) i32);

impl Key for BrokerId {
    fn asked(&self, what: &str) -> String {
        format!("{what} of broker {}", self.0)
    }
}

impl Admin {
    /// All groups that the caller may see, by their ids. Every broker is asked for those that it coordinates.
    ///
    /// # Errors
    /// As [`Admin`] says; also when one of the brokers cannot tell.
    ///
    /// # Cancel safety
    /// As [`Admin`] says.
    pub async fn list_groups(&self) -> Result<Vec<GroupListing>> {
        let brokers = self.describe_cluster().await?.brokers;
        let lists = brokers.iter().map(|broker| Box::pin(self.groups_of(broker.id)));
        let mut groups = Vec::new();
        for list in join_all(lists.collect()).await {
            groups.extend(list?);
        }
        groups.sort_by(|a, b| a.group_id.cmp(&b.group_id));
        Ok(groups)
    }

    async fn groups_of(&self, broker: i32) -> Result<Vec<GroupListing>> {
        let list = self.run(&ListGroups { broker }, [(BrokerId(broker), ())]).await?.all()?;
        Ok(list.into_values().flatten().collect())
    }

    /// Describes groups of consumers and their members, of either protocol.
    ///
    /// # Errors
    /// As [`Admin`] says. Of a group: it does not exist, is of another type, or the caller may not see it.
    ///
    /// # Cancel safety
    /// As [`Admin`] says.
    pub async fn describe_groups(
        &self,
        groups: impl IntoIterator<Item = impl Into<Arc<str>>>,
    ) -> Result<Results<Arc<str>, GroupDescription>> {
        let groups = groups.into_iter().map(|group| (GroupId(group.into()), ()));
        let Results(mut described) = self.run(&DescribeGroups, groups).await?;
        // Of a group of the other protocol, that is what is said too.
        let unknown = |result: &Result<GroupDescription>| {
            let code = result.as_ref().err().and_then(Error::code);
            code == Some(ErrorCode::GROUP_ID_NOT_FOUND)
        };
        let others: Vec<_> = described
            .iter()
            .filter(|(_, result)| unknown(result))
            .map(|(id, _)| id.clone())
            .collect();
        if !others.is_empty() {
            let others = others.into_iter().map(|group| (group, ()));
            for (group, result) in self.run(&DescribeModernGroups, others).await? {
                // Where there is none either, or no such protocol, the first answer says it.
                if result.is_ok() {
                    described.insert(group, result);
                }
            }
        }
        Ok(Results(described).by(|group| group.0))
    }

    /// Deletes groups that have no members, with the offsets they have committed.
    ///
    /// # Errors
    /// As [`Admin`] says. Of a group: it does not exist, has members, or the caller may not delete it.
    ///
    /// # Cancel safety
    /// As [`Admin`] says.
    pub async fn delete_groups(
        &self,
        groups: impl IntoIterator<Item = impl Into<Arc<str>>>,
    ) -> Result<Results<Arc<str>, ()>> {
        let groups = groups.into_iter().map(|group| (GroupId(group.into()), ()));
        Ok(self.run(&DeleteGroups, groups).await?.by(|group| group.0))
    }
}

/// What an older version leaves empty.
fn told(text: Arc<str>) -> Option<Arc<str>> {
    (!text.is_empty()).then_some(text)
}

struct ListGroups {
    broker: i32,
}

impl Operation for ListGroups {
    type Key = BrokerId;
    type Item = ();
    type Answer = Vec<GroupListing>;
    type Request = list_groups::Request;
    const ASKED: &'static str = "list the groups";

    fn target<'a>(&'a self, key: &'a BrokerId) -> Target<'a> {
        Target::Broker(key.0)
    }

    fn request(&self, _: &Asked<'_, Self>, _: i16, _: i32) -> Self::Request {
        list_groups::Request::default()
    }

    fn rows(&self, answer: list_groups::Response, _: i16) -> Answered<Self> {
        Failure::check(answer.error_code, None)?;
        let listing = |group: list_groups::ListedGroup| GroupListing {
            group_id: group.group_id,
            protocol_type: group.protocol_type,
            state: told(group.group_state),
            group_type: told(group.group_type),
        };
        let groups = answer.groups.into_iter().map(listing).collect();
        Ok(vec![(BrokerId(self.broker), Ok(groups))])
    }

    fn is_transient(&self, code: ErrorCode) -> bool {
        code.is_retriable()
    }
}

struct DescribeGroups;

impl Operation for DescribeGroups {
    type Key = GroupId;
    type Item = ();
    type Answer = GroupDescription;
    type Request = describe_groups::Request;
    const ASKED: &'static str = "describe the group";

    fn target<'a>(&'a self, key: &'a GroupId) -> Target<'a> {
        Target::Coordinator(&key.0)
    }

    fn request(&self, items: &Asked<'_, Self>, _: i16, _: i32) -> Self::Request {
        let groups = items.iter().map(|(group, ())| group.0.clone()).collect();
        describe_groups::Request { groups, ..Default::default() }
    }

    fn rows(&self, answer: describe_groups::Response, _: i16) -> Answered<Self> {
        let row = |group: describe_groups::DescribedGroup| {
            let key = GroupId(group.group_id.clone());
            let nowhere = *group.group_state == *DEAD && group.members.is_empty();
            let code = match group.error_code {
                ErrorCode::NONE if nowhere => ErrorCode::GROUP_ID_NOT_FOUND,
                code => code,
            };
            let checked = Failure::check(code, group.error_message.clone());
            (key, checked.map(|()| description(group)))
        };
        Ok(answer.groups.into_iter().map(row).collect())
    }

    fn is_transient(&self, code: ErrorCode) -> bool {
        code.is_retriable()
    }
}

fn description(group: describe_groups::DescribedGroup) -> GroupDescription {
    let consumers = *group.protocol_type == *"consumer";
    let member = |member: describe_groups::DescribedGroupMember| MemberDescription {
        member_id: member.member_id,
        group_instance_id: member.group_instance_id,
        client_id: member.client_id,
        client_host: member.client_host,
        assignment: match group_protocol::from_bytes::<Assignment>(member.member_assignment) {
            Ok(assignment) if consumers => partitions(assignment),
            _ => BTreeSet::new(),
        },
    };
    GroupDescription {
        group_id: group.group_id,
        state: group.group_state,
        protocol_type: group.protocol_type,
        protocol: group.protocol_data,
        members: group.members.into_iter().map(member).collect(),
    }
}

fn partitions(assignment: Assignment) -> BTreeSet<TopicPartition> {
    let each = |topic: group_protocol::TopicPartition| {
        let name = topic.topic;
        topic.partitions.into_iter().map(move |p| TopicPartition::new(name.clone(), p))
    };
    assignment.assigned_partitions.into_iter().flat_map(each).collect()
}

struct DeleteGroups;

impl Operation for DeleteGroups {
    type Key = GroupId;
    type Item = ();
    type Answer = ();
    type Request = delete_groups::Request;
    const ASKED: &'static str = "delete the group";
    const DONE_BEFORE: Option<ErrorCode> = Some(ErrorCode::GROUP_ID_NOT_FOUND);

    fn target<'a>(&'a self, key: &'a GroupId) -> Target<'a> {
        Target::Coordinator(&key.0)
    }

    fn request(&self, items: &Asked<'_, Self>, _: i16, _: i32) -> Self::Request {
        let groups_names = items.iter().map(|(group, ())| group.0.clone()).collect();
        delete_groups::Request { groups_names }
    }

    fn rows(&self, answer: delete_groups::Response, _: i16) -> Answered<Self> {
        let row = |row: delete_groups::DeletableGroupResult| {
            (GroupId(row.group_id), Failure::check(row.error_code, row.error_message))
        };
        Ok(answer.results.into_iter().map(row).collect())
    }

    fn is_transient(&self, code: ErrorCode) -> bool {
        code.is_retriable()
    }
}

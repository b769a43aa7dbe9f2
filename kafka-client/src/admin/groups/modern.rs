//! Describing groups of the `consumer` protocol (KIP-848).

use super::super::directory::Target;
use super::super::work::{Answered, Asked, Failure, Operation};
use super::{GroupDescription, GroupId, MemberDescription};
use crate::record::TopicPartition;
use kafka_proto::ErrorCode;
use kafka_proto::messages::consumer_group_describe as wire;
use std::collections::BTreeSet;

pub(super) struct DescribeModernGroups;

impl Operation for DescribeModernGroups {
    type Key = GroupId;
    type Item = ();
    type Answer = GroupDescription;
    type Request = wire::Request;
    const ASKED: &'static str = "describe the group";

    fn target<'a>(&'a self, key: &'a GroupId) -> Target<'a> {
        Target::Coordinator(&key.0)
    }

    fn request(&self, items: &Asked<'_, Self>, _: i16, _: i32) -> Self::Request {
        let group_ids = items.iter().map(|(group, ())| group.0.clone()).collect();
        wire::Request { group_ids, include_authorized_operations: false }
    }

    fn rows(&self, answer: wire::Response, _: i16) -> Answered<Self> {
        let row = |group: wire::DescribedGroup| {
            let key = GroupId(group.group_id.clone());
            let checked = Failure::check(group.error_code, group.error_message.clone());
            (key, checked.map(|()| description(group)))
        };
        Ok(answer.groups.into_iter().map(row).collect())
    }

    fn is_transient(&self, code: ErrorCode) -> bool {
        code.is_retriable()
    }
}

fn description(group: wire::DescribedGroup) -> GroupDescription {
    let member = |member: wire::Member| MemberDescription {
        member_id: member.member_id,
        group_instance_id: member.instance_id,
        client_id: member.client_id,
        client_host: member.client_host,
        assignment: partitions(&member.assignment),
    };
    GroupDescription {
        group_id: group.group_id,
        state: group.group_state,
        protocol_type: "consumer".into(),
        protocol: group.assignor_name,
        members: group.members.into_iter().map(member).collect(),
    }
}

fn partitions(assignment: &wire::Assignment) -> BTreeSet<TopicPartition> {
    let each = assignment.topic_partitions.iter().flat_map(|topic| {
        let name = &topic.topic_name;
        topic.partitions.iter().map(|number| TopicPartition::new(name.clone(), *number))
    });
    each.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_becomes_the_same_description_as_of_a_classic_group() {
        let topic = |name: &str, partitions: &[i32]| wire::TopicPartitions {
            topic_name: name.into(),
            partitions: partitions.into(),
            ..Default::default()
        };
        let topic_partitions = vec![topic("a", &[1, 0]), topic("b", &[2])];
        let member = wire::Member {
            member_id: "m".into(),
            client_host: "/127.0.0.1".into(),
            assignment: wire::Assignment { topic_partitions },
            ..Default::default()
        };
        let group = wire::DescribedGroup {
            group_id: "g".into(),
            group_state: "Stable".into(),
            assignor_name: "uniform".into(),
            members: vec![member],
            ..Default::default()
        };
        let gone = wire::DescribedGroup {
            group_id: "gone".into(),
            error_code: ErrorCode::GROUP_ID_NOT_FOUND,
            ..Default::default()
        };
        let answer = wire::Response { groups: vec![group, gone], ..Default::default() };
        let rows = DescribeModernGroups.rows(answer, 1).unwrap_or_default();
        let [(_, Ok(group)), (_, Err(gone))] = &rows[..] else { panic!("not so many rows") };
        let seen = (&*group.state, &*group.protocol_type, &*group.protocol);
        assert_eq!(seen, ("Stable", "consumer", "uniform"));
        let held: Vec<_> =
            group.members[0].assignment.iter().map(|p| (&*p.topic, p.partition)).collect();
        assert_eq!(held, [("a", 0), ("a", 1), ("b", 2)]);
        assert_eq!(*gone, Failure::Code(ErrorCode::GROUP_ID_NOT_FOUND, None));
    }
}

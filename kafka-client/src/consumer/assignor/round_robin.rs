//! `roundrobin`: partitions go round, one to each member in turn.

use super::{Assignor, GroupMember, in_order};
use crate::record::TopicPartition;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Deals the partitions of all topics out, one to each member in turn; a member that does not want the topic is passed
/// over. Java's `RoundRobinAssignor`.
#[derive(Clone, Copy, Debug)]
pub struct RoundRobin;

impl Assignor for RoundRobin {
    fn name(&self) -> &'static str {
        "roundrobin"
    }

    fn assign(
        &self,
        topics: &BTreeMap<Arc<str>, i32>,
        members: &[GroupMember],
    ) -> BTreeMap<Arc<str>, Vec<TopicPartition>> {
        let members = in_order(members);
        let mut shares: BTreeMap<Arc<str>, Vec<TopicPartition>> = BTreeMap::new();
        let mut turn = members.iter().cycle();
        for (topic, &count) in topics {
            if !members.iter().any(|member| member.topics.contains(topic)) {
                continue;
            }
            for partition in 0..count {
                let Some(member) = turn.find(|member| member.topics.contains(topic)) else {
                    continue;
                };
                let share = shares.entry(member.member_id.clone()).or_default();
                share.push(TopicPartition::new(topic.clone(), partition));
            }
        }
        shares
    }
}

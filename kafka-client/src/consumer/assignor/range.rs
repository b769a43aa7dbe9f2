//! `range`: of every topic each member gets a run of neighbouring partitions.
//!
//! Topics with equally many partitions are cut at the same places: records of one key meet at one member.

use super::{Assignor, GroupMember, in_order};
use crate::record::TopicPartition;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Gives each member a run of neighbouring partitions of every topic; the first members get one more where it does not
/// come out even. Java's `RangeAssignor`.
#[derive(Clone, Copy, Debug)]
pub struct Range;

impl Assignor for Range {
    fn name(&self) -> &'static str {
        "range"
    }

    fn assign(
        &self,
        topics: &BTreeMap<Arc<str>, i32>,
        members: &[GroupMember],
    ) -> BTreeMap<Arc<str>, Vec<TopicPartition>> {
        let members = in_order(members);
        let mut shares: BTreeMap<Arc<str>, Vec<TopicPartition>> = BTreeMap::new();
        for (topic, &count) in topics {
            let wanting: Vec<_> = members.iter().filter(|m| m.topics.contains(topic)).collect();
            let Ok(takers) = i32::try_from(wanting.len()) else { continue };
            if takers == 0 {
                continue;
            }
            let (each, more) = (count / takers, count % takers);
            let mut first = 0;
            for (member, place) in wanting.into_iter().zip(0..) {
                let behind = first + each + i32::from(place < more);
                let share = shares.entry(member.member_id.clone()).or_default();
                share.extend((first..behind).map(|p| TopicPartition::new(topic.clone(), p)));
                first = behind;
            }
        }
        shares
    }
}

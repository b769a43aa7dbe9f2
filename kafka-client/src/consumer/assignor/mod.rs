//! How the members of a classic group share partitions out: the leader of the group runs one of these for all.
//!
//! Names and what members tell each other are Java's, so that groups may be mixed. Racks are passed on and not looked
//! at (KIP-881): who wants them has an assignor of its own, or a broker that assigns.
//!
//! Holds true: no partition is given to two members, and under a cooperative assignor none is given to a member while
//! another still holds it (KIP-429).

mod range;
mod round_robin;
mod sticky;

pub use range::Range;
pub use round_robin::RoundRobin;
pub use sticky::{CooperativeSticky, Sticky};

use crate::config::ConfigError;
use crate::record::TopicPartition;
use bytes::Bytes;
use kafka_proto::settings::ValueError;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

/// The setting that names assignors.
const STRATEGY: &str = "partition.assignment.strategy";
/// Where Java keeps them.
const PACKAGE: &str = "org.apache.kafka.clients.consumer.";

/// Shares the partitions of topics out among the members of a group.
///
/// Every member names the assignors it knows, best first; the group uses one that all of them know, and only its leader
/// runs it. What is set by `partition.assignment.strategy` are those of this crate; others are given to
/// [`ConsumerBuilder::assignors`](crate::ConsumerBuilder::assignors).
pub trait Assignor: fmt::Debug + Send + Sync + 'static {
    /// The name that members know it by.
    fn name(&self) -> &str;

    /// Whether members keep during a rebalance what they are not asked to give up (KIP-429). It counts only if all
    /// assignors of a consumer say so.
    fn is_cooperative(&self) -> bool {
        false
    }

    /// What a member tells the leader's assignor when it joins: `held` it was given in `generation`, which is -1 before
    /// the first.
    fn user_data(&self, held: &BTreeSet<TopicPartition>, generation: i32) -> Option<Bytes> {
        let _ = (held, generation);
        None
    }

    /// Gives partitions to members, by their ids. `topics` are those that any member wants, with the number of their
    /// partitions; one that does not exist is left out.
    ///
    /// A partition that is given to a second member, or to one that is not in the group, goes nowhere.
    fn assign(
        &self,
        topics: &BTreeMap<Arc<str>, i32>,
        members: &[GroupMember],
    ) -> BTreeMap<Arc<str>, Vec<TopicPartition>>;
}

/// What an assignor knows of a member.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct GroupMember {
    /// Its id, which the coordinator made.
    pub member_id: Arc<str>,
    /// Its name, if it is a static member (`group.instance.id`).
    pub group_instance_id: Option<Arc<str>>,
    /// The topics it wants.
    pub topics: BTreeSet<Arc<str>>,
    /// What it holds and has not given up.
    pub owned: BTreeSet<TopicPartition>,
    /// The generation in which it came to hold them; `None` if it does not tell.
    pub generation: Option<i32>,
    /// Where it is (`client.rack`).
    pub rack: Option<Arc<str>>,
    /// From its own assignor.
    pub user_data: Option<Bytes>,
}

impl GroupMember {
    /// A member that wants these topics and holds nothing.
    pub fn new(
        member_id: impl Into<Arc<str>>,
        topics: impl IntoIterator<Item = impl Into<Arc<str>>>,
    ) -> Self {
        let topics = topics.into_iter().map(Into::into).collect();
        Self { member_id: member_id.into(), topics, ..Self::default() }
    }
}

/// The assignors that `partition.assignment.strategy` names, by Java's classes or by what members know them by.
pub(crate) fn named(names: &[String]) -> Result<Vec<Arc<dyn Assignor>>, ConfigError> {
    let named = |name: &String| -> Result<Arc<dyn Assignor>, ConfigError> {
        match name.strip_prefix(PACKAGE).unwrap_or(name) {
            "RangeAssignor" | "range" => Ok(Arc::new(Range)),
            "RoundRobinAssignor" | "roundrobin" => Ok(Arc::new(RoundRobin)),
            "StickyAssignor" | "sticky" => Ok(Arc::new(Sticky)),
            "CooperativeStickyAssignor" | "cooperative-sticky" => Ok(Arc::new(CooperativeSticky)),
            _ => {
                let allowed = "one of range, roundrobin, sticky, cooperative-sticky or Java's \
                               class of it; another goes to ConsumerBuilder::assignors";
                Err(ConfigError::value(STRATEGY, name, ValueError::new(allowed)))
            }
        }
    };
    names.iter().map(named).collect()
}

/// Has `assignor` share out, and holds its answer to what the module promises.
pub(crate) fn assign(
    assignor: &dyn Assignor,
    topics: &BTreeMap<Arc<str>, i32>,
    members: &[GroupMember],
) -> BTreeMap<Arc<str>, BTreeSet<TopicPartition>> {
    let mut given: BTreeSet<TopicPartition> = BTreeSet::new();
    let mut shares: BTreeMap<Arc<str>, BTreeSet<TopicPartition>> =
        members.iter().map(|member| (member.member_id.clone(), BTreeSet::new())).collect();
    for (member, partitions) in assignor.assign(topics, members) {
        let Some(share) = shares.get_mut(&member) else {
            tracing::error!(assignor = assignor.name(), %member, "assigned to no member");
            continue;
        };
        for partition in partitions {
            if given.insert(partition.clone()) {
                share.insert(partition);
            } else {
                tracing::error!(assignor = assignor.name(), %partition, "assigned twice");
            }
        }
    }
    if assignor.is_cooperative() {
        withhold(&mut shares, members);
    }
    shares
}

/// Takes back what somebody else still holds: whoever gives it up joins again, and then it is given.
fn withhold(shares: &mut BTreeMap<Arc<str>, BTreeSet<TopicPartition>>, members: &[GroupMember]) {
    let mut holders: BTreeMap<&TopicPartition, Vec<&Arc<str>>> = BTreeMap::new();
    for member in members {
        for partition in &member.owned {
            holders.entry(partition).or_default().push(&member.member_id);
        }
    }
    for (member, share) in shares {
        share.retain(|partition| {
            holders.get(partition).is_none_or(|holders| holders.contains(&member))
        });
    }
}

/// Members in the order in which Java counts them: static ones first, by their names, so that they get the same again
/// under new ids.
fn in_order(members: &[GroupMember]) -> Vec<&GroupMember> {
    let mut members: Vec<_> = members.iter().collect();
    members.sort_by(|a, b| {
        let name = |member: &GroupMember| member.group_instance_id.clone();
        (name(a).is_none(), name(a), &a.member_id).cmp(&(name(b).is_none(), name(b), &b.member_id))
    });
    members
}

#[cfg(test)]
mod tests;

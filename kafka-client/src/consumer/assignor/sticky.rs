//! `sticky` and `cooperative-sticky`: as even as can be, and within that as little as possible moves.
//!
//! Everybody keeps what he holds; what nobody holds goes to whoever has least; then partitions move from members that
//! have two or more above others, along chains of members where topics differ, until no such pair is left.

use super::{Assignor, GroupMember};
use crate::record::TopicPartition;
use bytes::{Buf, BufMut, Bytes, BytesMut};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

/// Shares out evenly and moves little, with a full stop of the group in every rebalance. Java's `StickyAssignor`.
#[derive(Clone, Copy, Debug)]
pub struct Sticky;

/// Shares out evenly and moves little, while everything that does not move is read on (KIP-429). Java's
/// `CooperativeStickyAssignor`.
#[derive(Clone, Copy, Debug)]
pub struct CooperativeSticky;

impl Assignor for Sticky {
    fn name(&self) -> &'static str {
        "sticky"
    }

    /// By topic what the member held, then the generation (KIP-341).
    fn user_data(&self, held: &BTreeSet<TopicPartition>, generation: i32) -> Option<Bytes> {
        let mut topics: BTreeMap<&Arc<str>, Vec<i32>> = BTreeMap::new();
        for which in held {
            topics.entry(&which.topic).or_default().push(which.partition);
        }
        let mut data = BytesMut::new();
        data.put_i32(i32::try_from(topics.len()).ok()?);
        for (topic, partitions) in topics {
            data.put_i16(i16::try_from(topic.len()).ok()?);
            data.put_slice(topic.as_bytes());
            data.put_i32(i32::try_from(partitions.len()).ok()?);
            partitions.into_iter().for_each(|partition| data.put_i32(partition));
        }
        data.put_i32(generation);
        Some(data.freeze())
    }

    fn assign(
        &self,
        topics: &BTreeMap<Arc<str>, i32>,
        members: &[GroupMember],
    ) -> BTreeMap<Arc<str>, Vec<TopicPartition>> {
        let claims = members.iter().map(|member| {
            let told = member.user_data.clone().and_then(read_user_data);
            told.unwrap_or_default()
        });
        Shares::new(topics, members, claims.collect()).settle()
    }
}

/// What [`Sticky::user_data`] wrote; `None` if it is something else. The oldest members tell no generation.
fn read_user_data(mut data: Bytes) -> Option<Claim> {
    let mut held = BTreeSet::new();
    for _ in 0..data.try_get_i32().ok()? {
        let length = usize::try_from(data.try_get_i16().ok()?).ok()?;
        let name = data.get(..length)?;
        let topic: Arc<str> = std::str::from_utf8(name).ok()?.into();
        data.advance(length);
        for _ in 0..data.try_get_i32().ok()? {
            held.insert(TopicPartition::new(topic.clone(), data.try_get_i32().ok()?));
        }
    }
    Some(Claim { held, generation: data.try_get_i32().unwrap_or(-1) })
}

impl Assignor for CooperativeSticky {
    fn name(&self) -> &'static str {
        "cooperative-sticky"
    }

    fn is_cooperative(&self) -> bool {
        true
    }

    /// The generation: what is held stands in the subscription, which has no place for it in its older versions.
    fn user_data(&self, _: &BTreeSet<TopicPartition>, generation: i32) -> Option<Bytes> {
        Some(Bytes::copy_from_slice(&generation.to_be_bytes()))
    }

    fn assign(
        &self,
        topics: &BTreeMap<Arc<str>, i32>,
        members: &[GroupMember],
    ) -> BTreeMap<Arc<str>, Vec<TopicPartition>> {
        let claims = members.iter().map(|member| {
            let told = || member.user_data.clone()?.try_get_i32().ok();
            let generation = member.generation.or_else(told).unwrap_or(-1);
            Claim { held: member.owned.clone(), generation }
        });
        Shares::new(topics, members, claims.collect()).settle()
    }
}

/// What a member holds, and since when.
#[derive(Debug, Default)]
struct Claim {
    held: BTreeSet<TopicPartition>,
    generation: i32,
}

/// An assignment in the making. Members and topics go by their numbers.
struct Shares {
    members: Vec<Member>,
    topics: Vec<Topic>,
}

struct Member {
    id: Arc<str>,
    load: usize,
    /// Partitions by topic.
    held: BTreeMap<usize, BTreeSet<i32>>,
    /// Those among them that it held before.
    kept: BTreeSet<(usize, i32)>,
}

struct Topic {
    name: Arc<str>,
    /// Who wants it.
    wanting: Vec<usize>,
    /// Partitions that nobody has.
    free: BTreeSet<i32>,
}

impl Shares {
    fn new(topics: &BTreeMap<Arc<str>, i32>, members: &[GroupMember], claims: Vec<Claim>) -> Self {
        let mut order: Vec<_> = members.iter().zip(claims).collect();
        order.sort_by(|(a, _), (b, _)| a.member_id.cmp(&b.member_id));
        let topic = |(name, &count): (&Arc<str>, &i32)| Topic {
            name: name.clone(),
            wanting: (0..order.len()).filter(|&m| order[m].0.topics.contains(name)).collect(),
            free: (0..count).collect(),
        };
        let topics: Vec<_> = topics.iter().map(topic).collect();
        let number: BTreeMap<_, _> = topics.iter().map(|t| t.name.clone()).zip(0..).collect();

        // Whoever came to hold a partition last holds it; two of the same generation both err.
        let mut holders: BTreeMap<(usize, i32), (i32, Option<usize>)> = BTreeMap::new();
        for (place, (member, claim)) in order.iter().enumerate() {
            for which in claim.held.iter().filter(|which| member.topics.contains(&which.topic)) {
                let Some(&topic) = number.get(&which.topic) else { continue };
                let holder = holders.entry((topic, which.partition)).or_insert((i32::MIN, None));
                match claim.generation.cmp(&holder.0) {
                    std::cmp::Ordering::Greater => *holder = (claim.generation, Some(place)),
                    std::cmp::Ordering::Equal => holder.1 = None,
                    std::cmp::Ordering::Less => {}
                }
            }
        }
        let member = |(member, _): &(&GroupMember, Claim)| Member {
            id: member.member_id.clone(),
            load: 0,
            held: BTreeMap::new(),
            kept: BTreeSet::new(),
        };
        let mut shares = Self { members: order.iter().map(member).collect(), topics };
        for ((topic, partition), (_, holder)) in holders {
            if let Some(holder) = holder
                && shares.topics[topic].free.remove(&partition)
            {
                shares.give(holder, topic, partition);
                shares.members[holder].kept.insert((topic, partition));
            }
        }
        shares
    }

    fn give(&mut self, member: usize, topic: usize, partition: i32) {
        let member = &mut self.members[member];
        member.held.entry(topic).or_default().insert(partition);
        member.load += 1;
    }

    fn settle(mut self) -> BTreeMap<Arc<str>, Vec<TopicPartition>> {
        self.deal();
        while self.even_out() {}
        let topics = &self.topics;
        let share = |member: Member| {
            let partitions = member.held.into_iter().flat_map(|(topic, partitions)| {
                let name = &topics[topic].name;
                partitions.into_iter().map(|p| TopicPartition::new(name.clone(), p))
            });
            (member.id, partitions.collect())
        };
        self.members.into_iter().map(share).collect()
    }

    /// Gives what nobody has to whoever has least; topics that few want come first.
    fn deal(&mut self) {
        let mut order: Vec<_> = (0..self.topics.len()).collect();
        order.sort_by_key(|&topic| self.topics[topic].wanting.len());
        for topic in order {
            for partition in std::mem::take(&mut self.topics[topic].free) {
                let of_topic = |m: &Member| m.held.get(&topic).map_or(0, BTreeSet::len);
                let load = |&m: &usize| (self.members[m].load, of_topic(&self.members[m]));
                if let Some(least) = self.topics[topic].wanting.iter().copied().min_by_key(load) {
                    self.give(least, topic, partition);
                }
            }
        }
    }

    /// Takes one partition off a member that has too many. Says whether there was one.
    fn even_out(&mut self) -> bool {
        let mut order: Vec<_> = (0..self.members.len()).collect();
        order.sort_by_key(|&member| std::cmp::Reverse(self.members[member].load));
        let Some(least) = order.last().map(|&member| self.members[member].load) else {
            return false;
        };
        for from in order {
            if self.members[from].load < least + 2 {
                return false;
            }
            if let Some(path) = self.path(from) {
                for (from, topic, to) in path {
                    self.pass(from, topic, to);
                }
                return true;
            }
        }
        false
    }

    /// The shortest chain of handing on from `from` to whoever has least, and two less than `from`.
    fn path(&self, from: usize) -> Option<Vec<(usize, usize, usize)>> {
        let mut came: BTreeMap<usize, (usize, usize)> = BTreeMap::new();
        let mut seen_topics = BTreeSet::new();
        let mut next = VecDeque::from([from]);
        let mut best: Option<usize> = None;
        while let Some(member) = next.pop_front() {
            let mut topics: Vec<_> = self.members[member].held.iter().collect();
            topics.sort_by_key(|(_, partitions)| std::cmp::Reverse(partitions.len()));
            for &(&topic, _) in topics.iter().filter(|(_, partitions)| !partitions.is_empty()) {
                if !seen_topics.insert(topic) {
                    continue;
                }
                for &to in &self.topics[topic].wanting {
                    if to == from || came.contains_key(&to) {
                        continue;
                    }
                    came.insert(to, (member, topic));
                    next.push_back(to);
                    let load = self.members[to].load;
                    if load + 2 <= self.members[from].load
                        && best.is_none_or(|best| load < self.members[best].load)
                    {
                        best = Some(to);
                    }
                }
            }
        }
        let mut path = Vec::new();
        let mut to = best?;
        while to != from {
            let &(member, topic) = came.get(&to)?;
            path.push((member, topic, to));
            to = member;
        }
        Some(path)
    }

    /// Hands a partition of `topic` on, one that was not held before if there is one.
    fn pass(&mut self, from: usize, topic: usize, to: usize) {
        let member = &mut self.members[from];
        let Some(held) = member.held.get_mut(&topic) else { return };
        let new = held.iter().rev().find(|p| !member.kept.contains(&(topic, **p))).copied();
        let Some(partition) = new.or_else(|| held.last().copied()) else { return };
        held.remove(&partition);
        member.kept.remove(&(topic, partition));
        member.load -= 1;
        self.give(to, topic, partition);
    }
}

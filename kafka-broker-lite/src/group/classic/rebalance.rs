//! From one generation to the next: members are asked to join, are waited for, and get a leader and a protocol.

use super::super::Turn;
use super::super::member::Member;
use super::super::records;
use super::{ClassicGroup, FirstRebalance, Phase, Timer};
use kafka_proto::ErrorCode;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

impl ClassicGroup {
    /// Something has changed: begins a rebalance, or goes on with the one that runs.
    pub(super) fn rebalance(&mut self, turn: &mut Turn<'_>) {
        match self.phase {
            Phase::Preparing { .. } => self.complete_join_if_all_are_here(turn),
            _ => self.prepare_rebalance(turn),
        }
    }

    pub(super) fn prepare_rebalance(&mut self, turn: &mut Turn<'_>) {
        if let Phase::Completing { .. } = self.phase {
            self.fail_assignment(turn, ErrorCode::REBALANCE_IN_PROGRESS);
        }
        self.timers.clear(&Timer::Sync);
        let now_ms = turn.now.monotonic_ms;
        let first = self.is_empty().then(|| {
            let delay_ms = turn.config.initial_rebalance_delay_ms;
            let remaining_ms = self.rebalance_timeout_ms().saturating_sub(delay_ms);
            FirstRebalance { delay_ms, remaining_ms, newcomer: false }
        });
        self.enter(turn, Phase::Preparing { first });
        if let Some(FirstRebalance { delay_ms, .. }) = first {
            return self.timers.set(Timer::Join, now_ms + delay_ms);
        }
        self.timers.set(Timer::Join, now_ms + self.rebalance_timeout_ms());
        self.complete_join_if_all_are_here(turn);
    }

    pub(super) fn enter(&mut self, turn: &Turn<'_>, phase: Phase) {
        self.phase = phase;
        self.since_ms = Some(turn.now.wall_ms);
    }

    /// The longest that a member wants others to wait for it.
    pub(super) fn rebalance_timeout_ms(&self) -> u64 {
        let longest = self.members.values().map(|member| member.rebalance_timeout_ms).max();
        u64::try_from(longest.unwrap_or(0)).unwrap_or(0)
    }

    pub(super) fn join_time_is_up(&mut self, turn: &mut Turn<'_>) {
        if let Phase::Preparing { first: Some(first) } = &mut self.phase
            && first.newcomer
            && first.remaining_ms > 0
        {
            let delay_ms = turn.config.initial_rebalance_delay_ms.min(first.remaining_ms);
            let remaining_ms = first.remaining_ms.saturating_sub(first.delay_ms);
            *first = FirstRebalance { delay_ms, remaining_ms, newcomer: false };
            return self.timers.set(Timer::Join, turn.now.monotonic_ms + delay_ms);
        }
        self.complete_join(turn);
    }

    pub(super) fn complete_join_if_all_are_here(&mut self, turn: &mut Turn<'_>) {
        let here = self.members.values().all(|member| member.join.is_some());
        if matches!(self.phase, Phase::Preparing { first: None }) && here && self.pending.is_empty()
        {
            self.complete_join(turn);
        }
    }

    /// Begins the next generation with those that are here, and with static members, which may come later.
    pub(super) fn complete_join(&mut self, turn: &mut Turn<'_>) {
        self.timers.clear(&Timer::Join);
        let late = |member: &Member| member.join.is_none() && member.instance_id.is_none();
        let late: Vec<_> = self.members.iter().filter(|(_, member)| late(member)).collect();
        let late: Vec<_> = late.into_iter().map(|(id, _)| id.clone()).collect();
        late.iter().for_each(|id| self.remove(id));
        if !self.members.is_empty() && !self.elect_leader() {
            // Only sleeping static members are left: their sessions end, or one of them comes.
            let deadline_ms = turn.now.monotonic_ms + self.rebalance_timeout_ms();
            return self.timers.set(Timer::Join, deadline_ms);
        }
        self.generation = self.generation.wrapping_add(1);
        self.protocol = self.select_protocol();
        self.subscribed = self.subscribed_topics();
        if self.members.is_empty() {
            self.enter(turn, Phase::Empty);
            // Should the record be lost, the group comes back with members that are gone, and drops them in time.
            let _empty_anyway = turn.write(&self.id, [records::group(self, &BTreeMap::new())]);
            return;
        }
        let ids: Vec<Arc<str>> = self.members.keys().cloned().collect();
        self.enter(turn, Phase::Completing { unsynced: ids.iter().cloned().collect() });
        for id in ids {
            let response = self.join_response(&id, self.leader.as_ref() == Some(&id));
            self.restart_session(turn, &id);
            let Some(member) = self.members.get_mut(&id) else { continue };
            member.is_new = false;
            if let Some(ticket) = member.join.take() {
                turn.answer_join(ticket, response);
            }
        }
        let deadline_ms = turn.now.monotonic_ms + self.rebalance_timeout_ms();
        self.timers.set(Timer::Sync, deadline_ms);
    }

    /// Sees to it that the leader is one that has joined.
    pub(super) fn elect_leader(&mut self) -> bool {
        let joined = |member: &Member| member.join.is_some();
        let leader = self.leader.as_ref().and_then(|id| self.members.get(id));
        if leader.is_some_and(joined) {
            return true;
        }
        let Some((id, _)) = self.members.iter().find(|(_, member)| joined(member)) else {
            return false;
        };
        self.leader = Some(id.clone());
        true
    }

    /// Of the protocols that all members speak the one that most of them like best.
    pub(super) fn select_protocol(&self) -> Option<Arc<str>> {
        let common = |name: &str| self.members.values().all(|member| member.speaks(name));
        let mut votes: BTreeMap<&Arc<str>, usize> = BTreeMap::new();
        for member in self.members.values() {
            let best = member.protocols.iter().map(|(name, _)| name).find(|name| common(name));
            if let Some(best) = best {
                *votes.entry(best).or_default() += 1;
            }
        }
        let most = votes.values().copied().max()?;
        votes.into_iter().find(|(_, count)| *count == most).map(|(name, _)| name.clone())
    }

    pub(super) fn subscribed_topics(&self) -> Option<BTreeSet<Arc<str>>> {
        if !self.is_of_consumers() {
            return None;
        }
        let mut topics = BTreeSet::new();
        for member in self.members.values() {
            topics.extend(records::subscribed_topics(member.metadata(self.protocol.as_ref()?))?);
        }
        Some(topics)
    }
}

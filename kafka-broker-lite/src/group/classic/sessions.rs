//! How members stay in a group and get out of it: heartbeats, sessions that end, leaving, and a group that comes back
//! from the log.

use super::super::Turn;
use super::super::member::Member;
use super::{ClassicGroup, Leaving, Phase, Timer};
use bytes::Bytes;
use kafka_proto::ErrorCode;
use kafka_proto::stored::offsets::{GroupMetadataValue, MemberMetadata};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

impl ClassicGroup {
    /// A member says that it is there.
    ///
    /// # Errors
    /// What it is told when it is none, or has to join again.
    pub(in crate::group) fn heartbeat(
        &mut self,
        turn: &Turn<'_>,
        id: &Arc<str>,
        instance: Option<&Arc<str>>,
        generation: i32,
    ) -> Result<(), ErrorCode> {
        self.check_member(id, instance)?;
        self.check_generation(generation)?;
        match self.phase {
            Phase::Empty => return Err(ErrorCode::UNKNOWN_MEMBER_ID),
            Phase::Preparing { .. } => {
                self.restart_session(turn, id);
                return Err(ErrorCode::REBALANCE_IN_PROGRESS);
            }
            Phase::Completing { .. } | Phase::Stable { .. } => self.restart_session(turn, id),
        }
        Ok(())
    }

    /// Whether a commit of offsets counts; one that comes from a member proves that it lives.
    ///
    /// # Errors
    /// What the client is told when it does not.
    pub(in crate::group) fn check_commit(
        &mut self,
        turn: &Turn<'_>,
        id: &Arc<str>,
        instance: Option<&Arc<str>>,
        generation: i32,
    ) -> Result<(), ErrorCode> {
        if generation < 0 && self.is_empty() {
            // From somebody who reads without being a member.
            return Ok(());
        }
        self.check_member(id, instance)?;
        self.check_generation(generation)?;
        match self.phase {
            Phase::Completing { .. } => return Err(ErrorCode::REBALANCE_IN_PROGRESS),
            Phase::Empty => {}
            Phase::Preparing { .. } | Phase::Stable { .. } => self.restart_session(turn, id),
        }
        Ok(())
    }

    /// Members leave of their own will, or by the hand of an admin; gives what became of each.
    pub(in crate::group) fn leave(
        &mut self,
        turn: &mut Turn<'_>,
        leaving: &[Leaving],
    ) -> Vec<Result<(), ErrorCode>> {
        let results: Vec<_> = leaving.iter().map(|one| self.leave_one(turn, one)).collect();
        if results.iter().any(Result::is_ok) && !self.is_empty() {
            self.rebalance(turn);
        }
        results
    }

    fn leave_one(&mut self, turn: &mut Turn<'_>, leaving: &Leaving) -> Result<(), ErrorCode> {
        let Leaving { member_id, instance_id } = leaving;
        if member_id.is_empty() {
            let known = instance_id.as_ref().and_then(|instance| self.instances.get(instance));
            let id = known.cloned().ok_or(ErrorCode::UNKNOWN_MEMBER_ID)?;
            self.throw_out(turn, &id);
            return Ok(());
        }
        if !self.pending.contains(member_id) {
            self.check_member(member_id, instance_id.as_ref())?;
        }
        self.throw_out(turn, member_id);
        Ok(())
    }

    pub(super) fn restart_session(&mut self, turn: &Turn<'_>, id: &Arc<str>) {
        if let Some(member) = self.members.get(id) {
            let deadline_ms = turn.now.monotonic_ms + member.session_ms();
            self.timers.set(Timer::Member(id.clone()), deadline_ms);
        }
    }

    pub(super) fn session_is_over(&mut self, turn: &mut Turn<'_>, id: &Arc<str>) {
        if let Some(member) = self.members.get(id)
            && member.is_waiting()
            && !member.is_new
        {
            return;
        }
        // An id that nobody came back with keeps others waiting at most.
        if self.pending.contains(id) {
            self.remove(id);
            return self.complete_join_if_all_are_here(turn);
        }
        self.throw_out(turn, id);
        if !self.is_empty() {
            self.rebalance(turn);
        }
    }

    pub(super) fn sync_time_is_up(&mut self, turn: &mut Turn<'_>) {
        let (Phase::Completing { unsynced } | Phase::Stable { unsynced }) = &self.phase else {
            return;
        };
        let late: Vec<_> = unsynced.iter().cloned().collect();
        late.iter().for_each(|id| self.throw_out(turn, id));
        self.prepare_rebalance(turn);
    }

    /// Removes a member, and ends what it waits for.
    fn throw_out(&mut self, turn: &mut Turn<'_>, id: &Arc<str>) {
        if let Some(member) = self.members.get_mut(id) {
            if let Some(ticket) = member.join.take() {
                turn.refuse_join(ticket, &"".into(), ErrorCode::UNKNOWN_MEMBER_ID);
            }
            if let Some(ticket) = member.sync.take() {
                turn.refuse_sync(ticket, ErrorCode::UNKNOWN_MEMBER_ID);
            }
        }
        self.remove(id);
    }

    /// Forgets a member or an id that was given out.
    pub(super) fn remove(&mut self, id: &Arc<str>) {
        self.pending.remove(id);
        self.timers.clear(&Timer::Member(id.clone()));
        let Some(member) = self.members.remove(id) else { return };
        if let Some(instance) = &member.instance_id {
            self.instances.remove(instance);
        }
        if self.leader.as_ref() == Some(id) {
            self.leader = self.members.keys().next().cloned();
        }
        if let Phase::Completing { unsynced } | Phase::Stable { unsynced } = &mut self.phase {
            unsynced.remove(id);
        }
    }

    /// Ends what everybody waits for, because the group is no longer looked after here.
    pub(in crate::group) fn unload(&mut self, turn: &mut Turn<'_>) {
        for (id, member) in &mut self.members {
            if let Some(ticket) = member.join.take() {
                turn.refuse_join(ticket, id, ErrorCode::NOT_COORDINATOR);
            }
            if let Some(ticket) = member.sync.take() {
                turn.refuse_sync(ticket, ErrorCode::NOT_COORDINATOR);
            }
        }
    }

    /// A group as its record has it.
    pub(in crate::group) fn from_record(id: Arc<str>, value: GroupMetadataValue) -> Self {
        let protocol = value.protocol.clone();
        let mut group = Self::new(id, 0);
        group.protocol_type = Some(value.protocol_type).filter(|kind| !kind.is_empty());
        group.generation = value.generation;
        group.leader = value.leader;
        group.protocol = value.protocol;
        group.since_ms =
            (value.current_state_timestamp >= 0).then_some(value.current_state_timestamp);
        for member in value.members {
            let id = Arc::clone(&member.member_id);
            if let Some(instance) = &member.group_instance_id {
                group.instances.insert(instance.clone(), id.clone());
            }
            let protocols = protocol.clone().map(|name| (name, member.subscription.clone()));
            let rebalance_timeout_ms = match member.rebalance_timeout {
                -1 => member.session_timeout,
                given => given,
            };
            let member = Member {
                instance_id: member.group_instance_id,
                client_id: member.client_id,
                client_host: member.client_host,
                rebalance_timeout_ms,
                session_timeout_ms: member.session_timeout,
                protocols: protocols.into_iter().collect(),
                assignment: member.assignment,
                is_new: false,
                join: None,
                sync: None,
            };
            group.members.insert(id, member);
        }
        if !group.members.is_empty() {
            group.phase = Phase::Stable { unsynced: BTreeSet::new() };
        }
        group.subscribed = group.subscribed_topics();
        group
    }

    /// Begins the sessions of the members of a group that comes from the log.
    pub(in crate::group) fn start(&mut self, turn: &mut Turn<'_>) {
        let ids: Vec<_> = self.members.keys().cloned().collect();
        ids.iter().for_each(|id| self.restart_session(turn, id));
        if self.members.len() > turn.config.max_size {
            self.prepare_rebalance(turn);
        }
    }

    /// The group as its record is to have it, with these assignments.
    pub(in crate::group) fn to_record(
        &self,
        assignments: &BTreeMap<Arc<str>, Bytes>,
    ) -> GroupMetadataValue {
        let protocol = self.protocol.clone().unwrap_or_default();
        let describe = |(id, member): (&Arc<str>, &Member)| MemberMetadata {
            member_id: id.clone(),
            group_instance_id: member.instance_id.clone(),
            client_id: member.client_id.clone(),
            client_host: member.client_host.clone(),
            rebalance_timeout: member.rebalance_timeout_ms,
            session_timeout: member.session_timeout_ms,
            subscription: member.metadata(&protocol),
            assignment: assignments.get(id).cloned().unwrap_or_default(),
        };
        GroupMetadataValue {
            protocol_type: self.protocol_type.clone().unwrap_or_default(),
            generation: self.generation,
            protocol: self.protocol.clone(),
            leader: self.leader.clone(),
            current_state_timestamp: self.since_ms.unwrap_or(-1),
            members: self.members.iter().map(describe).collect(),
        }
    }
}

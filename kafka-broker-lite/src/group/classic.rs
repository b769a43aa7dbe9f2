//! One classic group: members join, one of them deals out the work, and all hold it for a generation.
//!
//! ```text
//!            join                all have joined            leader has synced
//!   Empty ────────▶ Preparing ────────────────▶ Completing ────────────────▶ Stable
//!     ▲               │  ▲ ▲                         │                          │
//!     └── all left ───┘  │ └── member joins, leaves, is late with its sync ─────┤
//!                        └──────────────────────────────────────────────────────┘
//! ```
//!
//! Holds true: who waits for JoinGroup is a member, and is answered when the next generation begins, when it is thrown
//! out, or when it asks again; the leader is a member; a generation's assignment is in the log before anybody gets it.

mod rebalance;
mod sessions;
use super::member::{Member, Protocol};
use super::records;
use super::timers::Timers;
use super::{Ticket, Turn};
use bytes::Bytes;
use kafka_proto::ErrorCode;
use kafka_proto::messages::join_group::{self, JoinGroupResponseMember};
use kafka_proto::messages::sync_group;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// How long a member may wait in JoinGroup that may not know its id yet.
const NEW_MEMBER_JOIN_TIMEOUT_MS: u64 = 5 * 60 * 1000;

/// The first JoinGroup version in which a new member is given an id first, and has to come back with it.
const KNOWN_ID_SINCE: i16 = 4;

/// The first JoinGroup version that can tell a leader that nothing is to be assigned.
const SKIP_ASSIGNMENT_SINCE: i16 = 9;

/// The protocol type of consumers, whose metadata names topics.
pub(super) const CONSUMER: &str = "consumer";

/// A JoinGroup.
#[derive(Clone, Debug)]
pub(crate) struct Join {
    pub(crate) ticket: Ticket,
    pub(crate) version: i16,
    /// Empty for a client that has none.
    pub(crate) member_id: Arc<str>,
    /// What such a client is called from now on.
    pub(crate) new_member_id: Arc<str>,
    pub(crate) instance_id: Option<Arc<str>>,
    pub(crate) client_id: Arc<str>,
    pub(crate) client_host: Arc<str>,
    pub(crate) session_timeout_ms: i32,
    pub(crate) rebalance_timeout_ms: i32,
    pub(crate) protocol_type: Arc<str>,
    pub(crate) protocols: Vec<Protocol>,
}

/// A SyncGroup.
#[derive(Clone, Debug)]
pub(crate) struct Sync {
    pub(crate) ticket: Ticket,
    pub(crate) member_id: Arc<str>,
    pub(crate) instance_id: Option<Arc<str>>,
    pub(crate) generation: i32,
    pub(crate) protocol_type: Option<Arc<str>>,
    pub(crate) protocol: Option<Arc<str>>,
    /// What the leader deals out, by member.
    pub(crate) assignments: BTreeMap<Arc<str>, Bytes>,
}

/// One that a LeaveGroup names.
#[derive(Clone, Debug)]
pub(crate) struct Leaving {
    /// Empty when it is called by its instance id alone.
    pub(crate) member_id: Arc<str>,
    pub(crate) instance_id: Option<Arc<str>>,
}

#[derive(Clone, Debug)]
enum Phase {
    Empty,
    /// Members are asked to join.
    Preparing {
        first: Option<FirstRebalance>,
    },
    /// All have joined, the leader is to sync.
    Completing {
        /// Those that have not synced.
        unsynced: BTreeSet<Arc<str>>,
    },
    Stable {
        unsynced: BTreeSet<Arc<str>>,
    },
}

/// The first rebalance of an empty group gives others time to come.
#[derive(Clone, Copy, Debug)]
struct FirstRebalance {
    /// The delay that runs.
    delay_ms: u64,
    /// How much longer it may become.
    remaining_ms: u64,
    /// Whether somebody has come since it began.
    newcomer: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    Join,
    Sync,
    Member(Arc<str>),
}

#[derive(Clone, Debug)]
pub(crate) struct ClassicGroup {
    id: Arc<str>,
    protocol_type: Option<Arc<str>>,
    generation: i32,
    leader: Option<Arc<str>>,
    protocol: Option<Arc<str>>,
    members: BTreeMap<Arc<str>, Member>,
    /// Member ids by instance id.
    instances: BTreeMap<Arc<str>, Arc<str>>,
    /// Ids given to clients that have not come back with them.
    pending: BTreeSet<Arc<str>>,
    /// The topics that its members read, where that can be known.
    subscribed: Option<BTreeSet<Arc<str>>>,
    /// Since when the phase has been what it is, in the time of day.
    since_ms: Option<i64>,
    phase: Phase,
    timers: Timers<Timer>,
}

impl ClassicGroup {
    pub(super) fn new(id: Arc<str>, now_ms: i64) -> Self {
        Self {
            id,
            protocol_type: None,
            generation: 0,
            leader: None,
            protocol: None,
            members: BTreeMap::new(),
            instances: BTreeMap::new(),
            pending: BTreeSet::new(),
            subscribed: None,
            since_ms: Some(now_ms),
            phase: Phase::Empty,
            timers: Timers::new(),
        }
    }

    pub(super) fn id(&self) -> Arc<str> {
        Arc::clone(&self.id)
    }

    /// Kafka's name of the state it is in.
    pub(crate) fn state(&self) -> &'static str {
        match self.phase {
            Phase::Empty => "Empty",
            Phase::Preparing { .. } => "PreparingRebalance",
            Phase::Completing { .. } => "CompletingRebalance",
            Phase::Stable { .. } => "Stable",
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        matches!(self.phase, Phase::Empty)
    }

    pub(crate) fn is_stable(&self) -> bool {
        matches!(self.phase, Phase::Stable { .. })
    }

    /// Whether clients are about to join with ids they were given.
    pub(super) fn is_expecting(&self) -> bool {
        !self.pending.is_empty()
    }

    pub(crate) fn protocol_type(&self) -> Option<&Arc<str>> {
        self.protocol_type.as_ref()
    }

    pub(crate) fn protocol(&self) -> Option<&Arc<str>> {
        self.protocol.as_ref()
    }

    pub(crate) fn members(&self) -> &BTreeMap<Arc<str>, Member> {
        &self.members
    }

    pub(super) fn since_ms(&self) -> Option<i64> {
        self.since_ms
    }

    pub(super) fn is_of_consumers(&self) -> bool {
        self.protocol_type.as_deref() == Some(CONSUMER)
    }

    /// Whether it is known which topics it reads.
    pub(super) fn knows_topics(&self) -> bool {
        self.subscribed.is_some()
    }

    /// Whether a member reads the topic; of consumers that do not say, it is taken that one does.
    pub(super) fn is_subscribed_to(&self, topic: &str) -> bool {
        match &self.subscribed {
            Some(topics) => topics.contains(topic),
            None => self.is_of_consumers(),
        }
    }

    /// When [`Self::tick`] is due.
    pub(super) fn deadline(&self) -> Option<u64> {
        self.timers.first()
    }

    /// Does what is due.
    pub(super) fn tick(&mut self, turn: &mut Turn<'_>) {
        while let Some(timer) = self.timers.due(turn.now.monotonic_ms) {
            match timer {
                Timer::Join => self.join_time_is_up(turn),
                Timer::Sync => self.sync_time_is_up(turn),
                Timer::Member(id) => self.session_is_over(turn, &id),
            }
        }
    }

    /// Somebody wants to be a member, or to be one again.
    pub(super) fn join(&mut self, turn: &mut Turn<'_>, join: Join) {
        let id = Arc::clone(&join.member_id);
        if !self.has_room_for(&id, turn.config.max_size) {
            self.remove(&id);
            turn.refuse_join(join.ticket, &"".into(), ErrorCode::GROUP_MAX_SIZE_REACHED);
            return self.complete_join_if_all_are_here(turn);
        }
        if !self.supports(&join) {
            return turn.refuse_join(join.ticket, &id, ErrorCode::INCONSISTENT_GROUP_PROTOCOL);
        }
        if !id.is_empty() {
            return self.join_again(turn, join);
        }
        let id = Arc::clone(&join.new_member_id);
        let known = join.instance_id.as_ref().map(|instance| self.instances.get(instance).cloned());
        match known {
            Some(Some(old)) => self.replace(turn, &old, join),
            None if join.version >= KNOWN_ID_SINCE => {
                let session_ms = u64::try_from(join.session_timeout_ms).unwrap_or(0);
                self.timers.set(Timer::Member(id.clone()), turn.now.monotonic_ms + session_ms);
                self.pending.insert(id.clone());
                turn.refuse_join(join.ticket, &id, ErrorCode::MEMBER_ID_REQUIRED);
            }
            _ => self.add(turn, id, join),
        }
    }

    fn has_room_for(&self, id: &str, max_size: usize) -> bool {
        let known = self.members.get(id);
        match self.phase {
            Phase::Empty => true,
            Phase::Preparing { .. } => {
                let waits = |member: &Member| member.join.is_some();
                known.is_some_and(waits)
                    || self.members.values().filter(|member| waits(member)).count() < max_size
            }
            Phase::Completing { .. } | Phase::Stable { .. } => {
                known.is_some() || self.members.len() < max_size
            }
        }
    }

    fn supports(&self, join: &Join) -> bool {
        if self.is_empty() {
            return !join.protocol_type.is_empty() && !join.protocols.is_empty();
        }
        let all_speak = |name: &str| self.members.values().all(|member| member.speaks(name));
        self.protocol_type.as_ref() == Some(&join.protocol_type)
            && join.protocols.iter().any(|(name, _)| all_speak(name))
    }

    fn join_again(&mut self, turn: &mut Turn<'_>, join: Join) {
        let id = Arc::clone(&join.member_id);
        if self.pending.contains(&id) {
            if join.instance_id.is_some() {
                return turn.refuse_join(join.ticket, &id, ErrorCode::UNKNOWN_SERVER_ERROR);
            }
            return self.add(turn, id, join);
        }
        if let Err(code) = self.check_member(&id, join.instance_id.as_ref()) {
            return turn.refuse_join(join.ticket, &id, code);
        }
        let leads = self.leader.as_ref() == Some(&id);
        let same = self.members.get(&id).is_some_and(|member| member.protocols == join.protocols);
        match self.phase {
            Phase::Completing { .. } if same => {
                let response = self.join_response(&id, leads);
                turn.answer_join(join.ticket, response);
            }
            // A leader joins because it has seen something that changes the assignment.
            Phase::Stable { .. } if same && !leads => {
                let response = self.join_response(&id, false);
                turn.answer_join(join.ticket, response);
            }
            Phase::Empty => turn.refuse_join(join.ticket, &id, ErrorCode::UNKNOWN_MEMBER_ID),
            _ => {
                self.update(turn, &id, join);
                self.rebalance(turn);
            }
        }
    }

    fn add(&mut self, turn: &mut Turn<'_>, id: Arc<str>, join: Join) {
        if let Phase::Preparing { first: Some(first) } = &mut self.phase {
            first.newcomer = true;
        }
        if self.members.is_empty() {
            self.protocol_type = Some(join.protocol_type);
        }
        if let Some(instance) = &join.instance_id {
            self.instances.insert(instance.clone(), id.clone());
        }
        self.leader.get_or_insert_with(|| id.clone());
        self.pending.remove(&id);
        let deadline_ms = turn.now.monotonic_ms + NEW_MEMBER_JOIN_TIMEOUT_MS;
        self.timers.set(Timer::Member(id.clone()), deadline_ms);
        let member = Member {
            instance_id: join.instance_id,
            client_id: join.client_id,
            client_host: join.client_host,
            rebalance_timeout_ms: join.rebalance_timeout_ms,
            session_timeout_ms: join.session_timeout_ms,
            protocols: join.protocols,
            assignment: Bytes::new(),
            is_new: true,
            join: Some(join.ticket),
            sync: None,
        };
        self.members.insert(id, member);
        self.rebalance(turn);
    }

    /// A member says anew what it speaks, and waits for the next generation.
    fn update(&mut self, turn: &mut Turn<'_>, id: &Arc<str>, join: Join) {
        let Some(member) = self.members.get_mut(id) else { return };
        member.protocols = join.protocols;
        member.rebalance_timeout_ms = join.rebalance_timeout_ms;
        member.session_timeout_ms = join.session_timeout_ms;
        if let Some(older) = member.join.replace(join.ticket) {
            turn.refuse_join(older, id, ErrorCode::REBALANCE_IN_PROGRESS);
        }
    }

    /// A static member has started anew: it takes the place of its former self.
    fn replace(&mut self, turn: &mut Turn<'_>, old_id: &Arc<str>, join: Join) {
        let before = self.clone();
        let Some(mut member) = self.members.remove(old_id) else { return };
        if let Some(waits) = member.join.take() {
            turn.refuse_join(waits, old_id, ErrorCode::FENCED_INSTANCE_ID);
        }
        if let Some(waits) = member.sync.take() {
            turn.refuse_sync(waits, ErrorCode::FENCED_INSTANCE_ID);
        }
        let id = Arc::clone(&join.new_member_id);
        let (ticket, version) = (join.ticket, join.version);
        member.client_id = join.client_id.clone();
        member.client_host = join.client_host.clone();
        self.members.insert(id.clone(), member);
        self.instances.extend(join.instance_id.clone().map(|instance| (instance, id.clone())));
        self.timers.clear(&Timer::Member(old_id.clone()));
        let old_leader = self.leader.clone();
        if self.leader.as_ref() == Some(old_id) {
            self.leader = Some(id.clone());
        }
        if let Phase::Completing { unsynced } | Phase::Stable { unsynced } = &mut self.phase
            && unsynced.remove(old_id)
        {
            unsynced.insert(id.clone());
        }
        self.update(turn, &id, join);
        self.restart_session(turn, &id);
        if !self.is_stable() || self.select_protocol() != self.protocol {
            return self.rebalance(turn);
        }
        let record = records::group(self, &self.assignments());
        if let Err(code) = turn.write(&self.id, [record]) {
            *self = before;
            return turn.refuse_join(ticket, &"".into(), code);
        }
        let leads = self.leader.as_ref() == Some(&id);
        let may_skip = version >= SKIP_ASSIGNMENT_SINCE;
        let mut response = self.join_response(&id, leads && may_skip);
        response.skip_assignment = leads && may_skip;
        // Who cannot be told to skip the assignment is not told that it leads.
        if !may_skip {
            response.leader = old_leader.unwrap_or_default();
        }
        if let Some(member) = self.members.get_mut(&id) {
            member.join = None;
        }
        turn.answer_join(ticket, response);
    }

    fn join_response(&self, id: &Arc<str>, with_members: bool) -> join_group::Response {
        let protocol = self.protocol.clone().unwrap_or_default();
        let describe = |(id, member): (&Arc<str>, &Member)| JoinGroupResponseMember {
            member_id: id.clone(),
            group_instance_id: member.instance_id.clone(),
            metadata: member.metadata(&protocol),
        };
        let members =
            if with_members { self.members.iter().map(describe).collect() } else { vec![] };
        join_group::Response {
            generation_id: self.generation,
            protocol_type: self.protocol_type.clone(),
            protocol_name: self.protocol.clone(),
            leader: self.leader.clone().unwrap_or_default(),
            member_id: id.clone(),
            members,
            ..join_group::Response::default()
        }
    }

    /// Whether this member, and this instance if one is named, may speak for the group.
    fn check_member(&self, id: &Arc<str>, instance: Option<&Arc<str>>) -> Result<(), ErrorCode> {
        if let Some(instance) = instance {
            let known = self.instances.get(instance).ok_or(ErrorCode::UNKNOWN_MEMBER_ID)?;
            if known != id {
                return Err(ErrorCode::FENCED_INSTANCE_ID);
            }
        }
        let known = self.members.contains_key(id);
        known.then_some(()).ok_or(ErrorCode::UNKNOWN_MEMBER_ID)
    }

    fn check_generation(&self, generation: i32) -> Result<(), ErrorCode> {
        (generation == self.generation).then_some(()).ok_or(ErrorCode::ILLEGAL_GENERATION)
    }

    /// A member wants to know what it has been given; the leader brings it.
    pub(super) fn sync(&mut self, turn: &mut Turn<'_>, sync: Sync) {
        let Sync { ticket, member_id: id, .. } = &sync;
        let differs = |told: &Option<Arc<str>>, known: &Option<Arc<str>>| {
            told.as_ref().zip(known.as_ref()).is_some_and(|(told, known)| told != known)
        };
        let checked = self
            .check_member(id, sync.instance_id.as_ref())
            .and_then(|()| self.check_generation(sync.generation))
            .and_then(|()| {
                let inconsistent = differs(&sync.protocol_type, &self.protocol_type)
                    || differs(&sync.protocol, &self.protocol);
                (!inconsistent).then_some(()).ok_or(ErrorCode::INCONSISTENT_GROUP_PROTOCOL)
            });
        if let Err(code) = checked {
            return turn.refuse_sync(*ticket, code);
        }
        match &mut self.phase {
            Phase::Empty => turn.refuse_sync(*ticket, ErrorCode::UNKNOWN_MEMBER_ID),
            Phase::Preparing { .. } => turn.refuse_sync(*ticket, ErrorCode::REBALANCE_IN_PROGRESS),
            Phase::Completing { unsynced } | Phase::Stable { unsynced } => {
                unsynced.remove(id);
                if unsynced.is_empty() {
                    self.timers.clear(&Timer::Sync);
                }
                let Some(member) = self.members.get_mut(id) else { return };
                if let Some(older) = member.sync.replace(*ticket) {
                    turn.refuse_sync(older, ErrorCode::REBALANCE_IN_PROGRESS);
                }
                if self.is_stable() {
                    self.hand_out(turn, id);
                } else if self.leader.as_ref() == Some(id) {
                    self.assign(turn, &sync.assignments);
                }
            }
        }
    }

    fn assign(&mut self, turn: &mut Turn<'_>, assignments: &BTreeMap<Arc<str>, Bytes>) {
        let record = records::group(self, assignments);
        if let Err(code) = turn.write(&self.id, [record]) {
            self.fail_assignment(turn, code);
            return self.prepare_rebalance(turn);
        }
        let Phase::Completing { unsynced } = &mut self.phase else { return };
        let unsynced = std::mem::take(unsynced);
        self.enter(turn, Phase::Stable { unsynced });
        let ids: Vec<_> = self.members.keys().cloned().collect();
        for id in ids {
            let assignment = assignments.get(&id).cloned().unwrap_or_default();
            if let Some(member) = self.members.get_mut(&id) {
                member.assignment = assignment;
            }
            self.hand_out(turn, &id);
        }
    }

    /// Answers the SyncGroup of a member, if one waits.
    fn hand_out(&mut self, turn: &mut Turn<'_>, id: &Arc<str>) {
        let Some(member) = self.members.get_mut(id) else { return };
        let Some(ticket) = member.sync.take() else { return };
        let response = sync_group::Response {
            protocol_type: self.protocol_type.clone(),
            protocol_name: self.protocol.clone(),
            assignment: member.assignment.clone(),
            ..sync_group::Response::default()
        };
        turn.answer_sync(ticket, response);
        self.restart_session(turn, id);
    }

    /// Takes back what is assigned, and tells those that wait for it.
    fn fail_assignment(&mut self, turn: &mut Turn<'_>, code: ErrorCode) {
        let ids: Vec<_> = self.members.keys().cloned().collect();
        for id in ids {
            let Some(member) = self.members.get_mut(&id) else { continue };
            member.assignment = Bytes::new();
            if let Some(ticket) = member.sync.take() {
                turn.refuse_sync(ticket, code);
                self.restart_session(turn, &id);
            }
        }
    }

    /// What each member has been given.
    fn assignments(&self) -> BTreeMap<Arc<str>, Bytes> {
        let given = |(id, member): (&Arc<str>, &Member)| (id.clone(), member.assignment.clone());
        self.members.iter().map(given).collect()
    }
}

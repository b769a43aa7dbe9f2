//! A member of a group under the classic protocol: it joins, the leader assigns, all are told, until one comes or goes.
//!
//! ```text
//!                subscribe                  on_poll, nothing due
//!   Out ─────────────────────────▶ Prepare ─────────────────────▶ Join ──▶ Assign (leader) ──▶ Sync
//!    ▲                               ▲  ▲                          ▲ └──────────────────────────▲ │
//!    │ leave                         │  └──────────────────────────┴───── refused ────────────────┤
//!    └── from anywhere               └─────────────── rebalance, change of topics ── Stable ◀─────┘
//! ```
//!
//! Holds true: a member joins at a call of the application only, and after it has given up what the protocol wants it
//! to give up: all (eager), or what it no longer subscribes to (cooperative, KIP-429).

mod phase;

use super::super::assignor::Assignor;
use super::super::settings::GroupSettings;
use super::leader::Led;
use super::wire::{
    Ask, Farewell, assigned, by_topic, heartbeat_request, join_request, member, subscription,
    sync_request,
};
use super::{Due, Effects, Holdings, Identity, Liveness};
use crate::backoff::Backoff;
use crate::clock::{Monotonic, Now};
use crate::cluster::metadata::Snapshot;
use crate::error::{Error, Result};
use crate::record::TopicPartition;
use kafka_proto::ErrorCode;
use kafka_proto::group_protocol::Subscription;
use kafka_proto::messages::{heartbeat, join_group, sync_group};
use phase::Phase;
use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

/// What the coordinator may take beyond the rebalance timeout, as in Java.
const JOIN_GRACE: Duration = Duration::from_secs(5);
/// How long a leader waits to learn of topics before it assigns those it knows; the others follow when they appear.
const LEARN_MAX: Duration = Duration::from_secs(5);

/// See the module.
#[derive(Debug)]
pub(crate) struct Classic {
    settings: Arc<GroupSettings>,
    assignors: Vec<Arc<dyn Assignor>>,
    cooperative: bool,
    backoff: Backoff,
    phase: Phase,
    me: Identity,
    /// The assignor that the group uses.
    protocol: Arc<str>,
    /// What is subscribed to, now and when it joined.
    pub(crate) topics: BTreeSet<Arc<str>>,
    joined_topics: BTreeSet<Arc<str>>,
    holdings: Holdings,
    liveness: Liveness,
    /// What the last assignment gave, and its generation.
    given: (BTreeSet<TopicPartition>, i32),
    /// Of a leader: what it has shared out.
    led: Option<Led>,
    /// The next generation has to come, and why.
    again: Option<&'static str>,
    reason: &'static str,
    last_ticket: u64,
    /// The JoinGroup or SyncGroup that is under way.
    in_flight: Option<u64>,
    failures: u32,
    not_before: Monotonic,
    heartbeat: Option<u64>,
    heartbeat_due: Monotonic,
    farewells: VecDeque<Farewell>,
}

impl Classic {
    pub(crate) fn new(
        settings: Arc<GroupSettings>,
        assignors: Vec<Arc<dyn Assignor>>,
        backoff: Backoff,
    ) -> Self {
        Self {
            liveness: Liveness::new(settings.max_poll_interval),
            cooperative: assignors.iter().all(|assignor| assignor.is_cooperative()),
            settings,
            assignors,
            backoff,
            phase: Phase::Out,
            me: Identity::none(),
            protocol: "".into(),
            topics: BTreeSet::new(),
            joined_topics: BTreeSet::new(),
            holdings: Holdings::default(),
            given: (BTreeSet::new(), -1),
            led: None,
            again: None,
            reason: "",
            last_ticket: 0,
            in_flight: None,
            failures: 0,
            not_before: Monotonic::default(),
            heartbeat: None,
            heartbeat_due: Monotonic::default(),
            farewells: VecDeque::new(),
        }
    }

    // What the application asks.

    /// Subscribes to these topics in place of those before; the group is joined, or told, at the next call for records.
    pub(crate) fn subscribe(&mut self, now: Now, topics: BTreeSet<Arc<str>>) {
        self.topics = topics;
        if matches!(self.phase, Phase::Out | Phase::Fenced(_)) {
            self.liveness.on_poll(now.monotonic);
            self.prepare("the application subscribes");
        }
        self.review();
    }

    /// Leaves the group, as far as that is up to this member: a static one stays until its session ends.
    pub(crate) fn leave(&mut self, reason: &'static str) {
        self.withdraw(reason);
        self.topics.clear();
        self.phase = Phase::Out;
        self.holdings = Holdings::default();
    }

    /// Has the group assign anew.
    pub(crate) fn rejoin(&mut self, reason: &'static str) {
        self.again = Some(reason);
        self.review();
    }

    /// The application asks for records: it is alive, and a join that was waiting for it may go on.
    pub(crate) fn on_poll(&mut self, now: Now) {
        self.liveness.on_poll(now.monotonic);
        self.go_on();
    }

    /// A join that waits for the application goes on, unless something is to be given up before. Says whether it does.
    pub(crate) fn go_on(&mut self) -> bool {
        let goes = matches!(self.phase, Phase::Prepare) && !self.holdings.is_due();
        if goes {
            self.phase = Phase::Join;
        }
        goes
    }

    pub(crate) fn holdings(&self) -> &Holdings {
        &self.holdings
    }

    /// The application has done what was due.
    pub(crate) fn on_done(&mut self, due: &Due) {
        self.holdings.on_done(due);
        self.review();
    }

    /// Who this member is in its generation.
    pub(crate) fn identity(&self) -> &Identity {
        &self.me
    }

    /// A member that goes and has not been told of.
    pub(crate) fn farewell(&mut self) -> Option<Farewell> {
        self.farewells.pop_front()
    }

    pub(crate) fn is_out(&self) -> bool {
        matches!(self.phase, Phase::Out)
    }

    /// Whether it is on the way from one generation to the next.
    pub(crate) fn is_between(&self) -> bool {
        matches!(self.phase, Phase::Join | Phase::Assign { .. } | Phase::Sync(_))
    }

    /// Whether a call of the application is waited for.
    pub(crate) fn needs_application(&self) -> bool {
        matches!(self.phase, Phase::Prepare | Phase::Fenced(_))
            || self.holdings.is_due()
            || !self.is_out() && self.liveness.is_asking()
    }

    /// Why this member is of no more use.
    pub(crate) fn fenced(&self) -> Option<&Error> {
        match &self.phase {
            Phase::Fenced(error) => Some(error),
            _ => None,
        }
    }

    /// Topics that have to be known before the group is assigned.
    pub(crate) fn wanted_topics(&self) -> BTreeSet<Arc<str>> {
        match &self.phase {
            Phase::Assign { members, .. } => {
                members.iter().flat_map(|member| member.topics.iter().cloned()).collect()
            }
            _ => self.topics.clone(),
        }
    }

    /// The cluster as it is seen now: a leader looks whether there is something new to share out.
    pub(crate) fn on_metadata(&mut self, snapshot: &Snapshot) {
        if let Some(led) = &self.led
            && matches!(self.phase, Phase::Stable)
            && led.has_changed(snapshot)
        {
            self.rejoin("the partitions of the topics have changed");
        }
    }

    // What goes out.

    /// The next request, of a coordinator that is known.
    pub(crate) fn poll(&mut self, now: Now, snapshot: &Snapshot) -> Option<Ask> {
        if let Some(farewell) = self.farewells.pop_front() {
            return Some(Ask::Leave(farewell));
        }
        if let Phase::Assign { members, until, .. } = &self.phase {
            let known = |topic: &Arc<str>| snapshot.topics.contains_key(topic);
            let all = members.iter().flat_map(|member| &member.topics).all(known);
            if all || now.monotonic >= *until {
                self.assign(snapshot);
            }
        }
        if self.in_flight.is_none() && self.not_before <= now.monotonic {
            match &mut self.phase {
                Phase::Join => return Some(self.join()),
                Phase::Sync(assignments) => {
                    let assignments = std::mem::take(assignments);
                    return Some(self.sync(assignments));
                }
                _ => {}
            }
        }
        if self.beats() && self.heartbeat.is_none() && self.heartbeat_due <= now.monotonic {
            let ticket = self.ticket();
            self.heartbeat = Some(ticket);
            let request = heartbeat_request(&self.settings, &self.me);
            return Some(Ask::Heartbeat { ticket, request });
        }
        None
    }

    /// Whether the application has been silent for too long; then the group is left.
    pub(crate) fn check_liveness(&mut self, now: Now) {
        let member = !self.me.member_id.is_empty() || self.in_flight.is_some();
        if self.is_out() || !member || !self.liveness.is_over(now.monotonic) {
            return;
        }
        let ms = self.settings.max_poll_interval.as_millis();
        tracing::warn!(
            group = &*self.settings.group_id,
            "no record was asked for within {ms} ms (max.poll.interval.ms): the group is left \
             until one is; handle fewer at a time (max.poll.records) or allow more time"
        );
        self.withdraw("max.poll.interval.ms is over");
        self.lose("no record was asked for in time");
    }

    /// When [`Classic::poll`] has something to say if nothing else happens.
    pub(crate) fn deadline(&self, now: Monotonic) -> Option<Monotonic> {
        let due = match &self.phase {
            Phase::Join | Phase::Sync(_) if self.in_flight.is_none() => Some(self.not_before),
            Phase::Assign { until, .. } => Some(*until),
            _ => None,
        };
        let beat = (self.beats() && self.heartbeat.is_none()).then_some(self.heartbeat_due);
        let alive = (!self.is_out()).then(|| self.liveness.deadline());
        [due, beat, alive].into_iter().flatten().filter(|at| *at > now).min()
    }

    fn beats(&self) -> bool {
        matches!(self.phase, Phase::Stable | Phase::Prepare) && self.me.generation >= 0
    }

    fn ticket(&mut self) -> u64 {
        self.last_ticket += 1;
        self.last_ticket
    }

    fn join(&mut self) -> Ask {
        let ticket = self.ticket();
        self.in_flight = Some(ticket);
        self.joined_topics.clone_from(&self.topics);
        self.again = None;
        let protocols = self.assignors.iter().map(|assignor| {
            let metadata = subscription(&Subscription {
                topics: self.topics.iter().cloned().collect(),
                user_data: assignor.user_data(&self.given.0, self.given.1),
                owned_partitions: by_topic(self.holdings.held()),
                generation_id: self.me.generation,
                rack_id: self.settings.rack.clone(),
            });
            join_group::JoinGroupRequestProtocol { name: assignor.name().into(), metadata }
        });
        let request = join_request(&self.settings, &self.me, protocols.collect(), self.reason);
        let timeout = self.settings.max_poll_interval.saturating_add(JOIN_GRACE);
        Ask::Join { ticket, request, timeout: timeout.max(self.settings.request_timeout) }
    }

    fn sync(&mut self, assignments: Vec<sync_group::SyncGroupRequestAssignment>) -> Ask {
        let ticket = self.ticket();
        self.in_flight = Some(ticket);
        let request = sync_request(&self.settings, &self.me, &self.protocol, assignments);
        Ask::Sync { ticket, request }
    }

    /// The leader shares out.
    fn assign(&mut self, snapshot: &Snapshot) {
        let phase = std::mem::replace(&mut self.phase, Phase::Sync(Vec::new()));
        let Phase::Assign { members, stands, .. } = phase else { return };
        let led = Led::new(&members, snapshot);
        let used = self.assignors.iter().find(|assignor| *assignor.name() == *self.protocol);
        if let Some(assignor) = used
            && !stands
        {
            self.phase = Phase::Sync(led.share_out(&**assignor, &members));
        }
        self.led = Some(led);
    }

    // What comes back.

    pub(crate) fn on_join(
        &mut self,
        now: Now,
        ticket: u64,
        answer: Result<join_group::Response>,
    ) -> Effects {
        if self.in_flight != Some(ticket) {
            self.dismiss(answer);
            return Effects::default();
        }
        self.in_flight = None;
        let response = match answer {
            Ok(response) => response,
            Err(error) => return self.on_failed(now, error),
        };
        match response.error_code {
            ErrorCode::NONE => {
                self.failures = 0;
                self.on_joined(now, response);
                Effects::default()
            }
            ErrorCode::MEMBER_ID_REQUIRED if self.me.member_id.is_empty() => {
                self.me.member_id = response.member_id;
                Effects::default()
            }
            code => self.on_refused(now, code, "join the group"),
        }
    }

    /// A generation begins: everybody in it waits for the leader.
    ///
    /// A static member that comes too late for one stays in the group, and what it held may have been given away in it.
    /// It is told nothing of that, but that a generation is missing (others that come too late are expelled).
    fn on_joined(&mut self, now: Now, response: join_group::Response) {
        let last = self.me.generation;
        let missed = last >= 0 && response.generation_id > last.saturating_add(1);
        if missed && self.settings.instance_id.is_some() {
            self.holdings.lose();
        }
        self.me.member_id.clone_from(&response.member_id);
        self.me.generation = response.generation_id;
        self.protocol = response.protocol_name.unwrap_or_default();
        self.led = None;
        self.heartbeat = None;
        self.heartbeat_due = now.monotonic.after(self.settings.heartbeat_interval);
        let leads = response.leader == response.member_id;
        tracing::info!(
            group = &*self.settings.group_id,
            member = &*response.member_id,
            generation = response.generation_id,
            leads,
            "joined"
        );
        if !leads {
            self.phase = Phase::Sync(Vec::new());
            return;
        }
        self.phase = Phase::Assign {
            members: response.members.into_iter().map(member).collect(),
            until: now.monotonic.after(LEARN_MAX),
            stands: response.skip_assignment,
        };
    }

    pub(crate) fn on_sync(
        &mut self,
        now: Now,
        ticket: u64,
        answer: Result<sync_group::Response>,
    ) -> Effects {
        if self.in_flight != Some(ticket) {
            return Effects::default();
        }
        self.in_flight = None;
        let response = match answer {
            Ok(response) => response,
            Err(error) => {
                self.prepare("the assignment could not be fetched");
                return self.on_failed(now, error);
            }
        };
        if !response.error_code.is_ok() {
            self.prepare("the assignment was refused");
            return self.on_refused(now, response.error_code, "fetch the assignment");
        }
        let assigned = match assigned(response.assignment) {
            Ok(assigned) => assigned,
            Err(error) => {
                self.prepare("the assignment could not be read");
                return self.on_failed(now, error);
            }
        };
        tracing::info!(
            group = &*self.settings.group_id,
            generation = self.me.generation,
            partitions = assigned.len(),
            "assigned"
        );
        (self.failures, self.not_before) = (0, Monotonic::default());
        self.phase = Phase::Stable;
        self.heartbeat_due = now.monotonic.after(self.settings.heartbeat_interval);
        if self.cooperative && !self.holdings.held().is_subset(&assigned) {
            self.again = Some("partitions were given up");
        }
        self.given = (assigned.clone(), self.me.generation);
        self.holdings.assign(assigned);
        self.review();
        Effects::default()
    }

    pub(crate) fn on_heartbeat(
        &mut self,
        now: Now,
        ticket: u64,
        answer: Result<heartbeat::Response>,
    ) -> Effects {
        if self.heartbeat != Some(ticket) {
            return Effects::default();
        }
        self.heartbeat = None;
        let next = |wait| now.monotonic.after(wait);
        self.heartbeat_due = next(self.settings.heartbeat_interval);
        let soon = next(self.backoff.wait(1, now.random).min(self.settings.heartbeat_interval));
        let code = match answer {
            Ok(response) => response.error_code,
            Err(error) if error.is_retriable() => {
                self.heartbeat_due = soon;
                return Effects { coordinator_lost: true, error: None };
            }
            Err(error) => return Effects { coordinator_lost: false, error: Some(error) },
        };
        match code {
            ErrorCode::NONE => Effects::default(),
            ErrorCode::REBALANCE_IN_PROGRESS => {
                if matches!(self.phase, Phase::Stable) {
                    self.prepare("the group rebalances");
                }
                Effects::default()
            }
            ErrorCode::COORDINATOR_LOAD_IN_PROGRESS => {
                self.heartbeat_due = soon;
                Effects::default()
            }
            ErrorCode::NOT_COORDINATOR | ErrorCode::COORDINATOR_NOT_AVAILABLE => {
                self.heartbeat_due = soon;
                Effects { coordinator_lost: true, error: None }
            }
            code if self.on_expelled(code) => Effects::default(),
            code => {
                let error = self.error(code, "stay in the group");
                Effects { coordinator_lost: false, error: Some(error) }
            }
        }
    }

    /// The coordinator says that this member, or its generation, is not of the group. Says whether `code` means that.
    pub(crate) fn on_expelled(&mut self, code: ErrorCode) -> bool {
        match code {
            ErrorCode::UNKNOWN_MEMBER_ID => self.me = Identity::none(),
            ErrorCode::ILLEGAL_GENERATION => self.me.generation = -1,
            ErrorCode::FENCED_INSTANCE_ID => {
                let error = self.error(code, "stay in the group");
                self.lose("");
                self.phase = Phase::Fenced(error);
                self.me = Identity::none();
                return true;
            }
            _ => return false,
        }
        tracing::warn!(group = &*self.settings.group_id, %code, "the member was expelled");
        self.lose("the coordinator expelled the member");
        true
    }

    fn on_refused(&mut self, now: Now, code: ErrorCode, asked: &str) -> Effects {
        tracing::debug!(group = &*self.settings.group_id, %code, asked, "refused");
        let mut effects = Effects::default();
        match code {
            ErrorCode::REBALANCE_IN_PROGRESS if matches!(self.phase, Phase::Prepare) => {}
            ErrorCode::REBALANCE_IN_PROGRESS | ErrorCode::COORDINATOR_LOAD_IN_PROGRESS => {
                self.retry_later(now);
            }
            ErrorCode::NOT_COORDINATOR | ErrorCode::COORDINATOR_NOT_AVAILABLE => {
                effects.coordinator_lost = true;
                self.retry_later(now);
            }
            code if self.on_expelled(code) => {}
            code => {
                // Whatever it is, somebody may mend it: the group is full, the principal has no right.
                effects.error = Some(self.error(code, asked));
                self.not_before = now.monotonic.after(self.backoff.max);
            }
        }
        effects
    }

    fn on_failed(&mut self, now: Now, error: Error) -> Effects {
        tracing::debug!(group = &*self.settings.group_id, %error, "no answer");
        if error.is_retriable() {
            self.retry_later(now);
            return Effects { coordinator_lost: true, error: None };
        }
        self.not_before = now.monotonic.after(self.backoff.max);
        Effects { coordinator_lost: false, error: Some(error) }
    }

    fn retry_later(&mut self, now: Now) {
        self.failures = self.failures.saturating_add(1);
        self.not_before = now.monotonic.after(self.backoff.wait(self.failures, now.random));
    }

    /// A join that nobody waits for may have made a member.
    fn dismiss(&mut self, answer: Result<join_group::Response>) {
        if let Ok(response) = answer
            && matches!(response.error_code, ErrorCode::NONE | ErrorCode::MEMBER_ID_REQUIRED)
            && self.settings.instance_id.is_none()
            && response.member_id != self.me.member_id
        {
            let reason = "the member went while it joined";
            self.farewells.push_back(Farewell { member_id: response.member_id, reason });
        }
    }

    /// A stable member looks whether it has to join again.
    fn review(&mut self) {
        if !matches!(self.phase, Phase::Stable) || self.holdings.is_due() {
            return;
        }
        if let Some(reason) = self.again {
            self.prepare(reason);
        } else if self.topics != self.joined_topics {
            self.prepare("the member subscribes to other topics");
        }
    }

    fn prepare(&mut self, reason: &'static str) {
        tracing::debug!(group = &*self.settings.group_id, reason, "a rebalance is due");
        self.phase = Phase::Prepare;
        self.in_flight = None;
        self.reason = reason;
        self.led = None;
        let (cooperative, topics) = (self.cooperative, &self.topics);
        self.holdings.keep_only(|which| cooperative && topics.contains(&which.topic));
    }

    /// Everything is gone, and the group has to be joined anew.
    fn lose(&mut self, reason: &'static str) {
        self.prepare(reason);
        self.holdings.lose();
        self.heartbeat = None;
    }

    /// Tells the coordinator, unless it is a static member that may come back.
    fn withdraw(&mut self, reason: &'static str) {
        let me = std::mem::replace(&mut self.me, Identity::none());
        if self.settings.instance_id.is_none() && !me.member_id.is_empty() {
            self.farewells.push_back(Farewell { member_id: me.member_id, reason });
        }
        self.in_flight = None;
        self.heartbeat = None;
        self.led = None;
        self.again = None;
    }

    fn error(&self, code: ErrorCode, asked: &str) -> Error {
        Error::broker(code, format!("{asked} {:?}", self.settings.group_id))
    }
}

#[cfg(test)]
mod tests;

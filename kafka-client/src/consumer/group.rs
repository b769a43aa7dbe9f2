//! The consumer's part in its group as one machine: coordinator, membership, commits and what was committed.
//!
//! Without a subscription it is no member, and only commits and looks up.

use super::assignor::Assignor;
use super::commit::{self, Commits, Offsets, Standing};
use super::committed::{self, Found, Lookups};
use super::membership::classic::Classic;
use super::membership::{self, Due, Effects, Farewell, Identity};
use super::pattern::Pattern;
use super::settings::{GroupSettings, Settings};
use crate::clock::{Monotonic, Now};
use crate::cluster::coordinator::Coordinator;
use crate::cluster::metadata::Snapshot;
use crate::error::{Error, Result};
use crate::net::Address;
use crate::record::TopicPartition;
use kafka_proto::ErrorCode;
use kafka_proto::messages::{
    find_coordinator, heartbeat, join_group, metadata, offset_commit, offset_fetch, sync_group,
};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// Something for the shell to do.
#[derive(Debug)]
pub(crate) enum Action {
    /// A topic is needed, and is created if asking for it does that: only one that was named may be.
    Want {
        topic: Arc<str>,
        named: bool,
    },
    Call(Call),
}

/// A request to be sent.
#[derive(Debug)]
pub(crate) enum Call {
    /// Find out who coordinates the group.
    FindCoordinator,
    /// List all topics.
    ListTopics,
    /// The rest is for the coordinator, at this address.
    Member(Address, membership::Ask),
    Commit(Address, commit::Ask),
    Lookup(Address, committed::Ask),
}

impl Call {
    /// Whether it tells that a member goes.
    pub(crate) fn leaves(&self) -> bool {
        matches!(self, Self::Member(_, membership::Ask::Leave(_)))
    }
}

/// What came back.
#[derive(Debug)]
pub(crate) enum Answer {
    Coordinator(Result<find_coordinator::Response>),
    Topics(Result<metadata::Response>),
    Join(Address, u64, Result<join_group::Response>),
    Sync(Address, u64, Result<sync_group::Response>),
    Heartbeat(Address, u64, Result<heartbeat::Response>),
    Left,
    Commit(Address, u64, Result<offset_commit::Response>),
    Lookup(Address, u64, Result<offset_fetch::Response>),
}

/// Partitions whose position is looked up, each with its generation in the subscription.
pub(crate) type Restored = Vec<(TopicPartition, u64)>;

/// See the module.
#[derive(Debug)]
pub(crate) struct Group {
    settings: Arc<GroupSettings>,
    retry_max: Duration,
    metadata_max_age: Duration,
    coordinator: Coordinator,
    membership: Classic,
    commits: Commits,
    lookups: Lookups,
    /// Lookups that settle where partitions start.
    restoring: BTreeMap<u64, Restored>,
    pattern: Option<Pattern>,
    /// Topics that the cluster was asked to know, and whether there may be others by now.
    wanted: BTreeSet<Arc<str>>,
    topics_changed: bool,
    auto_due: Option<Monotonic>,
    /// Topics whose refusal was told.
    refused: BTreeSet<Arc<str>>,
    error: Option<Error>,
    snapshot: Arc<Snapshot>,
}

impl Group {
    pub(crate) fn new(
        settings: Arc<GroupSettings>,
        consumer: &Settings,
        assignors: Vec<Arc<dyn Assignor>>,
    ) -> Self {
        let backoff = consumer.backoff;
        Self {
            retry_max: backoff.max,
            metadata_max_age: consumer.metadata_max_age,
            coordinator: Coordinator::new(backoff),
            membership: Classic::new(settings.clone(), assignors, backoff),
            commits: Commits::new(backoff),
            lookups: Lookups::new(consumer.read_committed, backoff),
            restoring: BTreeMap::new(),
            pattern: None,
            wanted: BTreeSet::new(),
            topics_changed: false,
            auto_due: settings.auto_commit.map(|_| Monotonic::default()),
            refused: BTreeSet::new(),
            error: None,
            snapshot: Arc::default(),
            settings,
        }
    }

    // What the application asks.

    pub(crate) fn subscribe(&mut self, now: Now, topics: BTreeSet<Arc<str>>) {
        self.pattern = None;
        self.error = None;
        self.wanted.clear();
        self.membership.subscribe(now, topics);
        self.topics_changed = true;
    }

    /// Subscribes to whatever matches; nothing changes before the topics are known.
    ///
    /// # Errors
    /// When `pattern` is no regular expression.
    pub(crate) fn subscribe_pattern(&mut self, pattern: &str) -> Result<()> {
        let (hide, every) = (self.settings.exclude_internal_topics, self.metadata_max_age);
        self.pattern = Some(Pattern::new(pattern, hide, every, self.retry_max)?);
        self.error = None;
        Ok(())
    }

    /// Ends the membership; what is held is nobody's concern any more.
    pub(crate) fn leave(&mut self, reason: &'static str) {
        self.pattern = None;
        self.error = None;
        self.membership.leave(reason);
    }

    pub(crate) fn is_subscribed(&self) -> bool {
        self.pattern.is_some() || !self.membership.is_out()
    }

    pub(crate) fn rejoin(&mut self) {
        self.membership.rejoin("the application asks for a rebalance");
    }

    /// The application asks for records and has finished what it got before, up to `positions`. Gives what it has to do
    /// first.
    ///
    /// # Errors
    /// What keeps the group from working.
    pub(crate) fn on_poll(
        &mut self,
        now: Now,
        positions: impl FnOnce() -> Offsets,
    ) -> Result<Option<Due>> {
        self.membership.on_poll(now);
        if self.auto_is_due(now.monotonic)
            && let Some(interval) = self.settings.auto_commit
        {
            self.auto_due = Some(now.monotonic.after(interval));
            self.commit_changed(now, positions(), interval.max(self.settings.request_timeout));
        }
        if let Some(due) = self.due() {
            return Ok(Some(due));
        }
        match self.error.take().or_else(|| self.membership.fenced().cloned()) {
            Some(error) => Err(error),
            None => Ok(None),
        }
    }

    /// The application is busy, and not to be taken for alive; a join may go on all the same. Says whether it does.
    pub(crate) fn go_on(&mut self) -> bool {
        self.membership.go_on()
    }

    /// What the application has to do first.
    pub(crate) fn due(&self) -> Option<Due> {
        self.membership.holdings().due()
    }

    /// Commits what is not stored yet.
    pub(crate) fn commit_changed(&mut self, now: Now, offsets: Offsets, limit: Duration) -> u64 {
        let news = self.commits.news(offsets);
        self.commit(now, news, limit)
    }

    pub(crate) fn commit(&mut self, now: Now, offsets: Offsets, limit: Duration) -> u64 {
        let generation = self.membership.identity().generation;
        self.commits.commit(now, offsets, generation, limit)
    }

    pub(crate) fn look_up(
        &mut self,
        now: Now,
        partitions: BTreeSet<TopicPartition>,
        limit: Duration,
    ) -> u64 {
        self.lookups.ask(now, partitions, Some(limit), Duration::ZERO)
    }

    /// Looks up where partitions start, not before `wait` is over.
    fn restore_after(&mut self, now: Now, partitions: Restored, wait: Duration) {
        let which = partitions.iter().map(|(which, _)| which.clone()).collect();
        let id = self.lookups.ask(now, which, None, wait);
        self.restoring.insert(id, partitions);
    }

    pub(crate) fn restore(&mut self, now: Now, partitions: Restored) {
        self.restore_after(now, partitions, Duration::ZERO);
    }

    /// The application has done what was due.
    pub(crate) fn on_done(&mut self, due: &Due) {
        self.membership.on_done(due);
        let held = self.membership.holdings().held();
        self.commits.forget(|which| held.contains(which));
    }

    pub(crate) fn held(&self) -> &BTreeSet<TopicPartition> {
        self.membership.holdings().held()
    }

    pub(crate) fn identity(&self) -> &Identity {
        self.membership.identity()
    }

    pub(crate) fn settings(&self) -> &Arc<GroupSettings> {
        &self.settings
    }

    /// Whether a call of the application is waited for.
    pub(crate) fn needs_application(&self, now: Monotonic) -> bool {
        self.error.is_some() || self.membership.needs_application() || self.auto_is_due(now)
    }

    fn auto_is_due(&self, now: Monotonic) -> bool {
        self.auto_due.is_some_and(|due| due <= now)
    }

    // What happens in the background.

    pub(crate) fn on_metadata(&mut self, snapshot: &Arc<Snapshot>) {
        self.membership.on_metadata(snapshot);
        self.snapshot = snapshot.clone();
        // A topic that does not exist may come to; one that is refused would be waited for in vain.
        for topic in &self.membership.topics {
            let code = snapshot.topics.get(topic).map_or(ErrorCode::NONE, |known| known.error);
            if code.is_ok() || code.is_retriable() {
                self.refused.remove(topic);
            } else if self.refused.insert(topic.clone()) {
                let error = Error::broker(code, "subscribe").with_topic(topic, None);
                self.error = Some(error);
            }
        }
    }

    /// What to do next.
    pub(crate) fn poll(&mut self, now: Now) -> Option<Action> {
        self.commits.on_time(now);
        self.lookups.on_time(now);
        self.membership.check_liveness(now);
        if std::mem::take(&mut self.topics_changed) {
            let mut topics = self.membership.wanted_topics().into_iter();
            if let Some(topic) = topics.find(|topic| !self.wanted.contains(topic)) {
                self.topics_changed = true;
                self.wanted.insert(topic.clone());
                return Some(Action::Want { topic, named: self.pattern.is_none() });
            }
        }
        if self.pattern.as_mut().is_some_and(|pattern| pattern.poll(now)) {
            return Some(Action::Call(Call::ListTopics));
        }
        let Some(address) = self.coordinator.known().cloned() else {
            let ask = self.needs_coordinator() && self.coordinator.poll(now);
            return ask.then_some(Action::Call(Call::FindCoordinator));
        };
        if let Some(ask) = self.membership.poll(now, &self.snapshot) {
            return Some(Action::Call(Call::Member(address, ask)));
        }
        let me = self.membership.identity();
        let standing = Standing {
            me: (self.membership.is_out() || me.generation >= 0).then_some(me),
            held: self.membership.holdings().held(),
            lost: self.membership.holdings().are_lost(),
        };
        if let Some(ask) = self.commits.poll(now, &standing) {
            return Some(Action::Call(Call::Commit(address, ask)));
        }
        self.lookups.poll(now).map(|ask| Action::Call(Call::Lookup(address, ask)))
    }

    fn needs_coordinator(&self) -> bool {
        !self.membership.is_out() || !self.commits.is_idle() || !self.lookups.is_idle()
    }

    /// When to look again if nothing happens.
    pub(crate) fn deadline(&self, now: Monotonic) -> Option<Monotonic> {
        let ours = [
            self.coordinator.deadline().filter(|_| self.needs_coordinator()),
            self.membership.deadline(now),
            self.commits.deadline(now),
            self.lookups.deadline(now),
            self.pattern.as_ref().and_then(Pattern::deadline),
            self.auto_due.filter(|due| *due > now),
        ];
        ours.into_iter().flatten().min()
    }

    /// Something that was asked came back.
    pub(crate) fn on_answer(&mut self, now: Now, answer: Answer) {
        match answer {
            Answer::Coordinator(answer) => {
                let error = self.coordinator.on_answer(now, answer);
                self.tell(error);
            }
            Answer::Topics(answer) => {
                let found = self.pattern.as_mut().and_then(|p| p.on_answer(now, answer));
                if let Some(topics) = found {
                    self.membership.subscribe(now, topics);
                    self.topics_changed = true;
                }
            }
            Answer::Join(from, ticket, answer) => {
                let effects = self.membership.on_join(now, ticket, answer);
                self.topics_changed = true;
                self.take(now, &from, effects);
            }
            Answer::Sync(from, ticket, answer) => {
                let effects = self.membership.on_sync(now, ticket, answer);
                self.take(now, &from, effects);
            }
            Answer::Heartbeat(from, ticket, answer) => {
                let effects = self.membership.on_heartbeat(now, ticket, answer);
                self.take(now, &from, effects);
            }
            Answer::Left => {}
            Answer::Commit(from, ticket, answer) => {
                let (me, between) = (self.membership.identity(), self.membership.is_between());
                let moved_on = |then: &Identity| between || then != me;
                let out = self.membership.is_out();
                let (refused, lost) =
                    self.commits.on_answer(now, ticket, answer, |then| !out && moved_on(then));
                if let Some(code) = refused
                    && !out
                {
                    self.membership.on_expelled(code);
                }
                self.take(now, &from, Effects { coordinator_lost: lost, error: None });
            }
            Answer::Lookup(from, ticket, answer) => {
                let lost = self.lookups.on_answer(now, ticket, answer);
                self.take(now, &from, Effects { coordinator_lost: lost, error: None });
            }
        }
    }

    fn take(&mut self, now: Now, from: &Address, effects: Effects) {
        if effects.coordinator_lost {
            self.coordinator.on_lost(now, from);
        }
        self.tell(effects.error);
    }

    /// The application is told at its next call for records.
    fn tell(&mut self, error: Option<Error>) {
        if let Some(error) = error {
            tracing::warn!(%error, "group");
            self.error = Some(error);
        }
    }

    /// The outcome of a commit.
    pub(crate) fn committed(&mut self) -> Option<(u64, Result<()>)> {
        self.commits.done()
    }

    /// The outcome of a lookup that the application asked for.
    pub(crate) fn looked_up(&mut self) -> Option<(u64, Found)> {
        self.lookups.done()
    }

    /// If this lookup settles where partitions start: what was found of each, `None` while it has to be looked for
    /// further.
    pub(crate) fn restored(&mut self, now: Now, id: u64, found: &Found) -> Option<Restored> {
        let partitions = self.restoring.remove(&id)?;
        if let Err(error) = found {
            self.tell(Some(error.clone()));
            self.restore_after(now, partitions, self.retry_max);
            return Some(Restored::new());
        }
        Some(partitions)
    }

    /// Who has to be told, where, that this member goes.
    pub(crate) fn farewell(&mut self) -> Option<(Address, Farewell)> {
        let address = self.coordinator.known()?.clone();
        Some((address, self.membership.farewell()?))
    }
}

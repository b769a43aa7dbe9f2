//! The consumer as one machine: what the application asks and what brokers answer go in, what to do comes out.
//!
//! Holds true: the application's position in a partition changes in calls of the application only. What happens in the
//! background (an answer, a new leader, a log that was cut) is put in line behind what was fetched before, and settled
//! when the application gets there.

use super::Settings;
use super::budget::{Budget, Held};
use super::commit::{OffsetAndMetadata, Offsets};
use super::fetcher::{self, Effects, Fetcher, Learned};
use super::group::Restored;
use super::offsets::{self, Answer, EARLIEST, LATEST, Question, Questions};
use super::queue::{Chunk, Next, Queue, Stop};
use super::subscription::{News, Partition, Phase, Subscription, missing};
use crate::clock::{Monotonic, Now};
use crate::cluster::metadata::Snapshot;
use crate::config::AutoOffsetReset;
use crate::error::{Error, ErrorKind, Result};
use crate::record::TopicPartition;
use kafka_proto::ErrorCode;
use kafka_proto::messages::fetch;
use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

/// Errors kept until the application asks; further ones are only logged.
const ERRORS_MAX: usize = 64;

/// Something for the shell to do.
#[derive(Debug)]
pub(crate) enum Action {
    /// Send a Fetch.
    Fetch(fetcher::Ask),
    /// Ask a leader about offsets.
    Ask(offsets::Ask),
    /// Ask the group how far it has committed.
    Restore(Restored),
    /// A topic is needed.
    Want(Arc<str>),
    /// Look at the cluster again.
    Refresh,
    /// Tell the cluster of a new leader.
    Learn(Learned),
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Core {
    settings: Arc<Settings>,
    subscription: Subscription,
    questions: Questions,
    fetcher: Fetcher,
    queue: Queue,
    snapshot: Arc<Snapshot>,
    actions: VecDeque<Action>,
    errors: VecDeque<Error>,
    /// Some partition is new.
    fresh: bool,
    /// Some position has been found.
    found: bool,
}

impl Core {
    pub(crate) fn new(settings: Arc<Settings>, budget: Arc<Budget>) -> Self {
        Self {
            subscription: Subscription::default(),
            questions: Questions::new(settings.read_committed, settings.backoff),
            fetcher: Fetcher::new(settings.clone(), budget),
            queue: Queue::default(),
            snapshot: Arc::default(),
            actions: VecDeque::new(),
            errors: VecDeque::new(),
            fresh: false,
            found: false,
            settings,
        }
    }

    // What the application asks.

    /// Replaces the assignment.
    pub(crate) fn assign(&mut self, partitions: BTreeSet<TopicPartition>) {
        let topics: BTreeSet<_> = partitions.iter().map(|which| which.topic.clone()).collect();
        self.subscription.assign(partitions);
        let Self { subscription, questions, queue, .. } = self;
        questions.retain(|which| subscription.get(which).is_some());
        queue.sweep(subscription);
        self.errors.clear();
        self.actions.extend(topics.into_iter().map(Action::Want));
        self.fresh = true;
        let snapshot = self.snapshot.clone();
        self.subscription.on_metadata(&snapshot, |_, _| {});
    }

    pub(crate) fn subscription(&self) -> &Subscription {
        &self.subscription
    }

    /// Goes on from `offset`. Says whether the partition is assigned.
    pub(crate) fn seek(&mut self, which: &TopicPartition, offset: i64) -> bool {
        let Some(partition) = self.subscription.renew(which) else { return false };
        partition.start(offset, -1);
        self.questions.forget(which);
        self.queue.sweep(&self.subscription);
        true
    }

    /// Goes on from the offset of a timestamp, or from one of the ends. Says whether the partition is assigned.
    pub(crate) fn seek_to_time(&mut self, which: &TopicPartition, time: i64) -> bool {
        let Some(partition) = self.subscription.renew(which) else { return false };
        partition.position = None;
        partition.phase = Phase::Lookup;
        self.questions.ask(which.clone(), Question::Time(time));
        self.queue.sweep(&self.subscription);
        true
    }

    /// Pauses a partition, or resumes it. Says whether it is assigned.
    pub(crate) fn set_paused(&mut self, which: &TopicPartition, paused: bool) -> bool {
        let Some(partition) = self.subscription.get_mut(which) else { return false };
        partition.paused = paused;
        true
    }

    /// The application has been given everything before `offset`, the last of it from a leader of this epoch.
    pub(crate) fn advance(&mut self, which: &TopicPartition, offset: i64, epoch: i32) {
        if let Some(partition) = self.subscription.get_mut(which)
            && partition.position.is_some_and(|position| position != offset)
        {
            partition.position = Some(offset);
            partition.position_epoch = epoch;
        }
    }

    /// Where the application stands in each partition of which that is known.
    pub(crate) fn positions(&self) -> Offsets {
        let position = |(which, partition): (&TopicPartition, &Partition)| {
            let what = OffsetAndMetadata::new(partition.position?);
            let epoch = partition.position_epoch;
            let what = if epoch >= 0 { what.leader_epoch(epoch) } else { what };
            Some((which.clone(), what))
        };
        self.subscription.iter().filter_map(position).collect()
    }

    /// Settles where new partitions start.
    pub(crate) fn begin(&mut self, now: Now) {
        if !std::mem::take(&mut self.fresh) {
            return;
        }
        let new = self.subscription.iter().filter(|(_, p)| matches!(p.phase, Phase::New));
        let new: Restored = new.map(|(which, p)| (which.clone(), p.generation)).collect();
        if self.settings.group.is_none() {
            new.iter().for_each(|(which, _)| self.reset_new(now, which));
        } else if !new.is_empty() {
            for (which, _) in &new {
                if let Some(partition) = self.subscription.get_mut(which) {
                    partition.phase = Phase::Restoring;
                }
            }
            self.actions.push_back(Action::Restore(new));
        }
    }

    fn reset_new(&mut self, now: Now, which: &TopicPartition) {
        self.reset(now, which, || {
            "it has no position; seek, or set auto.offset.reset to something else than none"
                .to_owned()
        });
    }

    /// The group has told up to where it has committed; partitions of which nothing is start where
    /// `auto.offset.reset` says.
    pub(crate) fn on_restored(&mut self, now: Now, asked: Restored, found: &Offsets) {
        for (which, generation) in asked {
            let partition = self.subscription.current(&which, generation);
            let Some(partition) = partition.filter(|p| matches!(p.phase, Phase::Restoring)) else {
                continue;
            };
            match found.get(&which) {
                Some(at) => {
                    tracing::debug!(partition = %which, offset = at.offset, "goes on");
                    partition.start(at.offset, at.leader_epoch.unwrap_or(-1));
                    self.found = true;
                }
                None => self.reset_new(now, &which),
            }
        }
    }

    /// The next batches for the application, and where to start in them.
    ///
    /// # Errors
    /// What happened to a partition.
    pub(crate) fn take(&mut self, now: Now) -> Result<Option<(Chunk, i64)>> {
        self.begin(now);
        if let Some(error) = self.errors.pop_front() {
            return Err(error);
        }
        loop {
            match self.queue.next(&self.subscription) {
                Next::Chunk(chunk) => {
                    let partition = self.subscription.get(&chunk.which);
                    if let Some(position) = partition.and_then(|partition| partition.position) {
                        return Ok(Some((chunk, position)));
                    }
                }
                Next::Stop(_, Stop::Failed(error)) => return Err(error),
                Next::Stop(which, stop) => self.settle(now, &which, &stop),
                Next::Nothing => {
                    self.fetcher.on_starved();
                    return Ok(None);
                }
            }
        }
    }

    /// Whether the application has something to come for.
    pub(crate) fn has_news(&mut self) -> bool {
        std::mem::take(&mut self.found)
            || !self.errors.is_empty()
            || self.queue.has_next(&self.subscription)
    }

    /// Whether what the application did may give [`Core::poll`] something to say.
    pub(crate) fn wants_poll(&self) -> bool {
        self.fetcher.is_idle() || !self.actions.is_empty() || !self.questions.is_empty()
    }

    /// An error that concerns `which`, taken out of those that wait.
    pub(crate) fn take_error(&mut self, which: &TopicPartition) -> Option<Error> {
        if let Some(error) = self.queue.failure(which) {
            return Some(error);
        }
        let concerns = |error: &Error| {
            error.topic().is_none()
                || error.topic() == Some(&which.topic)
                    && error.partition().is_none_or(|partition| partition == which.partition)
        };
        let at = self.errors.iter().position(concerns)?;
        self.errors.remove(at)
    }

    // What happens in the background.

    /// The cluster as it is seen now.
    pub(crate) fn on_metadata(&mut self, snapshot: Arc<Snapshot>) {
        if snapshot.version == self.snapshot.version {
            return;
        }
        let mut news = Vec::new();
        let note = |which: &TopicPartition, what| news.push((which.clone(), what));
        if self.subscription.on_metadata(&snapshot, note) {
            self.refresh();
        }
        for (which, what) in news {
            match what {
                News::Missing => self.tell(missing(&which, &snapshot)),
                News::NewTopic => {
                    tracing::warn!(partition = %which, "the topic was deleted and made again");
                    self.interrupt(&which, Stop::Recreated);
                }
                News::NewLeader => {
                    let partition = self.subscription.get_mut(&which);
                    if let Some(partition) = partition
                        && matches!(partition.phase, Phase::Fetching | Phase::Check)
                        && partition.fetch_epoch >= 0
                    {
                        partition.phase = Phase::Check;
                        let epoch = partition.fetch_epoch;
                        self.questions.ask(which, Question::EpochEnd(epoch));
                    }
                }
            }
        }
        self.snapshot = snapshot;
    }

    /// A broker answered a Fetch.
    pub(crate) fn on_fetched(
        &mut self,
        now: Now,
        broker: i32,
        response: fetch::Response,
        held: (Arc<Held>, usize),
    ) {
        let Self { subscription, queue, .. } = self;
        let effects = self.fetcher.on_response(now, broker, response, held, subscription, queue);
        self.take_effects(effects);
    }

    /// A Fetch failed.
    pub(crate) fn on_fetch_failed(&mut self, now: Now, broker: i32, error: &Error) {
        let effects = self.fetcher.on_failure(now, broker, error, &mut self.subscription);
        self.take_effects(effects);
    }

    /// A leader answered about offsets, or did not.
    pub(crate) fn on_answer(&mut self, now: Now, ticket: u64, answer: Result<offsets::Response>) {
        let mut told = Vec::new();
        let stale = self.questions.on_response(now, ticket, answer, |which, question, answer| {
            told.push((which, question, answer));
        });
        if stale {
            self.refresh();
        }
        for (which, question, answer) in told {
            match (question, answer) {
                (Question::Time(time), Ok(answer)) => self.found(which, time, answer),
                (Question::EpochEnd(_), Ok(answer)) => self.checked(&which, answer),
                (Question::EpochEnd(_), Err(e)) if e.kind() == ErrorKind::Unsupported => {
                    self.checked(&which, Answer { offset: i64::MAX, epoch: 0, timestamp_ms: -1 });
                }
                (question, Err(error)) => {
                    self.tell(error);
                    self.questions.ask_later(now, which, question);
                }
            }
        }
    }

    /// What to do next.
    pub(crate) fn poll(&mut self, now: Now) -> Option<Action> {
        if let Some(action) = self.actions.pop_front() {
            return Some(action);
        }
        if let Some(ask) = self.questions.poll(now, &self.snapshot) {
            return Some(Action::Ask(ask));
        }
        self.fetcher.poll(now, &self.subscription, &self.queue).map(Action::Fetch)
    }

    /// When [`Core::poll`] has something to say if nothing else happens.
    pub(crate) fn deadline(&self, now: Now) -> Option<Monotonic> {
        let ours = [self.questions.deadline(now.monotonic), self.fetcher.deadline()];
        ours.into_iter().flatten().min()
    }

    /// Ends everything: the requests that tell brokers so.
    pub(crate) fn close(&mut self) -> Vec<(i32, fetch::Request)> {
        self.assign(BTreeSet::new());
        self.actions.clear();
        self.fetcher.close()
    }

    // What follows from it.

    fn take_effects(&mut self, effects: Effects) {
        self.actions.extend(effects.learned.into_iter().map(Action::Learn));
        if effects.refresh {
            self.refresh();
        }
        effects.errors.into_iter().for_each(|error| self.tell(error));
    }

    fn refresh(&mut self) {
        if !self.actions.iter().any(|action| matches!(action, Action::Refresh)) {
            self.actions.push_back(Action::Refresh);
        }
    }

    /// The application is told, once.
    fn tell(&mut self, error: Error) {
        tracing::warn!(%error, "consumer");
        let same = |known: &Error| {
            (known.topic(), known.partition()) == (error.topic(), error.partition())
                && known.code() == error.code()
        };
        if self.errors.len() < ERRORS_MAX && !self.errors.iter().any(same) {
            self.errors.push_back(error);
        }
    }

    /// Everything fetched for the partition is void; the application settles how it goes on.
    fn interrupt(&mut self, which: &TopicPartition, stop: Stop) {
        let Some(partition) = self.subscription.get_mut(which) else { return };
        if partition.position.is_none() {
            // There is nothing to interrupt.
            return;
        }
        partition.phase = Phase::Stopped;
        self.questions.forget(which);
        if let Some(partition) = self.subscription.renew(which) {
            let generation = partition.generation;
            self.queue.sweep(&self.subscription);
            self.queue.stop(which.clone(), generation, stop);
        }
    }

    /// The end of the epoch in which the partition was last read.
    fn checked(&mut self, which: &TopicPartition, answer: Answer) {
        let Some(partition) = self.subscription.get_mut(which) else { return };
        if !matches!(partition.phase, Phase::Check) {
            return;
        }
        if answer.offset >= partition.fetch_offset && answer.epoch >= 0 {
            partition.phase = Phase::Fetching;
        } else {
            let (end_offset, epoch) = (answer.offset, answer.epoch);
            self.interrupt(which, Stop::Truncated { end_offset, epoch });
        }
    }

    /// The application has come to the end of what was fetched before a stop.
    fn settle(&mut self, now: Now, which: &TopicPartition, stop: &Stop) {
        let Some(partition) = self.subscription.get_mut(which) else { return };
        let Some(position) = partition.position else { return };
        match *stop {
            Stop::Recreated => self.reset(now, which, || {
                format!(
                    "the topic was deleted and made again, and the position {position} was in the \
                     old one; seek, or set auto.offset.reset to something else than none"
                )
            }),
            Stop::Truncated { end_offset, .. } if end_offset >= position => {
                // What the application has seen is still there.
                partition.start(position, -1);
            }
            Stop::Truncated { end_offset, epoch } => {
                let lost = format!(
                    "the log was cut behind the position {position}, to {}; what was read there \
                     is no longer in it",
                    if end_offset >= 0 { end_offset.to_string() } else { "somewhere".to_owned() }
                );
                tracing::warn!(partition = %which, "{lost}");
                if end_offset >= 0 && self.settings.auto_offset_reset != AutoOffsetReset::None {
                    partition.start(end_offset, epoch);
                } else {
                    self.reset(now, which, || lost);
                }
            }
            Stop::OutOfRange => self.reset(now, which, || {
                format!(
                    "offset {position} is not in the log; seek, or set auto.offset.reset to \
                     something else than none"
                )
            }),
            Stop::Failed(_) => {}
        }
    }

    /// Starts where `auto.offset.reset` says, or fails for `reason`.
    fn reset(&mut self, now: Now, which: &TopicPartition, reason: impl FnOnce() -> String) {
        let time = match self.settings.auto_offset_reset {
            AutoOffsetReset::Earliest => EARLIEST,
            AutoOffsetReset::Latest => LATEST,
            AutoOffsetReset::ByDuration(back) => {
                let back = i64::try_from(back.as_millis()).unwrap_or(i64::MAX);
                now.wall_ms.saturating_sub(back).max(0)
            }
            AutoOffsetReset::None => {
                let Some(partition) = self.subscription.renew(which) else { return };
                partition.phase = Phase::Stopped;
                let generation = partition.generation;
                let error = Error::new(ErrorKind::OffsetOutOfRange, "read records", reason())
                    .with_code(ErrorCode::OFFSET_OUT_OF_RANGE)
                    .with_topic(&which.topic, Some(which.partition));
                self.queue.stop(which.clone(), generation, Stop::Failed(error));
                return;
            }
        };
        tracing::info!(partition = %which, time, "position is looked up");
        self.seek_to_time(which, time);
    }

    /// A position was looked up.
    fn found(&mut self, which: TopicPartition, time: i64, answer: Answer) {
        let Some(partition) = self.subscription.get_mut(&which) else { return };
        if !matches!(partition.phase, Phase::Lookup) {
            return;
        }
        if answer.offset >= 0 {
            partition.start(answer.offset, answer.epoch);
            self.found = true;
        } else if time == LATEST {
            // A broker that knows no end knows no start either.
            partition.start(0, -1);
            self.found = true;
        } else {
            // No record is as late: what comes next will be.
            self.questions.ask(which, Question::Time(LATEST));
        }
    }
}

#[cfg(test)]
mod tests;

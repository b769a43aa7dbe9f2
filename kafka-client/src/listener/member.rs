//! One consumer of a listener: polls, calls the handler, commits, and does its part in the group, all in one task.
//!
//! Holds true: one call of the handler is under way at a time. While it runs, partitions come and go, except that one
//! whose records it has goes only when it is done. When the group gives the consumer up, the call is dropped and
//! nothing of it is committed.

use super::acks::{Offsets, Span};
use super::board::{Board, Shut, Spans};
use super::error_policy::{ErrorPolicy, Then};
use super::event::{Events, ListenerEvent};
use super::handler::{Call, Called};
use super::mode::{AckMode, Commits};
use super::work::{Pending, Unit, Work};
use super::{Control, dead_letter::DeadLetters};
use crate::clock::{Clock, Monotonic};
use crate::consumer::{Consumer, Due, PendingCommit, Records};
use crate::error::{Error, ErrorKind, Result};
use crate::record::TopicPartition;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// What all consumers of a listener share.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) mode: AckMode,
    pub(super) commits: Commits,
    pub(super) policy: ErrorPolicy,
    pub(super) idle: Option<Duration>,
    pub(super) events: Events,
    pub(super) dead_letters: DeadLetters,
    pub(super) clock: Arc<Clock>,
}

/// See the module.
pub(super) struct Member {
    plan: Arc<Plan>,
    consumer: Consumer,
    board: Arc<Board>,
    _shut: Shut,
    control: watch::Receiver<Control>,
    told: Control,
    pending: Pending,
    /// What was handled since the board was told.
    handled: Option<Span>,
    committing: Option<Committing>,
    /// When records came last, or their absence was told.
    heard: Monotonic,
}

struct Committing {
    commit: PendingCommit,
    offsets: Offsets,
}

/// How long to wait after what may pass by itself.
const BREATH: Duration = Duration::from_millis(100);

impl Member {
    pub(super) fn new(
        plan: Arc<Plan>,
        consumer: Consumer,
        board: Arc<Board>,
        control: watch::Receiver<Control>,
    ) -> Self {
        let heard = plan.clock.now().monotonic;
        Self {
            plan,
            consumer,
            _shut: Shut(board.clone()),
            board,
            control,
            told: Control::default(),
            pending: Pending::default(),
            handled: None,
            committing: None,
            heard,
        }
    }

    /// Works until it is told to stop or cannot go on; then commits what is done and leaves.
    pub(super) async fn run<T: Unit>(mut self, mut call: Box<dyn Call<T>>) -> Result<()> {
        let served = self.serve(&mut *call).await;
        let flushed = self.flush(|_| true).await;
        let left = self.consumer.close().await;
        served.and(flushed).and(left)
    }

    async fn serve<T: Unit>(&mut self, call: &mut dyn Call<T>) -> Result<()> {
        while !self.is_told_to_stop() {
            if self.consumer.is_wanted() {
                self.attend().await?;
            }
            if self.plan.mode.is_immediate() && !self.commit_due().await? {
                self.breathe().await;
                continue;
            }
            let paused = self.told.paused;
            if let Some(work) = if paused { None } else { T::take(&mut self.pending) } {
                self.handle(call, work).await?;
                continue;
            }
            if self.pending.is_empty() {
                self.settle();
                self.board.with(|acks| acks.finish_poll());
            }
            if self.commit_due().await? {
                self.turn();
                self.wait().await?;
            } else {
                self.breathe().await;
            }
        }
        Ok(())
    }

    /// Takes in what the handle says.
    fn is_told_to_stop(&mut self) -> bool {
        match self.control.has_changed() {
            Ok(false) => {}
            Ok(true) => {
                let told = *self.control.borrow_and_update();
                if told.paused != self.told.paused {
                    let event =
                        if told.paused { ListenerEvent::Paused } else { ListenerEvent::Resumed };
                    self.plan.events.tell(|| event);
                }
                self.told = told;
            }
            Err(_) => self.told.stopped = true,
        }
        self.told.stopped
    }

    /// Waits for something to do.
    async fn wait(&mut self) -> Result<()> {
        let idle = self.plan.idle.filter(|_| !self.told.paused);
        let idle = idle.map(|time| self.heard.after(time));
        let until = [idle, self.board.with(|acks| acks.deadline())].into_iter().flatten().min();
        let polls = self.pending.is_empty() && !self.told.paused;
        tokio::select! {
            biased;
            _ = self.control.changed() => self.control.mark_changed(),
            outcome = ended(&mut self.committing) => drop(self.on_committed(&outcome)?),
            () = self.board.news.notified() => {}
            () = sleep_until(&self.plan.clock, until) => self.tell_idle(),
            polled = next(&mut self.consumer, polls) => {
                self.take_in(polled).await?;
                // Records may be there every time: others want to run too.
                tokio::task::yield_now().await;
            }
        }
        Ok(())
    }

    async fn take_in(&mut self, polled: Result<Option<Records>>) -> Result<()> {
        match polled {
            Ok(Some(records)) => {
                self.heard = self.plan.clock.now().monotonic;
                self.pending.put(records, &self.board);
                Ok(())
            }
            Ok(None) => Ok(()),
            Err(error) => self.disturbed(error).await,
        }
    }

    fn tell_idle(&mut self) {
        let now = self.plan.clock.now().monotonic;
        if let Some(time) = self.plan.idle.filter(|time| self.heard.after(*time) <= now) {
            self.heard = now;
            self.plan.events.tell(|| ListenerEvent::Idle { time });
        }
    }

    /// What may pass by itself is told, and the rest ends the listener.
    async fn disturbed(&mut self, error: Error) -> Result<()> {
        if !error.is_retriable() {
            return Err(error);
        }
        tracing::warn!(%error, "listener");
        self.plan.events.tell(|| ListenerEvent::Disturbed { error });
        self.breathe().await;
        Ok(())
    }

    async fn breathe(&mut self) {
        tokio::select! {
            biased;
            _ = self.control.changed() => self.control.mark_changed(),
            () = tokio::time::sleep(BREATH) => {}
        }
    }

    /// Pauses partitions whose gap is too large, and resumes those where it is not any more.
    fn turn(&mut self) {
        for (partition, paused) in self.board.with(|acks| acks.turned()) {
            let which = [&partition];
            let turned =
                if paused { self.consumer.pause(which) } else { self.consumer.resume(which) };
            // One that is not held any more needs neither.
            if turned.is_ok() {
                self.plan.events.tell(|| match paused {
                    true => ListenerEvent::PartitionPaused { partition },
                    false => ListenerEvent::PartitionResumed { partition },
                });
            }
        }
    }

    // Handling.

    /// Handles it, as often as it takes.
    async fn handle<T: Unit>(&mut self, call: &mut dyn Call<T>, mut work: Work<T>) -> Result<()> {
        let mut deliveries = 0;
        loop {
            deliveries += 1;
            let error = match self.deliver(call, &work).await? {
                Some(Called::Done) => break self.on_handled(&work.spans),
                Some(Called::Failed(error)) => error,
                Some(Called::Panicked(words)) => {
                    return Err(failed(&work, &format!("it panicked: {words}")));
                }
                None => break,
            };
            let random = self.plan.clock.now().random;
            let Some(wait) = self.plan.policy.wait(&*error, deliveries, random) else {
                return self.give_up(work, deliveries, error).await;
            };
            self.tell_of(&work, |partition, offset| ListenerEvent::Retrying {
                partition,
                offset,
                deliveries,
                wait,
                error,
            });
            match self.back_off(work, wait).await? {
                Some(left) => work = left,
                None => break,
            }
        }
        Ok(())
    }

    /// Calls the handler once; `None` if the consumer was given up meanwhile.
    async fn deliver<T: Unit>(
        &mut self,
        call: &mut dyn Call<T>,
        work: &Work<T>,
    ) -> Result<Option<Called>> {
        call.begin(work.clone(), &self.board);
        let outcome = self.beside(&work.spans, poll_fn(|cx| call.poll(cx))).await;
        call.end();
        outcome
    }

    /// Does its part in the group while something is done with these records. Gives what came of it; `None` if the
    /// consumer was given up meanwhile.
    async fn beside<T>(
        &mut self,
        spans: &Spans,
        done: impl Future<Output = T>,
    ) -> Result<Option<T>> {
        let mut done = pin!(done);
        loop {
            let board = &self.board;
            let concerned = |which: &TopicPartition| {
                let slot = board.with(|acks| acks.slot(which));
                spans.as_slice().iter().any(|span| Some(span.slot) == slot)
            };
            let urgent = |due: &Due| match due {
                Due::Revoke(gone) => !gone.iter().any(concerned),
                Due::Assign(_) | Due::Lose(_) => true,
            };
            tokio::select! {
                biased;
                outcome = &mut done => return Ok(Some(outcome)),
                due = self.consumer.pressing(urgent) => {
                    let lost = matches!(due, Due::Lose(_));
                    self.carry_out(due).await?;
                    if lost {
                        return Ok(None);
                    }
                }
                () = self.board.news.notified() => {}
                outcome = ended(&mut self.committing) => drop(self.on_committed(&outcome)?),
            }
            // Somebody may wait for it before the records are done.
            self.begin_commit();
        }
    }

    /// Waits before the next delivery. Gives what is still to be delivered by then.
    async fn back_off<T: Unit>(
        &mut self,
        mut work: Work<T>,
        wait: Duration,
    ) -> Result<Option<Work<T>>> {
        let until = self.plan.clock.now().monotonic.after(wait);
        while !self.is_told_to_stop() {
            tokio::select! {
                biased;
                _ = self.control.changed() => self.control.mark_changed(),
                () = self.consumer.wanted() => {
                    self.attend().await?;
                    match T::keep(work, |slot| self.board.has(slot)) {
                        Some(left) => work = left,
                        None => return Ok(None),
                    }
                }
                () = self.board.news.notified() => {}
                outcome = ended(&mut self.committing) => drop(self.on_committed(&outcome)?),
                () = sleep_until(&self.plan.clock, Some(until)) => return Ok(Some(work)),
            }
            self.begin_commit();
        }
        Ok(None)
    }

    /// It is not delivered any more.
    async fn give_up<T: Unit>(
        &mut self,
        work: Work<T>,
        deliveries: u32,
        error: Arc<dyn std::error::Error + Send + Sync>,
    ) -> Result<()> {
        let plan = self.plan.clone();
        match plan.policy.then() {
            Then::Stop => {
                let reason = format!("after {deliveries} deliveries: {error}");
                return Err(failed(&work, &reason).with_shared_source(error));
            }
            Then::Skip => {
                self.tell_of(&work, |partition, offset| ListenerEvent::Skipped {
                    partition,
                    offset,
                    error,
                });
            }
            Then::DeadLetter(topic) => {
                let text = error.to_string();
                let writing = plan.dead_letters.publish(topic, work.what.views(), &text);
                let Some(written) = self.beside(&work.spans, writing).await? else {
                    return Ok(());
                };
                written?;
                self.tell_of(&work, |partition, offset| ListenerEvent::DeadLettered {
                    partition,
                    offset,
                    error,
                });
            }
        }
        self.board.with(|acks| {
            for span in work.spans.as_slice() {
                acks.done(span);
            }
        });
        Ok(())
    }

    fn tell_of<T: Unit>(
        &self,
        work: &Work<T>,
        event: impl FnOnce(TopicPartition, i64) -> ListenerEvent,
    ) {
        if let Some(first) = work.what.views().next() {
            self.plan.events.tell(|| event(first.topic_partition().clone(), first.offset()));
        }
    }

    /// The handler has returned; where it does not acknowledge, that says that it is done.
    fn on_handled(&mut self, spans: &Spans) {
        if self.plan.mode.is_manual() {
            return;
        }
        for span in spans.as_slice() {
            match &mut self.handled {
                Some(before) if before.slot == span.slot && before.end == span.from => {
                    (before.end, before.epoch) = (span.end, span.epoch);
                    before.records += span.records;
                }
                _ => {
                    self.settle();
                    self.handled = Some(*span);
                }
            }
        }
        if self.plan.mode.is_immediate() {
            self.settle();
        }
    }

    /// Tells the board what was handled.
    fn settle(&mut self) {
        if let Some(span) = self.handled.take() {
            self.board.with(|acks| acks.done(&span));
        }
    }

    // The group.

    /// Does what the group asks for.
    async fn attend(&mut self) -> Result<()> {
        loop {
            match self.consumer.visit() {
                Ok(None) => return Ok(()),
                Ok(Some(due)) => self.carry_out(due).await?,
                Err(error) => return self.disturbed(error).await,
            }
        }
    }

    async fn carry_out(&mut self, due: Due) -> Result<()> {
        if let Due::Revoke(gone) = &due {
            self.flush(|which| gone.contains(which)).await?;
        }
        if let Due::Revoke(gone) | Due::Lose(gone) = &due {
            self.settle();
            self.board.close(gone);
            self.pending.keep(|slot| self.board.has(slot));
        }
        let (Due::Assign(which) | Due::Revoke(which) | Due::Lose(which)) = &due;
        let partitions: Vec<_> = which.iter().cloned().collect();
        let event = (!partitions.is_empty()).then(|| match &due {
            Due::Assign(_) => ListenerEvent::Assigned { partitions },
            Due::Revoke(_) => ListenerEvent::Revoked { partitions },
            Due::Lose(_) => ListenerEvent::Lost { partitions },
        });
        self.consumer.carry_out(due).await?;
        event.into_iter().for_each(|event| self.plan.events.tell(|| event));
        Ok(())
    }

    // Committing.

    /// Begins the commit that is due, and awaits it if that is to be. Says whether handling may go on.
    async fn commit_due(&mut self) -> Result<bool> {
        self.begin_commit();
        if self.committing.is_none() || self.plan.commits == Commits::Async {
            return Ok(true);
        }
        let outcome = ended(&mut self.committing).await;
        self.on_committed(&outcome)
    }

    fn begin_commit(&mut self) {
        if self.committing.is_none()
            && let Some(offsets) = self.board.commit()
        {
            self.commit(offsets);
        }
    }

    fn commit(&mut self, offsets: Offsets) {
        let commit = self.consumer.commit_offsets_async(offsets.clone());
        self.committing = Some(Committing { commit, offsets });
    }

    /// Commits what is done of these partitions. A failure that is no reason to stop costs that it is handled again.
    async fn flush(&mut self, of: impl Fn(&TopicPartition) -> bool) -> Result<()> {
        self.settle();
        if self.committing.is_some() {
            let outcome = ended(&mut self.committing).await;
            self.on_committed(&outcome)?;
        }
        let offsets = self.board.flush(of);
        if offsets.is_empty() {
            return Ok(());
        }
        self.commit(offsets);
        let outcome = ended(&mut self.committing).await;
        self.on_committed(&outcome).map(drop)
    }

    /// Says whether it is committed.
    fn on_committed(&mut self, outcome: &Result<()>) -> Result<bool> {
        let offsets = self.committing.take().map(|it| it.offsets).unwrap_or_default();
        self.board.on_committed(outcome);
        let Err(error) = outcome else {
            self.plan.events.tell(|| ListenerEvent::Committed {
                offsets: offsets.into_iter().map(|(which, what)| (which, what.offset)).collect(),
            });
            return Ok(true);
        };
        tracing::warn!(%error, "listener");
        self.plan.events.tell(|| ListenerEvent::CommitFailed { error: error.clone() });
        match error.kind() {
            ErrorKind::Rebalanced => Ok(false),
            _ if error.is_retriable() => Ok(false),
            _ => Err(error.clone()),
        }
    }
}

/// What becomes of a commit, if one is under way.
async fn ended(committing: &mut Option<Committing>) -> Result<()> {
    match committing {
        Some(under_way) => (&mut under_way.commit).await,
        None => std::future::pending().await,
    }
}

/// The next records, if they are asked for; `None` when the group has to be attended to first.
async fn next(consumer: &mut Consumer, polls: bool) -> Result<Option<Records>> {
    if polls {
        return consumer.records().await;
    }
    consumer.wanted().await;
    Ok(None)
}

async fn sleep_until(clock: &Clock, at: Option<Monotonic>) {
    match at {
        Some(at) => tokio::time::sleep_until(clock.instant(at)).await,
        None => std::future::pending().await,
    }
}

#[cold]
fn failed<T: Unit>(work: &Work<T>, what: &str) -> Error {
    let first = work.what.views().next();
    let offset = first.as_ref().map_or(-1, |first| first.offset());
    let reason = format!(
        "offset {offset}, {what}; it is handled again when the listener is started again, unless \
         its ErrorPolicy says that such records are skipped or sent elsewhere"
    );
    let error = Error::new(ErrorKind::Handler, "handle a record", reason);
    match first.map(|first| first.topic_partition().clone()) {
        Some(which) => error.with_topic(&which.topic, Some(which.partition)),
        None => error,
    }
}

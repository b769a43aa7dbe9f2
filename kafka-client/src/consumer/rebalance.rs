//! What the application's calls for records do for the group first: give up, take over, tell the listener.
//!
//! Holds true: of a partition that was given up nothing is handed out any more, and a step is done when the listener
//! has returned; a call that is dropped before that leaves the step to the next one.

use super::Consumer;
use super::group::Group;
use super::membership::Due;
use crate::error::{Error, ErrorKind, Result};
use crate::record::TopicPartition;
use std::collections::BTreeSet;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::sync::Mutex;

/// Is told which partitions come to a consumer of a group and which go.
///
/// It is called from within `poll`, `recv`, `stream`, `unsubscribe` and `close`, never at another time, and they wait
/// for it: it has to be done before `max.poll.interval.ms` is over. It is given the consumer, to commit, seek or pause;
/// what asks for records or changes the subscription fails inside of it. Its error is that of the call; the rebalance
/// goes on.
///
/// ```
/// # use kafka_client::{Consumer, RebalanceListener, Result, TopicPartition};
/// struct Flush;
///
/// impl RebalanceListener for Flush {
///     async fn on_revoked(&mut self, consumer: &mut Consumer, gone: &[TopicPartition]) -> Result<()> {
///         println!("finishing with {gone:?}");
///         consumer.commit().await
///     }
/// }
/// ```
///
/// # Cancel safety
/// When the call that it runs in is dropped, it is dropped too, and called again, with the same partitions, by the
/// next.
pub trait RebalanceListener: Send + 'static {
    /// These partitions came, besides those that are held; positions may be set. It is called after every rebalance,
    /// also if nothing came.
    ///
    /// # Errors
    /// Whatever the listener wants the call to fail with.
    fn on_assigned(
        &mut self,
        consumer: &mut Consumer,
        partitions: &[TopicPartition],
    ) -> impl Future<Output = Result<()>> + Send {
        let _ = (consumer, partitions);
        async { Ok(()) }
    }

    /// These partitions go, and are still held: what has been handled of them can be committed.
    ///
    /// # Errors
    /// Whatever the listener wants the call to fail with.
    fn on_revoked(
        &mut self,
        consumer: &mut Consumer,
        partitions: &[TopicPartition],
    ) -> impl Future<Output = Result<()>> + Send {
        let _ = (consumer, partitions);
        async { Ok(()) }
    }

    /// These partitions are gone: the group gave this member up, others may have them already, and nothing can be
    /// committed. What is told here is not told to `on_revoked`.
    ///
    /// # Errors
    /// Whatever the listener wants the call to fail with.
    fn on_lost(
        &mut self,
        consumer: &mut Consumer,
        partitions: &[TopicPartition],
    ) -> impl Future<Output = Result<()>> + Send {
        let _ = (consumer, partitions);
        async { Ok(()) }
    }
}

type Told<'a> = Pin<Box<dyn Future<Output = Result<()>> + Send + 'a>>;

/// A listener of any type.
pub(super) trait AnyListener: Send {
    fn tell<'a>(
        &'a mut self,
        consumer: &'a mut Consumer,
        due: &'a Due,
        partitions: &'a [TopicPartition],
    ) -> Told<'a>;
}

impl<L: RebalanceListener> AnyListener for L {
    fn tell<'a>(
        &'a mut self,
        consumer: &'a mut Consumer,
        due: &'a Due,
        partitions: &'a [TopicPartition],
    ) -> Told<'a> {
        match due {
            Due::Assign(_) => Box::pin(self.on_assigned(consumer, partitions)),
            Due::Revoke(_) => Box::pin(self.on_revoked(consumer, partitions)),
            Due::Lose(_) => Box::pin(self.on_lost(consumer, partitions)),
        }
    }
}

/// The application's listener, if it has one. It is locked while it runs.
#[derive(Clone, Default)]
pub(super) struct Listener(Option<Arc<Mutex<Box<dyn AnyListener>>>>);

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Listener").field(&self.0.is_some()).finish()
    }
}

impl Listener {
    pub(super) fn new(listener: impl RebalanceListener) -> Self {
        Self(Some(Arc::new(Mutex::new(Box::new(listener)))))
    }

    fn is_running(&self) -> bool {
        self.0.as_ref().is_some_and(|listener| listener.try_lock().is_err())
    }

    async fn tell(&self, consumer: &mut Consumer, due: &Due) -> Result<()> {
        let Some(listener) = &self.0 else { return Ok(()) };
        let (Due::Assign(partitions) | Due::Revoke(partitions) | Due::Lose(partitions)) = due;
        let partitions: Vec<_> = partitions.iter().cloned().collect();
        listener.lock().await.tell(consumer, due, &partitions).await
    }
}

impl Consumer {
    /// Does what the group asks for before records may be handed out.
    pub(super) async fn attend(&mut self) -> Result<()> {
        if self.shared.settings.group.is_none() {
            return Ok(());
        }
        self.refuse_in_listener("ask for records")?;
        while let Some(due) = self.visit()? {
            self.carry_out(due).await?;
        }
        Ok(())
    }

    /// Whether the group wants [`Consumer::attend`] to be called.
    #[inline]
    pub(crate) fn is_wanted(&self) -> bool {
        self.shared.attention.load(Ordering::Relaxed)
    }

    /// Records and subscriptions are not for a listener to ask for.
    pub(super) fn refuse_in_listener(&self, asked: &str) -> Result<()> {
        if !self.listener.is_running() {
            return Ok(());
        }
        let reason = "a rebalance listener is running; do it when it has returned";
        Err(Error::new(ErrorKind::Invalid, asked, reason))
    }

    /// Everything that was handed out is finished; gives what is to be done for the group.
    pub(crate) fn visit(&mut self) -> Result<Option<Due>> {
        self.settle();
        let now = self.shared.clock().now();
        let mut state = self.shared.state();
        let state = &mut *state;
        let Some(group) = &mut state.group else { return Ok(None) };
        let wanted = self.shared.attention.swap(false, Ordering::AcqRel);
        let due = group.on_poll(now, || state.core.positions());
        if wanted {
            self.shared.wake.notify_one();
        }
        due
    }

    /// Does what is due, and tells the listener: before partitions go, after they came.
    pub(crate) async fn carry_out(&mut self, due: Due) -> Result<()> {
        if let Due::Assign(added) = &due {
            let mut held = self.held();
            held.extend(added.iter().cloned());
            self.replace_assignment(held);
        }
        if let Due::Revoke(_) = due {
            self.commit_before_going().await;
        }
        let listener = self.listener.clone();
        let told = listener.tell(self, &due).await;
        if let Due::Revoke(gone) | Due::Lose(gone) = &due {
            let mut held = self.held();
            held.retain(|which| !gone.contains(which));
            self.replace_assignment(held);
        }
        let mut state = self.shared.state();
        if let Some(group) = &mut state.group {
            group.on_done(&due);
        }
        drop(state);
        self.shared.wake.notify_one();
        told
    }

    fn held(&self) -> BTreeSet<TopicPartition> {
        self.shared.state().group.as_ref().map(|group| group.held().clone()).unwrap_or_default()
    }

    /// Auto-commit of what was handed out and is finished; a failure costs that it is handled again.
    async fn commit_before_going(&mut self) {
        let settings = &self.shared.settings;
        let Some(group) = settings.group.as_ref().filter(|group| group.auto_commit.is_some())
        else {
            return;
        };
        let limit = settings.default_api_timeout.min(group.max_poll_interval);
        let commit = self
            .begin_commit(|group, core, now| group.commit_changed(now, core.positions(), limit));
        if let Err(error) = commit.await {
            tracing::warn!(%error, "auto-commit before partitions go");
        }
    }

    /// Partitions are assigned by hand: what was handed out of those before is committed if that is automatic.
    pub(super) fn leave_assigned(&mut self) -> Result<()> {
        let now = self.shared.clock().now();
        let mut state = self.shared.state();
        let state = &mut *state;
        let Some(group) = &mut state.group else { return Ok(()) };
        if group.is_subscribed() {
            let reason = "the consumer is subscribed; call unsubscribe first";
            return Err(Error::new(ErrorKind::Invalid, "assign", reason));
        }
        if group.settings().auto_commit.is_some() {
            let limit = self.shared.settings.default_api_timeout;
            group.commit_changed(now, state.core.positions(), limit);
        }
        Ok(())
    }

    /// Ends the membership: commits if that is automatic, tells the listener, tells the group.
    pub(super) async fn leave(&mut self, reason: &'static str) -> Result<()> {
        self.tell_position();
        let held = self.held();
        let due = self.shared.state().group.as_ref().and_then(Group::due);
        let told = match due {
            Some(lost @ Due::Lose(_)) => self.carry_out(lost).await,
            _ if !held.is_empty() => self.carry_out(Due::Revoke(held)).await,
            _ => {
                self.commit_before_going().await;
                Ok(())
            }
        };
        let mut state = self.shared.state();
        if let Some(group) = &mut state.group {
            group.leave(reason);
        }
        drop(state);
        self.replace_assignment(BTreeSet::new());
        told
    }
}

//! The consumer's calls that concern its group: subscribing, committing, and what was committed.

use super::Consumer;
use super::commit::{OffsetAndMetadata, Offsets};
use super::core::Core;
use super::group::Group;
use super::rebalance::{Listener, RebalanceListener};
use crate::clock::Now;
use crate::error::{Error, ErrorKind, Result};
use crate::record::TopicPartition;
use std::collections::{BTreeMap, BTreeSet};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use tokio::sync::oneshot;

/// A commit that is under way. It goes on whether or not anybody waits: dropping this loses the outcome only.
#[derive(Debug)]
#[must_use = "a commit may fail; await it, or let it go with `drop`"]
pub struct PendingCommit(Outcome);

#[derive(Debug)]
enum Outcome {
    Refused(Option<Error>),
    Awaited(oneshot::Receiver<Result<()>>),
}

impl Future for PendingCommit {
    type Output = Result<()>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        match &mut self.0 {
            Outcome::Refused(error) => Poll::Ready(Err(error.take().unwrap_or_else(closed))),
            Outcome::Awaited(outcome) => {
                let outcome = std::task::ready!(Pin::new(outcome).poll(cx));
                Poll::Ready(outcome.unwrap_or_else(|_| Err(closed())))
            }
        }
    }
}

#[cold]
fn closed() -> Error {
    Error::new(ErrorKind::Closed, "commit", "the consumer was closed before the outcome was known")
}

/// Who a consumer is in its group, for whoever acts in its name.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct GroupMetadata {
    /// `group.id`.
    pub group_id: Arc<str>,
    /// The generation it is a member of; -1 while it is none.
    pub generation_id: i32,
    /// Its id; empty while it is no member.
    pub member_id: Arc<str>,
    /// `group.instance.id`.
    pub group_instance_id: Option<Arc<str>>,
}

impl Consumer {
    /// Reads, together with the other members of its group (`group.id`), the partitions of these topics, in place of
    /// what it was subscribed to before.
    ///
    /// The group is joined, and partitions come and go, within calls of `poll`, `recv` and `stream`. A topic that does
    /// not exist is read from when it does.
    ///
    /// # Errors
    /// When there is no `group.id`, no topic is named, or partitions were assigned by [`Consumer::assign`].
    pub fn subscribe<I>(&mut self, topics: I) -> Result<()>
    where
        I: IntoIterator<Item: Into<Arc<str>>>,
    {
        let topics: BTreeSet<Arc<str>> = topics.into_iter().map(Into::into).collect();
        if topics.is_empty() || topics.contains("") {
            let reason = "a topic has to be named; to subscribe to none, call unsubscribe";
            return Err(Error::new(ErrorKind::Invalid, "subscribe", reason));
        }
        let now = self.shared.clock().now();
        self.change_subscription(|group| {
            group.subscribe(now, topics);
            Ok(())
        })
    }

    /// As [`Consumer::subscribe`], to all topics whose whole name matches a regular expression, now and later: they are
    /// looked for every `metadata.max.age.ms`. Kafka's internal topics are left out unless
    /// `exclude.internal.topics=false`.
    ///
    /// # Errors
    /// When it is no regular expression (in the syntax of the crate `regex-lite`), and as [`Consumer::subscribe`].
    pub fn subscribe_pattern(&mut self, pattern: &str) -> Result<()> {
        self.change_subscription(|group| group.subscribe_pattern(pattern))
    }

    fn change_subscription(&mut self, change: impl FnOnce(&mut Group) -> Result<()>) -> Result<()> {
        self.refuse_in_listener("subscribe")?;
        let mut state = self.shared.state();
        let assigned = !state.core.subscription().is_empty();
        let Some(group) = &mut state.group else { return Err(no_group("subscribe")) };
        if assigned && !group.is_subscribed() {
            let reason = "partitions were assigned; assign none before";
            return Err(Error::new(ErrorKind::Invalid, "subscribe", reason));
        }
        change(group)?;
        drop(state);
        self.shared.attention.store(true, Ordering::Release);
        self.shared.wake.notify_one();
        Ok(())
    }

    /// Leaves the group and reads nothing any more. Commits first with `enable.auto.commit`, then the listener learns
    /// that its partitions go.
    ///
    /// # Errors
    /// That of the listener; the group is left all the same.
    ///
    /// # Cancel safety
    /// If the future is dropped, the consumer may still be subscribed.
    pub async fn unsubscribe(&mut self) -> Result<()> {
        self.refuse_in_listener("unsubscribe")?;
        let left = self.leave("the consumer unsubscribes").await;
        self.shared.wake.notify_one();
        left
    }

    /// Tells `listener` which partitions come and go, in place of the one before.
    ///
    /// # Errors
    /// When it is called by a listener.
    pub fn rebalance_listener(&mut self, listener: impl RebalanceListener) -> Result<()> {
        self.refuse_in_listener("set a listener")?;
        self.listener = Listener::new(listener);
        Ok(())
    }

    /// Has the group share its partitions out anew, at the next call for records.
    ///
    /// # Errors
    /// When there is no `group.id`.
    pub fn enforce_rebalance(&mut self) -> Result<()> {
        let mut state = self.shared.state();
        let Some(group) = &mut state.group else { return Err(no_group("rebalance")) };
        group.rejoin();
        drop(state);
        self.shared.wake.notify_one();
        Ok(())
    }

    /// Who this consumer is in its group; `None` without `group.id`.
    pub fn group_metadata(&self) -> Option<GroupMetadata> {
        let state = self.shared.state();
        let group = state.group.as_ref()?;
        let (settings, me) = (group.settings(), group.identity());
        Some(GroupMetadata {
            group_id: settings.group_id.clone(),
            generation_id: me.generation,
            member_id: me.member_id.clone(),
            group_instance_id: settings.instance_id.clone(),
        })
    }

    /// Commits everything that was handed out, also the record that `recv` or `stream` gave last: this call says that
    /// it is done.
    ///
    /// A commit that fails for reasons that pass is tried again until `default.api.timeout.ms` is over. One commit is
    /// under way at a time; of those that wait, the newest offset of each partition is sent.
    ///
    /// # Errors
    /// When there is no `group.id`, the group has given the partitions to others meanwhile
    /// ([`ErrorKind::Rebalanced`]; ask for records to be a member again), a permission is missing, or time is over.
    ///
    /// # Cancel safety
    /// The commit goes on if the future is dropped.
    pub async fn commit(&mut self) -> Result<()> {
        self.commit_async().await
    }

    /// Begins what [`Consumer::commit`] does, and does not wait.
    pub fn commit_async(&mut self) -> PendingCommit {
        self.settle();
        let limit = self.shared.settings.default_api_timeout;
        self.begin_commit(|group, core, now| group.commit(now, core.positions(), limit))
    }

    /// Commits these offsets: of each partition the next record to be handled, with whatever metadata.
    ///
    /// # Errors
    /// When an offset is negative, and as [`Consumer::commit`].
    ///
    /// # Cancel safety
    /// The commit goes on if the future is dropped.
    pub async fn commit_offsets<I, P, O>(&mut self, offsets: I) -> Result<()>
    where
        I: IntoIterator<Item = (P, O)>,
        P: Into<TopicPartition>,
        O: Into<OffsetAndMetadata>,
    {
        let commit = self.commit_offsets_async(offsets);
        commit.await
    }

    /// Begins what [`Consumer::commit_offsets`] does, and does not wait.
    pub fn commit_offsets_async<I, P, O>(&mut self, offsets: I) -> PendingCommit
    where
        I: IntoIterator<Item = (P, O)>,
        P: Into<TopicPartition>,
        O: Into<OffsetAndMetadata>,
    {
        let each = |(which, what): (P, O)| (which.into(), what.into());
        let offsets: Offsets = offsets.into_iter().map(each).collect();
        if let Some((which, what)) = offsets.iter().find(|(_, what)| what.offset < 0) {
            let reason = format!("{} is no offset; they count from 0", what.offset);
            let error = Error::new(ErrorKind::Invalid, "commit", reason);
            let error = error.with_topic(&which.topic, Some(which.partition));
            return PendingCommit(Outcome::Refused(Some(error)));
        }
        let limit = self.shared.settings.default_api_timeout;
        self.begin_commit(|group, _, now| group.commit(now, offsets, limit))
    }

    pub(super) fn begin_commit(
        &self,
        begin: impl FnOnce(&mut Group, &Core, Now) -> u64,
    ) -> PendingCommit {
        let now = self.shared.clock().now();
        let (caller, outcome) = oneshot::channel();
        let mut state = self.shared.state();
        let state = &mut *state;
        if state.closed {
            return PendingCommit(Outcome::Refused(None));
        }
        let Some(group) = &mut state.group else {
            return PendingCommit(Outcome::Refused(Some(no_group("commit"))));
        };
        let id = begin(group, &state.core, now);
        state.commits.insert(id, caller);
        self.shared.wake.notify_one();
        PendingCommit(Outcome::Awaited(outcome))
    }

    /// Up to where the group has committed each of these partitions; `None` where it has not.
    ///
    /// # Errors
    /// When there is no `group.id`, a permission is missing, or `default.api.timeout.ms` is over.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub async fn committed<I>(
        &self,
        partitions: I,
    ) -> Result<BTreeMap<TopicPartition, Option<OffsetAndMetadata>>>
    where
        I: IntoIterator<Item: Into<TopicPartition>>,
    {
        let asked = "look up committed offsets";
        let partitions: BTreeSet<_> = partitions.into_iter().map(Into::into).collect();
        if partitions.is_empty() {
            return Ok(BTreeMap::new());
        }
        let found = {
            let now = self.shared.clock().now();
            let limit = self.shared.settings.default_api_timeout;
            let (caller, found) = oneshot::channel();
            let mut state = self.shared.state();
            let state = &mut *state;
            let Some(group) = &mut state.group else { return Err(no_group(asked)) };
            let id = group.look_up(now, partitions.clone(), limit);
            state.lookups.insert(id, caller);
            found
        };
        self.shared.wake.notify_one();
        let closed = || Err(Error::new(ErrorKind::Closed, asked, "the consumer was closed"));
        let mut found = found.await.unwrap_or_else(|_| closed())?;
        let each = |which: TopicPartition| {
            let what = found.remove(&which);
            (which, what)
        };
        Ok(partitions.into_iter().map(each).collect())
    }
}

#[cold]
fn no_group(asked: &str) -> Error {
    Error::new(ErrorKind::Invalid, asked, "the consumer has no group; set group.id")
}

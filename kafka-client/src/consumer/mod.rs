//! The consumer: what an application sees of it.
//!
//! Everything that decides is a machine beside this file, put together in [`core`]; `task` carries out what it wants in
//! the background. Here the application's calls become its inputs, and batches become records.

pub(crate) mod assignor;
mod budget;
mod builder;
mod calls;
mod commit;
pub(crate) mod committed;
mod core;
mod decode;
mod fetch_session;
mod fetcher;
mod group;
mod groups;
mod membership;
mod offsets;
mod pattern;
mod queries;
mod queue;
mod reading;
mod rebalance;
mod record;
mod records;
mod settings;
mod steps;
mod stream;
mod subscription;
mod task;
#[cfg(test)]
mod testing;

pub use assignor::{Assignor, CooperativeSticky, GroupMember, Range, RoundRobin, Sticky};
pub use builder::ConsumerBuilder;
pub use commit::OffsetAndMetadata;
pub use groups::{GroupMetadata, PendingCommit};
pub use queries::OffsetAndTimestamp;
pub use rebalance::RebalanceListener;
pub use record::{ConsumerRecord, RecordView};
pub use records::{BatchIter, Iter, RecordBatch, Records};
pub use stream::RecordStream;

pub(crate) use membership::Due;
pub(crate) use settings::Settings;

use crate::client::Client;
use crate::error::{Error, ErrorKind, Result};
use crate::record::TopicPartition;
use decode::{Cursor, Decoder};
use group::Group;
use reading::Reading;
use rebalance::Listener;
use std::collections::BTreeSet;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;
use task::Shared;
use tokio::task::JoinHandle;

/// Reads records of the partitions that its group gives it ([`Consumer::subscribe`]), or that it chooses itself
/// ([`Consumer::assign`]).
///
/// Records are fetched in the background, as far ahead as memory (`consumer.buffer.memory`) and use allow; `poll` only
/// hands out what is there. Fetching begins with the first call that asks for records or a position.
///
/// ```no_run
/// # async fn run(client: kafka_client::Client) -> kafka_client::Result<()> {
/// use kafka_client::config::{AutoOffsetReset, ConsumerConfig};
///
/// let config = ConsumerConfig::default().auto_offset_reset(AutoOffsetReset::Earliest);
/// let mut consumer = client.consumer(config)?;
/// consumer.assign([("orders", 0), ("orders", 1)])?;
/// loop {
///     for record in &consumer.poll().await? {
///         println!("{} {:?}", record.offset(), record.value());
///     }
/// }
/// # }
/// ```
///
/// An error of `poll`, `recv` or `stream` says of which partition it is. Those that pass by themselves (a leader that
/// moves, a broker that restarts) are not told. After the others the consumer can be used on: it tells again until
/// the application seeks, pauses the partition or assigns others.
#[derive(Debug)]
pub struct Consumer {
    shared: Arc<Shared>,
    decoder: Decoder,
    reading: Option<Reading>,
    /// What was being read of partitions that are paused.
    parked: Vec<Reading>,
    /// What happened while there were still records to hand out.
    deferred: Option<Error>,
    listener: Listener,
    task: Option<JoinHandle<()>>,
    /// Keeps the metadata fresh.
    _client: Client,
}

/// Tells the connections of one consumer from those of others.
static CONSUMERS: AtomicU64 = AtomicU64::new(0);

/// How long [`Consumer::close`] may take; as in Java.
const CLOSE_MAX: Duration = Duration::from_secs(30);

impl Consumer {
    fn new(owner: Client, settings: Settings, assignors: Vec<Arc<dyn Assignor>>) -> Self {
        let number = CONSUMERS.fetch_add(1, Ordering::Relaxed);
        let shared = Arc::new(Shared::new(owner.cluster().clone(), settings, assignors, number));
        let (crcs, committed) = (shared.settings.check_crcs, shared.settings.read_committed);
        let decoder = Decoder::new(crcs, committed, shared.budget.clone());
        let task = Some(tokio::spawn(task::run(shared.clone())));
        Self {
            shared,
            decoder,
            reading: None,
            parked: Vec::new(),
            deferred: None,
            listener: Listener::default(),
            task,
            _client: owner,
        }
    }

    /// Reads these partitions from now on, and no others. Those that were assigned before keep their positions.
    ///
    /// A new one starts where the group has committed, if there is a `group.id` and it has, and else where
    /// `auto.offset.reset` says, unless the application seeks. With `enable.auto.commit` what was handed out before is
    /// committed; no group is joined. A topic that does not exist is
    /// told by the next `poll`, and looked for until it does.
    ///
    /// # Errors
    /// When a partition's number is negative, or the consumer is subscribed.
    pub fn assign<I>(&mut self, partitions: I) -> Result<()>
    where
        I: IntoIterator<Item: Into<TopicPartition>>,
    {
        let partitions: BTreeSet<_> = partitions.into_iter().map(Into::into).collect();
        if let Some(which) = partitions.iter().find(|which| which.partition < 0) {
            let error = Error::new(ErrorKind::Invalid, "assign", "partitions count from 0");
            return Err(error.with_topic(&which.topic, Some(which.partition)));
        }
        self.refuse_in_listener("assign")?;
        self.settle();
        self.leave_assigned()?;
        self.replace_assignment(partitions);
        Ok(())
    }

    /// Other partitions are read from now on.
    fn replace_assignment(&mut self, partitions: BTreeSet<TopicPartition>) {
        self.tell_position();
        let stays = |reading: &Reading| partitions.contains(reading.which());
        self.reading = self.reading.take().filter(stays);
        self.parked.retain(stays);
        self.deferred = None;
        self.shared.state().core.assign(partitions);
        self.shared.wake.notify_one();
    }

    /// The partitions that are assigned.
    pub fn assignment(&self) -> Vec<TopicPartition> {
        let state = self.shared.state();
        state.core.subscription().iter().map(|(which, _)| which.clone()).collect()
    }

    /// The records that are next, at most `max.poll.records` of them; waits until there is one.
    ///
    /// The records own what they hold and borrow nothing of the consumer. Positions move behind them at once.
    ///
    /// # Errors
    /// When nothing is assigned, or something happened to a partition that does not pass by itself: a damaged batch
    /// ([`ErrorKind::CorruptBatch`]), a position outside of the log with `auto.offset.reset=none`
    /// ([`ErrorKind::OffsetOutOfRange`]), a topic that is not there, a missing permission.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing: no position moves before records are handed out.
    pub async fn poll(&mut self) -> Result<Records> {
        loop {
            self.attend().await?;
            if let Some(records) = poll_fn(|cx| self.poll_records(cx)).await? {
                return Ok(records);
            }
        }
    }

    /// As [`Consumer::poll`], but waits no longer than `limit` for records: none, if there are none by then. What the
    /// group wants first, such as a rebalance listener, is not cut short.
    ///
    /// # Errors
    /// As [`Consumer::poll`].
    ///
    /// # Cancel safety
    /// As [`Consumer::poll`].
    pub async fn poll_timeout(&mut self, limit: Duration) -> Result<Records> {
        let mut over = pin!(tokio::time::sleep(limit));
        loop {
            self.attend().await?;
            let polled = poll_fn(|cx| match self.poll_records(cx) {
                Poll::Pending => over.as_mut().poll(cx).map(|()| Ok(Some(Records::default()))),
                ready => ready,
            });
            if let Some(records) = polled.await? {
                return Ok(records);
            }
        }
    }

    /// The next record; waits until there is one. Its position moves when the next record is asked for.
    ///
    /// # Errors
    /// As [`Consumer::poll`].
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub async fn recv(&mut self) -> Result<ConsumerRecord> {
        if let Some(record) = self.next_open() {
            return Ok(record);
        }
        loop {
            if let Some(record) = poll_fn(|cx| self.poll_record(cx)).await {
                return record;
            }
            self.attend().await?;
        }
    }

    /// The next record of the open batch: what is done most of the time, so nothing else is asked or locked.
    #[inline]
    fn next_open(&mut self) -> Option<ConsumerRecord> {
        if self.is_wanted() {
            return None;
        }
        let reading = self.reading.as_mut()?;
        reading.settle();
        reading.hand_out_one()
    }

    /// The records one by one, without end. After an error the stream goes on.
    pub fn stream(&mut self) -> RecordStream<'_> {
        RecordStream::new(self)
    }

    /// The next records; `None` when the group has to be attended to first.
    fn poll_records(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Records>>> {
        if self.is_wanted() {
            return Poll::Ready(Ok(None));
        }
        let mut records = Records::default();
        let most = self.shared.settings.max_poll_records;
        self.check_reading();
        if let Some(error) = self.deferred.take() {
            return Poll::Ready(Err(error));
        }
        while records.len() < most {
            let waker = if records.is_empty() { Some(&*cx) } else { None };
            match self.reading_ready(waker) {
                Ok(true) => {}
                Ok(false) if records.is_empty() => return Poll::Pending,
                Ok(false) => break,
                Err(error) if records.is_empty() => return Poll::Ready(Err(error)),
                Err(error) => {
                    self.deferred = Some(error);
                    break;
                }
            }
            if let Some(reading) = &mut self.reading {
                reading.hand_out(most - records.len(), &mut records);
            }
        }
        Poll::Ready(Ok(Some(records)))
    }

    /// The next record; `None` when the group has to be attended to first.
    fn poll_record(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<ConsumerRecord>>> {
        if let Some(record) = self.next_open() {
            return Poll::Ready(Some(Ok(record)));
        }
        if self.is_wanted() {
            return Poll::Ready(None);
        }
        if let Some(error) = self.deferred.take() {
            return Poll::Ready(Some(Err(error)));
        }
        self.check_reading();
        loop {
            match self.reading_ready(Some(cx)) {
                Ok(true) => {}
                Ok(false) => return Poll::Pending,
                Err(error) => return Poll::Ready(Some(Err(error))),
            }
            if let Some(record) = self.reading.as_mut().and_then(Reading::hand_out_one) {
                return Poll::Ready(Some(Ok(record)));
            }
        }
    }

    /// Makes sure that there is a record to hand out; leaves the waker where there is none.
    fn reading_ready(&mut self, waiting: Option<&Context<'_>>) -> Result<bool> {
        loop {
            if let Some(reading) = &mut self.reading {
                if reading.ready(&mut self.decoder)? {
                    return Ok(true);
                }
                self.settle();
                self.reading = None;
            }
            if !self.next_reading(waiting)? {
                return Ok(false);
            }
        }
    }

    /// Takes up the next chunk that was fetched.
    fn next_reading(&mut self, waiting: Option<&Context<'_>>) -> Result<bool> {
        let now = self.shared.clock().now();
        let mut state = self.shared.state();
        if state.closed {
            return Err(Error::new(ErrorKind::Closed, "poll", "the consumer was closed"));
        }
        let subscription = state.core.subscription();
        let subscribed = || state.group.as_ref().is_some_and(Group::is_subscribed);
        if subscription.is_empty() && !subscribed() {
            let reason = "no partition is assigned; call subscribe or assign first";
            return Err(Error::new(ErrorKind::Invalid, "poll", reason));
        }
        self.parked.retain(|reading| {
            let partition = subscription.get(reading.which());
            partition.is_some_and(|partition| partition.generation == reading.generation())
        });
        let resumed = self.parked.iter().position(|reading| {
            subscription.get(reading.which()).is_some_and(|partition| !partition.paused)
        });
        if let Some(at) = resumed {
            self.reading = Some(self.parked.remove(at));
            return Ok(true);
        }
        let taken = state.core.take(now);
        if let (Ok(None), Some(cx)) = (&taken, waiting) {
            state.waiting = Some(cx.waker().clone());
        }
        let wake = state.core.wants_poll();
        drop(state);
        if wake {
            self.shared.wake.notify_one();
        }
        let Some((chunk, position)) = taken? else { return Ok(false) };
        self.reading = Some(Reading::new(Cursor::new(chunk, position)));
        Ok(true)
    }

    /// Lets go of what is being read if its partition was paused or what was fetched for it is void.
    fn check_reading(&mut self) {
        let Some(reading) = &mut self.reading else { return };
        reading.settle();
        let mut state = self.shared.state();
        state.core.advance(reading.which(), reading.position(), reading.epoch());
        let partition = state.core.subscription().get(reading.which());
        let current = partition.filter(|p| p.generation == reading.generation()).map(|p| p.paused);
        drop(state);
        match current {
            Some(false) => {}
            Some(true) => self.parked.extend(self.reading.take()),
            None => self.reading = None,
        }
    }

    /// Tells the machine how far the application has got.
    fn settle(&mut self) {
        if let Some(reading) = &mut self.reading {
            reading.settle();
        }
        self.tell_position();
    }

    fn tell_position(&self) {
        if let Some(reading) = &self.reading {
            let mut state = self.shared.state();
            state.core.advance(reading.which(), reading.position(), reading.epoch());
        }
    }

    /// Drops what was read of a partition that goes on elsewhere.
    fn drop_reading(&mut self, which: &TopicPartition) {
        self.settle();
        self.reading = self.reading.take().filter(|reading| reading.which() != which);
        self.parked.retain(|reading| reading.which() != which);
    }

    /// Ends the consumer within 30 seconds; see [`Consumer::close_timeout`].
    ///
    /// # Errors
    /// As [`Consumer::close_timeout`].
    ///
    /// # Cancel safety
    /// As [`Consumer::close_timeout`].
    pub async fn close(self) -> Result<()> {
        self.close_timeout(CLOSE_MAX).await
    }

    /// Ends the consumer within `limit`: with `enable.auto.commit`, what was handed out is committed, except for a
    /// record that `recv` or `stream` gave last (call [`Consumer::commit`] before if it is done with); the rebalance
    /// listener learns that the partitions go; the group is left, unless this is a static member (`group.instance.id`);
    /// fetching stops, and the brokers are told that its fetch sessions are over.
    ///
    /// Dropping the consumer leaves the group too, without waiting for it, and commits nothing: it may be that what was
    /// handed out is not done with.
    ///
    /// # Errors
    /// That of the listener, or that time was over. The consumer has ended all the same.
    ///
    /// # Cancel safety
    /// The consumer ends also if the future is dropped; what comes before that in the list may not be done.
    pub async fn close_timeout(mut self, limit: Duration) -> Result<()> {
        let ending = async {
            let left = match self.shared.settings.group {
                Some(_) => self.leave("the consumer is closed").await,
                None => Ok(()),
            };
            self.end();
            if let Some(task) = self.task.take() {
                // A task that was aborted with its runtime has ended too.
                let _ = task.await;
            }
            left
        };
        tokio::time::timeout(limit, ending).await.unwrap_or_else(|_| {
            let reason = format!("not done within {} ms; it goes on by itself", limit.as_millis());
            Err(Error::new(ErrorKind::Timeout, "close the consumer", reason))
        })
    }

    fn end(&self) {
        self.shared.state().closed = true;
        self.shared.wake.notify_one();
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        self.end();
    }
}

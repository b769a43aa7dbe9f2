//! The consumer: what an application sees of it.
//!
//! Everything that decides is a machine beside this file, put together in [`core`]; `task` carries out what it wants in
//! the background. Here the application's calls become its inputs, and batches become records.

mod budget;
mod core;
mod decode;
mod fetch_session;
mod fetcher;
mod offsets;
mod queries;
mod queue;
mod reading;
mod record;
mod records;
mod settings;
mod stream;
mod subscription;
mod task;
#[cfg(test)]
mod testing;

pub use queries::OffsetAndTimestamp;
pub use record::{ConsumerRecord, RecordView};
pub use records::{BatchIter, Iter, RecordBatch, Records};
pub use stream::RecordStream;

pub(crate) use settings::Settings;

use crate::client::Client;
use crate::cluster::Cluster;
use crate::config::{ClientConfig, ConsumerConfig};
use crate::error::{Error, ErrorKind, Result};
use crate::record::TopicPartition;
use decode::{Cursor, Decoder};
use reading::Reading;
use std::collections::BTreeSet;
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;
use task::Shared;
use tokio::task::JoinHandle;

/// Reads records of the partitions that are assigned to it.
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
    task: Option<JoinHandle<()>>,
    /// Keeps the metadata fresh.
    _client: Client,
}

/// Tells the connections of one consumer from those of others.
static CONSUMERS: AtomicU64 = AtomicU64::new(0);

impl Consumer {
    pub(crate) fn new(
        owner: Client,
        cluster: Arc<Cluster>,
        client: &ClientConfig,
        config: &ConsumerConfig,
    ) -> Result<Self> {
        config.validate().map_err(|e| {
            Error::new(ErrorKind::Invalid, "make a consumer", e.to_string()).with_source(e)
        })?;
        config.warn_of_what_has_no_effect();
        let number = CONSUMERS.fetch_add(1, Ordering::Relaxed);
        let settings = Settings::new(client, config);
        let shared = Arc::new(Shared::new(cluster, settings, number));
        let (crcs, committed) = (shared.settings.check_crcs, shared.settings.read_committed);
        let decoder = Decoder::new(crcs, committed, shared.budget.clone());
        let task = Some(tokio::spawn(task::run(shared.clone())));
        Ok(Self {
            shared,
            decoder,
            reading: None,
            parked: Vec::new(),
            deferred: None,
            task,
            _client: owner,
        })
    }

    /// Reads these partitions from now on, and no others. Those that were assigned before keep their positions.
    ///
    /// A new one starts where `auto.offset.reset` says unless the application seeks. A topic that does not exist is
    /// told by the next `poll`, and looked for until it does.
    ///
    /// # Errors
    /// When a partition's number is negative.
    pub fn assign<I>(&mut self, partitions: I) -> Result<()>
    where
        I: IntoIterator<Item: Into<TopicPartition>>,
    {
        let partitions: BTreeSet<_> = partitions.into_iter().map(Into::into).collect();
        if let Some(which) = partitions.iter().find(|which| which.partition < 0) {
            let error = Error::new(ErrorKind::Invalid, "assign", "partitions count from 0");
            return Err(error.with_topic(&which.topic, Some(which.partition)));
        }
        self.settle();
        let stays = |reading: &Reading| partitions.contains(reading.which());
        self.reading = self.reading.take().filter(stays);
        self.parked.retain(stays);
        self.deferred = None;
        self.shared.state().core.assign(partitions);
        self.shared.wake.notify_one();
        Ok(())
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
        poll_fn(|cx| self.poll_records(cx)).await
    }

    /// As [`Consumer::poll`], but waits no longer than `limit`: no records, if there are none by then.
    ///
    /// # Errors
    /// As [`Consumer::poll`].
    ///
    /// # Cancel safety
    /// As [`Consumer::poll`].
    pub async fn poll_timeout(&mut self, limit: Duration) -> Result<Records> {
        match tokio::time::timeout(limit, self.poll()).await {
            Ok(polled) => polled,
            Err(_) => Ok(Records::default()),
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
        match self.next_open() {
            Some(record) => Ok(record),
            None => poll_fn(|cx| self.poll_record(cx)).await,
        }
    }

    /// The next record of the open batch: what is done most of the time, so nothing else is asked or locked.
    #[inline]
    fn next_open(&mut self) -> Option<ConsumerRecord> {
        let reading = self.reading.as_mut()?;
        reading.settle();
        reading.hand_out_one()
    }

    /// The records one by one, without end. After an error the stream goes on.
    pub fn stream(&mut self) -> RecordStream<'_> {
        RecordStream::new(self)
    }

    fn poll_records(&mut self, cx: &mut Context<'_>) -> Poll<Result<Records>> {
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
        Poll::Ready(Ok(records))
    }

    pub(crate) fn poll_record(&mut self, cx: &mut Context<'_>) -> Poll<Result<ConsumerRecord>> {
        if let Some(record) = self.next_open() {
            return Poll::Ready(Ok(record));
        }
        if let Some(error) = self.deferred.take() {
            return Poll::Ready(Err(error));
        }
        self.check_reading();
        loop {
            match self.reading_ready(Some(cx)) {
                Ok(true) => {}
                Ok(false) => return Poll::Pending,
                Err(error) => return Poll::Ready(Err(error)),
            }
            if let Some(record) = self.reading.as_mut().and_then(Reading::hand_out_one) {
                return Poll::Ready(Ok(record));
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
        if subscription.is_empty() {
            let reason = "no partition is assigned; call assign first";
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
        state.core.advance(reading.which(), reading.position());
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
            state.core.advance(reading.which(), reading.position());
        }
    }

    /// Drops what was read of a partition that goes on elsewhere.
    fn drop_reading(&mut self, which: &TopicPartition) {
        self.settle();
        self.reading = self.reading.take().filter(|reading| reading.which() != which);
        self.parked.retain(|reading| reading.which() != which);
    }

    /// Ends the consumer: fetching stops, and the brokers are told that its fetch sessions are over.
    ///
    /// Dropping the consumer does the same without waiting for it.
    ///
    /// # Errors
    /// None yet; a consumer in a group will have something to say here.
    ///
    /// # Cancel safety
    /// The consumer ends also if the future is dropped.
    pub async fn close(mut self) -> Result<()> {
        self.end();
        if let Some(task) = self.task.take() {
            // A task that was aborted with its runtime has ended too.
            let _ = task.await;
        }
        Ok(())
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

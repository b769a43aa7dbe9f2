//! Where records wait for their batch to fill: one open batch per partition, under one bound on memory.
//!
//! Callers encode their records into the open batch themselves, under the partition's lock. Nothing else happens per
//! record: memory is counted per batch, the clock is read once in a while, and the producer's task hears only of
//! batches that opened or filled.
//!
//! Holds true: bytes reserved never exceed `buffer.memory`, and the order in a partition is the order of the calls.

use super::closed;
use super::delivery::{Cell, Completion, Delivery, Outcome};
use crate::clock::{Clock, Monotonic};
use crate::record::ProducerRecord;
use kafka_proto::records::{BatchBuilder, HEADER_LEN};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{Notify, Semaphore};

/// The clock is read for every record whose number in the batch is a multiple of this.
const CLOCK_EVERY: u32 = 64;
/// Buffers kept for reuse.
const POOL_MAX: usize = 64;
/// Full batches that may wait for their turn before a caller who can wait does so.
const BACKLOG_MAX: usize = 16;
/// ... if they are at least this many bytes.
const BACKLOG_MIN_BYTES: usize = 1 << 20;

/// Limits that batches keep.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// `batch.size`, never above `max.request.size`.
    pub(crate) batch_size: usize,
    /// `max.request.size`.
    pub(crate) request_size: usize,
    /// `buffer.memory`.
    pub(crate) memory: usize,
}

/// Why a record found no place now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// All memory is in use.
    Full {
        /// What the record's batch needs.
        needed: usize,
    },
    /// No batch can hold it.
    TooLarge {
        /// Bytes it would take.
        size: usize,
    },
    /// The producer was closed.
    Closed,
}

/// All open batches of one producer.
#[derive(Debug)]
pub(crate) struct Accumulator {
    pub(crate) limits: Limits,
    clock: Arc<Clock>,
    memory: Arc<Semaphore>,
    pool: Arc<Pool>,
    inbox: Mutex<Inbox>,
    /// Tells the task that the inbox is no longer empty.
    pub(crate) wake: Notify,
    backlog: Arc<Backlog>,
    closed: AtomicBool,
    /// Tells callers that wait that it was closed.
    closing: Notify,
}

/// Full batches that no request has taken up yet.
#[derive(Debug, Default)]
pub(crate) struct Backlog {
    bytes: AtomicUsize,
    /// Tells callers that the backlog went down.
    relieved: Notify,
}

/// A batch's share of the backlog, until dropped.
#[derive(Debug)]
pub(crate) struct Waiting(usize, Arc<Backlog>);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.1.bytes.fetch_sub(self.0, Ordering::Relaxed);
        self.1.relieved.notify_waiters();
    }
}

/// What the task has not seen yet.
#[derive(Debug, Default)]
struct Inbox {
    opened: Vec<Opened>,
    full: Vec<Filled>,
    /// Nobody will look into it any more.
    ended: bool,
}

/// A batch was opened.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) buffer: Arc<PartitionBuffer>,
    pub(crate) cell: Arc<Cell>,
    pub(crate) at: Monotonic,
}

impl Opened {
    /// Whether the batch still takes records.
    pub(crate) fn is_open(&self) -> bool {
        self.buffer.lock().as_ref().is_some_and(|open| Arc::ptr_eq(&open.cell, &self.cell))
    }
}

/// A batch that takes no more records.
#[derive(Debug)]
pub(crate) struct Filled {
    pub(crate) buffer: Arc<PartitionBuffer>,
    pub(crate) batch: OpenBatch,
}

/// The open batch of a partition.
#[derive(Debug)]
pub(crate) struct PartitionBuffer {
    pub(crate) topic: Arc<str>,
    pub(crate) partition: i32,
    open: Mutex<Option<OpenBatch>>,
}

/// Records on their way into a batch.
#[derive(Debug)]
pub(crate) struct OpenBatch {
    pub(crate) builder: BatchBuilder,
    pub(crate) cell: Arc<Cell>,
    pub(crate) opened_at: Monotonic,
    pub(crate) memory: Reserved,
    /// Set when it takes no more records.
    pub(crate) waiting: Option<Waiting>,
    count: u32,
    now_ms: i64,
}

/// A part of `buffer.memory`, given back when dropped.
#[derive(Debug)]
pub(crate) struct Reserved {
    bytes: u32,
    of: Arc<Semaphore>,
}

impl Drop for Reserved {
    fn drop(&mut self) {
        self.of.add_permits(self.bytes as usize);
    }
}

/// Buffers that were touched once and can be used again.
#[derive(Debug, Default)]
pub(crate) struct Pool(Mutex<Vec<Vec<u8>>>);

impl Pool {
    fn take(&self, capacity: usize) -> Vec<u8> {
        let taken = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut buffer = taken.unwrap_or_default();
        buffer.clear();
        buffer.reserve(capacity);
        buffer
    }

    pub(crate) fn put(&self, buffer: Vec<u8>) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() < POOL_MAX {
            kept.push(buffer);
        }
    }
}

impl PartitionBuffer {
    pub(crate) fn new(topic: Arc<str>, partition: i32) -> Arc<Self> {
        Arc::new(Self { topic, partition, open: Mutex::default() })
    }

    #[inline]
    pub(crate) fn lock(&self) -> MutexGuard<'_, Option<OpenBatch>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the open batch out: all of them, or only the one of `cell`.
    pub(crate) fn take(&self, cell: Option<&Arc<Cell>>) -> Option<OpenBatch> {
        self.lock().take_if(|open| cell.is_none_or(|cell| Arc::ptr_eq(cell, &open.cell)))
    }
}

impl Accumulator {
    pub(crate) fn new(limits: Limits, clock: Arc<Clock>) -> Self {
        let memory = limits.memory.min(Semaphore::MAX_PERMITS);
        Self {
            limits,
            clock,
            memory: Arc::new(Semaphore::new(memory)),
            pool: Arc::default(),
            inbox: Mutex::default(),
            wake: Notify::new(),
            backlog: Arc::default(),
            closed: AtomicBool::new(false),
            closing: Notify::new(),
        }
    }

    /// No more records are taken, and callers that wait for room learn why.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.closing.notify_waiters();
    }

    /// The task is about to end: what a caller may still put in, it could not take out.
    pub(crate) fn end(&self) {
        self.close();
        self.inbox().ended = true;
    }

    #[inline]
    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// Waits until it is closed.
    pub(crate) async fn closing(&self) {
        until(&self.closing, || self.is_closed()).await;
    }

    fn inbox(&self) -> MutexGuard<'_, Inbox> {
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn pool(&self) -> &Arc<Pool> {
        &self.pool
    }

    /// Appends a record to the open batch of `buffer`, whose lock `open` is; opens another one where it does not fit.
    #[inline]
    pub(crate) fn append(
        &self,
        buffer: &Arc<PartitionBuffer>,
        open: &mut Option<OpenBatch>,
        record: &ProducerRecord<'_>,
    ) -> Result<(Arc<Cell>, u32), Refusal> {
        let batch = match open {
            Some(batch) if self.fits(batch, record) => batch,
            _ => self.turn(buffer, open, record)?,
        };
        if batch.count.is_multiple_of(CLOCK_EVERY) {
            batch.now_ms = self.clock.wall_ms();
        }
        let timestamp = record.timestamp_ms.unwrap_or(batch.now_ms);
        batch.builder.append(timestamp, record.key, record.value, record.headers);
        let index = batch.count;
        batch.count += 1;
        Ok((batch.cell.clone(), index))
    }

    /// Closes the open batch if `record` does not fit; returns how many bytes it had.
    #[inline]
    pub(crate) fn close_if_full(
        &self,
        buffer: &Arc<PartitionBuffer>,
        open: &mut Option<OpenBatch>,
        record: &ProducerRecord<'_>,
    ) -> Option<usize> {
        let batch = open.take_if(|batch| !self.fits(batch, record))?;
        let bytes = batch.builder.len_bytes();
        self.hand_over(Filled { buffer: buffer.clone(), batch });
        Some(bytes)
    }

    #[inline]
    fn fits(&self, batch: &OpenBatch, record: &ProducerRecord<'_>) -> bool {
        batch.builder.len_bytes() + record_size(record) <= self.limits.batch_size
    }

    /// Closes the open batch and opens one that holds at least `record`.
    #[cold]
    fn turn<'a>(
        &self,
        buffer: &Arc<PartitionBuffer>,
        open: &'a mut Option<OpenBatch>,
        record: &ProducerRecord<'_>,
    ) -> Result<&'a mut OpenBatch, Refusal> {
        let size = HEADER_LEN + record_size(record);
        if size > self.limits.request_size || size > self.limits.memory {
            return Err(Refusal::TooLarge { size });
        }
        let needed = size.max(self.limits.batch_size).min(self.limits.memory);
        let permits = u32::try_from(needed).unwrap_or(u32::MAX);
        let Ok(permit) = self.memory.try_acquire_many(permits) else {
            // What waits in the open batch must go, or no memory ever comes back.
            if let Some(batch) = open.take() {
                self.hand_over(Filled { buffer: buffer.clone(), batch });
            }
            return Err(Refusal::Full { needed });
        };
        permit.forget();
        let memory = Reserved { bytes: permits, of: self.memory.clone() };
        if let Some(batch) = open.take() {
            self.hand_over(Filled { buffer: buffer.clone(), batch });
        }
        let now = self.clock.now();
        let cell = Cell::new(buffer.topic.clone(), buffer.partition);
        let opened = Opened { buffer: buffer.clone(), cell: cell.clone(), at: now.monotonic };
        self.put(opened, |inbox| &mut inbox.opened).map_err(|_| Refusal::Closed)?;
        Ok(open.insert(OpenBatch {
            builder: BatchBuilder::new(self.pool.take(needed)),
            cell,
            opened_at: now.monotonic,
            memory,
            waiting: None,
            count: 0,
            now_ms: now.wall_ms,
        }))
    }

    /// A batch is full: the task will send it.
    pub(crate) fn hand_over(&self, mut filled: Filled) {
        let bytes = filled.batch.builder.len_bytes();
        self.backlog.bytes.fetch_add(bytes, Ordering::Relaxed);
        filled.batch.waiting = Some(Waiting(bytes, self.backlog.clone()));
        if let Err(Filled { batch, .. }) = self.put(filled, |inbox| &mut inbox.full) {
            Completion::new(batch.cell).complete(Outcome::Failed(closed("send")));
        }
    }

    /// Wakes the task only if it may be asleep: when it has taken everything so far. Gives back what it will not take.
    fn put<T>(&self, what: T, into: impl FnOnce(&mut Inbox) -> &mut Vec<T>) -> Result<(), T> {
        let mut inbox = self.inbox();
        if inbox.ended {
            return Err(what);
        }
        let was_empty = inbox.opened.is_empty() && inbox.full.is_empty();
        into(&mut inbox).push(what);
        drop(inbox);
        if was_empty {
            self.wake.notify_one();
        }
        Ok(())
    }

    /// Everything that opened and filled since the last call.
    pub(crate) fn take(&self, opened: &mut Vec<Opened>, full: &mut Vec<Filled>) {
        let mut inbox = self.inbox();
        opened.append(&mut inbox.opened);
        full.append(&mut inbox.full);
    }

    /// Whether so much waits to be sent that more would only grow colder in memory.
    #[inline]
    pub(crate) fn is_backed_up(&self) -> bool {
        let limit = (BACKLOG_MAX * self.limits.batch_size).max(BACKLOG_MIN_BYTES);
        self.backlog.bytes.load(Ordering::Relaxed) > limit
    }

    /// Waits until it is backed up no longer.
    pub(crate) async fn relief(&self) {
        until(&self.backlog.relieved, || !self.is_backed_up()).await;
    }

    /// Waits until `needed` bytes are free.
    pub(crate) async fn room(&self, needed: usize) {
        let permits = u32::try_from(needed).unwrap_or(u32::MAX);
        // Taken only to wait in line; the caller reserves again when it appends.
        drop(self.memory.acquire_many(permits).await);
    }
}

/// Waits until `holds`, looking anew with each notice.
async fn until(notice: &Notify, holds: impl Fn() -> bool) {
    loop {
        let told = notice.notified();
        tokio::pin!(told);
        // Registered before the look, so that no notice is missed.
        told.as_mut().enable();
        if holds() {
            return;
        }
        told.await;
    }
}

/// An upper bound of what the record takes in a batch.
#[inline]
fn record_size(record: &ProducerRecord<'_>) -> usize {
    BatchBuilder::record_size(
        record.key.map_or(0, <[u8]>::len),
        record.value.map_or(0, <[u8]>::len),
        record.headers,
    )
}

/// One topic as the producer sees it.
#[derive(Debug)]
pub(crate) struct TopicBuffers {
    pub(crate) name: Arc<str>,
    pub(crate) partitions: Box<[Arc<PartitionBuffer>]>,
    /// Partitions with a leader; all where none has one.
    pub(crate) available: Box<[u32]>,
    /// The place in `available` of the partition that records without key go to.
    sticky: AtomicU32,
    /// Bytes that closed batches brought it since it became that.
    sticky_bytes: AtomicUsize,
    /// Set when the metadata has changed since: another one has taken this one's place.
    pub(crate) stale: AtomicBool,
}

impl TopicBuffers {
    pub(crate) fn new(
        name: Arc<str>,
        partitions: Box<[Arc<PartitionBuffer>]>,
        available: Box<[u32]>,
        start: u32,
    ) -> Self {
        Self {
            name,
            partitions,
            available,
            sticky: AtomicU32::new(start),
            sticky_bytes: AtomicUsize::new(0),
            stale: AtomicBool::new(false),
        }
    }

    /// The partition for records without key (KIP-794).
    #[inline]
    pub(crate) fn sticky(&self) -> usize {
        let turn = self.sticky.load(Ordering::Relaxed) as usize;
        let place =
            if turn < self.available.len() { turn } else { turn % self.available.len().max(1) };
        self.available.get(place).map_or(0, |partition| *partition as usize)
    }

    /// The turn that a successor goes on from.
    pub(crate) fn turn(&self) -> u32 {
        self.sticky.load(Ordering::Relaxed)
    }

    /// A batch of `partition` was closed: after `batch.size` bytes another partition has its turn.
    pub(crate) fn on_closed(&self, partition: i32, bytes: usize, batch_size: usize) {
        if usize::try_from(partition) != Ok(self.sticky()) {
            return;
        }
        let sum = self.sticky_bytes.fetch_add(bytes, Ordering::Relaxed) + bytes;
        // A full batch ends where the next record did not fit: most of batch.size is all of it.
        if sum * 8 >= batch_size * 7 {
            self.sticky_bytes.store(0, Ordering::Relaxed);
            self.sticky.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Turns what `Accumulator::append` gives into the caller's handle.
impl From<(Arc<Cell>, u32)> for Delivery {
    #[inline]
    fn from((cell, index): (Arc<Cell>, u32)) -> Self {
        Self::new(cell, index)
    }
}

#[cfg(test)]
mod tests;

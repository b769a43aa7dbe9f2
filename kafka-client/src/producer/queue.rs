//! The batches of one partition, from sealed to acknowledged, in the order of their sequence numbers.
//!
//! Holds true: batches in flight are a run of the queue without holes, at most five of them, and all go to one
//! broker; after a failure nothing is sent until all of them are back, so what is sent again is in order; a batch
//! keeps its stamp until the broker has said that it is not in the log; behind one of unknown fate nothing new is
//! sent; stamped batches go one at a time until the broker has stored one of them, because a log that has none yet
//! takes any sequence number, so also those behind a failed one.

use super::accumulator::{OpenBatch, Pool, Reserved, Waiting};
use super::delivery::{Completion, Outcome};
use crate::clock::Monotonic;
use crate::error::Error;
use bytes::Bytes;
use kafka_proto::records::{BatchBuilder, Compressor, Stamp, increment_sequence};
use std::collections::VecDeque;
use std::sync::Arc;

/// Batches of a partition that a broker can tell from repeated ones.
pub(crate) const WINDOW: usize = 5;

/// The identity that an idempotent producer stamps on its batches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) producer_id: i64,
    pub(crate) epoch: i16,
}

/// What may be sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Allowed {
    /// No epoch is at hand for anything new: only batches whose fate is unknown may be sent again.
    pub(crate) only_ambiguous: bool,
    /// Stamped on batches that have no stamp yet.
    pub(crate) identity: Option<Identity>,
}

/// A batch that takes no more records.
#[derive(Debug)]
pub(crate) struct Batch {
    content: Content,
    count: i32,
    /// Set from the first sending on, if the producer is idempotent.
    stamp: Option<Stamp>,
    /// The request that it is on its way with.
    in_flight: Option<u64>,
    /// An attempt ended without telling whether it was applied.
    pub(crate) maybe_written: bool,
    pub(crate) created: Monotonic,
    pub(crate) completion: Completion,
    memory: Arc<Reserved>,
    /// Until it is sent for the first time.
    waiting: Option<Waiting>,
}

#[derive(Debug)]
enum Content {
    /// Not sent yet.
    Open(BatchBuilder),
    /// As it goes to the broker.
    Sealed(Bytes),
    /// Being turned from the one into the other.
    Gone,
}

/// A buffer that goes back to the pool when the last slice of it is dropped.
struct Pooled(Vec<u8>, Arc<Pool>);

impl AsRef<[u8]> for Pooled {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Pooled {
    fn drop(&mut self) {
        self.1.put(std::mem::take(&mut self.0));
    }
}

impl From<OpenBatch> for Batch {
    fn from(open: OpenBatch) -> Self {
        Self {
            count: open.builder.count(),
            content: Content::Open(open.builder),
            stamp: None,
            in_flight: None,
            maybe_written: false,
            created: open.opened_at,
            completion: Completion::new(open.cell),
            memory: Arc::new(open.memory),
            waiting: open.waiting,
        }
    }
}

/// What sealing needs.
#[derive(Debug)]
pub(crate) struct Sealer {
    pub(crate) compressor: Compressor,
    pub(crate) pool: Arc<Pool>,
}

impl Batch {
    /// The batch as it goes to the broker, under `stamp`.
    fn seal(&mut self, stamp: Option<Stamp>, sealer: &mut Sealer) -> Bytes {
        let changed = self.stamp != stamp;
        self.stamp = stamp;
        let stamp = stamp.unwrap_or(Stamp::NONE);
        let sealed = match std::mem::replace(&mut self.content, Content::Gone) {
            Content::Open(builder) => builder.seal(stamp, &mut sealer.compressor),
            Content::Sealed(bytes) if changed => {
                let mut copy = bytes.to_vec();
                BatchBuilder::restamp(&mut copy, stamp);
                copy
            }
            Content::Sealed(bytes) => {
                self.content = Content::Sealed(bytes.clone());
                return bytes;
            }
            Content::Gone => Vec::new(),
        };
        let bytes = Bytes::from_owner(Pooled(sealed, sealer.pool.clone()));
        self.content = Content::Sealed(bytes.clone());
        bytes
    }

    fn fail(&mut self, error: &Error) {
        let error = error.clone().maybe_written(self.maybe_written || self.in_flight.is_some());
        self.completion.complete(Outcome::Failed(error));
    }
}

/// All batches of one partition that are not acknowledged yet.
#[derive(Debug)]
pub(crate) struct Queue {
    pub(crate) topic: Arc<str>,
    pub(crate) partition: i32,
    batches: VecDeque<Batch>,
    in_flight: usize,
    /// The broker that has those in flight.
    sent_to: Option<i32>,
    next_sequence: i32,
    /// Batches are stamped.
    idempotent: bool,
    /// The log has a batch with a stamp like ours, by which the broker tells gaps; always so without stamps.
    pub(crate) acquainted: bool,
    /// Stamped batches were lost from the middle: only a new epoch helps.
    pub(crate) gap: bool,
    /// Failures in a row, and the last of them.
    pub(crate) failures: u32,
    pub(crate) trouble: Option<Error>,
    /// Nothing is sent before this.
    pub(crate) not_before: Monotonic,
}

/// What an answer means for a batch.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// It is in the log.
    Stored(Outcome),
    /// It is to be sent again. `ambiguous`: it may be in the log; otherwise what is known stays.
    Again { ambiguous: bool },
    /// It is certainly not in the log, and will be sent again.
    NotWritten,
    /// It is over, and may be in the log if `ambiguous`, or if an earlier attempt may have brought it there.
    GivenUp { error: Error, ambiguous: bool },
}

impl Queue {
    pub(crate) fn new(topic: Arc<str>, partition: i32, idempotent: bool) -> Self {
        Self {
            topic,
            partition,
            idempotent,
            acquainted: !idempotent,
            batches: VecDeque::new(),
            in_flight: 0,
            sent_to: None,
            next_sequence: 0,
            gap: false,
            failures: 0,
            trouble: None,
            not_before: Monotonic::default(),
        }
    }

    pub(crate) fn push(&mut self, batch: Batch) {
        self.batches.push_back(batch);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.batches.is_empty()
    }

    pub(crate) fn has_in_flight(&self) -> bool {
        self.in_flight > 0
    }

    /// Whether something waits to be sent.
    pub(crate) fn is_waiting(&self) -> bool {
        self.batches.len() > self.in_flight
    }

    /// Whether an answer has to come before anything more can be sent.
    pub(crate) fn is_full(&self) -> bool {
        self.in_flight >= if self.acquainted { WINDOW } else { 1 }
    }

    /// The cells whose outcome is still open.
    pub(crate) fn open_cells(&self) -> impl Iterator<Item = &Arc<super::delivery::Cell>> {
        let open = self.batches.iter().filter(|batch| !batch.completion.is_done());
        open.map(|batch| batch.completion.cell())
    }

    /// The place of the batch that may be sent to `leader` next.
    fn next(&self, now: Monotonic, leader: i32, only_ambiguous: bool) -> Option<usize> {
        if self.not_before > now || self.is_full() {
            return None;
        }
        if self.in_flight > 0 && self.sent_to != Some(leader) {
            return None;
        }
        let first = self.batches.iter().position(|batch| batch.in_flight.is_none())?;
        if first != self.in_flight {
            return None;
        }
        // Something before it failed and is back: all have to come back first.
        let behind = self.batches.iter().skip(first).any(|batch| batch.in_flight.is_some());
        if behind {
            return None;
        }
        let batch = self.batches.get(first)?;
        if only_ambiguous {
            return batch.maybe_written.then_some(first);
        }
        // Of unknown fate, a batch must not be followed by more than the broker remembers: it would no longer be
        // recognised.
        let fresh = self.idempotent && batch.stamp.is_none();
        let followed = self.batches.iter().take(first).any(|before| before.maybe_written);
        (!fresh || !followed).then_some(first)
    }

    /// Whether [`Queue::send`] would give something now.
    pub(crate) fn is_sendable(&self, now: Monotonic, leader: i32, only_ambiguous: bool) -> bool {
        self.next(now, leader, only_ambiguous).is_some()
    }

    /// The next batch for `leader`, sealed, if it is not larger than `room`: request `token` will carry it.
    pub(crate) fn send(
        &mut self,
        now: Monotonic,
        leader: i32,
        token: u64,
        allowed: Allowed,
        room: usize,
        sealer: &mut Sealer,
    ) -> Option<Bytes> {
        let at = self.next(now, leader, allowed.only_ambiguous)?;
        let batch = self.batches.get_mut(at)?;
        let is_new = batch.stamp.is_none();
        let stamp = batch.stamp.or_else(|| {
            allowed.identity.map(|identity| Stamp {
                producer_id: identity.producer_id,
                producer_epoch: identity.epoch,
                base_sequence: self.next_sequence,
                ..Stamp::NONE
            })
        });
        let bytes = batch.seal(stamp, sealer);
        if is_new && stamp.is_some() {
            self.next_sequence = increment_sequence(self.next_sequence, batch.count);
        }
        if bytes.len() > room {
            return None;
        }
        batch.waiting = None;
        batch.in_flight = Some(token);
        self.in_flight += 1;
        self.sent_to = Some(leader);
        Some(bytes)
    }

    /// The place of the batch that request `token` carries. It need not be the oldest in flight: a request that finds
    /// its connection ended fails before those are back that were on it.
    fn carried(&self, token: u64) -> Option<usize> {
        self.batches.iter().position(|batch| batch.in_flight == Some(token))
    }

    /// An answer, or the lack of one, for the batch that request `token` carried.
    pub(crate) fn on_verdict(&mut self, token: u64, verdict: Verdict) {
        let Some(at) = self.carried(token) else { return };
        self.in_flight -= 1;
        // A broker takes no batch whose predecessor it does not have.
        let lacks = |it: &Batch| it.stamp.is_some() && !it.maybe_written && it.in_flight.is_none();
        let preceded = self.batches.iter().take(at).any(lacks);
        let Some(batch) = self.batches.get_mut(at) else { return };
        batch.in_flight = None;
        self.acquainted |= matches!(verdict, Verdict::Stored(_));
        match verdict {
            Verdict::Stored(outcome) => {
                batch.completion.complete(outcome);
                self.batches.remove(at);
                (self.failures, self.trouble) = (0, None);
            }
            Verdict::Again { ambiguous } => {
                batch.maybe_written |= ambiguous && !preceded;
                if batch.completion.is_done() {
                    // Nobody waits for it any more, and whether it is in the log stays unknown.
                    let unknown = batch.maybe_written;
                    self.remove(at, unknown);
                }
            }
            Verdict::NotWritten => {
                batch.maybe_written = false;
                let over = batch.completion.is_done();
                self.settle_behind(at);
                if over {
                    self.remove(at, false);
                }
            }
            Verdict::GivenUp { error, ambiguous } => {
                batch.maybe_written |= ambiguous && !preceded;
                batch.fail(&error);
                let unknown = batch.maybe_written;
                if !unknown {
                    self.settle_behind(at);
                }
                self.remove(at, unknown);
            }
        }
    }

    /// The batch at `at` is certainly not in the log: then no stamped one behind it is.
    fn settle_behind(&mut self, at: usize) {
        for batch in self.batches.iter_mut().skip(at + 1) {
            if batch.stamp.is_some() {
                batch.maybe_written = false;
            }
        }
    }

    /// Whether the batch that request `token` carries is the first of the queue: nothing unresolved precedes it.
    pub(crate) fn is_first(&self, token: u64) -> bool {
        self.carried(token) == Some(0)
    }

    /// Whether an earlier attempt may have brought the batch that request `token` carries into the log.
    pub(crate) fn may_be_written(&self, token: u64) -> bool {
        let batch = self.carried(token).and_then(|at| self.batches.get(at));
        batch.is_some_and(|batch| batch.maybe_written)
    }

    /// Takes out a batch that is not stored, or not known to be, and mends the sequence where that is possible.
    fn remove(&mut self, at: usize, unknown: bool) {
        let Some(batch) = self.batches.remove(at) else { return };
        let Some(stamp) = batch.stamp else { return };
        let stamped_behind = self.batches.iter().skip(at).any(|batch| batch.stamp.is_some());
        if unknown || stamped_behind {
            self.gap = true;
        } else {
            self.next_sequence = stamp.base_sequence;
        }
    }

    /// The broker found the batch that request `token` carried too large: makes two of it. False if it is a single
    /// record.
    pub(crate) fn split(&mut self, token: u64) -> bool {
        let Some(at) = self.carried(token) else { return false };
        let Some(batch) = self.batches.get_mut(at) else { return false };
        let Content::Sealed(bytes) = &batch.content else { return false };
        let Some((head, tail)) = super::split::split(bytes) else { return false };
        let head_count = head.count();
        let tail_batch = Batch {
            count: tail.count(),
            content: Content::Open(tail),
            stamp: None,
            in_flight: None,
            maybe_written: false,
            created: batch.created,
            completion: batch.completion.split_off(head_count.unsigned_abs()),
            memory: batch.memory.clone(),
            waiting: None,
        };
        batch.count = head_count;
        batch.content = Content::Open(head);
        batch.in_flight = None;
        batch.maybe_written = false;
        self.in_flight -= 1;
        let old = batch.stamp;
        let records = head_count;
        self.batches.insert(at + 1, tail_batch);
        // The halves keep the sequence numbers that the whole had, so what follows keeps its own.
        if let Some(stamp) = old
            && let Some(tail) = self.batches.get_mut(at + 1)
        {
            let base_sequence = increment_sequence(stamp.base_sequence, records);
            tail.stamp = Some(Stamp { base_sequence, ..stamp });
        }
        true
    }

    /// Fails what waited longer than `delivery.timeout.ms` allows. Returns when the next batch will have.
    pub(crate) fn expire(
        &mut self,
        now: Monotonic,
        timeout: std::time::Duration,
        error: impl Fn(&Self) -> Error,
    ) -> Option<Monotonic> {
        let mut next = None;
        let mut at = 0;
        while let Some(batch) = self.batches.get(at) {
            if batch.completion.is_done() {
                at += 1;
                continue;
            }
            let expires = batch.created.after(timeout);
            if expires > now {
                // Batches are in the order of their making.
                next = Some(expires);
                break;
            }
            let error = error(self);
            let Some(batch) = self.batches.get_mut(at) else { break };
            batch.fail(&error);
            if batch.in_flight.is_some() {
                // Its answer is still due, and decides about the sequence.
                at += 1;
            } else {
                let unknown = batch.maybe_written;
                self.remove(at, unknown);
            }
        }
        next
    }

    /// Whether some batch may be in the log without our knowing.
    pub(crate) fn is_ambiguous(&self) -> bool {
        self.batches.iter().any(|batch| batch.maybe_written)
    }

    /// A new identity is at hand: everything that waits starts a sequence of its own.
    pub(crate) fn restart(&mut self) {
        self.next_sequence = 0;
        self.on_new_log();
        self.gap = false;
        self.batches.iter_mut().for_each(|batch| batch.stamp = None);
    }

    /// What comes next may be the first batch of ours in the log.
    pub(crate) fn on_new_log(&mut self) {
        self.acquainted = !self.idempotent;
    }

    /// Fails everything, at the end of the producer.
    pub(crate) fn fail_all(&mut self, error: impl Fn(&Self) -> Error) {
        let error = error(self);
        for mut batch in std::mem::take(&mut self.batches) {
            batch.fail(&error);
        }
        self.in_flight = 0;
    }
}

//! What is handed to a handler: records one by one, or those of a poll; and what still waits to be.

use super::acks::{Slot, Span};
use super::board::{Board, Spans};
use super::handler::Call;
use super::member::Member;
use crate::consumer::{ConsumerRecord, RecordBatch, RecordView, Records};
use crate::error::Result;
use std::collections::VecDeque;
use std::pin::Pin;

/// What one call of a handler is given.
#[derive(Clone, Debug)]
pub(super) struct Work<T> {
    pub(super) what: T,
    pub(super) spans: Spans,
}

/// A record, or the records of a poll.
pub(super) trait Unit: Clone + Send + Sync + 'static {
    /// The next one.
    fn take(pending: &mut Pending) -> Option<Work<Self>>;

    /// What is left of it without the partitions that went.
    fn keep(work: Work<Self>, holds: impl Fn(Slot) -> bool) -> Option<Work<Self>>;

    fn views(&self) -> impl Iterator<Item = RecordView<'_>> + Send;

    /// Runs a member that hands out such units. It is said for each type of unit, of which there are two, because what
    /// is generic would be compiled again for every handler.
    fn run(member: Member, call: Box<dyn Call<Self>>) -> Running;
}

/// A member at work.
pub(super) type Running = Pin<Box<dyn Future<Output = Result<()>> + Send>>;

impl Unit for ConsumerRecord {
    fn take(pending: &mut Pending) -> Option<Work<Self>> {
        let (batch, span) = pending.batches.front_mut()?;
        let (offset, what) = batch.take_first()?;
        let own = Span { end: offset.saturating_add(1), records: 1, ..*span };
        span.from = own.end;
        if batch.len() > 0 {
            return Some(Work { what, spans: Spans::One(own) });
        }
        // What the log left out behind it is done with it.
        let own = Span { end: span.end, ..own };
        pending.batches.pop_front();
        Some(Work { what, spans: Spans::One(own) })
    }

    fn keep(work: Work<Self>, holds: impl Fn(Slot) -> bool) -> Option<Work<Self>> {
        work.spans.as_slice().iter().all(|span| holds(span.slot)).then_some(work)
    }

    fn views(&self) -> impl Iterator<Item = RecordView<'_>> + Send {
        std::iter::once(self.view())
    }

    fn run(member: Member, call: Box<dyn Call<Self>>) -> Running {
        Box::pin(member.run(call))
    }
}

impl Unit for Records {
    fn take(pending: &mut Pending) -> Option<Work<Self>> {
        gather(pending.batches.drain(..))
    }

    fn keep(work: Work<Self>, holds: impl Fn(Slot) -> bool) -> Option<Work<Self>> {
        let spans = work.spans.as_slice().to_vec();
        gather(work.what.into_batches().zip(spans).filter(|(_, span)| holds(span.slot)))
    }

    fn views(&self) -> impl Iterator<Item = RecordView<'_>> + Send {
        self.iter()
    }

    fn run(member: Member, call: Box<dyn Call<Self>>) -> Running {
        Box::pin(member.run(call))
    }
}

fn gather(batches: impl Iterator<Item = (RecordBatch, Span)>) -> Option<Work<Records>> {
    let (mut what, mut spans) = (Records::default(), Vec::new());
    for (batch, span) in batches {
        what.push(batch);
        spans.push(span);
    }
    (!what.is_empty()).then_some(Work { what, spans: Spans::Many(spans) })
}

/// What a poll gave and no handler has got yet.
#[derive(Debug, Default)]
pub(super) struct Pending {
    batches: VecDeque<(RecordBatch, Span)>,
}

impl Pending {
    /// A poll gave these.
    pub(super) fn put(&mut self, records: Records, board: &Board) {
        board.with(|acks| {
            for batch in records.into_batches() {
                let first = batch.iter().next().map_or(batch.next_offset(), |r| r.offset());
                let count = u64::try_from(batch.len()).unwrap_or(u64::MAX);
                let (which, epoch) = (batch.topic_partition(), batch.leader_epoch());
                let span = acks.hand_out(which, (first, batch.next_offset()), count, epoch);
                self.batches.push_back((batch, span));
            }
        });
    }

    pub(super) fn is_empty(&self) -> bool {
        self.batches.is_empty()
    }

    /// Drops what is of partitions that went.
    pub(super) fn keep(&mut self, holds: impl Fn(Slot) -> bool) {
        self.batches.retain(|(_, span)| holds(span.slot));
    }
}

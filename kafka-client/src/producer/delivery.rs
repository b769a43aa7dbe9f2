//! Acknowledgements: one cell per batch, an index per record.

use crate::error::{Error, Result};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll, Waker};

/// What became of a batch, or of the part of it that begins at a record.
#[derive(Clone, Debug)]
pub(crate) enum Outcome {
    /// Stored from `base_offset` on; -1 where the broker does not say.
    Stored { base_offset: i64, log_append_time_ms: i64 },
    /// Not stored, or not known to be.
    Failed(Error),
}

/// Where the outcome of one batch appears.
#[derive(Debug)]
pub(crate) struct Cell {
    pub(crate) topic: Arc<str>,
    pub(crate) partition: i32,
    outcome: OnceLock<Outcomes>,
    wakers: Mutex<Vec<Waker>>,
}

/// Outcomes, each with the first record that it holds for.
#[derive(Debug)]
enum Outcomes {
    Whole(u32, Outcome),
    /// Of a batch that had to be split: in order.
    Split(Vec<(u32, Outcome)>),
}

impl Cell {
    pub(crate) fn new(topic: Arc<str>, partition: i32) -> Arc<Self> {
        Arc::new(Self { topic, partition, outcome: OnceLock::new(), wakers: Mutex::default() })
    }

    /// Makes the outcome known; the first call counts.
    fn resolve(&self, outcome: Outcomes) {
        if self.outcome.set(outcome).is_ok() {
            let wakers = std::mem::take(&mut *self.wakers());
            wakers.into_iter().for_each(Waker::wake);
        }
    }

    fn wakers(&self) -> std::sync::MutexGuard<'_, Vec<Waker>> {
        self.wakers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn is_resolved(&self) -> bool {
        self.outcome.get().is_some()
    }

    /// Ready when the outcome is known. Looks before it touches the waker: most often it is known already.
    #[inline]
    pub(crate) fn poll_resolved(&self, cx: &mut Context<'_>) -> Poll<()> {
        if self.is_resolved() {
            return Poll::Ready(());
        }
        let mut wakers = self.wakers();
        // The outcome is set before the wakers are taken, so one of the two looks sees it.
        if self.is_resolved() {
            return Poll::Ready(());
        }
        if !wakers.iter().any(|known| known.will_wake(cx.waker())) {
            wakers.push(cx.waker().clone());
        }
        Poll::Pending
    }

    /// The outcome for record `index`, and the number of the record that its offsets count from.
    #[inline]
    fn outcome_of(&self, index: u32) -> Option<(u32, &Outcome)> {
        let parts = self.outcome.get()?;
        match parts {
            Outcomes::Whole(first, only) => Some((*first, only)),
            Outcomes::Split(parts) => {
                let at = parts.partition_point(|(first, _)| *first <= index).checked_sub(1)?;
                parts.get(at).map(|(first, outcome)| (*first, outcome))
            }
        }
    }
}

/// The acknowledgement of one record: a future of where it was stored.
///
/// Dropping it does not take the record back.
#[derive(Debug)]
#[must_use = "without looking at it nobody learns whether the record was stored"]
pub struct Delivery {
    /// Taken when the outcome is given out.
    cell: Option<Arc<Cell>>,
    index: u32,
}

impl Delivery {
    #[inline]
    pub(crate) const fn new(cell: Arc<Cell>, index: u32) -> Self {
        Self { cell: Some(cell), index }
    }

    /// The batch it is about and its place in it; `None` once the outcome was given out.
    pub(crate) fn place(&self) -> Option<(&Arc<Cell>, u32)> {
        self.cell.as_ref().map(|cell| (cell, self.index))
    }

    /// The outcome if it is known, without waiting.
    ///
    /// # Errors
    /// As awaiting it.
    pub fn try_get(&self) -> Option<Result<RecordMetadata>> {
        let cell = self.cell.as_ref()?;
        cell.is_resolved().then(|| RecordMetadata::new(cell.clone(), self.index))
    }
}

impl Future for Delivery {
    type Output = Result<RecordMetadata>;

    /// # Panics
    /// Never; polled again after it was ready, it stays pending.
    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(cell) = &self.cell else { return Poll::Pending };
        if cell.poll_resolved(cx).is_pending() {
            return Poll::Pending;
        }
        match self.cell.take() {
            Some(cell) => Poll::Ready(RecordMetadata::new(cell, self.index)),
            None => Poll::Pending,
        }
    }
}

/// The acknowledgements of many records, in the order in which they were given.
#[derive(Debug, Default)]
#[must_use = "without looking at it nobody learns whether the records were stored"]
pub struct Deliveries {
    /// Batches, each with the first record in it and the one behind the last.
    runs: Vec<(Arc<Cell>, u32, u32)>,
}

impl Deliveries {
    #[inline]
    pub(crate) fn push(&mut self, cell: &Arc<Cell>, index: u32) {
        match self.runs.last_mut() {
            Some((last, _, end)) if *end == index && Arc::ptr_eq(last, cell) => *end += 1,
            _ => self.runs.push((cell.clone(), index, index + 1)),
        }
    }

    /// How many records.
    pub fn len(&self) -> usize {
        self.runs.iter().map(|(_, first, end)| (end - first) as usize).sum()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// Waits until the fate of every record is known.
    ///
    /// # Cancel safety
    /// Dropping the future changes nothing; the deliveries can be waited for again.
    pub async fn resolved(&self) {
        for (cell, _, _) in &self.runs {
            std::future::poll_fn(|cx| cell.poll_resolved(cx)).await;
        }
    }

    /// Waits for all and tells where they were stored, in order.
    ///
    /// # Errors
    /// The first failure in that order; [`Deliveries::results`] has them all.
    ///
    /// # Cancel safety
    /// Dropping the future takes nothing back: the records are sent, and what became of them is lost.
    pub async fn all(self) -> Result<Vec<RecordMetadata>> {
        self.resolved().await;
        self.results().collect()
    }

    /// What became of each record, in order; those whose fate is not known yet are left out.
    pub fn results(&self) -> impl Iterator<Item = Result<RecordMetadata>> + '_ {
        let resolved = self.runs.iter().filter(|(cell, _, _)| cell.is_resolved());
        resolved.flat_map(|(cell, first, end)| {
            (*first..*end).map(|index| RecordMetadata::new(cell.clone(), index))
        })
    }
}

/// Where a record was stored.
#[derive(Clone)]
pub struct RecordMetadata {
    cell: Arc<Cell>,
    index: u32,
}

impl RecordMetadata {
    #[inline]
    fn new(cell: Arc<Cell>, index: u32) -> Result<Self> {
        if let Some((_, Outcome::Failed(error))) = cell.outcome_of(index) {
            return Err(error.clone());
        }
        Ok(Self { cell, index })
    }

    /// The topic.
    pub fn topic(&self) -> &str {
        &self.cell.topic
    }

    /// The partition.
    pub fn partition(&self) -> i32 {
        self.cell.partition
    }

    /// The offset; `None` where the broker does not say, as with `acks=0`.
    #[inline]
    pub fn offset(&self) -> Option<i64> {
        match self.cell.outcome_of(self.index)? {
            (first, Outcome::Stored { base_offset, .. }) if *base_offset >= 0 => {
                Some(base_offset + i64::from(self.index - first))
            }
            _ => None,
        }
    }

    /// Milliseconds since 1970 when the broker stored it, if the topic keeps `LogAppendTime`.
    pub fn log_append_time_ms(&self) -> Option<i64> {
        match self.cell.outcome_of(self.index)?.1 {
            Outcome::Stored { log_append_time_ms, .. } => {
                (*log_append_time_ms >= 0).then_some(*log_append_time_ms)
            }
            Outcome::Failed(_) => None,
        }
    }
}

impl fmt::Debug for RecordMetadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecordMetadata")
            .field("topic", &self.topic())
            .field("partition", &self.partition())
            .field("offset", &self.offset())
            .finish()
    }
}

/// The duty to resolve a cell, whole or in parts.
#[derive(Debug)]
pub(crate) struct Completion {
    cell: Arc<Cell>,
    /// The first record that this completes.
    first: u32,
    /// Set if others complete the rest of the cell.
    shared: Option<Arc<Mutex<Parts>>>,
    done: bool,
}

#[derive(Debug)]
struct Parts {
    open: usize,
    known: Vec<(u32, Outcome)>,
}

impl Completion {
    pub(crate) const fn new(cell: Arc<Cell>) -> Self {
        Self { cell, first: 0, shared: None, done: false }
    }

    pub(crate) fn cell(&self) -> &Arc<Cell> {
        &self.cell
    }

    /// Whether [`Completion::complete`] was called.
    pub(crate) const fn is_done(&self) -> bool {
        self.done
    }

    /// Makes the outcome known; later calls change nothing.
    pub(crate) fn complete(&mut self, outcome: Outcome) {
        if std::mem::replace(&mut self.done, true) {
            return;
        }
        let Some(shared) = &self.shared else {
            return self.cell.resolve(Outcomes::Whole(self.first, outcome));
        };
        let mut parts = shared.lock().unwrap_or_else(PoisonError::into_inner);
        parts.known.push((self.first, outcome));
        parts.open -= 1;
        if parts.open == 0 {
            let mut known = std::mem::take(&mut parts.known);
            known.sort_by_key(|(first, _)| *first);
            self.cell.resolve(Outcomes::Split(known));
        }
    }

    /// Splits the duty before the record `at`, counted from this one's first.
    pub(crate) fn split_off(&mut self, at: u32) -> Self {
        let one = || Arc::new(Mutex::new(Parts { open: 1, known: Vec::new() }));
        let shared = self.shared.get_or_insert_with(one);
        shared.lock().unwrap_or_else(PoisonError::into_inner).open += 1;
        Self {
            cell: self.cell.clone(),
            first: self.first + at,
            shared: Some(shared.clone()),
            done: self.done,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    fn stored(base_offset: i64) -> Outcome {
        Outcome::Stored { base_offset, log_append_time_ms: -1 }
    }

    fn ready(mut delivery: Delivery) -> Option<Result<RecordMetadata>> {
        match Pin::new(&mut delivery).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(result) => Some(result),
            Poll::Pending => None,
        }
    }

    #[test]
    fn every_record_of_a_batch_learns_its_offset() {
        let cell = Cell::new("orders".into(), 3);
        assert!(ready(Delivery::new(cell.clone(), 1)).is_none());
        Completion::new(cell.clone()).complete(stored(100));
        let metadata = ready(Delivery::new(cell.clone(), 1)).unwrap().unwrap();
        assert_eq!((metadata.topic(), metadata.partition()), ("orders", 3));
        assert_eq!((metadata.offset(), metadata.log_append_time_ms()), (Some(101), None));
    }

    #[test]
    fn a_split_batch_resolves_when_its_last_part_does() {
        let cell = Cell::new("orders".into(), 0);
        let mut first = Completion::new(cell.clone());
        let mut third = first.split_off(20);
        let mut second = first.split_off(10);
        third.complete(Outcome::Failed(Error::new(ErrorKind::RecordTooLarge, "send", "")));
        first.complete(stored(0));
        assert!(!cell.is_resolved());
        second.complete(stored(70));
        let offset = |index| ready(Delivery::new(cell.clone(), index)).unwrap().map(|m| m.offset());
        assert_eq!(offset(9).unwrap(), Some(9));
        assert_eq!(offset(10).unwrap(), Some(70));
        assert_eq!(offset(19).unwrap(), Some(79));
        assert_eq!(offset(20).unwrap_err().kind(), ErrorKind::RecordTooLarge);
    }

    #[test]
    fn many_deliveries_are_kept_as_runs() {
        let (one, two) = (Cell::new("t".into(), 0), Cell::new("t".into(), 1));
        let mut all = Deliveries::default();
        (0..5).for_each(|index| all.push(&one, index));
        (0..3).for_each(|index| all.push(&two, index));
        assert_eq!((all.len(), all.runs.len()), (8, 2));
        Completion::new(two).complete(stored(7));
        assert_eq!(all.results().count(), 3);
        Completion::new(one).complete(stored(0));
        let offsets: Vec<_> = all.results().map(|r| r.unwrap().offset().unwrap()).collect();
        assert_eq!(offsets, [0, 1, 2, 3, 4, 7, 8, 9]);
    }
}

//! What a consumer of a listener and the acknowledgements of its records have in common: the ledger, and who waits.

use super::acks::{Acks, Done, Offsets, Slot, Span};
use super::mode::AckMode;
use crate::clock::Clock;
use crate::error::{Error, ErrorKind, Result};
use crate::record::TopicPartition;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use tokio::sync::{Notify, oneshot};

/// See the module. The lock is held for moments; only acknowledgements take it per record.
#[derive(Debug)]
pub(super) struct Board {
    mode: AckMode,
    clock: Arc<Clock>,
    state: Mutex<State>,
    /// Tells the consumer that a commit is due, or that a partition may go on.
    pub(super) news: Notify,
}

#[derive(Debug)]
struct State {
    acks: Acks,
    waiting: Vec<Waiting>,
}

/// Somebody who waits until these are committed.
#[derive(Debug)]
struct Waiting {
    open: Vec<(Slot, i64)>,
    caller: oneshot::Sender<Result<()>>,
}

impl Board {
    pub(super) fn new(mode: AckMode, gap_limit: u64, clock: Arc<Clock>) -> Self {
        let acks = Acks::new(mode, gap_limit, clock.now().monotonic);
        let state = Mutex::new(State { acks, waiting: Vec::new() });
        Self { mode, clock, state, news: Notify::new() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does something with the ledger.
    pub(super) fn with<T>(&self, what: impl FnOnce(&mut Acks) -> T) -> T {
        what(&mut self.state().acks)
    }

    /// The offsets to commit now, if some are due.
    pub(super) fn commit(&self) -> Option<Offsets> {
        let now = self.clock.now().monotonic;
        self.with(|acks| acks.commit(now))
    }

    /// What is done and not committed of these partitions, due or not.
    pub(super) fn flush(&self, of: impl Fn(&TopicPartition) -> bool) -> Offsets {
        let now = self.clock.now().monotonic;
        self.with(|acks| acks.flush(now, of))
    }

    /// What became of the commit that was under way.
    pub(super) fn on_committed(&self, outcome: &Result<()>) {
        let mut state = self.state();
        let State { acks, waiting } = &mut *state;
        acks.on_committed(outcome.is_ok());
        let ends = outcome.as_ref().err().filter(|error| !error.is_retriable());
        settle(waiting, |(slot, end)| match acks.stored(slot) {
            None => Some(Err(gone())),
            Some(stored) if stored >= end => Some(Ok(())),
            Some(_) => ends.map(|error| Err(error.clone())),
        });
    }

    /// These partitions go; whoever waits for them waits in vain.
    pub(super) fn close<'a>(&self, gone: impl IntoIterator<Item = &'a TopicPartition>) {
        let mut state = self.state();
        let State { acks, waiting } = &mut *state;
        gone.into_iter().for_each(|which| acks.close(which));
        settle(waiting, |(slot, _)| acks.stored(slot).is_none().then(|| Err(self::gone())));
    }

    /// The consumer has ended.
    fn shut(&self) {
        let mut state = self.state();
        state.acks.close_all();
        settle(&mut state.waiting, |_| Some(Err(gone())));
    }

    pub(super) fn has(&self, slot: Slot) -> bool {
        self.with(|acks| acks.stored(slot).is_some())
    }

    fn acknowledge(&self, spans: &[Span]) -> Acknowledgement {
        let mut state = self.state();
        let mut open = Vec::new();
        let mut lost = false;
        for span in spans {
            match state.acks.done(span) {
                Done::Prefix if self.mode == AckMode::ManualImmediate => {
                    open.push((span.slot, span.end));
                }
                Done::Prefix | Done::Behind => {}
                Done::Gone => lost = true,
            }
        }
        let news = state.acks.take_news();
        let outcome = if lost {
            Outcome::Known(Some(Err(gone())))
        } else if open.is_empty() {
            Outcome::Known(Some(Ok(())))
        } else {
            let (caller, outcome) = oneshot::channel();
            state.waiting.push(Waiting { open, caller });
            Outcome::Awaited(outcome)
        };
        drop(state);
        if news {
            self.news.notify_one();
        }
        Acknowledgement(outcome)
    }
}

/// Lets nobody wait for a consumer that has ended, in whatever way.
#[derive(Debug)]
pub(super) struct Shut(pub(super) Arc<Board>);

impl Drop for Shut {
    fn drop(&mut self) {
        self.0.shut();
    }
}

/// Answers those who wait for what is settled now.
fn settle(waiting: &mut Vec<Waiting>, settled: impl Fn((Slot, i64)) -> Option<Result<()>>) {
    let mut at = 0;
    while let Some(each) = waiting.get_mut(at) {
        let mut outcome = Ok(());
        each.open.retain(|open| match settled(*open) {
            Some(Ok(())) => false,
            Some(Err(error)) => {
                outcome = Err(error);
                true
            }
            None => true,
        });
        if each.open.is_empty() || outcome.is_err() {
            // Whoever waited may not any more.
            let _ = waiting.swap_remove(at).caller.send(outcome);
        } else {
            at += 1;
        }
    }
}

#[cold]
fn gone() -> Error {
    let reason = "the group has given the partition away; the record will be handled again";
    Error::new(ErrorKind::Rebalanced, "acknowledge", reason)
}

/// One span, or several.
#[derive(Clone, Debug)]
pub(super) enum Spans {
    One(Span),
    Many(Vec<Span>),
}

impl Spans {
    pub(super) fn as_slice(&self) -> &[Span] {
        match self {
            Self::One(span) => std::slice::from_ref(span),
            Self::Many(spans) => spans,
        }
    }
}

/// The right to acknowledge a record, or the records of a poll, that a handler was given.
///
/// It may be sent to other tasks and used at any time, in any order: what is committed is everything up to the first
/// record that is not acknowledged. Dropping it acknowledges nothing, so that the record is handled again after a
/// restart or when its partition goes to another consumer.
///
/// ```no_run
/// # async fn run(client: kafka_client::Client) -> kafka_client::Result<()> {
/// use kafka_client::listener::AckMode;
///
/// let listener = client.listener("billing").topics(["orders"]).ack_mode(AckMode::Manual);
/// listener
///     .run_acked(|record, ack| async move {
///         tokio::spawn(async move {
///             println!("{:?}", record.value());
///             ack.acknowledge();
///         });
///     })
///     .await
/// # }
/// ```
#[derive(Debug)]
pub struct Ack {
    board: Arc<Board>,
    spans: Spans,
}

impl Ack {
    pub(super) fn new(board: Arc<Board>, spans: Spans) -> Self {
        Self { board, spans }
    }

    /// Says that the record is done. This takes effect at once, whether or not what it gives is awaited.
    ///
    /// With [`AckMode::ManualImmediate`] the future resolves when the offset is committed; if a record before is not
    /// acknowledged, it resolves at once, and the offset is committed with the one that closes the gap. With
    /// [`AckMode::Manual`] it resolves at once.
    ///
    /// # Errors
    /// The future's: when the partition went to another consumer meanwhile
    /// ([`ErrorKind::Rebalanced`]), which will handle the record again; and what makes a commit fail for good.
    ///
    /// # Cancel safety
    /// Dropping the future loses the outcome only.
    pub fn acknowledge(self) -> Acknowledgement {
        self.board.acknowledge(self.spans.as_slice())
    }
}

/// The outcome of [`Ack::acknowledge`].
#[derive(Debug)]
pub struct Acknowledgement(Outcome);

#[derive(Debug)]
enum Outcome {
    Known(Option<Result<()>>),
    Awaited(oneshot::Receiver<Result<()>>),
}

impl Future for Acknowledgement {
    type Output = Result<()>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        match &mut self.0 {
            Outcome::Known(outcome) => Poll::Ready(outcome.take().unwrap_or(Ok(()))),
            Outcome::Awaited(outcome) => {
                let outcome = std::task::ready!(Pin::new(outcome).poll(cx));
                Poll::Ready(outcome.unwrap_or_else(|_| Err(gone())))
            }
        }
    }
}

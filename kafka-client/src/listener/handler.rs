//! What an application writes: handlers of records and of batches, with and without acknowledgement.

use super::board::{Ack, Board};
use super::work::{Unit, Work};
use std::any::Any;
use std::error::Error;
use std::future::poll_fn;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};

/// Any error, as handlers return them.
pub type HandlerError = Box<dyn Error + Send + Sync>;

/// What a handler may return: nothing, or a `Result` of nothing with any error.
pub trait Outcome: Send + 'static {
    /// The same as a `Result`.
    ///
    /// # Errors
    /// That of the handler.
    fn into_result(self) -> Result<(), HandlerError>;
}

impl Outcome for () {
    fn into_result(self) -> Result<(), HandlerError> {
        Ok(())
    }
}

impl<E: Into<HandlerError> + Send + 'static> Outcome for Result<(), E> {
    fn into_result(self) -> Result<(), HandlerError> {
        self.map_err(Into::into)
    }
}

/// A handler of any kind.
pub(super) trait Handler: Send + Sync + 'static {
    type Unit: Unit;

    fn call(
        &self,
        work: Work<Self::Unit>,
        board: &Arc<Board>,
    ) -> impl Future<Output = Result<(), HandlerError>> + Send + 'static + use<Self>;
}

/// A handler whose return says that it is done.
pub(super) struct Plain<F, T>(F, PhantomData<fn(T)>);

/// A handler that acknowledges.
pub(super) struct Acked<F, T>(F, PhantomData<fn(T)>);

impl<F, T> Plain<F, T> {
    pub(super) const fn new(handler: F) -> Self {
        Self(handler, PhantomData)
    }
}

impl<F, T> Acked<F, T> {
    pub(super) const fn new(handler: F) -> Self {
        Self(handler, PhantomData)
    }
}

impl<F, T, R> Handler for Plain<F, T>
where
    T: Unit,
    F: Fn(T) -> R + Send + Sync + 'static,
    R: Future<Output: Outcome> + Send + 'static,
{
    type Unit = T;

    fn call(
        &self,
        work: Work<T>,
        _: &Arc<Board>,
    ) -> impl Future<Output = Result<(), HandlerError>> + Send + 'static + use<F, T, R> {
        let running = (self.0)(work.what);
        async { running.await.into_result() }
    }
}

impl<F, T, R> Handler for Acked<F, T>
where
    T: Unit,
    F: Fn(T, Ack) -> R + Send + Sync + 'static,
    R: Future<Output: Outcome> + Send + 'static,
{
    type Unit = T;

    fn call(
        &self,
        work: Work<T>,
        board: &Arc<Board>,
    ) -> impl Future<Output = Result<(), HandlerError>> + Send + 'static + use<F, T, R> {
        let running = (self.0)(work.what, Ack::new(board.clone(), work.spans));
        async { running.await.into_result() }
    }
}

/// What came of a call.
#[derive(Debug)]
pub(super) enum Called {
    Done,
    Failed(Arc<dyn Error + Send + Sync>),
    /// It panicked, with these words.
    Panicked(String),
}

/// Calls a handler. A panic is its own, and not that of the task it runs in.
fn call<H: Handler>(
    handler: &H,
    work: Work<H::Unit>,
    board: &Arc<Board>,
) -> impl Future<Output = Called> + Send + use<H> {
    let begun = catch_unwind(AssertUnwindSafe(|| handler.call(work, board)));
    async move {
        let mut running = match begun {
            Ok(running) => pin!(running),
            Err(panic) => return Called::Panicked(words(&*panic)),
        };
        let step = |cx: &mut Context<'_>| match catch_unwind(AssertUnwindSafe(|| {
            running.as_mut().poll(cx)
        })) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(Ok(()))) => Poll::Ready(Called::Done),
            Ok(Poll::Ready(Err(error))) => Poll::Ready(Called::Failed(error.into())),
            Err(panic) => Poll::Ready(Called::Panicked(words(&*panic))),
        };
        poll_fn(step).await
    }
}

/// A handler of units of type `T` whose own type only it knows. One call at a time is under way.
pub(super) trait Call<T>: Send {
    /// Begins a call, in the place of the one before.
    fn begin(&mut self, work: Work<T>, board: &Arc<Board>);

    /// What came of the call.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Called>;

    /// Drops the call if it is under way.
    fn end(&mut self);
}

/// A handler without its type, in which calls have a place that stays: none allocates.
pub(super) fn erased<H: Handler>(handler: Arc<H>) -> Box<dyn Call<H::Unit>> {
    let call = move |work: Work<H::Unit>, board: &Arc<Board>| call(&*handler, work, board);
    Box::new(Place { call, running: Box::pin(None) })
}

struct Place<C, F> {
    call: C,
    running: Pin<Box<Option<F>>>,
}

impl<T, C, F> Call<T> for Place<C, F>
where
    C: Fn(Work<T>, &Arc<Board>) -> F + Send,
    F: Future<Output = Called> + Send,
{
    fn begin(&mut self, work: Work<T>, board: &Arc<Board>) {
        let running = (self.call)(work, board);
        self.running.set(Some(running));
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Called> {
        let Some(running) = self.running.as_mut().as_pin_mut() else { return Poll::Pending };
        let polled = running.poll(cx);
        if polled.is_ready() {
            self.end();
        }
        polled
    }

    fn end(&mut self) {
        self.running.set(None);
    }
}

/// What a panic says.
pub(super) fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("without words").to_owned()
}

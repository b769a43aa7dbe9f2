//! One end of a simulated connection, as tokio reads and writes it.

use super::SimNet;
use super::link::{Side, Step};
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

/// One end of a connection of a [`SimNet`]. Dropping it closes the connection.
#[derive(Debug)]
pub struct SimStream {
    net: SimNet,
    link: u64,
    side: Side,
    /// Until bytes arrive that are on their way.
    sleep: Option<Pin<Box<Sleep>>>,
}

/// What is noted in the trace besides the number of bytes.
const READ: u64 = 1 << 60;
const WRITE: u64 = 2 << 60;
const FAILED: u64 = 3 << 60;

impl SimStream {
    pub(super) fn new(net: SimNet, link: u64, side: Side) -> Self {
        Self { net, link, side, sleep: None }
    }

    fn step_read(&self, cx: &Context<'_>, out: &mut ReadBuf<'_>) -> Step<usize> {
        let mut world = self.net.world();
        let world = &mut *world;
        let now_ms = world.clock.now().monotonic_ms;
        let Some(link) = world.links.get_mut(&self.link) else {
            return Step::Failed(io::ErrorKind::ConnectionReset);
        };
        let step = link.read(now_ms, self.side, out, cx.waker(), &mut world.counters);
        match &step {
            Step::Done(read) => world.note(now_ms, self.link, READ | *read as u64),
            Step::Failed(_) => world.note(now_ms, self.link, FAILED),
            Step::Until(_) | Step::Blocked => {}
        }
        step
    }

    /// Waits for that time, or says that it has come.
    fn wait_until(&mut self, at_ms: u64, cx: &mut Context<'_>) -> Poll<()> {
        let at = self.net.world().clock.instant(at_ms);
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(at)));
        if sleep.deadline() != at {
            sleep.as_mut().reset(at);
        }
        ready!(sleep.as_mut().poll(cx));
        self.sleep = None;
        Poll::Ready(())
    }
}

impl AsyncRead for SimStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            match self.step_read(cx, out) {
                Step::Done(_) => return Poll::Ready(Ok(())),
                Step::Failed(kind) => return Poll::Ready(Err(kind.into())),
                Step::Blocked => return Poll::Pending,
                Step::Until(at_ms) => ready!(self.wait_until(at_ms, cx)),
            }
        }
    }
}

impl AsyncWrite for SimStream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut world = self.net.world();
        let world = &mut *world;
        let now_ms = world.clock.now().monotonic_ms;
        let Some(link) = world.links.get_mut(&self.link) else {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        };
        match link.write(now_ms, self.side, slices, cx.waker(), &mut world.counters) {
            Step::Done(written) => {
                world.note(now_ms, self.link, WRITE | written as u64);
                Poll::Ready(Ok(written))
            }
            Step::Failed(kind) => Poll::Ready(Err(kind.into())),
            Step::Until(_) | Step::Blocked => Poll::Pending,
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut world = self.net.world();
        let now_ms = world.clock.now().monotonic_ms;
        if let Some(link) = world.links.get_mut(&self.link) {
            link.finish(now_ms, self.side);
        }
        Poll::Ready(Ok(()))
    }
}

impl crate::net::Stream for SimStream {}

impl Drop for SimStream {
    fn drop(&mut self) {
        let mut world = self.net.world();
        let now_ms = world.clock.now().monotonic_ms;
        if let Some(link) = world.links.get_mut(&self.link) {
            link.let_go(now_ms, self.side);
            if link.is_forgotten() {
                world.links.remove(&self.link);
            }
        }
    }
}

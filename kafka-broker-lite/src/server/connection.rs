//! One connection: reads requests, writes answers, and ends when it must.
//!
//! Bounded: a client that does not take its answers, or whose request is still being handled, is read no further than
//! one chunk ahead. What is read ahead also tells that a client has left while its request waits.

use super::Limits;
use super::file_range::FileSender;
use super::hub::{self, Held, Outgoing, Shared};
use super::incoming::{CHUNK, Incoming};
use crate::broker::ConnectionId;
use crate::config::ListenerName;
use crate::net::Stream;
use kafka_proto::frame::Frame;
use std::collections::VecDeque;
use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWrite};
use tokio::time::Sleep;

/// Slices that go out with one call.
const SLICES: usize = 64;

/// How often a connection looks whether it is idle, and gives memory back.
const LOOK_MS: u64 = 5_000;

/// A connection as a future of its end.
pub(super) struct Connection {
    id: ConnectionId,
    hub: Shared,
    stream: Box<dyn Stream>,
    incoming: Incoming,
    outgoing: Outgoing,
    files: FileSender,
    idle_ms: Option<u64>,
    /// Whether bytes have moved since the last look.
    active: bool,
    active_at_ms: u64,
    look: Pin<Box<Sleep>>,
}

/// How a connection has ended.
pub(super) enum Ended {
    /// The client has closed it.
    Left,
    Failed(io::Error),
    /// The broker closes it.
    Closed(String),
}

impl Connection {
    pub(super) fn new(
        hub: Shared,
        listener: ListenerName,
        host: Arc<str>,
        stream: Box<dyn Stream>,
        limits: Limits,
    ) -> Self {
        let (id, active_at_ms) = {
            let mut hub = hub::lock(&hub);
            (hub.connect(listener, host), hub.now_ms())
        };
        let incoming = Incoming::new(limits.frame_bytes);
        Self {
            id,
            hub,
            stream,
            incoming,
            outgoing: Outgoing::default(),
            files: FileSender::default(),
            idle_ms: limits.idle_ms,
            active: false,
            active_at_ms,
            look: Box::pin(tokio::time::sleep(look_every(limits.idle_ms))),
        }
    }

    fn step(&mut self, cx: &mut Context<'_>) -> Poll<Ended> {
        loop {
            let Self { id, hub, incoming, outgoing, .. } = self;
            let exchanged = hub::lock(hub).exchange(*id, incoming, outgoing, cx.waker());
            let held = match exchanged {
                Ok(held) => held,
                Err(garbage) => return Poll::Ready(Ended::Closed(garbage.to_string())),
            };
            if let Poll::Ready(Err(error)) = self.write(cx) {
                return Poll::Ready(Ended::Failed(error));
            }
            if self.outgoing.frames.is_empty()
                && let Some(reason) = self.outgoing.closing.take()
            {
                return Poll::Ready(Ended::Closed(reason));
            }
            if held == Held::Unsent && !self.outgoing.is_full() {
                continue;
            }
            if held != Held::No && self.incoming.len() >= CHUNK {
                return Poll::Pending;
            }
            match ready!(self.read(cx)) {
                Ok(0) => return Poll::Ready(Ended::Left),
                Ok(_) => self.active = true,
                Err(error) => return Poll::Ready(Ended::Failed(error)),
            }
        }
    }

    /// Sends as much as the peer takes.
    fn write(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.outgoing.frames.is_empty() {
            let frames = &self.outgoing.frames;
            let mut sent = match frames.front().and_then(Frame::file) {
                Some(range) => ready!(self.files.poll_send(&mut *self.stream, cx, range))?,
                None => ready!(write_some(&mut self.stream, cx, frames))?,
            };
            self.active = true;
            self.outgoing.bytes -= sent;
            while let Some(front) = self.outgoing.frames.front_mut() {
                sent = front.advance(sent);
                if !front.is_empty() {
                    break;
                }
                self.outgoing.frames.pop_front();
            }
        }
        Poll::Ready(Ok(()))
    }

    fn read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        pin!(self.stream.read_buf(self.incoming.room())).poll(cx)
    }

    /// Looks now and then whether the connection is idle.
    fn look(&mut self, cx: &mut Context<'_>) -> Poll<Ended> {
        while self.look.as_mut().poll(cx).is_ready() {
            let now_ms = hub::lock(&self.hub).now_ms();
            if std::mem::take(&mut self.active) {
                self.active_at_ms = now_ms;
            } else {
                self.incoming.trim();
            }
            let idle_ms = now_ms - self.active_at_ms;
            if self.idle_ms.is_some_and(|most| idle_ms >= most) {
                let text = format!("idle for {idle_ms} ms, over connections.max.idle.ms");
                return Poll::Ready(Ended::Closed(text));
            }
            let again = self.look.deadline() + look_every(self.idle_ms);
            self.look.as_mut().reset(again);
        }
        Poll::Pending
    }
}

fn look_every(idle_ms: Option<u64>) -> Duration {
    Duration::from_millis(idle_ms.unwrap_or(LOOK_MS).clamp(1, LOOK_MS))
}

/// Sends the beginning of `frames`; gives how many bytes.
fn write_some(
    stream: &mut Box<dyn Stream>,
    cx: &mut Context<'_>,
    frames: &VecDeque<Frame>,
) -> Poll<io::Result<usize>> {
    let mut slices = [IoSlice::new(&[]); SLICES];
    let mut filled = 0;
    for frame in frames {
        filled += frame.fill(slices.get_mut(filled..).unwrap_or_default());
        if filled == SLICES || frame.has_files() {
            break;
        }
    }
    let slices = slices.get(..filled).unwrap_or_default();
    match ready!(Pin::new(stream).poll_write_vectored(cx, slices))? {
        0 => Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
        sent => Poll::Ready(Ok(sent)),
    }
}

impl Future for Connection {
    type Output = Ended;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Ended> {
        match self.step(cx) {
            Poll::Pending => self.look(cx),
            ended @ Poll::Ready(_) => ended,
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        hub::lock(&self.hub).disconnect(self.id);
    }
}

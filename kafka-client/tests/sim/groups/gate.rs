//! A member's way to the network, which can be closed: then nothing passes, and nobody is told.

use kafka_broker_lite::net::sim::{SimNet, SimStream};
use kafka_client::Connector;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// How often a connection is tried that cannot be made.
const AGAIN: Duration = Duration::from_millis(500);

/// Goes up whenever it is opened or closed; odd while it is closed. Clones are the same one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Gate(Arc<AtomicU64>);

impl Gate {
    pub(crate) fn close(&self) {
        self.0.fetch_or(1, Ordering::Relaxed);
    }

    pub(crate) fn open(&self) {
        self.0.fetch_add(self.0.load(Ordering::Relaxed) & 1, Ordering::Relaxed);
    }

    fn is_closed(&self) -> bool {
        self.0.load(Ordering::Relaxed) & 1 == 1
    }
}

/// Connects through a gate.
#[derive(Debug)]
pub(crate) struct Gated(pub(crate) SimNet, pub(crate) Gate);

#[async_trait::async_trait]
impl Connector for Gated {
    async fn connect(&self, host: &str, port: u16) -> io::Result<Box<dyn kafka_client::Stream>> {
        // As TCP does, it tries again and again.
        while self.1.is_closed() {
            tokio::time::sleep(AGAIN).await;
        }
        let stream = self.0.connect(&format!("{host}:{port}")).await?;
        let (gate, opened) = (self.1.clone(), self.1.0.load(Ordering::Relaxed));
        Ok(Box::new(Through { stream, gate, opened }))
    }
}

struct Through {
    stream: SimStream,
    gate: Gate,
    opened: u64,
}

impl Through {
    /// A connection that was cut off is of no use any more when the gate is open again.
    fn check(&self) -> Poll<io::Result<()>> {
        match self.gate.0.load(Ordering::Relaxed) {
            now if now & 1 == 1 => Poll::Pending,
            now if now == self.opened => Poll::Ready(Ok(())),
            _ => Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
        }
    }
}

impl AsyncRead for Through {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        // Whoever waits here notices by its own timers.
        std::task::ready!(self.check())?;
        Pin::new(&mut self.stream).poll_read(cx, out)
    }
}

impl AsyncWrite for Through {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.check() {
            Poll::Ready(Ok(())) => Pin::new(&mut self.stream).poll_write(cx, bytes),
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            // Gone for good.
            Poll::Pending => Poll::Ready(Ok(bytes.len())),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

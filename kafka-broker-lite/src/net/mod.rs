//! Where connections come from: the seam behind which TCP and the simulated network lie.

pub mod sim;
mod tcp;

pub(crate) use tcp::Bound;
pub use tcp::{BindError, TcpAcceptor};

use crate::config::{Address, ListenerName};
use kafka_proto::records::{FileRange, Records};
use std::fmt::Debug;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite};

/// What is read at a time to be sent where a stream cannot send from a file.
const READ_AHEAD: usize = 64 * 1024;

/// A connection's bytes in both directions.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {
    /// Sends the beginning of a range of a file, and gives how many bytes. It is read and written, unless the stream
    /// knows better.
    fn poll_send_file(
        &mut self,
        cx: &mut Context<'_>,
        range: &FileRange,
    ) -> Poll<io::Result<usize>> {
        let len = range.len.min(READ_AHEAD);
        let bytes = Records::File(FileRange { len, ..range.clone() }).to_bytes()?;
        Pin::new(self).poll_write(cx, &bytes)
    }
}

/// A connection that has come in.
#[expect(missing_debug_implementations, reason = "a stream has nothing to show")]
pub struct Accepted {
    /// Its bytes.
    pub stream: Box<dyn Stream>,
    /// Where it comes from; connections are counted per host.
    pub peer: Address,
    /// The listener it came in at.
    pub listener: ListenerName,
}

/// Takes in the connections of every listener of a broker.
#[async_trait::async_trait]
pub trait Acceptor: Debug + Send + 'static {
    /// The next connection.
    ///
    /// # Errors
    /// When it could not be taken in; the one after it may.
    ///
    /// # Cancel safety
    /// No connection is lost when the future is dropped.
    async fn accept(&mut self) -> io::Result<Accepted>;

    /// Each listener with the address at which it can be reached.
    fn addresses(&self) -> Vec<(ListenerName, Address)>;
}

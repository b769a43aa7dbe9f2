//! Where connections come from: the seam behind which TCP and the simulated network lie.

pub mod sim;
mod tcp;

pub(crate) use tcp::Bound;
pub use tcp::{BindError, TcpAcceptor};

use crate::config::{Address, ListenerName};
use std::fmt::Debug;
use std::io;
use tokio::io::{AsyncRead, AsyncWrite};

/// A connection's bytes in both directions.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

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

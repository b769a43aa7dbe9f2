//! How a connection comes to be: the seam where TCP, TLS or a simulated network plug in.

use std::fmt::Debug;
use std::io;
use std::net::SocketAddr;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpSocket, TcpStream, lookup_host};

/// A connection's bytes in both directions.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// Opens connections to brokers.
#[async_trait::async_trait]
pub trait Connector: Debug + Send + Sync + 'static {
    /// Connects to `host` at `port`.
    ///
    /// # Errors
    /// When nobody answers there.
    ///
    /// # Cancel safety
    /// The future is dropped when time for it is over: it must leave no connection behind.
    async fn connect(&self, host: &str, port: u16) -> io::Result<Box<dyn Stream>>;
}

/// Plain TCP. Tries the addresses of a name one after the other.
#[derive(Clone, Copy, Debug, Default)]
pub struct TcpConnector;

#[async_trait::async_trait]
impl Connector for TcpConnector {
    async fn connect(&self, host: &str, port: u16) -> io::Result<Box<dyn Stream>> {
        SocketBuffers::default().connect(host, port).await
    }
}

/// Plain TCP with sockets whose buffers have these sizes; the operating system chooses those that are not given.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SocketBuffers {
    /// `send.buffer.bytes`.
    pub(crate) send: Option<u32>,
    /// `receive.buffer.bytes`.
    pub(crate) receive: Option<u32>,
}

#[async_trait::async_trait]
impl Connector for SocketBuffers {
    async fn connect(&self, host: &str, port: u16) -> io::Result<Box<dyn Stream>> {
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let mut failure = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
        let unknown = |e: io::Error| {
            io::Error::new(io::ErrorKind::NotFound, format!("the name leads nowhere: {e}"))
        };
        for address in lookup_host((host, port)).await.map_err(unknown)? {
            match self.connect_to(address).await {
                Ok(stream) => return Ok(Box::new(stream)),
                Err(error) => failure = error,
            }
        }
        Err(failure)
    }
}

impl SocketBuffers {
    async fn connect_to(self, address: SocketAddr) -> io::Result<TcpStream> {
        let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        // Before connecting: what a peer may send at once is settled then.
        if let Some(size) = self.send {
            socket.set_send_buffer_size(size)?;
        }
        if let Some(size) = self.receive {
            socket.set_recv_buffer_size(size)?;
        }
        socket.set_nodelay(true)?;
        socket.connect(address).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    #[tokio::test]
    async fn sockets_get_the_buffers_that_are_asked_for() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let sizes = async |buffers: SocketBuffers| {
            let stream = buffers.connect_to(address).await.unwrap().into_std().unwrap();
            let socket = TcpSocket::from_std_stream(stream);
            (socket.send_buffer_size().unwrap(), socket.recv_buffer_size().unwrap())
        };
        let (send, receive) =
            sizes(SocketBuffers { send: Some(8_192), receive: Some(16_384) }).await;
        // Linux reserves twice of what is asked for.
        assert!([8_192, 2 * 8_192].contains(&send), "{send}");
        assert!([16_384, 2 * 16_384].contains(&receive), "{receive}");
        let (send, receive) = sizes(SocketBuffers::default()).await;
        assert!(send > 2 * 8_192 && receive > 2 * 16_384, "{send}, {receive}");
    }

    #[tokio::test]
    async fn the_last_address_that_failed_says_why() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let error = TcpConnector.connect("localhost", port).await.err().unwrap();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
        assert!(TcpConnector.connect("no.such.host.invalid", port).await.is_err());
    }
}

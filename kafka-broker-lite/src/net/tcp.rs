//! Listeners over TCP.

use super::{Accepted, Acceptor};
use crate::config::{Address, Listener, ListenerName};
use kafka_proto::records::FileRange;
use std::fmt;
use std::future::poll_fn;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::task::{Context, Poll, ready};
use tokio::io::Interest;
use tokio::net::{TcpListener, TcpStream};

/// Every listener of a broker, bound and listening.
#[derive(Debug)]
pub struct TcpAcceptor {
    listeners: Vec<(ListenerName, TcpListener, SocketAddr)>,
    /// The one that is asked first, so that none starves the others.
    first: usize,
}

/// Listeners that are bound, and not yet given to a runtime.
#[derive(Debug)]
pub(crate) struct Bound(Vec<(ListenerName, std::net::TcpListener)>);

/// A listener that could not be bound.
#[derive(Debug)]
pub struct BindError {
    /// Which.
    pub listener: ListenerName,
    /// To what.
    pub address: Address,
    /// Why not.
    pub source: io::Error,
}

impl fmt::Display for BindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { listener, address, source } = self;
        match source.kind() {
            io::ErrorKind::AddrInUse => write!(
                f,
                "port {} is taken: listener {listener} cannot listen at {address}, because \
                 another process does",
                address.port
            ),
            _ => write!(f, "listener {listener} cannot listen at {address}: {source}"),
        }
    }
}

impl std::error::Error for BindError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}

impl Bound {
    /// Binds all of `listeners`, and writes the ports that were free in the place of port 0.
    pub(crate) fn bind(listeners: &mut [Listener]) -> Result<Self, BindError> {
        let mut bound = Vec::with_capacity(listeners.len());
        for listener in listeners {
            let fail = |source| BindError {
                listener: listener.name.clone(),
                address: listener.bind.clone(),
                source,
            };
            let socket = bind(&listener.bind).map_err(fail)?;
            let port = socket.local_addr().map_err(fail)?.port();
            socket.set_nonblocking(true).map_err(fail)?;
            listener.bind.port = port;
            if listener.advertised.port == 0 {
                listener.advertised.port = port;
            }
            bound.push((listener.name.clone(), socket));
        }
        Ok(Self(bound))
    }

    /// Takes the listeners into the runtime this is called in.
    pub(crate) fn into_acceptor(self) -> io::Result<TcpAcceptor> {
        let adopt = |(name, socket): (ListenerName, std::net::TcpListener)| {
            let address = socket.local_addr()?;
            Ok((name, TcpListener::from_std(socket)?, address))
        };
        let listeners = self.0.into_iter().map(adopt).collect::<io::Result<_>>()?;
        Ok(TcpAcceptor { listeners, first: 0 })
    }
}

impl super::Stream for TcpStream {
    #[cfg(target_os = "linux")]
    fn poll_send_file(
        &mut self,
        cx: &mut Context<'_>,
        range: &FileRange,
    ) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.poll_write_ready(cx))?;
            let sent = self.try_io(Interest::WRITABLE, || {
                let mut offset = range.offset;
                Ok(rustix::fs::sendfile(&*self, &*range.file, Some(&mut offset), range.len)?)
            });
            match sent {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                sent => return Poll::Ready(sent),
            }
        }
    }
}

fn bind(address: &Address) -> io::Result<std::net::TcpListener> {
    let Address { host, port } = address;
    if !host.is_empty() {
        return std::net::TcpListener::bind((&**host, *port));
    }
    match std::net::TcpListener::bind((Ipv6Addr::UNSPECIFIED, *port)) {
        Err(error) if error.kind() != io::ErrorKind::AddrInUse => {
            std::net::TcpListener::bind((Ipv4Addr::UNSPECIFIED, *port))
        }
        result => result,
    }
}

#[async_trait::async_trait]
impl Acceptor for TcpAcceptor {
    async fn accept(&mut self) -> io::Result<Accepted> {
        let Self { listeners, first } = self;
        let (listener, stream, peer) = poll_fn(|cx| {
            for step in 0..listeners.len() {
                let at = (*first + step) % listeners.len();
                let Some((name, socket, _)) = listeners.get(at) else { continue };
                if let Poll::Ready(accepted) = socket.poll_accept(cx) {
                    *first = at + 1;
                    return Poll::Ready(
                        accepted.map(|(stream, peer)| (name.clone(), stream, peer)),
                    );
                }
            }
            Poll::Pending
        })
        .await?;
        stream.set_nodelay(true)?;
        let peer = Address { host: peer.ip().to_canonical().to_string().into(), port: peer.port() };
        Ok(Accepted { stream: Box::new(stream), peer, listener })
    }

    fn addresses(&self) -> Vec<(ListenerName, Address)> {
        self.listeners.iter().map(|(name, _, bound)| (name.clone(), reachable(*bound))).collect()
    }
}

/// Where a listener can be reached from the machine it runs on.
fn reachable(bound: SocketAddr) -> Address {
    let host = match bound.ip() {
        ip if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        ip => ip,
    };
    Address { host: host.to_string().into(), port: bound.port() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::BrokerConfig;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    fn listeners(text: &str) -> Vec<Listener> {
        let map =
            [("listeners", text), ("listener.security.protocol.map", "A:PLAINTEXT,B:PLAINTEXT")];
        BrokerConfig::from_pairs(map).unwrap().listeners
    }

    #[tokio::test]
    async fn connections_come_in_at_every_listener() {
        let mut listeners = listeners("A://127.0.0.1:0,B://127.0.0.1:0");
        let mut acceptor = Bound::bind(&mut listeners).unwrap().into_acceptor().unwrap();
        let addresses = acceptor.addresses();
        for round in 0..3 {
            for (at, (name, address)) in addresses.iter().enumerate() {
                assert_eq!(*address, listeners[at].advertised, "port 0 is told as the bound one");
                let mut client = TcpStream::connect((&*address.host, address.port)).await.unwrap();
                let mut accepted = acceptor.accept().await.unwrap();
                assert_eq!(accepted.listener, *name, "round {round}");
                assert_eq!(&*accepted.peer.host, "127.0.0.1");
                client.write_all(b"x").await.unwrap();
                assert_eq!(accepted.stream.read_u8().await.unwrap(), b'x');
            }
        }
    }

    #[tokio::test]
    async fn a_taken_port_is_named() {
        let mut first = listeners("A://127.0.0.1:0");
        let _bound = Bound::bind(&mut first).unwrap();
        let port = first[0].bind.port;
        let mut second = listeners(&format!("B://127.0.0.1:{port}"));
        let error = Bound::bind(&mut second).unwrap_err().to_string();
        assert_eq!(
            error,
            format!(
                "port {port} is taken: listener B cannot listen at 127.0.0.1:{port}, because \
                 another process does"
            )
        );
        let mut nowhere = listeners("A://192.0.2.1:1");
        let error = Bound::bind(&mut nowhere).unwrap_err().to_string();
        assert!(error.starts_with("listener A cannot listen at 192.0.2.1:1: "), "{error}");
    }
}

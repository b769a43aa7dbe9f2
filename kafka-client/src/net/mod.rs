//! Connections to brokers: from a socket to `call(request) -> response`.

mod buffers;
mod connection;
mod frames;
mod pipeline;
mod pool;
mod throttle;
mod transport;

pub(crate) use connection::{Connection, Reply, introduction};
pub(crate) use pool::{Address, Pool, Purpose};
pub(crate) use throttle::Throttled;
pub(crate) use transport::SocketBuffers;
pub use transport::{Connector, Stream, TcpConnector};

use crate::backoff::Backoff;
use std::sync::Arc;
use std::time::Duration;

/// What connections need of the settings.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// `client.id`.
    pub(crate) client_id: Arc<str>,
    /// `request.timeout.ms`.
    pub(crate) request_timeout: Duration,
    /// `socket.connection.setup.timeout.ms` and its maximum.
    pub(crate) setup_timeout: Backoff,
    /// `connections.max.idle.ms`.
    pub(crate) max_idle: Duration,
    /// `reconnect.backoff.ms` and its maximum.
    pub(crate) reconnect: Backoff,
}

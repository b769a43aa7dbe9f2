//! Runs a broker: takes connections in, and wakes the machine when its time comes.
//!
//! Everything runs in the tasks of one runtime. The machine stands behind a mutex that only these tasks take; over TCP
//! the runtime has a thread of its own, so nobody ever waits for it, and it is taken once per read and not per request.

mod connection;
mod file_range;
mod hub;
mod incoming;

use crate::broker::Broker;
use crate::clock::Clock;
use crate::config::BrokerConfig;
use crate::net::{Accepted, Acceptor};
use connection::Connection;
use hub::Hub;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

/// How long no connection is taken in after one could not be, for want of file descriptors, say.
const ACCEPT_PAUSE_MS: u64 = 100;

/// What connections may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Bytes of a request.
    frame_bytes: usize,
    idle_ms: Option<u64>,
    connections: usize,
    per_host: usize,
}

impl Limits {
    pub(crate) fn new(config: &BrokerConfig) -> Self {
        Self {
            frame_bytes: config.socket_request_max_bytes,
            idle_ms: config.connections_max_idle_ms,
            connections: config.max_connections,
            per_host: config.max_connections_per_ip,
        }
    }
}

/// Serves connections until `stopping` ends; then all of them close, and the storage is put in order. It is not when
/// the future is dropped: that is as if the process were killed.
pub(crate) async fn serve(
    broker: Broker,
    clock: Clock,
    limits: Limits,
    mut acceptor: Box<dyn Acceptor>,
    mut stopping: oneshot::Receiver<()>,
) {
    let (synced, mut ended_syncs) = mpsc::unbounded_channel();
    let hub = Hub::shared(broker, clock, synced);
    let sooner = hub::lock(&hub).sooner();
    let mut connections = JoinSet::new();
    let mut per_host: BTreeMap<Arc<str>, usize> = BTreeMap::new();
    let mut accept_from_ms = 0;
    loop {
        let (now_ms, at) = hub::lock(&hub).tick(accept_from_ms);
        // As in Kafka, connections over the limit wait until others go.
        let accepts = now_ms >= accept_from_ms && connections.len() < limits.connections;
        tokio::select! {
            biased;
            _ = &mut stopping => break,
            Some(ended) = ended_syncs.recv() => hub::lock(&hub).on_synced(ended),
            Some(ended) = connections.join_next() => {
                if let Ok(host) = ended {
                    forget(&mut per_host, &host);
                }
            }
            () = sooner.notified() => {}
            () = tokio::time::sleep_until(at) => {}
            accepted = acceptor.accept(), if accepts => match accepted {
                Ok(accepted) => {
                    let count = per_host.entry(accepted.peer.host.clone()).or_default();
                    if *count < limits.per_host {
                        *count += 1;
                        connections.spawn(run(Arc::clone(&hub), accepted, limits));
                    } else {
                        let (peer, most) = (accepted.peer, limits.per_host);
                        tracing::warn!(%peer, "refused: max.connections.per.ip is {most}");
                    }
                }
                Err(error) => {
                    tracing::warn!("a connection could not be taken in: {error}");
                    accept_from_ms = now_ms + ACCEPT_PAUSE_MS;
                }
            }
        }
    }
    connections.shutdown().await;
    if let Err(error) = hub::lock(&hub).stop() {
        tracing::error!("the log directory is not in order, and will be recovered: {error}");
    }
}

fn forget(per_host: &mut BTreeMap<Arc<str>, usize>, host: &Arc<str>) {
    if let Some(count) = per_host.get_mut(host) {
        *count -= 1;
        if *count == 0 {
            per_host.remove(host);
        }
    }
}

/// Serves one connection to its end, and says from which host it was.
async fn run(hub: hub::Shared, accepted: Accepted, limits: Limits) -> Arc<str> {
    let Accepted { stream, peer, listener } = accepted;
    tracing::debug!(%peer, %listener, "connected");
    let ended = Connection::new(hub, listener, peer.host.clone(), stream, limits).await;
    match ended {
        connection::Ended::Left => tracing::debug!(%peer, "disconnected"),
        connection::Ended::Failed(error) => tracing::debug!(%peer, "disconnected: {error}"),
        connection::Ended::Closed(reason) => tracing::warn!(%peer, "closed: {reason}"),
    }
    peer.host
}

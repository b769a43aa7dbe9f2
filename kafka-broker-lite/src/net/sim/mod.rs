//! A network in memory whose faults are drawn from a seed: connections that are refused, cut at any byte, stalled in
//! one direction or slow, and reads and writes of any size.
//!
//! Everything is in the time of the runtime, which is meant to be paused: the same seed and the same use give the same
//! run, which [`SimNet::trace`] tells. A network belongs to the runtime it was made in.
//!
//! ```
//! use kafka_broker_lite::net::{Acceptor, sim::{Faults, SimNet}};
//! use tokio::io::{AsyncReadExt, AsyncWriteExt};
//!
//! # let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
//! # runtime.block_on(async {
//! let net = SimNet::new(42, Faults::none());
//! let mut acceptor = net.listen("broker:9092");
//! let mut client = net.connect("broker:9092").await?;
//! client.write_all(b"hello").await?;
//! let mut broker = acceptor.accept().await?.stream;
//! let mut heard = [0; 5];
//! broker.read_exact(&mut heard).await?;
//! assert_eq!(&heard, b"hello");
//! # std::io::Result::Ok(())
//! # })?;
//! # std::io::Result::Ok(())
//! ```

mod faults;
mod link;
mod stream;
#[cfg(test)]
mod tests;

pub use faults::{FaultCounters, Faults};
pub use stream::SimStream;

use super::{Accepted, Acceptor};
use crate::clock::{Clock, Random};
use crate::config::{Address, ListenerName};
use link::{Link, Side};
use std::collections::{BTreeMap, VecDeque};
use std::future::poll_fn;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};
use std::time::Duration;

/// Connections that wait to be accepted, at most; more are refused.
const BACKLOG: usize = 1024;

/// A network in memory. Clones are the same one.
#[derive(Clone, Debug)]
pub struct SimNet(Arc<Mutex<World>>);

#[derive(Debug)]
struct World {
    clock: Clock,
    random: Random,
    faults: Faults,
    hosts: BTreeMap<String, Host>,
    links: BTreeMap<u64, Link>,
    next_link: u64,
    counters: FaultCounters,
    trace: u64,
}

#[derive(Debug, Default)]
struct Host {
    stopped: bool,
    /// Goes up with each acceptor, so that one that is replaced no longer takes anything in.
    generation: u64,
    listening: bool,
    waiting: VecDeque<u64>,
    acceptor: Option<Waker>,
}

impl SimNet {
    /// A network without anybody in it.
    #[must_use]
    pub fn new(seed: u64, faults: Faults) -> Self {
        Self(Arc::new(Mutex::new(World {
            clock: Clock::new(Some(seed)),
            random: Random::new(seed),
            faults,
            hosts: BTreeMap::new(),
            links: BTreeMap::new(),
            next_link: 0,
            counters: FaultCounters::default(),
            trace: seed,
        })))
    }

    /// Listens at `address`, a host and a port; whoever listened there before no longer does.
    #[must_use]
    pub fn listen(&self, address: &str) -> SimAcceptor {
        let mut world = self.world();
        let host = world.hosts.entry(address.to_owned()).or_default();
        host.generation += 1;
        host.listening = true;
        let generation = host.generation;
        drop(world);
        SimAcceptor { net: self.clone(), address: address.to_owned(), generation }
    }

    /// Connects to whoever listens at `address`.
    ///
    /// # Errors
    /// When nobody does, the broker is stopped, or the seed has it so.
    ///
    /// # Cancel safety
    /// Dropping the future leaves no connection behind.
    pub async fn connect(&self, address: &str) -> io::Result<SimStream> {
        let (latency_ms, refused) = self.world().draw_connect();
        tokio::time::sleep(Duration::from_millis(latency_ms)).await;
        let id = self.world().open(address, refused)?;
        Ok(SimStream::new(self.clone(), id, Side::Client))
    }

    /// Takes a broker off the network: its connections break, and no new ones are taken in.
    pub fn stop(&self, address: &str) {
        let mut world = self.world();
        world.hosts.entry(address.to_owned()).or_default().stopped = true;
        world.counters.stops += 1;
        world.break_links(address);
    }

    /// Puts a stopped broker back.
    pub fn start(&self, address: &str) {
        self.world().hosts.entry(address.to_owned()).or_default().stopped = false;
    }

    /// Ends every fault: stopped brokers are back, stalled bytes arrive, nothing more is cut. Latency stays.
    pub fn heal(&self) {
        let mut world = self.world();
        world.faults = world.faults.healed();
        world.hosts.values_mut().for_each(|host| host.stopped = false);
        let now_ms = world.clock.now().monotonic_ms;
        world.links.values_mut().for_each(|link| link.heal(now_ms));
    }

    /// The faults that have happened so far.
    #[must_use]
    pub fn counters(&self) -> FaultCounters {
        self.world().counters.clone()
    }

    /// A number that follows from everything that has happened: equal runs have equal ones.
    #[must_use]
    pub fn trace(&self) -> u64 {
        self.world().trace
    }

    /// A panic elsewhere cannot leave this half changed.
    fn world(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl World {
    fn draw_connect(&mut self) -> (u64, bool) {
        let Self { faults, random, .. } = self;
        (faults.latency(random), faults::chance(random, faults.refuse))
    }

    fn open(&mut self, address: &str, refused: bool) -> io::Result<u64> {
        let now_ms = self.clock.now().monotonic_ms;
        let Some(host) = self.hosts.get_mut(address) else {
            let text = format!("nobody is called {address} in this network");
            return Err(io::Error::new(io::ErrorKind::NotFound, text));
        };
        self.counters.refused += u64::from(refused);
        let full = host.waiting.len() >= BACKLOG;
        if refused || full || host.stopped || !host.listening {
            return Err(io::ErrorKind::ConnectionRefused.into());
        }
        let id = self.next_link;
        self.next_link += 1;
        self.counters.connections += 1;
        host.waiting.push_back(id);
        if let Some(acceptor) = host.acceptor.take() {
            acceptor.wake();
        }
        let random = Random::new(self.random.word());
        self.links.insert(id, Link::new(address, &self.faults, random, &mut self.counters));
        self.note(now_ms, id, 0);
        Ok(id)
    }

    /// Breaks every connection of a broker.
    fn break_links(&mut self, address: &str) {
        let waiting = self.hosts.get_mut(address).map(|host| std::mem::take(&mut host.waiting));
        waiting.into_iter().flatten().for_each(|id| self.abandon(id));
        let links = self.links.values_mut().filter(|link| link.host() == address);
        links.for_each(Link::reset);
    }

    /// Breaks a connection that waits in a backlog.
    fn abandon(&mut self, id: u64) {
        if let Some(link) = self.links.get_mut(&id) {
            link.reset();
            link.never_accepted();
            if link.is_forgotten() {
                self.links.remove(&id);
            }
        }
    }

    /// Adds an event to the trace.
    fn note(&mut self, now_ms: u64, link: u64, what: u64) {
        let event = self.trace ^ now_ms.rotate_left(40) ^ link.rotate_left(24) ^ what;
        self.trace = Random::new(event).word();
    }
}

/// Takes in the connections to one address of a [`SimNet`]; when it is dropped, nobody listens there any more.
#[derive(Debug)]
pub struct SimAcceptor {
    net: SimNet,
    address: String,
    generation: u64,
}

#[async_trait::async_trait]
impl Acceptor for SimAcceptor {
    async fn accept(&mut self) -> io::Result<Accepted> {
        let id = poll_fn(|cx| {
            let mut world = self.net.world();
            let host = world.hosts.get_mut(&self.address);
            let Some(host) = host.filter(|host| host.generation == self.generation) else {
                return Poll::Pending;
            };
            match host.waiting.pop_front() {
                Some(id) => Poll::Ready(id),
                None => {
                    host.acceptor = Some(cx.waker().clone());
                    Poll::Pending
                }
            }
        })
        .await;
        let port = u16::try_from(1024 + id % 60_000).unwrap_or_default();
        Ok(Accepted {
            stream: Box::new(SimStream::new(self.net.clone(), id, Side::Broker)),
            peer: Address { host: "client".into(), port },
            listener: ListenerName::new("PLAINTEXT"),
        })
    }

    fn addresses(&self) -> Vec<(ListenerName, Address)> {
        let (host, port) = self.address.rsplit_once(':').unwrap_or((&self.address, "0"));
        let address = Address { host: host.into(), port: port.parse().unwrap_or_default() };
        vec![(ListenerName::new("PLAINTEXT"), address)]
    }
}

impl Drop for SimAcceptor {
    fn drop(&mut self) {
        let mut world = self.net.world();
        if let Some(host) = world.hosts.get_mut(&self.address)
            && host.generation == self.generation
        {
            host.listening = false;
            let waiting = std::mem::take(&mut host.waiting);
            waiting.into_iter().for_each(|id| world.abandon(id));
        }
    }
}

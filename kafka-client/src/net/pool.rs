//! Which connection leads to which broker.
//!
//! One connection per broker and purpose, opened when first needed and again, after a backoff, when it has ended.
//! Whoever needs the same connection at the same time waits for the same attempt.

use super::buffers::Buffers;
use super::{Connection, Connector, Options};
use crate::clock::{Clock, Monotonic};
use crate::error::{Error, ErrorKind, Result};
use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// What a connection is for: a long poll must not hold up anything else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Purpose {
    /// Metadata, admin and produce requests.
    General,
    /// Fetches, of the consumer with this number.
    Fetch(u64),
    /// Membership in a group, of the consumer with this number: a join waits for all other members.
    Group(u64),
}

/// Where a broker listens.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Address {
    pub(crate) host: Arc<str>,
    pub(crate) port: u16,
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

/// All connections of one client.
#[derive(Debug)]
pub(crate) struct Pool {
    connector: Arc<dyn Connector>,
    options: Options,
    clock: Arc<Clock>,
    buffers: Buffers,
    slots: Mutex<BTreeMap<(Address, Purpose), Arc<Slot>>>,
}

#[derive(Debug, Default)]
struct Slot {
    /// How many attempts have ended.
    attempts: AtomicU64,
    /// Held while one is made.
    state: tokio::sync::Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    connection: Option<Connection>,
    /// What came of the last attempt, if it failed.
    failure: Option<Error>,
    failures: u32,
    not_before: Monotonic,
}

impl Pool {
    pub(crate) fn new(connector: Arc<dyn Connector>, options: Options, clock: Arc<Clock>) -> Self {
        Self { connector, options, clock, buffers: Buffers::default(), slots: Mutex::default() }
    }

    /// The connection to `address` for `purpose`. One attempt is made if there is none; after a failed one the next
    /// waits out the backoff.
    ///
    /// # Cancel safety
    /// Dropping the future gives up the attempt.
    pub(crate) async fn get(&self, address: &Address, purpose: Purpose) -> Result<Connection> {
        let slot = {
            let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
            slots.entry((address.clone(), purpose)).or_default().clone()
        };
        let attempts = slot.attempts.load(Ordering::Relaxed);
        let mut state = slot.state.lock().await;
        if let Some(connection) = &state.connection {
            if connection.is_alive() {
                return Ok(connection.clone());
            }
            state.connection = None;
        }
        // An attempt that ended while this call waited for it is this call's, too.
        if slot.attempts.load(Ordering::Relaxed) > attempts
            && let Some(failure) = &state.failure
        {
            return Err(failure.clone());
        }
        if self.clock.now().monotonic < state.not_before {
            tokio::time::sleep_until(self.clock.instant(state.not_before)).await;
        }
        let opened = self.open(address, state.failures).await;
        slot.attempts.fetch_add(1, Ordering::Relaxed);
        state.failure = opened.as_ref().err().cloned();
        match &opened {
            Ok(connection) => {
                state.connection = Some(connection.clone());
                state.failures = 0;
                // A peer that takes connections and drops them at once is not hammered either.
                state.not_before = self.clock.now().monotonic.after(self.options.reconnect.first);
            }
            Err(_) => {
                state.failures = state.failures.saturating_add(1);
                let now = self.clock.now();
                let wait = self.options.reconnect.wait(state.failures, now.random);
                state.not_before = now.monotonic.after(wait);
            }
        }
        opened
    }

    /// Forgets the connections of one purpose; those in use end when their users let go.
    pub(crate) fn forget(&self, purpose: Purpose) {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        slots.retain(|(_, of), _| *of != purpose);
    }

    async fn open(&self, address: &Address, failures: u32) -> Result<Connection> {
        let failed = |reason: String| {
            Error::new(ErrorKind::Connect, format!("connect to {address}"), reason)
        };
        let why = |error: &io::Error| match error.kind() {
            io::ErrorKind::ConnectionRefused => "refused: nothing listens there".to_owned(),
            _ => error.to_string(),
        };
        let attempt = async {
            let stream = self
                .connector
                .connect(&address.host, address.port)
                .await
                .map_err(|e| failed(why(&e)).with_source(e))?;
            let (options, clock) = (self.options.clone(), self.clock.clone());
            Connection::open(stream, address.to_string(), options, clock, self.buffers.clone())
                .await
        };
        let random = self.clock.now().random;
        let limit = self.options.setup_timeout.wait(failures.saturating_add(1), random);
        tokio::time::timeout(limit, attempt).await.unwrap_or_else(|_| {
            let ms = limit.as_millis();
            Err(failed(format!(
                "no connection within {ms} ms (socket.connection.setup.timeout.ms)"
            )))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backoff::Backoff;
    use crate::net::Stream;
    use std::time::Duration;

    /// Nobody answers, and that takes ten seconds to find out.
    #[derive(Debug)]
    struct Nobody(AtomicU64);

    #[async_trait::async_trait]
    impl Connector for Nobody {
        async fn connect(&self, _: &str, _: u16) -> io::Result<Box<dyn Stream>> {
            self.0.fetch_add(1, Ordering::Relaxed);
            tokio::time::sleep(Duration::from_secs(10)).await;
            Err(io::ErrorKind::ConnectionRefused.into())
        }
    }

    #[tokio::test(start_paused = true)]
    async fn one_attempt_serves_all_who_wait_for_it() {
        let clock = Arc::new(Clock::new(Some(1)));
        let minute = Duration::from_secs(60);
        let options = Options {
            client_id: "test".into(),
            request_timeout: minute,
            setup_timeout: Backoff { first: minute, max: minute },
            max_idle: minute,
            reconnect: Backoff { first: Duration::from_secs(1), max: minute },
        };
        let nobody = Arc::new(Nobody(AtomicU64::new(0)));
        let pool = Pool::new(nobody.clone(), options, clock.clone());
        let address = Address { host: "broker".into(), port: 9092 };
        let get = || pool.get(&address, Purpose::General);
        let (one, two, three) = tokio::join!(get(), get(), get());
        for failed in [one, two, three] {
            assert_eq!(failed.unwrap_err().kind(), ErrorKind::Connect);
        }
        assert_eq!(clock.now().monotonic, Monotonic(10_000_000));
        assert_eq!(nobody.0.load(Ordering::Relaxed), 1);
        // Who comes later makes another attempt, after the backoff.
        assert!(get().await.is_err());
        assert_eq!(nobody.0.load(Ordering::Relaxed), 2);
        assert!(clock.now().monotonic > Monotonic(20_500_000));
    }
}

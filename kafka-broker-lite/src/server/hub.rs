//! The machine and its clock, with an outbox for every connection.
//!
//! Whoever makes the machine act carries its actions out: frames for the own connection are handed over at once, those
//! for others are put into their outboxes, and their tasks are woken.

use super::incoming::{Garbage, Incoming};
use crate::broker::{Action, Broker, ConnectionId};
use crate::clock::{Clock, Now};
use crate::config::ListenerName;
use crate::log::{StorageError, SyncJob};
use kafka_proto::frame::Frame;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use tokio::sync::Notify;
use tokio::sync::mpsc::UnboundedSender;
use tokio::time::Instant;

/// Bytes of answers that are not sent yet; with more, no request of the connection is handled.
const UNSENT: usize = 256 * 1024;

pub(super) type Shared = Arc<Mutex<Hub>>;

/// How a sync has ended, and the token that it was given with.
pub(super) type Synced = (u64, Result<(), StorageError>);

/// A panic elsewhere ends its own connection, and leaves nothing half done that others would trip over.
pub(super) fn lock(hub: &Shared) -> MutexGuard<'_, Hub> {
    hub.lock().unwrap_or_else(PoisonError::into_inner)
}

#[derive(Debug)]
pub(super) struct Hub {
    broker: Broker,
    clock: Clock,
    outboxes: BTreeMap<ConnectionId, Outbox>,
    /// Connections that have requests which wait for the machine to finish the one before.
    held: BTreeSet<ConnectionId>,
    next_connection: u64,
    /// When the machine will be asked again, and how to have that done sooner.
    armed_ms: u64,
    sooner: Arc<Notify>,
    /// Where threads tell that a sync has ended.
    synced: UnboundedSender<Synced>,
}

/// What goes out of a connection.
enum Output {
    Frame(Frame),
    Closing(String),
}

#[derive(Debug, Default)]
struct Outbox {
    frames: VecDeque<Frame>,
    closing: Option<String>,
    task: Option<Waker>,
}

/// Answers on their way out of a connection.
#[derive(Debug, Default)]
pub(super) struct Outgoing {
    pub(super) frames: VecDeque<Frame>,
    pub(super) bytes: usize,
    /// Why the connection is to be closed when they are sent.
    pub(super) closing: Option<String>,
}

impl Outgoing {
    fn push(&mut self, frame: Frame) {
        self.bytes += frame.len();
        self.frames.push_back(frame);
    }

    pub(super) fn is_full(&self) -> bool {
        self.bytes >= UNSENT
    }
}

/// Why the next request of a connection was left in its buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Held {
    /// There is none, or not all of it.
    No,
    /// The one before is not answered.
    Busy,
    /// Answers are not taken by the client.
    Unsent,
}

impl Hub {
    pub(super) fn shared(broker: Broker, clock: Clock, synced: UnboundedSender<Synced>) -> Shared {
        Arc::new(Mutex::new(Self {
            broker,
            clock,
            outboxes: BTreeMap::new(),
            held: BTreeSet::new(),
            next_connection: 0,
            armed_ms: 0,
            sooner: Arc::default(),
            synced,
        }))
    }

    /// Tells that [`Self::tick`] has to be called before the time it gave.
    pub(super) fn sooner(&self) -> Arc<Notify> {
        Arc::clone(&self.sooner)
    }

    /// Does what is due. Gives the time, and when to come again: when the machine says or at `or_at_ms` from now on.
    pub(super) fn tick(&mut self, or_at_ms: u64) -> (u64, Instant) {
        let now = self.clock.now();
        self.perform(now, None);
        let deadline_ms = self.broker.deadline().unwrap_or(u64::MAX);
        self.armed_ms =
            if or_at_ms > now.monotonic_ms { deadline_ms.min(or_at_ms) } else { deadline_ms };
        (now.monotonic_ms, self.clock.instant(self.armed_ms))
    }

    pub(super) fn connect(&mut self, listener: ListenerName, host: Arc<str>) -> ConnectionId {
        let id = ConnectionId(self.next_connection);
        self.next_connection += 1;
        self.broker.on_connect(id, listener, host);
        self.outboxes.insert(id, Outbox::default());
        id
    }

    pub(super) fn disconnect(&mut self, id: ConnectionId) {
        self.broker.on_disconnect(id);
        self.outboxes.remove(&id);
        self.held.remove(&id);
    }

    pub(super) fn now_ms(&mut self) -> u64 {
        self.clock.now().monotonic_ms
    }

    /// Hands over what others put into the outbox, and has the machine handle what has come in, as far as it may.
    pub(super) fn exchange(
        &mut self,
        id: ConnectionId,
        incoming: &mut Incoming,
        outgoing: &mut Outgoing,
        task: &Waker,
    ) -> Result<Held, Garbage> {
        if let Some(outbox) = self.outboxes.get_mut(&id) {
            outbox.frames.drain(..).for_each(|frame| outgoing.push(frame));
            outgoing.closing = outgoing.closing.take().or(outbox.closing.take());
            if !outbox.task.as_ref().is_some_and(|known| known.will_wake(task)) {
                outbox.task = Some(task.clone());
            }
        }
        let held = self.handle(id, incoming, outgoing)?;
        match held {
            Held::Busy => self.held.insert(id),
            Held::No | Held::Unsent => self.held.remove(&id),
        };
        if self.broker.deadline().is_some_and(|deadline| deadline < self.armed_ms) {
            self.sooner.notify_one();
        }
        Ok(held)
    }

    fn handle(
        &mut self,
        id: ConnectionId,
        incoming: &mut Incoming,
        outgoing: &mut Outgoing,
    ) -> Result<Held, Garbage> {
        while outgoing.closing.is_none() {
            if outgoing.is_full() {
                return Ok(Held::Unsent);
            }
            if self.broker.is_busy(id) {
                return Ok(Held::Busy);
            }
            let Some(frame) = incoming.next()? else { break };
            let now = self.clock.now();
            self.broker.on_frame(now, id, frame);
            self.perform(now, Some((id, outgoing)));
        }
        Ok(Held::No)
    }

    /// Carries out what the machine wants done.
    fn perform(&mut self, now: Now, mut own: Option<(ConnectionId, &mut Outgoing)>) {
        while let Some(action) = self.broker.poll(now) {
            let (conn, output) = match action {
                Action::Send { conn, frame } => (conn, Output::Frame(frame)),
                Action::Close { conn, reason } => (conn, Output::Closing(reason)),
                Action::Sync { token, job } => {
                    self.sync(now, token, job);
                    continue;
                }
            };
            if let Some((id, outgoing)) = &mut own
                && conn == *id
            {
                match output {
                    Output::Frame(frame) => outgoing.push(frame),
                    Output::Closing(reason) => outgoing.closing = Some(reason),
                }
                continue;
            }
            let Some(outbox) = self.outboxes.get_mut(&conn) else { continue };
            match output {
                Output::Frame(frame) => outbox.frames.push_back(frame),
                Output::Closing(reason) => outbox.closing = Some(reason),
            }
            if let Some(task) = outbox.task.take() {
                task.wake();
            }
        }
        self.wake_held();
    }

    /// Has a sync run: by a thread that may wait for the medium, unless there is nothing to wait for.
    fn sync(&mut self, now: Now, token: u64, job: SyncJob) {
        let takes = job.takes();
        if !takes.is_zero() {
            let ended = self.synced.clone();
            tokio::spawn(async move {
                tokio::time::sleep(takes).await;
                let _stopped_meanwhile = ended.send((token, job.run()));
            });
            return;
        }
        if !job.waits() {
            return self.broker.on_synced(now, token, job.run());
        }
        let ended = self.synced.clone();
        tokio::task::spawn_blocking(move || {
            let _stopped_meanwhile = ended.send((token, job.run()));
        });
    }

    /// A sync that a thread was given has ended.
    pub(super) fn on_synced(&mut self, (token, result): Synced) {
        let now = self.clock.now();
        self.broker.on_synced(now, token, result);
        self.perform(now, None);
    }

    /// Lets the machine put its storage in order.
    pub(super) fn stop(&mut self) -> Result<(), StorageError> {
        self.broker.stop()
    }

    /// A request may end without an answer: then nothing but this tells its connection to go on.
    fn wake_held(&mut self) {
        let Self { held, broker, outboxes, .. } = self;
        held.retain(|id| {
            let busy = broker.is_busy(*id);
            if let Some(outbox) = outboxes.get_mut(id).filter(|_| !busy)
                && let Some(task) = outbox.task.take()
            {
                task.wake();
            }
            busy
        });
    }
}

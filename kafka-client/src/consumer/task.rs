//! The shell around the consumer's machine: one task that sends what it asks for and feeds back what comes.

use super::assignor::Assignor;
use super::budget::Budget;
use super::calls;
use super::commit::Offsets;
use super::core::{Action, Core};
use super::group::{self, Group};
use super::{Settings, fetcher, offsets};
use crate::clock::{Clock, Monotonic, Now};
use crate::cluster::Cluster;
use crate::cluster::metadata::Snapshot;
use crate::error::{Error, ErrorKind, Result};
use crate::net::{Connection, Purpose, Reply};
use kafka_proto::messages::fetch;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::JoinSet;

/// What the consumer and its task have in common. The lock is held for moments, and never per record.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) cluster: Arc<Cluster>,
    pub(super) settings: Arc<Settings>,
    pub(super) budget: Arc<Budget>,
    /// Tells the task that the machine has something to do.
    pub(super) wake: Arc<Notify>,
    /// The group wants something of the application's next call for records.
    pub(super) attention: AtomicBool,
    state: Mutex<State>,
    /// Tells this consumer's connections from those of others.
    number: u64,
}

/// What is under the lock.
#[derive(Debug)]
pub(super) struct State {
    pub(super) core: Core,
    /// Of a consumer with `group.id`.
    pub(super) group: Option<Group>,
    /// Who waits for the outcome of commits and lookups, by their numbers.
    pub(super) commits: BTreeMap<u64, oneshot::Sender<Result<()>>>,
    pub(super) lookups: BTreeMap<u64, oneshot::Sender<Result<Offsets>>>,
    /// The application, when it waits.
    pub(super) waiting: Option<Waker>,
    pub(super) closed: bool,
}

impl Shared {
    pub(super) fn new(
        cluster: Arc<Cluster>,
        settings: Settings,
        assignors: Vec<Arc<dyn Assignor>>,
        number: u64,
    ) -> Self {
        let wake = Arc::new(Notify::new());
        let budget = Budget::new(settings.consumer_buffer_memory, wake.clone());
        let settings = Arc::new(settings);
        let core = Core::new(settings.clone(), budget.clone());
        let group = settings.group.clone();
        let group = group.map(|group| Group::new(group, &settings, assignors));
        let state = Mutex::new(State {
            core,
            group,
            commits: BTreeMap::new(),
            lookups: BTreeMap::new(),
            waiting: None,
            closed: false,
        });
        let attention = AtomicBool::new(false);
        Self { cluster, settings, budget, wake, attention, state, number }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn clock(&self) -> &Clock {
        &self.cluster.clock
    }
}

/// What came back.
enum Event {
    Fetched { broker: i32, connection: Connection, version: i16, reply: Reply },
    Connected { ask: fetcher::Ask, connection: Result<Connection> },
    Answered { ticket: u64, answer: Result<offsets::Response> },
    Group(group::Answer),
}

struct Task {
    shared: Arc<Shared>,
    /// For fetches: a long poll must not hold up anything else.
    connections: BTreeMap<i32, Connection>,
    calls: JoinSet<Event>,
    /// How many of them tell the group that a member goes.
    leaving: usize,
    events: mpsc::UnboundedSender<Event>,
}

/// Runs until the consumer is closed or dropped.
pub(super) async fn run(shared: Arc<Shared>) {
    let (events, mut inbox) = mpsc::unbounded_channel();
    let mut seen = shared.cluster.watch();
    let first = seen.latest();
    shared.state().on_metadata(first);
    let connections = BTreeMap::new();
    let calls = JoinSet::new();
    let mut task = Task { shared: shared.clone(), connections, calls, leaving: 0, events };
    while let Some(deadline) = task.act() {
        tokio::select! {
            biased;
            Some(event) = inbox.recv() => task.on_event(event),
            Some(event) = task.calls.join_next() => {
                // One that panicked or was aborted has nothing to say.
                if let Ok(event) = event {
                    task.on_event(event);
                }
            }
            () = seen.changed() => {
                shared.state().on_metadata(seen.latest());
            }
            () = shared.wake.notified() => {}
            () = sleep_until(shared.clock(), deadline) => {}
        }
    }
    task.end().await;
}

impl State {
    fn on_metadata(&mut self, snapshot: Arc<Snapshot>) {
        if let Some(group) = &mut self.group {
            group.on_metadata(&snapshot);
        }
        self.core.on_metadata(snapshot);
    }

    /// Hands on what came of commits and lookups. Says whether there was anything.
    fn deliver(&mut self, now: Now) -> bool {
        let Some(group) = &mut self.group else { return false };
        let mut any = false;
        while let Some((id, outcome)) = group.committed() {
            any = true;
            match self.commits.remove(&id) {
                // Whoever asked may have stopped waiting.
                Some(caller) => drop(caller.send(outcome)),
                None => {
                    if let Err(error) = outcome {
                        tracing::warn!(%error, "auto-commit");
                    }
                }
            }
        }
        while let Some((id, found)) = group.looked_up() {
            any = true;
            if let Some(asked) = group.restored(now, id, &found) {
                self.core.on_restored(now, asked, &found.unwrap_or_default());
            } else if let Some(caller) = self.lookups.remove(&id) {
                let _ = caller.send(found);
            }
        }
        any
    }

    /// What the machines want next.
    fn next(&mut self, now: Now) -> Option<Next> {
        if let Some(action) = self.core.poll(now) {
            return Some(Next::Core(action));
        }
        self.group.as_mut()?.poll(now).map(Next::Group)
    }
}

enum Next {
    Core(Action),
    Group(group::Action),
}

impl Task {
    /// Does what the machine asks for, then calls the application. Gives the time to look again, `None` when closed.
    fn act(&mut self) -> Option<Option<Monotonic>> {
        loop {
            let now = self.shared.clock().now();
            let mut state = self.shared.state();
            if state.closed {
                return None;
            }
            let Some(next) = state.next(now) else {
                if state.deliver(now) {
                    continue;
                }
                let group = state.group.as_ref();
                let of_group = group.and_then(|group| group.deadline(now.monotonic));
                let deadline = [state.core.deadline(now), of_group].into_iter().flatten().min();
                let attention = group.is_some_and(|group| group.needs_application(now.monotonic));
                if attention {
                    self.shared.attention.store(true, Ordering::Release);
                }
                let State { core, waiting, .. } = &mut *state;
                let waiting = waiting.take_if(|_| core.has_news() || attention);
                drop(state);
                waiting.into_iter().for_each(Waker::wake);
                return Some(deadline);
            };
            drop(state);
            match next {
                Next::Core(action) => self.perform(action),
                Next::Group(group::Action::Want { topic, named }) => {
                    let creatable = named && self.shared.settings.allow_auto_create_topics;
                    self.shared.cluster.want(&topic, creatable);
                }
                Next::Group(group::Action::Call(call)) => self.call(call),
            }
        }
    }

    fn call(&mut self, call: group::Call) {
        let (cluster, number) = (self.shared.cluster.clone(), self.shared.number);
        let Some(group) = self.shared.settings.group.clone() else { return };
        self.leaving += usize::from(call.leaves());
        self.calls
            .spawn(async move { Event::Group(calls::perform(cluster, group, number, call).await) });
    }

    fn perform(&mut self, action: Action) {
        let cluster = &self.shared.cluster;
        match action {
            Action::Want(topic) => {
                // What a group gives exists; if it was deleted meanwhile, it is not made again.
                let given = self.shared.state().group.as_ref().is_some_and(Group::is_subscribed);
                let creatable = !given && self.shared.settings.allow_auto_create_topics;
                cluster.want(&topic, creatable);
            }
            Action::Refresh => cluster.refresh(),
            Action::Learn(told) => cluster.learn_leader(
                &told.which.topic,
                told.which.partition,
                told.leader,
                told.leader_epoch,
                told.endpoint,
            ),
            Action::Restore(partitions) => {
                let now = self.shared.clock().now();
                if let Some(group) = &mut self.shared.state().group {
                    group.restore(now, partitions);
                }
            }
            Action::Ask(ask) => {
                let cluster = cluster.clone();
                self.calls.spawn(async move {
                    let ticket = ask.ticket;
                    Event::Answered { ticket, answer: call(&cluster, ask).await }
                });
            }
            Action::Fetch(ask) => match self.connections.get(&ask.broker) {
                Some(connection) if connection.is_alive() => self.fetch(connection.clone(), ask),
                _ => {
                    let cluster = cluster.clone();
                    let purpose = Purpose::Fetch(self.shared.number);
                    self.calls.spawn(async move {
                        let connection = cluster.connection(ask.broker, purpose).await;
                        Event::Connected { ask, connection }
                    });
                }
            },
        }
    }

    fn fetch(&self, connection: Connection, ask: fetcher::Ask) {
        let fetcher::Ask { broker, request, newest } = ask;
        let settings = &self.shared.settings;
        let timeout = settings.request_timeout.saturating_add(settings.fetch_max_wait);
        let sent = connection.version_at_most::<fetch::Request>(newest).and_then(|version| {
            let events = self.events.clone();
            let own = connection.clone();
            let on_reply = Box::new(move |reply| {
                // Nobody listens any more once the consumer is closed.
                let _ = events.send(Event::Fetched { broker, connection: own, version, reply });
            });
            connection.send(&request, version, timeout, true, on_reply)
        });
        if let Err(error) = sent {
            let now = self.shared.clock().now();
            self.shared.state().core.on_fetch_failed(now, broker, &error);
        }
    }

    fn on_event(&mut self, event: Event) {
        match event {
            Event::Fetched { broker, connection, version, reply } => {
                self.on_fetched(broker, &connection, version, reply);
            }
            Event::Connected { ask, connection: Ok(connection) } => {
                self.connections.insert(ask.broker, connection.clone());
                self.fetch(connection, ask);
            }
            Event::Connected { ask, connection: Err(error) } => {
                let now = self.shared.clock().now();
                self.shared.state().core.on_fetch_failed(now, ask.broker, &error);
            }
            Event::Answered { ticket, answer } => {
                let now = self.shared.clock().now();
                self.shared.state().core.on_answer(now, ticket, answer);
            }
            Event::Group(answer) => {
                self.leaving -= usize::from(matches!(answer, group::Answer::Left));
                let now = self.shared.clock().now();
                if let Some(group) = &mut self.shared.state().group {
                    group.on_answer(now, answer);
                }
            }
        }
    }

    fn on_fetched(&self, broker: i32, connection: &Connection, version: i16, reply: Reply) {
        let response = match reply {
            Reply::Answer(frame) => {
                let size = frame.len();
                let held = Arc::new(self.shared.budget.hold(size));
                connection
                    .decode::<fetch::Request>(frame, version)
                    .map(|answer| (answer, held, size))
            }
            Reply::Failed { error, .. } => Err(error),
            Reply::Written => {
                Err(Error::new(ErrorKind::Protocol, "fetch", "a Fetch without an answer"))
            }
        };
        let now = self.shared.clock().now();
        let mut state = self.shared.state();
        match response {
            Ok((response, held, size)) => {
                state.core.on_fetched(now, broker, response, (held, size))
            }
            Err(error) => state.core.on_fetch_failed(now, broker, &error),
        }
    }

    /// Tells the brokers that the fetch sessions are over, as far as that takes no waiting, and the group that its
    /// member goes.
    async fn end(&mut self) {
        let farewells = self.shared.state().core.close();
        for (broker, request) in farewells {
            let Some(connection) = self.connections.get(&broker) else { continue };
            let timeout = self.shared.settings.request_timeout;
            let told = connection.version::<fetch::Request>().and_then(|version| {
                connection.send(&request, version, timeout, true, Box::new(|_| {}))
            });
            if let Err(error) = told {
                tracing::debug!(broker, %error, "fetch session left open");
            }
        }
        let waiting = self.shared.state().waiting.take();
        waiting.into_iter().for_each(Waker::wake);
        self.leave().await;
        let pool = &self.shared.cluster.pool;
        pool.forget(Purpose::Fetch(self.shared.number));
        pool.forget(Purpose::Group(self.shared.number));
    }

    async fn leave(&mut self) {
        let Some(settings) = self.shared.settings.group.clone() else { return };
        // Whoever waits for an outcome has none to wait for.
        let told = {
            let mut state = self.shared.state();
            let state = &mut *state;
            state.commits.clear();
            state.lookups.clear();
            let Some(group) = &mut state.group else { return };
            group.leave("the consumer was closed");
            std::iter::from_fn(|| group.farewell()).collect::<Vec<_>>()
        };
        for (at, farewell) in told {
            calls::tell(&self.shared.cluster, &settings, &at, &farewell).await;
        }
        // Dropped on its way, a farewell would leave the group waiting until the member's session is over.
        while self.leaving > 0 {
            match self.calls.join_next().await {
                Some(Ok(Event::Group(group::Answer::Left))) => self.leaving -= 1,
                Some(_) => {}
                None => return,
            }
        }
    }
}

/// Asks a leader about offsets.
pub(super) async fn call(cluster: &Cluster, ask: offsets::Ask) -> Result<offsets::Response> {
    let connection = cluster.connection(ask.broker, Purpose::General).await?;
    Ok(match &ask.request {
        offsets::Request::Offsets(request) => {
            offsets::Response::Offsets(connection.call(request).await?)
        }
        offsets::Request::Epochs(request) => {
            offsets::Response::Epochs(connection.call(request).await?)
        }
    })
}

pub(super) async fn sleep_until(clock: &Clock, at: Option<Monotonic>) {
    match at {
        Some(at) => tokio::time::sleep_until(clock.instant(at)).await,
        None => std::future::pending().await,
    }
}

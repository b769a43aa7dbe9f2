//! The broker as a pure machine: frames come in, frames and closed connections go out, and somebody tells the time.
//!
//! Holds true: the requests of a connection are handled one after the other, each only when the one before it is
//! answered, so answers leave in the order of the requests, and a fetch that waits holds back what came behind it.
//! Nothing a client sends can stop the machine: what cannot be understood closes that client's connection.

mod waiting;

use crate::api::{self, Client, Context, Outcome, Serve};
use crate::clock::Now;
use crate::config::{BrokerConfig, ListenerName};
use crate::control::{Control, Fault, LoggedRequest, Order};
use crate::group::Coordinator;
use crate::log::{StorageError, SyncJob};
pub use crate::state::LogDir;
use crate::state::{State, Subject};
use bytes::Bytes;
use kafka_proto::ErrorCode;
use kafka_proto::api::ApiKey;
use kafka_proto::frame::{
    Frame, RequestHeader, decode_request, decode_request_header, encode_response_with_files,
};
use kafka_proto::messages;
use kafka_proto::wire::EncodeError;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use waiting::{WaitOf, Waiting};

/// Requests of one connection that may wait behind another; the connection closes when there are more.
///
/// Whoever reads from the connection should stop at [`Broker::is_busy`], and is then never near this.
pub const MAX_WAITING_REQUESTS: usize = 1_000;

/// A connection, as its owner calls it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(pub u64);

/// What the owner of the connections has to do.
#[derive(Debug)]
pub enum Action {
    /// Send this frame.
    Send {
        /// Where to.
        conn: ConnectionId,
        /// A whole response.
        frame: Frame,
    },
    /// Close the connection when everything before this is sent.
    Close {
        /// Which.
        conn: ConnectionId,
        /// Why, for the log.
        reason: String,
    },
    /// Run the job, and tell [`Broker::on_synced`] how it has ended.
    Sync {
        /// To tell its end by.
        token: u64,
        /// What is to be run.
        job: SyncJob,
    },
}

/// One broker.
#[derive(Debug)]
pub struct Broker {
    state: State,
    control: Control,
    connections: BTreeMap<ConnectionId, Connection>,
    actions: VecDeque<Action>,
    /// Connections whose next request can be handled.
    ready: VecDeque<ConnectionId>,
    timers: BTreeSet<(u64, ConnectionId)>,
    /// The requests that wait for news, each with the place of the subject in its list.
    watchers: BTreeMap<Subject, Vec<(ConnectionId, usize)>>,
    next_cleaning_ms: u64,
}

#[derive(Debug)]
struct Connection {
    listener: ListenerName,
    host: Arc<str>,
    waiting: VecDeque<Bytes>,
    phase: Phase,
}

/// What a connection is doing.
#[derive(Debug)]
enum Phase {
    /// Its next request can be handled.
    Idle,
    /// Its first waiting request is handled at that time.
    Delayed {
        until_ms: u64,
    },
    /// A request waits for something that is not there yet.
    Parked {
        request: InHand,
        waiting: Box<dyn Waiting>,
    },
    /// An answer leaves at that time.
    Answering {
        until_ms: u64,
        frame: Frame,
    },
    /// It is not answered any more.
    Silent,
    Closed,
}

/// A request that is being handled.
#[derive(Clone, Debug)]
struct InHand {
    header: RequestHeader,
    cx: Context,
    /// What is to be done to its answer.
    fault: Option<Fault>,
}

impl Connection {
    fn context(&self, now: Now, connection: ConnectionId, header: &RequestHeader) -> Context {
        let client = Client { id: header.client_id.clone(), host: Arc::clone(&self.host) };
        let listener = self.listener.clone();
        Context { now, connection, listener, version: header.version, client }
    }
}

impl Broker {
    /// A broker with what is in its log directories, from which it takes over where another has stopped or died;
    /// without any, it keeps everything in memory.
    ///
    /// # Errors
    /// When a directory belongs to another broker or cannot be read, or the one with the metadata log is not there.
    pub fn new(
        config: BrokerConfig,
        log_dirs: Vec<LogDir>,
        now: Now,
    ) -> Result<Self, StorageError> {
        let next_cleaning_ms = now.monotonic_ms + config.log_retention_check_interval_ms;
        let state = State::open(config, log_dirs, now)?;
        Ok(Self {
            control: state.control.clone(),
            state,
            connections: BTreeMap::new(),
            actions: VecDeque::new(),
            ready: VecDeque::new(),
            timers: BTreeSet::new(),
            watchers: BTreeMap::new(),
            next_cleaning_ms,
        })
    }

    /// A sync has ended.
    pub fn on_synced(&mut self, now: Now, token: u64, result: Result<(), StorageError>) {
        self.state.synced(now, token, result);
        self.run(now);
    }

    /// Leaves the storage so that the next broker finds it as it is, without having to look through it. Nothing may be
    /// done with this one any more.
    ///
    /// # Errors
    /// When the storage fails: what was promised to be synced is, and the next broker recovers the rest.
    pub fn stop(&mut self) -> Result<(), StorageError> {
        self.state.stop()
    }

    /// The hand of a test; clones of it work from anywhere.
    #[must_use]
    pub fn control(&self) -> &Control {
        &self.control
    }

    /// A client at `host` has connected to `listener`.
    pub fn on_connect(&mut self, conn: ConnectionId, listener: ListenerName, host: Arc<str>) {
        let connection =
            Connection { listener, host, waiting: VecDeque::new(), phase: Phase::Idle };
        self.connections.insert(conn, connection);
    }

    /// A request has come in, here without its length prefix.
    pub fn on_frame(&mut self, now: Now, conn: ConnectionId, frame: Bytes) {
        let Some(connection) = self.connections.get_mut(&conn) else { return };
        match connection.phase {
            Phase::Closed | Phase::Silent => return,
            _ if connection.waiting.len() == MAX_WAITING_REQUESTS => {
                let reason = format!("more than {MAX_WAITING_REQUESTS} requests are waiting");
                self.close(conn, reason);
            }
            Phase::Idle => {
                connection.waiting.push_back(frame);
                self.ready.push_back(conn);
            }
            _ => connection.waiting.push_back(frame),
        }
        self.run(now);
    }

    /// The client is gone.
    pub fn on_disconnect(&mut self, conn: ConnectionId) {
        self.stop_waiting(conn);
        self.connections.remove(&conn);
    }

    /// Whether a request of the connection is being handled, so that nothing more need be read from it.
    #[must_use]
    pub fn is_busy(&self, conn: ConnectionId) -> bool {
        self.connections.get(&conn).is_some_and(|connection| {
            !matches!(connection.phase, Phase::Idle) || !connection.waiting.is_empty()
        })
    }

    /// What to do next; `None` until something comes in or the deadline passes.
    pub fn poll(&mut self, now: Now) -> Option<Action> {
        if self.deadline().is_some_and(|deadline| deadline <= now.monotonic_ms) {
            self.run(now);
        }
        self.actions.pop_front()
    }

    /// When to poll again if nothing comes in, on the clock of [`Now::monotonic_ms`].
    #[must_use]
    pub fn deadline(&self) -> Option<u64> {
        let timer = self.timers.first().map_or(u64::MAX, |(at, _)| *at);
        let disk = self.state.disk.deadline().unwrap_or(u64::MAX);
        let groups = self.state.groups.deadline().unwrap_or(u64::MAX);
        Some(timer.min(disk).min(groups).min(self.next_cleaning_ms))
    }

    /// Makes a topic, as CreateTopics would without configs; an existing one stays as it is.
    ///
    /// # Errors
    /// Why not, in the words of the broker.
    pub fn create_topic(
        &mut self,
        now: Now,
        name: &str,
        partitions: i32,
    ) -> Result<(), (ErrorCode, String)> {
        api::create_topic(&mut self.state, now, name, partitions)
    }

    /// Does everything that can be done at `now`.
    fn run(&mut self, now: Now) {
        self.obey(now);
        while let Some((at, conn)) = self.timers.first().copied() {
            if at > now.monotonic_ms {
                break;
            }
            self.timers.remove(&(at, conn));
            self.time_is_up(now, conn);
        }
        if self.next_cleaning_ms <= now.monotonic_ms {
            self.state.clean(now);
            let interval = self.state.config.log_retention_check_interval_ms;
            self.next_cleaning_ms = now.monotonic_ms + interval;
        }
        self.state.work_on_disk(now);
        if self.state.groups.deadline().is_some_and(|deadline| deadline <= now.monotonic_ms) {
            self.state.with_groups(now, Coordinator::tick);
        }
        loop {
            self.spread_news(now);
            let Some(conn) = self.ready.pop_front() else { break };
            self.handle_next(now, conn);
        }
        while let Some((token, job)) = self.state.disk.next_job() {
            self.actions.push_back(Action::Sync { token, job });
        }
    }

    fn obey(&mut self, now: Now) {
        for order in self.control.take_orders() {
            match order {
                Order::RestartCoordinator => {
                    let loaded = self.state.load_groups(now);
                    if let Err(error) = loaded {
                        tracing::error!("groups are not all back: {error}");
                    }
                }
                Order::RaiseLeaderEpoch { topic, partition } => {
                    if let Err(error) = self.state.lead_anew(now, &topic, partition) {
                        tracing::error!("a leader epoch is not noted: {error}");
                    }
                }
            }
        }
    }

    fn time_is_up(&mut self, now: Now, conn: ConnectionId) {
        let Some(connection) = self.connections.get_mut(&conn) else { return };
        match std::mem::replace(&mut connection.phase, Phase::Idle) {
            Phase::Delayed { .. } => {
                let frame = connection.waiting.pop_front();
                self.ready.push_back(conn);
                if let Some(frame) = frame {
                    self.handle_delayed(now, conn, &frame);
                }
            }
            Phase::Parked { mut request, waiting } => {
                self.unwatch(conn, waiting.subjects());
                request.cx.now = now;
                let frame = waiting.answer(&mut self.state, &request);
                self.send(&request, frame);
            }
            Phase::Answering { frame, .. } => {
                self.actions.push_back(Action::Send { conn, frame });
                self.ready.push_back(conn);
            }
            other => connection.phase = other,
        }
    }

    /// Tells the news to every request that waits for it.
    fn spread_news(&mut self, now: Now) {
        while let Some(news) = self.state.news.pop() {
            let Some(watchers) = self.watchers.get(&news.subject()).cloned() else { continue };
            for (conn, at) in watchers {
                let Some(connection) = self.connections.get_mut(&conn) else { continue };
                let Phase::Parked { waiting, .. } = &mut connection.phase else { continue };
                if !waiting.hear(&mut self.state, at, &news) {
                    continue;
                }
                if let Some(deadline_ms) = waiting.deadline_ms() {
                    self.timers.remove(&(deadline_ms, conn));
                }
                self.time_is_up(now, conn);
            }
        }
    }

    fn handle_next(&mut self, now: Now, conn: ConnectionId) {
        let Some(connection) = self.connections.get_mut(&conn) else { return };
        if !matches!(connection.phase, Phase::Idle) {
            return;
        }
        let Some(frame) = connection.waiting.pop_front() else { return };
        let (header, body) = match decode_request_header(&frame) {
            Ok(decoded) => decoded,
            Err(error) => return self.close(conn, format!("no request header: {error}")),
        };
        let request = LoggedRequest {
            api: header.api_key,
            version: header.version,
            connection: conn,
            client_id: header.client_id.clone(),
        };
        let fault = self.control.arrived(request);
        match fault {
            Some(Fault::DropConnection) => self.close(conn, "dropped by a rule".to_owned()),
            Some(Fault::Delay(time)) => {
                let until_ms = now.monotonic_ms.saturating_add(millis(time));
                connection.waiting.push_front(frame);
                connection.phase = Phase::Delayed { until_ms };
                self.timers.insert((until_ms, conn));
            }
            _ => {
                let cx = connection.context(now, conn, &header);
                self.dispatch(InHand { header, cx, fault }, body);
            }
        }
    }

    /// Handles a request that a rule has held back; no rule acts on it again.
    fn handle_delayed(&mut self, now: Now, conn: ConnectionId, frame: &Bytes) {
        let Some(connection) = self.connections.get(&conn) else { return };
        match decode_request_header(frame) {
            Ok((header, body)) => {
                let cx = connection.context(now, conn, &header);
                self.dispatch(InHand { header, cx, fault: None }, body);
            }
            Err(error) => self.close(conn, format!("no request header: {error}")),
        }
    }

    fn dispatch(&mut self, request: InHand, body: Bytes) {
        let RequestHeader { api_key, version, correlation_id, .. } = request.header;
        let conn = request.cx.connection;
        let offered = api::offered(&self.control, api_key);
        if !offered.is_some_and(|versions| versions.contains(version)) {
            if api_key == ApiKey::API_VERSIONS && offered.is_some() {
                let response = api::unsupported_version(&self.control);
                let frame = encode_response_with_files::<messages::api_versions::Request>(
                    &response,
                    0,
                    correlation_id,
                );
                return self.send(&request, frame);
            }
            let reason = match offered {
                Some(versions) => {
                    format!("{api_key} is asked for in version {version}, served are {versions}")
                }
                None => format!("{api_key} is not served"),
            };
            return self.close(conn, reason);
        }
        macro_rules! route {
            ($($key:ident $module:ident;)*) => {
                match api_key {
                    $(ApiKey::$key => self.serve::<messages::$module::Request>(request, body),)*
                    _ => self.close(conn, format!("{api_key} is not served")),
                }
            };
        }
        route! {
            PRODUCE produce;
            FETCH fetch;
            LIST_OFFSETS list_offsets;
            METADATA metadata;
            FIND_COORDINATOR find_coordinator;
            API_VERSIONS api_versions;
            CREATE_TOPICS create_topics;
            DELETE_TOPICS delete_topics;
            DELETE_RECORDS delete_records;
            INIT_PRODUCER_ID init_producer_id;
            OFFSET_FOR_LEADER_EPOCH offset_for_leader_epoch;
            OFFSET_COMMIT offset_commit;
            OFFSET_FETCH offset_fetch;
            JOIN_GROUP join_group;
            HEARTBEAT heartbeat;
            LEAVE_GROUP leave_group;
            SYNC_GROUP sync_group;
            DESCRIBE_GROUPS describe_groups;
            LIST_GROUPS list_groups;
            DELETE_GROUPS delete_groups;
            OFFSET_DELETE offset_delete;
            DESCRIBE_ACLS describe_acls;
            DESCRIBE_CONFIGS describe_configs;
            ALTER_CONFIGS alter_configs;
            ALTER_REPLICA_LOG_DIRS alter_replica_log_dirs;
            DESCRIBE_LOG_DIRS describe_log_dirs;
            CREATE_PARTITIONS create_partitions;
            ELECT_LEADERS elect_leaders;
            INCREMENTAL_ALTER_CONFIGS incremental_alter_configs;
            ALTER_PARTITION_REASSIGNMENTS alter_partition_reassignments;
            LIST_PARTITION_REASSIGNMENTS list_partition_reassignments;
            DESCRIBE_CLIENT_QUOTAS describe_client_quotas;
            DESCRIBE_USER_SCRAM_CREDENTIALS describe_user_scram_credentials;
            DESCRIBE_QUORUM describe_quorum;
            DESCRIBE_CLUSTER describe_cluster;
            DESCRIBE_PRODUCERS describe_producers;
            LIST_CONFIG_RESOURCES list_config_resources;
            DESCRIBE_TOPIC_PARTITIONS describe_topic_partitions;
        }
    }

    fn serve<R: Serve>(&mut self, request: InHand, body: Bytes) {
        let conn = request.cx.connection;
        let (version, correlation_id) = (request.header.version, request.header.correlation_id);
        let decoded: R = match decode_request(body, version) {
            Ok(decoded) => decoded,
            Err(error) => {
                return self.close(conn, format!("no {} request: {error}", R::NAME));
            }
        };
        let (state, cx) = (&mut self.state, &request.cx);
        let refused = match request.fault {
            // As a broker tells a client of a failure that reads no answer.
            Some(Fault::Error(_)) if !decoded.wants_answer() => {
                return self.close(conn, "refused by a rule".to_owned());
            }
            Some(Fault::Error(code)) => {
                let response = decoded.refuse(state, cx, code);
                let frame = encode_response_with_files::<R>(&response, version, correlation_id);
                return self.send(&request, frame);
            }
            Some(Fault::HandledError(code)) => Some(decoded.refuse(state, cx, code)),
            _ => None,
        };
        match (decoded.serve(state, cx), refused) {
            (Outcome::Silent, _) => self.settle(&request, None),
            (Outcome::Close(reason), _) => self.close(conn, reason),
            (Outcome::Ready(_) | Outcome::Parked(_), Some(response))
            | (Outcome::Ready(response), None) => {
                let frame = encode_response_with_files::<R>(&response, version, correlation_id);
                self.send(&request, frame);
            }
            (Outcome::Parked(wait), None) => self.park(request, Box::new(WaitOf(wait))),
        }
    }

    fn park(&mut self, request: InHand, waiting: Box<dyn Waiting>) {
        let conn = request.cx.connection;
        let Some(connection) = self.connections.get_mut(&conn) else { return };
        if request.header.api_key == ApiKey::FETCH {
            self.control.count(|counters| counters.waited_fetches += 1);
        }
        for (at, subject) in waiting.subjects().iter().enumerate() {
            self.watchers.entry(*subject).or_default().push((conn, at));
        }
        self.timers.extend(waiting.deadline_ms().map(|deadline_ms| (deadline_ms, conn)));
        connection.phase = Phase::Parked { request, waiting };
    }

    /// Sends an answer, unless it cannot be written.
    fn send(&mut self, request: &InHand, frame: Result<Frame, EncodeError>) {
        let conn = request.cx.connection;
        let frame = match frame {
            Ok(frame) => frame,
            Err(error) => {
                let api = request.header.api_key;
                return self.close(conn, format!("the answer to {api} cannot be written: {error}"));
            }
        };
        self.settle(request, Some(frame));
    }

    /// Ends a request that is handled, with or without an answer, and goes on to the next.
    fn settle(&mut self, request: &InHand, frame: Option<Frame>) {
        let conn = request.cx.connection;
        let Some(connection) = self.connections.get_mut(&conn) else { return };
        match (request.fault, frame) {
            (Some(Fault::LoseReply), _) => self.close(conn, "reply lost by a rule".to_owned()),
            (Some(Fault::CutReply(bytes)), frame) => {
                if let Some(mut frame) = frame.filter(|_| bytes > 0) {
                    frame.truncate(bytes);
                    self.actions.push_back(Action::Send { conn, frame });
                }
                self.close(conn, "reply cut by a rule".to_owned());
            }
            (Some(Fault::Hang), _) => {
                connection.waiting.clear();
                connection.phase = Phase::Silent;
            }
            (Some(Fault::DelayReply(time)), Some(frame)) => {
                let until_ms = request.cx.now.monotonic_ms.saturating_add(millis(time));
                connection.phase = Phase::Answering { until_ms, frame };
                self.timers.insert((until_ms, conn));
            }
            (_, frame) => {
                self.actions.extend(frame.map(|frame| Action::Send { conn, frame }));
                self.ready.push_back(conn);
            }
        }
    }

    fn close(&mut self, conn: ConnectionId, reason: String) {
        self.stop_waiting(conn);
        if let Some(connection) = self.connections.get_mut(&conn) {
            connection.waiting.clear();
            connection.phase = Phase::Closed;
            self.actions.push_back(Action::Close { conn, reason });
        }
    }

    /// Takes back what a connection has asked to be reminded of.
    fn stop_waiting(&mut self, conn: ConnectionId) {
        let Some(connection) = self.connections.get_mut(&conn) else { return };
        match std::mem::replace(&mut connection.phase, Phase::Idle) {
            Phase::Parked { waiting, .. } => {
                if let Some(deadline_ms) = waiting.deadline_ms() {
                    self.timers.remove(&(deadline_ms, conn));
                }
                self.unwatch(conn, waiting.subjects());
            }
            Phase::Delayed { until_ms } | Phase::Answering { until_ms, .. } => {
                self.timers.remove(&(until_ms, conn));
            }
            Phase::Idle | Phase::Silent | Phase::Closed => {}
        }
    }

    fn unwatch(&mut self, conn: ConnectionId, subjects: &[Subject]) {
        for subject in subjects {
            if let Some(watchers) = self.watchers.get_mut(subject) {
                watchers.retain(|(watcher, _)| *watcher != conn);
                if watchers.is_empty() {
                    self.watchers.remove(subject);
                }
            }
        }
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;

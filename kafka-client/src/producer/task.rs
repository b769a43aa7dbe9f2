//! The shell of the producer's machine: carries batches in, requests out, answers back.

use super::accumulator::{Accumulator, Filled, Opened, PartitionBuffer};
use super::closed;
use super::core::{Action, Answer, Core, Outgoing};
use super::delivery::Cell;
use super::linger::Lingering;
use super::queue::Identity;
use super::topics::Topics;
use crate::client::Client;
use crate::clock::Now;
use crate::cluster::Cluster;
use crate::error::{Error, ErrorKind, Result};
use crate::net::{Address, Connection, Purpose, Reply};
use kafka_proto::ErrorCode;
use kafka_proto::messages::init_producer_id::{self, Response};
use kafka_proto::messages::produce;
use kafka_proto::records::Records;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// What a handle asks of the task.
#[derive(Debug)]
pub(crate) enum Command {
    /// Close all open batches and tell which are not resolved yet.
    Flush(oneshot::Sender<Vec<Arc<Cell>>>),
    /// Fail what is open, and end.
    Abort(Error),
}

/// What happened elsewhere.
enum Event {
    Connected(i32, Result<Connection>),
    Identified(Result<Identity>),
    Reply { broker: i32, token: u64, version: i16, reply: Reply },
}

/// What the task needs of the settings.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) linger: Duration,
    pub(crate) acks: i16,
    pub(crate) request_timeout: Duration,
    pub(crate) delivery_timeout: Duration,
}

/// One producer's task.
pub(crate) struct Task {
    pub(crate) settings: Settings,
    pub(crate) cluster: Arc<Cluster>,
    /// Keeps the metadata fresh.
    _client: Client,
    pub(crate) accumulator: Arc<Accumulator>,
    pub(crate) topics: Arc<Topics>,
    pub(crate) core: Core,
    pub(crate) connections: BTreeMap<i32, Connection>,
    pub(crate) lingering: Lingering,
    /// Lists that are filled and emptied again and again.
    opened: Vec<Opened>,
    full: Vec<Filled>,
    answers: Vec<Answer>,
    events: (mpsc::UnboundedSender<Event>, mpsc::UnboundedReceiver<Event>),
}

impl Task {
    pub(crate) fn new(
        settings: Settings,
        client: Client,
        accumulator: Arc<Accumulator>,
        topics: Arc<Topics>,
        core: Core,
    ) -> Self {
        let lingering = Lingering::new(settings.linger, settings.delivery_timeout);
        Self {
            settings,
            cluster: client.cluster().clone(),
            _client: client,
            accumulator,
            topics,
            core,
            connections: BTreeMap::new(),
            lingering,
            opened: Vec::new(),
            full: Vec::new(),
            answers: Vec::new(),
            events: mpsc::unbounded_channel(),
        }
    }

    /// Runs until every handle is gone and every batch has its outcome, or it is told to end.
    pub(crate) async fn run(mut self, mut commands: mpsc::UnboundedReceiver<Command>) {
        let mut snapshots = self.cluster.watch();
        self.core.on_snapshot(snapshots.latest());
        let accumulator = self.accumulator.clone();
        let mut handles = true;
        loop {
            // One moment for all of it: what becomes due meanwhile is still to come, and sets the deadline.
            let now = self.cluster.clock.now();
            self.collect(now, !handles);
            self.act(now);
            if !handles && self.core.is_idle() && self.lingering.is_empty() {
                return;
            }
            let deadlines = [self.lingering.deadline(), self.core.deadline(now)];
            let wake = deadlines.into_iter().flatten().min();
            let clock = self.cluster.clock.clone();
            tokio::select! {
                biased;
                command = commands.recv(), if handles => match command {
                    Some(Command::Flush(answer)) => self.flush(answer),
                    Some(Command::Abort(error)) => return self.abort(&error),
                    None => handles = false,
                },
                event = self.events.1.recv() => {
                    if let Some(event) = event {
                        self.on_event(event);
                    }
                    while let Ok(event) = self.events.1.try_recv() {
                        self.on_event(event);
                    }
                }
                () = accumulator.wake.notified() => {}
                () = snapshots.changed() => {
                    let snapshot = snapshots.latest();
                    self.topics.on_snapshot(&snapshot);
                    self.core.on_snapshot(snapshot);
                }
                () = async {
                    match wake {
                        Some(at) => tokio::time::sleep_until(clock.instant(at)).await,
                        None => std::future::pending().await,
                    }
                } => {}
            }
        }
    }

    /// Takes full batches in, and closes open ones whose time has come and that can leave.
    fn collect(&mut self, now: Now, all: bool) {
        self.accumulator.take(&mut self.opened, &mut self.full);
        self.lingering.extend(self.opened.drain(..));
        for Filled { buffer, batch } in self.full.drain(..) {
            self.core.on_batch(&buffer.topic, buffer.partition, batch);
        }
        self.core.expire(now);
        let has_room = |of: &PartitionBuffer| self.core.has_room(&of.topic, of.partition);
        let due = if all {
            self.lingering.take_all()
        } else {
            self.lingering.take_due(now.monotonic, has_room)
        };
        for opened in due {
            self.close(&opened);
        }
    }

    /// Closes a batch unless it is closed already.
    fn close(&mut self, opened: &Opened) {
        if let Some(batch) = opened.buffer.take(Some(&opened.cell)) {
            let buffer = &opened.buffer;
            self.topics.on_closed(&buffer.topic, buffer.partition, batch.builder.len_bytes());
            self.core.on_batch(&buffer.topic, buffer.partition, batch);
        }
    }

    fn flush(&mut self, answer: oneshot::Sender<Vec<Arc<Cell>>>) {
        self.collect(self.cluster.clock.now(), true);
        // The handle may have stopped waiting.
        let _ = answer.send(self.core.open_cells());
    }

    fn abort(&mut self, error: &Error) {
        self.accumulator.end();
        self.collect(self.cluster.clock.now(), true);
        self.core.fail_all(error);
    }

    fn act(&mut self, now: Now) {
        while let Some(action) = self.core.poll(now) {
            match action {
                Action::Connect(broker) => self.connect(broker),
                Action::Send { broker, token, batches } => self.send(broker, token, batches),
                Action::Identify => self.identify(),
                Action::Refresh => self.cluster.refresh(),
            }
        }
    }

    fn connect(&mut self, broker: i32) {
        if self.connections.get(&broker).is_some_and(Connection::is_alive) {
            return self.core.on_connected(broker);
        }
        let (cluster, events) = (self.cluster.clone(), self.events.0.clone());
        tokio::spawn(async move {
            let connection = cluster.connection(broker, Purpose::General).await;
            // The producer may have ended meanwhile.
            let _ = events.send(Event::Connected(broker, connection));
        });
    }

    fn send(&mut self, broker: i32, token: u64, batches: Vec<Outgoing>) {
        let sent = self.try_send(broker, token, batches);
        if let Err(error) = sent {
            self.core.on_failure(self.cluster.clock.now(), token, &error, false);
        }
    }

    fn try_send(&self, broker: i32, token: u64, batches: Vec<Outgoing>) -> Result<()> {
        let gone = || Error::new(ErrorKind::Disconnected, "send", "the connection has ended");
        let connection = self.connections.get(&broker).ok_or_else(gone)?;
        let snapshot = self.cluster.snapshot();
        let id = |topic: &str| snapshot.topics.get(topic).map(|topic| topic.id).unwrap_or_default();
        let mut version = connection.version::<produce::Request>()?;
        if batches.iter().any(|batch| id(&batch.topic).is_zero()) {
            version = connection.version_at_most::<produce::Request>(12)?;
        }
        let mut topics: Vec<produce::TopicProduceData> = Vec::new();
        for Outgoing { topic, partition, records } in batches {
            let records = Some(Records::Bytes(records));
            let data = produce::PartitionProduceData { index: partition, records };
            match topics.iter_mut().find(|known| known.name == topic) {
                Some(known) => known.partition_data.push(data),
                None => topics.push(produce::TopicProduceData {
                    topic_id: id(&topic),
                    name: topic,
                    partition_data: vec![data],
                }),
            }
        }
        let request = produce::Request {
            acks: self.settings.acks,
            timeout_ms: i32::try_from(self.settings.request_timeout.as_millis())
                .unwrap_or(i32::MAX),
            topic_data: topics,
            ..Default::default()
        };
        let events = self.events.0.clone();
        let on_reply = Box::new(move |reply| {
            // The producer may have ended meanwhile.
            let _ = events.send(Event::Reply { broker, token, version, reply });
        });
        let timeout = self.settings.request_timeout;
        connection.send(&request, version, timeout, self.settings.acks != 0, on_reply)
    }

    fn identify(&self) {
        let (cluster, events) = (self.cluster.clone(), self.events.0.clone());
        tokio::spawn(async move {
            let identity = identify(&cluster).await;
            // The producer may have ended meanwhile.
            let _ = events.send(Event::Identified(identity));
        });
    }

    fn on_event(&mut self, event: Event) {
        let now = self.cluster.clock.now();
        match event {
            Event::Connected(broker, Ok(connection)) => {
                self.connections.insert(broker, connection);
                self.core.on_connected(broker);
            }
            Event::Connected(broker, Err(error)) => {
                tracing::debug!(broker, %error, "producer cannot connect");
                self.core.on_unreachable(broker, error);
            }
            Event::Identified(identity) => self.core.on_identity(now, identity),
            Event::Reply { broker, token, version, reply } => match reply {
                Reply::Failed { error, sent } => {
                    tracing::debug!(broker, %error, sent, "produce request failed");
                    self.core.on_failure(now, token, &error, sent);
                }
                Reply::Written => self.core.on_written(token),
                Reply::Answer(frame) => {
                    let Some(connection) = self.connections.get(&broker) else { return };
                    match connection.decode::<produce::Request>(frame, version) {
                        Ok(response) => {
                            self.read(&response);
                            self.core.on_answer(now, token, &self.answers);
                            self.answers.clear();
                        }
                        Err(error) => self.core.on_failure(now, token, &error, true),
                    }
                }
            },
        }
    }

    /// What the broker says of each batch; what it says of leaders goes to the metadata at once (KIP-951).
    fn read(&mut self, response: &produce::Response) {
        let snapshot = self.cluster.snapshot();
        for topic in &response.responses {
            let by_id = || {
                let same =
                    |known: &&Arc<crate::cluster::metadata::Topic>| known.id == topic.topic_id;
                snapshot.topics.values().find(same).map(|known| known.name.clone())
            };
            let named = (!topic.name.is_empty()).then(|| topic.name.clone());
            let Some(name) = named.or_else(by_id) else { continue };
            for row in &topic.partition_responses {
                let leader = &row.current_leader;
                if leader.leader_epoch >= 0 {
                    let node =
                        response.node_endpoints.iter().find(|e| e.node_id == leader.leader_id);
                    let endpoint = node.and_then(|node| {
                        let port = u16::try_from(node.port).ok()?;
                        Some((node.node_id, Address { host: node.host.clone(), port }))
                    });
                    let (id, epoch) = (leader.leader_id, leader.leader_epoch);
                    self.cluster.learn_leader(&name, row.index, id, epoch, endpoint);
                }
                self.answers.push(Answer {
                    topic: name.clone(),
                    partition: row.index,
                    code: row.error_code,
                    message: row.error_message.clone().filter(|text| !text.is_empty()),
                    base_offset: row.base_offset,
                    log_append_time_ms: row.log_append_time_ms,
                });
            }
        }
    }
}

impl Drop for Task {
    /// The runtime may end before the producer does: nobody waits for ever.
    fn drop(&mut self) {
        self.abort(&closed("send"));
    }
}

/// Asks any broker for a producer id.
async fn identify(cluster: &Cluster) -> Result<Identity> {
    let connection = cluster.any_connection().await?;
    let request = init_producer_id::Request {
        transactional_id: None,
        transaction_timeout_ms: i32::MAX,
        ..Default::default()
    };
    let response = connection.call(&request).await?;
    match response.error_code {
        ErrorCode::NONE if response.producer_id >= 0 && response.producer_epoch >= 0 => {
            Ok(Identity { producer_id: response.producer_id, epoch: response.producer_epoch })
        }
        ErrorCode::NONE => {
            // Batches stamped with these would count as those of nobody, and could be there twice.
            let Response { producer_id, producer_epoch, .. } = response;
            let reason = format!("the broker gave out {producer_id} in epoch {producer_epoch}");
            Err(Error::new(ErrorKind::Protocol, "get a producer id", reason))
        }
        ErrorCode::CLUSTER_AUTHORIZATION_FAILED => {
            let text = "an idempotent producer needs IdempotentWrite on the cluster, or Write on \
                        any topic since Kafka 2.8, unless enable.idempotence=false";
            let code = response.error_code;
            Err(Error::broker_says(code, "get a producer id", text))
        }
        code => Err(Error::broker(code, "get a producer id")),
    }
}

//! The producer as one machine: sealed batches in, requests out.
//!
//! Knows which partition is led by whom, who may be sent what now, what an answer means and what follows from a lack of
//! one. Sequence numbers live in the [`Queue`] of each partition; this decides when a new producer id or epoch is due.

use super::accumulator::Limits;
use super::delivery::{Cell, Outcome};
use super::queue::{Allowed, Batch, Identity, Queue, Sealer, Verdict};
use crate::backoff::Backoff;
use crate::clock::{Monotonic, Now};
use crate::cluster::metadata::Snapshot;
use crate::error::{Error, ErrorKind};
use bytes::Bytes;
use kafka_proto::ErrorCode;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

/// What the machine needs of the settings.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    pub(crate) limits: Limits,
    /// `acks` on the wire.
    pub(crate) acks: i16,
    pub(crate) idempotent: bool,
    /// `max.in.flight.requests.per.connection`.
    pub(crate) max_in_flight: usize,
    /// `delivery.timeout.ms`.
    pub(crate) delivery_timeout: Duration,
    /// `retries`.
    pub(crate) retries: u32,
    /// `retry.backoff.ms` and its maximum.
    pub(crate) backoff: Backoff,
}

/// What the shell has to do.
#[derive(Debug)]
pub(crate) enum Action {
    /// Open a connection to a broker, then call [`Core::on_connected`] or [`Core::on_unreachable`].
    Connect(i32),
    /// Send batches to a broker, then call [`Core::on_answer`] or [`Core::on_failure`] with the token.
    Send { broker: i32, token: u64, batches: Vec<Outgoing> },
    /// Ask for a producer id, then call [`Core::on_identity`].
    Identify,
    /// What is known of the leaders proved wrong.
    Refresh,
}

/// One batch of a request.
#[derive(Debug)]
pub(crate) struct Outgoing {
    pub(crate) topic: Arc<str>,
    pub(crate) partition: i32,
    pub(crate) records: Bytes,
}

/// What a broker says of one batch.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) topic: Arc<str>,
    pub(crate) partition: i32,
    pub(crate) code: ErrorCode,
    pub(crate) message: Option<Arc<str>>,
    pub(crate) base_offset: i64,
    pub(crate) log_append_time_ms: i64,
}

#[derive(Debug, Default)]
struct Broker {
    link: Link,
    in_flight: usize,
    /// Why there is no connection.
    trouble: Option<Error>,
    /// Where the last request stopped, so that every partition has its turn.
    turn: usize,
}

#[derive(Debug, Default, PartialEq, Eq)]
enum Link {
    #[default]
    Down,
    Opening,
    Up,
}

#[derive(Debug, PartialEq, Eq)]
enum Identified {
    /// Not idempotent.
    Needless,
    /// None asked for, or a new one is due once nothing is ambiguous any more.
    Due {
        not_before: Monotonic,
    },
    Asked,
    Have,
}

/// The machine.
#[derive(Debug)]
pub(crate) struct Core {
    rules: Rules,
    queues: Vec<Queue>,
    /// The queues that may hold something.
    active: BTreeSet<usize>,
    /// When the oldest batch has waited too long.
    expires: Option<Monotonic>,
    by_name: BTreeMap<Arc<str>, BTreeMap<i32, usize>>,
    brokers: BTreeMap<i32, Broker>,
    sent: BTreeMap<u64, (i32, Vec<usize>)>,
    next_token: u64,
    snapshot: Arc<Snapshot>,
    identity: Option<Identity>,
    identified: Identified,
    identify_failures: u32,
    /// A failure of the identity that no retry mends.
    fatal: Option<Error>,
    /// Why there is no producer id.
    trouble: Option<Error>,
    actions: VecDeque<Action>,
    sealer: Sealer,
}

impl Core {
    pub(crate) fn new(rules: Rules, sealer: Sealer) -> Self {
        let due = Identified::Due { not_before: Monotonic::default() };
        Self {
            identified: if rules.idempotent { due } else { Identified::Needless },
            rules,
            queues: Vec::new(),
            active: BTreeSet::new(),
            expires: None,
            by_name: BTreeMap::new(),
            brokers: BTreeMap::new(),
            sent: BTreeMap::new(),
            next_token: 0,
            snapshot: Arc::default(),
            identity: None,
            identify_failures: 0,
            fatal: None,
            trouble: None,
            actions: VecDeque::new(),
            sealer,
        }
    }

    /// A batch takes no more records.
    pub(crate) fn on_batch(&mut self, topic: &Arc<str>, partition: i32, batch: impl Into<Batch>) {
        let mut batch = batch.into();
        if let Some(error) = &self.fatal {
            batch.completion.complete(Outcome::Failed(error.clone()));
            return;
        }
        let expires = batch.created.after(self.rules.delivery_timeout);
        self.expires = Some(self.expires.map_or(expires, |soonest| soonest.min(expires)));
        let at = self.queue_of(topic, partition);
        self.active.insert(at);
        if let Some(queue) = self.queues.get_mut(at) {
            queue.push(batch);
        }
    }

    fn queue_of(&mut self, topic: &Arc<str>, partition: i32) -> usize {
        let partitions = match self.by_name.get_mut(topic) {
            Some(partitions) => partitions,
            None => self.by_name.entry(topic.clone()).or_default(),
        };
        let idempotent = self.rules.idempotent;
        *partitions.entry(partition).or_insert_with(|| {
            self.queues.push(Queue::new(topic.clone(), partition, idempotent));
            self.queues.len() - 1
        })
    }

    /// What is known of the cluster has changed.
    pub(crate) fn on_snapshot(&mut self, snapshot: Arc<Snapshot>) {
        self.snapshot = snapshot;
    }

    /// Whether a batch of this partition, closed now, could leave at once.
    pub(crate) fn has_room(&self, topic: &str, partition: i32) -> bool {
        let queue = self.by_name.get(topic).and_then(|partitions| partitions.get(&partition));
        let queue = queue.and_then(|at| self.queues.get(*at));
        if queue.is_some_and(|queue| queue.is_waiting() || queue.is_full()) {
            return false;
        }
        let leader = self.snapshot.leader(topic, partition).map(|(leader, _)| leader);
        let broker = leader.and_then(|leader| self.brokers.get(&leader));
        broker.is_none_or(|broker| broker.in_flight < self.rules.max_in_flight)
    }

    /// Whether every batch has its outcome.
    pub(crate) fn is_idle(&self) -> bool {
        self.active().all(Queue::is_empty)
    }

    /// The cells whose outcome is open.
    pub(crate) fn open_cells(&self) -> Vec<Arc<Cell>> {
        self.active().flat_map(Queue::open_cells).cloned().collect()
    }

    fn active(&self) -> impl Iterator<Item = &Queue> {
        self.active.iter().filter_map(|at| self.queues.get(*at))
    }

    /// The connection to a broker is open.
    pub(crate) fn on_connected(&mut self, broker: i32) {
        let state = self.brokers.entry(broker).or_default();
        (state.link, state.trouble) = (Link::Up, None);
    }

    /// The connection to a broker could not be opened.
    pub(crate) fn on_unreachable(&mut self, broker: i32, error: Error) {
        let state = self.brokers.entry(broker).or_default();
        (state.link, state.trouble) = (Link::Down, Some(error));
        self.actions.push_back(Action::Refresh);
    }

    /// A producer id came, or did not.
    pub(crate) fn on_identity(&mut self, now: Now, came: Result<Identity, Error>) {
        match came {
            Ok(identity) => self.begin(identity),
            Err(error) if error.is_retriable() => {
                self.identify_failures = self.identify_failures.saturating_add(1);
                let wait = self.rules.backoff.wait(self.identify_failures, now.random);
                self.identified = Identified::Due { not_before: now.monotonic.after(wait) };
                self.trouble = Some(error);
            }
            Err(error) => {
                let error = error.while_doing("send");
                self.fail_all(&error);
                self.fatal = Some(error);
            }
        }
    }

    /// From now on, everything that has not been sent is sent under this identity.
    fn begin(&mut self, identity: Identity) {
        self.identity = Some(identity);
        self.identified = Identified::Have;
        self.identify_failures = 0;
        self.trouble = None;
        self.queues.iter_mut().for_each(Queue::restart);
    }

    /// Everything that is open fails with `error`.
    pub(crate) fn fail_all(&mut self, error: &Error) {
        for queue in &mut self.queues {
            queue.fail_all(|queue| error.clone().with_topic(&queue.topic, Some(queue.partition)));
        }
        self.sent.clear();
    }

    /// What to do now; `None` until something happens or [`Core::deadline`] passes.
    pub(crate) fn poll(&mut self, now: Now) -> Option<Action> {
        if let Some(action) = self.actions.pop_front() {
            return Some(action);
        }
        self.active.retain(|at| self.queues.get(*at).is_some_and(|queue| !queue.is_empty()));
        if self.active.is_empty() {
            return None;
        }
        if let Some(action) = self.identify(now.monotonic) {
            return Some(action);
        }
        self.request(now.monotonic)
    }

    /// Asks for an id, or takes the next epoch of the one held, once no batch of the old epoch is on its way or of
    /// unknown fate. A producer without transactions raises its epoch itself (KIP-360), and from the first batch on
    /// the broker refuses what may still come of the old one; under another id, it would take that.
    fn identify(&mut self, now: Monotonic) -> Option<Action> {
        if self.identified == Identified::Have && self.active().any(|queue| queue.gap) {
            self.identified = Identified::Due { not_before: now };
        }
        let Identified::Due { not_before } = self.identified else { return None };
        let unsettled = |queue: &Queue| queue.has_in_flight() || queue.is_ambiguous();
        if not_before > now || self.active().any(unsettled) {
            return None;
        }
        if let Some(held) = self.identity.filter(|held| held.epoch < i16::MAX) {
            self.begin(Identity { epoch: held.epoch + 1, ..held });
            return None;
        }
        self.identified = Identified::Asked;
        Some(Action::Identify)
    }

    fn allowed(&self) -> Allowed {
        let (only_ambiguous, identity) = match self.identified {
            Identified::Needless => (false, None),
            Identified::Have => (false, self.identity),
            Identified::Due { .. } | Identified::Asked => (true, self.identity),
        };
        Allowed { only_ambiguous, identity }
    }

    /// The next request that can go out, or the connection that it needs.
    fn request(&mut self, now: Monotonic) -> Option<Action> {
        let only_ambiguous = self.allowed().only_ambiguous;
        let leader = self.active.iter().find_map(|at| {
            let queue = self.queues.get(*at).filter(|queue| queue.is_waiting())?;
            let (leader, _) = self.snapshot.leader(&queue.topic, queue.partition)?;
            let free = self.brokers.get(&leader).is_none_or(|broker| match broker.link {
                Link::Down => true,
                Link::Opening => false,
                Link::Up => broker.in_flight < self.rules.max_in_flight,
            });
            (free && queue.is_sendable(now, leader, only_ambiguous)).then_some(leader)
        })?;
        let broker = self.brokers.entry(leader).or_default();
        if broker.link == Link::Down {
            broker.link = Link::Opening;
            return Some(Action::Connect(leader));
        }
        self.fill(now, leader)
    }

    /// One request for `leader`: a batch of every partition that has one ready, up to `max.request.size`.
    fn fill(&mut self, now: Monotonic, leader: i32) -> Option<Action> {
        let (token, allowed) = (self.next_token, self.allowed());
        let turn = self.brokers.get(&leader).map_or(0, |broker| broker.turn);
        let mut room = self.rules.limits.request_size;
        let (mut batches, mut queues) = (Vec::new(), Vec::new());
        for &at in self.active.range(turn..).chain(self.active.range(..turn)) {
            let Some(queue) = self.queues.get_mut(at) else { continue };
            let led = self.snapshot.leader(&queue.topic, queue.partition);
            if led.map(|(id, _)| id) != Some(leader) {
                continue;
            }
            // The first batch goes whatever its size: it fits a request of its own.
            let space = if batches.is_empty() { usize::MAX } else { room };
            let sealer = &mut self.sealer;
            let sent = queue.send(now, leader, token, allowed, space, sealer);
            let Some(records) = sent else { continue };
            room = room.saturating_sub(records.len());
            let (topic, partition) = (queue.topic.clone(), queue.partition);
            batches.push(Outgoing { topic, partition, records });
            queues.push(at);
            if let Some(broker) = self.brokers.get_mut(&leader) {
                broker.turn = at + 1;
            }
        }
        if batches.is_empty() {
            return None;
        }
        self.next_token += 1;
        self.sent.insert(token, (leader, queues));
        if let Some(broker) = self.brokers.get_mut(&leader) {
            broker.in_flight += 1;
        }
        Some(Action::Send { broker: leader, token, batches })
    }

    /// When to poll again if nothing happens: a backoff ends, or a batch has waited too long.
    pub(crate) fn deadline(&self, now: Now) -> Option<Monotonic> {
        let waits = self.active().filter(|queue| queue.is_waiting());
        let backoffs = waits.map(|queue| queue.not_before).filter(|at| *at > now.monotonic);
        let identify = match self.identified {
            Identified::Due { not_before } if not_before > now.monotonic && !self.is_idle() => {
                Some(not_before)
            }
            _ => None,
        };
        backoffs.chain(identify).chain(self.expires).min()
    }

    /// Fails what has waited longer than `delivery.timeout.ms`.
    pub(crate) fn expire(&mut self, now: Now) {
        if self.expires.is_none_or(|at| at > now.monotonic) {
            return;
        }
        let timeout = self.rules.delivery_timeout;
        let Self { trouble, snapshot, brokers, .. } = self;
        // What stands in the way now, or else what went wrong last.
        let why = |queue: &Queue| {
            let Some((leader, _)) = snapshot.leader(&queue.topic, queue.partition) else {
                return "; no leader of the partition is known".to_owned();
            };
            let link = brokers.get(&leader).and_then(|broker| broker.trouble.as_ref());
            let last = trouble.as_ref().or(link).or(queue.trouble.as_ref());
            last.map_or(String::new(), |last| format!("; the last try: {last}"))
        };
        self.expires = None;
        for at in &self.active {
            let Some(queue) = self.queues.get_mut(*at) else { continue };
            let next = queue.expire(now.monotonic, timeout, |queue| {
                let (ms, why) = (timeout.as_millis(), why(queue));
                let reason = format!("not acknowledged within {ms} ms (delivery.timeout.ms){why}");
                let error = Error::new(ErrorKind::Timeout, "send", reason);
                error.with_topic(&queue.topic, Some(queue.partition))
            });
            self.expires = match (self.expires, next) {
                (Some(a), Some(b)) => Some(a.min(b)),
                (a, b) => a.or(b),
            };
        }
    }

    fn take_sent(&mut self, token: u64) -> Option<Vec<usize>> {
        let (broker, queues) = self.sent.remove(&token)?;
        if let Some(broker) = self.brokers.get_mut(&broker) {
            broker.in_flight = broker.in_flight.saturating_sub(1);
        }
        Some(queues)
    }

    /// A request got no answer. `sent`: some of it went out, so that the broker may have acted on it.
    pub(crate) fn on_failure(&mut self, now: Now, token: u64, error: &Error, sent: bool) {
        if let Some((broker, _)) = self.sent.get(&token)
            && let Some(broker) = self.brokers.get_mut(broker)
        {
            broker.link = Link::Down;
        }
        let Some(queues) = self.take_sent(token) else { return };
        self.actions.push_back(Action::Refresh);
        for at in queues {
            if sent {
                self.retry(now, (token, at), true, || error.clone());
            } else if let Some(queue) = self.queues.get_mut(at) {
                // No attempt was made, so none is counted; how soon the next is, the connection decides.
                queue.trouble = Some(error.clone());
                let retriable = error.is_retriable();
                queue.on_verdict(
                    token,
                    match retriable {
                        true => Verdict::Again { ambiguous: false },
                        false => Verdict::GivenUp { error: error.clone(), ambiguous: false },
                    },
                );
            }
        }
    }

    /// A broker answered a request: what it says of each batch.
    pub(crate) fn on_answer(&mut self, now: Now, token: u64, answers: &[Answer]) {
        let Some(queues) = self.take_sent(token) else { return };
        for at in queues {
            let Some(queue) = self.queues.get(at) else { continue };
            let about = |answer: &&Answer| {
                answer.partition == queue.partition && answer.topic == queue.topic
            };
            match answers.iter().find(about) {
                Some(answer) => self.on_code(now, (token, at), answer),
                None => self.retry(now, (token, at), true, || {
                    let reason = "the broker's answer does not name the partition";
                    Error::new(ErrorKind::Protocol, "send", reason)
                }),
            }
        }
    }

    /// A request with `acks=0` was written: nothing more will be heard of it.
    pub(crate) fn on_written(&mut self, token: u64) {
        for at in self.take_sent(token).unwrap_or_default() {
            let outcome = Outcome::Stored { base_offset: -1, log_append_time_ms: -1 };
            if let Some(queue) = self.queues.get_mut(at) {
                queue.on_verdict(token, Verdict::Stored(outcome));
            }
        }
    }

    fn on_code(&mut self, now: Now, (token, at): (u64, usize), answer: &Answer) {
        let Some(queue) = self.queues.get_mut(at) else { return };
        let Answer { base_offset, log_append_time_ms, .. } = *answer;
        let error = || {
            let text = answer.message.as_deref().unwrap_or(answer.code.meaning());
            let error = Error::broker_says(answer.code, "send", text);
            error.with_topic(&answer.topic, Some(answer.partition))
        };
        match answer.code {
            ErrorCode::NONE => {
                let outcome = Outcome::Stored { base_offset, log_append_time_ms };
                queue.on_verdict(token, Verdict::Stored(outcome));
            }
            // Older than the broker's window of five: stored, only where is forgotten.
            ErrorCode::DUPLICATE_SEQUENCE_NUMBER => {
                let outcome = Outcome::Stored { base_offset: -1, log_append_time_ms: -1 };
                queue.on_verdict(token, Verdict::Stored(outcome));
            }
            ErrorCode::MESSAGE_TOO_LARGE | ErrorCode::RECORD_LIST_TOO_LARGE => {
                // One that may be in the log as a whole must not come there again in halves.
                let unknown = queue.may_be_written(token);
                if unknown || !queue.split(token) {
                    queue.on_verdict(token, Verdict::GivenUp { error: error(), ambiguous: false });
                }
            }
            ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER if self.rules.idempotent => {
                // Behind a failed batch this is no news. At the front, the broker has lost count: a new epoch starts
                // anew. Either way this batch is not in the log: repeated ones are recognised before gaps are.
                if queue.is_first(token) {
                    queue.gap = true;
                    queue.failures = queue.failures.saturating_add(1);
                    let wait = self.rules.backoff.wait(queue.failures, now.random);
                    queue.not_before = now.monotonic.after(wait);
                }
                queue.on_verdict(token, Verdict::NotWritten);
            }
            ErrorCode::UNKNOWN_PRODUCER_ID
            | ErrorCode::INVALID_PRODUCER_EPOCH
            | ErrorCode::INVALID_PRODUCER_ID_MAPPING
                if self.rules.idempotent =>
            {
                queue.gap = true;
                // The broker has forgotten us. What it never answered for may be in the log.
                let unknown = queue.may_be_written(token);
                let (error, ambiguous) = (error(), true);
                let given_up = Verdict::GivenUp { error, ambiguous };
                let verdict = if unknown { given_up } else { Verdict::NotWritten };
                queue.on_verdict(token, verdict);
            }
            code if code.is_retriable() => {
                if is_about_existence(code) {
                    queue.on_new_log();
                }
                if is_about_leadership(code) {
                    self.actions.push_back(Action::Refresh);
                }
                self.retry(now, (token, at), is_ambiguous(code), error);
            }
            code => {
                let ambiguous = is_ambiguous(code);
                queue.on_verdict(token, Verdict::GivenUp { error: error(), ambiguous });
            }
        }
    }

    /// The batch of queue `at` that request `token` carried is to be sent again, if it may.
    fn retry(
        &mut self,
        now: Now,
        (token, at): (u64, usize),
        ambiguous: bool,
        error: impl Fn() -> Error,
    ) {
        let Some(queue) = self.queues.get_mut(at) else { return };
        // What failed with it or behind it is the same failure.
        if queue.is_first(token) {
            queue.failures = queue.failures.saturating_add(1);
        }
        // With acks=0 a record is never sent twice: what went out may have arrived.
        if queue.failures > self.rules.retries || (self.rules.acks == 0 && ambiguous) {
            let error = error().with_topic(&queue.topic, Some(queue.partition));
            return queue.on_verdict(token, Verdict::GivenUp { error, ambiguous });
        }
        let wait = self.rules.backoff.wait(queue.failures.max(1), now.random);
        queue.not_before = now.monotonic.after(wait);
        queue.trouble = Some(error());
        queue.on_verdict(token, Verdict::Again { ambiguous });
    }
}

/// Whether the batch may be in the log although the broker answered with this error.
fn is_ambiguous(code: ErrorCode) -> bool {
    matches!(
        code,
        ErrorCode::REQUEST_TIMED_OUT
            | ErrorCode::NOT_ENOUGH_REPLICAS_AFTER_APPEND
            | ErrorCode::NOT_LEADER_OR_FOLLOWER
            | ErrorCode::UNKNOWN_SERVER_ERROR
            | ErrorCode::KAFKA_STORAGE_ERROR
    )
}

/// Whether the topic may have been deleted: if it comes again, its log will be another one.
fn is_about_existence(code: ErrorCode) -> bool {
    matches!(
        code,
        ErrorCode::UNKNOWN_TOPIC_OR_PARTITION
            | ErrorCode::UNKNOWN_TOPIC_ID
            | ErrorCode::INCONSISTENT_TOPIC_ID
    )
}

/// Whether the metadata that led there may be out of date.
fn is_about_leadership(code: ErrorCode) -> bool {
    matches!(
        code,
        ErrorCode::NOT_LEADER_OR_FOLLOWER
            | ErrorCode::LEADER_NOT_AVAILABLE
            | ErrorCode::UNKNOWN_TOPIC_OR_PARTITION
            | ErrorCode::UNKNOWN_TOPIC_ID
            | ErrorCode::INCONSISTENT_TOPIC_ID
            | ErrorCode::FENCED_LEADER_EPOCH
            | ErrorCode::UNKNOWN_LEADER_EPOCH
            | ErrorCode::KAFKA_STORAGE_ERROR
            | ErrorCode::REPLICA_NOT_AVAILABLE
            | ErrorCode::REQUEST_TIMED_OUT
    )
}

#[cfg(test)]
mod tests;

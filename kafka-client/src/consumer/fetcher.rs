//! Which broker to fetch from next, which partitions, how much; and what an answer means for each partition.
//!
//! One Fetch is in flight per broker. The next one goes out when an answer has come and the headers of its batches have
//! told where to go on, before anybody reads the records, as long as no more than one answer waits for the application.
//! An answer is bounded to about a mebibyte, which stays in the cache until it is read; the bound rises only when the
//! application waits and the way to the broker is long.
//!
//! Holds true: an answer counts only for partitions that still have the generation and offset they were asked with.

use super::Settings;
use super::budget::{Budget, Held};
use super::fetch_session::{FetchSession, Wanted};
use super::queue::{Chunk, Queue, Stop};
use super::subscription::{Partition, Phase, Subscription};
use crate::clock::{Monotonic, Now};
use crate::error::Error;
use crate::net::Address;
use crate::record::TopicPartition;
use bytes::Bytes;
use kafka_proto::ErrorCode;
use kafka_proto::messages::fetch;
use kafka_proto::records::{BatchHeader, HEADER_LEN, Records};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// What an answer is bounded to where the network keeps up.
const ANSWER_BYTES: usize = 1 << 20;
/// What it may rise to.
const ANSWER_BYTES_MAX: usize = 8 << 20;
/// A full answer that takes longer is on a long way ...
const LONG_WAY: Duration = Duration::from_millis(5);
/// ... if as many in a row do: one or two may have met a busy processor.
const LONG_WAY_ANSWERS: u32 = 4;
/// A topic that is moved or made anew is unknown for a while; after this many answers the application is told.
const UNKNOWN_MAX: u32 = 5;
/// Fetch by topic names, for topics without an id.
const NEWEST_BY_NAME: i16 = 12;

/// A Fetch to be sent.
#[derive(Debug)]
pub(crate) struct Ask {
    pub(crate) broker: i32,
    pub(crate) request: fetch::Request,
    /// The newest version that can carry it.
    pub(crate) newest: i16,
}

/// What an answer means beyond its partitions.
#[derive(Debug, Default)]
pub(crate) struct Effects {
    /// The metadata proved wrong.
    pub(crate) refresh: bool,
    /// New leaders that brokers told (KIP-951).
    pub(crate) learned: Vec<Learned>,
    /// To be told to the application, once each.
    pub(crate) errors: Vec<Error>,
}

/// A partition's new leader.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Learned {
    pub(crate) which: TopicPartition,
    pub(crate) leader: i32,
    pub(crate) leader_epoch: i32,
    pub(crate) endpoint: Option<(i32, Address)>,
}

/// What is known of one broker.
#[derive(Debug)]
struct Broker {
    session: FetchSession,
    in_flight: Option<Flight>,
    failures: u32,
    not_before: Monotonic,
    /// Bytes to ask for at once.
    bound: usize,
    /// Full answers in a row that were awaited and took long.
    long_way: u32,
    /// Bytes of the last answer.
    last_size: usize,
}

#[derive(Debug)]
struct Flight {
    since: Monotonic,
    /// The application has nothing to do meanwhile.
    awaited: bool,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Fetcher {
    settings: Arc<Settings>,
    budget: Arc<Budget>,
    brokers: BTreeMap<i32, Broker>,
    /// When something that had to wait can be asked for.
    deadline: Option<Monotonic>,
}

impl Fetcher {
    pub(crate) fn new(settings: Arc<Settings>, budget: Arc<Budget>) -> Self {
        Self { settings, budget, brokers: BTreeMap::new(), deadline: None }
    }

    /// The next Fetch to send.
    pub(crate) fn poll(
        &mut self,
        now: Now,
        subscription: &Subscription,
        queue: &Queue,
    ) -> Option<Ask> {
        self.deadline = None;
        let mut refused: Vec<i32> = Vec::new();
        loop {
            let (broker, wanted) = self.choose(now, subscription, queue, &mut refused)?;
            if let Some(ask) = self.ask(now, broker, wanted, queue) {
                return Some(ask);
            }
            refused.push(broker);
        }
    }

    /// A broker that can be asked now and is not among `refused`, and what of it is wanted.
    fn choose(
        &mut self,
        now: Now,
        subscription: &Subscription,
        queue: &Queue,
        refused: &mut Vec<i32>,
    ) -> Option<(i32, Vec<(TopicPartition, Wanted)>)> {
        let mut chosen = None;
        let mut wanted: Vec<(TopicPartition, Wanted)> = Vec::new();
        for (which, partition) in subscription.iter() {
            if partition.paused || !matches!(partition.phase, Phase::Fetching) {
                continue;
            }
            if partition.not_before > now.monotonic {
                self.wake_by(partition.not_before);
                continue;
            }
            let Some(broker) = partition.source(now.monotonic) else { continue };
            if chosen.is_none() && !refused.contains(&broker) {
                if self.may_ask(now, broker, subscription, queue) {
                    chosen = Some(broker);
                } else {
                    refused.push(broker);
                }
            }
            if chosen == Some(broker) {
                wanted.push((which.clone(), self.wanted(partition)));
            }
        }
        Some((chosen?, wanted))
    }

    /// When [`Fetcher::poll`] has something to say if nothing else happens; counts from its last call.
    pub(crate) fn deadline(&self) -> Option<Monotonic> {
        self.deadline
    }

    fn wake_by(&mut self, at: Monotonic) {
        self.deadline = Some(self.deadline.map_or(at, |known| known.min(at)));
    }

    fn wanted(&self, partition: &Partition) -> Wanted {
        Wanted {
            topic_id: partition.topic_id,
            generation: partition.generation,
            offset: partition.fetch_offset,
            leader_epoch: partition.leader_epoch,
            max_bytes: self.settings.max_partition_fetch_bytes,
        }
    }

    fn may_ask(&mut self, now: Now, id: i32, of: &Subscription, queue: &Queue) -> bool {
        let first_bound = self.settings.fetch_max_bytes.min(ANSWER_BYTES);
        let broker = self.brokers.entry(id).or_insert_with(|| Broker {
            session: FetchSession::default(),
            in_flight: None,
            failures: 0,
            not_before: Monotonic::default(),
            bound: first_bound,
            long_way: 0,
            last_size: 0,
        });
        if broker.in_flight.is_some() {
            return false;
        }
        if broker.not_before > now.monotonic {
            let at = broker.not_before;
            self.wake_by(at);
            return false;
        }
        queue.waiting(id, of) <= broker.bound.max(broker.last_size)
    }

    fn ask(
        &mut self,
        now: Now,
        id: i32,
        mut wanted: Vec<(TopicPartition, Wanted)>,
        queue: &Queue,
    ) -> Option<Ask> {
        let settings = &self.settings;
        let broker = self.brokers.get_mut(&id)?;
        let min_bytes = settings.fetch_min_bytes;
        let mut max_bytes = broker.bound.max(usize::try_from(min_bytes).unwrap_or(0));
        // With little memory there are smaller answers rather than single batches.
        max_bytes = max_bytes.min(settings.fetch_max_bytes).min(self.budget.limit() / 2).max(1);
        if !self.budget.has_room(max_bytes) {
            // A batch always passes where nothing waits, or an application that keeps what it got would never see
            // another record.
            wanted.retain(|(which, _)| !queue.holds(which));
            wanted.iter_mut().for_each(|(_, wanted)| wanted.max_bytes = 1);
            max_bytes = 1;
        }
        if wanted.is_empty() {
            return None;
        }
        let mut request = fetch::Request {
            max_wait_ms: i32::try_from(settings.fetch_max_wait.as_millis()).unwrap_or(i32::MAX),
            min_bytes: min_bytes.min(i32::try_from(max_bytes).unwrap_or(i32::MAX)),
            max_bytes: i32::try_from(max_bytes).unwrap_or(i32::MAX),
            isolation_level: i8::from(settings.read_committed),
            rack_id: settings.client_rack.clone(),
            ..Default::default()
        };
        broker.session.ask(&wanted, &mut request);
        broker.in_flight = Some(Flight { since: now.monotonic, awaited: false });
        let newest = if broker.session.by_id() { i16::MAX } else { NEWEST_BY_NAME };
        Some(Ask { broker: id, request, newest })
    }

    /// Whether some broker has no Fetch to answer.
    pub(crate) fn is_idle(&self) -> bool {
        self.brokers.is_empty() || self.brokers.values().any(|broker| broker.in_flight.is_none())
    }

    /// The application waits: answers under way are too few or too slow.
    pub(crate) fn on_starved(&mut self) {
        let flights = self.brokers.values_mut().filter_map(|broker| broker.in_flight.as_mut());
        flights.for_each(|flight| flight.awaited = true);
    }

    /// The Fetch to `id` failed, or was never sent.
    pub(crate) fn on_failure(
        &mut self,
        now: Now,
        id: i32,
        error: &Error,
        subscription: &mut Subscription,
    ) -> Effects {
        let Some(broker) = self.brokers.get_mut(&id) else { return Effects::default() };
        broker.in_flight = None;
        broker.session.restart();
        broker.failures = broker.failures.saturating_add(1);
        let wait = self.settings.backoff.wait(broker.failures, now.random);
        broker.not_before = now.monotonic.after(wait);
        tracing::debug!(broker = id, %error, "fetch failed");
        for (which, _) in broker.session.members() {
            let Some(partition) = subscription.get_mut(which) else { continue };
            partition.preferred = partition.preferred.filter(|(replica, _)| *replica != id);
        }
        let errors = if error.is_retriable() { Vec::new() } else { vec![error.clone()] };
        Effects { refresh: true, learned: Vec::new(), errors }
    }

    /// The broker `id` answered with `size` bytes, which `held` counts.
    pub(crate) fn on_response(
        &mut self,
        now: Now,
        id: i32,
        response: fetch::Response,
        held: (Arc<Held>, usize),
        subscription: &mut Subscription,
        queue: &mut Queue,
    ) -> Effects {
        let mut effects = Effects::default();
        let Some(broker) = self.brokers.get_mut(&id) else { return effects };
        let (held, size) = held;
        let limit = self.settings.fetch_max_bytes;
        broker.note_arrival(now, size, limit);
        let code = broker.session.on_response(&response);
        if !code.is_ok() {
            tracing::debug!(broker = id, %code, "fetch session starts anew");
            let sessions = [
                ErrorCode::FETCH_SESSION_ID_NOT_FOUND,
                ErrorCode::INVALID_FETCH_SESSION_EPOCH,
                ErrorCode::FETCH_SESSION_TOPIC_ID_ERROR,
            ];
            // A session that is gone is opened again at once, unless that keeps happening.
            broker.failures = broker.failures.saturating_add(1);
            if broker.failures > 1 || !sessions.contains(&code) {
                let wait = self.settings.backoff.wait(broker.failures, now.random);
                broker.not_before = now.monotonic.after(wait);
                effects.refresh = true;
            }
            let waiting_helps = code.is_retriable()
                || sessions.contains(&code)
                || code == ErrorCode::INCONSISTENT_TOPIC_ID;
            if !waiting_helps {
                effects.errors.push(Error::broker(code, format!("fetch from broker {id}")));
            }
            return effects;
        }
        broker.failures = 0;
        if let Ok(throttled @ 1..) = u64::try_from(response.throttle_time_ms) {
            broker.not_before = now.monotonic.after(Duration::from_millis(throttled));
        }
        let mut arrival = Arrival {
            now,
            broker: id,
            settings: &self.settings,
            endpoints: &response.node_endpoints,
            held,
            queue,
            effects: &mut effects,
        };
        for topic in response.responses {
            for data in topic.partitions {
                let asked =
                    broker.session.asked(&topic.topic, topic.topic_id, data.partition_index);
                let Some((which, asked)) = asked else { continue };
                let partition = subscription.current(which, asked.generation);
                let Some(partition) = partition.filter(|p| p.fetch_offset == asked.offset) else {
                    continue;
                };
                if matches!(partition.phase, Phase::Fetching) {
                    arrival.take(which, partition, data);
                }
            }
        }
        effects
    }

    /// The requests that end the sessions.
    pub(crate) fn close(&mut self) -> Vec<(i32, fetch::Request)> {
        let brokers = self.brokers.iter_mut();
        brokers.filter_map(|(id, broker)| Some((*id, broker.session.close()?))).collect()
    }
}

impl Broker {
    /// An answer came: it may be worth asking for more at once, or for less.
    fn note_arrival(&mut self, now: Now, size: usize, limit: usize) {
        self.last_size = size;
        let Some(flight) = self.in_flight.take() else { return };
        let took = flight.since.until(now.monotonic);
        if size < self.bound / 4 * 3 {
            return;
        }
        self.long_way = if took > LONG_WAY && flight.awaited { self.long_way + 1 } else { 0 };
        let parts = u32::try_from(self.bound / ANSWER_BYTES).unwrap_or(1).max(1);
        if self.long_way == LONG_WAY_ANSWERS {
            self.long_way = 0;
            self.bound = (self.bound * 2).min(ANSWER_BYTES_MAX).min(limit);
        } else if took / parts < LONG_WAY / 2 {
            self.bound = (self.bound / 2).max(ANSWER_BYTES.min(limit));
        }
    }
}

/// One answer while its partitions are looked at.
struct Arrival<'a> {
    now: Now,
    broker: i32,
    settings: &'a Settings,
    endpoints: &'a [fetch::NodeEndpoint],
    held: Arc<Held>,
    queue: &'a mut Queue,
    effects: &'a mut Effects,
}

impl Arrival<'_> {
    fn take(&mut self, which: &TopicPartition, at: &mut Partition, data: fetch::PartitionData) {
        if !data.error_code.is_ok() {
            self.take_error(which, at, &data);
            return;
        }
        (at.failures, at.unknown) = (0, 0);
        at.high_watermark = data.high_watermark;
        at.last_stable_offset = data.last_stable_offset;
        let diverging = &data.diverging_epoch;
        if diverging.epoch >= 0 || diverging.end_offset >= 0 {
            let (end_offset, epoch) = (diverging.end_offset, diverging.epoch);
            self.stop(which, at, Stop::Truncated { end_offset, epoch });
            return;
        }
        if data.preferred_read_replica >= 0 && data.preferred_read_replica != self.broker {
            let until = self.now.monotonic.after(self.settings.metadata_max_age);
            at.preferred = Some((data.preferred_read_replica, until));
        }
        match data.records.as_ref().map(Records::to_bytes) {
            Some(Ok(records)) if !records.is_empty() => {
                self.take_records(which, at, records, data.aborted_transactions);
            }
            _ => {}
        }
    }

    fn take_records(
        &mut self,
        which: &TopicPartition,
        at: &mut Partition,
        records: Bytes,
        aborted: Option<Vec<fetch::AbortedTransaction>>,
    ) {
        let scan = scan(&records);
        let broken = scan.broken || scan.next_offset <= at.fetch_offset;
        if broken {
            at.phase = Phase::Stopped;
        } else {
            at.fetch_offset = scan.next_offset;
            at.fetch_epoch = scan.leader_epoch;
        }
        self.queue.push(Chunk {
            which: which.clone(),
            generation: at.generation,
            broker: self.broker,
            records,
            broken,
            aborted: aborted.unwrap_or_default(),
            held: self.held.clone(),
        });
    }

    fn take_error(
        &mut self,
        which: &TopicPartition,
        at: &mut Partition,
        data: &fetch::PartitionData,
    ) {
        let code = data.error_code;
        tracing::debug!(partition = %which, %code, "fetch refused");
        if at.preferred.take().is_some_and(|(replica, _)| replica == self.broker) {
            // A replica may know less than the leader does: the leader is asked before anything is made of it.
            return;
        }
        if code == ErrorCode::OFFSET_OUT_OF_RANGE {
            self.stop(which, at, Stop::OutOfRange);
            return;
        }
        at.failures = at.failures.saturating_add(1);
        let wait = self.settings.backoff.wait(at.failures, self.now.random);
        at.not_before = self.now.monotonic.after(wait);
        let leader = &data.current_leader;
        if leader.leader_id >= 0 {
            self.learn(which, leader);
        }
        let unknown = matches!(
            code,
            ErrorCode::UNKNOWN_TOPIC_OR_PARTITION
                | ErrorCode::UNKNOWN_TOPIC_ID
                | ErrorCode::INCONSISTENT_TOPIC_ID
        );
        at.unknown = if unknown { at.unknown.saturating_add(1) } else { 0 };
        self.effects.refresh = true;
        if unknown && at.unknown == UNKNOWN_MAX || !unknown && !passes(code) {
            let error = Error::broker(code, "fetch records");
            self.effects.errors.push(error.with_topic(&which.topic, Some(which.partition)));
        }
    }

    fn learn(&mut self, which: &TopicPartition, leader: &fetch::LeaderIdAndEpoch) {
        let endpoint = self.endpoints.iter().find(|node| node.node_id == leader.leader_id);
        let endpoint = endpoint.and_then(|node| {
            let port = u16::try_from(node.port).ok()?;
            Some((node.node_id, Address { host: node.host.clone(), port }))
        });
        self.effects.learned.push(Learned {
            which: which.clone(),
            leader: leader.leader_id,
            leader_epoch: leader.leader_epoch,
            endpoint,
        });
    }

    fn stop(&mut self, which: &TopicPartition, at: &mut Partition, stop: Stop) {
        at.phase = Phase::Stopped;
        self.queue.stop(which.clone(), at.generation, stop);
    }
}

/// Whether the application need not hear of it.
fn passes(code: ErrorCode) -> bool {
    code != ErrorCode::CORRUPT_MESSAGE && code.is_retriable()
        || matches!(code, ErrorCode::FENCED_LEADER_EPOCH | ErrorCode::UNKNOWN_SERVER_ERROR)
}

/// What the headers of batches tell.
struct Scan {
    /// Behind the last whole batch.
    next_offset: i64,
    leader_epoch: i32,
    /// Something among them is no batch, or there is no whole one.
    broken: bool,
}

/// Looks at the headers alone.
fn scan(records: &Bytes) -> Scan {
    let mut found = Scan { next_offset: -1, leader_epoch: -1, broken: false };
    let mut rest: &[u8] = records;
    while rest.len() >= HEADER_LEN {
        let Ok(header) = BatchHeader::parse(rest) else {
            found.broken = true;
            break;
        };
        let Some(behind) = rest.get(header.total_len()..) else { break };
        found.next_offset = header.last_offset().saturating_add(1);
        found.leader_epoch = header.partition_leader_epoch;
        rest = behind;
    }
    found.broken |= found.next_offset < 0;
    found
}

#[cfg(test)]
mod tests;

//! Fetch: read batches from partitions, and wait for more where there are too few.
//!
//! A fetch waits until its partitions hold `min_bytes`, one of them fails, or its time is up. While it waits, it is
//! told of every partition that changes and measures that one again; it reads when it is answered.

use super::{Context, Outcome, Serve, Wait};
use crate::fetch_session::{self, TopicRef, Wanted};
use crate::metadata::Topic;
use crate::state::{News, Partition, PartitionKey, State, Subject};
use bytes::Bytes;
use kafka_proto::ErrorCode;
use kafka_proto::messages::fetch::{
    EpochEndOffset, FetchableTopicResponse, LeaderIdAndEpoch, NodeEndpoint, PartitionData, Request,
    Response,
};
use kafka_proto::records::Records;
use kafka_proto::uuid::Uuid;

/// The first version that has a fetch session and an error for the response as a whole.
const SESSIONS_SINCE: i16 = 7;

/// The first version that says who leads a partition, and the first that says where that broker is.
const LEADERS_SINCE: i16 = 12;
const ENDPOINTS_SINCE: i16 = 16;

/// Only records of committed transactions are wanted.
const READ_COMMITTED: i8 = 1;

/// The replica ids of consumers, the second that of a debugging one.
const CONSUMERS: [i32; 2] = [-1, -2];

/// A fetch on its way to its answer.
#[derive(Debug)]
struct Waiting {
    session: fetch_session::Context,
    wanted: Vec<Wanted>,
    /// Where `wanted` lies; what is not found fails at once and never waits.
    subjects: Vec<Subject>,
    /// Bytes that each of `wanted` has to give.
    ready: Vec<u64>,
    ready_sum: u64,
    min_bytes: u64,
    max_bytes: u64,
    committed_only: bool,
    follower: bool,
    /// When to answer with what is there.
    deadline_ms: u64,
}

impl Wait<Request> for Waiting {
    fn subjects(&self) -> &[Subject] {
        &self.subjects
    }

    fn deadline_ms(&self) -> Option<u64> {
        Some(self.deadline_ms)
    }

    /// Measures the partition again.
    fn hear(&mut self, state: &mut State, at: usize, _: &News) -> bool {
        let Some(wanted) = self.wanted.get(at) else { return false };
        let Some(bytes) = measure(state, wanted, self.committed_only, self.follower) else {
            return true;
        };
        if let Some(ready) = self.ready.get_mut(at) {
            self.ready_sum = self.ready_sum - *ready + bytes;
            *ready = bytes;
        }
        self.ready_sum >= self.min_bytes
    }

    /// Reads what is there.
    fn answer(self: Box<Self>, state: &mut State, cx: &Context) -> Response {
        let mut left = self.max_bytes;
        let mut found = Vec::with_capacity(self.wanted.len());
        let mut nothing_yet = true;
        for wanted in self.wanted {
            let budget = Budget { left, one_at_least: nothing_yet };
            let data = read(state, &wanted, budget, self.committed_only, self.follower);
            let size = data.records.as_ref().map_or(0, Records::len) as u64;
            left = left.saturating_sub(size);
            nothing_yet &= size == 0;
            found.push((wanted, data));
        }
        let random = state.random(cx.now);
        let now_ms = cx.now.monotonic_ms;
        let session_id = state.sessions.finish(now_ms, self.session, random, &mut found);
        let stale = found.iter().any(|(_, data)| names_leader(data.error_code));
        Response {
            session_id,
            responses: by_topic(cx, found),
            node_endpoints: endpoints(state, cx, stale),
            ..Response::default()
        }
    }
}

impl Serve for Request {
    fn serve(self, state: &mut State, cx: &Context) -> Outcome<Self> {
        let now_ms = cx.now.monotonic_ms;
        let name_of = |id: Uuid| state.topics.by_id(id).map(|topic| topic.name.clone());
        let begun = state.sessions.begin(now_ms, cx.version, &self, &name_of);
        let (session, wanted) = match begun {
            Ok(begun) => begun,
            Err(error_code) => {
                return Outcome::Ready(Response { error_code, ..Response::default() });
            }
        };
        let replica_id = self.replica_id.max(self.replica_state.replica_id);
        let follower = replica_id >= 0 && !CONSUMERS.contains(&replica_id);
        let committed_only = self.isolation_level == READ_COMMITTED;
        let limit = state.config.fetch_max_bytes.min(self.max_bytes);
        let mut waiting = Box::new(Waiting {
            session,
            subjects: Vec::with_capacity(wanted.len()),
            ready: Vec::with_capacity(wanted.len()),
            ready_sum: 0,
            min_bytes: u64::try_from(self.min_bytes).unwrap_or(0),
            max_bytes: u64::try_from(limit).unwrap_or(0),
            committed_only,
            follower,
            deadline_ms: now_ms + u64::try_from(self.max_wait_ms).unwrap_or(0),
            wanted,
        });
        let mut failed = false;
        for wanted in &waiting.wanted {
            let bytes = measure(state, wanted, committed_only, follower);
            failed |= bytes.is_none();
            waiting.ready_sum += bytes.unwrap_or(0);
            waiting.ready.push(bytes.unwrap_or(0));
            waiting.subjects.push(Subject::Partition(key_of(state, wanted)));
        }
        let enough = waiting.ready_sum >= waiting.min_bytes || waiting.wanted.is_empty();
        if failed || enough || waiting.deadline_ms == now_ms {
            return Outcome::Ready(waiting.answer(state, cx));
        }
        Outcome::Parked(waiting)
    }

    fn refuse(&self, state: &State, cx: &Context, error_code: ErrorCode) -> Response {
        let whole = matches!(
            error_code,
            ErrorCode::FETCH_SESSION_ID_NOT_FOUND
                | ErrorCode::INVALID_FETCH_SESSION_EPOCH
                | ErrorCode::FETCH_SESSION_TOPIC_ID_ERROR
        );
        if whole && cx.version >= SESSIONS_SINCE {
            return Response { error_code, ..Response::default() };
        }
        let responses = self
            .topics
            .iter()
            .map(|topic| FetchableTopicResponse {
                topic: topic.topic.clone(),
                topic_id: topic.topic_id,
                partitions: topic
                    .partitions
                    .iter()
                    .map(|partition| {
                        let index = partition.partition;
                        let known = state.topics.by_id(topic.topic_id);
                        let known = known.or_else(|| state.topics.by_name(&topic.topic));
                        let known = known.zip(usize::try_from(index).ok());
                        let known = known.and_then(|(topic, at)| topic.partitions.get(at));
                        for_version(cx, failure(state, index, error_code, known))
                    })
                    .collect(),
            })
            .collect();
        let node_endpoints = endpoints(state, cx, names_leader(error_code));
        Response { responses, node_endpoints, ..Response::default() }
    }
}

/// What one partition may give.
#[derive(Clone, Copy)]
struct Budget {
    left: u64,
    /// Whether a batch may be given that is larger than what is left.
    one_at_least: bool,
}

fn key_of(state: &State, wanted: &Wanted) -> PartitionKey {
    let id = find(state, wanted).map_or(Uuid::ZERO, |topic| topic.id);
    (id, wanted.partition)
}

fn find<'a>(state: &'a State, wanted: &Wanted) -> Result<&'a Topic, ErrorCode> {
    let topics = &state.topics;
    match (&wanted.topic, &wanted.known_as) {
        (TopicRef::Name(name), _) => {
            topics.by_name(name).ok_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)
        }
        (TopicRef::Id(id), known_as) => topics.by_id(*id).ok_or_else(|| match known_as {
            None => ErrorCode::UNKNOWN_TOPIC_ID,
            Some(name) if topics.by_name(name).is_some() => ErrorCode::INCONSISTENT_TOPIC_ID,
            Some(_) => ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
        }),
    }
}

fn find_partition<'a>(state: &'a State, wanted: &Wanted) -> Result<&'a Partition, ErrorCode> {
    let index = usize::try_from(wanted.partition).unwrap_or(usize::MAX);
    let partitions = &find(state, wanted)?.partitions;
    partitions.get(index).ok_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)
}

/// Whether the partition can be read as wanted; where the asker's log has parted from it, where that was.
fn check(
    partition: &Partition,
    wanted: &Wanted,
    follower: bool,
) -> Result<Option<EpochEndOffset>, ErrorCode> {
    if follower {
        return Err(ErrorCode::NOT_LEADER_OR_FOLLOWER);
    }
    State::check_leader_epoch(partition.leader_epoch, wanted.leader_epoch)?;
    let log = &partition.log;
    let too_early = wanted.offset < log.start_offset();
    if wanted.last_fetched_epoch >= 0 {
        let asked = wanted.last_fetched_epoch;
        let (epoch, end_offset) = log.epochs().end_of(asked, log.end_offset());
        if epoch < 0 || too_early {
            return Err(ErrorCode::OFFSET_OUT_OF_RANGE);
        }
        if epoch < asked || end_offset < wanted.offset {
            return Ok(Some(EpochEndOffset { epoch, end_offset }));
        }
    }
    if too_early || wanted.offset > log.end_offset() {
        return Err(ErrorCode::OFFSET_OUT_OF_RANGE);
    }
    Ok(None)
}

/// Bytes that the partition has to give; `None` when the answer should not wait.
fn measure(state: &mut State, wanted: &Wanted, committed: bool, follower: bool) -> Option<u64> {
    let max_bytes = u64::try_from(wanted.max_bytes).unwrap_or(0);
    let key = key_of(state, wanted);
    let partition = find_partition(state, wanted).ok()?;
    state.log_dirs.check(partition.dir).ok()?;
    if check(partition, wanted, follower).ok()?.is_some() {
        return None;
    }
    // At the end of the log, where most fetches are.
    if wanted.offset == partition.log.end_offset() {
        return Some(0);
    }
    let topic = state.topics.by_id_mut(key.0)?;
    let partition = topic.partition(key.1)?;
    let (log, storage) = (&partition.log, state.log_dirs.storage(partition.dir));
    let end = if committed { log.last_stable_offset() } else { log.high_watermark() };
    log.bytes_between(storage, wanted.offset, end, max_bytes).ok()
}

fn read(
    state: &mut State,
    wanted: &Wanted,
    budget: Budget,
    committed: bool,
    follower: bool,
) -> PartitionData {
    let index = wanted.partition;
    let partition = match find_partition(state, wanted) {
        Ok(partition) if state.log_dirs.check(partition.dir).is_err() => {
            return failure(state, index, ErrorCode::KAFKA_STORAGE_ERROR, None);
        }
        Ok(partition) => partition,
        Err(code) => return failure(state, index, code, None),
    };
    let diverging = match check(partition, wanted, follower) {
        Ok(diverging) => diverging,
        Err(code) => return failure(state, index, code, Some(partition)),
    };
    let log = &partition.log;
    let mut data = PartitionData {
        partition_index: index,
        high_watermark: log.high_watermark(),
        last_stable_offset: log.last_stable_offset(),
        log_start_offset: log.start_offset(),
        aborted_transactions: committed.then(Vec::new),
        records: Some(Records::Bytes(Bytes::new())),
        ..PartitionData::default()
    };
    if let Some(diverging) = diverging {
        data.diverging_epoch = diverging;
        return data;
    }
    let end = if committed { log.last_stable_offset() } else { log.high_watermark() };
    let max_bytes = budget.left.min(u64::try_from(wanted.max_bytes).unwrap_or(0));
    let id = key_of(state, wanted).0;
    let topic = state.topics.by_id_mut(id);
    let Some(partition) = topic.and_then(|topic| topic.partition(index)) else { return data };
    let storage = state.log_dirs.storage(partition.dir);
    let one_at_least = budget.one_at_least;
    match partition.log.read(storage, wanted.offset, end, max_bytes, one_at_least) {
        Ok(records) => data.records = Some(records),
        Err(_) => return failure(state, index, ErrorCode::KAFKA_STORAGE_ERROR, None),
    }
    data
}

/// Whether an answer with `code` says who leads the partition.
fn names_leader(code: ErrorCode) -> bool {
    matches!(code, ErrorCode::NOT_LEADER_OR_FOLLOWER | ErrorCode::FENCED_LEADER_EPOCH)
}

fn is_unknown(code: ErrorCode) -> bool {
    matches!(code, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION | ErrorCode::UNKNOWN_TOPIC_ID)
}

fn failure(
    state: &State,
    partition_index: i32,
    error_code: ErrorCode,
    partition: Option<&Partition>,
) -> PartitionData {
    let mut data = PartitionData {
        partition_index,
        error_code,
        high_watermark: -1,
        // Null but where there is no such partition, as from Kafka.
        aborted_transactions: is_unknown(error_code).then(Vec::new),
        records: Some(Records::Bytes(Bytes::new())),
        ..PartitionData::default()
    };
    if let Some(partition) = partition.filter(|_| names_leader(error_code)) {
        let (leader_id, leader_epoch) = (state.config.node_id, partition.leader_epoch);
        data.current_leader = LeaderIdAndEpoch { leader_id, leader_epoch };
    }
    data
}

/// Puts neighbours of one topic together.
fn by_topic(cx: &Context, found: Vec<(Wanted, PartitionData)>) -> Vec<FetchableTopicResponse> {
    let mut topics: Vec<(TopicRef, FetchableTopicResponse)> = Vec::new();
    for (wanted, data) in found {
        let data = for_version(cx, data);
        match topics.last_mut() {
            Some((topic, response)) if *topic == wanted.topic => response.partitions.push(data),
            _ => {
                let mut response =
                    FetchableTopicResponse { partitions: vec![data], ..Default::default() };
                match &wanted.topic {
                    TopicRef::Name(name) => response.topic = name.clone(),
                    TopicRef::Id(id) => response.topic_id = *id,
                }
                topics.push((wanted.topic, response));
            }
        }
    }
    topics.into_iter().map(|(_, response)| response).collect()
}

/// Leaves out what the version has no place for.
fn for_version(cx: &Context, mut data: PartitionData) -> PartitionData {
    if cx.version < LEADERS_SINCE {
        data.current_leader = LeaderIdAndEpoch::default();
    }
    data
}

/// Where the leaders are that the response names: all of them here.
fn endpoints(state: &State, cx: &Context, named: bool) -> Vec<NodeEndpoint> {
    if !named || cx.version < ENDPOINTS_SINCE {
        return Vec::new();
    }
    let (host, port) = state.address(&cx.listener);
    let rack = state.config.rack.clone();
    vec![NodeEndpoint { node_id: state.config.node_id, host, port, rack }]
}

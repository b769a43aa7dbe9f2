//! Produce: append one batch to each of some partitions.
//!
//! With a flush policy the answer waits until what was appended is on the medium.

use super::{Context, Outcome, Serve, Wait};
use crate::metadata::{is_internal, validate_topic_name};
use crate::state::{AppendContext, News, Refusal, Rejected, State, Subject, Unsynced};
use bytes::Bytes;
use kafka_proto::ErrorCode;
use kafka_proto::messages::produce::{
    BatchIndexAndErrorMessage, LeaderIdAndEpoch, NodeEndpoint, PartitionProduceResponse, Request,
    Response, TopicProduceData, TopicProduceResponse,
};
use kafka_proto::uuid::Uuid;
use std::sync::Arc;

/// The first version that names topics by their ids.
const TOPIC_IDS_SINCE: i16 = 13;

/// The first version that says who leads a partition, and where.
const LEADERS_SINCE: i16 = 10;

/// The client id of tools that may write to Kafka's own topics.
const ADMIN: &str = "__admin_client";

impl Serve for Request {
    fn serve(self, state: &mut State, cx: &Context) -> Outcome<Self> {
        let acks = self.acks;
        if !matches!(acks, -1..=1) {
            return Outcome::Ready(self.refuse(state, cx, ErrorCode::INVALID_REQUIRED_ACKS));
        }
        let mut first_error = None;
        let mut waiting = Waiting::default();
        let responses: Vec<_> = self
            .topic_data
            .into_iter()
            .zip(0..)
            .map(|(topic, at)| {
                let id = find(state, cx, &topic);
                let TopicProduceData { name, topic_id, partition_data } = topic;
                let partition_responses = partition_data
                    .into_iter()
                    .zip(0..)
                    .map(|(partition, within)| {
                        let index = partition.index;
                        let records = partition.records.map(|records| records.to_bytes());
                        let appended = match (&id, records) {
                            (Err(refusal), _) => Err(refusal.clone()),
                            (Ok(_), Some(Err(error))) => {
                                Err(Refusal::new(ErrorCode::KAFKA_STORAGE_ERROR, error.to_string()))
                            }
                            (Ok(id), Some(Ok(records))) => append(state, cx, *id, index, records),
                            (Ok(id), None) => append(state, cx, *id, index, Bytes::new()),
                        };
                        match appended {
                            Ok(Appended { response, waits_for: None }) => response,
                            Ok(Appended { response, waits_for: Some(unsynced) }) => {
                                waiting.subjects.push(Subject::Partition(unsynced.0));
                                waiting.batches.push(Batch { unsynced, at, within });
                                response
                            }
                            Err(refusal) => {
                                first_error.get_or_insert(refusal.code);
                                failed(index, refusal)
                            }
                        }
                    })
                    .collect();
                TopicProduceResponse { name, topic_id, partition_responses }
            })
            .collect();
        match (acks, first_error) {
            (0, None) => Outcome::Silent,
            (0, Some(code)) => {
                Outcome::Close(format!("a Produce request without acknowledgement failed: {code}"))
            }
            _ if waiting.subjects.is_empty() => {
                Outcome::Ready(Response { responses, ..Response::default() })
            }
            _ => {
                waiting.responses = responses;
                Outcome::Parked(Box::new(waiting))
            }
        }
    }

    fn wants_answer(&self) -> bool {
        self.acks != 0
    }

    fn refuse(&self, state: &State, cx: &Context, code: ErrorCode) -> Response {
        let stale = code == ErrorCode::NOT_LEADER_OR_FOLLOWER && cx.version >= LEADERS_SINCE;
        let responses = self
            .topic_data
            .iter()
            .map(|topic| {
                let refuse = |index| {
                    let mut response = failed(index, Refusal::plain(code));
                    if stale {
                        response.current_leader = leader(state, topic, index);
                    }
                    response
                };
                let partitions = topic.partition_data.iter().map(|partition| partition.index);
                TopicProduceResponse {
                    name: topic.name.clone(),
                    topic_id: topic.topic_id,
                    partition_responses: partitions.map(refuse).collect(),
                }
            })
            .collect();
        let node_endpoints = if stale { vec![endpoint(state, cx)] } else { Vec::new() };
        Response { responses, node_endpoints, ..Response::default() }
    }
}

/// A request of which batches are appended and not all of them synced.
#[derive(Debug, Default)]
struct Waiting {
    subjects: Vec<Subject>,
    /// What is waited for in the partition of each subject.
    batches: Vec<Batch>,
    responses: Vec<TopicProduceResponse>,
}

#[derive(Debug)]
struct Batch {
    unsynced: Unsynced,
    /// Where its response is: of which topic, and within that.
    at: usize,
    within: usize,
}

impl Wait<Request> for Waiting {
    fn subjects(&self) -> &[Subject] {
        &self.subjects
    }

    /// As in Kafka, a sync takes as long as it takes.
    fn deadline_ms(&self) -> Option<u64> {
        None
    }

    fn hear(&mut self, state: &mut State, _: usize, _: &News) -> bool {
        self.batches.iter().all(|batch| state.is_synced(&[batch.unsynced]).unwrap_or(true))
    }

    fn answer(mut self: Box<Self>, state: &mut State, _: &Context) -> Response {
        for batch in &self.batches {
            let code = match state.is_synced(&[batch.unsynced]) {
                Ok(true) => continue,
                Ok(false) => ErrorCode::REQUEST_TIMED_OUT,
                Err(code) => code,
            };
            let topic = self.responses.get_mut(batch.at);
            let place = topic.and_then(|topic| topic.partition_responses.get_mut(batch.within));
            if let Some(response) = place {
                *response = failed(response.index, Refusal::plain(code));
            }
        }
        Response { responses: self.responses, ..Response::default() }
    }
}

/// What became of one batch.
struct Appended {
    response: PartitionProduceResponse,
    /// The partition and offset that have to be synced first.
    waits_for: Option<Unsynced>,
}

fn find(state: &State, cx: &Context, topic: &TopicProduceData) -> Result<Uuid, Refusal> {
    let id = find_any(state, cx, topic)?;
    let topic = state.topics.by_id(id).filter(|topic| is_internal(&topic.name));
    match topic {
        Some(_) if cx.client.id.as_deref() != Some(ADMIN) => {
            Err(Refusal::plain(ErrorCode::INVALID_TOPIC_EXCEPTION))
        }
        _ => Ok(id),
    }
}

fn find_any(state: &State, cx: &Context, topic: &TopicProduceData) -> Result<Uuid, Refusal> {
    if cx.version >= TOPIC_IDS_SINCE {
        let id = topic.topic_id;
        let known = state.topics.by_id(id).map(|_| id);
        return known.ok_or_else(|| Refusal::plain(ErrorCode::UNKNOWN_TOPIC_ID));
    }
    if let Some(why) = validate_topic_name(&topic.name) {
        return Err(Refusal::new(ErrorCode::INVALID_TOPIC_EXCEPTION, why));
    }
    let unknown = || Refusal::plain(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    state.topics.id_of(&topic.name).ok_or_else(unknown)
}

fn append(
    state: &mut State,
    cx: &Context,
    id: Uuid,
    index: i32,
    records: Bytes,
) -> Result<Appended, Refusal> {
    let unknown = || Refusal::plain(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    let topic = state.topics.by_id_mut(id).ok_or_else(unknown)?;
    let partition = topic
        .partitions
        .get_mut(usize::try_from(index).map_err(|_| unknown())?)
        .ok_or_else(unknown)?;
    let dir = partition.dir;
    state.log_dirs.check(dir)?;
    let mut append = AppendContext {
        storage: state.log_dirs.storage(dir),
        decompressor: &mut state.decompressor,
        config: &topic.log_config,
        version: cx.version,
        now_ms: cx.now.wall_ms,
    };
    let stored = match partition.append(&mut append, records) {
        Ok(stored) => stored,
        Err(Rejected::Refused(refusal)) => return Err(refusal),
        Err(Rejected::Failed(error)) => {
            state.storage_failed(dir, &error);
            return Err(error.into());
        }
    };
    let log_start_offset = partition.log.start_offset();
    let seen = partition.log.high_watermark() >= stored.end_offset;
    let key = (id, index);
    if stored.duplicate {
        state.control.count(|counters| counters.duplicates_answered += 1);
    } else {
        state.control.count(|counters| counters.appended_batches += 1);
        state.news.push(News::Partition(key));
        state.appended(cx.now, key);
    }
    let response = PartitionProduceResponse {
        index,
        base_offset: stored.base_offset,
        log_append_time_ms: stored.append_time_ms.unwrap_or(-1),
        log_start_offset,
        ..PartitionProduceResponse::default()
    };
    Ok(Appended { response, waits_for: (!seen).then_some((key, stored.end_offset)) })
}

fn failed(index: i32, refusal: Refusal) -> PartitionProduceResponse {
    let record_errors = refusal
        .records
        .into_iter()
        .map(|(batch_index, text)| BatchIndexAndErrorMessage {
            batch_index,
            batch_index_error_message: Some(text.into()),
        })
        .collect();
    PartitionProduceResponse {
        index,
        error_code: refusal.code,
        base_offset: -1,
        record_errors,
        error_message: refusal.message.map(Arc::from),
        ..PartitionProduceResponse::default()
    }
}

fn leader(state: &State, topic: &TopicProduceData, index: i32) -> LeaderIdAndEpoch {
    let topics = &state.topics;
    let topic = topics.by_id(topic.topic_id).or_else(|| topics.by_name(&topic.name));
    let partition = topic.zip(usize::try_from(index).ok());
    let partition = partition.and_then(|(topic, index)| topic.partitions.get(index));
    partition.map_or_else(LeaderIdAndEpoch::default, |partition| LeaderIdAndEpoch {
        leader_id: state.config.node_id,
        leader_epoch: partition.leader_epoch,
    })
}

fn endpoint(state: &State, cx: &Context) -> NodeEndpoint {
    let (host, port) = state.address(&cx.listener);
    NodeEndpoint { node_id: state.config.node_id, host, port, rack: state.config.rack.clone() }
}

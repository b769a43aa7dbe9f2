//! Produce: append one batch to each of some partitions.

use super::{Context, Outcome, Serve};
use crate::metadata::validate_topic_name;
use crate::state::{AppendContext, Refusal, State};
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

impl Serve for Request {
    fn serve(self, state: &mut State, cx: &Context) -> Outcome<Self> {
        let acks = self.acks;
        if !matches!(acks, -1..=1) {
            return Outcome::Ready(self.refuse(state, cx, ErrorCode::INVALID_REQUIRED_ACKS));
        }
        let mut first_error = None;
        let responses = self
            .topic_data
            .into_iter()
            .map(|topic| {
                let id = find(state, cx, &topic);
                let TopicProduceData { name, topic_id, partition_data } = topic;
                let partition_responses = partition_data
                    .into_iter()
                    .map(|partition| {
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
                        appended.unwrap_or_else(|refusal| {
                            first_error.get_or_insert(refusal.code);
                            failed(index, refusal)
                        })
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
            _ => Outcome::Ready(Response { responses, ..Response::default() }),
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

fn find(state: &State, cx: &Context, topic: &TopicProduceData) -> Result<Uuid, Refusal> {
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
) -> Result<PartitionProduceResponse, Refusal> {
    let unknown = || Refusal::plain(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    let topic = state.topics.by_id_mut(id).ok_or_else(unknown)?;
    let partition = topic
        .partitions
        .get_mut(usize::try_from(index).map_err(|_| unknown())?)
        .ok_or_else(unknown)?;
    let mut append = AppendContext {
        storage: &mut *state.storage,
        decompressor: &mut state.decompressor,
        config: &topic.log_config,
        version: cx.version,
        now_ms: cx.now.wall_ms,
    };
    let stored = partition.append(&mut append, records)?;
    if stored.duplicate {
        state.control.count(|counters| counters.duplicates_answered += 1);
    } else {
        state.control.count(|counters| counters.appended_batches += 1);
        state.news.push((id, index));
    }
    Ok(PartitionProduceResponse {
        index,
        base_offset: stored.base_offset,
        log_append_time_ms: stored.append_time_ms.unwrap_or(-1),
        log_start_offset: partition.log.start_offset(),
        ..PartitionProduceResponse::default()
    })
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

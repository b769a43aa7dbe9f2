//! Metadata: the brokers, and the topics with their leaders; an unknown topic may come into being by being asked for.

use super::{CLUSTER_OPERATIONS, Context, Outcome, Serve, TOPIC_OPERATIONS, create_topic};
use crate::metadata::{Topic, is_internal, validate_topic_name};
use crate::state::State;
use kafka_proto::ErrorCode;
use kafka_proto::messages::metadata::{
    MetadataRequestTopic, MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
    Request, Response,
};
use std::collections::BTreeSet;
use std::sync::Arc;

/// The first version that asks for topics by their ids.
const TOPIC_IDS_SINCE: i16 = 12;

/// Asks for as many partitions as `num.partitions` says.
const DEFAULT_PARTITIONS: i32 = -1;

impl Serve for Request {
    fn serve(self, state: &mut State, cx: &Context) -> Outcome<Self> {
        let by_id =
            |topic: &MetadataRequestTopic| topic.name.is_none() || !topic.topic_id.is_zero();
        if cx.version < TOPIC_IDS_SINCE && self.topics.iter().flatten().any(by_id) {
            return Outcome::Ready(self.refuse(state, cx, ErrorCode::INVALID_REQUEST));
        }
        // Version 0 has no null, and asks for everything with an empty list.
        let named = self.topics.filter(|topics| cx.version > 0 || !topics.is_empty());
        let mut topics: Vec<MetadataResponseTopic> = match named {
            None => state.topics.iter().map(|topic| describe(state, topic)).collect(),
            Some(named) => {
                let may_create =
                    self.allow_auto_topic_creation && state.config.auto_create_topics_enable;
                let mut told = BTreeSet::new();
                named
                    .iter()
                    .map(|asked| answer(state, cx, asked, may_create))
                    // Of what is asked for twice, the first answer counts.
                    .filter(|topic| told.insert(topic.name.clone().ok_or(topic.topic_id)))
                    .collect()
            }
        };
        if self.include_topic_authorized_operations {
            for topic in topics.iter_mut().filter(|topic| topic.name.is_some()) {
                topic.topic_authorized_operations = TOPIC_OPERATIONS;
            }
        }
        let mut response = Response { topics, ..cluster(state, cx) };
        if self.include_cluster_authorized_operations {
            response.cluster_authorized_operations = CLUSTER_OPERATIONS;
        }
        Outcome::Ready(response)
    }

    fn refuse(&self, state: &State, cx: &Context, code: ErrorCode) -> Response {
        let refuse = |asked: &MetadataRequestTopic| MetadataResponseTopic {
            error_code: code,
            name: Some(asked.name.clone().unwrap_or_default()),
            topic_id: asked.topic_id,
            ..MetadataResponseTopic::default()
        };
        let topics = self.topics.iter().flatten().map(refuse).collect();
        Response { topics, error_code: code, ..cluster(state, cx) }
    }
}

fn cluster(state: &State, cx: &Context) -> Response {
    let config = &state.config;
    let (host, port) = state.address(&cx.listener);
    let broker =
        MetadataResponseBroker { node_id: config.node_id, host, port, rack: config.rack.clone() };
    Response {
        brokers: vec![broker],
        cluster_id: Some(config.cluster_id.clone()),
        controller_id: config.node_id,
        ..Response::default()
    }
}

fn answer(
    state: &mut State,
    cx: &Context,
    asked: &MetadataRequestTopic,
    may_create: bool,
) -> MetadataResponseTopic {
    let error = |error_code| MetadataResponseTopic {
        error_code,
        name: asked.name.clone(),
        topic_id: asked.topic_id,
        ..MetadataResponseTopic::default()
    };
    let (Some(name), true) = (&asked.name, asked.topic_id.is_zero()) else {
        return match state.topics.by_id(asked.topic_id) {
            Some(topic) => describe(state, topic),
            None => MetadataResponseTopic { name: None, ..error(ErrorCode::UNKNOWN_TOPIC_ID) },
        };
    };
    if let Some(topic) = state.topics.by_name(name) {
        return describe(state, topic);
    }
    if validate_topic_name(name).is_some() {
        return error(ErrorCode::INVALID_TOPIC_EXCEPTION);
    }
    if !may_create {
        return error(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    }
    // The topic has no leader yet, in as far as this answer goes; the next one names it.
    match create_topic(state, cx.now, name, DEFAULT_PARTITIONS) {
        Ok(()) => error(ErrorCode::LEADER_NOT_AVAILABLE),
        Err((code, _)) => error(code),
    }
}

fn describe(state: &State, topic: &Topic) -> MetadataResponseTopic {
    let node = state.config.node_id;
    let partitions = (0..).zip(&topic.partitions).map(|(partition_index, partition)| {
        MetadataResponsePartition {
            partition_index,
            leader_id: node,
            leader_epoch: partition.leader_epoch,
            replica_nodes: vec![node],
            isr_nodes: vec![node],
            ..MetadataResponsePartition::default()
        }
    });
    MetadataResponseTopic {
        name: Some(Arc::clone(&topic.name)),
        topic_id: topic.id,
        is_internal: is_internal(&topic.name),
        partitions: partitions.collect(),
        ..MetadataResponseTopic::default()
    }
}

//! OffsetFetch: how far groups have read; -1 where they have not.

use super::{Context, Outcome, Serve};
use crate::group::Committed;
use crate::state::State;
use kafka_proto::ErrorCode;
use kafka_proto::messages::offset_fetch::{
    OffsetFetchRequestGroup, OffsetFetchRequestTopics, OffsetFetchResponseGroup,
    OffsetFetchResponsePartition, OffsetFetchResponsePartitions, OffsetFetchResponseTopic,
    OffsetFetchResponseTopics, Request, Response,
};
use kafka_proto::uuid::Uuid;
use std::sync::Arc;

/// The first version that asks for several groups.
const BATCHED_SINCE: i16 = 8;

/// The first version that names topics by their ids.
const TOPIC_IDS_SINCE: i16 = 10;

/// The first version that has an error for the answer as a whole.
const WHOLE_ERROR_SINCE: i16 = 2;

impl Serve for Request {
    fn serve(self, state: &mut State, cx: &Context) -> Outcome<Self> {
        let groups = self.asked(cx).iter().map(|group| fetch(state, cx, group)).collect();
        Outcome::Ready(for_version(cx, groups))
    }

    fn refuse(&self, _: &State, cx: &Context, error_code: ErrorCode) -> Response {
        let refuse = |group: &OffsetFetchRequestGroup| {
            let mut refused = OffsetFetchResponseGroup {
                group_id: group.group_id.clone(),
                error_code,
                ..OffsetFetchResponseGroup::default()
            };
            if cx.version < WHOLE_ERROR_SINCE {
                let topics = group.topics.iter().flatten();
                let fail = |index| row(index, None, error_code);
                refused.topics = topics.map(|topic| rows(topic, fail)).collect();
            }
            refused
        };
        let groups = self.asked(cx).iter().map(refuse).collect();
        for_version(cx, groups)
    }
}

trait Asked {
    /// The groups that the request names in its version.
    fn asked(&self, cx: &Context) -> Vec<OffsetFetchRequestGroup>;
}

impl Asked for Request {
    fn asked(&self, cx: &Context) -> Vec<OffsetFetchRequestGroup> {
        if cx.version >= BATCHED_SINCE {
            return self.groups.clone();
        }
        let topics = self.topics.as_ref().map(|topics| {
            let topics = topics.iter().map(|topic| OffsetFetchRequestTopics {
                name: topic.name.clone(),
                topic_id: Uuid::ZERO,
                partition_indexes: topic.partition_indexes.clone(),
            });
            topics.collect()
        });
        let group_id = self.group_id.clone();
        vec![OffsetFetchRequestGroup { group_id, topics, ..OffsetFetchRequestGroup::default() }]
    }
}

fn fetch(state: &State, cx: &Context, asked: &OffsetFetchRequestGroup) -> OffsetFetchResponseGroup {
    let group = state.groups.get(&asked.group_id);
    let by_id = cx.version >= TOPIC_IDS_SINCE;
    let topics = match &asked.topics {
        Some(topics) => topics
            .iter()
            .map(|topic| {
                let name = if by_id {
                    state.topics.by_id(topic.topic_id).map(|topic| &topic.name)
                } else {
                    Some(&topic.name)
                };
                let Some(name) = name else {
                    return rows(topic, |index| row(index, None, ErrorCode::UNKNOWN_TOPIC_ID));
                };
                rows(topic, |index| {
                    let committed = group.and_then(|group| group.offsets.get(name, index));
                    let committed = committed.filter(|known| same_topic(known, topic.topic_id));
                    row(index, committed, ErrorCode::NONE)
                })
            })
            .collect(),
        None => {
            let topics = group.into_iter().flat_map(|group| group.offsets.topics());
            let describe =
                |(name, partitions): (&Arc<str>, _)| all_of(state, by_id, name, partitions);
            topics.filter_map(describe).collect()
        }
    };
    OffsetFetchResponseGroup {
        group_id: asked.group_id.clone(),
        topics,
        error_code: ErrorCode::NONE,
    }
}

/// Whether an offset is of the topic that is asked for, and not of an older one of that name.
fn same_topic(committed: &Committed, asked: Uuid) -> bool {
    committed.topic_id.is_zero() || asked.is_zero() || committed.topic_id == asked
}

fn all_of(
    state: &State,
    by_id: bool,
    name: &Arc<str>,
    partitions: &std::collections::BTreeMap<i32, Committed>,
) -> Option<OffsetFetchResponseTopics> {
    let topic_id = if by_id { state.topics.id_of(name)? } else { Uuid::ZERO };
    let rows = partitions.iter().map(|(index, known)| row(*index, Some(known), ErrorCode::NONE));
    Some(OffsetFetchResponseTopics { name: name.clone(), topic_id, partitions: rows.collect() })
}

fn rows(
    topic: &OffsetFetchRequestTopics,
    row: impl Fn(i32) -> OffsetFetchResponsePartitions,
) -> OffsetFetchResponseTopics {
    let OffsetFetchRequestTopics { name, topic_id, partition_indexes } = topic;
    let partitions = partition_indexes.iter().map(|index| row(*index)).collect();
    OffsetFetchResponseTopics { name: name.clone(), topic_id: *topic_id, partitions }
}

fn row(
    partition_index: i32,
    committed: Option<&Committed>,
    error_code: ErrorCode,
) -> OffsetFetchResponsePartitions {
    OffsetFetchResponsePartitions {
        partition_index,
        committed_offset: committed.map_or(-1, |committed| committed.offset),
        committed_leader_epoch: committed.map_or(-1, |committed| committed.leader_epoch),
        metadata: Some(committed.map(|committed| committed.metadata.clone()).unwrap_or_default()),
        error_code,
    }
}

fn for_version(cx: &Context, mut groups: Vec<OffsetFetchResponseGroup>) -> Response {
    if cx.version >= BATCHED_SINCE {
        return Response { groups, ..Response::default() };
    }
    let Some(group) = groups.pop() else { return Response::default() };
    let topics = group.topics.into_iter().map(|topic| OffsetFetchResponseTopic {
        name: topic.name,
        partitions: topic.partitions.into_iter().map(older).collect(),
    });
    let (topics, error_code) = (topics.collect(), group.error_code);
    Response { topics, error_code, ..Response::default() }
}

fn older(row: OffsetFetchResponsePartitions) -> OffsetFetchResponsePartition {
    OffsetFetchResponsePartition {
        partition_index: row.partition_index,
        committed_offset: row.committed_offset,
        committed_leader_epoch: row.committed_leader_epoch,
        metadata: row.metadata,
        error_code: row.error_code,
    }
}

//! DescribeTopicPartitions: the partitions of topics, a page at a time.

use super::{Context, Outcome, Serve, TOPIC_OPERATIONS};
use crate::metadata::{Topic, is_internal, validate_topic_name};
use crate::state::State;
use kafka_proto::ErrorCode;
use kafka_proto::messages::describe_topic_partitions::{
    Cursor, DescribeTopicPartitionsResponsePartition as Described,
    DescribeTopicPartitionsResponseTopic, Request, Response,
};
use std::collections::BTreeSet;
use std::sync::Arc;

/// The most partitions of one page (`max.request.partition.size.limit`).
const MOST_PARTITIONS: i32 = 2000;

impl Serve for Request {
    fn serve(self, state: &mut State, cx: &Context) -> Outcome<Self> {
        let from = self.cursor.as_ref().map_or("", |cursor| &*cursor.topic_name);
        let all = self.topics.is_empty();
        let names: BTreeSet<Arc<str>> = match all {
            true => state.topics.iter().map(|topic| topic.name.clone()).collect(),
            false => self.topics.iter().map(|topic| topic.name.clone()).collect(),
        };
        if let Some(cursor) = &self.cursor
            && (cursor.partition_index < 0 || !all && !names.contains(&cursor.topic_name))
        {
            return Outcome::Ready(self.refuse(state, cx, ErrorCode::INVALID_REQUEST));
        }
        let mut left = self.response_partition_limit.clamp(1, MOST_PARTITIONS);
        let mut response = Response::default();
        for name in names.into_iter().filter(|name| &**name >= from) {
            if left == 0 {
                response.next_cursor = Some(Cursor { topic_name: name, partition_index: 0 });
                break;
            }
            let Some(topic) = state.topics.by_name(&name) else {
                let code = match validate_topic_name(&name) {
                    Some(_) => ErrorCode::INVALID_TOPIC_EXCEPTION,
                    None => ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
                };
                response.topics.push(described(name, code));
                continue;
            };
            let cursor = self.cursor.as_ref().filter(|cursor| cursor.topic_name == name);
            let first = cursor.map_or(0, |cursor| cursor.partition_index);
            let partitions = page(state, topic, first, left);
            let given = i32::try_from(partitions.len()).unwrap_or(left);
            let next = first.saturating_add(given);
            let more = usize::try_from(next).is_ok_and(|next| next < topic.partitions.len());
            response.topics.push(DescribeTopicPartitionsResponseTopic {
                topic_id: topic.id,
                partitions,
                ..described(name.clone(), ErrorCode::NONE)
            });
            if more {
                response.next_cursor = Some(Cursor { topic_name: name, partition_index: next });
                break;
            }
            left -= given;
        }
        Outcome::Ready(response)
    }

    fn refuse(&self, _: &State, _: &Context, code: ErrorCode) -> Response {
        let refused = self.topics.iter().map(|topic| DescribeTopicPartitionsResponseTopic {
            error_code: code,
            name: Some(topic.name.clone()),
            ..DescribeTopicPartitionsResponseTopic::default()
        });
        Response { topics: refused.collect(), ..Response::default() }
    }
}

fn described(name: Arc<str>, error_code: ErrorCode) -> DescribeTopicPartitionsResponseTopic {
    DescribeTopicPartitionsResponseTopic {
        error_code,
        is_internal: is_internal(&name),
        name: Some(name),
        topic_authorized_operations: TOPIC_OPERATIONS,
        ..DescribeTopicPartitionsResponseTopic::default()
    }
}

/// Up to `most` partitions from `first` on.
fn page(state: &State, topic: &Topic, first: i32, most: i32) -> Vec<Described> {
    let node = state.config.node_id;
    let within = first..first.saturating_add(most);
    let numbered = (0..).zip(&topic.partitions).filter(|(index, _)| within.contains(index));
    let describe = |(partition_index, partition): (i32, &crate::state::Partition)| Described {
        partition_index,
        leader_id: node,
        leader_epoch: partition.leader_epoch,
        replica_nodes: vec![node],
        isr_nodes: vec![node],
        eligible_leader_replicas: Some(Vec::new()),
        last_known_elr: Some(Vec::new()),
        ..Described::default()
    };
    numbered.map(describe).collect()
}

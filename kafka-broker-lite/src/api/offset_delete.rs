//! OffsetDelete: a group forgets how far it has read, where it does not read any more.

use super::settled::settled;
use super::{Context, Outcome, Serve};
use crate::state::State;
use kafka_proto::ErrorCode;
use kafka_proto::messages::offset_delete::{
    OffsetDeleteRequestTopic, OffsetDeleteResponsePartition, OffsetDeleteResponseTopic, Request,
    Response,
};
use std::sync::Arc;

impl Serve for Request {
    fn serve(self, state: &mut State, cx: &Context) -> Outcome<Self> {
        let known = |topic: &OffsetDeleteRequestTopic, index: i32| {
            let found = state.topics.by_name(&topic.name);
            found
                .zip(usize::try_from(index).ok())
                .is_some_and(|(topic, at)| at < topic.partitions.len())
        };
        let mut asked: Vec<(Arc<str>, i32)> = Vec::new();
        let mut topics = Vec::with_capacity(self.topics.len());
        for topic in &self.topics {
            let partitions = topic.partitions.iter().map(|partition| {
                let partition_index = partition.partition_index;
                let error_code = if known(topic, partition_index) {
                    asked.push((topic.name.clone(), partition_index));
                    ErrorCode::NONE
                } else {
                    ErrorCode::UNKNOWN_TOPIC_OR_PARTITION
                };
                OffsetDeleteResponsePartition { partition_index, error_code }
            });
            let partitions = partitions.collect();
            topics.push(OffsetDeleteResponseTopic { name: topic.name.clone(), partitions });
        }
        let (deleted, unsynced) = state.with_groups_unsynced(cx.now, |groups, turn| {
            groups.delete_offsets(turn, &self.group_id, &asked)
        });
        let results = match deleted {
            Ok(results) => results,
            Err(error_code) => {
                return Outcome::Ready(Response { error_code, ..Response::default() });
            }
        };
        let rows = topics.iter_mut().flat_map(|topic| &mut topic.partitions);
        let rows = rows.filter(|row| row.error_code == ErrorCode::NONE);
        for (row, result) in rows.zip(results) {
            row.error_code = result.err().unwrap_or(ErrorCode::NONE);
        }
        let failed = self.refuse(state, cx, ErrorCode::NOT_COORDINATOR);
        settled(unsynced, Response { topics, ..Response::default() }, failed)
    }

    fn refuse(&self, _: &State, _: &Context, error_code: ErrorCode) -> Response {
        Response { error_code, ..Response::default() }
    }
}

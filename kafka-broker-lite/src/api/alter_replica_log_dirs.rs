//! AlterReplicaLogDirs: partitions begin to move to other log directories.

use super::{Context, Outcome, Serve};
use crate::state::State;
use kafka_proto::ErrorCode;
use kafka_proto::messages::alter_replica_log_dirs::{
    AlterReplicaLogDirPartitionResult, AlterReplicaLogDirTopicResult, Request, Response,
};
use std::collections::BTreeMap;
use std::sync::Arc;

impl Serve for Request {
    fn serve(self, state: &mut State, cx: &Context) -> Outcome<Self> {
        Outcome::Ready(each(&self, |path, topic, index| {
            move_to(state, cx, path, topic, index).err().unwrap_or(ErrorCode::NONE)
        }))
    }

    fn refuse(&self, _: &State, _: &Context, code: ErrorCode) -> Response {
        each(self, |_, _, _| code)
    }
}

/// A row for each topic, whichever directories its partitions go to.
fn each(request: &Request, mut alter: impl FnMut(&str, &str, i32) -> ErrorCode) -> Response {
    let mut topics: BTreeMap<Arc<str>, Vec<AlterReplicaLogDirPartitionResult>> = BTreeMap::new();
    for dir in &request.dirs {
        for topic in &dir.topics {
            for index in &topic.partitions {
                let error_code = alter(&dir.path, &topic.name, *index);
                let partition_index = *index;
                let result = AlterReplicaLogDirPartitionResult { partition_index, error_code };
                topics.entry(topic.name.clone()).or_default().push(result);
            }
        }
    }
    let results = topics
        .into_iter()
        .map(|(topic_name, partitions)| AlterReplicaLogDirTopicResult { topic_name, partitions });
    Response { results: results.collect(), ..Response::default() }
}

fn move_to(
    state: &mut State,
    cx: &Context,
    path: &str,
    topic: &str,
    index: i32,
) -> Result<(), ErrorCode> {
    let to = state.log_dirs.at(path).ok_or(ErrorCode::LOG_DIR_NOT_FOUND)?;
    let failed = |_| ErrorCode::KAFKA_STORAGE_ERROR;
    state.log_dirs.check(to).map_err(failed)?;
    let unknown = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
    let topic = state.topics.by_name_mut(topic).ok_or(unknown)?;
    let key = (topic.id, index);
    let from = topic.partition(index).ok_or(unknown)?.dir;
    state.log_dirs.check(from).map_err(failed)?;
    state.move_partition(cx.now, key, to).map_err(failed)
}

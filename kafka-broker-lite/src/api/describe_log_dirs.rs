//! DescribeLogDirs: the log directories, and what lies in them.

use super::{Context, Outcome, Serve};
use crate::metadata::Topic;
use crate::state::{DirId, State};
use kafka_proto::ErrorCode;
use kafka_proto::messages::describe_log_dirs::{
    DescribeLogDirsPartition, DescribeLogDirsResult, DescribeLogDirsTopic, Request, Response,
};

/// The first version that has an error for all.
const ERROR_SINCE: i16 = 3;

impl Serve for Request {
    fn serve(self, state: &mut State, _: &Context) -> Outcome<Self> {
        let dirs: Vec<DirId> = state.log_dirs.listed().collect();
        let results = dirs.into_iter().map(|dir| {
            let log_dir = state.log_dirs.path(dir);
            if state.log_dirs.check(dir).is_err() {
                let error_code = ErrorCode::KAFKA_STORAGE_ERROR;
                return DescribeLogDirsResult { error_code, log_dir, ..Default::default() };
            }
            let topics = state.topics.iter().map(|topic| describe(&self, state, topic, dir));
            let topics = topics.filter(|topic| !topic.partitions.is_empty()).collect();
            let space = state.log_dirs.storage(dir).space();
            let (total_bytes, usable_bytes) =
                space.map_or((-1, -1), |(total, usable)| (signed(total), signed(usable)));
            DescribeLogDirsResult {
                log_dir,
                topics,
                total_bytes,
                usable_bytes,
                ..Default::default()
            }
        });
        Outcome::Ready(Response { results: results.collect(), ..Response::default() })
    }

    fn refuse(&self, _: &State, cx: &Context, code: ErrorCode) -> Response {
        let error_code = if cx.version < ERROR_SINCE { ErrorCode::NONE } else { code };
        Response { error_code, ..Response::default() }
    }
}

/// What lies in `dir` of the partitions of a topic that are asked for.
fn describe(request: &Request, state: &State, topic: &Topic, dir: DirId) -> DescribeLogDirsTopic {
    let asked = |index: i32| match &request.topics {
        None => true,
        Some(asked) => {
            asked.iter().any(|asked| asked.topic == topic.name && asked.partitions.contains(&index))
        }
    };
    let partitions = (0..).zip(&topic.partitions);
    let mut described = Vec::new();
    for (partition_index, partition) in partitions.filter(|(index, _)| asked(*index)) {
        if partition.dir == dir {
            described.push(DescribeLogDirsPartition {
                partition_index,
                partition_size: signed(partition.log.size_bytes()),
                ..DescribeLogDirsPartition::default()
            });
        }
        let moving = state.disk.moves.of((topic.id, partition_index));
        if let Some(moving) = moving.filter(|moving| moving.to == dir) {
            described.push(DescribeLogDirsPartition {
                partition_index,
                partition_size: signed(moving.log.size_bytes()),
                offset_lag: partition.log.end_offset() - moving.log.end_offset(),
                is_future_key: true,
            });
        }
    }
    DescribeLogDirsTopic { name: topic.name.clone(), partitions: described }
}

fn signed(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

//! OffsetForLeaderEpoch: where a leader epoch ends, so that a consumer sees whether its log was cut.

use super::{Context, Outcome, Serve};
use crate::state::State;
use kafka_proto::ErrorCode;
use kafka_proto::messages::offset_for_leader_epoch::{
    EpochEndOffset, OffsetForLeaderPartition, OffsetForLeaderTopic, OffsetForLeaderTopicResult,
    Request, Response,
};

impl Serve for Request {
    fn serve(self, state: &mut State, _: &Context) -> Outcome<Self> {
        Outcome::Ready(each(&self, |topic, asked| look_up(state, topic, asked)))
    }

    fn refuse(&self, _: &State, _: &Context, code: ErrorCode) -> Response {
        each(self, |_, _| Err(code))
    }
}

fn each(
    request: &Request,
    mut look_up: impl FnMut(&str, &OffsetForLeaderPartition) -> Result<(i32, i64), ErrorCode>,
) -> Response {
    let topics = request.topics.iter().map(|OffsetForLeaderTopic { topic, partitions }| {
        let partitions = partitions.iter().map(|asked| {
            let partition = asked.partition;
            match look_up(topic, asked) {
                Ok((leader_epoch, end_offset)) => {
                    let error_code = ErrorCode::NONE;
                    EpochEndOffset { error_code, partition, leader_epoch, end_offset }
                }
                Err(error_code) => {
                    EpochEndOffset { error_code, partition, ..EpochEndOffset::default() }
                }
            }
        });
        OffsetForLeaderTopicResult { topic: topic.clone(), partitions: partitions.collect() }
    });
    Response { topics: topics.collect(), ..Response::default() }
}

fn look_up(
    state: &mut State,
    topic: &str,
    asked: &OffsetForLeaderPartition,
) -> Result<(i32, i64), ErrorCode> {
    let topic = state.topics.by_name_mut(topic);
    let partition = topic.and_then(|topic| topic.partition(asked.partition));
    let partition = partition.ok_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)?;
    State::check_leader_epoch(partition.leader_epoch, asked.current_leader_epoch)?;
    state.log_dirs.check(partition.dir).map_err(|_| ErrorCode::KAFKA_STORAGE_ERROR)?;
    let log = &partition.log;
    Ok(log.epochs().end_of(asked.leader_epoch, log.end_offset()))
}

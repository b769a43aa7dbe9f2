//! DescribeProducers: who has written to partitions with a producer id.

use super::{Context, Outcome, Serve};
use crate::state::State;
use kafka_proto::ErrorCode;
use kafka_proto::messages::describe_producers::{
    PartitionResponse, ProducerState, Request, Response, TopicResponse,
};
use std::sync::Arc;

/// The coordinator's epoch where no transaction was ever ended.
const NO_COORDINATOR: i32 = -1;

impl Serve for Request {
    fn serve(self, state: &mut State, _: &Context) -> Outcome<Self> {
        Outcome::Ready(each(&self, |topic, index| {
            let topic = state.topics.by_name(topic);
            let partition = topic.zip(usize::try_from(index).ok());
            let partition = partition.and_then(|(topic, index)| topic.partitions.get(index));
            let partition = partition.ok_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)?;
            let states = partition.producers.iter().map(|(id, producer)| ProducerState {
                producer_id: id,
                producer_epoch: i32::from(producer.epoch),
                last_sequence: producer.batches.back().map_or(-1, |batch| batch.last_sequence),
                last_timestamp: producer.used_ms,
                coordinator_epoch: NO_COORDINATOR,
                ..ProducerState::default()
            });
            Ok(states.collect())
        }))
    }

    fn refuse(&self, _: &State, _: &Context, code: ErrorCode) -> Response {
        each(self, |_, _| Err(code))
    }
}

fn each(
    request: &Request,
    describe: impl Fn(&str, i32) -> Result<Vec<ProducerState>, ErrorCode>,
) -> Response {
    let topics = request.topics.iter().map(|topic| {
        let partitions = topic.partition_indexes.iter().map(|index| {
            let (error_code, active_producers) = match describe(&topic.name, *index) {
                Ok(producers) => (ErrorCode::NONE, producers),
                Err(code) => (code, Vec::new()),
            };
            let error_message = (!error_code.is_ok()).then(|| Arc::from(error_code.meaning()));
            let partition_index = *index;
            PartitionResponse { partition_index, error_code, error_message, active_producers }
        });
        TopicResponse { name: topic.name.clone(), partitions: partitions.collect() }
    });
    Response { topics: topics.collect(), ..Response::default() }
}

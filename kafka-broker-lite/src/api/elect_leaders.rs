//! ElectLeaders: every partition is led by its only replica, so there is never anything to elect.

use super::{Context, Outcome, Serve};
use crate::state::State;
use kafka_proto::ErrorCode;
use kafka_proto::messages::elect_leaders::{
    PartitionResult, ReplicaElectionResult, Request, Response,
};
use std::sync::Arc;

/// The first version that has an error for all.
const ERROR_SINCE: i16 = 1;

impl Serve for Request {
    fn serve(self, state: &mut State, _: &Context) -> Outcome<Self> {
        let Some(asked) = &self.topic_partitions else {
            // Of all partitions only those are told that got another leader.
            let none = |topic: &Arc<str>| ReplicaElectionResult {
                topic: topic.clone(),
                ..ReplicaElectionResult::default()
            };
            let results = state.topics.iter().map(|topic| none(&topic.name)).collect();
            return Outcome::Ready(Response {
                replica_election_results: results,
                ..Response::default()
            });
        };
        let results = asked.iter().map(|asked| {
            let elect = |partition_id: &i32| elect(state, &asked.topic, *partition_id);
            ReplicaElectionResult {
                topic: asked.topic.clone(),
                partition_result: asked.partitions.iter().map(elect).collect(),
            }
        });
        Outcome::Ready(Response {
            replica_election_results: results.collect(),
            ..Response::default()
        })
    }

    fn refuse(&self, _: &State, cx: &Context, code: ErrorCode) -> Response {
        let topics = self.topic_partitions.iter().flatten();
        let results = topics.map(|asked| {
            let refused = |index: &i32| result(*index, code, None);
            ReplicaElectionResult {
                topic: asked.topic.clone(),
                partition_result: asked.partitions.iter().map(refused).collect(),
            }
        });
        let replica_election_results = results.collect();
        let error_code = if cx.version < ERROR_SINCE { ErrorCode::NONE } else { code };
        Response { error_code, replica_election_results, ..Response::default() }
    }
}

fn elect(state: &State, name: &str, index: i32) -> PartitionResult {
    let unknown = |text: String| result(index, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, Some(text));
    let Some(topic) = state.topics.by_name(name) else {
        return unknown(format!("No such topic as {name}"));
    };
    match usize::try_from(index).ok().and_then(|at| topic.partitions.get(at)) {
        Some(_) => {
            let code = ErrorCode::ELECTION_NOT_NEEDED;
            result(index, code, Some(code.meaning().to_owned()))
        }
        None => unknown(format!("No such partition as {name}-{index}")),
    }
}

fn result(partition_id: i32, error_code: ErrorCode, text: Option<String>) -> PartitionResult {
    PartitionResult { partition_id, error_code, error_message: text.map(Arc::from) }
}

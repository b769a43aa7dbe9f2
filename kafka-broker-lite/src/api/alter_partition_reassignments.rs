//! AlterPartitionReassignments: with one broker, a partition can only stay where it is.

use super::create_topics::check_replicas;
use super::{Context, Outcome, Serve};
use crate::state::State;
use kafka_proto::ErrorCode;
use kafka_proto::messages::alter_partition_reassignments::{
    ReassignablePartition, ReassignablePartitionResponse, ReassignableTopicResponse, Request,
    Response,
};
use std::sync::Arc;

impl Serve for Request {
    fn serve(self, state: &mut State, _: &Context) -> Outcome<Self> {
        let mut response = each(&self, |topic, asked| check(state, topic, asked));
        response.allow_replication_factor_change = self.allow_replication_factor_change;
        Outcome::Ready(response)
    }

    fn refuse(&self, _: &State, _: &Context, code: ErrorCode) -> Response {
        let mut response = each(self, |_, _| Err((code, code.meaning().to_owned())));
        response.error_code = code;
        response
    }
}

fn each(
    request: &Request,
    check: impl Fn(&str, &ReassignablePartition) -> Result<(), (ErrorCode, String)>,
) -> Response {
    let responses = request.topics.iter().map(|topic| {
        let partitions = topic.partitions.iter().map(|asked| {
            let refused = check(&topic.name, asked).err();
            let (error_code, error_message) = match refused {
                Some((code, text)) => (code, Some(Arc::from(text))),
                None => (ErrorCode::NONE, None),
            };
            let partition_index = asked.partition_index;
            ReassignablePartitionResponse { partition_index, error_code, error_message }
        });
        ReassignableTopicResponse { name: topic.name.clone(), partitions: partitions.collect() }
    });
    Response { responses: responses.collect(), ..Response::default() }
}

fn check(
    state: &State,
    name: &str,
    asked: &ReassignablePartition,
) -> Result<(), (ErrorCode, String)> {
    let unknown = |text: String| Err((ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, text));
    let Some(topic) = state.topics.by_name(name) else {
        return unknown(format!("Unable to find a topic named {name}."));
    };
    let index = asked.partition_index;
    if usize::try_from(index).map_or(true, |at| at >= topic.partitions.len()) {
        return unknown(format!("Unable to find partition {name}:{index}."));
    }
    match &asked.replicas {
        Some(replicas) => check_replicas(state, replicas),
        None => {
            let code = ErrorCode::NO_REASSIGNMENT_IN_PROGRESS;
            Err((code, code.meaning().to_owned()))
        }
    }
}

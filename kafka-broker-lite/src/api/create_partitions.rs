//! CreatePartitions: topics grow; they never shrink.

use super::create_topics::check_replicas;
use super::{Context, Outcome, Serve, not_stored};
use crate::state::State;
use kafka_proto::ErrorCode;
use kafka_proto::messages::create_partitions::{
    CreatePartitionsTopic, CreatePartitionsTopicResult, Request, Response,
};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Partitions that one request may add to a topic.
const MOST_PARTITIONS: usize = 10_000;

type Refused = (ErrorCode, Option<String>);

impl Serve for Request {
    fn serve(self, state: &mut State, cx: &Context) -> Outcome<Self> {
        let mut named: BTreeMap<&Arc<str>, (usize, &CreatePartitionsTopic)> = BTreeMap::new();
        for topic in &self.topics {
            named.entry(&topic.name).or_insert((0, topic)).0 += 1;
        }
        // One row per topic, in the order they were named first.
        let mut results = Vec::with_capacity(named.len());
        for topic in &self.topics {
            let Some((count, topic)) = named.remove(&topic.name) else { continue };
            let result = if count > 1 {
                Err((ErrorCode::INVALID_REQUEST, Some("Duplicate topic name.".to_owned())))
            } else {
                grow(state, cx, topic, self.validate_only)
            };
            let (error_code, error_message) = match result {
                Ok(()) => (ErrorCode::NONE, None),
                Err((code, text)) => (code, text.map(Into::into)),
            };
            let name = topic.name.clone();
            results.push(CreatePartitionsTopicResult { name, error_code, error_message });
        }
        Outcome::Ready(Response { results, ..Response::default() })
    }

    fn refuse(&self, _: &State, _: &Context, error_code: ErrorCode) -> Response {
        let results = self.topics.iter().map(|topic| CreatePartitionsTopicResult {
            name: topic.name.clone(),
            error_code,
            error_message: Some(error_code.meaning().into()),
        });
        Response { results: results.collect(), ..Response::default() }
    }
}

fn grow(
    state: &mut State,
    cx: &Context,
    asked: &CreatePartitionsTopic,
    validate_only: bool,
) -> Result<(), Refused> {
    let unknown = || (ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, None);
    let name = &asked.name;
    let current = state.topics.by_name(name).ok_or_else(unknown)?.partitions.len();
    let wanted = usize::try_from(asked.count).unwrap_or(0);
    let invalid = |text: String| Err((ErrorCode::INVALID_PARTITIONS, Some(text)));
    if wanted == current {
        return invalid(format!("Topic already has {current} partition(s)."));
    }
    if wanted < current {
        let count = asked.count;
        return invalid(format!(
            "The topic {name} currently has {current} partition(s); {count} would not be an \
             increase."
        ));
    }
    let added = wanted - current;
    if added > MOST_PARTITIONS {
        let text = "Excessively large number of additional partitions per request.";
        return Err((ErrorCode::POLICY_VIOLATION, Some(text.to_owned())));
    }
    if let Some(assignments) = &asked.assignments {
        if assignments.len() != added {
            let text = format!(
                "Attempted to add {added} additional partition(s), but only {} assignment(s) were \
                 specified.",
                assignments.len()
            );
            return Err((ErrorCode::INVALID_REPLICA_ASSIGNMENT, Some(text)));
        }
        for assignment in assignments {
            check_replicas(state, &assignment.broker_ids)
                .map_err(|(code, text)| (code, Some(text)))?;
        }
    }
    if validate_only {
        return Ok(());
    }
    let id = state.topics.id_of(name).ok_or_else(unknown)?;
    let grown = state.grow_topic(cx.now, id, asked.count).map_err(not_stored);
    grown.map_err(|(code, text)| (code, Some(text)))
}

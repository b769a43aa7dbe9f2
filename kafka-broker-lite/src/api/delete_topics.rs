//! DeleteTopics: topics go, by name or by id, with all their records.

use super::{Context, Outcome, Serve};
use crate::state::State;
use kafka_proto::ErrorCode;
use kafka_proto::messages::delete_topics::{
    DeletableTopicResult, DeleteTopicState, Request, Response,
};
use kafka_proto::uuid::Uuid;
use std::collections::BTreeSet;
use std::sync::Arc;

/// The first version that names topics by name or id.
const STATES_SINCE: i16 = 6;

/// The first version that knows the error for a broker that deletes no topics.
const DISABLED_SINCE: i16 = 3;

type Refused = (ErrorCode, Arc<str>);

impl Serve for Request {
    fn serve(self, state: &mut State, cx: &Context) -> Outcome<Self> {
        let mut asked = self.asked(cx);
        let mut responses = Vec::with_capacity(asked.len());
        let mut told = BTreeSet::new();
        // A topic that is named both by its name and by its id is not deleted.
        let id_of = |topic: &DeleteTopicState| state.topics.id_of(topic.name.as_deref()?);
        let ids: BTreeSet<_> = asked.iter().map(|topic| topic.topic_id).collect();
        let both: BTreeSet<_> =
            asked.iter().filter_map(id_of).filter(|id| ids.contains(id)).collect();
        asked.retain(|topic| topic.name.is_some() || !both.contains(&topic.topic_id));
        for topic in &asked {
            let key = |topic: &DeleteTopicState| (topic.name.clone(), topic.topic_id);
            let names_something = topic.name.is_some() || !topic.topic_id.is_zero();
            // A topic that is named twice is told once.
            if !told.insert(key(topic)) && names_something {
                continue;
            }
            let count = asked.iter().filter(|other| key(other) == key(topic)).count();
            let result = if names_something && count > 1 {
                let what = if topic.name.is_some() { "name" } else { "id" };
                Err((ErrorCode::INVALID_REQUEST, format!("Duplicate topic {what}.").into()))
            } else {
                delete(state, cx, topic, &both)
            };
            responses.push(result.unwrap_or_else(|refused| failed(topic, refused)));
        }
        Outcome::Ready(Response { responses, ..Response::default() })
    }

    fn refuse(&self, _: &State, cx: &Context, code: ErrorCode) -> Response {
        let asked = self.asked(cx);
        let responses = asked.iter().map(|topic| failed(topic, (code, code.meaning().into())));
        Response { responses: responses.collect(), ..Response::default() }
    }
}

trait Asked {
    /// The topics that the request names in its version.
    fn asked(&self, cx: &Context) -> Vec<DeleteTopicState>;
}

impl Asked for Request {
    fn asked(&self, cx: &Context) -> Vec<DeleteTopicState> {
        if cx.version >= STATES_SINCE {
            return self.topics.clone();
        }
        let named = |name: &Arc<str>| DeleteTopicState {
            name: Some(name.clone()),
            ..DeleteTopicState::default()
        };
        self.topic_names.iter().map(named).collect()
    }
}

fn delete(
    state: &mut State,
    cx: &Context,
    asked: &DeleteTopicState,
    both: &BTreeSet<Uuid>,
) -> Result<DeletableTopicResult, Refused> {
    if !state.config.delete_topic_enable {
        let code = if cx.version < DISABLED_SINCE {
            ErrorCode::INVALID_REQUEST
        } else {
            ErrorCode::TOPIC_DELETION_DISABLED
        };
        return Err((code, "This cluster does not support topic deletion.".into()));
    }
    let id = match (&asked.name, asked.topic_id.is_zero()) {
        (Some(_), false) => {
            let text = "You may not specify both topic name and topic id.";
            return Err((ErrorCode::INVALID_REQUEST, text.into()));
        }
        (None, true) => {
            let text = "Neither topic name nor id were specified.";
            return Err((ErrorCode::INVALID_REQUEST, text.into()));
        }
        (Some(name), true) if state.topics.id_of(name).is_some_and(|id| both.contains(&id)) => {
            let text = "The provided topic name maps to an ID that was already supplied.";
            return Err((ErrorCode::INVALID_REQUEST, text.into()));
        }
        (Some(name), true) => state.topics.id_of(name).ok_or_else(|| {
            let text = "This server does not host this topic-partition.";
            (ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, Arc::from(text))
        })?,
        (None, false) => asked.topic_id,
    };
    let name = state.topics.by_id(id).map(|topic| topic.name.clone());
    let name = name.ok_or_else(|| {
        let text = "This server does not host this topic ID.";
        (ErrorCode::UNKNOWN_TOPIC_ID, Arc::from(text))
    })?;
    state
        .delete_topic(cx.now, id)
        .map_err(|error| (ErrorCode::KAFKA_STORAGE_ERROR, error.to_string().into()))?;
    Ok(DeletableTopicResult { name: Some(name), topic_id: id, ..DeletableTopicResult::default() })
}

fn failed(asked: &DeleteTopicState, (error_code, text): Refused) -> DeletableTopicResult {
    DeletableTopicResult {
        name: asked.name.clone(),
        topic_id: asked.topic_id,
        error_code,
        error_message: Some(text),
    }
}

//! FindCoordinator: who looks after a group or a transactional id. On one broker, it does.

use super::{Context, Outcome, Serve};
use crate::state::State;
use kafka_proto::ErrorCode;
use kafka_proto::messages::find_coordinator::{Coordinator, Request, Response};
use kafka_proto::uuid::Uuid;
use std::sync::Arc;

/// The first version that asks for several keys.
const BATCHED_SINCE: i16 = 4;

/// The key type of a group.
const GROUP: i8 = 0;

/// The key type of a share group's partition, and the first version that knows it.
const SHARE: (i8, i16) = (2, 6);

impl Serve for Request {
    fn serve(self, state: &mut State, cx: &Context) -> Outcome<Self> {
        let (share, share_since) = SHARE;
        let known = match self.key_type {
            0 | 1 => true,
            other => other == share && cx.version >= share_since,
        };
        if !known {
            return Outcome::Ready(self.refuse(state, cx, ErrorCode::INVALID_REQUEST));
        }
        if self.key_type == GROUP
            && let Err(code) = state.need_offsets_topic(cx.now)
        {
            return Outcome::Ready(self.refuse(state, cx, code));
        }
        let (host, port) = state.address(&cx.listener);
        let node_id = state.config.node_id;
        let find = |key: &Arc<str>| {
            if self.key_type == share && !is_share_key(key) {
                return failed(key, ErrorCode::INVALID_REQUEST);
            }
            let (key, host) = (key.clone(), host.clone());
            let (error_code, error_message) = (ErrorCode::NONE, Some("".into()));
            Coordinator { key, node_id, host, port, error_code, error_message }
        };
        if cx.version >= BATCHED_SINCE {
            let coordinators = self.coordinator_keys.iter().map(find).collect();
            return Outcome::Ready(Response { coordinators, ..Response::default() });
        }
        let error_message = Some("NONE".into());
        Outcome::Ready(Response { node_id, host, port, error_message, ..Response::default() })
    }

    fn refuse(&self, _: &State, cx: &Context, error_code: ErrorCode) -> Response {
        if cx.version < BATCHED_SINCE {
            let error_message = Some(error_code.meaning().into());
            let (node_id, port) = (-1, -1);
            return Response { error_code, error_message, node_id, port, ..Response::default() };
        }
        let coordinators = self.coordinator_keys.iter().map(|key| failed(key, error_code));
        Response { coordinators: coordinators.collect(), ..Response::default() }
    }
}

fn failed(key: &Arc<str>, error_code: ErrorCode) -> Coordinator {
    Coordinator {
        key: key.clone(),
        node_id: -1,
        host: "".into(),
        port: -1,
        error_code,
        error_message: Some(error_code.meaning().into()),
    }
}

/// Whether it is of the form `group:topicId:partition`; the group may hold colons itself.
fn is_share_key(key: &str) -> bool {
    let mut parts = key.rsplitn(3, ':');
    let partition = parts.next().is_some_and(|part| part.parse::<u32>().is_ok());
    let topic = parts.next().is_some_and(|part| part.parse::<Uuid>().is_ok());
    partition && topic && parts.next().is_some_and(|group| !group.is_empty())
}

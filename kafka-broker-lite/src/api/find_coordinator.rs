//! FindCoordinator: who looks after a group or a transactional id. On one broker, it does.

use super::{Context, Outcome, Serve};
use crate::state::State;
use kafka_proto::ErrorCode;
use kafka_proto::messages::find_coordinator::{Coordinator, Request, Response};
use std::sync::Arc;

/// The first version that asks for several keys.
const BATCHED_SINCE: i16 = 4;

/// The key type of a share group's partition, and the first version that knows it.
const SHARE: (i8, i16) = (2, 6);

impl Serve for Request {
    fn serve(self, state: &mut State, cx: &Context) -> Outcome<Response> {
        let (share, share_since) = SHARE;
        let known = match self.key_type {
            0 | 1 => true,
            other => other == share && cx.version >= share_since,
        };
        if !known {
            return Outcome::Ready(self.refuse(state, cx, ErrorCode::INVALID_REQUEST));
        }
        let (host, port) = state.address(&cx.listener);
        let node_id = state.config.node_id;
        let find = |key: &Arc<str>| {
            let (key, host) = (key.clone(), host.clone());
            Coordinator {
                key,
                node_id,
                host,
                port,
                error_code: ErrorCode::NONE,
                error_message: None,
            }
        };
        if cx.version >= BATCHED_SINCE {
            let coordinators = self.coordinator_keys.iter().map(find).collect();
            return Outcome::Ready(Response { coordinators, ..Response::default() });
        }
        let error_message = Some("NONE".into());
        Outcome::Ready(Response { node_id, host, port, error_message, ..Response::default() })
    }

    fn refuse(&self, _: &State, cx: &Context, error_code: ErrorCode) -> Response {
        let error_message = Some(Arc::from(error_code.meaning()));
        if cx.version < BATCHED_SINCE {
            return Response {
                error_code,
                error_message,
                node_id: -1,
                port: -1,
                ..Response::default()
            };
        }
        let coordinators = self.coordinator_keys.iter().map(|key| Coordinator {
            key: key.clone(),
            node_id: -1,
            host: "".into(),
            port: -1,
            error_code,
            error_message: error_message.clone(),
        });
        Response { coordinators: coordinators.collect(), ..Response::default() }
    }
}

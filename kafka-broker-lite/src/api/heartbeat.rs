//! Heartbeat: a member of a group is there, and learns whether it has to join again.

use super::{Context, Outcome, Serve};
use crate::state::State;
use kafka_proto::ErrorCode;
use kafka_proto::messages::heartbeat::{Request, Response};

impl Serve for Request {
    fn serve(self, state: &mut State, cx: &Context) -> Outcome<Self> {
        let beat = state.with_groups(cx.now, |groups, turn| {
            let instance_id = self.group_instance_id.as_ref();
            groups.heartbeat(turn, &self.group_id, &self.member_id, instance_id, self.generation_id)
        });
        let error_code = beat.err().unwrap_or(ErrorCode::NONE);
        Outcome::Ready(Response { error_code, ..Response::default() })
    }

    fn refuse(&self, _: &State, _: &Context, error_code: ErrorCode) -> Response {
        Response { error_code, ..Response::default() }
    }
}

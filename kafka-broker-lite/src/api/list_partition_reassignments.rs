//! ListPartitionReassignments: no replica is ever under way from one broker to another.

use super::{Context, Outcome, Serve};
use crate::state::State;
use kafka_proto::ErrorCode;
use kafka_proto::messages::list_partition_reassignments::{Request, Response};

impl Serve for Request {
    fn serve(self, _: &mut State, _: &Context) -> Outcome<Self> {
        Outcome::Ready(Response::default())
    }

    fn refuse(&self, _: &State, _: &Context, error_code: ErrorCode) -> Response {
        let error_message = Some(error_code.meaning().into());
        Response { error_code, error_message, ..Response::default() }
    }
}

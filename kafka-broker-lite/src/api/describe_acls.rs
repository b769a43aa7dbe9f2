//! DescribeAcls: without an authorizer there are none.

use super::{Context, Outcome, Serve};
use crate::state::State;
use kafka_proto::ErrorCode;
use kafka_proto::messages::describe_acls::{Request, Response};

impl Serve for Request {
    fn serve(self, state: &mut State, cx: &Context) -> Outcome<Self> {
        let mut response = self.refuse(state, cx, ErrorCode::SECURITY_DISABLED);
        response.error_message = Some("No Authorizer is configured on the broker".into());
        Outcome::Ready(response)
    }

    fn refuse(&self, _: &State, _: &Context, error_code: ErrorCode) -> Response {
        let error_message = Some(error_code.meaning().into());
        Response { error_code, error_message, ..Response::default() }
    }
}

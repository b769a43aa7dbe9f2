//! DescribeUserScramCredentials: nobody authenticates here, so nobody has any.

use super::{Context, Outcome, Serve};
use crate::state::State;
use kafka_proto::ErrorCode;
use kafka_proto::messages::describe_user_scram_credentials::{
    DescribeUserScramCredentialsResult as Described, Request, Response,
};
use std::collections::BTreeMap;
use std::sync::Arc;

impl Serve for Request {
    fn serve(self, _: &mut State, _: &Context) -> Outcome<Self> {
        let mut asked: BTreeMap<Arc<str>, usize> = BTreeMap::new();
        for user in self.users.into_iter().flatten() {
            *asked.entry(user.name).or_default() += 1;
        }
        let results = asked.into_iter().map(|(user, times)| {
            let (error_code, text) = match times {
                1 => (
                    ErrorCode::RESOURCE_NOT_FOUND,
                    format!("Attempt to describe a user credential that does not exist: {user}"),
                ),
                _ => (
                    ErrorCode::DUPLICATE_RESOURCE,
                    format!(
                        "Cannot describe SCRAM credentials for the same user twice in a single \
                         request: {user}"
                    ),
                ),
            };
            let error_message = Some(text.into());
            Described { user, error_code, error_message, ..Described::default() }
        });
        Outcome::Ready(Response { results: results.collect(), ..Response::default() })
    }

    fn refuse(&self, _: &State, _: &Context, error_code: ErrorCode) -> Response {
        let error_message = Some(error_code.meaning().into());
        Response { error_code, error_message, ..Response::default() }
    }
}

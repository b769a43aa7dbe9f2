//! ListGroups: the groups that are looked after here.

use super::{Context, Outcome, Serve};
use crate::group::Group;
use crate::state::State;
use kafka_proto::ErrorCode;
use kafka_proto::messages::list_groups::{ListedGroup, Request, Response};
use std::sync::Arc;

/// The type of the groups here.
const CLASSIC: &str = "classic";

impl Serve for Request {
    fn serve(self, state: &mut State, _: &Context) -> Outcome<Self> {
        let passes = |filter: &[Arc<str>], word: &str| {
            filter.is_empty() || filter.iter().any(|allowed| allowed.eq_ignore_ascii_case(word))
        };
        let wanted = |(_, group): &(&Arc<str>, &Group)| {
            passes(&self.states_filter, group.classic.state())
                && passes(&self.types_filter, CLASSIC)
        };
        let list = |(id, group): (&Arc<str>, &Group)| ListedGroup {
            group_id: id.clone(),
            protocol_type: group.classic.protocol_type().cloned().unwrap_or_default(),
            group_state: group.classic.state().into(),
            group_type: CLASSIC.into(),
        };
        let groups = state.groups.iter().filter(wanted).map(list).collect();
        Outcome::Ready(Response { groups, ..Response::default() })
    }

    fn refuse(&self, _: &State, _: &Context, error_code: ErrorCode) -> Response {
        Response { error_code, ..Response::default() }
    }
}

//! DeleteGroups: groups that nobody is in, with their offsets.

use super::settled::settled;
use super::{Context, Outcome, Serve};
use crate::state::State;
use kafka_proto::ErrorCode;
use kafka_proto::messages::delete_groups::{DeletableGroupResult, Request, Response};
use std::collections::BTreeSet;
use std::sync::Arc;

impl Serve for Request {
    fn serve(self, state: &mut State, cx: &Context) -> Outcome<Self> {
        let mut told = BTreeSet::new();
        let mut unsynced = Vec::new();
        let once = self.groups_names.iter().filter(|id| told.insert(Arc::clone(id)));
        let results = once.map(|id| {
            let (deleted, written) =
                state.with_groups_unsynced(cx.now, |groups, turn| groups.delete(turn, id));
            unsynced.extend(written);
            result(id, deleted.err().unwrap_or(ErrorCode::NONE))
        });
        let results = results.collect();
        let failed = self.refuse(state, cx, ErrorCode::NOT_COORDINATOR);
        settled(unsynced, Response { results, ..Response::default() }, failed)
    }

    fn refuse(&self, _: &State, _: &Context, code: ErrorCode) -> Response {
        let results = self.groups_names.iter().map(|id| result(id, code)).collect();
        Response { results, ..Response::default() }
    }
}

fn result(id: &Arc<str>, error_code: ErrorCode) -> DeletableGroupResult {
    DeletableGroupResult { group_id: id.clone(), error_code, error_message: None }
}

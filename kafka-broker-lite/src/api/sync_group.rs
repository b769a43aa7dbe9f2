//! SyncGroup: a member asks for its assignment, the leader brings those of all. The answer comes with the leader's.

use super::{Context, Outcome, Serve, Wait};
use crate::group::{Answer, Sync};
use crate::state::{News, State, Subject};
use kafka_proto::ErrorCode;
use kafka_proto::messages::sync_group::{Request, Response};

/// The first version that has to name the protocol and its type.
const PROTOCOL_SINCE: i16 = 5;

/// A member that waits for its assignment.
#[derive(Debug)]
struct Waiting {
    subject: Subject,
    answer: Response,
}

impl Wait<Request> for Waiting {
    fn subjects(&self) -> &[Subject] {
        std::slice::from_ref(&self.subject)
    }

    fn deadline_ms(&self) -> Option<u64> {
        None
    }

    fn hear(&mut self, _: &mut State, _: usize, news: &News) -> bool {
        if let News::Answer(_, answer) = news
            && let Answer::Sync(response) = &**answer
        {
            self.answer = response.clone();
        }
        true
    }

    fn answer(self: Box<Self>, _: &mut State, _: &Context) -> Response {
        self.answer
    }
}

impl Serve for Request {
    fn serve(self, state: &mut State, cx: &Context) -> Outcome<Self> {
        let named = self.protocol_type.is_some() && self.protocol_name.is_some();
        if cx.version >= PROTOCOL_SINCE && !named {
            let code = ErrorCode::INCONSISTENT_GROUP_PROTOCOL;
            return Outcome::Ready(self.refuse(state, cx, code));
        }
        let ticket = state.groups.ticket();
        let assignments = self.assignments.into_iter();
        let sync = Sync {
            ticket,
            member_id: self.member_id,
            instance_id: self.group_instance_id,
            generation: self.generation_id,
            protocol_type: self.protocol_type,
            protocol: self.protocol_name,
            assignments: assignments.map(|one| (one.member_id, one.assignment)).collect(),
        };
        state.with_groups(cx.now, |groups, turn| groups.sync(turn, &self.group_id, sync));
        let subject = Subject::Ticket(ticket);
        Outcome::Parked(Box::new(Waiting { subject, answer: Response::default() }))
    }

    fn refuse(&self, _: &State, _: &Context, error_code: ErrorCode) -> Response {
        Response { error_code, ..Response::default() }
    }
}

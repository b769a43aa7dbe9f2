//! JoinGroup: become a member of a group. The answer comes when the next generation begins.

use super::{Context, Outcome, Serve, Wait};
use crate::group::{Answer, Join};
use crate::state::{News, State, Subject};
use kafka_proto::ErrorCode;
use kafka_proto::messages::join_group::{Request, Response};
use std::sync::Arc;

/// The first version in which a generation may have no protocol.
const NO_PROTOCOL_SINCE: i16 = 7;

/// A member that waits for its generation.
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
            && let Answer::Join(response) = &**answer
        {
            self.answer = response.clone();
        }
        true
    }

    fn answer(self: Box<Self>, _: &mut State, cx: &Context) -> Response {
        for_version(cx, self.answer)
    }
}

impl Serve for Request {
    fn serve(self, state: &mut State, cx: &Context) -> Outcome<Self> {
        if let Err(code) = state.need_offsets_topic(cx.now) {
            return Outcome::Ready(self.refuse(state, cx, code));
        }
        let ticket = state.groups.ticket();
        let client_id = cx.client.id.clone().unwrap_or_default();
        let named = self.group_instance_id.as_ref().unwrap_or(&client_id);
        let protocols = self.protocols.into_iter();
        let join = Join {
            ticket,
            version: cx.version,
            new_member_id: format!("{named}-{}", random_uuid(state, cx)).into(),
            member_id: self.member_id,
            instance_id: self.group_instance_id.clone(),
            client_host: format!("/{}", cx.client.host).into(),
            client_id,
            session_timeout_ms: self.session_timeout_ms,
            rebalance_timeout_ms: match self.rebalance_timeout_ms {
                -1 => self.session_timeout_ms,
                given => given,
            },
            protocol_type: self.protocol_type,
            protocols: protocols.map(|protocol| (protocol.name, protocol.metadata)).collect(),
        };
        state.with_groups(cx.now, |groups, turn| groups.join(turn, &self.group_id, join));
        let subject = Subject::Ticket(ticket);
        Outcome::Parked(Box::new(Waiting { subject, answer: Response::default() }))
    }

    fn refuse(&self, _: &State, cx: &Context, error_code: ErrorCode) -> Response {
        let member_id = Arc::clone(&self.member_id);
        for_version(cx, Response { error_code, member_id, ..Response::default() })
    }
}

fn for_version(cx: &Context, mut response: Response) -> Response {
    if cx.version < NO_PROTOCOL_SINCE {
        response.protocol_name.get_or_insert_default();
    }
    if response.error_code != ErrorCode::NONE && cx.version >= NO_PROTOCOL_SINCE {
        response.protocol_name = None;
    }
    response
}

/// A random UUID in the form that others print.
fn random_uuid(state: &mut State, cx: &Context) -> String {
    let (high, low) = (state.random(cx.now), state.random(cx.now));
    let random = u128::from(high) << 64 | u128::from(low);
    let version = 0x4 << 76;
    let variant = 0b10 << 62;
    let bits = random & !(0xf << 76) & !(0b11 << 62) | version | variant;
    let hex = format!("{bits:032x}");
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
    [part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32)].join("-")
}

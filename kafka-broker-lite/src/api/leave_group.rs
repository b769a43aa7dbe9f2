//! LeaveGroup: members leave, or an admin removes them.

use super::{Context, Outcome, Serve};
use crate::group::Leaving;
use crate::state::State;
use kafka_proto::ErrorCode;
use kafka_proto::messages::leave_group::{MemberIdentity, MemberResponse, Request, Response};

/// The first version that names several members, and has a result for each.
const BATCHED_SINCE: i16 = 3;

impl Serve for Request {
    fn serve(self, state: &mut State, cx: &Context) -> Outcome<Self> {
        let one = MemberIdentity { member_id: self.member_id, ..MemberIdentity::default() };
        let named = if cx.version >= BATCHED_SINCE { self.members } else { vec![one] };
        let leaving = |member: &MemberIdentity| Leaving {
            member_id: member.member_id.clone(),
            instance_id: member.group_instance_id.clone(),
        };
        let leaving: Vec<_> = named.iter().map(leaving).collect();
        let left =
            state.with_groups(cx.now, |groups, turn| groups.leave(turn, &self.group_id, &leaving));
        let results = match left {
            Ok(results) => results.into_iter(),
            Err(error_code) => {
                return Outcome::Ready(Response { error_code, ..Response::default() });
            }
        };
        let mut results = results.map(|result| result.err().unwrap_or(ErrorCode::NONE));
        if cx.version < BATCHED_SINCE {
            let error_code = results.next().unwrap_or(ErrorCode::NONE);
            return Outcome::Ready(Response { error_code, ..Response::default() });
        }
        let members = leaving.into_iter().zip(results).map(
            |(Leaving { member_id, instance_id }, error_code)| MemberResponse {
                member_id,
                group_instance_id: instance_id,
                error_code,
            },
        );
        Outcome::Ready(Response { members: members.collect(), ..Response::default() })
    }

    fn refuse(&self, _: &State, _: &Context, error_code: ErrorCode) -> Response {
        Response { error_code, ..Response::default() }
    }
}

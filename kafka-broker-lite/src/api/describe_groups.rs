//! DescribeGroups: the state of groups, and who is in them.

use super::{Context, GROUP_OPERATIONS, Outcome, Serve};
use crate::group::ClassicGroup;
use crate::state::State;
use kafka_proto::ErrorCode;
use kafka_proto::messages::describe_groups::{
    DescribedGroup, DescribedGroupMember, Request, Response,
};
use std::sync::Arc;

/// The first version in which an unknown group is an error, and not a dead one.
const UNKNOWN_SINCE: i16 = 6;

impl Serve for Request {
    fn serve(self, state: &mut State, cx: &Context) -> Outcome<Self> {
        let describe = |id: &Arc<str>| {
            let mut described = match state.groups.get(id) {
                Some(group) => describe(id, &group.classic),
                None => unknown(id, cx),
            };
            if self.include_authorized_operations && described.error_code == ErrorCode::NONE {
                described.authorized_operations = GROUP_OPERATIONS;
            }
            described
        };
        let groups = self.groups.iter().map(describe).collect();
        Outcome::Ready(Response { groups, ..Response::default() })
    }

    fn refuse(&self, _: &State, _: &Context, error_code: ErrorCode) -> Response {
        let refuse = |id: &Arc<str>| DescribedGroup {
            error_code,
            group_id: id.clone(),
            ..DescribedGroup::default()
        };
        let groups = self.groups.iter().map(refuse).collect();
        Response { groups, ..Response::default() }
    }
}

fn unknown(id: &Arc<str>, cx: &Context) -> DescribedGroup {
    let dead = DescribedGroup {
        group_id: id.clone(),
        group_state: "Dead".into(),
        ..DescribedGroup::default()
    };
    if cx.version < UNKNOWN_SINCE {
        return dead;
    }
    let error_message = Some(format!("Group {id} not found.").into());
    DescribedGroup { error_code: ErrorCode::GROUP_ID_NOT_FOUND, error_message, ..dead }
}

fn describe(id: &Arc<str>, group: &ClassicGroup) -> DescribedGroup {
    // Only in a stable group is it certain under which protocol a member speaks.
    let protocol = group.protocol().filter(|_| group.is_stable()).cloned();
    let members = group.members().iter().map(|(id, member)| {
        let metadata = protocol.as_ref().map(|protocol| member.metadata(protocol));
        DescribedGroupMember {
            member_id: id.clone(),
            group_instance_id: member.instance_id.clone(),
            client_id: member.client_id.clone(),
            client_host: member.client_host.clone(),
            member_metadata: metadata.unwrap_or_default(),
            member_assignment: member.assignment.clone(),
        }
    });
    DescribedGroup {
        group_id: id.clone(),
        group_state: group.state().into(),
        protocol_type: group.protocol_type().cloned().unwrap_or_default(),
        members: members.collect(),
        protocol_data: protocol.clone().unwrap_or_default(),
        ..DescribedGroup::default()
    }
}

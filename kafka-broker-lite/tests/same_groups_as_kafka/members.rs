//! Members: joining, syncing, staying, leaving.

use crate::script::{Script, again, consumer, subscription, sync};
use kafka_proto::bytes::Bytes;
use kafka_proto::messages::{heartbeat, join_group, leave_group, offset_commit, sync_group};
use std::sync::Arc;
use std::time::Duration;

fn leaving(group: &Arc<str>, members: &[(&str, Option<&str>)]) -> leave_group::Request {
    let identity = |(id, instance): &(&str, Option<&str>)| leave_group::MemberIdentity {
        member_id: (*id).into(),
        group_instance_id: instance.map(Into::into),
        ..Default::default()
    };
    leave_group::Request {
        group_id: group.clone(),
        members: members.iter().map(identity).collect(),
        ..Default::default()
    }
}

pub(crate) async fn lives_in_every_version(script: &mut Script) {
    let topic = script.name("t");
    for version in 0..=9 {
        let group = script.name(&format!("v{version}"));
        let request = consumer(&group, &subscription(&[&topic]));
        let joining = script.enter(version, &request).await;
        let joined = script.joined(joining).await;
        let member = joined.member_id.clone();
        let sync_version = version.min(5);
        let syncing = script.start_sync(sync_version, &sync(&group, &joined, &[&member])).await;
        script.synced(syncing).await;
        let beat = heartbeat::Request {
            group_id: group.clone(),
            generation_id: joined.generation_id,
            member_id: member.clone(),
            ..Default::default()
        };
        script.ask(version.min(4), &beat).await;
        script.describe(&group).await;
        let leave_version = version.min(5);
        let leave = if leave_version < 3 {
            leave_group::Request {
                group_id: group.clone(),
                member_id: member.clone(),
                ..Default::default()
            }
        } else {
            leaving(&group, &[(&member, None)])
        };
        script.ask(leave_version, &leave).await;
        script.ask(leave_version, &leave).await;
        script.describe(&group).await;
    }
}

pub(crate) async fn refuses_to_join(script: &mut Script) {
    let group = script.name("g");
    let request = consumer(&group, &subscription(&[&script.name("t")]));
    let empty: Arc<str> = "".into();
    for version in [3, 9] {
        script.join(version, &consumer(&empty, &Bytes::new())).await;
        for session_timeout_ms in [99, 1_800_001, -1] {
            let request = join_group::Request { session_timeout_ms, ..request.clone() };
            script.join(version, &request).await;
        }
        let unknown = script.name("nobody");
        script.join(version, &again(&request, &unknown)).await;
        let no_type = join_group::Request { protocol_type: "".into(), ..request.clone() };
        script.join(version, &no_type).await;
        let no_protocols = join_group::Request { protocols: vec![], ..request.clone() };
        script.join(version, &no_protocols).await;
    }
    let joining = script.enter(9, &request).await;
    let first = script.joined(joining).await;
    let unknown = script.name("nobody");
    for version in [3, 9] {
        script.join(version, &again(&request, &unknown)).await;
        let other_type = join_group::Request { protocol_type: "connect".into(), ..request.clone() };
        script.join(version, &other_type).await;
        script.join(version, &again(&other_type, &first.member_id)).await;
        let mut others = request.clone();
        others.protocols.iter_mut().for_each(|protocol| protocol.name = "other".into());
        script.join(version, &others).await;
    }
    let mut instance = again(&request, &first.member_id);
    instance.group_instance_id = Some("nobody".into());
    script.join(9, &instance).await;
}

pub(crate) async fn two_members_and_all_states(script: &mut Script) {
    let group = script.name("g");
    let topic = script.name("t");
    let first_request = consumer(&group, &subscription(&[&topic]));
    let second_request = consumer(&group, &subscription(&[&topic, &topic]));
    let joining = script.enter(9, &first_request).await;
    let first = script.joined(joining).await;
    // Completing: the same leader asks again, heartbeats, has to wait with commits.
    script.describe(&group).await;
    script.join(9, &again(&first_request, &first.member_id)).await;
    script.beat(&group, &first.member_id, first.generation_id).await;
    script.beat(&group, &first.member_id, first.generation_id + 1).await;
    let wrong = sync_group::Request { generation_id: 7, ..sync(&group, &first, &[]) };
    let syncing = script.start_sync(5, &wrong).await;
    script.synced(syncing).await;
    for (protocol_type, protocol_name) in [("connect", "range"), ("consumer", "sticky")] {
        let wrong = sync_group::Request {
            protocol_type: Some(protocol_type.into()),
            protocol_name: Some(protocol_name.into()),
            ..sync(&group, &first, &[])
        };
        let syncing = script.start_sync(5, &wrong).await;
        script.synced(syncing).await;
    }
    let syncing = script.start_sync(5, &sync(&group, &first, &[&first.member_id])).await;
    script.synced(syncing).await;
    script.describe(&group).await;
    // Stable: the sync may be asked again.
    let syncing = script.start_sync(5, &sync(&group, &first, &[])).await;
    script.synced(syncing).await;
    // Preparing: the second waits for the first.
    let second_joining = script.enter(9, &second_request).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    script.describe(&group).await;
    script.beat(&group, &first.member_id, first.generation_id).await;
    let syncing = script.start_sync(5, &sync(&group, &first, &[])).await;
    script.synced(syncing).await;
    let first = script.join(9, &again(&first_request, &first.member_id)).await;
    let second = script.joined(second_joining).await;
    // The follower waits for the leader's assignment.
    let waiting = script.start_sync(5, &sync(&group, &second, &[])).await;
    let both = [&first.member_id, &second.member_id];
    let syncing = script.start_sync(5, &sync(&group, &first, &both)).await;
    script.synced(syncing).await;
    script.synced(waiting).await;
    script.describe(&group).await;
    // A follower that has not changed is told what is; a changed one begins a rebalance.
    script.join(9, &again(&second_request, &second.member_id)).await;
    let changed = again(&consumer(&group, &subscription(&[])), &second.member_id);
    let second_joining = script.start_join(9, &changed).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    script.beat(&group, &first.member_id, first.generation_id).await;
    let first = script.join(9, &again(&first_request, &first.member_id)).await;
    let second = script.joined(second_joining).await;
    // The leader joins while the follower waits for it.
    let waiting = script.start_sync(5, &sync(&group, &second, &[])).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    let leader_changed = consumer(&group, &subscription(&[&topic, &topic, &topic]));
    let first_joining = script.start_join(9, &again(&leader_changed, &first.member_id)).await;
    script.synced(waiting).await;
    let second = script.join(9, &again(&changed, &second.member_id)).await;
    let first = script.joined(first_joining).await;
    script.leave(&group, &second.member_id).await;
    script.beat(&group, &first.member_id, first.generation_id).await;
    let first = script.join(9, &again(&leader_changed, &first.member_id)).await;
    script.leave(&group, &first.member_id).await;
    script.describe(&group).await;
}

pub(crate) async fn static_members(script: &mut Script) {
    let topic = script.name("t");
    for version in [5, 8, 9] {
        let group = script.name(&format!("v{version}"));
        let request = join_group::Request {
            group_instance_id: Some("one".into()),
            ..consumer(&group, &subscription(&[&topic]))
        };
        let first = script.join(version, &request).await;
        let with_instance = |request: sync_group::Request| sync_group::Request {
            group_instance_id: Some("one".into()),
            ..request
        };
        let request_of = |joined: &join_group::Response| with_instance(sync(&group, joined, &[]));
        let full = with_instance(sync(&group, &first, &[&first.member_id]));
        let syncing = script.start_sync(5, &full).await;
        script.synced(syncing).await;
        // Comes back without an id: the same generation, another id, the leader's mark.
        let second = script.join(version, &request).await;
        script.describe(&group).await;
        for instance in [Some("one"), Some("other"), None] {
            let beat = heartbeat::Request {
                group_id: group.clone(),
                generation_id: second.generation_id,
                member_id: first.member_id.clone(),
                group_instance_id: instance.map(Into::into),
            };
            script.ask(4, &beat).await;
        }
        let syncing = script.start_sync(5, &request_of(&first)).await;
        script.synced(syncing).await;
        let syncing = script.start_sync(5, &request_of(&second)).await;
        script.synced(syncing).await;
        let fenced = join_group::Request { member_id: first.member_id.clone(), ..request.clone() };
        script.join(version, &fenced).await;
        let commit = offset_commit::Request {
            group_id: group.clone(),
            generation_id_or_member_epoch: second.generation_id,
            member_id: first.member_id.clone(),
            group_instance_id: Some("one".into()),
            ..Default::default()
        };
        script.ask(8, &commit).await;
        // Comes back with other protocols, so that all rebalance.
        let mut other = request.clone();
        other.protocols.swap(0, 1);
        let third = script.join(version, &other).await;
        // And again before it has synced.
        let fourth = script.join(version, &other).await;
        let full = with_instance(sync(&group, &fourth, &[&fourth.member_id]));
        let syncing = script.start_sync(5, &full).await;
        script.synced(syncing).await;
        script.beat(&group, &third.member_id, third.generation_id).await;
        // A known member id joins again under its instance.
        let known = join_group::Request { member_id: fourth.member_id.clone(), ..other.clone() };
        let fifth = script.join(version, &known).await;
        script.ask(5, &leaving(&group, &[(&fifth.member_id, Some("other"))])).await;
        script.ask(5, &leaving(&group, &[(&first.member_id, Some("one"))])).await;
        script.ask(5, &leaving(&group, &[("", Some("one"))])).await;
        script.describe(&group).await;
    }
}

async fn nobody_leaves(script: &mut Script, group: &Arc<str>) {
    script.ask(5, &leaving(group, &[])).await;
    script.ask(5, &leaving(group, &[("", None), ("nobody", None), ("", Some("nobody"))])).await;
    script.ask(4, &leaving(group, &[("nobody", Some("nobody"))])).await;
    for version in [0, 2] {
        let one = leave_group::Request {
            group_id: group.clone(),
            member_id: "nobody".into(),
            ..Default::default()
        };
        script.ask(version, &one).await;
    }
}

pub(crate) async fn members_leave(script: &mut Script) {
    let group = script.name("g");
    nobody_leaves(script, &group).await;
    nobody_leaves(script, &"".into()).await;
    let request = consumer(&group, &subscription(&[]));
    // An id that was given and not used.
    let given = script.join(9, &request).await;
    script.describe(&group).await;
    script.ask(5, &leaving(&group, &[(&given.member_id, None)])).await;
    script.join(9, &again(&request, &given.member_id)).await;
    let joining = script.enter(9, &request).await;
    let first = script.joined(joining).await;
    nobody_leaves(script, &group).await;
    // While its sync waits for a leader that is somebody else.
    let joining = script.enter(9, &request).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    let first = script.join(9, &again(&request, &first.member_id)).await;
    let second = script.joined(joining).await;
    script.leave(&group, &first.member_id).await;
    script.beat(&group, &second.member_id, second.generation_id).await;
    let second = script.join(9, &again(&request, &second.member_id)).await;
    script.ask(3, &leaving(&group, &[(&second.member_id, None), ("nobody", None)])).await;
    script.describe(&group).await;
}

pub(crate) async fn slow_members(script: &mut Script) {
    let group = script.name("g");
    let quick = join_group::Request {
        session_timeout_ms: 500,
        rebalance_timeout_ms: 1_000,
        ..consumer(&group, &subscription(&[]))
    };
    // Never comes back with the id.
    let given = script.join(9, &quick).await;
    tokio::time::sleep(Duration::from_millis(1_000)).await;
    script.join(9, &again(&quick, &given.member_id)).await;
    // Is silent after it has synced.
    let joining = script.enter(9, &quick).await;
    let first = script.joined(joining).await;
    let syncing = script.start_sync(5, &sync(&group, &first, &[&first.member_id])).await;
    script.synced(syncing).await;
    tokio::time::sleep(Duration::from_millis(1_000)).await;
    script.beat(&group, &first.member_id, first.generation_id).await;
    script.describe(&group).await;
    // Heartbeats, but does not come when the other joins.
    let patient = join_group::Request { session_timeout_ms: 10_000, ..quick.clone() };
    let joining = script.enter(9, &patient).await;
    let first = script.joined(joining).await;
    let joining = script.enter(9, &patient).await;
    let second = script.joined(joining).await;
    script.beat(&group, &first.member_id, first.generation_id).await;
    // Does not sync.
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    script.beat(&group, &second.member_id, second.generation_id).await;
    script.describe(&group).await;
}

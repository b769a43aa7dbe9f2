//! Groups as such: described, listed, deleted, looked for.

use crate::common::produce_request;
use crate::script::{Script, consumer, subscription, sync};
use kafka_proto::messages::offset_fetch::{OffsetFetchRequestGroup, OffsetFetchRequestTopic};
use kafka_proto::messages::{
    delete_groups, describe_groups, find_coordinator, heartbeat, list_groups, metadata,
    offset_commit, offset_delete, offset_fetch, sync_group,
};
use std::sync::Arc;

async fn stable(script: &mut Script, base: &str) -> Arc<str> {
    let group = script.name(base);
    let joining = script.enter(9, &consumer(&group, &subscription(&[&script.name("t")]))).await;
    let joined = script.joined(joining).await;
    let syncing = script.start_sync(5, &sync(&group, &joined, &[&joined.member_id])).await;
    script.synced(syncing).await;
    group
}

async fn empty(script: &mut Script, base: &str) -> Arc<str> {
    let group = script.name(base);
    let joining = script.enter(9, &consumer(&group, &subscription(&[]))).await;
    let joined = script.joined(joining).await;
    script.leave(&group, &joined.member_id).await;
    group
}

async fn list(script: &mut Script, version: i16, states: &[&str], types: &[&str]) {
    let words = |words: &[&str]| words.iter().map(|word| Arc::from(*word)).collect();
    let request = list_groups::Request { states_filter: words(states), types_filter: words(types) };
    let mut response = script.quietly(version, &request).await;
    let run = script.name("");
    response.groups.retain(|group| group.group_id.contains(&*run));
    response.groups.sort_by(|a, b| a.group_id.cmp(&b.group_id));
    script.note(&format!("ListGroups v{version} {states:?} {types:?}"), &response);
}

pub(crate) async fn describes_and_lists(script: &mut Script) {
    let stable = stable(script, "stable").await;
    let empty = empty(script, "empty").await;
    let completing = script.name("completing");
    let joining = script.enter(9, &consumer(&completing, &subscription(&[]))).await;
    script.joined(joining).await;
    let expecting = script.name("expectingAa");
    script.join(9, &consumer(&expecting, &subscription(&[]))).await;
    // Nothing is written of that one, and Kafka shows what there was at the last write in the group's partition. This
    // other one has the same hash in Java, so it is in the same partition.
    self::empty(script, "expectingBB").await;
    let groups = vec![stable, empty, completing, expecting, script.name("unknown")];
    for version in 0..=6 {
        for include_authorized_operations in [false, true] {
            if version < 3 && include_authorized_operations {
                continue;
            }
            let groups = groups.clone();
            let request = describe_groups::Request { groups, include_authorized_operations };
            let mut response = script.quietly(version, &request).await;
            response.groups.sort_by(|a, b| a.group_id.cmp(&b.group_id));
            script.note(&format!("DescribeGroups v{version}"), &response);
        }
    }
    for version in 0..=5 {
        list(script, version, &[], &[]).await;
    }
    for states in [&["Stable"][..], &["stable", "EMPTY"], &["CompletingRebalance"], &["Nonsense"]] {
        list(script, 4, states, &[]).await;
    }
    for types in [&["classic"][..], &["Classic"], &["consumer"], &["consumer", "classic"], &["x"]] {
        list(script, 5, &["Stable", "Empty"], types).await;
    }
}

pub(crate) async fn deletes_groups(script: &mut Script) {
    for version in 0..=3 {
        let stable = stable(script, &format!("stable{version}")).await;
        let empty = empty(script, &format!("empty{version}")).await;
        let groups_names =
            vec![stable.clone(), empty.clone(), script.name("unknown"), empty.clone()];
        let request = delete_groups::Request { groups_names };
        let mut response = script.quietly(version, &request).await;
        response.results.sort_by(|a, b| a.group_id.cmp(&b.group_id));
        script.note(&format!("DeleteGroups v{version}"), &response);
        script.describe(&stable).await;
        script.describe(&empty).await;
    }
}

pub(crate) async fn unknown_groups_in_every_api(script: &mut Script) {
    for group in [script.name("unknown"), "".into()] {
        for version in [0, 5] {
            let request = sync_group::Request {
                group_id: group.clone(),
                member_id: "m".into(),
                ..Default::default()
            };
            let syncing = script.start_sync(version, &request).await;
            script.synced(syncing).await;
        }
        for version in [0, 4] {
            let request = heartbeat::Request { group_id: group.clone(), ..Default::default() };
            script.ask(version, &request).await;
        }
        for version in [1, 2, 7] {
            for topics in [Some(vec![]), None] {
                if version < 2 && topics.is_none() {
                    continue;
                }
                let request =
                    offset_fetch::Request { group_id: group.clone(), topics, ..Default::default() };
                script.ask(version, &request).await;
            }
            let topic = OffsetFetchRequestTopic {
                name: script.name("no-topic"),
                partition_indexes: vec![0, 5],
            };
            let request = offset_fetch::Request {
                group_id: group.clone(),
                topics: Some(vec![topic]),
                ..Default::default()
            };
            script.ask(version, &request).await;
        }
        for version in 8..=10 {
            for (member, topics) in [(None, None), (Some("m"), None), (None, Some(vec![]))] {
                let asked = OffsetFetchRequestGroup {
                    group_id: group.clone(),
                    member_id: member.map(Into::into),
                    topics,
                    ..Default::default()
                };
                let request = offset_fetch::Request { groups: vec![asked], ..Default::default() };
                script.ask(version, &request).await;
            }
        }
        for version in 2..=10 {
            let request = offset_commit::Request { group_id: group.clone(), ..Default::default() };
            script.ask(version, &request).await;
        }
        script
            .ask(0, &offset_delete::Request { group_id: group.clone(), ..Default::default() })
            .await;
    }
}

pub(crate) async fn finds_coordinators(script: &mut Script) {
    for key in [script.name("g"), "".into()] {
        for key_type in [0, 1, 2, 3] {
            for version in 0..=6 {
                if (version == 0 && key_type != 0) || (key_type == 1 && version != 5) {
                    continue;
                }
                let mut request = find_coordinator::Request { key_type, ..Default::default() };
                if version < 4 {
                    request.key = key.clone();
                } else {
                    request.coordinator_keys = vec![key.clone()];
                }
                let mut response = script.quietly(version, &request).await;
                // Where it is, and whether a topic had to be made for it, differs.
                response.port = response.port.min(1);
                let there = response.coordinators.iter_mut();
                there.for_each(|one| {
                    one.port = one.port.min(1);
                    one.error_message = one.error_message.take().filter(|_| one.node_id >= 0);
                });
                // The words for an error are ours.
                let told = response.error_message.take();
                response.error_message = told.filter(|_| response.node_id >= 0);
                if key_type == 1 {
                    continue;
                }
                script.note(&format!("FindCoordinator v{version} {key_type}"), &response);
            }
        }
    }
}

pub(crate) async fn internal_topics(script: &mut Script) {
    let asked = metadata::MetadataRequestTopic {
        name: Some("__consumer_offsets".into()),
        ..Default::default()
    };
    let request = metadata::Request { topics: Some(vec![asked]), ..Default::default() };
    let topic = script.quietly(12, &request).await.topics.remove(0);
    script.note("is internal", &(topic.error_code, topic.is_internal));
    let request = produce_request("__consumer_offsets", 0, -1, &[b"x"]);
    for version in [9, 12] {
        let mut response = script.quietly(version, &request).await;
        let rows = response.responses.iter_mut().flat_map(|one| &mut one.partition_responses);
        rows.for_each(|row| row.log_start_offset = 0);
        script.note("Produce", &response);
    }
    let group = stable(script, "g").await;
    script.describe(&group).await;
}

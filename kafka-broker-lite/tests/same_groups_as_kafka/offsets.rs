//! Offsets: committed, fetched, deleted.

use crate::script::{Script, again, consumer, subscription, sync};
use kafka_proto::messages::offset_commit::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use kafka_proto::messages::offset_delete::{
    OffsetDeleteRequestPartition, OffsetDeleteRequestTopic,
};
use kafka_proto::messages::offset_fetch::{
    OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics,
};
use kafka_proto::messages::{
    delete_groups, join_group, offset_commit, offset_delete, offset_fetch,
};
use kafka_proto::uuid::Uuid;
use std::sync::Arc;

type Topic<'a> = (&'a Arc<str>, Uuid);

pub(crate) fn commit(
    group: &Arc<str>,
    topics: &[(Topic<'_>, &[(i32, i64)])],
) -> offset_commit::Request {
    let partition = |(index, offset): &(i32, i64)| OffsetCommitRequestPartition {
        partition_index: *index,
        committed_offset: *offset,
        committed_leader_epoch: 0,
        committed_metadata: (offset % 2 == 0).then(|| "even".into()),
    };
    let topic = |((name, id), offsets): &(Topic<'_>, &[(i32, i64)])| OffsetCommitRequestTopic {
        name: Arc::clone(name),
        topic_id: *id,
        partitions: offsets.iter().map(partition).collect(),
    };
    offset_commit::Request {
        group_id: group.clone(),
        topics: topics.iter().map(topic).collect(),
        ..Default::default()
    }
}

fn of_member(
    request: &offset_commit::Request,
    joined: &join_group::Response,
) -> offset_commit::Request {
    offset_commit::Request {
        generation_id_or_member_epoch: joined.generation_id,
        member_id: joined.member_id.clone(),
        ..request.clone()
    }
}

async fn fetch(
    script: &mut Script,
    version: i16,
    group: &Arc<str>,
    topics: &[(Topic<'_>, &[i32])],
) {
    let old = |((name, _), indexes): &(Topic<'_>, &[i32])| OffsetFetchRequestTopic {
        name: Arc::clone(name),
        partition_indexes: indexes.to_vec(),
    };
    let new = |((name, id), indexes): &(Topic<'_>, &[i32])| OffsetFetchRequestTopics {
        name: Arc::clone(name),
        topic_id: *id,
        partition_indexes: indexes.to_vec(),
    };
    let mut request = offset_fetch::Request::default();
    if version < 8 {
        request.group_id = group.clone();
        request.topics = Some(topics.iter().map(old).collect());
    } else {
        request.groups = vec![OffsetFetchRequestGroup {
            group_id: group.clone(),
            topics: Some(topics.iter().map(new).collect()),
            ..Default::default()
        }];
    }
    request.require_stable = version >= 7;
    let mut response = script.quietly(version, &request).await;
    response.topics.sort_by(|a, b| a.name.cmp(&b.name));
    for group in &mut response.groups {
        group.topics.sort_by(|a, b| a.name.cmp(&b.name));
        group.topics.sort_by_key(|topic| -topic.partitions[0].committed_offset);
    }
    script.note(&format!("OffsetFetch v{version}"), &response);
    all(script, version, &[group]).await;
}

async fn all(script: &mut Script, version: i16, groups: &[&Arc<str>]) {
    if version < 2 {
        return;
    }
    let mut request = offset_fetch::Request::default();
    if version < 8 {
        request.group_id = Arc::clone(groups[0]);
        request.topics = None;
    } else {
        let asked = |group: &&Arc<str>| OffsetFetchRequestGroup {
            group_id: Arc::clone(group),
            topics: None,
            ..Default::default()
        };
        request.groups = groups.iter().map(asked).collect();
    }
    let mut response = script.quietly(version, &request).await;
    response.topics.sort_by(|a, b| a.name.cmp(&b.name));
    response
        .topics
        .iter_mut()
        .for_each(|one| one.partitions.sort_by_key(|row| row.partition_index));
    for group in &mut response.groups {
        group.topics.sort_by_key(|topic| topic.partitions.len());
        group
            .topics
            .iter_mut()
            .for_each(|one| one.partitions.sort_by_key(|row| row.partition_index));
    }
    script.note(&format!("OffsetFetch of all v{version}"), &response);
}

pub(crate) async fn commits_and_fetches_in_every_version(script: &mut Script) {
    let (name, id) = script.topic("t", 3).await;
    let topic = (&name, id);
    let mut groups = Vec::new();
    for version in 2..=10 {
        let group = script.name(&format!("v{version}"));
        let offsets = [(0, i64::from(version)), (1, 2), (7, 1)];
        script.commit(version, &commit(&group, &[(topic, &offsets)])).await;
        script.describe(&group).await;
        for fetched in 1..=10 {
            fetch(script, fetched, &group, &[(topic, &[0, 1, 2, 7])]).await;
        }
        groups.push(group);
    }
    let unknown = script.name("unknown");
    for version in [8, 10] {
        all(script, version, &[&groups[0], &unknown, &groups[1], &groups[0]]).await;
    }
    let ghost = (&script.name("ghost"), Uuid([9; 16]));
    for version in [2, 9, 10] {
        script.commit(version, &commit(&groups[0], &[(ghost, &[(0, 1)])])).await;
        script
            .commit(version, &commit(&groups[0], &[(ghost, &[(0, 1)]), (topic, &[(2, 5)])]))
            .await;
        fetch(script, version, &groups[0], &[(ghost, &[0]), (topic, &[2])]).await;
    }
}

pub(crate) async fn commits_of_members(script: &mut Script) {
    let (name, id) = script.topic("t", 1).await;
    let group = script.name("g");
    let request = consumer(&group, &subscription(&[&name]));
    let commit = commit(&group, &[((&name, id), &[(0, 1)])]);
    let joining = script.enter(9, &request).await;
    let first = script.joined(joining).await;
    let versions = [2, 8, 9, 10];
    for version in versions {
        script.commit(version, &of_member(&commit, &first)).await;
    }
    let syncing = script.start_sync(5, &sync(&group, &first, &[&first.member_id])).await;
    script.synced(syncing).await;
    for version in versions {
        script.commit(version, &of_member(&commit, &first)).await;
        script.commit(version, &commit).await;
        for generation in [-1, 0, 9] {
            let mut old = of_member(&commit, &first);
            old.generation_id_or_member_epoch = generation;
            script.commit(version, &old).await;
        }
        let mut unknown = of_member(&commit, &first);
        unknown.member_id = "nobody".into();
        script.commit(version, &unknown).await;
        unknown.member_id = "".into();
        script.commit(version, &unknown).await;
    }
    // Preparing: those of the old generation may still commit.
    let joining = script.enter(9, &request).await;
    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    script.commit(9, &of_member(&commit, &first)).await;
    let first = script.join(9, &again(&request, &first.member_id)).await;
    let second = script.joined(joining).await;
    script.commit(9, &of_member(&commit, &second)).await;
    script.leave(&group, &first.member_id).await;
    script.leave(&group, &second.member_id).await;
    script.commit(9, &of_member(&commit, &second)).await;
    script.commit(9, &commit).await;
    fetch(script, 9, &group, &[((&name, id), &[0])]).await;
}

pub(crate) async fn commits_without_membership(script: &mut Script) {
    let (name, id) = script.topic("t", 1).await;
    for (base, version) in [("old", 2), ("middle", 8), ("new", 9), ("newest", 10)] {
        let group = script.name(base);
        let commit = commit(&group, &[((&name, id), &[(0, 4)])]);
        for generation in [0, 3] {
            let request = offset_commit::Request {
                generation_id_or_member_epoch: generation,
                member_id: "m".into(),
                ..commit.clone()
            };
            script.commit(version, &request).await;
        }
        script.describe(&group).await;
        let named = offset_commit::Request { member_id: "m".into(), ..commit.clone() };
        script.commit(version, &named).await;
        script.commit(version, &commit).await;
        script.describe(&group).await;
        for generation in [0, 3] {
            let request = offset_commit::Request {
                generation_id_or_member_epoch: generation,
                ..commit.clone()
            };
            script.commit(version, &request).await;
        }
        // A simple group may become one with members.
        let request = consumer(&group, &subscription(&[&name]));
        let joining = script.enter(9, &request).await;
        script.joined(joining).await;
        script.commit(version, &commit).await;
        script.describe(&group).await;
    }
}

pub(crate) async fn the_group_without_a_name(script: &mut Script) {
    let (name, id) = script.topic("t", 1).await;
    let nobody: Arc<str> = "".into();
    let request = delete_groups::Request { groups_names: vec![nobody.clone()] };
    script.quietly(2, &request).await;
    script.ask(2, &request).await;
    script.describe(&nobody).await;
    script.commit(9, &commit(&nobody, &[((&name, id), &[(0, 4)])])).await;
    for version in [2, 9] {
        fetch(script, version, &nobody, &[((&name, id), &[0])]).await;
    }
    script.describe(&nobody).await;
    script.delete(&deletion(&nobody, &[(&name, &[0])])).await;
    script.ask(2, &request).await;
    script.describe(&nobody).await;
}

pub(crate) async fn bad_commits(script: &mut Script) {
    let (name, id) = script.topic("t", 1).await;
    let group = script.name("g");
    for offset in [-1, -2, i64::MIN, i64::MAX] {
        script.commit(9, &commit(&group, &[((&name, id), &[(0, offset)])])).await;
        fetch(script, 9, &group, &[((&name, id), &[0])]).await;
    }
    for metadata in ["", "ä", &"x".repeat(4096), &"x".repeat(4097), &"ä".repeat(4096)] {
        let mut request = commit(&group, &[((&name, id), &[(0, 1), (0, 2)])]);
        request.topics[0].partitions[0].committed_metadata = Some(metadata.into());
        request.topics[0].partitions[1].committed_leader_epoch = -1;
        script.ask(9, &request).await;
        fetch(script, 9, &group, &[((&name, id), &[0])]).await;
    }
    let request = commit(&group, &[((&name, id), &[(-1, 1), (1, 1)])]);
    script.commit(9, &request).await;
    script.commit(10, &request).await;
}

fn deletion(group: &Arc<str>, topics: &[(&Arc<str>, &[i32])]) -> offset_delete::Request {
    let partition = |index: &i32| OffsetDeleteRequestPartition { partition_index: *index };
    let topic = |(name, indexes): &(&Arc<str>, &[i32])| OffsetDeleteRequestTopic {
        name: Arc::clone(name),
        partitions: indexes.iter().map(partition).collect(),
    };
    offset_delete::Request { group_id: group.clone(), topics: topics.iter().map(topic).collect() }
}

pub(crate) async fn deletes_offsets(script: &mut Script) {
    let (read, read_id) = script.topic("read", 2).await;
    let (other, other_id) = script.topic("other", 2).await;
    let group = script.name("g");
    let ghost = script.name("ghost");
    let everything: [(&Arc<str>, &[i32]); 3] =
        [(&read, &[0, 1]), (&other, &[0, 9]), (&ghost, &[0])];
    script.delete(&deletion(&group, &everything)).await;
    script.delete(&deletion(&group, &[(&ghost, &[0])])).await;
    let offsets: &[(i32, i64)] = &[(0, 1), (1, 2)];
    let all = commit(&group, &[((&read, read_id), offsets), ((&other, other_id), offsets)]);
    script.commit(9, &all).await;
    let request = consumer(&group, &subscription(&[&read]));
    let joining = script.enter(9, &request).await;
    let joined = script.joined(joining).await;
    script.delete(&deletion(&group, &everything)).await;
    let syncing = script.start_sync(5, &sync(&group, &joined, &[&joined.member_id])).await;
    script.synced(syncing).await;
    let topics: [(Topic<'_>, &[i32]); 2] =
        [((&read, read_id), &[0, 1]), ((&other, other_id), &[0, 1])];
    fetch(script, 9, &group, &topics).await;
    script.delete(&deletion(&group, &everything)).await;
    fetch(script, 9, &group, &topics).await;
    script.leave(&group, &joined.member_id).await;
    script.delete(&deletion(&group, &everything)).await;
    fetch(script, 9, &group, &topics).await;
    // Members of another protocol may have any topic.
    let connect = script.name("connect");
    let mut request = consumer(&connect, &subscription(&[]));
    request.protocol_type = "connect".into();
    let joining = script.enter(9, &request).await;
    script.joined(joining).await;
    script.delete(&deletion(&connect, &everything)).await;
    // And consumers whose metadata cannot be read.
    let strange = script.name("strange");
    let request = consumer(&strange, &b"nonsense"[..].into());
    let joining = script.enter(9, &request).await;
    script.joined(joining).await;
    script.delete(&deletion(&strange, &everything)).await;
}

pub(crate) async fn topics_that_go(script: &mut Script) {
    let (name, id) = script.topic("t", 2).await;
    let (other, other_id) = script.topic("other", 1).await;
    let group = script.name("g");
    let all = commit(&group, &[((&name, id), &[(0, 1), (1, 2)]), ((&other, other_id), &[(0, 3)])]);
    script.commit(10, &all).await;
    script.delete_topic(&name).await;
    for version in [1, 9, 10] {
        fetch(script, version, &group, &[((&name, id), &[0, 1]), ((&other, other_id), &[0])]).await;
    }
    let (name, new_id) = script.topic("t", 2).await;
    for version in [1, 9, 10] {
        fetch(script, version, &group, &[((&name, new_id), &[0, 1])]).await;
    }
}

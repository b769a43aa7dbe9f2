//! Records that are fetched.

use super::batches::{Plan, plain};
use super::twins::{Side, Twins};
use kafka_proto::messages::fetch::{self, FetchPartition, FetchTopic};
use kafka_proto::records::Compression;
use kafka_proto::uuid::Uuid;
use std::sync::Arc;

/// The first version that names topics by their ids.
pub(crate) const TOPIC_IDS_SINCE: i16 = 13;

/// What is wanted of a topic.
pub(crate) type Wanted<'a> = (&'a str, Vec<FetchPartition>);

/// A topic with two partitions of which the first has records.
pub(crate) async fn filled(twins: &mut Twins, topic: &str) -> Arc<str> {
    let name = twins.create(topic, 2, &[("retention.ms", "-1")]).await;
    twins.append(&name, 0, plain(&[0, 1000])).await;
    twins.append(&name, 0, plain(&[5000, 3000, 5000])).await;
    let plan = Plan { compression: Compression::Lz4, times: &[2000, 4000], ..Plan::NONE };
    twins.append(&name, 0, plan.make()).await;
    name
}

pub(crate) fn want(partition: i32, fetch_offset: i64) -> FetchPartition {
    FetchPartition { partition, fetch_offset, partition_max_bytes: 1 << 20, ..Default::default() }
}

pub(crate) fn request(side: &Side, version: i16, topics: &[Wanted<'_>]) -> fetch::Request {
    let by_id = version >= TOPIC_IDS_SINCE;
    let topics = topics.iter().map(|(name, partitions)| FetchTopic {
        topic: if by_id { "".into() } else { (*name).into() },
        topic_id: if by_id { side.id(name) } else { Uuid::ZERO },
        partitions: partitions.clone(),
    });
    fetch::Request { max_bytes: 1 << 20, topics: topics.collect(), ..Default::default() }
}

/// Partition 0 from its beginning on, asked for in some other way.
fn near(change: fn(&mut FetchPartition)) -> Vec<FetchPartition> {
    let mut wanted = want(0, 0);
    change(&mut wanted);
    vec![wanted]
}

pub(crate) async fn fetched(twins: &mut Twins) {
    let there = filled(twins, "there").await;
    let other = filled(twins, "other").await;
    let missing = twins.name("missing");
    let stories: Vec<(&str, Vec<Wanted<'_>>)> = vec![
        ("nothing", vec![]),
        ("no partition", vec![(&there, vec![])]),
        ("all", vec![(&there, vec![want(0, 0), want(1, 0)])]),
        ("the middle of a batch", vec![(&there, vec![want(0, 3)])]),
        ("the middle of a compressed batch", vec![(&there, vec![want(0, 6)])]),
        ("the end", vec![(&there, vec![want(0, 7)])]),
        ("past the end", vec![(&there, vec![want(0, 8)])]),
        ("before the start", vec![(&there, vec![want(0, -1)])]),
        ("far before the start", vec![(&there, vec![want(0, i64::MIN)])]),
        ("partition 9", vec![(&there, vec![want(9, 0)])]),
        ("partition -1", vec![(&there, vec![want(-1, 0)])]),
        ("a missing topic", vec![(&missing, vec![want(0, 0)])]),
        ("a bad name", vec![("a b", vec![want(0, 0)])]),
        ("a partition twice", vec![(&there, vec![want(0, 0), want(0, 2)])]),
        ("two topics", vec![(&there, vec![want(0, 0)]), (&other, vec![want(0, 2)])]),
        (
            "a topic in two pieces",
            vec![
                (&there, vec![want(0, 0)]),
                (&other, vec![want(0, 2)]),
                (&there, vec![want(1, 0)]),
            ],
        ),
        (
            "good and bad",
            vec![(&there, vec![want(0, 0), want(1, 7), want(4, 0)]), (&missing, vec![want(0, 0)])],
        ),
        ("at most 0 bytes", vec![(&there, near(|w| w.partition_max_bytes = 0))]),
        ("at most -1 bytes", vec![(&there, near(|w| w.partition_max_bytes = -1))]),
        ("at most 1 byte", vec![(&there, near(|w| w.partition_max_bytes = 1))]),
        ("at most 100 bytes", vec![(&there, near(|w| w.partition_max_bytes = 100))]),
    ];
    for (what, topics) in &stories {
        twins.look(what, |side, version| request(side, version, topics)).await;
    }
    twins
        .look_at("an unknown id", 13..=18, |side, version| {
            let mut request = request(side, version, &[(&there, vec![want(0, 0)])]);
            request.topics[0].topic_id = Uuid([5; 16]);
            request
        })
        .await;
}

pub(crate) async fn fetched_of_epochs(twins: &mut Twins) {
    let there = filled(twins, "there").await;
    let epochs: Vec<(&str, i16, Vec<FetchPartition>)> = vec![
        ("of epoch 0", 9, near(|w| w.current_leader_epoch = 0)),
        ("of epoch 1", 9, near(|w| w.current_leader_epoch = 1)),
        ("of epoch -2", 9, near(|w| w.current_leader_epoch = -2)),
        ("after epoch 0", 12, near(|w| w.last_fetched_epoch = 0)),
        ("after epoch 1", 12, near(|w| w.last_fetched_epoch = 1)),
        (
            "after epoch 0, at the end",
            12,
            near(|w| (w.last_fetched_epoch, w.fetch_offset) = (0, 7)),
        ),
        (
            "after epoch 0, past the end",
            12,
            near(|w| (w.last_fetched_epoch, w.fetch_offset) = (0, 9)),
        ),
        (
            "after epoch 0, before the start",
            12,
            near(|w| (w.last_fetched_epoch, w.fetch_offset) = (0, -3)),
        ),
        ("from log start 5", 5, near(|w| w.log_start_offset = 5)),
    ];
    for (what, since, partitions) in &epochs {
        twins
            .look_at(what, *since..=18, |side, version| {
                request(side, version, &[(&there, partitions.clone())])
            })
            .await;
    }
}

pub(crate) async fn fetched_within_limits(twins: &mut Twins) {
    let there = filled(twins, "there").await;
    let other = filled(twins, "other").await;
    let all = || vec![(&*there, vec![want(0, 0), want(1, 0)]), (&*other, vec![want(0, 0)])];
    for max_bytes in [-1, 0, 1, 80, 100, 250, 400] {
        twins
            .look(&format!("at most {max_bytes} bytes in all"), |side, version| fetch::Request {
                max_bytes,
                ..request(side, version, &all())
            })
            .await;
    }
    for (min_bytes, max_wait_ms) in [(0, 0), (1, 50), (1 << 20, 50), (-1, -1), (1, i32::MIN)] {
        twins
            .look(&format!("{min_bytes} bytes within {max_wait_ms} ms"), |side, version| {
                fetch::Request { min_bytes, max_wait_ms, ..request(side, version, &all()) }
            })
            .await;
        twins
            .look(
                &format!("{min_bytes} bytes at the end within {max_wait_ms} ms"),
                |side, version| {
                    let topics = [(&*there, vec![want(0, 7)])];
                    fetch::Request { min_bytes, max_wait_ms, ..request(side, version, &topics) }
                },
            )
            .await;
    }
}

pub(crate) async fn fetched_by_whom(twins: &mut Twins) {
    let there = filled(twins, "there").await;
    let other = filled(twins, "other").await;
    let all = || vec![(&*there, vec![want(0, 0), want(1, 0)]), (&*other, vec![want(0, 0)])];
    for isolation_level in [1, 2, -1] {
        twins
            .look(&format!("isolation level {isolation_level}"), |side, version| fetch::Request {
                isolation_level,
                ..request(side, version, &all())
            })
            .await;
    }
    for cluster_id in ["", "other"] {
        twins
            .look_at(&format!("of cluster {cluster_id:?}"), 12..=18, |side, version| {
                fetch::Request {
                    cluster_id: Some(cluster_id.into()),
                    ..request(side, version, &all())
                }
            })
            .await;
    }
    twins
        .look_at("with a rack", 11..=18, |side, version| fetch::Request {
            rack_id: "far away".into(),
            ..request(side, version, &all())
        })
        .await;
    for replica_id in [-2, 9] {
        twins
            .look_at(&format!("as replica {replica_id}"), 4..=14, |side, version| fetch::Request {
                replica_id,
                ..request(side, version, &all())
            })
            .await;
    }
}

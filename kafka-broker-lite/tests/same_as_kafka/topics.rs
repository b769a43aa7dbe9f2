//! Topics that are made, looked up, grown and deleted.

use super::twins::{Side, Twins};
use kafka_proto::messages::create_partitions::{CreatePartitionsAssignment, CreatePartitionsTopic};
use kafka_proto::messages::create_topics::{
    CreatableReplicaAssignment, CreatableTopic, CreatableTopicConfig,
};
use kafka_proto::messages::delete_topics::DeleteTopicState;
use kafka_proto::messages::metadata::MetadataRequestTopic;
use kafka_proto::messages::{create_partitions, create_topics, delete_topics, metadata};
use kafka_proto::uuid::Uuid;
use std::sync::Arc;

fn topic(name: &str, num_partitions: i32, replication_factor: i16) -> CreatableTopic {
    CreatableTopic { name: name.into(), num_partitions, replication_factor, ..Default::default() }
}

fn configured(name: &str, configs: &[(&str, Option<&str>)]) -> CreatableTopic {
    let config = |&(name, value): &(&str, Option<&str>)| CreatableTopicConfig {
        name: name.into(),
        value: value.map(Into::into),
    };
    CreatableTopic { configs: configs.iter().map(config).collect(), ..topic(name, 1, 1) }
}

fn assigned(name: &str, counts: (i32, i16), assignments: &[(i32, &[i32])]) -> CreatableTopic {
    let assignment = |&(partition_index, brokers): &(i32, &[i32])| CreatableReplicaAssignment {
        partition_index,
        broker_ids: brokers.to_vec(),
    };
    let assignments = assignments.iter().map(assignment).collect();
    CreatableTopic { assignments, ..topic(name, counts.0, counts.1) }
}

/// What nobody makes a topic of.
fn refused(there: &str) -> Vec<CreatableTopic> {
    let long = "x".repeat(250);
    let mut topics: Vec<_> =
        ["", ".", "..", "a b", "a/b", "ä", &long].map(|name| topic(name, 1, 1)).into();
    let n = |suffix: &str| format!("{there}-{suffix}");
    topics.extend([
        topic(there, 1, 1),
        topic(&there.replace('.', "_"), 1, 1),
        topic("__cluster_metadata", 1, 1),
        topic(&n("no-partitions"), 0, 1),
        topic(&n("less-than-none"), -2, 1),
        topic(&n("no-replicas"), 1, 0),
        topic(&n("fewer-replicas"), 1, -2),
        topic(&n("two-replicas"), 1, 2),
        topic(&n("too-many"), 10_001, 1),
        topic(&n("both-wrong"), 0, 0),
        configured(&n("unknown"), &[("foo", Some("1"))]),
        configured(&n("null"), &[("retention.ms", None)]),
        configured(&n("small"), &[("segment.bytes", Some("1048575"))]),
        configured(&n("word"), &[("retention.ms", Some("a"))]),
        configured(&n("below"), &[("retention.ms", Some("-2"))]),
        configured(&n("policy"), &[("cleanup.policy", Some("shrink"))]),
        configured(&n("codec"), &[("compression.type", Some("zip"))]),
        configured(&n("boolean"), &[("preallocate", Some("maybe"))]),
        configured(&n("ratio"), &[("min.cleanable.dirty.ratio", Some("2"))]),
        configured(&n("isr"), &[("min.insync.replicas", Some("0"))]),
        configured(
            &n("lag"),
            &[("min.compaction.lag.ms", Some("9")), ("max.compaction.lag.ms", Some("5"))],
        ),
        configured(&n("local"), &[("retention.ms", Some("5")), ("local.retention.ms", Some("9"))]),
        configured(&n("remote"), &[("remote.storage.enable", Some("true"))]),
        configured(&n("format"), &[("message.format.version", Some("2.8"))]),
        assigned(&n("counted"), (1, -1), &[(0, &[1])]),
        assigned(&n("replicated"), (-1, 1), &[(0, &[1])]),
        assigned(&n("gap"), (-1, -1), &[(0, &[1]), (2, &[1])]),
        assigned(&n("late"), (-1, -1), &[(1, &[1])]),
        assigned(&n("negative"), (-1, -1), &[(-1, &[1])]),
        assigned(&n("twice"), (-1, -1), &[(0, &[1]), (0, &[1])]),
        assigned(&n("elsewhere"), (-1, -1), &[(0, &[9])]),
        assigned(&n("same"), (-1, -1), &[(0, &[1, 1])]),
        assigned(&n("nowhere"), (-1, -1), &[(0, &[])]),
        assigned(&n("uneven"), (-1, -1), &[(0, &[1]), (1, &[1, 1])]),
    ]);
    topics
}

/// What can be made, if the names are new.
fn taken(name: &str) -> Vec<CreatableTopic> {
    let n = |suffix: &str| format!("{name}-{suffix}");
    vec![
        topic(&n("plain"), 3, 1),
        topic(&n("default"), -1, -1),
        assigned(&n("assigned"), (-1, -1), &[(1, &[1]), (0, &[1])]),
        configured(
            &n("configured"),
            &[
                ("cleanup.policy", Some("compact,delete")),
                ("retention.ms", Some(" 5000 ")),
                ("segment.bytes", Some("1048576")),
                ("min.insync.replicas", Some("9")),
                ("compression.type", Some("zstd")),
            ],
        ),
        configured(&n("same-config"), &[("retention.ms", Some("1")), ("retention.ms", Some("2"))]),
        configured(&n("empty-policy"), &[("cleanup.policy", Some(""))]),
    ]
}

pub(crate) async fn created(twins: &mut Twins) {
    let there = twins.create("there.1", 1, &[]).await;
    for validate_only in [true, false] {
        let topics = refused(&there);
        // Each alone, because of what one may do to the others; and at last all at once.
        for each in &topics {
            let topics = vec![each.clone()];
            let request = create_topics::Request { topics, validate_only, ..Default::default() };
            twins.change(&format!("{each:?}"), |_, _| request.clone()).await;
        }
        let request = create_topics::Request { topics, validate_only, ..Default::default() };
        twins.change("all that is refused", |_, _| request.clone()).await;
        let name = twins.name(&format!("new-{validate_only}"));
        twins
            .change("what is taken", |_, version| create_topics::Request {
                topics: taken(&format!("{name}-{version}")),
                validate_only,
                ..Default::default()
            })
            .await;
        twins
            .change("a name twice", |_, version| {
                let name = format!("{name}-{version}-twice");
                let topics = vec![
                    topic(&name, 1, 1),
                    topic(&name, 2, 1),
                    topic(&format!("{name}-not"), 1, 1),
                ];
                create_topics::Request { topics, validate_only, ..Default::default() }
            })
            .await;
        twins
            .change("colliding within", |_, version| {
                let [a, b] = ['.', '_'].map(|c| topic(&format!("{name}-{version}{c}c"), 1, 1));
                create_topics::Request { topics: vec![a, b], validate_only, ..Default::default() }
            })
            .await;
    }
    twins.change("nothing", |_, _| create_topics::Request::default()).await;
}

fn asked(name: Option<&str>, topic_id: Uuid) -> MetadataRequestTopic {
    MetadataRequestTopic { name: name.map(Into::into), topic_id }
}

pub(crate) async fn looked_up(twins: &mut Twins) {
    let there = twins.create("there", 3, &[]).await;
    let long = "x".repeat(250);
    let missing = twins.name("missing");
    type Asked<'a> = (&'a str, Box<dyn Fn(&Side) -> Vec<MetadataRequestTopic> + 'a>);
    let stories: Vec<Asked<'_>> = vec![
        ("none", Box::new(|_| vec![])),
        ("one", Box::new(|_| vec![asked(Some(&there), Uuid::ZERO)])),
        ("one twice", Box::new(|_| vec![asked(Some(&there), Uuid::ZERO); 2])),
        ("missing", Box::new(|_| vec![asked(Some(&missing), Uuid::ZERO)])),
        ("missing twice", Box::new(|_| vec![asked(Some(&missing), Uuid::ZERO); 2])),
        ("empty name", Box::new(|_| vec![asked(Some(""), Uuid::ZERO)])),
        ("dot", Box::new(|_| vec![asked(Some("."), Uuid::ZERO)])),
        ("bad", Box::new(|_| vec![asked(Some("a b"), Uuid::ZERO)])),
        ("long", Box::new(|_| vec![asked(Some(&long), Uuid::ZERO)])),
        (
            "several",
            Box::new(|_| {
                vec![
                    asked(Some("a b"), Uuid::ZERO),
                    asked(Some(&there), Uuid::ZERO),
                    asked(Some(&missing), Uuid::ZERO),
                ]
            }),
        ),
        ("by id", Box::new(|side| vec![asked(None, side.id(&there))])),
        ("by id twice", Box::new(|side| vec![asked(None, side.id(&there)); 2])),
        ("unknown id", Box::new(|_| vec![asked(None, Uuid([3; 16]))])),
        ("neither", Box::new(|_| vec![asked(None, Uuid::ZERO)])),
        ("both", Box::new(|side| vec![asked(Some(&there), side.id(&there))])),
        ("both, contradicting", Box::new(|side| vec![asked(Some(&missing), side.id(&there))])),
        (
            "id and name",
            Box::new(|side| vec![asked(None, side.id(&there)), asked(Some(&there), Uuid::ZERO)]),
        ),
    ];
    for (what, topics) in &stories {
        for operations in [false, true] {
            twins
                .look_at(what, 4..=13, |side, version| metadata::Request {
                    topics: Some(topics(side)),
                    allow_auto_topic_creation: false,
                    include_cluster_authorized_operations: operations
                        && (8..=10).contains(&version),
                    include_topic_authorized_operations: operations && version >= 8,
                })
                .await;
        }
    }
    // Versions that cannot forbid auto-creation: what exists, what cannot be made.
    for (what, topics) in &stories[..2] {
        twins
            .look_at(what, 1..=3, |side, _| metadata::Request {
                topics: Some(topics(side)),
                ..Default::default()
            })
            .await;
    }
}

pub(crate) async fn made_by_asking(twins: &mut Twins) {
    for version in 0..=13 {
        let name = twins.name(&format!("v{version}"));
        let request = metadata::Request {
            topics: Some(vec![asked(Some(&name), Uuid::ZERO)]),
            ..Default::default()
        };
        twins.change_at("new", version..=version, |_, _| request.clone()).await;
        twins.learn(&name, 4).await;
        twins.look_at("made", version..=version, |_, _| request.clone()).await;
        for bad in ["", "a b", ".."] {
            let topics = Some(vec![asked(Some(bad), Uuid::ZERO)]);
            let request = metadata::Request { topics, ..Default::default() };
            twins.change_at(bad, version..=version, |_, _| request.clone()).await;
        }
        // Its name collides with that of the one before.
        let [dot, line] = ['.', '_'].map(|c| twins.name(&format!("v{c}{version}")));
        let topics = |name: &Arc<str>| Some(vec![asked(Some(name), Uuid::ZERO)]);
        let request = metadata::Request { topics: topics(&dot), ..Default::default() };
        twins.change_at("new", version..=version, |_, _| request.clone()).await;
        twins.learn(&dot, 4).await;
        let request = metadata::Request { topics: topics(&line), ..Default::default() };
        twins.change_at("colliding", version..=version, |_, _| request.clone()).await;
    }
}

pub(crate) async fn deleted(twins: &mut Twins) {
    let missing = twins.name("missing");
    for version in 1..=5 {
        let gone = twins.create(&format!("gone-{version}"), 1, &[]).await;
        let twice = twins.create(&format!("twice-{version}"), 1, &[]).await;
        for names in [
            vec![],
            vec![""],
            vec!["a b"],
            vec![&*missing],
            vec![&*missing, &*missing],
            vec![&*twice, &*twice],
            vec![&*gone, &*missing],
            vec![&*gone],
            vec!["__cluster_metadata"],
        ] {
            let topic_names = names.iter().map(|name| Arc::from(*name)).collect();
            let request =
                delete_topics::Request { topic_names, timeout_ms: 5000, ..Default::default() };
            twins.change_at(&format!("{names:?}"), version..=version, |_, _| request.clone()).await;
        }
    }
    let [a, b, c] = [
        twins.create("a", 1, &[]).await,
        twins.create("b", 1, &[]).await,
        twins.create("c", 1, &[]).await,
    ];
    let named =
        |name: &Arc<str>| DeleteTopicState { name: Some(name.clone()), ..Default::default() };
    let known = |id| DeleteTopicState { name: None, topic_id: id };
    let both = |name: &Arc<str>, id| DeleteTopicState { name: Some(name.clone()), topic_id: id };
    type Asked<'a> = (&'a str, Box<dyn Fn(&Side) -> Vec<DeleteTopicState> + 'a>);
    let stories: Vec<Asked<'_>> = vec![
        ("unknown id", Box::new(|_| vec![known(Uuid([3; 16]))])),
        ("unknown id twice", Box::new(|_| vec![known(Uuid([3; 16])); 2])),
        ("neither", Box::new(|_| vec![known(Uuid::ZERO)])),
        ("neither twice", Box::new(|_| vec![known(Uuid::ZERO); 2])),
        ("both", Box::new(|side| vec![both(&a, side.id(&a))])),
        ("both of which one is wrong", Box::new(|_| vec![both(&a, Uuid([3; 16]))])),
        ("missing", Box::new(|_| vec![named(&missing)])),
        ("id twice", Box::new(|side| vec![known(side.id(&a)); 2])),
        ("name and id of one", Box::new(|side| vec![named(&a), known(side.id(&a))])),
        ("name and id of two", Box::new(|side| vec![named(&b), known(side.id(&c))])),
        ("gone", Box::new(|side| vec![named(&b), known(side.id(&c))])),
    ];
    for (what, topics) in &stories {
        twins
            .change_at(what, 6..=6, |side, _| delete_topics::Request {
                topics: topics(side),
                timeout_ms: 5000,
                ..Default::default()
            })
            .await;
    }
}

pub(crate) async fn grown(twins: &mut Twins) {
    let there = twins.create("there", 2, &[]).await;
    let missing = twins.name("missing");
    let to = |name: &str, count: i32, assignments: Option<&[&[i32]]>| CreatePartitionsTopic {
        name: name.into(),
        count,
        assignments: assignments.map(|assignments| {
            let brokers =
                |brokers: &&[i32]| CreatePartitionsAssignment { broker_ids: brokers.to_vec() };
            assignments.iter().map(brokers).collect()
        }),
    };
    let stories = vec![
        vec![],
        vec![to(&there, 2, None)],
        vec![to(&there, 1, None)],
        vec![to(&there, 0, None)],
        vec![to(&there, -5, None)],
        vec![to(&there, 20_000, None)],
        vec![to("", 3, None)],
        vec![to("a b", 3, None)],
        vec![to(&missing, 3, None)],
        vec![to(&missing, 3, None), to(&missing, 4, None)],
        vec![to(&there, 3, None), to(&there, 4, None)],
        vec![to(&there, 3, Some(&[]))],
        vec![to(&there, 3, Some(&[&[]]))],
        vec![to(&there, 3, Some(&[&[9]]))],
        vec![to(&there, 3, Some(&[&[1, 1]]))],
        vec![to(&there, 4, Some(&[&[1]]))],
        vec![to(&there, 3, Some(&[&[1], &[1]]))],
    ];
    for topics in stories {
        for validate_only in [true, false] {
            let request = create_partitions::Request {
                topics: topics.clone(),
                timeout_ms: 5000,
                validate_only,
            };
            twins.change(&format!("{topics:?}"), |_, _| request.clone()).await;
        }
    }
    for validate_only in [true, false] {
        twins
            .change("by one", |_, version| create_partitions::Request {
                topics: vec![to(&there, i32::from(version) + 3, None)],
                timeout_ms: 5000,
                validate_only,
            })
            .await;
        twins
            .change_at("assigned", 3..=3, |_, _| create_partitions::Request {
                topics: vec![to(&there, if validate_only { 3 } else { 7 }, Some(&[&[1]]))],
                timeout_ms: 5000,
                validate_only,
            })
            .await;
    }
    twins.learn(&there, 7).await;
}

//! Configs that are described and altered.

use super::twins::Twins;
use kafka_proto::messages::describe_configs::DescribeConfigsResource;
use kafka_proto::messages::{alter_configs, describe_configs, incremental_alter_configs};
use std::sync::Arc;

const TOPIC: i8 = 2;
const BROKER: i8 = 4;

/// Configs of the broker that mean the same on both.
const OF_THE_BROKER: [&str; 12] = [
    "auto.create.topics.enable",
    "compression.type",
    "log.cleanup.policy",
    "log.retention.bytes",
    "log.retention.hours",
    "log.retention.minutes",
    "log.retention.ms",
    "log.segment.bytes",
    "message.max.bytes",
    "min.insync.replicas",
    "num.partitions",
    "unclean.leader.election.enable",
];

fn about(kind: i8, name: &str, keys: Option<&[&str]>) -> DescribeConfigsResource {
    DescribeConfigsResource {
        resource_type: kind,
        resource_name: name.into(),
        configuration_keys: keys.map(|keys| keys.iter().map(|key| (*key).into()).collect()),
    }
}

async fn describe(twins: &mut Twins, resources: Vec<DescribeConfigsResource>) {
    for include_synonyms in [false, true] {
        twins
            .look(&format!("{resources:?}"), |_, version| describe_configs::Request {
                resources: resources.clone(),
                include_synonyms,
                include_documentation: include_synonyms && version >= 3,
            })
            .await;
    }
}

pub(crate) async fn described(twins: &mut Twins) {
    let there = twins
        .create("there", 1, &[("retention.ms", "5000"), ("cleanup.policy", "compact,delete")])
        .await;
    let missing = twins.name("missing");
    for resources in [
        vec![],
        vec![about(TOPIC, &there, None)],
        vec![about(TOPIC, &there, Some(&[]))],
        vec![about(TOPIC, &there, Some(&["retention.ms", "cleanup.policy", "nope"]))],
        vec![about(TOPIC, &there, Some(&["retention.ms"])); 2],
        vec![about(TOPIC, &missing, None)],
        vec![about(TOPIC, "", None)],
        vec![about(TOPIC, "a b", None)],
        vec![about(TOPIC, "..", None)],
        vec![about(BROKER, "1", Some(&OF_THE_BROKER))],
        vec![about(BROKER, "1", Some(&["nope"]))],
        vec![about(BROKER, "", None)],
        vec![about(BROKER, "9", None)],
        vec![about(BROKER, "-1", None)],
        vec![about(BROKER, "x", None)],
        vec![about(0, "x", None)],
        vec![about(1, "x", None)],
        vec![about(3, "x", None)],
        vec![about(99, "x", None)],
        vec![about(-3, "x", None)],
        vec![about(TOPIC, &missing, None), about(TOPIC, &there, Some(&["retention.ms"]))],
    ] {
        describe(twins, resources).await;
    }
}

/// Which changes to try on a topic: what they are called, and what is to be set.
type Attempt<'a> = (i8, &'a str, Vec<(&'a str, i8, Option<&'a str>)>);

fn attempts<'a>(there: &'a str, missing: &'a str) -> Vec<Attempt<'a>> {
    let set = |key, value| (key, 0, Some(value));
    vec![
        (TOPIC, there, vec![]),
        (TOPIC, there, vec![set("retention.ms", "7000")]),
        (TOPIC, there, vec![set("retention.ms", " 8000 "), set("segment.bytes", "2097152")]),
        (TOPIC, there, vec![set("retention.ms", "x")]),
        (TOPIC, there, vec![set("retention.ms", "")]),
        (TOPIC, there, vec![set("retention.ms", "-2")]),
        (TOPIC, there, vec![set("retention.ms", "9223372036854775808")]),
        (TOPIC, there, vec![set("retention.ms", "1"), set("retention.ms", "2")]),
        (TOPIC, there, vec![set("segment.bytes", "5")]),
        (TOPIC, there, vec![set("cleanup.policy", "compact")]),
        (TOPIC, there, vec![set("cleanup.policy", "compact,compact")]),
        (TOPIC, there, vec![set("cleanup.policy", "")]),
        (TOPIC, there, vec![set("cleanup.policy", "compact, ,delete")]),
        (TOPIC, there, vec![set("compression.type", "GZIP")]),
        (TOPIC, there, vec![set("message.timestamp.type", "LogAppendTime")]),
        (TOPIC, there, vec![set("message.timestamp.type", "logappendtime")]),
        (TOPIC, there, vec![set("preallocate", "TRUE")]),
        (TOPIC, there, vec![set("min.cleanable.dirty.ratio", "0.25")]),
        (TOPIC, there, vec![set("min.cleanable.dirty.ratio", "1.5")]),
        (TOPIC, there, vec![set("nope", "1")]),
        (TOPIC, there, vec![set("", "1")]),
        (TOPIC, there, vec![set("retention.bytes", "1"), set("nope", "1")]),
        (TOPIC, there, vec![("retention.bytes", 0, None)]),
        (TOPIC, there, vec![("retention.ms", 1, None)]),
        (TOPIC, there, vec![("retention.ms", 1, Some("x"))]),
        (TOPIC, there, vec![("nope", 1, None)]),
        (TOPIC, there, vec![("cleanup.policy", 2, Some("delete"))]),
        (TOPIC, there, vec![("cleanup.policy", 2, Some("delete"))]),
        (TOPIC, there, vec![("cleanup.policy", 2, Some("shrink"))]),
        (TOPIC, there, vec![("cleanup.policy", 2, Some(""))]),
        (TOPIC, there, vec![("cleanup.policy", 2, None)]),
        (TOPIC, there, vec![("cleanup.policy", 3, Some("compact"))]),
        (TOPIC, there, vec![("cleanup.policy", 3, Some("compact"))]),
        (TOPIC, there, vec![("cleanup.policy", 3, Some("delete"))]),
        (TOPIC, there, vec![("leader.replication.throttled.replicas", 2, Some("0:1"))]),
        (TOPIC, there, vec![("leader.replication.throttled.replicas", 2, Some("0:1,1:1"))]),
        (TOPIC, there, vec![("leader.replication.throttled.replicas", 3, Some("0:1"))]),
        (TOPIC, there, vec![("leader.replication.throttled.replicas", 2, Some("x"))]),
        (TOPIC, there, vec![("retention.ms", 2, Some("1"))]),
        (TOPIC, there, vec![("retention.ms", 3, Some("1"))]),
        (TOPIC, there, vec![("retention.ms", 4, Some("1"))]),
        (TOPIC, there, vec![("retention.ms", -1, Some("1"))]),
        (TOPIC, missing, vec![set("retention.ms", "7000")]),
        (TOPIC, "", vec![set("retention.ms", "7000")]),
        (TOPIC, "a b", vec![set("retention.ms", "7000")]),
        (BROKER, "1", vec![set("log.retention.ms", "x")]),
        (BROKER, "1", vec![set("nope", "1")]),
        (BROKER, "1", vec![set("num.partitions", "7")]),
        (BROKER, "1", vec![set("auto.create.topics.enable", "false")]),
        (BROKER, "9", vec![set("log.retention.ms", "60000")]),
        (BROKER, "x", vec![set("log.retention.ms", "60000")]),
        (BROKER, "-1", vec![set("log.retention.ms", "60000")]),
        (BROKER, "1", vec![("compression.type", 2, Some("zip"))]),
        (1, "x", vec![set("a", "b")]),
        (0, "x", vec![set("a", "b")]),
        (99, "x", vec![set("a", "b")]),
    ]
}

pub(crate) async fn altered_incrementally(twins: &mut Twins) {
    let there = twins.create("there", 1, &[("retention.bytes", "5000000")]).await;
    let missing = twins.name("missing");
    for (kind, name, changes) in attempts(&there, &missing) {
        for validate_only in [true, false] {
            let configs = changes.iter().map(|&(key, config_operation, value)| {
                let (name, value) = (key.into(), value.map(Into::into));
                incremental_alter_configs::AlterableConfig { name, config_operation, value }
            });
            let resource = incremental_alter_configs::AlterConfigsResource {
                resource_type: kind,
                resource_name: name.into(),
                configs: configs.collect(),
            };
            let resources = vec![resource];
            twins
                .change(&format!("{resources:?}, validate only: {validate_only}"), |_, _| {
                    incremental_alter_configs::Request {
                        resources: resources.clone(),
                        validate_only,
                    }
                })
                .await;
        }
        describe(twins, vec![about(TOPIC, &there, None)]).await;
    }
    let of = |name: &str, value: &str| incremental_alter_configs::AlterConfigsResource {
        resource_type: TOPIC,
        resource_name: name.into(),
        configs: vec![incremental_alter_configs::AlterableConfig {
            name: "retention.ms".into(),
            config_operation: 0,
            value: Some(value.into()),
        }],
    };
    for resources in [
        vec![],
        vec![of(&there, "1000"), of(&there, "2000")],
        vec![of(&there, "1000"), of(&missing, "2000")],
    ] {
        twins
            .change(&format!("{resources:?}"), |_, _| incremental_alter_configs::Request {
                resources: resources.clone(),
                validate_only: false,
            })
            .await;
        describe(twins, vec![about(TOPIC, &there, Some(&["retention.ms"]))]).await;
    }
}

pub(crate) async fn altered(twins: &mut Twins) {
    let there: Arc<str> = twins.create("there", 1, &[("retention.bytes", "5000000")]).await;
    let missing = twins.name("missing");
    for (kind, name, changes) in attempts(&there, &missing) {
        for validate_only in [true, false] {
            let configs = changes.iter().map(|&(key, _, value)| {
                let (name, value) = (key.into(), value.map(Into::into));
                alter_configs::AlterableConfig { name, value }
            });
            let resource = alter_configs::AlterConfigsResource {
                resource_type: kind,
                resource_name: name.into(),
                configs: configs.collect(),
            };
            let resources = vec![resource];
            twins
                .change(&format!("{resources:?}, validate only: {validate_only}"), |_, _| {
                    alter_configs::Request { resources: resources.clone(), validate_only }
                })
                .await;
        }
        describe(twins, vec![about(TOPIC, &there, None)]).await;
    }
}

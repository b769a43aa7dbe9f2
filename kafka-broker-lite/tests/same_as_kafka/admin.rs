//! What administrators ask.

use super::batches::{numbered, plain};
use super::twins::Twins;
use kafka_proto::messages::{
    alter_partition_reassignments, alter_replica_log_dirs, describe_acls, describe_client_quotas,
    describe_log_dirs, describe_producers, describe_quorum, describe_topic_partitions,
    describe_user_scram_credentials, elect_leaders, list_config_resources,
    list_partition_reassignments,
};
use std::sync::Arc;

pub(crate) async fn topics_described_in_pages(twins: &mut Twins) {
    let one = twins.create("one", 1, &[]).await;
    let three = twins.create("three", 3, &[]).await;
    let unknown = twins.name("unknown");
    let asked: Vec<Arc<str>> = vec![three.clone(), one.clone(), unknown.clone(), "a b".into()];
    let cursor = |name: &Arc<str>, partition_index| {
        Some(describe_topic_partitions::Cursor { topic_name: name.clone(), partition_index })
    };
    let cursors = [
        None,
        cursor(&one, 0),
        cursor(&one, 1),
        cursor(&one, -1),
        cursor(&three, 0),
        cursor(&three, 2),
        cursor(&three, 3),
        cursor(&three, 7),
        cursor(&unknown, 0),
        cursor(&"not asked for".into(), 0),
    ];
    for cursor in cursors {
        for limit in [-1, 0, 1, 2, 3, 4, 2000, i32::MAX] {
            let what = format!("from {cursor:?}, {limit}");
            let topics = asked
                .iter()
                .map(|name| describe_topic_partitions::TopicRequest { name: name.clone() });
            let request = describe_topic_partitions::Request {
                topics: topics.collect(),
                response_partition_limit: limit,
                cursor: cursor.clone(),
            };
            twins.look(&what, |_, _| request.clone()).await;
        }
    }
}

pub(crate) async fn log_dirs_described(twins: &mut Twins) {
    let topic = twins.create("t", 3, &[]).await;
    twins.append(&topic, 1, plain(&[0, 1, 2])).await;
    let unknown = twins.name("unknown");
    for asked in [
        vec![],
        vec![(&topic, vec![0, 1, 2])],
        vec![(&topic, vec![1, 1])],
        vec![(&topic, vec![])],
        vec![(&topic, vec![1, 7, -1]), (&unknown, vec![0])],
        vec![(&unknown, vec![0])],
    ] {
        let topics = asked.iter().map(|(topic, partitions)| {
            let (topic, partitions) = ((*topic).clone(), partitions.clone());
            describe_log_dirs::DescribableLogDirTopic { topic, partitions }
        });
        let request = describe_log_dirs::Request { topics: Some(topics.collect()) };
        twins.look(&format!("{asked:?}"), |_, _| request.clone()).await;
    }
}

pub(crate) async fn moved_to_nowhere(twins: &mut Twins) {
    let topic = twins.create("t", 2, &[]).await;
    let unknown = twins.name("unknown");
    for asked in [vec![(&topic, vec![0])], vec![(&topic, vec![1, 7]), (&unknown, vec![0])], vec![]]
    {
        let topics = asked.iter().map(|(name, partitions)| {
            let (name, partitions) = ((*name).clone(), partitions.clone());
            alter_replica_log_dirs::AlterReplicaLogDirTopic { name, partitions }
        });
        let path = "/no/such/directory".into();
        let dir = alter_replica_log_dirs::AlterReplicaLogDir { path, topics: topics.collect() };
        let request = alter_replica_log_dirs::Request { dirs: vec![dir] };
        twins.look(&format!("{asked:?}"), |_, _| request.clone()).await;
    }
}

pub(crate) async fn reassigned(twins: &mut Twins) {
    let topic = twins.create("t", 2, &[]).await;
    let unknown = twins.name("unknown");
    for (name, partition_index, replicas) in [
        (&topic, 0, Some(vec![1])),
        (&topic, 1, None),
        (&topic, 0, Some(vec![])),
        (&topic, 0, Some(vec![1, 1])),
        (&topic, 0, Some(vec![9])),
        (&topic, 0, Some(vec![1, 9])),
        (&topic, 7, Some(vec![1])),
        (&topic, -1, None),
        (&unknown, 0, Some(vec![1])),
        (&unknown, 0, None),
    ] {
        let partition =
            alter_partition_reassignments::ReassignablePartition { partition_index, replicas };
        let what = format!("{partition:?}");
        let topic = alter_partition_reassignments::ReassignableTopic {
            name: name.clone(),
            partitions: vec![partition],
        };
        for allow_replication_factor_change in [true, false] {
            twins
                .look(&what, |_, version| alter_partition_reassignments::Request {
                    timeout_ms: 1000,
                    allow_replication_factor_change: version < 1 || allow_replication_factor_change,
                    topics: vec![topic.clone()],
                })
                .await;
        }
    }
}

pub(crate) async fn resources_listed(twins: &mut Twins) {
    for types in [&[4][..], &[8], &[16], &[32], &[4, 4, 8, 16, 32], &[0], &[4, 99], &[-1]] {
        twins
            .look(&format!("{types:?}"), |_, version| list_config_resources::Request {
                resource_types: if version > 0 { types.to_vec() } else { Vec::new() },
            })
            .await;
    }
}

pub(crate) async fn producers_described(twins: &mut Twins) {
    let topic = twins.create("t", 2, &[]).await;
    for (producer_id, base_sequence) in [(7001, 0), (7002, 0), (7001, 2)] {
        twins.append(&topic, 0, numbered(producer_id, 3, base_sequence, 2)).await;
    }
    for (name, partitions) in [
        (topic.clone(), vec![0, 1]),
        (topic.clone(), vec![2, -1]),
        (twins.name("unknown"), vec![0]),
    ] {
        twins
            .look(&format!("{partitions:?}"), |_, _| describe_producers::Request {
                topics: vec![describe_producers::TopicRequest {
                    name: name.clone(),
                    partition_indexes: partitions.clone(),
                }],
            })
            .await;
    }
}

pub(crate) async fn quorum_described(twins: &mut Twins) {
    let topic = |name: &str, partitions: &[i32]| describe_quorum::TopicData {
        topic_name: name.into(),
        partitions: partitions
            .iter()
            .map(|index| describe_quorum::PartitionData { partition_index: *index })
            .collect(),
    };
    for topics in [
        vec![topic("__cluster_metadata", &[0])],
        vec![topic("__cluster_metadata", &[1])],
        vec![topic("__cluster_metadata", &[0, 0])],
        vec![topic("__cluster_metadata", &[])],
        vec![topic("other", &[0])],
        vec![],
    ] {
        let request = describe_quorum::Request { topics: topics.clone() };
        twins.look(&format!("{topics:?}"), |_, _| request.clone()).await;
    }
}

pub(crate) async fn leaders_elected(twins: &mut Twins) {
    let topic = twins.create("t", 2, &[]).await;
    let unknown = twins.name("unknown");
    for election_type in [0, 1] {
        for (name, partitions) in
            [(&topic, vec![0, 1]), (&topic, vec![2, -1]), (&topic, vec![]), (&unknown, vec![0])]
        {
            let asked = elect_leaders::TopicPartitions {
                topic: name.clone(),
                partitions: partitions.clone(),
            };
            twins
                .look(&format!("type {election_type}, {partitions:?}"), |_, version| {
                    elect_leaders::Request {
                        election_type: if version > 0 { election_type } else { 0 },
                        topic_partitions: Some(vec![asked.clone()]),
                        timeout_ms: 1000,
                    }
                })
                .await;
        }
    }
}

pub(crate) async fn what_is_not_here(twins: &mut Twins) {
    let topic = twins.create("t", 1, &[]).await;
    for topics in [None, Some(vec![0]), Some(vec![0, 5])] {
        let asked = topics.map(|partition_indexes| {
            let name = topic.clone();
            vec![list_partition_reassignments::ListPartitionReassignmentsTopics {
                name,
                partition_indexes,
            }]
        });
        let request = list_partition_reassignments::Request { timeout_ms: 1000, topics: asked };
        twins.look("reassignments", |_, _| request.clone()).await;
    }
    twins
        .look("acls", |_, _| describe_acls::Request {
            resource_type_filter: 1,
            pattern_type_filter: 3,
            operation: 1,
            permission_type: 1,
            ..Default::default()
        })
        .await;
    for users in [None, Some(vec![]), Some(vec!["a"]), Some(vec!["a", "b", "a"])] {
        let name = |name: &&str| describe_user_scram_credentials::UserName { name: (*name).into() };
        let users = users.map(|users| users.iter().map(name).collect::<Vec<_>>());
        twins
            .look(&format!("credentials {users:?}"), |_, _| {
                describe_user_scram_credentials::Request { users: users.clone() }
            })
            .await;
    }
}

pub(crate) async fn quotas_described(twins: &mut Twins) {
    for components in [
        &[][..],
        &[("user", 0, Some("a"))],
        &[("user", 1, None)],
        &[("client-id", 2, None), ("user", 2, None)],
        &[("ip", 2, None)],
        &[("ip", 2, None), ("user", 2, None)],
        &[("user", 2, None), ("user", 1, None)],
        &[("", 2, None)],
        &[("other", 2, None)],
        &[("user", 7, None)],
    ] {
        let component = |(kind, match_type, name): &(&str, i8, Option<&str>)| {
            describe_client_quotas::ComponentData {
                entity_type: (*kind).into(),
                match_type: *match_type,
                r#match: name.map(Arc::from),
            }
        };
        let components: Vec<_> = components.iter().map(component).collect();
        for strict in [false, true] {
            twins
                .look(&format!("{components:?}"), |_, _| describe_client_quotas::Request {
                    components: components.clone(),
                    strict,
                })
                .await;
        }
    }
}

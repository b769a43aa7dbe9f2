//! What concerns the cluster and not its topics.

use super::twins::Twins;
use kafka_proto::messages::{api_versions, describe_cluster, find_coordinator, init_producer_id};
use kafka_proto::uuid::Uuid;
use std::sync::Arc;

pub(crate) async fn api_versions(twins: &mut Twins) {
    for (name, version) in [
        ("kafka-rust", "1.0"),
        ("", ""),
        ("-x", "1"),
        ("x.", "1"),
        ("a b", "1"),
        ("a_b", "1"),
        ("x", "1-2.3"),
        ("é", "1"),
    ] {
        twins
            .look(&format!("from {name:?} {version:?}"), |_, _| api_versions::Request {
                client_software_name: name.into(),
                client_software_version: version.into(),
                ..Default::default()
            })
            .await;
    }
    for (cluster_id, node_id) in [(None, 1), (Some("other"), -1), (Some("other"), 1)] {
        twins
            .look_at(&format!("expecting {cluster_id:?} {node_id}"), 5..=5, |_, _| {
                api_versions::Request {
                    client_software_name: "x".into(),
                    client_software_version: "1".into(),
                    cluster_id: cluster_id.map(Into::into),
                    node_id,
                }
            })
            .await;
    }
}

pub(crate) async fn clusters_are_described(twins: &mut Twins) {
    for endpoint_type in [0, 1, 2, 3] {
        for include_cluster_authorized_operations in [false, true] {
            for include_fenced_brokers in [false, true] {
                twins
                    .look(&format!("endpoint type {endpoint_type}"), |_, _| {
                        describe_cluster::Request {
                            include_cluster_authorized_operations,
                            endpoint_type,
                            include_fenced_brokers,
                        }
                    })
                    .await;
            }
        }
    }
}

pub(crate) async fn coordinators_are_found(twins: &mut Twins) {
    let share = format!("group:{}:0", Uuid([7; 16]));
    for key_type in [0, 1, 3, -1] {
        for key in ["", "group", "a:b"] {
            ask(twins, key_type, &[key]).await;
        }
    }
    for key in ["", "group", "a:b:c", &share, ":x:0"] {
        ask(twins, 2, &[key]).await;
    }
    ask(twins, 0, &[]).await;
    ask(twins, 0, &["a", "a", "b"]).await;
}

async fn ask(twins: &mut Twins, key_type: i8, keys: &[&str]) {
    let keys: Vec<Arc<str>> = keys.iter().map(|key| (*key).into()).collect();
    twins
        .look(&format!("type {key_type} {keys:?}"), |_, version| {
            let batched = version >= 4;
            find_coordinator::Request {
                key: keys.first().filter(|_| !batched).cloned().unwrap_or_default(),
                key_type: if version == 0 { 0 } else { key_type },
                coordinator_keys: if batched { keys.clone() } else { Vec::new() },
            }
        })
        .await;
}

pub(crate) async fn producer_ids(twins: &mut Twins) {
    for (id, epoch) in [(-1, -1), (5, 0), (5, -1), (-1, 5), (1 << 40, 7), (5, i16::MAX)] {
        twins
            .change(&format!("of {id} {epoch}"), |_, version| init_producer_id::Request {
                transaction_timeout_ms: 1000,
                producer_id: if version >= 3 { id } else { -1 },
                producer_epoch: if version >= 3 { epoch } else { -1 },
                ..Default::default()
            })
            .await;
    }
    for timeout in [0, -1, i32::MAX] {
        twins
            .change(&format!("for {timeout} ms"), |_, _| init_producer_id::Request {
                transaction_timeout_ms: timeout,
                ..Default::default()
            })
            .await;
    }
    twins
        .change("without a transactional id's letters", |_, _| init_producer_id::Request {
            transactional_id: Some("".into()),
            transaction_timeout_ms: 1000,
            ..Default::default()
        })
        .await;
}

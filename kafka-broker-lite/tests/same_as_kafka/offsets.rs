//! Offsets that are asked for.

use super::batches::THEN;
use super::fetching::filled;
use super::twins::Twins;
use kafka_proto::messages::list_offsets::{self, ListOffsetsPartition, ListOffsetsTopic};
use kafka_proto::messages::offset_for_leader_epoch::{
    self, OffsetForLeaderPartition, OffsetForLeaderTopic,
};

pub(crate) async fn offsets_listed(twins: &mut Twins) {
    let there = filled(twins, "there").await;
    let missing = twins.name("missing");
    let of = |name: &str, asked: &[(i32, i64)]| ListOffsetsTopic {
        name: name.into(),
        partitions: asked
            .iter()
            .map(|&(partition_index, timestamp)| ListOffsetsPartition {
                partition_index,
                timestamp,
                ..Default::default()
            })
            .collect(),
    };
    let mut stories: Vec<Vec<ListOffsetsTopic>> = vec![
        vec![],
        vec![of(&there, &[])],
        vec![of(&there, &[(9, -1)])],
        vec![of(&there, &[(-1, -1)])],
        vec![of(&missing, &[(0, -1)])],
        vec![of("", &[(0, -1)])],
        vec![of("a b", &[(0, -1)])],
        vec![of(&there, &[(0, -1), (0, -2)])],
        vec![of(&there, &[(0, -1)]), of(&there, &[(0, -1)])],
        vec![of(&there, &[(0, -1), (1, -1), (2, -1)]), of(&missing, &[(0, 0)])],
    ];
    for special in [-1, -2, -3, -4, -5, -6, -7, -100, i64::MIN] {
        stories.push(vec![of(&there, &[(0, special), (1, special)])]);
    }
    for time in [0, 1000, 1001, 2000, 2001, 3001, 4000, 4001, 5000, 5001] {
        stories.push(vec![of(&there, &[(0, THEN + time), (1, THEN + time)])]);
    }
    stories.push(vec![of(&there, &[(0, 0)])]);
    stories.push(vec![of(&there, &[(0, i64::MAX)])]);
    for topics in &stories {
        for (isolation_level, replica_id) in [(0, -1), (1, -1), (0, -2), (0, 5)] {
            twins
                .look(
                    &format!("level {isolation_level} by {replica_id}: {topics:?}"),
                    |_, version| list_offsets::Request {
                        replica_id,
                        isolation_level: if version >= 2 { isolation_level } else { 0 },
                        topics: topics.clone(),
                        timeout_ms: 5000,
                    },
                )
                .await;
        }
    }
    for epoch in [-2, 0, 1] {
        twins
            .look(&format!("of epoch {epoch}"), |_, _| {
                let mut topics = vec![of(&there, &[(0, -1), (1, THEN)])];
                topics[0].partitions.iter_mut().for_each(|p| p.current_leader_epoch = epoch);
                list_offsets::Request { replica_id: -1, topics, ..Default::default() }
            })
            .await;
    }
}

pub(crate) async fn offsets_of_epochs(twins: &mut Twins) {
    let there = filled(twins, "there").await;
    let missing = twins.name("missing");
    for (topic, partition) in [(&there, 0), (&there, 1), (&there, 9), (&there, -1), (&missing, 0)] {
        for current_leader_epoch in [-1, 0, 1, -2] {
            for leader_epoch in [-1, 0, 1, 5, -2, i32::MAX] {
                for replica_id in [-1, -2, 5] {
                    let asked =
                        OffsetForLeaderPartition { partition, current_leader_epoch, leader_epoch };
                    let topics = vec![OffsetForLeaderTopic {
                        topic: topic.clone(),
                        partitions: vec![asked],
                    }];
                    twins
                        .look(&format!("{topics:?} by {replica_id}"), |_, _| {
                            offset_for_leader_epoch::Request { replica_id, topics: topics.clone() }
                        })
                        .await;
                }
            }
        }
    }
    twins.look("nothing", |_, _| offset_for_leader_epoch::Request::default()).await;
}

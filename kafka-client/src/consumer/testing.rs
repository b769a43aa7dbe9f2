//! What the tests of the consumer's machines share: a small cluster, batches, answers, invented time.

use super::Settings;
use crate::backoff::Backoff;
use crate::clock::{Monotonic, Now};
use crate::cluster::metadata::{Partition, Snapshot, Topic};
use crate::config::{AutoOffsetReset, ClientConfig, ConsumerConfig};
use crate::net::Address;
use crate::record::TopicPartition;
use kafka_proto::ErrorCode;
use kafka_proto::messages::fetch::{FetchableTopicResponse, PartitionData, Response};
use kafka_proto::records::{
    BatchBuilder, Compression, Compressor, Records, Stamp, set_base_offset,
    set_partition_leader_epoch,
};
use kafka_proto::uuid::Uuid;
use std::sync::Arc;
use std::time::Duration;

pub(super) const ID: Uuid = Uuid([7; 16]);

/// This many milliseconds after the start.
pub(super) fn at(ms: u64) -> Now {
    Now { monotonic: Monotonic(ms * 1000), wall_ms: 1_000_000, random: 20 }
}

/// Partition `number` of the topic that the tests use.
pub(super) fn tp(number: i32) -> TopicPartition {
    TopicPartition::new("t", number)
}

pub(super) fn settings(reset: AutoOffsetReset) -> Settings {
    let backoff = Backoff { first: Duration::from_millis(100), max: Duration::from_secs(1) };
    let settings = Settings::new(&ClientConfig::default(), &ConsumerConfig::default());
    Settings { auto_offset_reset: reset, backoff, ..settings }
}

/// A cluster whose topic has partitions with these leaders and epochs.
pub(super) fn cluster(version: u64, leaders: &[(i32, i32)]) -> Arc<Snapshot> {
    cluster_with(version, ID, leaders)
}

pub(super) fn cluster_with(version: u64, id: Uuid, leaders: &[(i32, i32)]) -> Arc<Snapshot> {
    let partition = |&(leader, leader_epoch): &(i32, i32)| Partition {
        leader: (leader >= 0).then_some(leader),
        leader_epoch,
    };
    let name: Arc<str> = "t".into();
    let partitions: Vec<_> = leaders.iter().map(partition).collect();
    let error =
        if partitions.is_empty() { ErrorCode::UNKNOWN_TOPIC_OR_PARTITION } else { ErrorCode::NONE };
    let topic = Arc::new(Topic { name: name.clone(), id, error, partitions });
    let address = |port| Address { host: "localhost".into(), port };
    Arc::new(Snapshot {
        brokers: [(1, address(9001)), (2, address(9002)), (3, address(9003))].into(),
        topics: [(name, topic)].into(),
        version,
        ..Default::default()
    })
}

/// A batch of records whose values are their offsets.
pub(super) fn batch(base: i64, count: i64) -> Vec<u8> {
    stamped(base, count, Stamp::NONE, Compression::None)
}

pub(super) fn stamped(base: i64, count: i64, stamp: Stamp, compression: Compression) -> Vec<u8> {
    let mut builder = BatchBuilder::new(Vec::new());
    for offset in base..base + count {
        let (key, value) = (format!("k{offset}"), offset.to_string());
        let headers: &[(&str, Option<&[u8]>)] = &[("h", Some(b"1")), ("h", None)];
        builder.append(1000 + offset, Some(key.as_bytes()), Some(value.as_bytes()), headers);
    }
    let mut batch = builder.seal(stamp, &mut Compressor::new(compression, None).unwrap());
    set_base_offset(&mut batch, base);
    set_partition_leader_epoch(&mut batch, 5);
    batch
}

/// One partition's part of an answer.
pub(super) fn found(number: i32, records: Vec<u8>) -> PartitionData {
    PartitionData {
        partition_index: number,
        high_watermark: 1000,
        last_stable_offset: 900,
        records: Some(Records::from(records)),
        ..Default::default()
    }
}

pub(super) fn refused(number: i32, error_code: ErrorCode) -> PartitionData {
    PartitionData { partition_index: number, error_code, ..Default::default() }
}

pub(super) fn answer(session_id: i32, partitions: Vec<PartitionData>) -> Response {
    let topic = FetchableTopicResponse { topic: "t".into(), topic_id: ID, partitions };
    Response { session_id, responses: vec![topic], ..Default::default() }
}

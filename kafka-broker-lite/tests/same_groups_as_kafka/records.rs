//! What lies in `__consumer_offsets` after all that.

use crate::offsets::commit;
use crate::script::{Script, consumer, subscription, sync};
use kafka_proto::ErrorCode;
use kafka_proto::bytes::Bytes;
use kafka_proto::messages::{
    delete_groups, fetch, join_group, list_offsets, metadata, offset_commit,
};
use kafka_proto::records::{Batches, Decompressor};
use kafka_proto::schema;
use kafka_proto::stored::GroupKey;
use kafka_proto::stored::offsets::{GroupMetadataValue, OffsetCommitValue};
use std::sync::Arc;

pub(crate) async fn leaves_the_same_records(script: &mut Script) {
    let (name, id) = script.topic("t", 2).await;
    let simple = script.name("simple");
    let offsets: &[(i32, i64)] = &[(0, 4), (1, 5)];
    for version in [2, 9, 10] {
        script.commit(version, &commit(&simple, &[((&name, id), offsets)])).await;
    }
    let retained = offset_commit::Request {
        retention_time_ms: 100_000,
        ..commit(&simple, &[((&name, id), offsets)])
    };
    script.ask(4, &retained).await;
    read(script, &simple).await;

    let group = script.name("group");
    let request = join_group::Request {
        group_instance_id: Some("one".into()),
        rebalance_timeout_ms: 20_000,
        ..consumer(&group, &subscription(&[&name]))
    };
    let joined = script.join(9, &request).await;
    read(script, &group).await;
    let syncing = script.start_sync(5, &sync(&group, &joined, &[&joined.member_id])).await;
    script.synced(syncing).await;
    read(script, &group).await;
    let joined = script.join(9, &request).await;
    script.leave(&group, &joined.member_id).await;
    read(script, &group).await;
    let request = delete_groups::Request { groups_names: vec![group.clone(), simple.clone()] };
    let mut deleted = script.quietly(2, &request).await;
    deleted.results.sort_by(|a, b| a.group_id.cmp(&b.group_id));
    script.note("DeleteGroups", &deleted);
    read(script, &group).await;
    read(script, &simple).await;
}

/// Reads the partition of a group from its start, and notes what is about the group.
async fn read(script: &mut Script, group: &Arc<str>) {
    let asked = metadata::MetadataRequestTopic {
        name: Some("__consumer_offsets".into()),
        ..Default::default()
    };
    let request = metadata::Request { topics: Some(vec![asked]), ..Default::default() };
    let partitions = script.quietly(9, &request).await.topics.remove(0).partitions.len();
    let mut found = 0;
    for partition in 0..i32::try_from(partitions).unwrap() {
        let mut offset = start(script, partition).await;
        loop {
            let bytes = fetch(script, partition, offset).await;
            if bytes.is_empty() {
                break;
            }
            for batch in Batches::new(bytes) {
                let batch = batch.unwrap();
                offset = batch.header().last_offset() + 1;
                let compression = batch.header().compression().unwrap();
                let open = batch.open(&mut Decompressor::new(), 1 << 30).unwrap();
                let mut about = 0;
                for record in open.records() {
                    let key = Bytes::copy_from_slice(record.key().unwrap());
                    let value = record.value().map(Bytes::copy_from_slice);
                    about += usize::from(note(script, group, key, value));
                }
                found += about;
                if about > 0 {
                    script.note("batch", &compression);
                }
            }
        }
    }
    script.note("records", &found);
}

fn note(script: &mut Script, group: &Arc<str>, key: Bytes, value: Option<Bytes>) -> bool {
    let version = value.as_ref().map(|value| value[1]);
    match GroupKey::from_bytes(key).unwrap() {
        GroupKey::GroupMetadata(key) if key.group == *group => {
            let value =
                value.map(|value| schema::from_bytes::<GroupMetadataValue>(value).unwrap().0);
            let value = value.map(|value| GroupMetadataValue {
                current_state_timestamp: value.current_state_timestamp.min(1),
                ..value
            });
            script.note("group", &(key, version, value));
            true
        }
        GroupKey::OffsetCommit(key) if key.group == *group => {
            let value =
                value.map(|value| schema::from_bytes::<OffsetCommitValue>(value).unwrap().0);
            let value = value.map(|value| OffsetCommitValue {
                expire_timestamp: if value.expire_timestamp < 0 {
                    value.expire_timestamp
                } else {
                    value.expire_timestamp - value.commit_timestamp
                },
                commit_timestamp: value.commit_timestamp.min(1),
                ..value
            });
            script.note("offset", &(key, version, value));
            true
        }
        _ => false,
    }
}

async fn start(script: &mut Script, partition_index: i32) -> i64 {
    let partition =
        list_offsets::ListOffsetsPartition { partition_index, timestamp: -2, ..Default::default() };
    let topic = list_offsets::ListOffsetsTopic {
        name: "__consumer_offsets".into(),
        partitions: vec![partition],
    };
    let request =
        list_offsets::Request { replica_id: -1, topics: vec![topic], ..Default::default() };
    let found = script.quietly(4, &request).await.topics.remove(0).partitions.remove(0);
    assert_eq!(found.error_code, ErrorCode::NONE);
    found.offset
}

async fn fetch(script: &mut Script, partition: i32, offset: i64) -> Bytes {
    let partition = fetch::FetchPartition {
        partition,
        fetch_offset: offset,
        partition_max_bytes: 1 << 20,
        ..Default::default()
    };
    let topic = fetch::FetchTopic {
        topic: "__consumer_offsets".into(),
        partitions: vec![partition],
        ..Default::default()
    };
    let request = fetch::Request { max_bytes: 1 << 20, topics: vec![topic], ..Default::default() };
    let mut response = script.quietly(11, &request).await;
    let found = response.responses.remove(0).partitions.remove(0);
    assert_eq!(found.error_code, ErrorCode::NONE);
    found.records.map(|records| records.to_bytes().unwrap()).unwrap_or_default()
}

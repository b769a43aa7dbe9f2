//! The offsets that the coordinator has taken, as they lie in `__consumer_offsets`.

use super::history::{Member, Stored};
use super::plan::GROUP;
use crate::host::DAWN_MS;
use crate::log::Reader;
use crate::world::TOPIC;
use kafka_broker_lite::net::sim::SimNet;
use kafka_proto::bytes::Bytes;
use kafka_proto::records::{Batches, Decompressor};
use kafka_proto::schema;
use kafka_proto::stored::GroupKey;
use kafka_proto::stored::offsets::OffsetCommitValue;

/// All of them, the oldest first.
pub(crate) async fn read(net: &SimNet) -> Vec<Stored> {
    let mut decompressor = Decompressor::new();
    let mut all = Vec::new();
    for bytes in Reader::open(net).await.all("__consumer_offsets", 0).await {
        for batch in Batches::new(bytes) {
            let open = batch.unwrap().open(&mut decompressor, 1 << 30).unwrap();
            for record in open.records() {
                let bytes = |part: Option<&[u8]>| part.map(Bytes::copy_from_slice);
                all.extend(bytes(record.key()).and_then(|key| stored(key, bytes(record.value()))));
            }
        }
    }
    all
}

fn stored(key: Bytes, value: Option<Bytes>) -> Option<Stored> {
    let GroupKey::OffsetCommit(key) = GroupKey::from_bytes(key).unwrap() else { return None };
    if *key.group != *GROUP || *key.topic != *TOPIC {
        return None;
    }
    let (value, _) = schema::from_bytes::<OffsetCommitValue>(value?).unwrap();
    let by = value
        .metadata
        .split_once('.')
        .map(|(slot, life)| Member { slot: slot.parse().unwrap(), life: life.parse().unwrap() });
    Some(Stored {
        at_ms: u64::try_from(value.commit_timestamp - DAWN_MS).unwrap(),
        partition: usize::try_from(key.partition).unwrap(),
        offset: value.offset,
        by,
    })
}

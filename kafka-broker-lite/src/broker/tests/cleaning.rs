//! Compacted topics: cleaned in the background, and what they are after that.

use super::disk::{EVERY_BATCH, end, ends};
use super::*;
use crate::log::{DiskFault, SimDisk};
use kafka_proto::messages::delete_topics;

const CLEANING: [(&str, &str); 3] = [
    ("cleanup.policy", "compact"),
    ("segment.bytes", "1048576"),
    ("min.cleanable.dirty.ratio", "0"),
];

/// A batch of one keyed record.
fn keyed(key: &str, len: usize, producer_id: i64, base_sequence: i32) -> Vec<u8> {
    let mut builder = BatchBuilder::new(Vec::new());
    builder.append(START_MS, Some(key.as_bytes()), Some(&vec![b'x'; len]), &[]);
    let producer_epoch = if producer_id < 0 { -1 } else { 0 };
    let stamp = Stamp { producer_id, producer_epoch, base_sequence, ..Stamp::NONE };
    builder.seal(stamp, &mut Compressor::none())
}

fn keys(world: &mut World, topic: &str) -> Vec<String> {
    let (mut keys, mut at) = (Vec::new(), 0);
    loop {
        let data = world.fetch(topic, 0, at);
        assert_eq!(data.error_code, ErrorCode::NONE);
        let bytes = data.records.unwrap().to_bytes().unwrap();
        if bytes.is_empty() {
            return keys;
        }
        for batch in kafka_proto::records::Batches::new(bytes) {
            let batch = batch.unwrap();
            at = batch.header().last_offset() + 1;
            let open = batch.open(&mut kafka_proto::records::Decompressor::new(), 1 << 24).unwrap();
            let text = |key: &[u8]| String::from_utf8_lossy(key).into_owned();
            keys.extend(open.records().map(|record| text(record.key().unwrap())));
        }
    }
}

#[test]
fn a_compacted_topic_is_cleaned_in_the_background_and_stays_so() {
    for how in ends() {
        let disk = SimDisk::new();
        let mut world = World::on(&disk, &[EVERY_BATCH]);
        world.create("t", 1, &CLEANING);
        let stored = world.produce("t", 0, keyed("of a producer", 10, 77, 0));
        assert_eq!(stored.error_code, ErrorCode::NONE);
        for at in 0..30 {
            let key = format!("k{}", at % 3);
            assert!(world.produce("t", 0, keyed(&key, 200_000, -1, -1)).error_code.is_ok());
        }
        world.produce("t", 0, keyed("of a producer", 10, -1, -1));
        assert_eq!(keys(&mut world, "t").len(), 32);
        world.advance(15_000);
        for _ in 0..200 {
            world.advance(2);
        }
        let topic = world.broker.state.topics.by_name("t").unwrap();
        assert_eq!(topic.partitions[0].log.cleaned(), topic.partitions[0].log.active_base_offset());
        let kept = keys(&mut world, "t");
        assert!(kept.len() < 12, "{kept:?}");
        world.advance(60_000);
        assert!(!disk.names().iter().any(|name| name.ends_with(".deleted")), "replaced files go");
        end(world, &disk, how);

        let mut world = World::on(&disk, &[EVERY_BATCH]);
        assert_eq!(keys(&mut world, "t"), kept, "{how:?}");
        let topic = world.broker.state.topics.by_name("t").unwrap();
        assert!(topic.partitions[0].log.cleaned() > 0, "{how:?}");
        let next = world.produce("t", 0, keyed("of a producer", 10, 77, 0));
        assert_eq!(
            (next.error_code, next.base_offset),
            (ErrorCode::NONE, 0),
            "it is known: {how:?}"
        );
    }
}

#[test]
fn a_cleaning_outlives_its_topic_and_a_disk_that_fails() {
    for (fails, slow) in [(true, false), (true, true), (false, false), (false, true)] {
        let disk = SimDisk::new();
        let mut world = World::on(&disk, &[]);
        world.create("t", 1, &CLEANING);
        for at in 0..12 {
            world.produce("t", 0, keyed(&format!("k{}", at % 3), 200_000, -1, -1));
        }
        world.slow_syncs = slow;
        for _ in 0..(if slow { 100 } else { 14 }) {
            world.advance(if world.now.monotonic_ms < 15_000 { 15_000 } else { 2 });
        }
        assert!(disk.names().iter().any(|name| name.ends_with(".cleaned")));
        if fails {
            disk.fail(Some(DiskFault::Write));
        } else {
            let name = Some("t".into());
            let topic = delete_topics::DeleteTopicState { name, ..Default::default() };
            world.ask(6, &delete_topics::Request { topics: vec![topic], ..Default::default() });
        }
        world.end_syncs(fails);
        world.slow_syncs = false;
        for _ in 0..200 {
            world.advance(2);
        }
        if fails {
            let code = world.produce("t", 0, keyed("k", 1, -1, -1)).error_code;
            assert_eq!(code, ErrorCode::KAFKA_STORAGE_ERROR);
            continue;
        }
        world.create("t", 1, &CLEANING);
        for at in 0..12 {
            world.produce("t", 0, keyed(&format!("k{}", at % 3), 200_000, -1, -1));
        }
        world.advance(15_000);
        for _ in 0..200 {
            world.advance(2);
        }
        assert!(keys(&mut world, "t").len() < 12);
    }
}

//! Snapshots of the metadata log: what is left of the log, and what the next broker makes of them.

use super::*;
use crate::log::SimDisk;
use kafka_proto::messages::{delete_topics, incremental_alter_configs};
use kafka_proto::records::control::ControlType;
use kafka_proto::records::{Batches, Decompressor};

const SMALL: &[(&str, &str)] = &[
    ("metadata.log.max.record.bytes.between.snapshots", "3000"),
    ("log.flush.interval.messages", "1"),
];

fn checkpoints(disk: &SimDisk) -> Vec<String> {
    disk.names().into_iter().filter(|name| name.ends_with(".checkpoint")).collect()
}

/// Name, id, leader epochs and configs of a topic.
type Known = (Arc<str>, Uuid, Vec<i32>, Vec<(String, String)>);

/// What the broker knows of its topics.
fn known(world: &World) -> Vec<Known> {
    let of_topic = |topic: &crate::metadata::Topic| {
        let epochs = topic.partitions.iter().map(|partition| partition.leader_epoch).collect();
        let configs = topic.configs.iter().map(|(k, v)| (k.to_string(), v.to_string()));
        (topic.name.clone(), topic.id, epochs, configs.collect())
    };
    world.broker.state.topics.iter().map(of_topic).collect()
}

#[test]
fn a_broker_begins_with_a_snapshot_and_goes_on_from_there() {
    for way in 0..22 {
        let disk = SimDisk::new();
        let on = |disk: &SimDisk| World::with_storage(Box::new(disk.restarted()), SMALL);
        let mut world = on(&disk);
        for at in 0..40 {
            world.create(&format!("t{at}"), 1 + at % 3, &[("retention.ms", "7000")]);
            if at % 4 == 0 {
                let name = Some(format!("t{at}").as_str().into());
                let topic = delete_topics::DeleteTopicState { name, ..Default::default() };
                world.ask(6, &delete_topics::Request { topics: vec![topic], ..Default::default() });
            }
        }
        let config = incremental_alter_configs::AlterableConfig {
            name: "log.retention.ms".into(),
            config_operation: 0,
            value: Some("9000".into()),
        };
        let resource = incremental_alter_configs::AlterConfigsResource {
            resource_type: 4,
            resource_name: "".into(),
            configs: vec![config],
        };
        let request =
            incremental_alter_configs::Request { resources: vec![resource], ..Default::default() };
        assert_eq!(world.ask(1, &request).responses[0].error_code, ErrorCode::NONE);
        let Some(only) = checkpoints(&disk).pop() else { panic!("there is no snapshot") };
        assert_eq!(checkpoints(&disk).len(), 1, "older ones are gone");
        world.advance(60_000);
        let log = "__cluster_metadata-0/00000000000000000000.log";
        assert!(!disk.names().iter().any(|name| name.starts_with(log)), "{only}");
        let before = known(&world);
        match way {
            0 => world.broker.stop().unwrap(),
            1 => {}
            seed => {
                disk.lose_power(seed);
            }
        }
        let mut world = on(&disk);
        let after = known(&world);
        for ((name, id, epochs, configs), (same, same_id, later, same_configs)) in
            before.iter().zip(&after)
        {
            assert_eq!((name, id, configs), (same, same_id, same_configs), "{way}");
            let anew = i32::from(way > 0);
            assert!(epochs.iter().zip(later).all(|(was, is)| was + anew == *is), "{way}");
        }
        assert_eq!(before.len(), after.len());
        assert_eq!(world.broker.state.configs.broker_number("log.retention.ms"), Some(9_000));
        world.create("later", 1, &[]);
    }
}

#[test]
fn a_snapshot_says_where_it_begins_and_ends() {
    let disk = SimDisk::new();
    let mut world = World::with_storage(Box::new(disk.restarted()), SMALL);
    for at in 0..30 {
        world.create(&format!("t{at}"), 1, &[]);
    }
    let name = checkpoints(&disk).pop().unwrap();
    let (end, epoch) = name.rsplit_once('/').unwrap().1.split_once('-').unwrap();
    assert_eq!((end.len(), epoch), (20, "0000000001.checkpoint"));
    let bytes = disk.restarted().load(&name).unwrap().unwrap();
    let batches: Vec<_> = Batches::new(bytes).map(Result::unwrap).collect();
    let mut at = 0;
    for batch in &batches {
        batch.verify_crc().unwrap();
        assert_eq!(batch.header().base_offset, at);
        at = batch.header().last_offset() + 1;
    }
    let kind = |batch: &kafka_proto::records::Batch| {
        let open = batch.open(&mut Decompressor::new(), 1 << 20).unwrap();
        batch
            .header()
            .is_control()
            .then(|| ControlType::of(&open.records().next().unwrap()).unwrap())
    };
    assert_eq!(kind(batches.first().unwrap()), Some(ControlType::SnapshotHeader));
    assert_eq!(kind(batches.last().unwrap()), Some(ControlType::SnapshotFooter));
    assert!(batches.len() > 2 && kind(&batches[1]).is_none());
}

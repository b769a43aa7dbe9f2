//! What a broker keeps on its disk: through a stop, a kill, a loss of power and a disk that fails.

use super::*;
use crate::log::{DiskFault, SimDisk};
use kafka_proto::messages::{
    create_partitions, delete_records, delete_topics, incremental_alter_configs, init_producer_id,
};

impl World {
    pub(super) fn on(disk: &SimDisk, properties: &[(&str, &str)]) -> Self {
        Self::with_storage(Box::new(disk.restarted()), properties)
    }

    fn delete_before(&mut self, topic: &str, offset: i64) {
        let partition = delete_records::DeleteRecordsPartition { offset, ..Default::default() };
        let topic =
            delete_records::DeleteRecordsTopic { name: topic.into(), partitions: vec![partition] };
        let request = delete_records::Request { topics: vec![topic], ..Default::default() };
        let answer = self.ask(2, &request);
        assert_eq!(answer.topics[0].partitions[0].error_code, ErrorCode::NONE);
    }

    fn set_config(&mut self, kind: i8, resource: &str, name: &str, value: Option<&str>) {
        let config = incremental_alter_configs::AlterableConfig {
            name: name.into(),
            config_operation: i8::from(value.is_none()),
            value: value.map(Arc::from),
        };
        let resource = incremental_alter_configs::AlterConfigsResource {
            resource_type: kind,
            resource_name: resource.into(),
            configs: vec![config],
        };
        let request =
            incremental_alter_configs::Request { resources: vec![resource], ..Default::default() };
        assert_eq!(self.ask(1, &request).responses[0].error_code, ErrorCode::NONE);
    }

    fn producer_id(&mut self) -> i64 {
        let request = init_producer_id::Request {
            transactional_id: None,
            transaction_timeout_ms: 1000,
            producer_id: -1,
            producer_epoch: -1,
            ..Default::default()
        };
        self.ask(4, &request).producer_id
    }

    fn offsets(&mut self, topic: &str, from: i64) -> Vec<i64> {
        let data = self.fetch(topic, 0, from);
        assert_eq!(data.error_code, ErrorCode::NONE);
        values(&data).iter().map(|(offset, _)| *offset).collect()
    }
}

/// Ways in which a broker ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Stop,
    Kill,
    Power(u64),
}

pub(super) fn end(world: World, disk: &SimDisk, how: End) {
    let World { mut broker, .. } = world;
    match how {
        End::Stop => broker.stop().unwrap(),
        End::Kill => {}
        End::Power(seed) => {
            disk.lose_power(seed);
        }
    }
}

/// Ends of which each is survived by all that was synced.
pub(super) fn ends() -> impl Iterator<Item = End> {
    [End::Stop, End::Kill].into_iter().chain((0..20).map(End::Power))
}

pub(super) const EVERY_BATCH: (&str, &str) = ("log.flush.interval.messages", "1");

#[test]
fn a_leader_epoch_never_goes_back() {
    for how in ends() {
        let disk = SimDisk::new();
        let mut world = World::on(&disk, &[]);
        world.create("t", 2, &[]);
        world.broker.control().raise_leader_epoch("t", 1);
        world.produce("t", 1, batch(&["a"]));
        let epochs = |world: &World| -> Vec<i32> {
            let topic = world.broker.state.topics.by_name("t").unwrap();
            topic.partitions.iter().map(|partition| partition.leader_epoch).collect()
        };
        assert_eq!(epochs(&world), [0, 1]);
        end(world, &disk, how);
        let world = World::on(&disk, &[]);
        let expected = if how == End::Stop { [0, 1] } else { [1, 2] };
        assert_eq!(epochs(&world), expected, "{how:?}");
    }
}

#[test]
fn topics_configs_and_records_outlive_the_broker() {
    for how in ends() {
        let disk = SimDisk::new();
        let mut world = World::on(&disk, &[EVERY_BATCH]);
        let id =
            world.create("orders", 2, &[("retention.ms", "7000"), ("segment.bytes", "2000000")]);
        world.create("gone", 1, &[]);
        world.set_config(2, "orders", "segment.bytes", None);
        world.set_config(4, "", "log.cleaner.min.compaction.lag.ms", Some("5"));
        let name = Some("gone".into());
        let topic = delete_topics::DeleteTopicState { name, ..Default::default() };
        world.ask(6, &delete_topics::Request { topics: vec![topic], ..Default::default() });
        let grown = create_partitions::CreatePartitionsTopic {
            name: "orders".into(),
            count: 3,
            assignments: None,
        };
        let grow = create_partitions::Request { topics: vec![grown], ..Default::default() };
        assert_eq!(world.ask(3, &grow).results[0].error_code, ErrorCode::NONE);
        for value in ["a", "b", "c"] {
            let stored = world.produce("orders", 0, batch(&[value]));
            assert_eq!(stored.error_code, ErrorCode::NONE);
        }
        world.produce("orders", 2, batch(&["z"]));
        world.delete_before("orders", 1);
        let given = world.producer_id();
        end(world, &disk, how);

        let mut world = World::on(&disk, &[EVERY_BATCH]);
        assert_eq!(world.id_of("orders"), id, "{how:?}");
        let found = values(&world.fetch("orders", 0, 1));
        assert_eq!(found, [(1, "b".to_owned()), (2, "c".to_owned())], "{how:?}");
        assert_eq!(values(&world.fetch("orders", 2, 0)), [(0, "z".to_owned())], "{how:?}");
        let early = world.fetch("orders", 0, 0).error_code;
        assert_eq!(early, ErrorCode::OFFSET_OUT_OF_RANGE, "{how:?}: deleted records stay away");
        let topic = world.broker.state.topics.by_name("orders").unwrap();
        assert_eq!(topic.partitions.len(), 3);
        let own: Vec<_> = topic.configs.iter().map(|(k, v)| (&**k, &**v)).collect();
        assert_eq!(own, [("retention.ms", "7000")], "{how:?}");
        assert_eq!(topic.log_config.retention_ms, 7000);
        let lag = world.broker.state.configs.broker_number("log.cleaner.min.compaction.lag.ms");
        assert_eq!(lag, Some(5), "{how:?}");
        assert!(world.broker.state.topics.by_name("gone").is_none());
        assert!(world.producer_id() > given, "{how:?}: no producer id is given twice");
        let epoch = world.broker.state.topics.by_name("orders").unwrap().partitions[0].leader_epoch;
        assert_eq!(epoch, i32::from(how != End::Stop), "a broker that died leads anew");
        world.create("gone", 1, &[]);
        assert_eq!(world.produce("gone", 0, batch(&["new"])).base_offset, 0, "{how:?}");
    }
}

#[test]
fn a_producer_is_known_again() {
    for how in ends() {
        let disk = SimDisk::new();
        let mut world = World::on(&disk, &[EVERY_BATCH]);
        world.create("t", 1, &[]);
        for at in 0..8 {
            let stored = world.produce("t", 0, idempotent((5, 0), at * 2, &["x", "y"]));
            assert_eq!(stored.error_code, ErrorCode::NONE);
        }
        end(world, &disk, how);
        let mut world = World::on(&disk, &[EVERY_BATCH]);
        for at in 3..8 {
            let again = world.produce("t", 0, idempotent((5, 0), at * 2, &["x", "y"]));
            let known = (again.error_code, again.base_offset);
            assert_eq!(known, (ErrorCode::NONE, i64::from(at) * 2), "{how:?}");
        }
        let gap = world.produce("t", 0, idempotent((5, 0), 18, &["x"]));
        assert_eq!(gap.error_code, ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER, "{how:?}");
        assert_eq!(world.produce("t", 0, idempotent((5, 0), 16, &["x"])).base_offset, 16);
        assert_eq!(world.offsets("t", 0), (0..17).collect::<Vec<_>>());
    }
}

#[test]
fn every_crash_leaves_what_was_acknowledged() {
    let mut acknowledged_in_all = 0;
    for at in 0.. {
        let disk = SimDisk::new();
        let mut world = World::on(&disk, &[EVERY_BATCH]);
        world.create("t", 1, &[("segment.bytes", "1048576")]);
        end(world, &disk, End::Stop);
        let mut world = World::on(&disk, &[EVERY_BATCH]);
        let value = "v".repeat(60_000);
        disk.die_after(at);
        let mut acknowledged = 0;
        for sequence in 0..40 {
            let stored = world.produce("t", 0, idempotent((5, 0), sequence, &[&value]));
            if stored.error_code != ErrorCode::NONE {
                assert_eq!(stored.error_code, ErrorCode::KAFKA_STORAGE_ERROR);
                break;
            }
            acknowledged = stored.base_offset + 1;
        }
        acknowledged_in_all += acknowledged;
        end(world, &disk, End::Power(at));
        let mut world = World::on(&disk, &[EVERY_BATCH]);
        let end = world.broker.state.topics.by_name("t").unwrap().partitions[0].log.end_offset();
        assert!(end >= acknowledged, "died at {at}: {end} of {acknowledged}");
        let next = i32::try_from(end).unwrap();
        let stored = world.produce("t", 0, idempotent((5, 0), next, &["next"]));
        assert_eq!((stored.error_code, stored.base_offset), (ErrorCode::NONE, end), "at {at}");
        if acknowledged == 40 {
            break;
        }
    }
    assert!(acknowledged_in_all > 500, "{acknowledged_in_all}");
}

#[test]
fn a_slow_sync_holds_back_what_waits_for_it_and_nothing_else() {
    let disk = SimDisk::new();
    let mut world = World::on(&disk, &[]);
    world.create("safe", 1, &[("flush.messages", "1")]);
    world.create("quick", 1, &[]);
    world.slow_syncs = true;
    let (first, second, reader) =
        (world.connect("INSIDE"), world.connect("INSIDE"), world.connect("INSIDE"));
    world.send(first, 9, &produce_request("safe", 0, 1, batch(&["a"])));
    world.send(second, 9, &produce_request("safe", 0, -1, batch(&["b"])));
    let mut fetch = fetch_request("safe", 0, 0);
    fetch.max_wait_ms = 100_000;
    world.send(reader, 11, &fetch);
    assert_eq!(world.held_syncs.len(), 1, "one sync of a log at a time");
    assert_eq!(world.produce("quick", 0, batch(&["c"])).base_offset, 0);
    assert!(world.reply::<produce::Request>(first, 9).is_none());
    assert!(world.reply::<fetch::Request>(reader, 11).is_none(), "nothing unsynced is seen");
    world.end_syncs(false);
    let (_, answer) = world.reply::<produce::Request>(first, 9).unwrap();
    assert_eq!(answer.responses[0].partition_responses[0].base_offset, 0);
    let (_, answer) = world.reply::<fetch::Request>(reader, 11).unwrap();
    assert_eq!(values(&answer.responses[0].partitions[0]), [(0, "a".to_owned())]);
    assert!(world.reply::<produce::Request>(second, 9).is_none());
    assert_eq!(world.held_syncs.len(), 1, "and now for the second batch");
    world.end_syncs(false);
    let (_, answer) = world.reply::<produce::Request>(second, 9).unwrap();
    assert_eq!(answer.responses[0].partition_responses[0].base_offset, 1);
}

#[test]
fn nothing_is_acknowledged_after_a_failed_sync_or_write() {
    for fault in [DiskFault::Full, DiskFault::Write, DiskFault::Sync] {
        let disk = SimDisk::new();
        let mut world = World::on(&disk, &[]);
        world.create("safe", 1, &[("flush.messages", "1")]);
        world.create("quick", 1, &[]);
        world.produce("quick", 0, batch(&["kept"]));
        disk.fail(Some(fault));
        let failed = world.produce("safe", 0, batch(&["a"]));
        assert_eq!((failed.error_code, failed.base_offset), (ErrorCode::KAFKA_STORAGE_ERROR, -1));
        disk.fail(None);
        for topic in ["safe", "quick"] {
            let refused = world.produce(topic, 0, batch(&["b"])).error_code;
            assert_eq!(refused, ErrorCode::KAFKA_STORAGE_ERROR, "{fault:?}: offline for good");
            assert_eq!(world.fetch(topic, 0, 0).error_code, ErrorCode::KAFKA_STORAGE_ERROR);
        }
        assert!(world.broker.stop().is_err(), "that was no clean stop");
        let mut world = World::on(&disk, &[]);
        assert_eq!(world.offsets("quick", 0), [0]);
        assert_eq!(world.produce("safe", 0, batch(&["c"])).error_code, ErrorCode::NONE);
    }
}

#[test]
fn who_waits_for_a_sync_that_fails_is_told() {
    let disk = SimDisk::new();
    let mut world = World::on(&disk, &[EVERY_BATCH]);
    world.create("t", 1, &[]);
    world.slow_syncs = true;
    let (writer, reader) = (world.connect("INSIDE"), world.connect("INSIDE"));
    world.send(writer, 9, &produce_request("t", 0, -1, batch(&["a"])));
    let mut fetch = fetch_request("t", 0, 0);
    fetch.max_wait_ms = 100_000;
    world.send(reader, 11, &fetch);
    world.end_syncs(true);
    let (_, answer) = world.reply::<produce::Request>(writer, 9).unwrap();
    let code = answer.responses[0].partition_responses[0].error_code;
    assert_eq!(code, ErrorCode::KAFKA_STORAGE_ERROR);
    let (_, answer) = world.reply::<fetch::Request>(reader, 11).unwrap();
    assert_eq!(answer.responses[0].partitions[0].error_code, ErrorCode::KAFKA_STORAGE_ERROR);
}

#[test]
fn records_are_synced_after_some_time() {
    let disk = SimDisk::new();
    let mut world = World::on(&disk, &[("log.flush.interval.ms", "500")]);
    world.create("t", 1, &[]);
    world.produce("t", 0, batch(&["a"]));
    let point = |world: &World| {
        world.broker.state.topics.by_name("t").unwrap().partitions[0].log.recovery_point()
    };
    world.advance(499);
    assert_eq!(point(&world), 0);
    world.advance(1);
    assert_eq!(point(&world), 1);
    world.advance(60_000);
    let text = disk.restarted().load("recovery-point-offset-checkpoint").unwrap().unwrap();
    assert_eq!(text, b"0\n1\nt 0 1\n"[..]);
}

#[test]
fn dropped_files_stay_for_a_while() {
    let disk = SimDisk::new();
    let mut world = World::on(&disk, &[]);
    world.create("t", 1, &[("segment.bytes", "1048576"), ("file.delete.delay.ms", "1000")]);
    for _ in 0..3 {
        world.produce("t", 0, batch(&[&"v".repeat(1_000_000)]));
    }
    world.delete_before("t", 2);
    let doomed =
        |disk: &SimDisk, end: &str| disk.names().iter().filter(|n| n.ends_with(end)).count();
    assert_eq!(doomed(&disk, ".log.deleted"), 2);
    world.advance(999);
    assert_eq!(doomed(&disk, ".log.deleted"), 2);
    world.advance(1);
    assert_eq!(doomed(&disk, ".deleted"), 0);
    let name = Some("t".into());
    let topic = delete_topics::DeleteTopicState { name, ..Default::default() };
    world.ask(6, &delete_topics::Request { topics: vec![topic], ..Default::default() });
    let in_directory =
        |disk: &SimDisk| disk.names().iter().filter(|n| n.contains("-delete/")).count();
    assert!(in_directory(&disk) > 0);
    world.advance(1000);
    assert_eq!(in_directory(&disk), 0);
}

#[test]
fn the_directory_of_another_node_is_refused() {
    let disk = SimDisk::new();
    drop(World::on(&disk, &[("node.id", "3")]));
    let config = BrokerConfig::from_pairs([("node.id", "4")]).unwrap();
    let now = Now { monotonic_ms: 0, wall_ms: START_MS, random: 1 };
    let dir = LogDir::new("/logs", Box::new(disk.restarted()));
    let error = Broker::new(config, vec![dir], now).unwrap_err().to_string();
    assert!(error.contains("says that it belongs to node 3, not 4"), "{error}");
}

//! Several log directories: where partitions go, what is lost with one of them, and moves between them.

use super::disk::{EVERY_BATCH, End, ends};
use super::*;
use crate::log::{DiskFault, SimDisk};
use kafka_proto::messages::{alter_replica_log_dirs, delete_topics, describe_log_dirs};

/// Two disks, listed in this order.
fn on_two(first: (&str, &SimDisk), second: (&str, &SimDisk)) -> World {
    let dir = |(path, disk): (&str, &SimDisk)| LogDir::new(path, Box::new(disk.restarted()));
    World::with_dirs(vec![dir(first), dir(second)], &[EVERY_BATCH])
}

fn dir_of(world: &World, topic: &str, index: usize) -> Arc<str> {
    let partition = &world.broker.state.topics.by_name(topic).unwrap().partitions[index];
    world.broker.state.log_dirs.path(partition.dir)
}

/// The code, the size of the partitions and their number, of each directory.
fn described(world: &mut World) -> Vec<(Arc<str>, ErrorCode, i64, usize)> {
    let answer = world.ask(5, &describe_log_dirs::Request { topics: None });
    let describe = |found: &describe_log_dirs::DescribeLogDirsResult| {
        let partitions = || found.topics.iter().flat_map(|topic| &topic.partitions);
        let size = partitions().map(|partition| partition.partition_size).sum();
        (found.log_dir.clone(), found.error_code, size, partitions().count())
    };
    answer.results.iter().map(describe).collect()
}

#[test]
fn partitions_spread_over_directories_and_are_found_in_any_order() {
    for how in ends() {
        let (a, b) = (SimDisk::new(), SimDisk::new());
        let mut world = on_two(("/a", &a), ("/b", &b));
        world.create("one", 1, &[]);
        world.create("orders", 4, &[]);
        let spread: Vec<_> = (0..4).map(|index| dir_of(&world, "orders", index)).collect();
        assert_eq!(spread, ["/b", "/a", "/b", "/a"].map(Arc::from), "where fewest are");
        for index in 0..4 {
            assert!(world.produce("orders", index, batch(&["x"])).error_code.is_ok());
        }
        let World { mut broker, .. } = world;
        match how {
            End::Stop => broker.stop().unwrap(),
            End::Kill => {}
            End::Power(seed) => {
                a.lose_power(seed);
                b.lose_power(seed);
            }
        }
        let mut world = on_two(("/b", &b), ("/a", &a));
        for (index, dir) in (0..).zip(&spread) {
            assert_eq!(dir_of(&world, "orders", usize::try_from(index).unwrap()), *dir);
            assert_eq!(values(&world.fetch("orders", index, 0)), [(0, "x".to_owned())], "{how:?}");
        }
        let [(_, _, size_b, 2), (_, _, size_a, 3)] = described(&mut world)[..] else {
            panic!("{:?}", described(&mut world));
        };
        assert!(size_a > 0 && size_a == size_b);
        world.create("later", 2, &[]);
        assert_eq!(&*dir_of(&world, "later", 0), "/b");
    }
}

#[test]
fn a_directory_that_fails_goes_offline_alone() {
    let (a, b) = (SimDisk::new(), SimDisk::new());
    let mut world = on_two(("/a", &a), ("/b", &b));
    world.create("t", 2, &[]);
    assert_eq!([0, 1].map(|index| dir_of(&world, "t", index)), ["/a", "/b"].map(Arc::from));
    for index in 0..2 {
        world.produce("t", index, batch(&["x"]));
    }
    b.fail(Some(DiskFault::Write));
    let code = |world: &mut World, index| world.produce("t", index, batch(&["y"])).error_code;
    for _ in 0..2 {
        assert_eq!(code(&mut world, 1), ErrorCode::KAFKA_STORAGE_ERROR);
        assert_eq!(code(&mut world, 0), ErrorCode::NONE);
        b.fail(None);
    }
    assert_eq!(world.fetch("t", 1, 0).error_code, ErrorCode::KAFKA_STORAGE_ERROR);
    assert_eq!(values(&world.fetch("t", 0, 0)).len(), 3);
    let codes: Vec<_> = described(&mut world).into_iter().map(|(_, code, ..)| code).collect();
    assert_eq!(codes, [ErrorCode::NONE, ErrorCode::KAFKA_STORAGE_ERROR]);
    world.create("later", 2, &[]);
    assert_eq!([0, 1].map(|index| dir_of(&world, "later", index)), ["/a", "/a"].map(Arc::from));
    world.broker.stop().unwrap_err();

    let mut world = on_two(("/a", &a), ("/b", &b));
    assert_eq!(values(&world.fetch("t", 1, 0)), [(0, "x".to_owned())], "it is recovered");
    assert_eq!(code(&mut world, 1), ErrorCode::NONE);
}

#[test]
fn what_lies_in_a_directory_that_is_not_there_is_offline() {
    let (a, b) = (SimDisk::new(), SimDisk::new());
    let mut world = on_two(("/a", &a), ("/b", &b));
    world.create("t", 2, &[]);
    world.produce("t", 1, batch(&["x"]));
    world.broker.stop().unwrap();
    let gone = || StorageError::new("no such device", std::io::ErrorKind::NotFound);
    let alone = || LogDir::new("/a", Box::new(a.restarted()));
    for dirs in [vec![alone()], vec![LogDir::unusable("/b", gone()), alone()]] {
        let listed = dirs.len();
        let mut world = World::with_dirs(dirs, &[]);
        assert_eq!(world.produce("t", 0, batch(&["y"])).error_code, ErrorCode::NONE);
        assert_eq!(world.fetch("t", 1, 0).error_code, ErrorCode::KAFKA_STORAGE_ERROR);
        assert_eq!(described(&mut world).len(), listed);
        world.broker.stop().unwrap();
    }
    let mut world = on_two(("/a", &a), ("/b", &b));
    assert_eq!(values(&world.fetch("t", 1, 0)), [(0, "x".to_owned())]);
    assert_eq!(values(&world.fetch("t", 0, 0)).len(), 2);
}

#[test]
fn directories_of_two_clusters_are_refused() {
    let (a, b) = (SimDisk::new(), SimDisk::new());
    drop(World::on(&a, &[]));
    drop(World::with_dirs(
        vec![LogDir::new("/b", Box::new(b.restarted()))],
        &[("broker.rack", "other")],
    ));
    b.lose_file("meta.properties");
    drop(on_two(("/a", &a), ("/b", &b)));
    let mut other = b.restarted();
    let text = b"cluster.id=another\nnode.id=1\nversion=1\n";
    other.replace("meta.properties", text, crate::log::Replace::Synced).unwrap();
    let dirs = vec![
        LogDir::new("/a", Box::new(a.restarted())),
        LogDir::new("/b", Box::new(b.restarted())),
    ];
    let now = Now { monotonic_ms: 0, wall_ms: START_MS, random: 1 };
    let config = BrokerConfig::from_pairs([]).unwrap();
    let error = Broker::new(config, dirs, now).unwrap_err().to_string();
    assert!(error.contains("log directory /b is of cluster another"), "{error}");
}

impl World {
    /// Asks for a partition to be moved.
    fn move_to(&mut self, topic: &str, index: i32, path: &str) -> ErrorCode {
        let topic = alter_replica_log_dirs::AlterReplicaLogDirTopic {
            name: topic.into(),
            partitions: vec![index],
        };
        let dir =
            alter_replica_log_dirs::AlterReplicaLogDir { path: path.into(), topics: vec![topic] };
        let answer = self.ask(2, &alter_replica_log_dirs::Request { dirs: vec![dir] });
        answer.results[0].partitions[0].error_code
    }

    fn all_of(&mut self, topic: &str) -> Vec<i64> {
        let (mut offsets, mut at) = (Vec::new(), 0);
        loop {
            let data = self.fetch(topic, 0, at);
            assert_eq!(data.error_code, ErrorCode::NONE);
            let found = values(&data);
            let Some((last, _)) = found.last() else { return offsets };
            at = last + 1;
            offsets.extend(found.iter().map(|(offset, _)| *offset));
        }
    }
}

/// The partitions that are on their way.
fn future(world: &mut World) -> Vec<(Arc<str>, i64)> {
    let answer = world.ask(5, &describe_log_dirs::Request { topics: None });
    let mut found = Vec::new();
    for dir in &answer.results {
        let partitions = dir.topics.iter().flat_map(|topic| &topic.partitions);
        let moving = partitions.filter(|partition| partition.is_future_key);
        found.extend(moving.map(|partition| (dir.log_dir.clone(), partition.offset_lag)));
    }
    found
}

const LARGE: &[(&str, &str)] = &[("segment.bytes", "1048576")];

#[test]
fn a_partition_moves_while_it_is_written_and_read() {
    for how in ends() {
        let (a, b) = (SimDisk::new(), SimDisk::new());
        let mut world = on_two(("/a", &a), ("/b", &b));
        world.create("t", 1, LARGE);
        let value = "x".repeat(150_000);
        for _ in 0..12 {
            world.produce("t", 0, batch(&[&value]));
        }
        assert_eq!(world.move_to("t", 0, "/b"), ErrorCode::NONE);
        let [(to, lag)] = &future(&mut world)[..] else { panic!("nothing moves") };
        assert!(&**to == "/b" && *lag > 0, "{to} {lag}");
        for step in 0..100 {
            world.advance(2);
            if step % 10 == 0 {
                assert!(world.produce("t", 0, batch(&["new"])).error_code.is_ok());
            }
        }
        assert!(future(&mut world).is_empty());
        assert_eq!(&*dir_of(&world, "t", 0), "/b");
        assert_eq!(world.all_of("t"), (0..22).collect::<Vec<_>>());
        world.advance(60_000);
        assert!(!a.names().iter().any(|name| name.starts_with("t-0")), "{:?}", a.names());
        let World { mut broker, .. } = world;
        match how {
            End::Stop => broker.stop().unwrap(),
            End::Kill => {}
            End::Power(seed) => {
                a.lose_power(seed);
                b.lose_power(seed);
            }
        }
        let mut world = on_two(("/a", &a), ("/b", &b));
        assert_eq!(&*dir_of(&world, "t", 0), "/b");
        assert_eq!(world.all_of("t"), (0..22).collect::<Vec<_>>(), "{how:?}");
        assert_eq!(world.produce("t", 0, batch(&["new"])).base_offset, 22);
    }
}

#[test]
fn a_crash_in_a_move_leaves_the_log_in_one_place() {
    let (mut at, mut moved, mut stayed) = (0, 0, 0);
    loop {
        let mut finished = true;
        for dies in 0..2 {
            let disks = [SimDisk::new(), SimDisk::new()];
            let mut world = on_two(("/a", &disks[0]), ("/b", &disks[1]));
            world.create("t", 1, LARGE);
            for _ in 0..9 {
                world.produce("t", 0, batch(&[&"x".repeat(150_000)]));
            }
            disks[dies].die_after(at);
            world.move_to("t", 0, "/b");
            for _ in 0..40 {
                world.advance(2);
            }
            let whole = |disk: &SimDisk| disk.names().iter().any(|name| name.starts_with("t-0/"));
            finished &= future(&mut world).is_empty()
                && &*dir_of(&world, "t", 0) == "/b"
                && !whole(&disks[0]);
            drop(world);
            for disk in &disks {
                disk.lose_power(at);
            }
            let mut world = on_two(("/a", &disks[0]), ("/b", &disks[1]));
            assert_eq!(world.all_of("t"), (0..9).collect::<Vec<_>>(), "{dies} dies at {at}");
            let places = disks.iter().filter(|disk| whole(disk)).count();
            assert_eq!(places, 1, "{dies} dies at {at}");
            if &*dir_of(&world, "t", 0) == "/b" { moved += 1 } else { stayed += 1 }
        }
        if finished {
            break;
        }
        at += 1;
    }
    assert!(moved > 3 && stayed > 10, "{moved} moved, {stayed} did not");
}

#[test]
fn what_cannot_be_moved_is_told() {
    let (a, b) = (SimDisk::new(), SimDisk::new());
    let mut world = on_two(("/a", &a), ("/b", &b));
    world.create("t", 1, LARGE);
    assert_eq!(world.move_to("t", 0, "/c"), ErrorCode::LOG_DIR_NOT_FOUND);
    assert_eq!(world.move_to("u", 0, "/b"), ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    assert_eq!(world.move_to("t", 1, "/b"), ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    assert_eq!(world.move_to("t", 0, "/a"), ErrorCode::NONE, "it is there");
    assert!(future(&mut world).is_empty());
    for _ in 0..9 {
        world.produce("t", 0, batch(&[&"x".repeat(150_000)]));
    }
    let begun = |disk: &SimDisk| disk.names().iter().any(|name| name.contains("-future/"));
    assert_eq!(world.move_to("t", 0, "/b"), ErrorCode::NONE);
    assert!(begun(&b));
    assert_eq!(world.move_to("t", 0, "/a"), ErrorCode::NONE, "it stays after all");
    assert!(future(&mut world).is_empty() && !begun(&b));
    assert_eq!(world.move_to("t", 0, "/b"), ErrorCode::NONE);
    world.advance(2);
    let topic = delete_topics::DeleteTopicState { name: Some("t".into()), ..Default::default() };
    world.ask(6, &delete_topics::Request { topics: vec![topic], ..Default::default() });
    for _ in 0..3 {
        world.advance(2);
    }
    assert!(!begun(&b), "a copy goes with its topic");
    world.create("t", 1, LARGE);
    world.produce("t", 0, batch(&["x"]));
    let path = if &*dir_of(&world, "t", 0) == "/a" { "/b" } else { "/a" };
    let to = if path == "/a" { &a } else { &b };
    to.fail(Some(DiskFault::Write));
    assert_eq!(world.move_to("t", 0, path), ErrorCode::KAFKA_STORAGE_ERROR);
    assert_eq!(world.all_of("t"), [0]);
}

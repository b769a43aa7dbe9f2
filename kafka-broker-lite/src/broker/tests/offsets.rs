//! Stories of offsets: by time, by epoch, and where a partition begins and ends.

use super::*;
use kafka_proto::messages::delete_records::{
    self, DeleteRecordsPartition, DeleteRecordsPartitionResult, DeleteRecordsTopic,
};
use kafka_proto::messages::list_offsets::{
    self, ListOffsetsPartition, ListOffsetsPartitionResponse, ListOffsetsTopic,
};
use kafka_proto::messages::offset_for_leader_epoch::{
    self as epoch_end, OffsetForLeaderPartition, OffsetForLeaderTopic,
};
use kafka_proto::records::Compression;

const MIB: usize = 1 << 20;

fn list(timestamp: i64) -> list_offsets::Request {
    let partition = ListOffsetsPartition { timestamp, ..Default::default() };
    let topic = ListOffsetsTopic { name: "t".into(), partitions: vec![partition] };
    list_offsets::Request { replica_id: -1, topics: vec![topic], ..Default::default() }
}

#[track_caller]
fn listed(world: &mut World, version: i16, timestamp: i64) -> ListOffsetsPartitionResponse {
    world.ask(version, &list(timestamp)).topics[0].partitions[0].clone()
}

/// Timestamp, offset and leader epoch of what is found.
#[track_caller]
fn found(world: &mut World, timestamp: i64) -> (i64, i64, i32) {
    let answer = listed(world, 11, timestamp);
    assert_eq!(answer.error_code, ErrorCode::NONE);
    (answer.timestamp, answer.offset, answer.leader_epoch)
}

fn timed(compression: Compression, times: &[i64]) -> Vec<u8> {
    let mut builder = BatchBuilder::new(Vec::new());
    times.iter().for_each(|at| builder.append(START_MS + at, None, Some(b"v"), &[]));
    builder.seal(Stamp::NONE, &mut Compressor::new(compression, None).unwrap())
}

fn delete(world: &mut World, topic: &str, offset: i64) -> DeleteRecordsPartitionResult {
    let partitions = vec![DeleteRecordsPartition { partition_index: 0, offset }];
    let topics = vec![DeleteRecordsTopic { name: topic.into(), partitions }];
    let response = world.ask(2, &delete_records::Request { topics, ..Default::default() });
    response.topics[0].partitions[0].clone()
}

#[test]
fn the_ends_of_a_partition_and_its_tiers() {
    let mut world = World::new();
    world.create("t", 1, &[]);
    assert_eq!(found(&mut world, -1), (-1, 0, 0));
    assert_eq!(found(&mut world, -2), (-1, 0, 0));
    assert_eq!(found(&mut world, -3), (-1, -1, -1), "there is no record");
    for at in 0..5 {
        world.produce("t", 0, timed(Compression::None, &[at]));
    }
    delete(&mut world, "t", 2);
    assert_eq!(found(&mut world, -1), (-1, 5, 0));
    assert_eq!(found(&mut world, -2), (-1, 2, 0));
    assert_eq!(found(&mut world, -4), (-1, 2, 0));
    assert_eq!(found(&mut world, -5), (-1, -1, -1), "nothing is tiered");
    assert_eq!(found(&mut world, -6), (-1, -1, -1));
}

#[test]
fn the_first_record_that_is_late_enough_and_the_latest_of_all() {
    let mut world = World::new();
    world.create("t", 1, &[]);
    for compression in [Compression::None, Compression::Snappy] {
        world.produce("t", 0, timed(compression, &[0, 10, 5]));
        world.produce("t", 0, timed(compression, &[7, 40, 40]));
        world.produce("t", 0, timed(compression, &[20]));
    }
    let at = |ms: i64| START_MS + ms;
    assert_eq!(found(&mut world, 0), (at(0), 0, 0));
    assert_eq!(found(&mut world, at(1)), (at(10), 1, 0));
    assert_eq!(found(&mut world, at(10)), (at(10), 1, 0));
    assert_eq!(found(&mut world, at(11)), (at(40), 4, 0));
    assert_eq!(found(&mut world, at(41)), (-1, -1, -1));
    assert_eq!(found(&mut world, -3), (at(40), 4, 0), "the first of the latest");
    delete(&mut world, "t", 5);
    assert_eq!(found(&mut world, at(0)), (at(40), 5, 0), "what is deleted is not found");
}

#[test]
fn times_are_found_in_a_long_log() {
    let mut world = World::new();
    world.create("t", 1, &[("segment.bytes", &MIB.to_string()), ("retention.ms", "-1")]);
    let large = "x".repeat(700);
    for at in 0..4_000_i64 {
        let mut builder = BatchBuilder::new(Vec::new());
        builder.append(START_MS + at * 10, None, Some(large.as_bytes()), &[]);
        let batch = builder.seal(Stamp::NONE, &mut Compressor::none());
        world.now.wall_ms = START_MS + at * 10;
        assert_eq!(world.produce("t", 0, batch).base_offset, at);
    }
    for at in [0, 1, 5, 1_000, 1_337, 3_999] {
        let expected = (START_MS + at * 10, at, 0);
        assert_eq!(found(&mut world, START_MS + at * 10), expected);
        assert_eq!(found(&mut world, START_MS + at * 10 - 9), expected);
        assert_eq!(values(&world.fetch("t", 0, at))[0].0, at);
    }
}

#[test]
fn old_versions_do_not_know_the_newer_questions() {
    let mut world = World::new();
    world.create("t", 1, &[]);
    for (timestamp, since) in [(-3, 7), (-4, 8), (-5, 9), (-6, 11)] {
        let before = listed(&mut world, since - 1, timestamp).error_code;
        assert_eq!(before, ErrorCode::UNSUPPORTED_VERSION, "{timestamp}");
        assert_eq!(listed(&mut world, since, timestamp).error_code, ErrorCode::NONE);
    }
    assert_eq!(listed(&mut world, 11, -7).error_code, ErrorCode::UNSUPPORTED_VERSION);
    assert_eq!((listed(&mut world, 1, -1).offset, listed(&mut world, 1, -1).leader_epoch), (0, -1));
}

#[test]
fn what_is_asked_wrongly_is_refused() {
    let mut world = World::new();
    world.create("t", 1, &[]);
    let mut code = |change: &dyn Fn(&mut ListOffsetsTopic)| {
        let mut request = list(-1);
        change(&mut request.topics[0]);
        world.ask(11, &request).topics[0].partitions[0].error_code
    };
    let unknown = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
    assert_eq!(code(&|topic| topic.name = "nope".into()), unknown);
    assert_eq!(code(&|topic| topic.partitions[0].partition_index = 1), unknown);
    let newer = |topic: &mut ListOffsetsTopic| topic.partitions[0].current_leader_epoch = 1;
    assert_eq!(code(&newer), ErrorCode::UNKNOWN_LEADER_EPOCH);
    let twice = |topic: &mut ListOffsetsTopic| topic.partitions.push(topic.partitions[0].clone());
    assert_eq!(code(&twice), ErrorCode::INVALID_REQUEST);
}

#[test]
fn an_epoch_ends_where_the_next_begins() {
    let mut world = World::new();
    world.create("t", 1, &[]);
    world.produce("t", 0, batch(&["a", "b"]));
    world.broker.control().raise_leader_epoch("t", 0);
    world.produce("t", 0, batch(&["c"]));
    let mut end = |current_leader_epoch, leader_epoch| {
        let partition =
            OffsetForLeaderPartition { partition: 0, current_leader_epoch, leader_epoch };
        let topic = OffsetForLeaderTopic { topic: "t".into(), partitions: vec![partition] };
        let request = epoch_end::Request { replica_id: -1, topics: vec![topic] };
        let answer = world.ask(4, &request).topics[0].partitions[0].clone();
        (answer.error_code, answer.leader_epoch, answer.end_offset)
    };
    assert_eq!(end(-1, 0), (ErrorCode::NONE, 0, 2));
    assert_eq!(end(1, 1), (ErrorCode::NONE, 1, 3));
    assert_eq!(end(-1, 5), (ErrorCode::NONE, -1, -1));
    assert_eq!(end(0, 0), (ErrorCode::FENCED_LEADER_EPOCH, -1, -1));
    assert_eq!(end(2, 0), (ErrorCode::UNKNOWN_LEADER_EPOCH, -1, -1));
    assert_eq!(found(&mut world, -1).2, 1);
    assert_eq!(found(&mut world, -2).2, 0, "the epoch of the first record");
}

#[test]
fn deleting_records_moves_the_start_and_only_forward() {
    let mut world = World::new();
    world.create("t", 1, &[]);
    world.create("compacted", 1, &[("cleanup.policy", "compact")]);
    world.produce("t", 0, batch(&["a", "b", "c"]));
    let mut low = |topic, offset| {
        let answer = delete(&mut world, topic, offset);
        (answer.error_code, answer.low_watermark)
    };
    assert_eq!(low("t", 2), (ErrorCode::NONE, 2));
    assert_eq!(low("t", 1), (ErrorCode::NONE, 2));
    assert_eq!(low("t", 4), (ErrorCode::OFFSET_OUT_OF_RANGE, -1));
    assert_eq!(low("t", -2), (ErrorCode::OFFSET_OUT_OF_RANGE, -1));
    assert_eq!(low("nope", 0), (ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, -1));
    assert_eq!(low("compacted", 0), (ErrorCode::POLICY_VIOLATION, -1));
    assert_eq!(world.fetch("t", 0, 1).error_code, ErrorCode::OFFSET_OUT_OF_RANGE);
    let kept = world.fetch("t", 0, 2);
    assert_eq!((kept.log_start_offset, values(&kept).len()), (2, 3), "the batch is still whole");
    assert_eq!(delete(&mut world, "t", -1).low_watermark, 3);
    assert_eq!(world.produce("t", 0, batch(&["d"])).base_offset, 3);
    assert_eq!(values(&world.fetch("t", 0, 3)), [(3, "d".to_owned())]);
}

#[test]
fn only_closed_segments_grow_too_old() {
    let mut world = World::new();
    let configs = [("segment.bytes", &*MIB.to_string()), ("retention.ms", "1000")];
    world.create("t", 1, &configs);
    let large = "x".repeat(MIB * 3 / 4);
    world.produce("t", 0, batch(&[&large]));
    world.advance(300_000);
    assert_eq!(world.fetch("t", 0, 0).log_start_offset, 0, "the open segment stays");
    world.produce("t", 0, batch(&[&large]));
    assert_eq!(world.fetch("t", 0, 0).log_start_offset, 0, "nobody has looked yet");
    world.advance(300_000);
    assert_eq!(world.fetch("t", 0, 0).error_code, ErrorCode::OFFSET_OUT_OF_RANGE);
    assert_eq!(world.fetch("t", 0, 1).log_start_offset, 1);
}

#[test]
fn segments_close_with_age_and_go_when_there_is_too_much() {
    let mut world = World::with(&[("log.retention.check.interval.ms", "1000")]);
    world.create("t", 1, &[("segment.ms", "100"), ("retention.bytes", "250")]);
    let len = batch(&["a"]).len();
    assert!((60..=120).contains(&len), "{len}");
    for at in 0..6_i64 {
        world.now.wall_ms = START_MS + at * 100;
        world.produce("t", 0, timed(Compression::None, &[at * 100]));
    }
    world.advance(1_000);
    let start = world.fetch("t", 0, 5).log_start_offset;
    assert_eq!(start, 6 - i64::try_from(250_usize.div_ceil(len)).unwrap());
    assert_eq!(found(&mut world, -2), (-1, start, 0));
}

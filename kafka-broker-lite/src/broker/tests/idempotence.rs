//! Stories of batches that are sent again, out of order, or by a producer of the past.

use super::*;
use kafka_proto::messages::{delete_records, init_producer_id};

fn init(producer: (i64, i16)) -> init_producer_id::Request {
    init_producer_id::Request {
        transactional_id: None,
        producer_id: producer.0,
        producer_epoch: producer.1,
        ..Default::default()
    }
}

#[test]
fn a_batch_sent_again_is_answered_with_its_old_offset_and_is_there_once() {
    let mut world = World::new();
    world.create("t", 1, &[]);
    let producer = (world.ask(4, &init((-1, -1))).producer_id, 0);
    for at in 0..5 {
        let stored = world.produce("t", 0, idempotent(producer, at * 2, &["a", "b"]));
        assert_eq!(stored.base_offset, i64::from(at) * 2);
    }
    for at in 0..5 {
        let again = world.produce("t", 0, idempotent(producer, at * 2, &["a", "b"]));
        assert_eq!((again.error_code, again.base_offset), (ErrorCode::NONE, i64::from(at) * 2));
    }
    assert_eq!(world.fetch("t", 0, 0).high_watermark, 10);
    let counters = world.broker.control().counters();
    assert_eq!((counters.appended_batches, counters.duplicates_answered), (5, 5));
}

#[test]
fn a_reply_lost_after_the_append_does_no_harm() {
    let mut world = World::new();
    world.create("t", 1, &[]);
    world.broker.control().on(ApiKey::PRODUCE).times(1).lose_reply();
    let first = world.conn;
    world.send(first, 12, &produce_request("t", 0, -1, idempotent((3, 0), 0, &["a"])));
    assert!(world.reply::<produce::Request>(first, 12).is_none());
    assert_eq!(world.closed[&first], "reply lost by a rule");
    world.conn = world.connect("INSIDE");
    let again = world.produce("t", 0, idempotent((3, 0), 0, &["a"]));
    assert_eq!((again.error_code, again.base_offset), (ErrorCode::NONE, 0));
    assert_eq!(world.fetch("t", 0, 0).high_watermark, 1);
    assert_eq!(world.broker.control().counters().duplicates_answered, 1);
}

#[test]
fn a_duplicate_on_a_topic_with_append_time_gets_its_old_time() {
    let mut world = World::new();
    world.create("t", 1, &[("message.timestamp.type", "LogAppendTime")]);
    let first = world.produce("t", 0, idempotent((3, 0), 0, &["a"]));
    world.advance(500);
    let again = world.produce("t", 0, idempotent((3, 0), 0, &["a"]));
    assert_eq!(again.log_append_time_ms, first.log_append_time_ms);
    assert_eq!(again.log_append_time_ms, START_MS);
}

#[test]
fn gaps_are_refused_and_old_epochs_fenced() {
    let mut world = World::new();
    world.create("t", 2, &[]);
    let mut code = |partition, epoch, sequence| {
        world.produce("t", partition, idempotent((3, epoch), sequence, &["a"])).error_code
    };
    let out_of_order = ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER;
    assert_eq!(code(0, 0, 0), ErrorCode::NONE);
    assert_eq!(code(0, 0, 2), out_of_order);
    assert_eq!(code(1, 0, 0), ErrorCode::NONE, "every partition counts for itself");
    assert_eq!(code(0, 1, 1), out_of_order, "a new epoch begins at 0");
    assert_eq!(code(0, 1, 0), ErrorCode::NONE);
    assert_eq!(code(0, 0, 1), ErrorCode::INVALID_PRODUCER_EPOCH);
    assert_eq!(code(0, 1, 1), ErrorCode::NONE);
}

#[test]
fn sequences_wrap() {
    let mut world = World::new();
    world.create("t", 1, &[]);
    let stored = world.produce("t", 0, idempotent((3, 0), i32::MAX, &["a", "b"]));
    assert_eq!(stored.error_code, ErrorCode::NONE, "an unknown producer begins anywhere");
    let next = world.produce("t", 0, idempotent((3, 0), 1, &["c"]));
    assert_eq!((next.error_code, next.base_offset), (ErrorCode::NONE, 2));
}

#[test]
fn what_a_producer_wrote_is_remembered_when_its_records_are_deleted() {
    let mut world = World::new();
    world.create("t", 1, &[]);
    world.produce("t", 0, idempotent((3, 0), 0, &["a"]));
    let partition = delete_records::DeleteRecordsPartition { partition_index: 0, offset: -1 };
    let topic =
        delete_records::DeleteRecordsTopic { name: "t".into(), partitions: vec![partition] };
    world.ask(2, &delete_records::Request { topics: vec![topic], ..Default::default() });
    let again = world.produce("t", 0, idempotent((3, 0), 0, &["a"]));
    assert_eq!((again.base_offset, again.log_start_offset), (0, 1));
    let gap = world.produce("t", 0, idempotent((3, 0), 5, &["a"]));
    assert_eq!(gap.error_code, ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER);
}

#[test]
fn an_idle_producer_is_forgotten_after_a_day() {
    let mut world = World::new();
    world.create("t", 1, &[]);
    world.produce("t", 0, idempotent((3, 0), 0, &["a"]));
    world.advance(86_400_000 - 1);
    let gap = world.produce("t", 0, idempotent((3, 0), 5, &["a"]));
    assert_eq!(gap.error_code, ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER);
    world.advance(300_000);
    let fresh = world.produce("t", 0, idempotent((3, 0), 5, &["a"]));
    assert_eq!(fresh.error_code, ErrorCode::NONE);
}

#[test]
fn every_producer_gets_an_id_of_its_own() {
    let mut world = World::new();
    let ids: Vec<_> = (0..3).map(|_| world.ask(5, &init((-1, -1))).producer_id).collect();
    assert_eq!(ids, [0, 1, 2]);
    let renewed = world.ask(4, &init((1, 7)));
    assert_eq!((renewed.error_code, renewed.producer_id), (ErrorCode::NONE, 3));
    assert_eq!(renewed.producer_epoch, 0);
    for half in [(1, -1), (-1, 1)] {
        assert_eq!(world.ask(4, &init(half)).error_code, ErrorCode::INVALID_REQUEST);
    }
}

#[test]
fn transactional_ids_are_refused_for_good() {
    let mut world = World::new();
    let request =
        init_producer_id::Request { transactional_id: Some("tx".into()), ..init((-1, -1)) };
    let response = world.ask(4, &request);
    assert_eq!((response.error_code, response.producer_id), (ErrorCode::INVALID_REQUEST, -1));
    assert!(!response.error_code.is_retriable());
}

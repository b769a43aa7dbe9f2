//! Stories of batches that are taken and batches that are not.

use super::*;
use kafka_proto::records::{Batches, Compression, TimestampType, crc32c, set_base_offset};

fn compressed(compression: Compression, keyed: bool, count: i64) -> Vec<u8> {
    let mut builder = BatchBuilder::new(Vec::new());
    for at in 0..count {
        builder.append(START_MS + at, keyed.then_some(b"k"), Some(b"v"), &[]);
    }
    builder.seal(Stamp::NONE, &mut Compressor::new(compression, None).unwrap())
}

/// Changes bytes that the checksum covers, and makes it right again.
fn forge(batch: &mut [u8], change: impl FnOnce(&mut [u8])) {
    change(batch);
    let crc = crc32c(&batch[21..]);
    batch[17..21].copy_from_slice(&crc.to_be_bytes());
}

#[test]
fn what_is_produced_can_be_fetched() {
    let mut world = World::new();
    world.create("t", 2, &[]);
    let first = world.produce("t", 1, batch(&["a", "b"]));
    assert_eq!((first.error_code, first.base_offset), (ErrorCode::NONE, 0));
    assert_eq!((first.log_append_time_ms, first.log_start_offset), (-1, 0));
    assert_eq!(world.produce("t", 1, batch(&["c"])).base_offset, 2);
    let data = world.fetch("t", 1, 0);
    assert_eq!((data.high_watermark, data.last_stable_offset, data.log_start_offset), (3, 3, 0));
    let expected = [(0, "a".to_owned()), (1, "b".to_owned()), (2, "c".to_owned())];
    assert_eq!(values(&data), expected);
    assert_eq!(world.broker.control().counters().appended_batches, 2);
}

#[test]
fn without_acks_nothing_is_answered_and_a_failure_closes_the_connection() {
    let mut world = World::new();
    world.create("t", 1, &[]);
    let conn = world.conn;
    world.send(conn, 12, &produce_request("t", 0, 0, batch(&["a"])));
    assert!(world.reply::<produce::Request>(conn, 12).is_none());
    assert_eq!(world.fetch("t", 0, 0).high_watermark, 1, "the connection goes on");
    world.send(conn, 12, &produce_request("nope", 0, 0, batch(&["a"])));
    assert_eq!(
        world.closed[&conn],
        "a Produce request without acknowledgement failed: UNKNOWN_TOPIC_OR_PARTITION (3)"
    );
}

#[test]
fn acks_are_none_one_or_all_and_more_copies_than_there_are_count_as_all() {
    let mut world = World::new();
    world.create("t", 1, &[("min.insync.replicas", "9")]);
    for (acks, expected) in [
        (1, ErrorCode::NONE),
        (-1, ErrorCode::NONE),
        (2, ErrorCode::INVALID_REQUIRED_ACKS),
        (-2, ErrorCode::INVALID_REQUIRED_ACKS),
    ] {
        let response = world.ask(12, &produce_request("t", 0, acks, batch(&["a"])));
        let answer = &response.responses[0].partition_responses[0];
        assert_eq!(answer.error_code, expected, "acks={acks}");
        assert_eq!(answer.base_offset == -1, !expected.is_ok());
    }
    assert_eq!(world.fetch("t", 0, 0).high_watermark, 2);
}

#[test]
fn unknown_and_impossible_topics_are_told_apart() {
    let mut world = World::new();
    let id = world.create("t", 1, &[]);
    let code = |world: &mut World, topic: &str, index| {
        world.produce(topic, index, batch(&["a"])).error_code
    };
    assert_eq!(code(&mut world, "nope", 0), ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    assert_eq!(code(&mut world, "t", 1), ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    assert_eq!(code(&mut world, "t", -1), ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    assert_eq!(code(&mut world, "a b", 0), ErrorCode::INVALID_TOPIC_EXCEPTION);
    for (topic_id, expected) in
        [(id, ErrorCode::NONE), (Uuid([9; 16]), ErrorCode::UNKNOWN_TOPIC_ID)]
    {
        let mut request = produce_request("", 0, 1, batch(&["a"]));
        request.topic_data[0].topic_id = topic_id;
        let response = world.ask(13, &request).responses.remove(0);
        assert_eq!(response.topic_id, topic_id);
        assert_eq!(response.partition_responses[0].error_code, expected);
    }
}

#[test]
fn each_partition_succeeds_or_fails_alone() {
    let mut world = World::new();
    world.create("t", 2, &[]);
    let mut request = produce_request("t", 0, -1, batch(&["a"]));
    for (index, batch) in [(5, batch(&["b"])), (1, batch(&["c"]))] {
        let records = Some(Records::Bytes(batch.into()));
        request.topic_data[0].partition_data.push(PartitionProduceData { index, records });
    }
    let response = world.ask(9, &request).responses.remove(0);
    let codes: Vec<_> =
        response.partition_responses.iter().map(|p| (p.index, p.error_code)).collect();
    let unknown = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
    assert_eq!(codes, [(0, ErrorCode::NONE), (5, unknown), (1, ErrorCode::NONE)]);
}

#[test]
fn a_batch_over_the_topics_limit_is_too_large() {
    let mut world = World::new();
    let len = batch(&["abc"]).len();
    world.create("small", 1, &[("max.message.bytes", &(len - 1).to_string())]);
    world.create("fits", 1, &[("max.message.bytes", &len.to_string())]);
    let refused = world.produce("small", 0, batch(&["abc"]));
    assert_eq!(refused.error_code, ErrorCode::MESSAGE_TOO_LARGE);
    assert_eq!(
        refused.error_message.as_deref(),
        Some(&*format!(
            "The record batch size in the append to small-0 is {len} bytes which exceeds the \
             maximum configured value of {}.",
            len - 1
        ))
    );
    assert_eq!(world.produce("fits", 0, batch(&["abc"])).error_code, ErrorCode::NONE);
}

#[test]
fn a_compacted_topic_takes_no_record_without_a_key_and_names_each() {
    let mut world = World::new();
    world.create("t", 1, &[("cleanup.policy", "compact")]);
    for compression in [Compression::None, Compression::Gzip, Compression::Zstd] {
        let refused = world.produce("t", 0, compressed(compression, false, 4));
        assert_eq!(refused.error_code, ErrorCode::INVALID_RECORD);
        let indexes: Vec<_> = refused.record_errors.iter().map(|e| e.batch_index).collect();
        assert_eq!(indexes, [0, 1, 2, 3], "{compression}");
        let text = refused.record_errors[0].batch_index_error_message.as_deref().unwrap();
        assert_eq!(
            text,
            "Compacted topic cannot accept message without key in topic partition t-0"
        );
        let text = refused.error_message.as_deref().unwrap();
        assert!(text.starts_with("One or more records have been rejected due to 4"), "{text}");
        assert_eq!(text.matches("Compacted topic").count(), 3, "{text}");
        let taken = world.produce("t", 0, compressed(compression, true, 4));
        assert_eq!(taken.error_code, ErrorCode::NONE);
    }
}

#[test]
fn exactly_one_whole_good_batch_is_taken() {
    let mut world = World::new();
    world.create("t", 1, &[]);
    let good = batch(&["a", "b"]);
    let mut refused = |bytes: Vec<u8>| {
        let answer = world.produce("t", 0, bytes);
        assert_eq!(answer.base_offset, -1);
        answer.error_code
    };
    assert_eq!(refused(Vec::new()), ErrorCode::INVALID_RECORD);
    assert_eq!(refused(good[..good.len() - 1].to_vec()), ErrorCode::INVALID_RECORD);
    assert_eq!(refused(good[..30].to_vec()), ErrorCode::INVALID_RECORD);
    assert_eq!(refused([&*good, &*good].concat()), ErrorCode::INVALID_RECORD);
    assert_eq!(refused([&*good, &[0; 5][..]].concat()), ErrorCode::INVALID_RECORD);
    for (magic, expected) in [
        (0, ErrorCode::UNSUPPORTED_FOR_MESSAGE_FORMAT),
        (1, ErrorCode::UNSUPPORTED_FOR_MESSAGE_FORMAT),
        (3, ErrorCode::CORRUPT_MESSAGE),
    ] {
        let mut batch = good.clone();
        batch[16] = magic;
        assert_eq!(refused(batch), expected, "magic {magic}");
    }
    let mut flipped = good.clone();
    *flipped.last_mut().unwrap() ^= 1;
    assert_eq!(refused(flipped), ErrorCode::CORRUPT_MESSAGE);
    let mut negative = good.clone();
    negative[8..12].copy_from_slice(&(-5_i32).to_be_bytes());
    assert_eq!(refused(negative), ErrorCode::CORRUPT_MESSAGE);
    assert_eq!(world.fetch("t", 0, 0).high_watermark, 0, "nothing of it is in the log");
}

#[test]
fn a_header_that_no_producer_writes_is_refused() {
    let mut world = World::new();
    world.create("t", 1, &[]);
    let mut refused = |change: &dyn Fn(&mut [u8])| {
        let mut batch = batch(&["a", "b"]);
        forge(&mut batch, change);
        world.produce("t", 0, batch).error_code
    };
    assert_eq!(refused(&|batch| set_base_offset(batch, 5)), ErrorCode::INVALID_RECORD);
    assert_eq!(refused(&|batch| batch[60] = 3), ErrorCode::INVALID_RECORD, "count");
    assert_eq!(refused(&|batch| batch[57] = 0xff), ErrorCode::INVALID_RECORD, "count");
    assert_eq!(refused(&|batch| batch[22] |= 32), ErrorCode::INVALID_RECORD, "control");
    assert_eq!(refused(&|batch| batch[22] |= 16), ErrorCode::INVALID_PRODUCER_ID_MAPPING);
    assert_eq!(refused(&|batch| batch[22] |= 8), ErrorCode::INVALID_TIMESTAMP);
    assert_eq!(refused(&|batch| batch[22] |= 7), ErrorCode::CORRUPT_MESSAGE, "codec 7");
    let unsequenced = |batch: &mut [u8]| {
        batch[43..51].copy_from_slice(&5_i64.to_be_bytes());
        batch[51..53].copy_from_slice(&0_i16.to_be_bytes());
        batch[53..57].copy_from_slice(&(-1_i32).to_be_bytes());
    };
    assert_eq!(refused(&unsequenced), ErrorCode::INVALID_RECORD);
    let no_producer = |batch: &mut [u8]| batch[50] = 0xfe;
    assert_eq!(refused(&no_producer), ErrorCode::NONE, "an id below -1 is none either");
    let before_1970 = |batch: &mut [u8]| batch[27..35].copy_from_slice(&(-5_i64).to_be_bytes());
    assert_eq!(refused(&before_1970), ErrorCode::NONE);
    assert_eq!(refused(&|_| {}), ErrorCode::NONE);
}

#[test]
fn zstd_needs_a_request_that_knows_it() {
    let mut world = World::new();
    world.create("t", 1, &[]);
    for (version, expected) in [(6, ErrorCode::UNSUPPORTED_COMPRESSION_TYPE), (7, ErrorCode::NONE)]
    {
        let request = produce_request("t", 0, 1, compressed(Compression::Zstd, false, 2));
        let response = world.ask(version, &request);
        assert_eq!(response.responses[0].partition_responses[0].error_code, expected);
    }
}

#[test]
fn batches_stay_as_they_came_but_for_offset_and_epoch() {
    let mut world = World::new();
    world.create("t", 1, &[]);
    for compression in Compression::ALL {
        let sent = compressed(compression, false, 10);
        let offset = world.produce("t", 0, sent.clone()).base_offset;
        let data = world.fetch("t", 0, offset);
        let kept = data.records.unwrap().to_bytes().unwrap();
        assert_eq!(kept[17..], sent[17..], "{compression}");
        assert_eq!(kept[..8], offset.to_be_bytes());
        assert_eq!(kept[12..16], [0; 4], "leader epoch");
    }
}

#[test]
fn log_append_time_is_stamped_and_told() {
    let mut world = World::new();
    world.create("t", 1, &[("message.timestamp.type", "LogAppendTime")]);
    world.advance(77);
    let answer = world.produce("t", 0, compressed(Compression::Lz4, false, 3));
    assert_eq!((answer.base_offset, answer.log_append_time_ms), (0, START_MS + 77));
    let bytes = world.fetch("t", 0, 0).records.unwrap().to_bytes().unwrap();
    let kept = Batches::new(bytes).next().unwrap().unwrap();
    kept.verify_crc().unwrap();
    assert_eq!(kept.header().timestamp_type(), TimestampType::LogAppendTime);
    assert_eq!(kept.header().max_timestamp, START_MS + 77);
}

#[test]
fn timestamps_have_limits_in_both_directions() {
    let mut world = World::new();
    let configs =
        [("message.timestamp.before.max.ms", "5000"), ("message.timestamp.after.max.ms", "1000")];
    world.create("t", 1, &configs);
    world.create("free", 1, &[]);
    let at = |offsets: &[i64]| {
        let mut builder = BatchBuilder::new(Vec::new());
        offsets.iter().for_each(|at| builder.append(START_MS + at, None, Some(b"v"), &[]));
        builder.seal(Stamp::NONE, &mut Compressor::none())
    };
    let mut blamed = |offsets: &[i64]| {
        let answer = world.produce("t", 0, at(offsets));
        let blamed: Vec<_> = answer.record_errors.iter().map(|e| e.batch_index).collect();
        assert_eq!(answer.error_code == ErrorCode::INVALID_TIMESTAMP, !blamed.is_empty());
        blamed
    };
    assert_eq!(blamed(&[-5_000, 0, 1_000]), [0; 0]);
    assert_eq!(blamed(&[0, 1_001, 0]), [1]);
    assert_eq!(blamed(&[0, 0, -5_001]), [2]);
    let hour = 3_600_000;
    let old = world.produce("free", 0, at(&[-START_MS, hour]));
    assert_eq!(old.error_code, ErrorCode::NONE, "1970 is fine, and an hour ahead too");
    let far = world.produce("free", 0, at(&[hour + 1]));
    assert_eq!(far.error_code, ErrorCode::INVALID_TIMESTAMP);
}

#[test]
fn a_topic_without_records_takes_null_as_an_empty_batch() {
    let mut world = World::new();
    world.create("t", 1, &[]);
    let mut request = produce_request("t", 0, 1, Vec::new());
    request.topic_data[0].partition_data[0].records = None;
    let response = world.ask(12, &request);
    let answer = &response.responses[0].partition_responses[0];
    assert_eq!(answer.error_code, ErrorCode::INVALID_RECORD);
    let text = "Produce requests with version 12 must have exactly one record batch per partition";
    assert_eq!(answer.error_message.as_deref(), Some(text));
}

//! Stories of fetches: what they give, and how long they wait.

use super::*;
use kafka_proto::messages::delete_topics;

/// A fetch that waits until there are `min_bytes`, for at most `max_wait_ms`.
fn waiting(topic: &str, offset: i64, min_bytes: i32, max_wait_ms: i32) -> fetch::Request {
    fetch::Request { min_bytes, max_wait_ms, ..fetch_request(topic, 0, offset) }
}

fn answered(world: &mut World, conn: ConnectionId) -> Option<fetch::Response> {
    world.reply::<fetch::Request>(conn, 12).map(|(_, response)| response)
}

fn first(response: &fetch::Response) -> &fetch::PartitionData {
    &response.responses[0].partitions[0]
}

#[test]
fn a_fetch_waits_for_its_minimum_and_no_longer() {
    let mut world = World::new();
    world.create("t", 1, &[]);
    let reader = world.connect("INSIDE");
    let len = i32::try_from(batch(&["a"]).len()).unwrap();
    world.send(reader, 12, &waiting("t", 0, 3 * len, 500));
    for _ in 0..2 {
        world.advance(100);
        world.produce("t", 0, batch(&["a"]));
        assert!(answered(&mut world, reader).is_none(), "there is too little");
    }
    world.produce("t", 0, batch(&["a"]));
    let response = answered(&mut world, reader).unwrap();
    assert_eq!(values(first(&response)).len(), 3);
    assert_eq!(world.broker.control().counters().waited_fetches, 1);
}

#[test]
fn a_fetch_gives_what_is_there_when_its_time_is_up() {
    let mut world = World::new();
    world.create("t", 1, &[]);
    let reader = world.connect("INSIDE");
    world.produce("t", 0, batch(&["a"]));
    world.send(reader, 12, &waiting("t", 0, 100_000, 500));
    assert_eq!(world.broker.deadline(), Some(500));
    world.advance(499);
    assert!(answered(&mut world, reader).is_none());
    world.advance(1);
    let response = answered(&mut world, reader).unwrap();
    assert_eq!(values(first(&response)).len(), 1);
    world.send(reader, 12, &waiting("t", 1, 1, 200));
    world.advance(200);
    let response = answered(&mut world, reader).unwrap();
    let data = first(&response);
    assert_eq!((data.error_code, data.high_watermark, size(data)), (ErrorCode::NONE, 1, 0));
}

#[test]
fn nothing_is_waited_for_when_nothing_is_asked_to_be() {
    let mut world = World::new();
    world.create("t", 1, &[]);
    for request in [waiting("t", 0, 0, 500), waiting("t", 0, 1, 0), fetch::Request::default()] {
        let response = world.ask(12, &request);
        assert!(response.responses.iter().all(|topic| size(&topic.partitions[0]) == 0));
    }
    assert_eq!(world.broker.control().counters().waited_fetches, 0);
}

#[test]
fn the_minimum_counts_over_all_partitions_but_no_more_of_each_than_it_may_give() {
    let mut world = World::new();
    world.create("t", 2, &[]);
    let reader = world.connect("INSIDE");
    let len = i32::try_from(batch(&["a"]).len()).unwrap();
    let mut request = waiting("t", 0, 2 * len, 500);
    let mut second = request.topics[0].partitions[0].clone();
    second.partition = 1;
    request.topics[0].partitions.push(second);
    request.topics[0].partitions[0].partition_max_bytes = len;
    world.send(reader, 12, &request);
    world.produce("t", 0, batch(&["a"]));
    world.produce("t", 0, batch(&["b"]));
    assert!(answered(&mut world, reader).is_none(), "one batch is all that partition 0 may give");
    world.produce("t", 1, batch(&["c"]));
    let response = answered(&mut world, reader).unwrap();
    let counts: Vec<_> =
        response.responses[0].partitions.iter().map(|data| values(data).len()).collect();
    assert_eq!(counts, [1, 1]);
}

#[test]
fn the_whole_batch_comes_that_holds_the_offset() {
    let mut world = World::new();
    world.create("t", 1, &[]);
    world.produce("t", 0, batch(&["a", "b", "c"]));
    world.produce("t", 0, batch(&["d"]));
    let offsets: Vec<_> =
        values(&world.fetch("t", 0, 2)).iter().map(|(offset, _)| *offset).collect();
    assert_eq!(offsets, [0, 1, 2, 3]);
    assert_eq!(values(&world.fetch("t", 0, 3)), [(3, "d".to_owned())]);
    assert_eq!(size(&world.fetch("t", 0, 4)), 0);
}

#[test]
fn limits_cut_between_batches_and_the_first_batch_passes_them() {
    let mut world = World::new();
    world.create("t", 2, &[]);
    let len = i32::try_from(batch(&["a"]).len()).unwrap();
    for partition in [0, 0, 0, 1] {
        world.produce("t", partition, batch(&["a"]));
    }
    let mut counts = |partition_max: i32, max: i32| {
        let mut request = fetch_request("t", 0, 0);
        request.max_bytes = max;
        request.topics[0].partitions[0].partition_max_bytes = partition_max;
        let mut second = request.topics[0].partitions[0].clone();
        second.partition = 1;
        request.topics[0].partitions.push(second);
        let response = world.ask(12, &request);
        let data = response.responses[0].partitions.iter();
        data.map(|data| values(data).len()).collect::<Vec<_>>()
    };
    assert_eq!(counts(i32::MAX, i32::MAX), [3, 1]);
    assert_eq!(counts(3 * len - 1, i32::MAX), [2, 1]);
    assert_eq!(counts(i32::MAX, 2 * len), [2, 0], "the limit is that of the whole response");
    assert_eq!(counts(1, i32::MAX), [1, 0], "only the first of all passes its limit");
    assert_eq!(counts(0, 0), [1, 0]);
    assert_eq!(counts(-1, -1), [1, 0]);
}

#[test]
fn the_broker_has_a_limit_of_its_own() {
    let mut world = World::with(&[("fetch.max.bytes", "1024")]);
    world.create("t", 1, &[]);
    let large = "x".repeat(600);
    for _ in 0..3 {
        world.produce("t", 0, batch(&[&large]));
    }
    assert_eq!(values(&world.fetch("t", 0, 0)).len(), 1);
}

#[test]
fn what_cannot_be_read_fails_at_once_with_its_reason() {
    let mut world = World::new();
    world.create("t", 1, &[]);
    world.produce("t", 0, batch(&["a"]));
    let mut code = |topic: &str, partition, offset, epoch| {
        let mut request = fetch_request(topic, partition, offset);
        request.max_wait_ms = 500;
        request.topics[0].partitions[0].current_leader_epoch = epoch;
        let response = world.ask(12, &request);
        let data = first(&response);
        assert_eq!((data.high_watermark, size(data)), (-1, 0));
        data.error_code
    };
    assert_eq!(code("t", 0, 2, -1), ErrorCode::OFFSET_OUT_OF_RANGE);
    assert_eq!(code("t", 0, -1, -1), ErrorCode::OFFSET_OUT_OF_RANGE);
    assert_eq!(code("nope", 0, 0, -1), ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    assert_eq!(code("t", 1, 0, -1), ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    assert_eq!(code("t", 0, 0, 1), ErrorCode::UNKNOWN_LEADER_EPOCH);
}

#[test]
fn topics_are_named_by_id_from_version_13_on() {
    let mut world = World::new();
    let id = world.create("t", 1, &[]);
    world.produce("t", 0, batch(&["a"]));
    for (topic_id, expected) in
        [(id, ErrorCode::NONE), (Uuid([9; 16]), ErrorCode::UNKNOWN_TOPIC_ID)]
    {
        let mut request = fetch_request("", 0, 0);
        request.topics[0].topic_id = topic_id;
        let response = world.ask(18, &request);
        assert_eq!(response.responses[0].topic_id, topic_id);
        assert_eq!(first(&response).error_code, expected);
    }
}

#[test]
fn an_old_leader_epoch_is_fenced_and_told_who_leads() {
    let mut world = World::new();
    let id = world.create("t", 1, &[]);
    world.produce("t", 0, batch(&["a"]));
    world.broker.control().raise_leader_epoch("t", 0);
    let mut request = fetch_request("", 0, 0);
    request.topics[0].topic_id = id;
    request.topics[0].partitions[0].current_leader_epoch = 0;
    let response = world.ask(16, &request);
    let data = first(&response);
    assert_eq!(data.error_code, ErrorCode::FENCED_LEADER_EPOCH);
    assert_eq!((data.current_leader.leader_id, data.current_leader.leader_epoch), (1, 1));
    let endpoint = &response.node_endpoints[0];
    assert_eq!((endpoint.node_id, &*endpoint.host, endpoint.port), (1, "broker", 9092));
    assert_eq!(endpoint.rack.as_deref(), Some("r1"));
    request.topics[0].partitions[0].current_leader_epoch = 1;
    let response = world.ask(16, &request);
    assert_eq!(first(&response).error_code, ErrorCode::NONE);
    assert!(response.node_endpoints.is_empty());
}

#[test]
fn a_log_that_has_parted_is_told_where() {
    let mut world = World::new();
    world.create("t", 1, &[]);
    world.produce("t", 0, batch(&["a", "b"]));
    world.broker.control().raise_leader_epoch("t", 0);
    world.produce("t", 0, batch(&["c"]));
    let mut diverging = |offset, last_fetched_epoch| {
        let mut request = fetch_request("t", 0, offset);
        request.topics[0].partitions[0].last_fetched_epoch = last_fetched_epoch;
        let response = world.ask(12, &request);
        let data = first(&response);
        let EpochEnd { epoch, end_offset } = data.diverging_epoch.clone();
        assert!(epoch == -1 || size(data) == 0, "no records come with it");
        (data.error_code, epoch, end_offset)
    };
    use fetch::EpochEndOffset as EpochEnd;
    assert_eq!(diverging(2, 0), (ErrorCode::NONE, -1, -1));
    assert_eq!(diverging(3, 1), (ErrorCode::NONE, -1, -1));
    assert_eq!(diverging(3, 0), (ErrorCode::NONE, 0, 2));
    assert_eq!(diverging(9, 1), (ErrorCode::NONE, 1, 3));
    assert_eq!(diverging(1, 7), (ErrorCode::OFFSET_OUT_OF_RANGE, -1, -1));
}

#[test]
fn there_are_no_followers() {
    let mut world = World::new();
    world.create("t", 1, &[]);
    let request = fetch::Request { replica_id: 2, ..fetch_request("t", 0, 0) };
    let response = world.ask(12, &request);
    assert_eq!(first(&response).error_code, ErrorCode::NOT_LEADER_OR_FOLLOWER);
    let debugging = fetch::Request { replica_id: -2, ..fetch_request("t", 0, 0) };
    assert_eq!(first(&world.ask(12, &debugging)).error_code, ErrorCode::NONE);
}

#[test]
fn committed_records_are_all_records_as_long_as_there_are_no_transactions() {
    let mut world = World::new();
    world.create("t", 1, &[]);
    world.produce("t", 0, batch(&["a"]));
    let request = fetch::Request { isolation_level: 1, ..fetch_request("t", 0, 0) };
    let response = world.ask(12, &request);
    let data = first(&response);
    assert_eq!((data.last_stable_offset, values(data).len()), (1, 1));
    assert_eq!(data.aborted_transactions.as_deref(), Some(&[][..]));
    assert_eq!(world.fetch("t", 0, 0).aborted_transactions, None);
}

#[test]
fn deleting_a_topic_answers_who_waits_for_it() {
    let mut world = World::new();
    world.create("t", 1, &[]);
    let reader = world.connect("INSIDE");
    world.send(reader, 12, &waiting("t", 0, 1, 60_000));
    let request = delete_topics::Request { topic_names: vec!["t".into()], ..Default::default() };
    world.ask(5, &request);
    let response = answered(&mut world, reader).unwrap();
    assert_eq!(first(&response).error_code, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    assert_eq!(world.broker.deadline(), Some(300_000), "nobody waits any more");
}

#[test]
fn many_can_wait_for_one_partition_and_one_for_many() {
    let mut world = World::new();
    world.create("t", 50, &[]);
    let mut request = waiting("t", 0, 1, 500);
    let one = request.topics[0].partitions.remove(0);
    for partition in 0..50 {
        request.topics[0].partitions.push(fetch::FetchPartition { partition, ..one.clone() });
    }
    let readers: Vec<_> = (0..20).map(|_| world.connect("INSIDE")).collect();
    readers.iter().for_each(|reader| _ = world.send(*reader, 12, &request));
    world.broker.on_disconnect(readers[3]);
    world.produce("t", 31, batch(&["a"]));
    for reader in &readers {
        let response = answered(&mut world, *reader);
        assert_eq!(response.is_none(), *reader == readers[3]);
        let Some(response) = response else { continue };
        let data = &response.responses[0].partitions[31];
        assert_eq!(values(data), [(0, "a".to_owned())]);
    }
    assert_eq!(world.broker.deadline(), Some(300_000), "nobody waits any more");
}

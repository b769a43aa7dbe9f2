//! Stories of fetch sessions over several requests.

use super::*;
use kafka_proto::messages::delete_topics;

fn in_session(id: i32, epoch: i32, partitions: &[(i32, i64)]) -> fetch::Request {
    let ask = |&(partition, fetch_offset): &(i32, i64)| fetch::FetchPartition {
        partition,
        fetch_offset,
        partition_max_bytes: 1 << 20,
        ..Default::default()
    };
    let topic = fetch::FetchTopic {
        topic: "t".into(),
        partitions: partitions.iter().map(ask).collect(),
        ..Default::default()
    };
    let topics = if partitions.is_empty() { Vec::new() } else { vec![topic] };
    fetch::Request { session_id: id, session_epoch: epoch, topics, ..Default::default() }
}

fn told(response: &fetch::Response) -> Vec<(i32, usize)> {
    let partitions = response.responses.iter().flat_map(|topic| &topic.partitions);
    partitions.map(|data| (data.partition_index, values(data).len())).collect()
}

#[test]
fn a_session_remembers_what_is_wanted_and_tells_what_is_new() {
    let mut world = World::new();
    world.create("t", 3, &[]);
    let opened = world.ask(12, &in_session(0, 0, &[(0, 0), (1, 0), (2, 0)]));
    let id = opened.session_id;
    assert!(id > 0);
    assert_eq!(told(&opened), [(0, 0), (1, 0), (2, 0)]);
    assert_eq!(told(&world.ask(12, &in_session(id, 1, &[]))), []);
    world.produce("t", 1, batch(&["a"]));
    assert_eq!(told(&world.ask(12, &in_session(id, 2, &[]))), [(1, 1)]);
    let moved = world.ask(12, &in_session(id, 3, &[(1, 1)]));
    assert_eq!((moved.session_id, told(&moved)), (id, vec![]));
    let mut forget = in_session(id, 4, &[]);
    let forgotten =
        fetch::ForgottenTopic { topic: "t".into(), partitions: vec![2], ..Default::default() };
    forget.forgotten_topics_data = vec![forgotten];
    world.ask(12, &forget);
    world.produce("t", 2, batch(&["b"]));
    assert_eq!(told(&world.ask(12, &in_session(id, 5, &[]))), []);
}

#[test]
fn a_session_can_wait_and_outlives_its_connection() {
    let mut world = World::new();
    world.create("t", 1, &[]);
    let id = world.ask(12, &in_session(0, 0, &[(0, 0)])).session_id;
    let first = world.conn;
    let wait = fetch::Request { min_bytes: 1, max_wait_ms: 500, ..in_session(id, 1, &[]) };
    world.send(first, 12, &wait);
    world.broker.on_disconnect(first);
    world.conn = world.connect("OUTSIDE");
    world.produce("t", 0, batch(&["a"]));
    assert_eq!(told(&world.ask(12, &in_session(id, 2, &[]))), [(0, 1)]);
}

#[test]
fn a_session_that_cannot_be_gone_on_with_is_refused_as_a_whole() {
    let mut world = World::new();
    world.create("t", 1, &[]);
    let id = world.ask(12, &in_session(0, 0, &[(0, 0)])).session_id;
    for (version, request, expected) in [
        (12, in_session(id ^ 1, 1, &[]), ErrorCode::FETCH_SESSION_ID_NOT_FOUND),
        (12, in_session(0, 1, &[]), ErrorCode::FETCH_SESSION_ID_NOT_FOUND),
        (12, in_session(id, 5, &[]), ErrorCode::INVALID_FETCH_SESSION_EPOCH),
        (13, in_session(id, 1, &[]), ErrorCode::FETCH_SESSION_TOPIC_ID_ERROR),
    ] {
        let response = world.ask(version, &request);
        assert_eq!((response.error_code, response.session_id), (expected, 0));
        assert!(response.responses.is_empty());
    }
    let closed = world.ask(12, &in_session(id, -1, &[(0, 0)]));
    assert_eq!((closed.error_code, closed.session_id), (ErrorCode::NONE, 0));
    let gone = world.ask(12, &in_session(id, 1, &[]));
    assert_eq!(gone.error_code, ErrorCode::FETCH_SESSION_ID_NOT_FOUND);
}

#[test]
fn without_slots_every_fetch_is_whole() {
    let mut world = World::with(&[("max.incremental.fetch.session.cache.slots", "0")]);
    world.create("t", 1, &[]);
    let response = world.ask(12, &in_session(0, 0, &[(0, 0)]));
    assert_eq!((response.session_id, told(&response)), (0, vec![(0, 0)]));
}

#[test]
fn a_topic_made_anew_is_not_the_one_the_session_knows() {
    let mut world = World::new();
    let old = world.create("t", 1, &[]);
    let mut request = in_session(0, 0, &[(0, 0)]);
    request.topics[0].topic_id = old;
    let id = world.ask(13, &request).session_id;
    let code = |world: &mut World, epoch| {
        world.ask(13, &in_session(id, epoch, &[])).responses[0].partitions[0].error_code
    };
    let delete = delete_topics::Request { topic_names: vec!["t".into()], ..Default::default() };
    world.ask(5, &delete);
    assert_eq!(code(&mut world, 1), ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    let new = world.create("t", 1, &[]);
    assert_ne!(old, new);
    assert_eq!(code(&mut world, 2), ErrorCode::INCONSISTENT_TOPIC_ID);
    assert_eq!(code(&mut world, 3), ErrorCode::INCONSISTENT_TOPIC_ID, "told until it is gone");
}

#[test]
fn an_id_unknown_at_first_is_known_once_the_topic_is_there() {
    let mut world = World::new();
    let mut request = in_session(0, 0, &[(0, 0)]);
    request.topics[0].topic_id = Uuid([9; 16]);
    let opened = world.ask(13, &request);
    let code = opened.responses[0].partitions[0].error_code;
    assert_eq!(code, ErrorCode::UNKNOWN_TOPIC_ID);
    assert!(opened.session_id > 0);
}

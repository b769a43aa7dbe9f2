//! Stories of what a test can do to requests.

use super::*;
use std::time::Duration;

fn produce_one(world: &mut World) -> ConnectionId {
    let conn = world.connect("INSIDE");
    world.send(conn, 12, &produce_request("t", 0, -1, batch(&["a"])));
    conn
}

fn answer(world: &mut World, conn: ConnectionId) -> Option<ErrorCode> {
    let (_, response) = world.reply::<produce::Request>(conn, 12)?;
    Some(response.responses[0].partition_responses[0].error_code)
}

fn appended(world: &World) -> u64 {
    world.broker.control().counters().appended_batches
}

#[test]
fn an_error_answers_in_place_of_the_broker_and_says_who_leads() {
    let mut world = World::new();
    world.create("t", 1, &[]);
    let stale = ErrorCode::NOT_LEADER_OR_FOLLOWER;
    world.broker.control().on(ApiKey::PRODUCE).times(2).error(stale);
    let response = world.ask(12, &produce_request("t", 0, -1, batch(&["a"])));
    let told = &response.responses[0].partition_responses[0];
    assert_eq!((told.error_code, told.current_leader.leader_id), (stale, 1));
    assert_eq!(&*response.node_endpoints[0].host, "broker");
    let old = world.ask(9, &produce_request("t", 0, -1, batch(&["a"])));
    assert_eq!(old.responses[0].partition_responses[0].error_code, stale);
    assert_eq!(appended(&world), 0);
    assert_eq!(world.produce("t", 0, batch(&["a"])).base_offset, 0);
    world.broker.control().on(ApiKey::FETCH).times(1).error(stale);
    let response = world.ask(12, &fetch_request("t", 0, 0));
    assert_eq!(response.responses[0].partitions[0].error_code, stale);
    assert_eq!(response.responses[0].partitions[0].current_leader.leader_id, 1);
}

#[test]
fn an_error_after_the_append_leaves_the_batch_in_the_log() {
    let mut world = World::new();
    world.create("t", 1, &[]);
    let code = ErrorCode::NOT_ENOUGH_REPLICAS_AFTER_APPEND;
    world.broker.control().on(ApiKey::PRODUCE).times(1).handle_then_error(code);
    let conn = produce_one(&mut world);
    assert_eq!(answer(&mut world, conn), Some(code));
    assert_eq!(appended(&world), 1);
}

#[test]
fn a_delay_holds_back_its_connection_alone() {
    let mut world = World::new();
    world.create("t", 1, &[]);
    world.broker.control().on(ApiKey::PRODUCE).times(1).delay(Duration::from_millis(70));
    let slow = produce_one(&mut world);
    let behind = world.send(slow, 13, &metadata::Request::default());
    let fast = produce_one(&mut world);
    assert_eq!(answer(&mut world, fast), Some(ErrorCode::NONE));
    world.advance(69);
    assert_eq!((answer(&mut world, slow), appended(&world)), (None, 1));
    world.advance(1);
    assert_eq!((answer(&mut world, slow), appended(&world)), (Some(ErrorCode::NONE), 2));
    assert_eq!(world.reply::<metadata::Request>(slow, 13).unwrap().0, behind);
}

#[test]
fn a_reply_can_be_late_although_the_work_is_done() {
    let mut world = World::new();
    world.create("t", 1, &[]);
    world.broker.control().on(ApiKey::PRODUCE).times(1).delay_reply(Duration::from_millis(70));
    let conn = produce_one(&mut world);
    assert_eq!((answer(&mut world, conn), appended(&world)), (None, 1));
    world.advance(69);
    assert_eq!(answer(&mut world, conn), None);
    world.advance(1);
    assert_eq!(answer(&mut world, conn), Some(ErrorCode::NONE));
}

#[test]
fn a_connection_can_be_dropped_before_and_after_the_work() {
    let mut world = World::new();
    world.create("t", 1, &[]);
    world.broker.control().on(ApiKey::PRODUCE).times(1).drop_connection();
    world.broker.control().on(ApiKey::PRODUCE).times(1).lose_reply();
    for (reason, done) in [("dropped by a rule", 0), ("reply lost by a rule", 1)] {
        let conn = produce_one(&mut world);
        assert_eq!((&*world.closed[&conn], appended(&world)), (reason, done));
        assert_eq!(answer(&mut world, conn), None);
    }
    let conn = produce_one(&mut world);
    assert_eq!(answer(&mut world, conn), Some(ErrorCode::NONE));
}

#[test]
fn a_lost_reply_of_a_waiting_fetch_is_lost_when_it_is_due() {
    let mut world = World::new();
    world.create("t", 1, &[]);
    world.broker.control().on(ApiKey::FETCH).times(1).lose_reply();
    let reader = world.connect("INSIDE");
    let wait = fetch::Request { max_wait_ms: 500, ..fetch_request("t", 0, 0) };
    world.send(reader, 12, &wait);
    assert!(!world.closed.contains_key(&reader));
    world.produce("t", 0, batch(&["a"]));
    assert_eq!(world.closed[&reader], "reply lost by a rule");
}

#[test]
fn a_connection_can_fall_silent() {
    let mut world = World::new();
    world.create("t", 1, &[]);
    world.broker.control().on(ApiKey::PRODUCE).times(1).hang();
    let conn = produce_one(&mut world);
    world.send(conn, 13, &metadata::Request::default());
    world.advance(100_000);
    assert_eq!((answer(&mut world, conn), appended(&world)), (None, 1));
    assert!(!world.closed.contains_key(&conn) && !world.replies.contains_key(&conn));
    let other = produce_one(&mut world);
    assert_eq!(answer(&mut world, other), Some(ErrorCode::NONE));
}

#[test]
fn a_fault_without_acks_has_nothing_to_answer() {
    let mut world = World::new();
    world.create("t", 1, &[]);
    world.broker.control().on(ApiKey::PRODUCE).times(1).lose_reply();
    let conn = world.connect("INSIDE");
    world.send(conn, 12, &produce_request("t", 0, 0, batch(&["a"])));
    assert_eq!((&*world.closed[&conn], appended(&world)), ("reply lost by a rule", 1));
}

#[test]
fn an_error_for_who_reads_no_answer_closes_the_connection() {
    let mut world = World::new();
    world.create("t", 1, &[]);
    world.broker.control().on(ApiKey::PRODUCE).times(1).error(ErrorCode::NOT_LEADER_OR_FOLLOWER);
    let conn = world.connect("INSIDE");
    world.send(conn, 12, &produce_request("t", 0, 0, batch(&["a"])));
    assert_eq!((&*world.closed[&conn], appended(&world)), ("refused by a rule", 0));
}

#[test]
fn requests_are_counted_and_logged() {
    let mut world = World::new();
    world.create("t", 1, &[]);
    world.broker.control().clear_request_log();
    let conn = produce_one(&mut world);
    world.fetch("t", 0, 0);
    let log = world.broker.control().request_log();
    let rows: Vec<_> = log.iter().map(|r| (r.api, r.version, r.connection)).collect();
    assert_eq!(rows, [(ApiKey::PRODUCE, 12, conn), (ApiKey::FETCH, 12, world.conn)]);
    assert_eq!(log[0].client_id.as_deref(), Some("test"));
    let counters = world.broker.control().counters();
    assert_eq!(counters.requests[&ApiKey::CREATE_TOPICS], 1);
    assert_eq!(counters.faults, 0);
}

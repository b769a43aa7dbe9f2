//! Stories of connections: order, garbage, and leaving early.

use super::*;

#[test]
fn answers_leave_in_the_order_of_the_requests() {
    let mut world = World::new();
    world.create("t", 1, &[]);
    let conn = world.conn;
    let wait = fetch::Request { max_wait_ms: 500, ..fetch_request("t", 0, 0) };
    let sent = [
        world.send(conn, 12, &wait),
        world.send(conn, 13, &metadata::Request::default()),
        world.send(conn, 12, &produce_request("t", 0, -1, batch(&["a"]))),
    ];
    assert!(world.replies.get(&conn).is_none_or(VecDeque::is_empty), "all wait for the fetch");
    assert!(world.broker.is_busy(conn));
    world.advance(500);
    let got = [
        world.reply::<fetch::Request>(conn, 12).unwrap().0,
        world.reply::<metadata::Request>(conn, 13).unwrap().0,
        world.reply::<produce::Request>(conn, 12).unwrap().0,
    ];
    assert_eq!(got, sent);
    assert!(!world.broker.is_busy(conn));
}

#[test]
fn one_connection_does_not_hold_up_another() {
    let mut world = World::new();
    world.create("t", 1, &[]);
    let waiting = world.connect("INSIDE");
    let wait = fetch::Request { max_wait_ms: 500, ..fetch_request("t", 0, 0) };
    world.send(waiting, 12, &wait);
    assert_eq!(world.produce("t", 0, batch(&["a"])).error_code, ErrorCode::NONE);
    assert!(world.reply::<fetch::Request>(waiting, 12).is_some());
}

#[test]
fn what_is_no_request_closes_its_connection_and_says_why() {
    let mut world = World::new();
    for (bytes, reason) in [
        (&b""[..], "no request header: needs 2 bytes, 0 are left at byte 0"),
        (&[0, 3, 0], "no request header: needs 2 bytes, 1 are left at byte 2"),
        (&[0, 3, 0, 9, 0, 0, 0, 1, 0x7f, 0xff], "no request header: .client_id:"),
        (&[0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc], "API 5635 is not served"),
        (&[0, 3, 0, 99, 0, 0, 0, 1, 0xff, 0xff, 0], "Metadata is asked for in version 99"),
        (&[0, 3, 0xff, 0xff, 0, 0, 0, 1, 0xff, 0xff, 0], "Metadata is asked for in version -1"),
        (&[0, 68, 0, 0, 0, 0, 0, 1, 0xff, 0xff, 0], "ConsumerGroupHeartbeat is not served"),
        (&[0, 22, 0, 6, 0, 0, 0, 1, 0xff, 0xff, 0], "asked for in version 6, served are 0-5"),
        (&[0, 3, 0, 1, 0, 0, 0, 1, 0xff, 0xff, 0x7f, 0, 0, 0], "no Metadata request: .topics:"),
    ] {
        let conn = world.connect("INSIDE");
        world.send_bytes(conn, bytes);
        let told = world.closed.get(&conn).unwrap();
        assert!(told.contains(reason), "{told:?} should say {reason:?}");
    }
    let conn = world.conn;
    assert!(!world.closed.contains_key(&conn), "other connections are not touched");
    assert_eq!(world.ask(13, &metadata::Request::default()).error_code, ErrorCode::NONE);
}

#[test]
fn bytes_behind_a_request_are_dropped() {
    let mut world = World::new();
    let conn = world.connect("INSIDE");
    // As librdkafka asks for all topics: flags and tags a second time.
    world.send_bytes(conn, &[0, 3, 0, 13, 0, 0, 0, 7, 0xff, 0xff, 0, 0, 1, 0, 0, 1, 0, 0][..]);
    assert!(!world.closed.contains_key(&conn), "{:?}", world.closed);
    assert!(world.reply::<metadata::Request>(conn, 13).is_some());
}

#[test]
fn after_its_close_a_connection_is_not_listened_to() {
    let mut world = World::new();
    let conn = world.connect("INSIDE");
    world.broker.on_frame(world.now, conn, Bytes::from_static(b"garbage"));
    let frame = kafka_proto::frame::encode_request(&metadata::Request::default(), 13, 1, None);
    world.send_bytes(conn, frame.unwrap().into_bytes().slice(4..));
    assert_eq!(world.closed.len(), 1);
    assert!(world.replies.is_empty());
    world.send_bytes(ConnectionId(99), &b"from nobody"[..]);
    assert_eq!(world.closed.len(), 1);
}

#[test]
fn too_many_waiting_requests_close_the_connection() {
    let mut world = World::new();
    world.create("t", 1, &[]);
    let conn = world.conn;
    let wait = fetch::Request { max_wait_ms: 500, ..fetch_request("t", 0, 0) };
    for _ in 0..=MAX_WAITING_REQUESTS {
        world.send(conn, 12, &wait);
        assert!(!world.closed.contains_key(&conn));
    }
    world.send(conn, 12, &wait);
    assert_eq!(world.closed[&conn], "more than 1000 requests are waiting");
    assert_eq!(world.broker.deadline(), Some(300_000), "and nothing of it waits any more");
}

#[test]
fn a_disconnect_forgets_what_was_waiting() {
    let mut world = World::new();
    world.create("t", 1, &[]);
    let conn = world.connect("INSIDE");
    let wait = fetch::Request { max_wait_ms: 500, ..fetch_request("t", 0, 0) };
    world.send(conn, 12, &wait);
    world.send(conn, 12, &produce_request("t", 0, -1, batch(&["a"])));
    world.broker.on_disconnect(conn);
    world.advance(500);
    assert!(!world.replies.contains_key(&conn));
    assert_eq!(world.fetch("t", 0, 0).high_watermark, 0);
    assert!(!world.broker.is_busy(conn));
}

#[test]
fn random_bytes_never_stop_the_broker() {
    let mut rng = kafka_proto::wire::sample::Rng::new(7);
    let mut world = World::new();
    for round in 0..3_000 {
        let conn = world.connect("INSIDE");
        let len = rng.below(200);
        let mut bytes = rng.bytes(len);
        if round % 2 == 0 && bytes.len() > 4 {
            bytes[..2].copy_from_slice(&[0, u8::try_from(rng.below(61)).unwrap()]);
            bytes[2..4].copy_from_slice(&[0, u8::try_from(rng.below(14)).unwrap()]);
        }
        world.send_bytes(conn, bytes);
        world.broker.on_disconnect(conn);
    }
    assert!(world.closed.len() > 2_000, "{}", world.closed.len());
    assert_eq!(world.ask(13, &metadata::Request::default()).error_code, ErrorCode::NONE);
}

//! Stories of ApiVersions, and of every version that it offers.

use super::*;
use kafka_proto::any::ApiType;
use kafka_proto::api::{APIS, ApiInfo};
use kafka_proto::messages::api_versions;
use kafka_proto::wire::sample::draw;

fn ask_versions(software: (&str, &str)) -> api_versions::Request {
    api_versions::Request {
        client_software_name: software.0.into(),
        client_software_version: software.1.into(),
        ..Default::default()
    }
}

/// Sends an ApiVersions request of any version and gives the answer without its length.
fn raw(world: &mut World, version: i16) -> Bytes {
    let conn = world.connect("INSIDE");
    let mut frame = vec![0, 18];
    frame.extend_from_slice(&version.to_be_bytes());
    frame.extend_from_slice(&[0, 0, 0, 7, 0, 1, b'x']);
    if version >= 3 {
        frame.extend_from_slice(&[0, 2, b'a', 2, b'b', 0]);
    }
    world.send_bytes(conn, frame);
    world.replies.get_mut(&conn).and_then(VecDeque::pop_front).unwrap()
}

fn ranges(response: &api_versions::Response) -> Vec<(i16, i16, i16)> {
    response.api_keys.iter().map(|r| (r.api_key, r.min_version, r.max_version)).collect()
}

/// What Kafka 4.4 serves of the APIs that are served here.
const SERVED: [(i16, i16, i16); 38] = [
    (0, 0, 13),
    (1, 4, 18),
    (2, 1, 11),
    (3, 0, 13),
    (8, 2, 10),
    (9, 1, 10),
    (10, 0, 6),
    (11, 0, 9),
    (12, 0, 4),
    (13, 0, 5),
    (14, 0, 5),
    (15, 0, 6),
    (16, 0, 5),
    (18, 0, 5),
    (19, 2, 7),
    (20, 1, 6),
    (21, 0, 2),
    (22, 0, 5),
    (23, 2, 4),
    (29, 1, 3),
    (32, 1, 4),
    (33, 0, 2),
    (34, 1, 2),
    (35, 1, 5),
    (37, 0, 3),
    (42, 0, 3),
    (43, 0, 2),
    (44, 0, 1),
    (45, 0, 1),
    (46, 0, 0),
    (47, 0, 0),
    (48, 0, 1),
    (50, 0, 0),
    (55, 0, 2),
    (60, 0, 2),
    (61, 0, 0),
    (74, 0, 1),
    (75, 0, 0),
];

fn is_served(api: ApiKey) -> bool {
    SERVED.iter().any(|(key, ..)| *key == api.0)
}

#[test]
fn offers_what_it_serves_in_the_order_of_the_keys() {
    let mut world = World::new();
    for version in 0..=5 {
        let response = world.ask(version, &ask_versions(("client", "1.0")));
        assert_eq!(response.error_code, ErrorCode::NONE);
        assert_eq!(ranges(&response), SERVED);
    }
}

#[test]
fn an_answer_of_any_version_begins_like_version_0_and_has_no_default_tags() {
    let mut world = World::new();
    let old = raw(&mut world, 0);
    assert_eq!(old[..10], [0, 0, 0, 7, 0, 0, 0, 0, 0, 38], "correlation id, no error, 38 rows");
    let flexible = raw(&mut world, 3);
    assert_eq!(flexible[..7], [0, 0, 0, 7, 0, 0, 39], "no tags in the header");
    assert_eq!(flexible[flexible.len() - 5..], [0, 0, 0, 0, 0], "throttle time, then no tag");
    assert_eq!(flexible.len(), 7 + 38 * 7 + 5);
}

#[test]
fn an_unknown_version_is_answered_in_version_0_with_all_ranges() {
    let mut world = World::new();
    for version in [6, 9, i16::MAX] {
        let reply = raw(&mut world, version);
        let (id, response) = decode_response::<api_versions::Request>(reply, 0).unwrap();
        assert_eq!((id, response.error_code), (7, ErrorCode::UNSUPPORTED_VERSION));
        assert_eq!(ranges(&response), SERVED);
    }
    assert!(world.closed.is_empty());
}

#[test]
fn clients_name_themselves_properly() {
    let mut world = World::new();
    for software in [("-x", "1"), ("x", ""), ("x y", "1"), ("x", "1_0")] {
        let response = world.ask(3, &ask_versions(software));
        assert_eq!(response.error_code, ErrorCode::INVALID_REQUEST, "{software:?}");
        assert!(response.api_keys.is_empty());
    }
    assert_eq!(world.ask(2, &ask_versions(("", ""))).error_code, ErrorCode::NONE);
}

#[test]
fn who_came_to_the_wrong_broker_is_sent_back_to_bootstrap() {
    let mut world = World::new();
    let here = "cluster-0123456789abcd";
    for (cluster_id, node_id, expected) in [
        (Some(here), 1, ErrorCode::NONE),
        (None, -1, ErrorCode::NONE),
        (Some("other"), 1, ErrorCode::REBOOTSTRAP_REQUIRED),
        (Some(here), 2, ErrorCode::REBOOTSTRAP_REQUIRED),
        (Some(here), -1, ErrorCode::INVALID_REQUEST),
        (None, 1, ErrorCode::INVALID_REQUEST),
    ] {
        let cluster_id = cluster_id.map(Into::into);
        let request = api_versions::Request { cluster_id, node_id, ..ask_versions(("x", "1")) };
        assert_eq!(world.ask(5, &request).error_code, expected, "{request:?}");
    }
}

#[test]
fn a_pinned_release_is_all_there_is() {
    let mut world = World::new();
    world.broker.control().as_version("2.8").unwrap();
    let reply = raw(&mut world, 4);
    let (_, response) = decode_response::<api_versions::Request>(reply, 0).unwrap();
    assert_eq!(response.error_code, ErrorCode::UNSUPPORTED_VERSION);
    let response = world.ask(3, &ask_versions(("x", "1")));
    let ranges = ranges(&response);
    assert!(ranges.contains(&(1, 4, 12)) && ranges.contains(&(60, 0, 0)), "{ranges:?}");
    let conn = world.conn;
    world.send(conn, 13, &fetch_request("t", 0, 0));
    assert_eq!(world.closed[&conn], "Fetch is asked for in version 13, served are 4-12");
}

/// What is served, in each of its versions.
fn served() -> impl Iterator<Item = (&'static ApiType, i16)> {
    let served = APIS.iter().filter(|api| is_served(api.info.key));
    served.flat_map(|api| {
        let versions = api.info.stable.min..=api.info.stable.max;
        versions.map(move |version| (api, version))
    })
}

/// Sends a request drawn from `seed`.
fn send_sample(
    world: &mut World,
    conn: ConnectionId,
    api: &ApiType,
    version: i16,
    seed: u64,
) -> i32 {
    let mut request = api.request.initial();
    draw(&mut *request, seed, version);
    world.correlation_id += 1;
    let frame = api.encode_request(&*request, version, world.correlation_id, Some(&"test".into()));
    world.send_bytes(conn, frame.unwrap().into_bytes().slice(4..));
    world.correlation_id
}

/// Which request the next answer is to, if there is one.
fn answered(world: &mut World, conn: ConnectionId, api: &ApiType, version: i16) -> Option<i32> {
    let reply = world.replies.get_mut(&conn)?.pop_front()?;
    Some(api.decode_response(reply, version).unwrap().0)
}

#[test]
fn every_version_of_every_api_is_answered() {
    let mut world = World::new();
    world.create("t", 1, &[]);
    let mut asked = 0;
    for (api, version) in served() {
        for seed in 0..20 {
            let conn = world.connect("INSIDE");
            let id = send_sample(&mut world, conn, api, version, seed);
            world.advance(0);
            let closed = world.closed.get(&conn).cloned();
            if let Some(answered) = answered(&mut world, conn, api, version) {
                assert_eq!(answered, id);
                asked += 1;
            } else if let Some(reason) = closed {
                let unacknowledged = "a Produce request without acknowledgement failed";
                assert!(reason.starts_with(unacknowledged), "{version}: {reason}");
            } else {
                // It waits, or it wants no answer.
                let ApiInfo { key, name, .. } = api.info;
                assert!(matches!(key, ApiKey::FETCH | ApiKey::PRODUCE), "{name}");
            }
            world.broker.on_disconnect(conn);
        }
    }
    assert!(asked > 1_500, "{asked}");
}

#[test]
fn an_injected_error_fits_into_every_version() {
    let mut world = World::new();
    let mut refused = 0;
    for (api, version) in served() {
        let ApiInfo { key, name, .. } = api.info;
        for seed in 0..5 {
            let conn = world.connect("INSIDE");
            let code = ErrorCode::NOT_LEADER_OR_FOLLOWER;
            world.broker.control().on(key).times(1).error(code);
            send_sample(&mut world, conn, api, version, seed);
            let answered = answered(&mut world, conn, api, version).is_some();
            // A Produce request without acks is answered by closing.
            let unread = key == ApiKey::PRODUCE && world.closed.contains_key(&conn);
            assert!(answered != unread, "{name} {version}");
            refused += 1;
        }
    }
    assert!(refused > 400, "{refused}");
}

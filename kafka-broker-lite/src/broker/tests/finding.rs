//! Stories of finding topics, brokers and coordinators.

use super::*;
use kafka_proto::messages::metadata::{MetadataRequestTopic, MetadataResponseTopic};
use kafka_proto::messages::{describe_cluster, find_coordinator};

fn named(names: &[&str]) -> metadata::Request {
    let topic =
        |name: &&str| MetadataRequestTopic { name: Some((*name).into()), ..Default::default() };
    metadata::Request { topics: Some(names.iter().map(topic).collect()), ..Default::default() }
}

fn by_id(id: Uuid) -> metadata::Request {
    let topic = MetadataRequestTopic { topic_id: id, name: None };
    metadata::Request { topics: Some(vec![topic]), ..Default::default() }
}

fn names(response: &metadata::Response) -> Vec<&str> {
    response.topics.iter().filter_map(|topic| topic.name.as_deref()).collect()
}

#[test]
fn tells_the_broker_its_topics_and_who_leads_them() {
    let mut world = World::new();
    let id = world.create("t", 2, &[]);
    world.broker.control().raise_leader_epoch("t", 1);
    let response = world.ask(13, &named(&["t"]));
    assert_eq!(response.error_code, ErrorCode::NONE);
    assert_eq!(response.cluster_id.as_deref(), Some("cluster-0123456789abcd"));
    assert_eq!((response.controller_id, response.brokers.len()), (1, 1));
    let topic = &response.topics[0];
    assert_eq!((topic.error_code, topic.topic_id, topic.is_internal), (ErrorCode::NONE, id, false));
    let rows: Vec<_> = topic
        .partitions
        .iter()
        .map(|p| (p.partition_index, p.leader_id, p.leader_epoch, &*p.replica_nodes, &*p.isr_nodes))
        .collect();
    assert_eq!(rows, [(0, 1, 0, &[1][..], &[1][..]), (1, 1, 1, &[1], &[1])]);
}

#[test]
fn every_listener_advertises_its_own_address() {
    let mut world = World::new();
    for (listener, host, port) in [("INSIDE", "broker", 9092), ("OUTSIDE", "example.org", 19093)] {
        world.conn = world.connect(listener);
        let broker = world.ask(13, &named(&[])).brokers.remove(0);
        assert_eq!((broker.node_id, &*broker.host, broker.port), (1, host, port));
        assert_eq!(broker.rack.as_deref(), Some("r1"));
        let cluster = world.ask(2, &describe_cluster::Request::default());
        let broker = &cluster.brokers[0];
        assert_eq!((broker.broker_id, &*broker.host, broker.port), (1, host, port));
        let request = find_coordinator::Request {
            coordinator_keys: vec!["group".into()],
            ..Default::default()
        };
        let coordinator = world.ask(6, &request).coordinators.remove(0);
        assert_eq!((coordinator.node_id, &*coordinator.host, coordinator.port), (1, host, port));
    }
}

#[test]
fn a_null_list_is_all_topics_and_an_empty_one_none_but_in_version_0() {
    let mut world = World::new();
    world.create("b", 1, &[]);
    world.create("a", 1, &[]);
    let all = metadata::Request { topics: None, ..Default::default() };
    assert_eq!(names(&world.ask(1, &all)), ["a", "b"]);
    assert_eq!(names(&world.ask(13, &all)), ["a", "b"]);
    assert!(names(&world.ask(1, &named(&[]))).is_empty());
    assert_eq!(names(&world.ask(0, &named(&[]))), ["a", "b"]);
}

#[test]
fn an_unknown_topic_comes_into_being_when_both_sides_allow_it() {
    let mut world = World::with(&[("num.partitions", "3")]);
    let careful = metadata::Request { allow_auto_topic_creation: false, ..named(&["new"]) };
    let code = |topic: &MetadataResponseTopic| topic.error_code;
    let unknown = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
    assert_eq!(code(&world.ask(13, &careful).topics[0]), unknown);
    assert_eq!(code(&world.ask(13, &careful).topics[0]), unknown);
    let first = world.ask(13, &named(&["new"])).topics.remove(0);
    assert_eq!((first.error_code, first.partitions.len()), (ErrorCode::LEADER_NOT_AVAILABLE, 0));
    let then = world.ask(13, &named(&["new"])).topics.remove(0);
    assert_eq!((then.error_code, then.partitions.len()), (ErrorCode::NONE, 3));
    assert_eq!(code(&world.ask(0, &named(&["older"])).topics[0]), ErrorCode::LEADER_NOT_AVAILABLE);

    let mut strict = World::with(&[("auto.create.topics.enable", "false")]);
    for _ in 0..2 {
        assert_eq!(code(&strict.ask(13, &named(&["new"])).topics[0]), unknown);
    }
}

#[test]
fn a_topic_that_would_collide_is_not_created_by_the_way() {
    let mut world = World::new();
    world.create("a.b", 1, &[]);
    let code = world.ask(13, &named(&["a_b"])).topics[0].error_code;
    assert_eq!(code, ErrorCode::INVALID_TOPIC_EXCEPTION);
}

#[test]
fn names_that_cannot_be_are_invalid_and_not_created() {
    let mut world = World::new();
    for name in ["a b", "", "..", &"x".repeat(250)] {
        let topic = world.ask(13, &named(&[name])).topics.remove(0);
        assert_eq!(topic.error_code, ErrorCode::INVALID_TOPIC_EXCEPTION, "{name:?}");
        assert_eq!(topic.name.as_deref(), Some(name));
    }
    let all = metadata::Request { topics: None, ..Default::default() };
    assert!(names(&world.ask(13, &all)).is_empty());
}

#[test]
fn topics_are_found_by_id_from_version_12_on() {
    let mut world = World::new();
    let id = world.create("t", 1, &[]);
    assert_eq!(world.id_of("t"), id);
    assert_eq!(names(&world.ask(12, &by_id(id))), ["t"]);
    let unknown = world.ask(12, &by_id(Uuid([9; 16]))).topics.remove(0);
    assert_eq!((unknown.error_code, unknown.name), (ErrorCode::UNKNOWN_TOPIC_ID, None));
    let early = world.ask(10, &by_id(id)).topics.remove(0);
    assert_eq!(early.error_code, ErrorCode::INVALID_REQUEST);
}

#[test]
fn what_is_asked_for_twice_is_told_once() {
    let mut world = World::new();
    let id = world.create("t", 1, &[]);
    let mut request = by_id(id);
    request.topics.as_mut().unwrap().extend(named(&["t", "new", "new"]).topics.unwrap());
    let codes = |response: &metadata::Response| {
        let row = |t: &metadata::MetadataResponseTopic| (t.name.clone().unwrap(), t.error_code);
        response.topics.iter().map(row).collect::<Vec<_>>()
    };
    let told = codes(&world.ask(13, &request));
    let new = ErrorCode::LEADER_NOT_AVAILABLE;
    assert_eq!(told, [("t".into(), ErrorCode::NONE), ("new".into(), new)]);
}

#[test]
fn kafkas_own_topics_are_marked() {
    let mut world = World::new();
    world.create("__consumer_offsets", 1, &[]);
    assert!(world.ask(13, &named(&["__consumer_offsets"])).topics[0].is_internal);
}

#[test]
fn allowed_operations_are_told_to_who_asks() {
    let mut world = World::new();
    world.create("t", 1, &[]);
    let silent = world.ask(8, &named(&["t"]));
    assert_eq!(silent.cluster_authorized_operations, i32::MIN);
    assert_eq!(silent.topics[0].topic_authorized_operations, i32::MIN);
    let asking = metadata::Request {
        include_cluster_authorized_operations: true,
        include_topic_authorized_operations: true,
        ..named(&["t"])
    };
    let told = world.ask(8, &asking);
    assert_eq!(told.cluster_authorized_operations, 8096);
    assert_eq!(told.topics[0].topic_authorized_operations, 3576);
    let cluster = describe_cluster::Request {
        include_cluster_authorized_operations: true,
        ..Default::default()
    };
    assert_eq!(world.ask(0, &cluster).cluster_authorized_operations, 8096);
}

#[test]
fn a_cluster_is_described_with_its_brokers_alone() {
    let mut world = World::new();
    let response = world.ask(2, &describe_cluster::Request::default());
    assert_eq!(&*response.cluster_id, "cluster-0123456789abcd");
    assert_eq!((response.controller_id, response.endpoint_type), (1, 1));
    assert_eq!(response.cluster_authorized_operations, i32::MIN);
    for (endpoint_type, expected, text) in [
        (2, ErrorCode::MISMATCHED_ENDPOINT_TYPE, "wanted an endpoint of type CONTROLLER"),
        (7, ErrorCode::UNSUPPORTED_ENDPOINT_TYPE, "Unsupported endpoint type 7"),
    ] {
        let request = describe_cluster::Request { endpoint_type, ..Default::default() };
        let response = world.ask(1, &request);
        assert_eq!(response.error_code, expected);
        assert!(response.error_message.unwrap().contains(text));
    }
}

#[test]
fn this_broker_coordinates_everything_it_understands() {
    let mut world = World::new();
    let mut code = |version, key_type, key: &str| {
        let coordinator_keys = vec![key.into()];
        let request =
            find_coordinator::Request { key_type, coordinator_keys, ..Default::default() };
        let coordinator = world.ask(version, &request).coordinators.remove(0);
        assert_eq!(coordinator.node_id == 1, coordinator.error_code.is_ok());
        coordinator.error_code
    };
    assert_eq!(code(4, 0, "group"), ErrorCode::NONE);
    assert_eq!(code(4, 1, "transactional-id"), ErrorCode::NONE);
    assert_eq!(code(6, 2, "my:group:AAAAAAAAAAAAAAAAAAAAAA:0"), ErrorCode::NONE);
    assert_eq!(code(6, 2, "group"), ErrorCode::INVALID_REQUEST);
    assert_eq!(code(5, 2, "group:AAAAAAAAAAAAAAAAAAAAAA:0"), ErrorCode::INVALID_REQUEST);
    assert_eq!(code(6, 3, "x"), ErrorCode::INVALID_REQUEST);
    let single = find_coordinator::Request { key: "group".into(), ..Default::default() };
    let found = world.ask(0, &single);
    assert_eq!((found.error_code, found.node_id, found.port), (ErrorCode::NONE, 1, 9092));
}

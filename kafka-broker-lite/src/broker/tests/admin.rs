//! Stories of topics that are created, deleted and grown.

use super::*;
use kafka_proto::messages::create_partitions::{
    self, CreatePartitionsAssignment, CreatePartitionsTopic,
};
use kafka_proto::messages::create_topics::{CreatableReplicaAssignment, CreatableTopicResult};
use kafka_proto::messages::delete_topics::{self, DeletableTopicResult, DeleteTopicState};

fn topic(name: &str, num_partitions: i32, replication_factor: i16) -> CreatableTopic {
    CreatableTopic { name: name.into(), num_partitions, replication_factor, ..Default::default() }
}

fn with_config(name: &str, config: (&str, Option<&str>)) -> CreatableTopic {
    let config = CreatableTopicConfig { name: config.0.into(), value: config.1.map(Into::into) };
    CreatableTopic { configs: vec![config], ..topic(name, 1, 1) }
}

fn assigned(name: &str, assignments: &[(i32, &[i32])]) -> CreatableTopic {
    let assignment = |&(partition_index, brokers): &(i32, &[i32])| CreatableReplicaAssignment {
        partition_index,
        broker_ids: brokers.to_vec(),
    };
    let assignments = assignments.iter().map(assignment).collect();
    CreatableTopic { assignments, ..topic(name, -1, -1) }
}

fn create(world: &mut World, topics: Vec<CreatableTopic>) -> Vec<CreatableTopicResult> {
    world.ask(7, &create_topics::Request { topics, ..Default::default() }).topics
}

/// The code and text that creating a topic is refused with.
fn refusal(world: &mut World, topic: CreatableTopic) -> (ErrorCode, String) {
    let refused = create(world, vec![topic]).remove(0);
    assert_eq!((refused.num_partitions, refused.topic_id), (-1, Uuid::ZERO));
    (refused.error_code, refused.error_message.unwrap().to_string())
}

fn exists(world: &mut World, name: &str) -> bool {
    let asked = metadata::MetadataRequestTopic { name: Some(name.into()), ..Default::default() };
    let request = metadata::Request {
        topics: Some(vec![asked]),
        allow_auto_topic_creation: false,
        ..Default::default()
    };
    world.ask(13, &request).topics[0].error_code.is_ok()
}

#[test]
fn a_topic_is_created_and_described() {
    let mut world = World::with(&[("num.partitions", "4")]);
    let created = create(&mut world, vec![topic("a", 3, 1), topic("b", -1, -1)]);
    let rows: Vec<_> = created
        .iter()
        .map(|t| (&*t.name, t.error_code, t.num_partitions, t.replication_factor))
        .collect();
    assert_eq!(rows, [("a", ErrorCode::NONE, 3, 1), ("b", ErrorCode::NONE, 4, 1)]);
    assert_ne!(created[0].topic_id, created[1].topic_id);
    let configs = created[0].configs.as_ref().unwrap();
    assert_eq!(configs.len(), 37);
    let retention = configs.iter().find(|c| &*c.name == "retention.ms").unwrap();
    assert_eq!((retention.value.as_deref(), retention.config_source), (Some("604800000"), 5));
    assert!(exists(&mut world, "a") && exists(&mut world, "b"));
}

#[test]
fn validating_creates_nothing() {
    let mut world = World::new();
    let topics = vec![topic("good", 2, 1), topic("bad", 0, 1)];
    let request = create_topics::Request { topics, validate_only: true, ..Default::default() };
    let results = world.ask(7, &request).topics;
    assert_eq!((results[0].error_code, results[0].num_partitions), (ErrorCode::NONE, 2));
    assert_eq!(results[1].error_code, ErrorCode::INVALID_PARTITIONS);
    assert!(!exists(&mut world, "good"));
}

#[test]
fn what_cannot_be_created_is_refused_in_kafkas_words() {
    let mut world = World::new();
    create(&mut world, vec![topic("t", 1, 1), topic("a.b", 1, 1)]);
    for (topic, code, text) in [
        (topic("t", 1, 1), ErrorCode::TOPIC_ALREADY_EXISTS, "Topic 't' already exists."),
        (
            topic("a_b", 1, 1),
            ErrorCode::INVALID_TOPIC_EXCEPTION,
            "Topic 'a_b' collides with existing topic: a.b",
        ),
        (
            topic("..", 1, 1),
            ErrorCode::INVALID_TOPIC_EXCEPTION,
            "Topic name is invalid: '..' is not allowed",
        ),
        (
            topic("n", 0, 1),
            ErrorCode::INVALID_PARTITIONS,
            "Number of partitions was set to an invalid non-positive value.",
        ),
        (
            topic("n", 1, 0),
            ErrorCode::INVALID_REPLICATION_FACTOR,
            "Replication factor must be larger than 0, or -1 to use the default value.",
        ),
        (
            topic("n", 1, 3),
            ErrorCode::INVALID_REPLICATION_FACTOR,
            "Unable to replicate the partition 3 time(s): The target replication factor of 3 \
             cannot be reached because only 1 broker(s) are registered or some brokers have all \
             their log directories cordoned.",
        ),
        (
            topic("n", 10_001, 1),
            ErrorCode::POLICY_VIOLATION,
            "Excessively large number of partitions per request.",
        ),
        (
            topic("__cluster_metadata", 1, 1),
            ErrorCode::INVALID_REQUEST,
            "Creation of internal topic __cluster_metadata is prohibited.",
        ),
        (
            with_config("n", ("foo", Some("1"))),
            ErrorCode::INVALID_CONFIG,
            "Unknown topic config name: foo",
        ),
        (
            with_config("n", ("segment.bytes", Some("1048575"))),
            ErrorCode::INVALID_CONFIG,
            "Invalid value 1048575 for configuration segment.bytes: Value must be at least 1048576",
        ),
        (
            with_config("n", ("retention.ms", None)),
            ErrorCode::INVALID_CONFIG,
            "Null value not supported for topic configs: retention.ms",
        ),
    ] {
        assert_eq!(refusal(&mut world, topic), (code, text.to_owned()));
    }
    assert!(!exists(&mut world, "n"));
}

#[test]
fn replicas_can_be_assigned_to_this_broker_alone() {
    let mut world = World::new();
    let created = create(&mut world, vec![assigned("t", &[(1, &[1]), (0, &[1])])]).remove(0);
    assert_eq!((created.error_code, created.num_partitions), (ErrorCode::NONE, 2));
    for (topic, text) in [
        (
            assigned("n", &[(1, &[1])]),
            "partitions should be a consecutive 0-based integer sequence",
        ),
        (
            assigned("n", &[(0, &[9])]),
            "The manual partition assignment includes broker 9, but no such broker is registered.",
        ),
        (
            assigned("n", &[(0, &[1, 1])]),
            "The manual partition assignment includes the broker 1 more than once.",
        ),
        (
            assigned("n", &[(0, &[])]),
            "The manual partition assignment includes an empty replica list.",
        ),
        (
            assigned("n", &[(0, &[1]), (0, &[1])]),
            "Found multiple manual partition assignments for partition 0",
        ),
    ] {
        let expected = (ErrorCode::INVALID_REPLICA_ASSIGNMENT, text.to_owned());
        assert_eq!(refusal(&mut world, topic), expected);
    }
    let both = CreatableTopic { num_partitions: 1, ..assigned("n", &[(0, &[1])]) };
    let (code, text) = refusal(&mut world, both);
    assert_eq!(code, ErrorCode::INVALID_REQUEST);
    assert!(text.ends_with("but numPartitions was not set to -1."), "{text}");
}

#[test]
fn a_topic_named_twice_is_created_never_and_told_once() {
    let mut world = World::new();
    let results = create(&mut world, vec![topic("t", 1, 1), topic("t", 2, 1), topic("u", 1, 1)]);
    let rows: Vec<_> = results.iter().map(|t| (&*t.name, t.error_code)).collect();
    assert_eq!(rows, [("t", ErrorCode::INVALID_REQUEST), ("u", ErrorCode::NONE)]);
    assert_eq!(results[0].error_message.as_deref(), Some("Duplicate topic name."));
}

fn delete(world: &mut World, topics: Vec<DeleteTopicState>) -> Vec<DeletableTopicResult> {
    world.ask(6, &delete_topics::Request { topics, ..Default::default() }).responses
}

fn by_name(name: &str) -> DeleteTopicState {
    DeleteTopicState { name: Some(name.into()), topic_id: Uuid::ZERO }
}

fn by_id(topic_id: Uuid) -> DeleteTopicState {
    DeleteTopicState { name: None, topic_id }
}

#[test]
fn topics_are_deleted_by_name_and_by_id() {
    let mut world = World::new();
    world.create("a", 1, &[]);
    let b = world.create("b", 1, &[]);
    world.create("c", 1, &[]);
    let results = delete(&mut world, vec![by_name("a"), by_id(b)]);
    assert_eq!(results[1].name.as_deref(), Some("b"));
    let codes: Vec<_> = results.iter().map(|result| result.error_code).collect();
    assert_eq!(codes, [ErrorCode::NONE, ErrorCode::NONE]);
    let old = delete_topics::Request { topic_names: vec!["c".into()], ..Default::default() };
    assert_eq!(world.ask(1, &old).responses[0].error_code, ErrorCode::NONE);
    for name in ["a", "b", "c"] {
        assert!(!exists(&mut world, name), "{name}");
    }
    world.create("a", 1, &[]);
    assert_eq!(world.fetch("a", 0, 0).high_watermark, 0);
}

#[test]
fn what_cannot_be_deleted_is_refused_in_kafkas_words() {
    let mut world = World::new();
    world.create("t", 1, &[]);
    let both = DeleteTopicState { name: Some("t".into()), topic_id: Uuid([1; 16]) };
    for (topics, code, text) in [
        (
            vec![by_name("nope")],
            ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
            "This server does not host this topic-partition.",
        ),
        (
            vec![by_id(Uuid([9; 16]))],
            ErrorCode::UNKNOWN_TOPIC_ID,
            "This server does not host this topic ID.",
        ),
        (
            vec![both],
            ErrorCode::INVALID_REQUEST,
            "You may not specify both topic name and topic id.",
        ),
        (
            vec![by_id(Uuid::ZERO)],
            ErrorCode::INVALID_REQUEST,
            "Neither topic name nor id were specified.",
        ),
        (vec![by_name("t"), by_name("t")], ErrorCode::INVALID_REQUEST, "Duplicate topic name."),
    ] {
        let results = delete(&mut world, topics);
        assert_eq!(results.len(), 1);
        assert_eq!(
            (results[0].error_code, results[0].error_message.as_deref()),
            (code, Some(text))
        );
    }
    assert!(exists(&mut world, "t"));
}

#[test]
fn a_topic_that_is_named_twice_is_not_deleted_by_any_name() {
    let mut world = World::new();
    let id = world.create("t", 1, &[]);
    world.create("u", 1, &[]);
    let told = |results: &[DeletableTopicResult]| {
        let told = results.iter().map(|r| (r.error_code, r.error_message.clone()));
        told.map(|(code, text)| (code, text.unwrap_or_default().to_string())).collect::<Vec<_>>()
    };
    let invalid = |text: &str| (ErrorCode::INVALID_REQUEST, text.to_owned());
    let both = delete(&mut world, vec![by_name("t"), by_id(id), by_name("u")]);
    let text = "The provided topic name maps to an ID that was already supplied.";
    assert_eq!(told(&both), [invalid(text), (ErrorCode::NONE, String::new())]);
    let ids = delete(&mut world, vec![by_id(id), by_id(id)]);
    assert_eq!(told(&ids), [invalid("Duplicate topic id.")]);
    let nothing = delete(&mut world, vec![by_id(Uuid::ZERO), by_id(Uuid::ZERO)]);
    assert_eq!(told(&nothing), vec![invalid("Neither topic name nor id were specified."); 2]);
    assert!(exists(&mut world, "t") && !exists(&mut world, "u"));
}

#[test]
fn too_many_partitions_fail_all_of_a_request() {
    let mut world = World::new();
    let created = create(&mut world, vec![topic("a", 1, 1), topic("b", 10_000, 1)]);
    let text = "Excessively large number of partitions per request.";
    assert_eq!(created.len(), 2);
    for topic in created {
        let told = (topic.error_code, topic.error_message.as_deref());
        assert_eq!(told, (ErrorCode::POLICY_VIOLATION, Some(text)));
    }
    assert!(!exists(&mut world, "a"));
}

#[test]
fn a_broker_can_refuse_to_delete_topics() {
    let mut world = World::with(&[("delete.topic.enable", "false")]);
    world.create("t", 1, &[]);
    let request = delete_topics::Request { topic_names: vec!["t".into()], ..Default::default() };
    let code = |world: &mut World, version| world.ask(version, &request).responses[0].error_code;
    assert_eq!(code(&mut world, 5), ErrorCode::TOPIC_DELETION_DISABLED);
    assert_eq!(code(&mut world, 2), ErrorCode::INVALID_REQUEST);
}

#[test]
fn a_topic_grows_and_its_records_stay() {
    let mut world = World::new();
    world.create("t", 1, &[]);
    world.produce("t", 0, batch(&["a"]));
    let grow = |count, validate_only| create_partitions::Request {
        topics: vec![CreatePartitionsTopic { name: "t".into(), count, assignments: None }],
        validate_only,
        ..Default::default()
    };
    assert_eq!(world.ask(3, &grow(3, true)).results[0].error_code, ErrorCode::NONE);
    let code = world.produce("t", 2, batch(&["b"])).error_code;
    assert_eq!(code, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, "it was only validated");
    assert_eq!(world.ask(3, &grow(3, false)).results[0].error_code, ErrorCode::NONE);
    assert_eq!(world.produce("t", 2, batch(&["b"])).error_code, ErrorCode::NONE);
    assert_eq!(world.fetch("t", 0, 0).high_watermark, 1);
}

#[test]
fn what_cannot_grow_is_refused_in_kafkas_words_with_a_row_per_topic() {
    let mut world = World::new();
    world.create("t", 2, &[]);
    let asked = |name: &str, count: i32, assignments: Option<&[&[i32]]>| CreatePartitionsTopic {
        name: name.into(),
        count,
        assignments: assignments.map(|assignments| {
            let assignment =
                |brokers: &&[i32]| CreatePartitionsAssignment { broker_ids: brokers.to_vec() };
            assignments.iter().map(assignment).collect()
        }),
    };
    for (topics, code, text) in [
        (
            vec![asked("t", 1, None)],
            ErrorCode::INVALID_PARTITIONS,
            "The topic t currently has 2 partition(s); 1 would not be an increase.",
        ),
        (
            vec![asked("t", 2, None)],
            ErrorCode::INVALID_PARTITIONS,
            "Topic already has 2 partition(s).",
        ),
        (vec![asked("nope", 3, None)], ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, ""),
        (
            vec![asked("t", 4, Some(&[&[1]]))],
            ErrorCode::INVALID_REPLICA_ASSIGNMENT,
            "Attempted to add 2 additional partition(s), but only 1 assignment(s) were specified.",
        ),
        (
            vec![asked("t", 3, Some(&[&[7]]))],
            ErrorCode::INVALID_REPLICA_ASSIGNMENT,
            "The manual partition assignment includes broker 7, but no such broker is registered.",
        ),
        (
            vec![asked("t", 20_000, None)],
            ErrorCode::POLICY_VIOLATION,
            "Excessively large number of additional partitions per request.",
        ),
        (
            vec![asked("t", 3, None), asked("t", 4, None)],
            ErrorCode::INVALID_REQUEST,
            "Duplicate topic name.",
        ),
    ] {
        let results =
            world.ask(3, &create_partitions::Request { topics, ..Default::default() }).results;
        assert_eq!(results.len(), 1);
        assert_eq!(
            (results[0].error_code, results[0].error_message.as_deref()),
            (code, Some(text).filter(|text| !text.is_empty()))
        );
    }
}

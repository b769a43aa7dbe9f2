//! Stories of configs that are described and changed.

use super::*;
use kafka_proto::messages::describe_configs::{
    self, DescribeConfigsResource, DescribeConfigsResourceResult, DescribeConfigsResult,
};
use kafka_proto::messages::{alter_configs, incremental_alter_configs as incremental};

const TOPIC: i8 = 2;
const BROKER: i8 = 4;
const SET: i8 = 0;
const DELETE: i8 = 1;
const APPEND: i8 = 2;
const SUBTRACT: i8 = 3;

fn describe(
    world: &mut World,
    kind: i8,
    name: &str,
    keys: Option<&[&str]>,
) -> DescribeConfigsResult {
    let resource = DescribeConfigsResource {
        resource_type: kind,
        resource_name: name.into(),
        configuration_keys: keys.map(|keys| keys.iter().map(|key| (*key).into()).collect()),
    };
    let request = describe_configs::Request {
        resources: vec![resource],
        include_synonyms: true,
        include_documentation: true,
    };
    world.ask(4, &request).results.remove(0)
}

fn config(world: &mut World, kind: i8, name: &str, key: &str) -> DescribeConfigsResourceResult {
    let mut described = describe(world, kind, name, Some(&[key]));
    assert_eq!((described.error_code, described.configs.len()), (ErrorCode::NONE, 1));
    described.configs.remove(0)
}

/// The value of a topic's config, with the number of its source.
fn value(world: &mut World, topic: &str, key: &str) -> (String, i8) {
    let config = config(world, TOPIC, topic, key);
    (config.value.unwrap().to_string(), config.config_source)
}

fn change(
    world: &mut World,
    (kind, name): (i8, &str),
    changes: &[(&str, i8, Option<&str>)],
    validate_only: bool,
) -> (ErrorCode, Option<String>) {
    let change = |&(name, config_operation, value): &(&str, i8, Option<&str>)| {
        let value = value.map(Into::into);
        incremental::AlterableConfig { name: name.into(), config_operation, value }
    };
    let resource = incremental::AlterConfigsResource {
        resource_type: kind,
        resource_name: name.into(),
        configs: changes.iter().map(change).collect(),
    };
    let request = incremental::Request { resources: vec![resource], validate_only };
    let answer = world.ask(1, &request).responses.remove(0);
    assert_eq!((answer.resource_type, &*answer.resource_name), (kind, name));
    (answer.error_code, answer.error_message.map(|text| text.to_string()))
}

#[test]
fn every_config_of_a_topic_is_described_with_type_source_synonyms_and_words() {
    let mut world = World::with(&[("log.retention.hours", "1")]);
    world.create("t", 1, &[("cleanup.policy", "compact,delete")]);
    let described = describe(&mut world, TOPIC, "t", None);
    assert_eq!(described.configs.len(), 37);
    for config in &described.configs {
        assert!(config.value.is_some() && (1..=9).contains(&config.config_type));
        assert!(config.documentation.as_ref().is_some_and(|doc| doc.ends_with('.')));
        assert!(!config.read_only && !config.is_sensitive);
    }
    let retention = config(&mut world, TOPIC, "t", "retention.ms");
    assert_eq!((retention.value.as_deref(), retention.config_source), (Some("3600000"), 4));
    assert_eq!(retention.config_type, 5);
    let synonyms: Vec<_> = retention
        .synonyms
        .iter()
        .map(|s| (&*s.name, s.value.as_deref().unwrap(), s.source))
        .collect();
    assert_eq!(synonyms, [("log.retention.hours", "1", 4)]);
    let policy = config(&mut world, TOPIC, "t", "cleanup.policy");
    assert_eq!((policy.value.as_deref(), policy.config_source), (Some("compact,delete"), 1));
    assert_eq!(policy.config_type, 7);
}

#[test]
fn every_config_of_the_broker_is_described() {
    let mut world = World::with(&[("num.partitions", "6")]);
    let described = describe(&mut world, BROKER, "1", None);
    assert!(described.configs.len() > 50, "{}", described.configs.len());
    let partitions = config(&mut world, BROKER, "1", "num.partitions");
    assert_eq!((partitions.value.as_deref(), partitions.config_source), (Some("6"), 4));
    assert!(partitions.read_only);
    let size = config(&mut world, BROKER, "1", "message.max.bytes");
    assert_eq!((size.value.as_deref(), size.config_source), (Some("1048588"), 5));
    assert!(!size.read_only);
    assert!(describe(&mut world, BROKER, "", None).configs.is_empty());
}

#[test]
fn an_empty_list_of_keys_asks_for_all_and_documentation_only_when_wanted() {
    let mut world = World::new();
    world.create("t", 1, &[]);
    assert_eq!(describe(&mut world, TOPIC, "t", Some(&[])).configs.len(), 37);
    assert_eq!(describe(&mut world, TOPIC, "t", Some(&["foo"])).configs.len(), 0);
    let resource = DescribeConfigsResource {
        resource_type: TOPIC,
        resource_name: "t".into(),
        configuration_keys: None,
    };
    let request = describe_configs::Request { resources: vec![resource], ..Default::default() };
    let plain = world.ask(4, &request).results.remove(0).configs.remove(0);
    assert_eq!((plain.synonyms.len(), plain.documentation), (0, None));
}

#[test]
fn what_is_not_there_cannot_be_described() {
    let mut world = World::new();
    for (kind, name, code, text) in [
        (TOPIC, "nope", ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, ""),
        (TOPIC, "a b", ErrorCode::INVALID_TOPIC_EXCEPTION, "Topic name is invalid: 'a b'"),
        (
            BROKER,
            "9",
            ErrorCode::INVALID_REQUEST,
            "Unexpected broker id, expected 1 or empty string, but received 9",
        ),
        (BROKER, "x", ErrorCode::INVALID_REQUEST, "Broker id must be an integer, but it is: x"),
        (99, "x", ErrorCode::INVALID_REQUEST, "Unsupported resource type: 99"),
    ] {
        let described = describe(&mut world, kind, name, None);
        assert_eq!(described.error_code, code);
        let told = described.error_message.unwrap();
        assert!(told.starts_with(text), "{told}");
    }
}

#[test]
fn single_configs_are_set_deleted_appended_and_subtracted() {
    let mut world = World::new();
    world.create("t", 1, &[]);
    let t = (TOPIC, "t");
    let ok = (ErrorCode::NONE, None);
    let set = [("retention.ms", SET, Some("5")), ("segment.ms", SET, Some("7"))];
    assert_eq!(change(&mut world, t, &set, true), ok, "only validated");
    assert_eq!(value(&mut world, "t", "retention.ms"), ("604800000".to_owned(), 5));
    assert_eq!(change(&mut world, t, &set, false), ok);
    assert_eq!(value(&mut world, "t", "retention.ms"), ("5".to_owned(), 1));
    assert_eq!(value(&mut world, "t", "segment.ms"), ("7".to_owned(), 1));
    assert_eq!(change(&mut world, t, &[("retention.ms", DELETE, None)], false), ok);
    assert_eq!(value(&mut world, "t", "retention.ms"), ("604800000".to_owned(), 5));
    assert_eq!(value(&mut world, "t", "segment.ms"), ("7".to_owned(), 1), "others stay");
    assert_eq!(change(&mut world, t, &[("cleanup.policy", APPEND, Some("compact"))], false), ok);
    assert_eq!(value(&mut world, "t", "cleanup.policy"), ("delete,compact".to_owned(), 1));
    assert_eq!(change(&mut world, t, &[("cleanup.policy", SUBTRACT, Some("delete"))], false), ok);
    assert_eq!(value(&mut world, "t", "cleanup.policy"), ("compact".to_owned(), 1));
}

#[test]
fn what_cannot_be_changed_is_refused_in_kafkas_words_and_changes_nothing() {
    let mut world = World::new();
    world.create("t", 1, &[]);
    for (resource, changes, code, text) in [
        (
            (TOPIC, "t"),
            &[("retention.ms", SET, Some("5")), ("segment.bytes", SET, Some("5"))][..],
            ErrorCode::INVALID_CONFIG,
            "Invalid value 5 for configuration segment.bytes: Value must be at least 1048576",
        ),
        (
            (TOPIC, "t"),
            &[("foo", SET, Some("5"))],
            ErrorCode::INVALID_CONFIG,
            "Unknown topic config name: foo",
        ),
        (
            (TOPIC, "t"),
            &[("retention.ms", SET, None)],
            ErrorCode::INVALID_REQUEST,
            "Null value not supported for : retention.ms",
        ),
        (
            (TOPIC, "t"),
            &[("retention.ms", APPEND, Some("5"))],
            ErrorCode::INVALID_CONFIG,
            "Can't APPEND to key retention.ms because its type is not LIST.",
        ),
        (
            (TOPIC, "t"),
            &[("retention.ms", SUBTRACT, Some("5"))],
            ErrorCode::INVALID_CONFIG,
            "Can't SUBTRACT to key retention.ms because its type is not LIST.",
        ),
        (
            (TOPIC, "t"),
            &[("retention.ms", SET, Some("5")), ("retention.ms", DELETE, None)],
            ErrorCode::INVALID_REQUEST,
            "Error due to duplicate config keys",
        ),
        (
            (TOPIC, "t"),
            &[("retention.ms", 9, Some("5"))],
            ErrorCode::INVALID_REQUEST,
            "Unknown config operation 9",
        ),
        (
            (TOPIC, "nope"),
            &[("retention.ms", SET, Some("5"))],
            ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
            "The topic 'nope' does not exist.",
        ),
        (
            (BROKER, "1"),
            &[("num.partitions", SET, Some("5"))],
            ErrorCode::INVALID_REQUEST,
            "Cannot update these configs dynamically: [num.partitions]",
        ),
        (
            (99, "t"),
            &[("a", SET, Some("5"))],
            ErrorCode::INVALID_REQUEST,
            "Unknown resource type 99",
        ),
    ] {
        let refused = change(&mut world, resource, changes, false);
        assert_eq!(refused, (code, Some(text.to_owned())));
    }
    assert_eq!(value(&mut world, "t", "retention.ms"), ("604800000".to_owned(), 5));
}

#[test]
fn empty_items_and_names_of_no_topic_are_refused_in_kafkas_words() {
    let mut world = World::new();
    world.create("t", 1, &[]);
    for (resource, changes, code, text) in [
        (
            (TOPIC, "t"),
            &[("cleanup.policy", SET, Some("compact,,delete"))][..],
            ErrorCode::INVALID_CONFIG,
            "Configuration 'cleanup.policy' values must not be empty.",
        ),
        (
            (TOPIC, "t"),
            &[("cleanup.policy", APPEND, Some(""))],
            ErrorCode::INVALID_CONFIG,
            "Configuration 'cleanup.policy' values must not be empty.",
        ),
        (
            (TOPIC, ""),
            &[("retention.ms", SET, Some("5"))],
            ErrorCode::INVALID_REQUEST,
            "Default topic resources are not allowed.",
        ),
        (
            (TOPIC, "a b"),
            &[("retention.ms", SET, Some("5"))],
            ErrorCode::INVALID_TOPIC_EXCEPTION,
            "Topic name is invalid: 'a b' contains one or more characters other than ASCII \
             alphanumerics, '.', '_' and '-'",
        ),
    ] {
        let refused = change(&mut world, resource, changes, false);
        assert_eq!(refused, (code, Some(text.to_owned())));
    }
    assert_eq!(value(&mut world, "t", "cleanup.policy"), ("delete".to_owned(), 5));
}

#[test]
fn altering_all_at_once_takes_back_what_is_not_named() {
    let mut world = World::new();
    world.create("t", 1, &[("retention.ms", "5"), ("segment.ms", "7")]);
    let alter = |configs: &[(&str, Option<&str>)], validate_only| {
        let config = |&(name, value): &(&str, Option<&str>)| alter_configs::AlterableConfig {
            name: name.into(),
            value: value.map(Into::into),
        };
        let resource = alter_configs::AlterConfigsResource {
            resource_type: TOPIC,
            resource_name: "t".into(),
            configs: configs.iter().map(config).collect(),
        };
        alter_configs::Request { resources: vec![resource], validate_only }
    };
    let code = |world: &mut World, request: alter_configs::Request| {
        world.ask(2, &request).responses[0].error_code
    };
    assert_eq!(code(&mut world, alter(&[("segment.ms", Some("9"))], true)), ErrorCode::NONE);
    assert_eq!(value(&mut world, "t", "segment.ms"), ("7".to_owned(), 1));
    assert_eq!(code(&mut world, alter(&[("segment.ms", Some("9"))], false)), ErrorCode::NONE);
    assert_eq!(value(&mut world, "t", "segment.ms"), ("9".to_owned(), 1));
    assert_eq!(value(&mut world, "t", "retention.ms"), ("604800000".to_owned(), 5));
    let twice = alter(&[("segment.ms", Some("1")), ("segment.ms", Some("2"))], false);
    assert_eq!(code(&mut world, twice), ErrorCode::INVALID_REQUEST);
    let null = alter(&[("segment.ms", None)], false);
    assert_eq!(code(&mut world, null), ErrorCode::INVALID_REQUEST);
    let unknown = alter(&[("foo", Some("1"))], false);
    assert_eq!(code(&mut world, unknown), ErrorCode::INVALID_CONFIG);
}

#[test]
fn a_resource_that_is_named_twice_is_not_changed() {
    let mut world = World::new();
    world.create("t", 1, &[]);
    let set = |value: &str| incremental::AlterConfigsResource {
        resource_type: TOPIC,
        resource_name: "t".into(),
        configs: vec![incremental::AlterableConfig {
            name: "retention.ms".into(),
            config_operation: SET,
            value: Some(value.into()),
        }],
    };
    let resources = vec![set("5"), set("6")];
    let request = incremental::Request { resources, ..Default::default() };
    for response in world.ask(1, &request).responses {
        let text = "Each resource must appear at most once.";
        let told = (response.error_code, response.error_message.as_deref());
        assert_eq!(told, (ErrorCode::INVALID_REQUEST, Some(text)));
    }
    assert_eq!(value(&mut world, "t", "retention.ms"), ("604800000".to_owned(), 5));
}

#[test]
fn changed_configs_count_from_the_next_batch_on() {
    let mut world = World::new();
    world.create("t", 1, &[]);
    let large = batch(&[&"x".repeat(1000)]);
    assert_eq!(world.produce("t", 0, large.clone()).error_code, ErrorCode::NONE);
    let ok = (ErrorCode::NONE, None);
    let smaller = [("message.max.bytes", SET, Some("500"))];
    assert_eq!(change(&mut world, (BROKER, ""), &smaller, false), ok);
    assert_eq!(value(&mut world, "t", "max.message.bytes"), ("500".to_owned(), 3));
    let refused = world.produce("t", 0, large.clone()).error_code;
    assert_eq!(refused, ErrorCode::MESSAGE_TOO_LARGE);
    let larger = [("message.max.bytes", SET, Some("5000"))];
    assert_eq!(change(&mut world, (BROKER, "1"), &larger, false), ok, "one broker over all");
    assert_eq!(world.produce("t", 0, large.clone()).error_code, ErrorCode::NONE);
    let own = [("max.message.bytes", SET, Some("400"))];
    assert_eq!(change(&mut world, (TOPIC, "t"), &own, false), ok, "the topic over the broker");
    let refused = world.produce("t", 0, large).error_code;
    assert_eq!(refused, ErrorCode::MESSAGE_TOO_LARGE);
    let described = describe(&mut world, BROKER, "", None);
    assert_eq!(described.configs.len(), 1);
    assert_eq!(described.configs[0].value.as_deref(), Some("500"));
}

#[test]
fn a_config_of_the_broker_tells_what_it_takes_the_place_of() {
    let mut world = World::new();
    let synonyms = |world: &mut World, key| -> Vec<(String, i8)> {
        let found = config(world, BROKER, "1", key).synonyms.into_iter();
        found.map(|synonym| (synonym.name.to_string(), synonym.source)).collect()
    };
    assert_eq!(synonyms(&mut world, "log.retention.ms"), []);
    let set = [("log.retention.ms", 0, Some("5"))];
    assert_eq!(change(&mut world, (BROKER, "1"), &set, false).0, ErrorCode::NONE);
    let hours = ("log.retention.hours".to_owned(), 5);
    let milliseconds = ("log.retention.ms".to_owned(), 2);
    assert_eq!(synonyms(&mut world, "log.retention.ms"), [milliseconds, hours.clone()]);
    assert_eq!(synonyms(&mut world, "log.retention.hours"), [hours]);
    assert_eq!(synonyms(&mut world, "log.retention.minutes"), []);
}

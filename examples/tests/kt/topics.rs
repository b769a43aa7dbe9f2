//! `kt topics`.

use super::harness::broker;

#[test]
fn topics_are_created_listed_described_grown_and_deleted() {
    let broker = broker();
    let created = broker.kt("topics --create --topic com.example.topic.1 --partitions 1").ok();
    assert_eq!(created, "Created topic com.example.topic.1.\n");
    let config = "--config retention.ms=60000 --config cleanup.policy=compact";
    broker.kt(&format!("topics --create --topic two --replication-factor 1 {config}")).ok();
    assert_eq!(broker.kt("topics --list").ok(), "com.example.topic.1\ntwo\n");
    assert_eq!(broker.kt("topics --list --topic com.*").ok(), "com.example.topic.1\n");

    let again = broker.kt("topics --create --topic two").failed(1);
    assert!(again.contains("TOPIC_ALREADY_EXISTS"), "{again}");
    assert_eq!(broker.kt("topics --create --topic two --if-not-exists").ok(), "");

    let two = broker.kt("topics --describe --topic two").ok();
    let first = two.lines().next().unwrap();
    assert!(first.starts_with("Topic: two\tTopicId: "), "{first}");
    assert!(first.contains("\tPartitionCount: 4\tReplicationFactor: 1\tConfigs: "), "{first}");
    assert!(first.contains("retention.ms=60000") && first.contains("cleanup.policy=compact"));
    let last =
        "\tTopic: two\tPartition: 3\tLeader: 1\tReplicas: 1\tIsr: 1\tElr: N/A\tLastKnownElr: N/A";
    assert_eq!(two.lines().nth(4), Some(last));

    assert_eq!(broker.kt("topics --alter --topic two --partitions 6").ok(), "");
    let plain = broker.kt("topics --describe --topic two --output plain").ok();
    assert_eq!(plain.lines().last(), Some("two\t5\t1\t1\t1"));
    let fewer = broker.kt("topics --alter --topic two --partitions 1").failed(1);
    assert!(fewer.contains("INVALID_PARTITIONS"), "{fewer}");

    let json = broker.kt("topics --describe --topic two --output json").ok();
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&json["topic"], &json["partitionCount"]), (&"two".into(), &6.into()));
    assert_eq!(json["partitions"][5]["isr"], serde_json::json!([1]));
    assert_eq!(json["configs"]["retention.ms"], "60000");

    assert_eq!(
        broker.kt("topics --delete --topic two --output json").ok(),
        "{\"deleted\":\"two\"}\n"
    );
    let gone = broker.kt("topics --delete --topic two").failed(1);
    assert!(gone.contains("there is no topic \"two\""), "{gone}");
    assert_eq!(broker.kt("topics --delete --topic two --if-exists").ok(), "");
    assert_eq!(broker.kt("topics --list").ok(), "com.example.topic.1\n");
}

#[test]
fn what_makes_no_sense_is_told_before_anybody_is_asked() {
    let broker = broker();
    broker.kt("topics --create").failed(2);
    broker.kt("topics --create --list --topic a").failed(2);
    broker.kt("topics --alter --topic a").failed(2);
    broker.kt("topics --create --topic a --partitions 0").failed(2);
    broker.kt("topics --list --topic (").failed(2);
    let brokers = broker.kt("topics --create --topic a --replica-assignment 1,x").failed(2);
    assert!(brokers.contains("1:2,2:1"), "{brokers}");
    let config = broker.kt("topics --create --topic a --config retention=1").failed(1);
    assert!(config.contains("INVALID_CONFIG"), "{config}");
    assert_eq!(broker.kt("topics --list").ok(), "", "nothing was created");
}

#[test]
fn partitions_are_placed_on_the_brokers_that_are_named() {
    let broker = broker();
    broker.kt("topics --create --topic a --replica-assignment 1,1").ok();
    broker.kt("topics --alter --topic a --partitions 3 --replica-assignment 1,1,1").ok();
    let lacking = "topics --describe --under-replicated-partitions";
    assert_eq!(broker.kt(lacking).ok(), "");
    assert_eq!(broker.kt("topics --describe --unavailable-partitions").ok(), "");
    assert_eq!(broker.kt("topics --describe --topics-with-overrides").ok(), "");
    assert_eq!(broker.kt("topics --describe --under-min-isr-partitions").ok(), "");
    let at_least = broker.kt("topics --describe --at-min-isr-partitions").ok();
    assert_eq!(at_least.lines().count(), 3, "one of one: {at_least}");
    let id = broker.kt("topics --list --output json").ok();
    let id: serde_json::Value = serde_json::from_str(&id).unwrap();
    let by_id = format!("topics --describe --topic-id {}", id["id"].as_str().unwrap());
    assert!(broker.kt(&by_id).ok().starts_with("Topic: a\t"));
    let nobody = broker.kt("topics --describe --topic-id AAAAAAAAAAAAAAAAAAAAAA").failed(1);
    assert!(nobody.contains("there is no topic with id"), "{nobody}");
    assert_eq!(broker.kt("topics --describe --topic a").ok().lines().count(), 4);
}

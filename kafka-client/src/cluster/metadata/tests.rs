//! Stories of metadata that arrives late, early, twice and not at all.

use super::*;
use kafka_proto::messages::metadata::{
    MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic, Response,
};

const MS: u64 = 1_000;

fn at(ms: u64) -> Now {
    Now { monotonic: Monotonic(ms * MS), wall_ms: 0, random: 20 }
}

fn machine() -> Metadata {
    let backoff = Backoff { first: Duration::from_millis(100), max: Duration::from_secs(1) };
    Metadata::new(Duration::from_secs(300), backoff)
}

fn answer(topic: &str, leader: i32, epoch: i32) -> Response {
    let partition =
        MetadataResponsePartition { leader_id: leader, leader_epoch: epoch, ..Default::default() };
    Response {
        brokers: vec![MetadataResponseBroker {
            node_id: 1,
            host: "one".into(),
            port: 9092,
            ..Default::default()
        }],
        topics: vec![MetadataResponseTopic {
            name: Some(topic.into()),
            topic_id: Uuid([1; 16]),
            partitions: vec![partition],
            ..Default::default()
        }],
        ..Default::default()
    }
}

#[test]
fn asks_at_once_then_when_old_then_when_stale() {
    let mut metadata = machine();
    metadata.on_wanted(at(0), &"orders".into(), true);
    let ask = metadata.poll(at(0)).unwrap();
    assert_eq!(ask, Ask { creatable: vec!["orders".into()], others: vec![] });
    assert_eq!(metadata.poll(at(1)), None, "one question at a time");
    metadata.on_answer(at(5), &answer("orders", 1, 3));
    assert_eq!(metadata.snapshot().leader("orders", 0).unwrap().0, 1);
    assert_eq!(metadata.deadline(), Some(Monotonic(300_005 * MS)));
    metadata.on_stale(at(10));
    assert_eq!(metadata.deadline(), Some(Monotonic(100 * MS)), "not within the backoff");
    assert!(metadata.poll(at(100)).is_some());
    metadata.on_stale(at(101));
    metadata.on_answer(at(102), &answer("orders", 1, 3));
    assert_eq!(metadata.deadline(), Some(Monotonic(202 * MS)), "stale since it was asked");
}

#[test]
fn a_late_answer_to_an_older_question_puts_nothing_off() {
    let mut metadata = machine();
    assert!(metadata.poll(at(0)).is_some());
    metadata.on_answer(at(5), &Response::default());
    metadata.on_wanted(at(6), &"orders".into(), true);
    metadata.on_answer(at(7), &Response::default());
    assert_eq!(metadata.deadline(), Some(Monotonic(6 * MS)), "the topic is still to be asked for");
    let ask = metadata.poll(at(7)).unwrap();
    assert_eq!(ask.creatable, ["orders".into()]);
}

#[test]
fn a_topic_is_created_only_if_somebody_says_so_who_needs_it() {
    let mut metadata = machine();
    let topics = |names: &[&str]| names.iter().map(|name| (*name).into()).collect::<Vec<_>>();
    metadata.on_wanted(at(0), &"read".into(), false);
    metadata.on_wanted(at(0), &"written".into(), true);
    let ask = metadata.poll(at(0)).unwrap();
    assert_eq!(ask, Ask { creatable: topics(&["written"]), others: topics(&["read"]) });
    metadata.on_answer(at(5), &answer("written", 1, 3));
    metadata.on_wanted(at(6), &"written".into(), false);
    assert_eq!(metadata.poll(at(6)), None, "that is no news");
    metadata.on_wanted(at(7), &"read".into(), true);
    let ask = metadata.poll(at(7)).unwrap();
    assert_eq!(ask, Ask { creatable: topics(&["read", "written"]), others: vec![] });
}

#[test]
fn brokers_that_are_of_the_cluster_no_longer_are_forgotten() {
    let mut metadata = machine();
    metadata.on_answer(at(0), &answer("orders", 1, 5));
    assert!(metadata.snapshot().leader("orders", 0).is_some());
    metadata.on_rebootstrap();
    let snapshot = metadata.snapshot();
    assert!(snapshot.brokers.is_empty() && snapshot.leader("orders", 0).is_none());
}

#[test]
fn the_epoch_of_a_leader_never_goes_back() {
    let mut metadata = machine();
    metadata.on_answer(at(0), &answer("orders", 1, 5));
    metadata.on_answer(at(1), &answer("orders", 2, 4));
    let known = metadata.snapshot().partition("orders", 0).unwrap();
    assert_eq!((known.leader, known.leader_epoch), (Some(1), 5));
    let told = Partition { leader: Some(2), leader_epoch: 6 };
    let endpoint = Address { host: "two".into(), port: 1 };
    assert!(metadata.on_leader("orders", 0, told, Some((2, endpoint.clone()))));
    assert!(!metadata.on_leader("orders", 0, told, None), "no news twice");
    assert_eq!(metadata.snapshot().leader("orders", 0), Some((2, &endpoint)));
    let mut recreated = answer("orders", 1, 0);
    recreated.topics[0].topic_id = Uuid([2; 16]);
    metadata.on_answer(at(2), &recreated);
    assert_eq!(metadata.snapshot().partition("orders", 0).unwrap().leader_epoch, 0);
}

#[test]
fn a_topic_without_leader_is_asked_for_again_ever_more_slowly() {
    let mut metadata = machine();
    assert!(metadata.poll(at(0)).is_some());
    metadata.on_answer(at(0), &answer("orders", -1, 0));
    assert_eq!(metadata.deadline(), Some(Monotonic(100 * MS)));
    assert!(metadata.poll(at(100)).is_some());
    metadata.on_answer(at(100), &answer("orders", -1, 0));
    assert_eq!(metadata.deadline(), Some(Monotonic(300 * MS)));
    metadata.poll(at(300));
    metadata.on_failure(at(300));
    assert_eq!(metadata.deadline(), Some(Monotonic(700 * MS)));
}

#[test]
fn an_answer_that_lies_about_partitions_reserves_nothing() {
    let mut metadata = machine();
    let mut lie = answer("orders", 1, 0);
    lie.topics[0].partitions[0].partition_index = i32::MAX - 1;
    metadata.on_answer(at(0), &lie);
    assert_eq!(metadata.snapshot().topics["orders"].partitions.len(), 1);
}

#[test]
fn a_topic_in_the_making_is_not_taken_for_one_without_partitions() {
    let mut metadata = machine();
    for code in [ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, ErrorCode::LEADER_NOT_AVAILABLE] {
        let mut making = answer("orders", 1, 0);
        making.topics[0].error_code = code;
        making.topics[0].partitions.clear();
        metadata.on_answer(at(0), &making);
        assert_eq!(metadata.snapshot().topics["orders"].error, code);
    }
    metadata.on_answer(at(1), &answer("orders", 1, 0));
    let mut hiccup = answer("orders", 1, 0);
    hiccup.topics[0].error_code = ErrorCode::LEADER_NOT_AVAILABLE;
    metadata.on_answer(at(2), &hiccup);
    let known = &metadata.snapshot().topics["orders"];
    assert_eq!((known.error, known.partitions.len()), (ErrorCode::NONE, 1));
}

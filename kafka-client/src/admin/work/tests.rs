//! Stories of one call, told without a network.

use super::*;
use crate::admin::offsets::{ListOffsets, ListedOffset, OffsetSpec};
use crate::admin::topics::NewTopic;
use crate::admin::topics::requests::CreateTopics;
use kafka_proto::messages::metadata as wire;

fn directory(controller: i32, leaders: &[(&str, &[i32])]) -> Directory {
    let broker = |node_id| wire::MetadataResponseBroker {
        node_id,
        host: "host".into(),
        port: 9000 + node_id,
        ..Default::default()
    };
    let topic = |(name, leaders): &(&str, &[i32])| wire::MetadataResponseTopic {
        name: Some((*name).into()),
        partitions: (0..)
            .zip(*leaders)
            .map(|(partition_index, leader_id)| wire::MetadataResponsePartition {
                partition_index,
                leader_id: *leader_id,
                ..Default::default()
            })
            .collect(),
        ..Default::default()
    };
    Directory::new(wire::Response {
        brokers: (1..=3).map(broker).collect(),
        controller_id: controller,
        topics: leaders.iter().map(topic).collect(),
        ..Default::default()
    })
}

fn at(partitions: &[(&str, i32, OffsetSpec)]) -> Vec<(TopicPartition, OffsetSpec)> {
    let item = |(topic, partition, spec): &(&str, i32, OffsetSpec)| {
        (TopicPartition::new(*topic, *partition), *spec)
    };
    partitions.iter().map(item).collect()
}

fn ports<K: ToString>(requests: &[(Option<Address>, Vec<K>)]) -> Vec<(Option<u16>, Vec<String>)> {
    let line = |(address, keys): &(Option<Address>, Vec<K>)| {
        (address.as_ref().map(|a| a.port), keys.iter().map(ToString::to_string).collect())
    };
    requests.iter().map(line).collect()
}

fn timed_out(asked: String, last: Option<&Error>) -> Error {
    let last = last.map(ToString::to_string).unwrap_or_default();
    Error::new(ErrorKind::Timeout, asked, last)
}

fn found(offset: i64) -> ListedOffset {
    ListedOffset { offset: Some(offset), timestamp_ms: None, leader_epoch: None }
}

#[test]
fn a_call_is_split_by_leader_and_by_what_cannot_share_a_request() {
    let latest = OffsetSpec::Latest;
    let items = at(&[
        ("b", 0, latest),
        ("a", 0, latest),
        ("a", 1, latest),
        ("a", 2, OffsetSpec::LatestStable),
    ]);
    let mut work = Work::new(&ListOffsets, items);
    assert_eq!(work.lookup().topics, Some(vec!["a".into(), "b".into()]));
    let requests = work.split(&directory(1, &[("a", &[1, 2, 1]), ("b", &[1])]));
    assert_eq!(
        ports(&requests),
        [
            (Some(9001), vec!["a-0".to_owned(), "b-0".to_owned()]),
            (Some(9001), vec!["a-2".to_owned()]),
            (Some(9002), vec!["a-1".to_owned()]),
        ]
    );
    let stable = (TopicPartition::new("a", 2), OffsetSpec::LatestStable);
    let request = ListOffsets.request(&[(&stable.0, &stable.1)], 7, 1000);
    assert_eq!((request.isolation_level, request.topics[0].partitions[0].timestamp), (1, -1));
}

#[test]
fn a_moved_leader_is_asked_next() {
    let mut work = Work::new(&ListOffsets, at(&[("a", 0, OffsetSpec::Latest)]));
    let requests = work.split(&directory(1, &[("a", &[1])]));
    let keys = requests[0].1.clone();
    let moved = Failure::Code(ErrorCode::NOT_LEADER_OR_FOLLOWER, None);
    work.on_answer(&keys, Ok(Ok(vec![(keys[0].clone(), Err(moved))])));
    assert!(!work.is_finished());
    let requests = work.split(&directory(1, &[("a", &[2])]));
    assert_eq!(ports(&requests), [(Some(9002), vec!["a-0".to_owned()])]);
    work.on_answer(&keys, Ok(Ok(vec![(keys[0].clone(), Ok(found(7)))])));
    assert!(work.is_finished());
    let all = work.results(timed_out).unwrap().all().unwrap();
    assert_eq!(all[&keys[0]], found(7));
}

#[test]
fn what_stays_away_is_not_there() {
    let items = at(&[("a", 1, OffsetSpec::Latest), ("nope", 0, OffsetSpec::Latest)]);
    let mut work = Work::new(&ListOffsets, items);
    for look in 1..=LOOKS {
        assert!(!work.is_finished(), "given up before look {look}");
        assert!(work.split(&directory(1, &[("a", &[1])])).is_empty());
    }
    assert!(work.is_finished());
    let results = work.results(timed_out).unwrap();
    let texts: Vec<_> = results.iter().map(|(_, r)| r.as_ref().unwrap_err().to_string()).collect();
    assert_eq!(
        texts,
        [
            "find the offset (a-1): unknown topic or partition: UNKNOWN_TOPIC_OR_PARTITION (3): \
             there is no such partition; the topic has 1",
            "find the offset (nope-0): unknown topic or partition: UNKNOWN_TOPIC_OR_PARTITION (3): \
             there is no such topic",
        ]
    );
}

#[test]
fn a_partition_without_leader_is_waited_for() {
    let mut work = Work::new(&ListOffsets, at(&[("a", 0, OffsetSpec::Latest)]));
    work.on_heard();
    for _ in 0..100 {
        assert!(work.split(&directory(1, &[("a", &[-1])])).is_empty());
    }
    assert!(!work.is_finished());
    let results = work.results(timed_out).unwrap();
    let error = results.all().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert!(error.to_string().contains("LEADER_NOT_AVAILABLE"), "{error}");
}

#[test]
fn a_lost_answer_explains_a_topic_that_exists() {
    let operation = CreateTopics { validate_only: false };
    let name: Arc<str> = "orders".into();
    let mut work = Work::new(&operation, [(name.clone(), NewTopic::new("orders"))]);
    let requests = work.split(&directory(2, &[]));
    assert_eq!(ports(&requests), [(Some(9002), vec!["orders".to_owned()])]);
    let keys = [name.clone()];
    work.on_answer(&keys, Err(Error::new(ErrorKind::Disconnected, "talk", "cut")));
    assert!(!work.is_finished());
    let exists = Failure::code(ErrorCode::TOPIC_ALREADY_EXISTS, "Topic 'orders' exists.");
    work.on_answer(&keys, Ok(Ok(vec![(name, Err(exists))])));
    assert_eq!(
        work.results(timed_out).unwrap().all().unwrap_err().to_string(),
        "create the topic (orders): refused by the broker: TOPIC_ALREADY_EXISTS (36): Topic \
         'orders' exists; an earlier try of this call lost its answer and may have done it"
    );
}

#[test]
fn a_controller_that_changed_is_asked_again_and_others_errors_are_final() {
    let operation = CreateTopics { validate_only: false };
    let names: [Arc<str>; 2] = ["a".into(), "b".into()];
    let items = names.iter().map(|name| (name.clone(), NewTopic::new(name.clone())));
    let mut work = Work::new(&operation, items);
    let rows = [ErrorCode::NOT_CONTROLLER, ErrorCode::REQUEST_TIMED_OUT];
    let rows = names.iter().cloned().zip(rows.map(|code| Err(Failure::Code(code, None))));
    work.on_answer(&names, Ok(Ok(rows.collect())));
    let requests = work.split(&directory(3, &[]));
    assert_eq!(ports(&requests), [(Some(9003), vec!["a".to_owned()])]);
    let none = directory(-1, &[]);
    assert!(work.split(&none).is_empty() && !work.is_finished(), "waits for a controller");
}

#[test]
fn items_named_twice_or_not_answered_fail_alone() {
    let operation = CreateTopics { validate_only: false };
    let topics = ["a", "b", "a", "c"].map(|name| (name.into(), NewTopic::new(name)));
    let mut work = Work::new(&operation, topics);
    let keys: [Arc<str>; 2] = ["b".into(), "c".into()];
    let stranger: Arc<str> = "x".into();
    let fail = Failure::Code(ErrorCode::INVALID_CONFIG, None);
    let rows = vec![(stranger.clone(), Err(fail.clone())), ("c".into(), Err(fail))];
    work.on_heard();
    work.on_answer(&keys, Ok(Ok(rows)));
    let results = work.results(timed_out).unwrap();
    assert_eq!(results.len(), 3);
    assert!(results.get(&stranger).is_none());
    let kind = |name: &str| results.get(name).map(|r| r.as_ref().unwrap_err().kind());
    assert_eq!(kind("a"), Some(ErrorKind::Invalid));
    assert_eq!(kind("b"), Some(ErrorKind::Protocol));
    assert_eq!(kind("c"), Some(ErrorKind::Broker));
}

#[test]
fn nothing_heard_fails_the_call() {
    let mut work = Work::new(&ListOffsets, at(&[("a", 0, OffsetSpec::Latest)]));
    work.on_no_directory(&Error::new(ErrorKind::Connect, "connect", "refused"));
    let error = work.results(timed_out).unwrap_err();
    assert_eq!(
        error.to_string(),
        "find the offset: timed out: find the offset (a-0): no connection: connect: refused"
    );
    let none = Work::new(&ListOffsets, Vec::new());
    assert!(none.is_finished() && none.results(timed_out).unwrap().is_empty());
}

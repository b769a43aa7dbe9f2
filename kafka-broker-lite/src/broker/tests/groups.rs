//! Stories of groups as clients of a whole broker see them: who waits on a connection, and what lies in the log.

use super::*;
use crate::log::SimDisk;
use kafka_proto::messages::join_group::JoinGroupRequestProtocol;
use kafka_proto::messages::offset_commit::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use kafka_proto::messages::offset_fetch::{OffsetFetchRequestGroup, OffsetFetchRequestTopics};
use kafka_proto::messages::{
    delete_topics, describe_configs, describe_groups, find_coordinator, heartbeat, join_group,
    offset_commit, offset_fetch, sync_group,
};

const OFFSETS: &str = "__consumer_offsets";

fn world() -> World {
    World::with(&[("group.initial.rebalance.delay.ms", "0"), ("group.min.session.timeout.ms", "1")])
}

fn joining(member: &str) -> join_group::Request {
    let protocol = JoinGroupRequestProtocol { name: "range".into(), metadata: Bytes::new() };
    join_group::Request {
        group_id: "g".into(),
        session_timeout_ms: 10_000,
        rebalance_timeout_ms: 10_000,
        member_id: member.into(),
        protocol_type: "consumer".into(),
        protocols: vec![protocol],
        ..Default::default()
    }
}

fn committing(offset: i64) -> offset_commit::Request {
    let partition = OffsetCommitRequestPartition { committed_offset: offset, ..Default::default() };
    let topic = OffsetCommitRequestTopic {
        name: "t".into(),
        partitions: vec![partition],
        ..Default::default()
    };
    offset_commit::Request { group_id: "simple".into(), topics: vec![topic], ..Default::default() }
}

impl World {
    /// Joins in a version that needs no id, and lets what is due happen.
    fn send_join(&mut self, conn: ConnectionId, member: &str) {
        self.send(conn, 3, &joining(member));
        self.advance(0);
    }

    #[track_caller]
    fn joined(&mut self, conn: ConnectionId) -> join_group::Response {
        self.reply::<join_group::Request>(conn, 3).unwrap().1
    }

    fn send_commit(&mut self, conn: ConnectionId, offset: i64) {
        self.send(conn, 9, &committing(offset));
    }

    /// The answer to a commit, if it is there.
    fn commit_answer(&mut self, conn: ConnectionId) -> Option<ErrorCode> {
        let (_, answer) = self.reply::<offset_commit::Request>(conn, 9)?;
        Some(answer.topics[0].partitions[0].error_code)
    }

    fn commit_offset(&mut self, offset: i64) -> ErrorCode {
        self.ask(9, &committing(offset)).topics[0].partitions[0].error_code
    }

    fn committed_offset(&mut self) -> i64 {
        let topic = OffsetFetchRequestTopics {
            name: "t".into(),
            partition_indexes: vec![0],
            ..Default::default()
        };
        let group = OffsetFetchRequestGroup {
            group_id: "simple".into(),
            topics: Some(vec![topic]),
            ..Default::default()
        };
        let request = offset_fetch::Request { groups: vec![group], ..Default::default() };
        self.ask(9, &request).groups[0].topics[0].partitions[0].committed_offset
    }

    fn topics(&mut self) -> Vec<(String, usize, bool)> {
        let request = metadata::Request { topics: None, ..Default::default() };
        let topics = self.ask(12, &request).topics.into_iter();
        let row = |topic: metadata::MetadataResponseTopic| {
            (topic.name.unwrap().to_string(), topic.partitions.len(), topic.is_internal)
        };
        topics.map(row).collect()
    }
}

#[test]
fn the_log_of_groups_is_made_when_it_is_needed() {
    let mut world = World::with(&[("offsets.topic.num.partitions", "7")]);
    world.ask(6, &describe_groups::Request { groups: vec!["g".into()], ..Default::default() });
    assert!(world.topics().is_empty());
    let request =
        find_coordinator::Request { coordinator_keys: vec!["g".into()], ..Default::default() };
    assert_eq!(world.ask(4, &request).coordinators[0].error_code, ErrorCode::NONE);
    assert_eq!(world.topics(), [(OFFSETS.to_owned(), 7, true)]);
    let resource = describe_configs::DescribeConfigsResource {
        resource_type: 2,
        resource_name: OFFSETS.into(),
        configuration_keys: None,
    };
    let request = describe_configs::Request { resources: vec![resource], ..Default::default() };
    let described = world.ask(4, &request).results.remove(0).configs;
    let value = |name: &str| {
        described.iter().find(|config| &*config.name == name).unwrap().value.clone().unwrap()
    };
    assert_eq!(&*value("cleanup.policy"), "compact");
    assert_eq!(&*value("segment.bytes"), "104857600");
}

#[test]
fn a_commit_is_in_the_log_when_it_is_answered() {
    let mut world = World::with(&[("offsets.topic.num.partitions", "1")]);
    world.create("t", 1, &[]);
    assert_eq!(world.commit_offset(5), ErrorCode::NONE);
    assert_eq!(world.fetch(OFFSETS, 0, 0).high_watermark, 1);
    assert_eq!(world.committed_offset(), 5);
}

#[test]
fn clients_do_not_write_to_the_log_of_groups() {
    let mut world = world();
    world.create("t", 1, &[]);
    world.commit_offset(1);
    let answer = world.produce(OFFSETS, 0, batch(&["x"]));
    assert_eq!(answer.error_code, ErrorCode::INVALID_TOPIC_EXCEPTION);
}

#[test]
fn a_member_that_waits_holds_back_its_own_connection_only() {
    let mut world = world();
    let (first, second) = (world.connect("INSIDE"), world.connect("INSIDE"));
    world.send_join(first, "");
    let one = world.joined(first);
    world.send_join(second, "");
    let beat = heartbeat::Request {
        group_id: "g".into(),
        member_id: one.member_id.clone(),
        generation_id: 1,
        ..Default::default()
    };
    world.send(second, 3, &beat);
    world.send(first, 3, &beat);
    let (_, answer) = world.reply::<heartbeat::Request>(first, 3).unwrap();
    assert_eq!(answer.error_code, ErrorCode::REBALANCE_IN_PROGRESS);
    assert!(world.broker.is_busy(second));
    assert!(world.replies.get(&second).is_none_or(VecDeque::is_empty));
    world.send_join(first, &one.member_id);
    assert_eq!(world.joined(first).generation_id, 2);
    assert_eq!(world.joined(second).generation_id, 2);
    let (_, answer) = world.reply::<heartbeat::Request>(second, 3).unwrap();
    assert_eq!(answer.error_code, ErrorCode::ILLEGAL_GENERATION);
}

#[test]
fn a_member_may_be_gone_when_its_answer_comes() {
    let mut world = world();
    let (first, second) = (world.connect("INSIDE"), world.connect("INSIDE"));
    world.send_join(first, "");
    let one = world.joined(first);
    world.send_join(second, "");
    world.broker.on_disconnect(second);
    world.send_join(first, &one.member_id);
    let one = world.joined(first);
    assert_eq!((one.generation_id, one.members.len()), (2, 2), "its session has not ended");
    let sync = sync_group::Request {
        group_id: "g".into(),
        member_id: one.member_id.clone(),
        generation_id: 2,
        ..Default::default()
    };
    assert_eq!(world.ask(3, &sync).error_code, ErrorCode::NONE);
    world.advance(9_000);
    let beat = heartbeat::Request {
        group_id: "g".into(),
        member_id: one.member_id,
        generation_id: 2,
        ..Default::default()
    };
    assert_eq!(world.ask(3, &beat).error_code, ErrorCode::NONE);
    world.advance(1_000);
    assert_eq!(world.ask(3, &beat).error_code, ErrorCode::REBALANCE_IN_PROGRESS);
}

#[test]
fn a_rule_answers_for_a_member_that_goes_on_waiting() {
    let mut world = world();
    let (first, second) = (world.connect("INSIDE"), world.connect("INSIDE"));
    world.send_join(first, "");
    let one = world.joined(first);
    let rule = world.broker.control().on(ApiKey::JOIN_GROUP).times(1);
    rule.handle_then_error(ErrorCode::COORDINATOR_NOT_AVAILABLE);
    world.send_join(second, "");
    assert_eq!(world.joined(second).error_code, ErrorCode::COORDINATOR_NOT_AVAILABLE);
    // The answer to what the rule has answered goes nowhere, and not to the next request.
    let sync = sync_group::Request { group_id: "nothing".into(), ..Default::default() };
    world.send_join(first, &one.member_id);
    assert_eq!(world.joined(first).members.len(), 2);
    world.send(second, 3, &sync);
    let (_, answer) = world.reply::<sync_group::Request>(second, 3).unwrap();
    assert_eq!(answer.error_code, ErrorCode::UNKNOWN_MEMBER_ID);
    assert!(world.replies[&second].is_empty());
}

#[test]
fn a_coordinator_that_restarts_keeps_what_is_in_its_log() {
    let mut world = world();
    world.create("t", 1, &[]);
    world.commit_offset(7);
    let (first, second) = (world.connect("INSIDE"), world.connect("INSIDE"));
    world.send_join(first, "");
    world.joined(first);
    world.send_join(second, "");
    world.broker.control().restart_coordinator();
    assert_eq!(world.committed_offset(), 7);
    assert_eq!(world.joined(second).error_code, ErrorCode::NOT_COORDINATOR);
    world.send_join(second, "");
    assert_eq!(world.joined(second).generation_id, 1, "the first generation was not finished");
}

#[test]
fn groups_go_with_their_log() {
    let mut world = world();
    world.create("t", 1, &[]);
    world.commit_offset(7);
    let request =
        delete_topics::Request { topic_names: vec![OFFSETS.into()], ..Default::default() };
    assert_eq!(world.ask(3, &request).responses[0].error_code, ErrorCode::NONE);
    assert_eq!(world.committed_offset(), -1);
    assert_eq!(world.commit_offset(8), ErrorCode::NONE);
    assert_eq!(world.committed_offset(), 8);
}

#[test]
fn offsets_go_with_their_topic() {
    let mut world = world();
    world.create("t", 1, &[]);
    world.commit_offset(7);
    let request = delete_topics::Request { topic_names: vec!["t".into()], ..Default::default() };
    world.ask(3, &request);
    assert_eq!(world.committed_offset(), -1);
    assert_eq!(world.commit_offset(8), ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
}

const FLUSHED: [(&str, &str); 3] = [
    ("log.flush.interval.messages", "1"),
    ("offsets.topic.num.partitions", "2"),
    ("group.initial.rebalance.delay.ms", "0"),
];

#[test]
fn groups_and_offsets_outlive_the_broker() {
    for seed in 0..20 {
        let disk = SimDisk::new();
        let mut world = World::with_storage(Box::new(disk.restarted()), &FLUSHED);
        world.create("t", 1, &[]);
        assert_eq!(world.commit_offset(5), ErrorCode::NONE);
        let conn = world.connect("INSIDE");
        world.send_join(conn, "");
        let joined = world.joined(conn);
        let sync = sync_group::Request {
            group_id: "g".into(),
            generation_id: 1,
            member_id: joined.member_id.clone(),
            ..Default::default()
        };
        assert_eq!(world.ask(3, &sync).error_code, ErrorCode::NONE);
        drop(world);
        disk.lose_power(seed);
        let mut world = World::with_storage(Box::new(disk.restarted()), &FLUSHED);
        assert_eq!(world.committed_offset(), 5, "seed {seed}");
        assert_eq!(world.ask(3, &sync).error_code, ErrorCode::NONE, "seed {seed}");
    }
}

#[test]
fn a_commit_is_answered_when_it_is_synced() {
    let disk = SimDisk::new();
    let mut world = World::with_storage(Box::new(disk.restarted()), &FLUSHED);
    world.create("t", 1, &[]);
    assert_eq!(world.commit_offset(5), ErrorCode::NONE);
    world.slow_syncs = true;
    let (first, second) = (world.connect("INSIDE"), world.connect("INSIDE"));
    world.send_commit(first, 6);
    world.send_join(second, "");
    assert_eq!(world.commit_answer(first), None);
    world.end_syncs(false);
    world.end_syncs(false);
    assert_eq!(world.commit_answer(first), Some(ErrorCode::NONE));
    assert_eq!(world.joined(second).generation_id, 1);
    world.send_commit(first, 7);
    assert_eq!(world.commit_answer(first), None);
    world.end_syncs(true);
    assert_eq!(world.commit_answer(first), Some(ErrorCode::NOT_COORDINATOR));
    world.send_commit(first, 8);
    assert_eq!(world.commit_answer(first), Some(ErrorCode::COORDINATOR_NOT_AVAILABLE));
}

//! Requests and answers, written down so that two runs can be compared.

use crate::common::Client;
use kafka_proto::ErrorCode;
use kafka_proto::api::Request;
use kafka_proto::bytes::Bytes;
use kafka_proto::messages::join_group::{self, JoinGroupRequestProtocol};
use kafka_proto::messages::sync_group::{self, SyncGroupRequestAssignment};
use kafka_proto::messages::{create_topics, delete_topics, describe_groups, find_coordinator};
use kafka_proto::messages::{heartbeat, leave_group, metadata, offset_commit, offset_delete};
use kafka_proto::uuid::Uuid;
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

pub(crate) struct Script {
    address: String,
    /// What makes the names of this run its own.
    run: String,
    client: Client,
    lines: Vec<String>,
    /// What is told apart by its order: the text, and what stands for it.
    aliases: Vec<(String, String)>,
}

/// A member that can be awaited.
pub(crate) struct Joining {
    client: Client,
    version: i16,
}

impl Script {
    pub(crate) async fn new(address: &str, scenario: &str) -> Self {
        let client = Client::tcp(address).await;
        let run = format!("{scenario}-{}", std::process::id());
        let aliases = vec![(run.clone(), "RUN".to_owned())];
        let mut script = Self { address: address.to_owned(), run, client, lines: vec![], aliases };
        script.wait_for_coordinator().await;
        script
    }

    async fn wait_for_coordinator(&mut self) {
        let request = find_coordinator::Request { key: "a".into(), ..Default::default() };
        let group = heartbeat::Request { group_id: "a".into(), ..Default::default() };
        for _ in 0..100 {
            let found = self.client.call(&request, 3).await.unwrap().error_code;
            let beat = self.client.call(&group, 4).await.unwrap().error_code;
            if found == ErrorCode::NONE && beat == ErrorCode::UNKNOWN_MEMBER_ID {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("no coordinator at {}", self.address);
    }

    /// A name of this run.
    pub(crate) fn name(&self, base: &str) -> Arc<str> {
        format!("{base}-{}", self.run).into()
    }

    pub(crate) fn alias(&mut self, text: &str, stands: String) {
        if !text.is_empty() && !self.aliases.iter().any(|(known, _)| known == text) {
            self.aliases.insert(0, (text.to_owned(), stands));
        }
    }

    fn alias_member(&mut self, id: &str) {
        let stands = format!("MEMBER{}", self.aliases.len());
        self.alias(id, stands);
    }

    /// The place of a member among those that have been seen.
    fn number_of(&self, id: &str) -> usize {
        let from_the_end = self.aliases.iter().position(|(known, _)| known == id);
        from_the_end.map_or(usize::MAX, |at| self.aliases.len() - at)
    }

    pub(crate) fn note(&mut self, what: &str, seen: &impl Debug) {
        let mut line = format!("{what}: {seen:?}");
        for (text, stands) in &self.aliases {
            line = line.replace(text, stands);
        }
        self.lines.push(line);
    }

    /// Asks, and writes the answer down.
    pub(crate) async fn ask<R: Request>(&mut self, version: i16, request: &R) -> R::Response
    where
        R::Response: Debug,
    {
        let response = self.client.call(request, version).await.unwrap();
        self.note(&format!("{} v{version}", R::NAME), &response);
        response
    }

    /// Asks without writing anything down.
    pub(crate) async fn quietly<R: Request>(&mut self, version: i16, request: &R) -> R::Response {
        self.client.call(request, version).await.unwrap()
    }

    /// Commits, and writes the answer down in the order of topics and partitions.
    pub(crate) async fn commit(&mut self, version: i16, request: &offset_commit::Request) {
        let mut response = self.quietly(version, request).await;
        response.topics.sort_by(|a, b| a.name.cmp(&b.name));
        response.topics.sort_by_key(|topic| topic.partitions.len());
        let topics = response.topics.iter_mut();
        topics.for_each(|topic| topic.partitions.sort_by_key(|row| row.partition_index));
        self.note(&format!("OffsetCommit v{version}"), &response);
    }

    /// Deletes offsets, and writes the answer down in the order of topics and partitions.
    pub(crate) async fn delete(&mut self, request: &offset_delete::Request) {
        let mut response = self.quietly(0, request).await;
        response.topics.sort_by(|a, b| a.name.cmp(&b.name));
        let topics = response.topics.iter_mut();
        topics.for_each(|topic| topic.partitions.sort_by_key(|row| row.partition_index));
        self.note("OffsetDelete", &response);
    }

    /// Creates a topic and waits until its leader is known.
    pub(crate) async fn topic(&mut self, base: &str, partitions: i32) -> (Arc<str>, Uuid) {
        let name = self.name(base);
        let topic = create_topics::CreatableTopic {
            name: name.clone(),
            num_partitions: partitions,
            replication_factor: 1,
            ..Default::default()
        };
        let request = create_topics::Request {
            topics: vec![topic],
            timeout_ms: 10_000,
            ..Default::default()
        };
        let created = self.quietly(7, &request).await.topics.remove(0);
        assert_eq!(created.error_code, ErrorCode::NONE, "{:?}", created.error_message);
        let id = created.topic_id;
        self.alias(&format!("{id:?}"), format!("ID-OF-{base}"));
        for _ in 0..100 {
            let asked =
                metadata::MetadataRequestTopic { name: Some(name.clone()), ..Default::default() };
            let request = metadata::Request { topics: Some(vec![asked]), ..Default::default() };
            let seen = self.quietly(12, &request).await.topics.remove(0);
            let led = seen.partitions.iter().all(|partition| partition.leader_id >= 0);
            if led && seen.partitions.len() == usize::try_from(partitions).unwrap() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        (name, id)
    }

    pub(crate) async fn delete_topic(&mut self, name: &Arc<str>) {
        let request = delete_topics::Request {
            topic_names: vec![name.clone()],
            timeout_ms: 10_000,
            ..Default::default()
        };
        let deleted = self.quietly(3, &request).await.responses.remove(0);
        assert_eq!(deleted.error_code, ErrorCode::NONE);
        tokio::time::sleep(Duration::from_millis(500)).await;
    }

    /// Sends a JoinGroup on a connection of its own.
    pub(crate) async fn start_join(&self, version: i16, request: &join_group::Request) -> Joining {
        let mut client = Client::tcp(&self.address).await;
        client.send(request, version).await.unwrap();
        Joining { client, version }
    }

    /// The answer to a JoinGroup, written down.
    pub(crate) async fn joined(&mut self, mut joining: Joining) -> join_group::Response {
        let version = joining.version;
        let answer = joining.client.receive::<join_group::Request>(version);
        let answer = tokio::time::timeout(Duration::from_secs(20), answer).await.unwrap();
        let mut response = answer.unwrap().1;
        self.alias_member(&response.member_id);
        response.members.sort_by_key(|member| self.number_of(&member.member_id));
        self.note(&format!("JoinGroup v{version}"), &response);
        response
    }

    /// Joins and waits.
    pub(crate) async fn join(
        &mut self,
        version: i16,
        request: &join_group::Request,
    ) -> join_group::Response {
        let joining = self.start_join(version, request).await;
        self.joined(joining).await
    }

    /// Joins a group as a new dynamic member, twice where that has to be; does not wait.
    pub(crate) async fn enter(&mut self, version: i16, request: &join_group::Request) -> Joining {
        let mut request = request.clone();
        if version >= 4 && request.group_instance_id.is_none() {
            let given = self.join(version, &request).await;
            assert_eq!(given.error_code, ErrorCode::MEMBER_ID_REQUIRED);
            request.member_id = given.member_id;
        }
        self.start_join(version, &request).await
    }

    /// Sends a SyncGroup on a connection of its own.
    pub(crate) async fn start_sync(&self, version: i16, request: &sync_group::Request) -> Joining {
        let mut client = Client::tcp(&self.address).await;
        client.send(request, version).await.unwrap();
        Joining { client, version }
    }

    /// The answer to a SyncGroup, written down.
    pub(crate) async fn synced(&mut self, mut joining: Joining) -> sync_group::Response {
        let version = joining.version;
        let answer = joining.client.receive::<sync_group::Request>(version);
        let answer = tokio::time::timeout(Duration::from_secs(20), answer).await.unwrap();
        let response = answer.unwrap().1;
        self.note(&format!("SyncGroup v{version}"), &response);
        response
    }

    pub(crate) async fn beat(&mut self, group: &Arc<str>, member: &Arc<str>, generation: i32) {
        let request = heartbeat::Request {
            group_id: group.clone(),
            generation_id: generation,
            member_id: member.clone(),
            ..Default::default()
        };
        self.ask(4, &request).await;
    }

    pub(crate) async fn describe(&mut self, group: &Arc<str>) {
        let request =
            describe_groups::Request { groups: vec![group.clone()], ..Default::default() };
        let mut response = self.quietly(6, &request).await;
        for group in &mut response.groups {
            group.members.sort_by_key(|member| self.number_of(&member.member_id));
            let ids: Vec<_> = group.members.iter().map(|one| one.member_id.clone()).collect();
            ids.iter().for_each(|id| self.alias_member(id));
        }
        self.note("DescribeGroups", &response);
    }

    pub(crate) async fn leave(&mut self, group: &Arc<str>, member: &Arc<str>) {
        let leaving =
            leave_group::MemberIdentity { member_id: member.clone(), ..Default::default() };
        let request = leave_group::Request {
            group_id: group.clone(),
            members: vec![leaving],
            ..Default::default()
        };
        self.ask(5, &request).await;
    }

    /// What two runs have written down is the same.
    pub(crate) fn compare(&self, other: &Self) {
        for (at, (theirs, ours)) in self.lines.iter().zip(&other.lines).enumerate() {
            assert_eq!(
                theirs,
                ours,
                "at line {at}; before it: {:#?}",
                &self.lines[at.saturating_sub(3)..at]
            );
        }
        assert_eq!(self.lines.len(), other.lines.len());
        assert!(self.lines.len() > 3, "nothing was asked");
    }
}

/// The metadata of a consumer of these topics.
pub(crate) fn subscription(topics: &[&Arc<str>]) -> Bytes {
    let subscription = kafka_proto::group_protocol::Subscription {
        topics: topics.iter().map(|topic| Arc::clone(topic)).collect(),
        ..Default::default()
    };
    kafka_proto::group_protocol::to_bytes(&subscription, 1).unwrap()
}

/// A JoinGroup of a new consumer with the protocols `range` and `sticky`.
pub(crate) fn consumer(group: &Arc<str>, metadata: &Bytes) -> join_group::Request {
    let protocol =
        |name: &str| JoinGroupRequestProtocol { name: name.into(), metadata: metadata.clone() };
    join_group::Request {
        group_id: group.clone(),
        session_timeout_ms: 10_000,
        rebalance_timeout_ms: 10_000,
        protocol_type: "consumer".into(),
        protocols: vec![protocol("range"), protocol("sticky")],
        ..Default::default()
    }
}

/// The same as one that is known.
pub(crate) fn again(request: &join_group::Request, member: &Arc<str>) -> join_group::Request {
    join_group::Request { member_id: member.clone(), ..request.clone() }
}

/// A SyncGroup; a leader's gives each of `members` its own name.
pub(crate) fn sync(
    group: &Arc<str>,
    joined: &join_group::Response,
    members: &[&Arc<str>],
) -> sync_group::Request {
    let given = |member: &&Arc<str>| SyncGroupRequestAssignment {
        member_id: Arc::clone(member),
        assignment: Bytes::from(format!("for {}", members.len()).into_bytes()),
    };
    sync_group::Request {
        group_id: group.clone(),
        generation_id: joined.generation_id,
        member_id: joined.member_id.clone(),
        protocol_type: Some("consumer".into()),
        protocol_name: joined.protocol_name.clone(),
        assignments: members.iter().map(given).collect(),
        ..Default::default()
    }
}

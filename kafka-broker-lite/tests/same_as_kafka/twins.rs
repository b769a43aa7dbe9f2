//! Two brokers that are asked the same, and the comparison of what they answer.

use super::differences;
use kafka_broker_lite::Cluster;
use kafka_proto::api::Request;
use kafka_proto::bytes::Bytes;
use kafka_proto::frame::{decode_response, encode_request};
use kafka_proto::messages::{create_topics, list_offsets, metadata, produce};
use kafka_proto::records::Records;
use kafka_proto::uuid::Uuid;
use kafka_proto::wire::json::to_json;
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// How long an answer may take; Kafka owes one for ever.
const PATIENCE: Duration = Duration::from_secs(20);

/// How often a question that changes nothing is asked again: Kafka's own change of state may be on its way.
const TRIES: usize = 15;

/// Fields that no two brokers have in common: addresses, and the words in which configs are documented.
const OWN: [&str; 7] =
    ["throttleTimeMs", "host", "port", "rack", "documentation", "clusterId", "logDir"];

/// Fields that are drawn or read from a clock; that they are set is compared, not to what.
const DRAWN: [&str; 8] = [
    "logAppendTimeMs",
    "sessionId",
    "producerId",
    "lastTimestamp",
    "lastFetchTimestamp",
    "lastCaughtUpTimestamp",
    "totalBytes",
    "usableBytes",
];

/// The id of no topic.
pub(crate) const UNKNOWN: Uuid = Uuid([9; 16]);

/// One broker.
pub(crate) struct Side {
    address: String,
    connection: Option<TcpStream>,
    /// What the topic ids of this broker stand for.
    topics: BTreeMap<Uuid, String>,
    /// The session ids, epochs and the like that it has given, under a name of the story.
    pub(crate) given: BTreeMap<&'static str, i64>,
}

impl Side {
    fn new(address: String) -> Self {
        Self { address, connection: None, topics: BTreeMap::new(), given: BTreeMap::new() }
    }

    /// The id of a topic that [`Twins::create`] has made.
    pub(crate) fn id(&self, name: &str) -> Uuid {
        self.topics.iter().find(|(_, known)| *known == name).map_or(UNKNOWN, |(id, _)| *id)
    }

    /// Sends a request, and gives the answer, or what happened in its place.
    async fn ask<R: Request>(
        &mut self,
        frame: &Bytes,
        version: i16,
    ) -> Result<R::Response, &'static str> {
        if self.connection.is_none() {
            self.connection = Some(TcpStream::connect(&self.address).await.unwrap());
        }
        let connection = self.connection.as_mut().unwrap();
        let answered = tokio::time::timeout(PATIENCE, async {
            connection.write_all(frame).await.ok()?;
            let len = usize::try_from(connection.read_i32().await.ok()?).ok()?;
            let mut body = vec![0; len];
            connection.read_exact(&mut body).await.ok()?;
            Some(Bytes::from(body))
        });
        let answered = answered.await;
        if !matches!(answered, Ok(Some(_))) {
            self.connection = None;
        }
        let body = answered.map_err(|_| "no answer")?.ok_or("closed")?;
        let (_, response) = decode_response::<R>(body, version).map_err(|_| "not to be decoded")?;
        Ok(response)
    }
}

/// What ours keeps on disk, until it is dropped.
struct Directory(PathBuf);

impl Drop for Directory {
    fn drop(&mut self) {
        let _gone = std::fs::remove_dir_all(&self.0);
    }
}

/// This broker and Apache Kafka.
pub(crate) struct Twins {
    story: &'static str,
    /// Makes the names of topics those of this run.
    prefix: String,
    ours: Side,
    kafkas: Side,
    _cluster: Cluster,
    _directory: Directory,
    asked: usize,
    differences: Vec<String>,
}

impl Twins {
    /// Starts ours, set up as `.ci/kafka` sets up the other.
    pub(crate) async fn start(story: &'static str) -> Self {
        let address = std::env::var("KAFKA_BOOTSTRAP").unwrap();
        let directory = std::env::temp_dir().join(format!("{}-{story}", std::process::id()));
        let cluster = Cluster::builder()
            .config("auto.create.topics.enable", "true")
            .data_dir(&directory)
            .start();
        let cluster = cluster.await.unwrap();
        Self {
            story,
            prefix: format!("{}-{story}", std::process::id()),
            ours: Side::new(cluster.bootstrap_servers()),
            kafkas: Side::new(address),
            _cluster: cluster,
            _directory: Directory(directory),
            asked: 0,
            differences: Vec::new(),
        }
    }

    /// The name of a topic that no other story has.
    pub(crate) fn name(&self, topic: &str) -> Arc<str> {
        format!("{}-{topic}", self.prefix).into()
    }

    /// Fails with all the differences.
    pub(crate) fn agree(self) {
        let Self { story, asked, differences, .. } = self;
        assert!(asked > 0, "{story} asked nothing");
        let count = differences.len();
        assert!(count == 0, "{story}: {count} of {asked} differ:\n{}", differences.join("\n"));
    }

    /// Asks both in every version that can carry the request; it changes nothing.
    pub(crate) async fn look<R: Request>(&mut self, what: &str, make: impl Fn(&Side, i16) -> R) {
        let versions = R::stable();
        self.look_at(what, versions.min..=versions.max, make).await;
    }

    /// Asks both in these versions.
    pub(crate) async fn look_at<R: Request>(
        &mut self,
        what: &str,
        versions: RangeInclusive<i16>,
        make: impl Fn(&Side, i16) -> R,
    ) {
        for version in versions {
            let mut found = self.both::<R>(version, &make).await;
            for _ in 1..TRIES {
                if !self.differs::<R>(what, &found) {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
                found = self.both::<R>(version, &make).await;
            }
            self.note::<R>(what, version, found);
        }
    }

    /// Asks both once in every version that can carry the request.
    pub(crate) async fn change<R: Request>(&mut self, what: &str, make: impl Fn(&Side, i16) -> R) {
        let versions = R::stable();
        self.change_at(what, versions.min..=versions.max, make).await;
    }

    /// Asks both once in each of these versions.
    pub(crate) async fn change_at<R: Request>(
        &mut self,
        what: &str,
        versions: RangeInclusive<i16>,
        make: impl Fn(&Side, i16) -> R,
    ) {
        for version in versions {
            let found = self.both::<R>(version, &make).await;
            self.note::<R>(what, version, found);
        }
    }

    /// Asks both once, and lets the story keep something of either answer.
    pub(crate) async fn take<R: Request>(
        &mut self,
        what: &str,
        version: i16,
        make: impl Fn(&Side, i16) -> R,
        keep: impl Fn(&mut Side, &R::Response),
    ) {
        for side in [&mut self.ours, &mut self.kafkas] {
            let request = make(side, version);
            let frame = encode_request(&request, version, 1, None).unwrap().into_bytes();
            match side.ask::<R>(&frame, version).await {
                Ok(response) => keep(side, &response),
                Err(what_happened) => panic!("{what}: {what_happened}"),
            }
        }
    }

    fn note<R: Request>(&mut self, what: &str, version: i16, found: Option<(Json, Json)>) {
        self.asked += 1;
        let Some((ours, kafkas)) = found else { return };
        let places = differences::between(R::NAME, what, &ours, &kafkas);
        if !places.is_empty() {
            let (name, places) = (R::NAME, places.join("\n  "));
            self.differences.push(format!("{name} {version}, {what}:\n  {places}"));
        }
    }

    fn differs<R: Request>(&self, what: &str, found: &Option<(Json, Json)>) -> bool {
        found.as_ref().is_some_and(|(ours, kafkas)| {
            !differences::between(R::NAME, what, ours, kafkas).is_empty()
        })
    }

    /// What both answer, if it is not the same.
    async fn both<R: Request>(
        &mut self,
        version: i16,
        make: &impl Fn(&Side, i16) -> R,
    ) -> Option<(Json, Json)> {
        let mut answers = Vec::new();
        for side in [&mut self.ours, &mut self.kafkas] {
            let request = make(side, version);
            let Ok(frame) = encode_request(&request, version, 1, None) else { return None };
            let answer = side.ask::<R>(&frame.into_bytes(), version).await;
            answers.push(match answer {
                Ok(response) => normal(side, "", to_json(&response, version).unwrap()),
                Err(what_happened) => what_happened.into(),
            });
        }
        let kafkas = answers.pop().unwrap();
        let ours = answers.pop().unwrap();
        (ours != kafkas).then_some((ours, kafkas))
    }

    /// Makes a topic on both, and returns when both serve it.
    pub(crate) async fn create(
        &mut self,
        topic: &str,
        partitions: i32,
        configs: &[(&str, &str)],
    ) -> Arc<str> {
        let name = self.name(topic);
        let config = |&(name, value): &(&str, &str)| create_topics::CreatableTopicConfig {
            name: name.into(),
            value: Some(value.into()),
        };
        let topic = create_topics::CreatableTopic {
            name: name.clone(),
            num_partitions: partitions,
            replication_factor: 1,
            configs: configs.iter().map(config).collect(),
            ..Default::default()
        };
        let request = create_topics::Request { topics: vec![topic], ..Default::default() };
        self.take("create", 7, |_, _| request.clone(), |_, _| ()).await;
        self.learn(&name, usize::try_from(partitions).unwrap()).await;
        self.await_leader(&name).await;
        name
    }

    /// Learns the ids of a topic, and waits until both lead as many partitions of it.
    pub(crate) async fn learn(&mut self, name: &Arc<str>, partitions: usize) {
        let asked =
            metadata::MetadataRequestTopic { name: Some(name.clone()), ..Default::default() };
        let topics = Some(vec![asked]);
        let request =
            metadata::Request { topics, allow_auto_topic_creation: false, ..Default::default() };
        let frame = encode_request(&request, 12, 1, None).unwrap().into_bytes();
        for side in [&mut self.ours, &mut self.kafkas] {
            loop {
                let response = side.ask::<metadata::Request>(&frame, 12).await.unwrap();
                let found = &response.topics[0];
                if found.error_code.is_ok() && found.partitions.len() == partitions {
                    for (id, known) in &mut side.topics {
                        if *id != found.topic_id && **known == **name {
                            known.push_str(", deleted");
                        }
                    }
                    side.topics.insert(found.topic_id, name.to_string());
                    break;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }

    /// Waits until both have begun to lead the first partition of a topic.
    async fn await_leader(&mut self, name: &Arc<str>) {
        let partition = list_offsets::ListOffsetsPartition { timestamp: -1, ..Default::default() };
        let partitions = vec![partition];
        let topics = vec![list_offsets::ListOffsetsTopic { name: name.clone(), partitions }];
        let request = list_offsets::Request { replica_id: -1, topics, ..Default::default() };
        let frame = encode_request(&request, 4, 1, None).unwrap().into_bytes();
        for side in [&mut self.ours, &mut self.kafkas] {
            loop {
                let response = side.ask::<list_offsets::Request>(&frame, 4).await.unwrap();
                if response.topics[0].partitions[0].error_code.is_ok() {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }

    /// Appends a batch to a partition of both.
    pub(crate) async fn append(&mut self, topic: &Arc<str>, index: i32, batch: Vec<u8>) {
        let partition =
            produce::PartitionProduceData { index, records: Some(Records::Bytes(batch.into())) };
        let data = produce::TopicProduceData {
            name: topic.clone(),
            partition_data: vec![partition],
            ..Default::default()
        };
        let request = produce::Request {
            acks: -1,
            timeout_ms: 5000,
            topic_data: vec![data],
            ..Default::default()
        };
        let frame = encode_request(&request, 11, 1, None).unwrap().into_bytes();
        for side in [&mut self.ours, &mut self.kafkas] {
            loop {
                let response = side.ask::<produce::Request>(&frame, 11).await.unwrap();
                if response.responses[0].partition_responses[0].error_code.is_ok() {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }
}

/// What there is to compare of an answer, in an order of its own.
fn normal(side: &Side, key: &str, json: Json) -> Json {
    match json {
        Json::Object(fields) => {
            let kept = fields.into_iter().filter(|(key, _)| !OWN.contains(&&**key));
            Json::Object(
                kept.map(|(key, value)| (key.clone(), normal(side, &key, value))).collect(),
            )
        }
        Json::Array(items) => {
            let items = items.into_iter().filter(|item| !set_by_kafka(item));
            let mut items: Vec<_> = items.map(|item| normal(side, "", item)).collect();
            items.sort_by_cached_key(|item| (identity(item), item.to_string()));
            Json::Array(items)
        }
        Json::Number(number) if DRAWN.contains(&key) && number.as_i64() > Some(0) => key.into(),
        Json::String(text) if key == "topicId" => {
            let id = text.parse().unwrap_or(Uuid::ZERO);
            match side.topics.get(&id) {
                Some(name) => name.clone().into(),
                None if id == Uuid::ZERO => "zero".into(),
                None => "some id".into(),
            }
        }
        Json::String(text) if key.ends_with("rrorMessage") => without_times(&text).into(),
        other => other,
    }
}

/// Whether it is a config that every cluster of Kafka 4.4 sets for all its brokers, with the default for a value.
fn set_by_kafka(item: &Json) -> bool {
    let name = item.get("name").and_then(Json::as_str);
    item.get("configSource").is_some()
        && matches!(name, Some("min.insync.replicas" | "unclean.leader.election.enable"))
}

/// What tells an item of a list from the others.
fn identity(item: &Json) -> Vec<String> {
    let named = ["name", "topic", "topicId", "key", "resourceName", "partitionIndex", "index"];
    named.iter().filter_map(|field| item.get(field)).map(ToString::to_string).collect()
}

/// A text without what was read from a clock: numbers that are as long as the time of day in milliseconds.
fn without_times(text: &str) -> String {
    let mut kept = String::new();
    for piece in text.split_inclusive(|c: char| !c.is_ascii_digit()) {
        let digits = piece.trim_end_matches(|c: char| !c.is_ascii_digit());
        kept += if digits.len() == 13 { "time" } else { digits };
        kept += &piece[digits.len()..];
    }
    kept
}

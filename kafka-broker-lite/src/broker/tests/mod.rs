//! Stories told to a broker in raw requests, with invented time.

mod admin;
mod churn;
mod cleaning;
mod configs;
mod connections;
mod disk;
mod faults;
mod fetching;
mod finding;
mod groups;
mod idempotence;
mod log_dirs;
mod offsets;
mod producing;
mod sessions;
mod snapshots;
mod versions;

use super::*;
use crate::log::{MemoryStorage, Storage};
use kafka_proto::frame::{decode_response, encode_request};
use kafka_proto::messages::create_topics::{CreatableTopic, CreatableTopicConfig};
use kafka_proto::messages::produce::{
    PartitionProduceData, PartitionProduceResponse, TopicProduceData,
};
use kafka_proto::messages::{create_topics, fetch, metadata, produce};
use kafka_proto::records::{BatchBuilder, Compressor, Records, Stamp};
use kafka_proto::uuid::Uuid;
use std::sync::Arc;

/// When every story begins.
const START_MS: i64 = 1_700_000_000_000;

/// A broker, its clients and the time.
struct World {
    broker: Broker,
    now: Now,
    conn: ConnectionId,
    connections: u64,
    correlation_id: i32,
    replies: BTreeMap<ConnectionId, VecDeque<Bytes>>,
    closed: BTreeMap<ConnectionId, String>,
    /// Whether syncs end only when they are told to, and those that run.
    slow_syncs: bool,
    held_syncs: VecDeque<(u64, SyncJob)>,
}

impl World {
    fn new() -> Self {
        Self::with(&[])
    }

    /// With these properties; the listeners are an inner and an outer one.
    fn with(properties: &[(&str, &str)]) -> Self {
        Self::with_storage(Box::new(MemoryStorage::new()), properties)
    }

    fn with_storage(storage: Box<dyn Storage>, properties: &[(&str, &str)]) -> Self {
        Self::with_dirs(vec![LogDir::new("/logs", storage)], properties)
    }

    fn with_dirs(log_dirs: Vec<LogDir>, properties: &[(&str, &str)]) -> Self {
        let fixed = [
            ("listeners", "INSIDE://127.0.0.1:9092,OUTSIDE://127.0.0.1:9093"),
            ("advertised.listeners", "INSIDE://broker:9092,OUTSIDE://example.org:19093"),
            ("listener.security.protocol.map", "INSIDE:PLAINTEXT,OUTSIDE:PLAINTEXT"),
            ("broker.rack", "r1"),
        ];
        let pairs = fixed.iter().chain(properties).copied();
        let mut config = BrokerConfig::from_pairs(pairs).unwrap();
        config.cluster_id = "cluster-0123456789abcd".into();
        let now = Now { monotonic_ms: 0, wall_ms: START_MS, random: 42 };
        let broker = Broker::new(config, log_dirs, now).unwrap();
        let mut world = Self {
            broker,
            now,
            conn: ConnectionId(0),
            connections: 0,
            correlation_id: 0,
            replies: BTreeMap::new(),
            closed: BTreeMap::new(),
            slow_syncs: false,
            held_syncs: VecDeque::new(),
        };
        world.conn = world.connect("INSIDE");
        world
    }

    fn connect(&mut self, listener: &str) -> ConnectionId {
        self.connections += 1;
        let conn = ConnectionId(self.connections);
        self.broker.on_connect(conn, ListenerName::new(listener), "10.0.0.1".into());
        conn
    }

    fn advance(&mut self, ms: u32) {
        self.now.monotonic_ms += u64::from(ms);
        self.now.wall_ms += i64::from(ms);
        self.pump();
    }

    fn pump(&mut self) {
        while let Some(action) = self.broker.poll(self.now) {
            match action {
                Action::Send { conn, frame } => {
                    let reply = frame.into_bytes().slice(4..);
                    self.replies.entry(conn).or_default().push_back(reply);
                }
                Action::Close { conn, reason } => {
                    assert!(self.closed.insert(conn, reason).is_none(), "closed twice");
                    self.broker.on_disconnect(conn);
                }
                Action::Sync { token, job } if self.slow_syncs => {
                    self.held_syncs.push_back((token, job));
                }
                Action::Sync { token, job } => self.broker.on_synced(self.now, token, job.run()),
            }
        }
    }

    /// Ends the syncs that run, well or with a failure.
    fn end_syncs(&mut self, fails: bool) {
        for (token, job) in std::mem::take(&mut self.held_syncs) {
            let failure = || StorageError::new("sync", std::io::ErrorKind::Other);
            let result = if fails { Err(failure()) } else { job.run() };
            self.broker.on_synced(self.now, token, result);
        }
        self.pump();
    }

    fn send_bytes(&mut self, conn: ConnectionId, frame: impl Into<Bytes>) {
        self.broker.on_frame(self.now, conn, frame.into());
        self.pump();
    }

    fn send<R: kafka_proto::api::Request>(
        &mut self,
        conn: ConnectionId,
        version: i16,
        request: &R,
    ) -> i32 {
        self.correlation_id += 1;
        let client_id = Arc::from("test");
        let frame = encode_request(request, version, self.correlation_id, Some(&client_id));
        self.send_bytes(conn, frame.unwrap().into_bytes().slice(4..));
        self.correlation_id
    }

    /// The next answer on a connection, if there is one.
    fn reply<R: kafka_proto::api::Request>(
        &mut self,
        conn: ConnectionId,
        version: i16,
    ) -> Option<(i32, R::Response)> {
        let reply = self.replies.get_mut(&conn)?.pop_front()?;
        Some(decode_response::<R>(reply, version).unwrap())
    }

    /// Asks on the first connection, where the answer must come at once.
    #[track_caller]
    fn ask<R: kafka_proto::api::Request>(&mut self, version: i16, request: &R) -> R::Response {
        let sent = self.send(self.conn, version, request);
        let Some((correlation_id, response)) = self.reply::<R>(self.conn, version) else {
            panic!("no answer to {}: {:?}", R::NAME, self.closed.get(&self.conn))
        };
        assert_eq!(correlation_id, sent);
        response
    }

    /// Creates a topic with configs, and gives its id.
    #[track_caller]
    fn create(&mut self, name: &str, partitions: i32, configs: &[(&str, &str)]) -> Uuid {
        let config = |(name, value): &(&str, &str)| CreatableTopicConfig {
            name: (*name).into(),
            value: Some((*value).into()),
        };
        let topic = CreatableTopic {
            name: name.into(),
            num_partitions: partitions,
            replication_factor: 1,
            configs: configs.iter().map(config).collect(),
            ..Default::default()
        };
        let request = create_topics::Request { topics: vec![topic], ..Default::default() };
        let created = self.ask(7, &request).topics.remove(0);
        assert_eq!(created.error_code, ErrorCode::NONE, "{:?}", created.error_message);
        created.topic_id
    }

    /// Produces to one partition with acks=all, and gives the answer.
    #[track_caller]
    fn produce(&mut self, topic: &str, partition: i32, batch: Vec<u8>) -> PartitionProduceResponse {
        let response = self.ask(12, &produce_request(topic, partition, -1, batch));
        response.responses[0].partition_responses[0].clone()
    }

    /// Fetches from one partition without waiting, and gives the answer.
    #[track_caller]
    fn fetch(&mut self, topic: &str, partition: i32, offset: i64) -> fetch::PartitionData {
        let response = self.ask(12, &fetch_request(topic, partition, offset));
        assert_eq!(response.error_code, ErrorCode::NONE);
        response.responses[0].partitions[0].clone()
    }

    fn id_of(&mut self, topic: &str) -> Uuid {
        let asked =
            metadata::MetadataRequestTopic { name: Some(topic.into()), ..Default::default() };
        let request = metadata::Request { topics: Some(vec![asked]), ..Default::default() };
        self.ask(13, &request).topics[0].topic_id
    }
}

fn produce_request(topic: &str, partition: i32, acks: i16, batch: Vec<u8>) -> produce::Request {
    let records = Some(Records::Bytes(batch.into()));
    let topic = TopicProduceData {
        name: topic.into(),
        partition_data: vec![PartitionProduceData { index: partition, records }],
        ..Default::default()
    };
    produce::Request { acks, timeout_ms: 1000, topic_data: vec![topic], ..Default::default() }
}

fn fetch_request(topic: &str, partition: i32, offset: i64) -> fetch::Request {
    let partition = fetch::FetchPartition {
        partition,
        fetch_offset: offset,
        partition_max_bytes: 1_048_576,
        ..Default::default()
    };
    let topic = fetch::FetchTopic {
        topic: topic.into(),
        partitions: vec![partition],
        ..Default::default()
    };
    fetch::Request { min_bytes: 1, topics: vec![topic], ..Default::default() }
}

/// A batch of records without keys.
fn batch(values: &[&str]) -> Vec<u8> {
    stamped(values, Stamp::NONE)
}

/// A batch of an idempotent producer.
fn idempotent(producer: (i64, i16), base_sequence: i32, values: &[&str]) -> Vec<u8> {
    let (producer_id, producer_epoch) = producer;
    stamped(values, Stamp { producer_id, producer_epoch, base_sequence, ..Stamp::NONE })
}

fn stamped(values: &[&str], stamp: Stamp) -> Vec<u8> {
    let mut builder = BatchBuilder::new(Vec::new());
    for (at, value) in (0_i64..).zip(values) {
        builder.append(START_MS - 1_000 + at, None, Some(value.as_bytes()), &[]);
    }
    builder.seal(stamp, &mut Compressor::none())
}

/// The values in an answer to a fetch, each with its offset.
fn values(data: &fetch::PartitionData) -> Vec<(i64, String)> {
    let bytes = data.records.as_ref().unwrap().to_bytes().unwrap();
    let mut decompressor = kafka_proto::records::Decompressor::new();
    let mut values = Vec::new();
    for batch in kafka_proto::records::Batches::new(bytes) {
        let batch = batch.unwrap();
        batch.verify_crc().unwrap();
        for record in &batch.open(&mut decompressor, 1 << 20).unwrap() {
            let value = String::from_utf8(record.value().unwrap_or_default().to_vec()).unwrap();
            values.push((record.offset(), value));
        }
    }
    values
}

/// How many bytes of records are in an answer to a fetch.
fn size(data: &fetch::PartitionData) -> usize {
    data.records.as_ref().map_or(0, Records::len)
}

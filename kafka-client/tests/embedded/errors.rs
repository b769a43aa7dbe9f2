//! What errors say. Every text here is exact: what was asked, of what, why it failed, what to do next.
//!
//! Texts of corrupt batches are those of the decoder's own tests, texts of calls to peers that are no brokers those of
//! `hostile`.

use kafka_broker_lite::Cluster;
use kafka_client::admin::{ConfigResource, NewPartitions};
use kafka_client::config::{
    Acks, AutoOffsetReset, ClientConfig, ConfigError, ConsumerConfig, ProducerConfig,
};
use kafka_client::{Client, Error, ErrorKind, NewTopic, Producer, ProducerRecord};
use kafka_proto::ErrorCode;
use kafka_proto::api::ApiKey;
use std::fmt::{Debug, Display};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// A broker with a topic `t` of two partitions that makes no others, and a client of it.
struct World {
    cluster: Cluster,
    client: Client,
}

impl World {
    async fn new() -> Self {
        let builder = Cluster::builder().topic("t", 2);
        let cluster = builder.config("auto.create.topics.enable", "false").start().await.unwrap();
        let client = Client::connect(&cluster.bootstrap_servers()).await.unwrap();
        Self { cluster, client }
    }

    fn producer(&self) -> Producer {
        self.producer_with(ProducerConfig::default())
    }

    fn producer_with(&self, config: ProducerConfig) -> Producer {
        self.client.producer(config.linger(Duration::ZERO)).unwrap()
    }

    /// From now on the broker answers so to requests of this kind.
    fn refuse(&self, api: ApiKey, code: ErrorCode) {
        self.cluster.control().clear();
        self.cluster.control().on(api).error(code);
    }
}

fn record() -> ProducerRecord<'static> {
    ProducerRecord::new("t", "v").partition(0)
}

#[track_caller]
fn says<T: Debug, E: Display>(result: Result<T, E>, text: &str) {
    match result {
        Ok(there) => panic!("no error but {there:?}, where this was due: {text}"),
        Err(error) => assert_eq!(error.to_string(), text),
    }
}

/// What the attempt to connect to `servers` says between what all such errors begin and end with.
async fn unreachable(servers: &str) -> String {
    let error = Client::connect(servers).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connect);
    assert!(error.is_retriable());
    let shown = error.to_string();
    let begin = "connect to the cluster: no connection: no broker of bootstrap.servers answers; ";
    let end = "; check the addresses and that the brokers run";
    let cause = shown.strip_prefix(begin).and_then(|rest| rest.strip_suffix(end));
    cause.unwrap_or_else(|| panic!("{shown}")).to_owned()
}

/// The address of somebody who answers so to whatever is said, and hangs up.
async fn peer(answer: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut question = [0; 1024];
            if stream.read(&mut question).await.is_ok() {
                // The client may have gone.
                let _ = stream.write_all(answer).await;
            }
        }
    });
    address
}

/// An address where nobody listens.
async fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap().to_string()
}

#[tokio::test]
async fn of_an_address_that_is_wrong() {
    says(
        Client::connect("localhost").await,
        "read bootstrap.servers: invalid: \"localhost\" is no address; expected host:port, such as \
         localhost:9092",
    );
    says(
        Client::connect("").await,
        "read bootstrap.servers: invalid: no address is given; expected host:port, several \
         separated by commas",
    );
    // The end of it is the operating system's.
    let cause = unreachable("no.such.host.invalid:9092").await;
    let expected = "no.such.host.invalid:9092: the name leads nowhere: ";
    assert!(cause.starts_with(expected), "{cause}");
    let (one, two) = (nobody().await, nobody().await);
    assert_eq!(unreachable(&one).await, format!("{one}: refused: nothing listens there"));
    assert_eq!(
        unreachable(&format!("{one}, {two}")).await,
        format!("{one}: refused: nothing listens there; {two}: refused: nothing listens there"),
        "each address has its own cause"
    );
}

#[tokio::test]
async fn of_a_port_where_no_broker_listens() {
    for (answer, text) in [
        // What a TLS server sends to a client that does not begin with a handshake.
        (
            &[0x15_u8, 3, 3, 0, 2, 2, 70][..],
            "protocol error: the broker answers in TLS, and this version speaks plain text only; \
             name a PLAINTEXT listener",
        ),
        (
            b"HTTP/1.1 400 Bad Request\r\n\r\n",
            "protocol error: what answers is no Kafka broker: it begins with \"HTTP\"",
        ),
        (
            b"SSH-2.0-OpenSSH_9.9\r\n",
            "protocol error: what answers is no Kafka broker: it begins with \"SSH-\"",
        ),
        (
            b"\xff\xff\xff\xfe",
            "protocol error: a frame of -2 bytes cannot be; it may be no Kafka broker",
        ),
        (
            b"",
            "disconnected: the broker closed the connection; it may expect TLS or SASL, or be no \
             Kafka broker",
        ),
    ] {
        let address = peer(answer).await;
        assert_eq!(unreachable(&address).await, format!("{address}: {text}"));
    }
}

#[test]
fn of_settings() {
    let read = |text: &str| ProducerConfig::from_properties(text);
    says(
        read("bach.size=1"),
        "unknown setting \"bach.size\" (line 1): did you mean \"batch.size\"?",
    );
    says(
        read("\nxyzzy=1"),
        "unknown setting \"xyzzy\" (line 2): no Kafka client has one of this name",
    );
    says(read("acks=2"), "acks=2 (line 1): has to be one of 0, 1, all, -1");
    says(
        read("linger.ms=soon"),
        "linger.ms=soon (line 1): has to be a whole number from 0 to 2^63-1",
    );
    says(
        read("compression.type=zip"),
        "compression.type=zip (line 1): has to be one of none, gzip, snappy, lz4, zstd",
    );
    says(
        read("enable.idempotence=true\nacks=1"),
        "acks=1: has to be all with enable.idempotence=true",
    );
    says(
        read("security.protocol=SSL"),
        "security.protocol=SSL (line 1): this version speaks PLAINTEXT only, neither TLS nor SASL",
    );
    says(
        read("transactional.id=a"),
        "transactional.id=a (line 1): transactions are not part of this version",
    );
    says(
        ProducerConfig::default().set("fetch.min.bytes", "1"),
        "fetch.min.bytes: is a setting of ConsumerConfig, set it there",
    );
    says(
        ClientConfig::from_properties("a=\\u00zz"),
        "not a properties text: line 1: \\u has to be followed by four hexadecimal digits",
    );
}

#[tokio::test]
async fn of_settings_where_they_are_used() {
    says(
        Client::from_properties("bootstrap.server=x:1").await,
        "read the settings: invalid: unknown setting \"bootstrap.server\" (line 1): did you mean \
         \"bootstrap.servers\"?",
    );
    let World { client, .. } = World::new().await;
    let config = ProducerConfig::default().enable_idempotence(true).acks(Acks::Leader);
    says(
        client.producer(config),
        "make a producer: invalid: acks=1: has to be all with enable.idempotence=true",
    );
    let config = ConsumerConfig::default().heartbeat_interval(Duration::from_secs(90));
    says(
        client.consumer(config),
        "make a consumer: invalid: heartbeat.interval.ms=90000: has to be less than \
         session.timeout.ms=45000",
    );
    // As a setting's error it can be taken apart, too.
    let error = ProducerConfig::from_properties("\nacks=2").unwrap_err();
    assert_eq!((error.key(), error.line()), (Some("acks"), Some(2)));
    let error = Error::from(error);
    let source = std::error::Error::source(&error).unwrap();
    assert!(source.is::<ConfigError>());
}

#[tokio::test]
async fn of_topics_and_partitions_that_are_not_there() {
    let world = World::new().await;
    let producer = world.producer();
    let no_topic = "there is no such topic; create it, or have the brokers do so \
                    (auto.create.topics.enable)";
    let kind = "unknown topic or partition";
    says(
        producer.send(ProducerRecord::new("nope", "v")).await,
        &format!("look up the topic (nope): {kind}: {no_topic}"),
    );
    says(
        producer.send(ProducerRecord::new("no/pe", "v")).await,
        "look up the topic (no/pe): refused by the broker: INVALID_TOPIC_EXCEPTION (17): The \
         topic's name is invalid, or clients may not write to it.",
    );
    says(
        producer.send(record().partition(5)).await,
        &format!("send (t-5): {kind}: the topic has 2 partitions, numbered from 0"),
    );
    says(
        producer.try_enqueue(ProducerRecord::new("new", "v")),
        "send without waiting (new): would have to wait: its topic is not known yet",
    );
    let mut consumer = world.client.consumer(ConsumerConfig::default()).unwrap();
    let reason = "no partition is assigned; call subscribe or assign first";
    says(consumer.poll().await, &format!("poll: invalid: {reason}"));
    consumer.assign([("missing", 0)]).unwrap();
    says(
        consumer.poll().await,
        &format!(
            "consume (missing-0): {kind}: there is no such topic; it is looked for until it is \
             made or no longer assigned"
        ),
    );
    consumer.assign([("t", 7)]).unwrap();
    says(
        consumer.poll().await,
        &format!("consume (t-7): {kind}: the topic has 2 partitions, numbered from 0"),
    );
    says(
        consumer.position(("t", 1)).await,
        "position (t-1): invalid: the partition is not assigned; assign it first",
    );
    says(
        consumer.end_offsets([("missing", 1)]).await,
        &format!("look up the topic (missing): {kind}: {no_topic}"),
    );
}

#[tokio::test]
async fn of_records_that_are_too_large() {
    let world = World::new().await;
    let value = vec![0; 2_000_000];
    let large = ProducerRecord::new("t", &value).partition(0);
    says(
        world.producer().send(large).await,
        "send (t-0): record too large: it takes 2000097 bytes and max.request.size is 1048576; \
         raise that setting, and message.max.bytes of the broker or max.message.bytes of the topic \
         with it",
    );
    let config = ProducerConfig::default().buffer_memory(1000).max_request_size(3_000_000);
    says(
        world.producer_with(config.clone()).send(large).await,
        "send (t-0): record too large: it takes 2000097 bytes and buffer.memory is 1000; raise \
         that setting",
    );
    says(
        world.producer_with(config.buffer_memory(5_000_000)).send(large).await,
        "send (t-0): record too large: MESSAGE_TOO_LARGE (10): The record batch size in the append \
         to t-0 is 2000074 bytes which exceeds the maximum configured value of 1048588; send \
         smaller records, or raise max.message.bytes of the topic",
    );
}

#[tokio::test]
async fn of_what_was_closed() {
    // A consumer's `close` takes the consumer: there is nothing left to be used wrongly.
    let world = World::new().await;
    let producer = world.producer();
    let topic = producer.topic("t").await.unwrap();
    producer.close(Duration::from_secs(5)).await.unwrap();
    let closed = "closed: the producer was closed; make a new one";
    says(producer.send(record()).await, &format!("send (t-0): {closed}"));
    says(producer.try_enqueue(record()), &format!("send (t-0): {closed}"));
    says(producer.send_batch([record()]).await, &format!("send (t-0): {closed}"));
    says(topic.send(record()).await, &format!("send (t-0): {closed}"));
    says(producer.send(ProducerRecord::new("new", "v")).await, &format!("send (new): {closed}"));
    says(producer.flush().await, &format!("flush: {closed}"));
    let error = producer.send(record()).await.unwrap_err();
    assert!(error.is_fatal() && !error.is_retriable() && !error.possibly_written());
}

#[tokio::test]
async fn of_what_is_not_allowed() {
    let world = World::new().await;
    let topic_denied = "refused by the broker: TOPIC_AUTHORIZATION_FAILED (29): The principal may \
                        not do this to the topic; an ACL has to allow it";
    let cluster_denied = "refused by the broker: CLUSTER_AUTHORIZATION_FAILED (31): The principal \
                          may not do this to the cluster; an ACL has to allow it";
    world.refuse(ApiKey::METADATA, ErrorCode::TOPIC_AUTHORIZATION_FAILED);
    says(
        world.producer().send(ProducerRecord::new("secret", "v")).await,
        &format!("look up the topic (secret): {topic_denied}"),
    );
    world.refuse(ApiKey::PRODUCE, ErrorCode::TOPIC_AUTHORIZATION_FAILED);
    says(world.producer().send(record()).await, &format!("send (t-0): {topic_denied}"));
    world.refuse(ApiKey::INIT_PRODUCER_ID, ErrorCode::CLUSTER_AUTHORIZATION_FAILED);
    says(
        world.producer().send(record()).await,
        "send (t-0): refused by the broker: get a producer id: CLUSTER_AUTHORIZATION_FAILED (31): \
         an idempotent producer needs IdempotentWrite on the cluster, or Write on any topic since \
         Kafka 2.8, unless enable.idempotence=false; an ACL has to allow it",
    );
    world.refuse(ApiKey::FETCH, ErrorCode::TOPIC_AUTHORIZATION_FAILED);
    let config = ConsumerConfig::default().auto_offset_reset(AutoOffsetReset::Earliest);
    let mut consumer = world.client.consumer(config).unwrap();
    consumer.assign([("t", 0)]).unwrap();
    says(consumer.poll().await, &format!("fetch records (t-0): {topic_denied}"));
    world.refuse(ApiKey::LIST_OFFSETS, ErrorCode::TOPIC_AUTHORIZATION_FAILED);
    says(
        consumer.end_offsets([("t", 1)]).await,
        &format!("look up an offset (t-1): {topic_denied}"),
    );
    world.refuse(ApiKey::CREATE_TOPICS, ErrorCode::CLUSTER_AUTHORIZATION_FAILED);
    says(
        world.client.admin().create_topics([NewTopic::new("x")]).await.unwrap().all(),
        &format!("create the topic (x): {cluster_denied}"),
    );
}

#[tokio::test]
async fn of_positions_without_a_reset_policy() {
    let world = World::new().await;
    let config = ConsumerConfig::default().auto_offset_reset(AutoOffsetReset::None);
    let mut consumer = world.client.consumer(config).unwrap();
    consumer.assign([("t", 0)]).unwrap();
    let lost = "read records (t-0): offset out of range";
    let advice = "seek, or set auto.offset.reset to something else than none";
    says(consumer.poll().await, &format!("{lost}: it has no position; {advice}"));
    consumer.seek(("t", 0), 50).unwrap();
    says(consumer.poll().await, &format!("{lost}: offset 50 is not in the log; {advice}"));
}

#[tokio::test]
async fn of_administration() {
    let world = World::new().await;
    let admin = world.client.admin();
    says(
        admin.create_topics([NewTopic::new("t")]).await.unwrap().all(),
        "create the topic (t): refused by the broker: TOPIC_ALREADY_EXISTS (36): Topic 't' already \
         exists.",
    );
    says(
        admin.delete_topics(["nope"]).await.unwrap().all(),
        "delete the topic (nope): unknown topic or partition: UNKNOWN_TOPIC_OR_PARTITION (3): This \
         server does not host this topic-partition.",
    );
    says(
        admin.create_topics([NewTopic::new("x").config("nope", "1")]).await.unwrap().all(),
        "create the topic (x): refused by the broker: INVALID_CONFIG (40): Unknown topic config \
         name: nope",
    );
    says(
        admin.create_partitions([NewPartitions::new("t", 1)]).await.unwrap().all(),
        "add partitions to the topic (t): refused by the broker: INVALID_PARTITIONS (37): The \
         topic t currently has 2 partition(s); 1 would not be an increase.",
    );
    says(
        admin.describe_configs([ConfigResource::topic("nope")]).await.unwrap().all(),
        "describe the configs of topic nope: unknown topic or partition: \
         UNKNOWN_TOPIC_OR_PARTITION (3): The broker holds no such topic or partition.",
    );
}

#[tokio::test]
async fn of_a_cluster_that_went_away() {
    let World { cluster, client } = World::new().await;
    let config = ProducerConfig::default().max_block(Duration::from_millis(300));
    let producer = client.producer(config).unwrap();
    let address = cluster.bootstrap_servers();
    cluster.shutdown().await;
    let gone = format!(
        "no broker of bootstrap.servers answers; {address}: refused: nothing listens there; check \
         the addresses and that the brokers run"
    );
    says(
        producer.send(ProducerRecord::new("other", "v")).await,
        &format!(
            "look up the topic (other): timed out: nothing was heard of it within 300 ms \
             (max.block.ms); the last try: connect to the cluster: no connection: {gone}"
        ),
    );
    let admin = client.admin().with_timeout(Duration::from_millis(700));
    says(
        admin.create_topics([NewTopic::new("t")]).await,
        &format!(
            "create the topic: timed out: not done within 700 ms (default.api.timeout.ms); the \
             last try: no connection: connect to the cluster: {gone}"
        ),
    );
}

#[tokio::test]
async fn of_static_members_where_a_broker_knows_none() {
    let cluster = Cluster::builder().topic("t", 1).as_version("2.1").start().await.unwrap();
    let client = Client::connect(&cluster.bootstrap_servers()).await.unwrap();
    let mut consumer =
        client.consumer(ConsumerConfig::default().group("g").group_instance_id("one")).unwrap();
    consumer.subscribe(["t"]).unwrap();
    let address = cluster.bootstrap_servers();
    let text = format!(
        "send JoinGroup to {address}: not supported by the broker: .group_instance_id: is set, but \
         version 3 of the message cannot carry it, and the broker takes no newer one"
    );
    says(consumer.poll().await, &text);
}

//! Brokers that are none: whatever answers, every call of the client ends in time with an error that says what is
//! wrong, without a panic and in bounded memory.
//!
//! The network is in memory and time is paused, so that a time-out takes no time and a run can be repeated.

mod records;

use bytes::Bytes;
use kafka_client::admin::{ConfigResource, DeleteBefore, OffsetSpec};
use kafka_client::config::{ClientConfig, ConsumerConfig, ProducerConfig};
use kafka_client::{Client, Connector, Error, ErrorKind, NewTopic, ProducerRecord, Stream};
use kafka_proto::api::{API_INFOS, ApiKey};
use kafka_proto::frame::{decode_request_header, encode_response};
use kafka_proto::messages::{api_versions, metadata};
use std::fmt;
use std::future::Future;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

/// No call may take longer: twice what its settings allow.
const LIMIT: Duration = Duration::from_secs(6);

/// What a peer does when asked something.
#[derive(Clone, Debug, PartialEq)]
enum Reaction {
    Send(Vec<u8>),
    SendAndClose(Vec<u8>),
    Close,
    Silence,
}

type React = dyn Fn(&Bytes) -> Reaction + Send + Sync;

/// A network where everybody is the same peer.
#[derive(Clone)]
struct Peer(Arc<React>);

impl fmt::Debug for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Peer")
    }
}

#[async_trait::async_trait]
impl Connector for Peer {
    async fn connect(&self, _: &str, _: u16) -> io::Result<Box<dyn Stream>> {
        let (near, far) = tokio::io::duplex(64 << 10);
        let react = self.0.clone();
        // The client may be gone before the peer has said everything.
        tokio::spawn(async move { drop(serve(far, &*react).await) });
        Ok(Box::new(near))
    }
}

async fn serve(mut stream: DuplexStream, react: &React) -> io::Result<()> {
    loop {
        let len = usize::try_from(stream.read_u32().await?).map_err(io::Error::other)?;
        let mut frame = vec![0; len];
        stream.read_exact(&mut frame).await?;
        match react(&frame.into()) {
            Reaction::Send(bytes) => stream.write_all(&bytes).await?,
            Reaction::SendAndClose(bytes) => return stream.write_all(&bytes).await,
            Reaction::Close => return Ok(()),
            Reaction::Silence => std::future::pending().await,
        }
    }
}

/// A peer that is a broker as far as versions and metadata go, and leaves the rest to `react`.
fn half_a_broker(react: impl Fn(&Bytes) -> Reaction + Send + Sync + 'static) -> Peer {
    Peer(Arc::new(move |frame| polite(frame, &["broker"]).unwrap_or_else(|| react(frame))))
}

/// What every broker says of itself and of the others, each of which leads one partition.
fn polite(frame: &Bytes, brokers: &[&str]) -> Option<Reaction> {
    let (header, _) = decode_request_header(frame).unwrap();
    let (version, id) = (header.version, header.correlation_id);
    let frame = match header.api_key {
        ApiKey::API_VERSIONS => {
            let rows = API_INFOS.iter().map(|api| api_versions::ApiVersion {
                api_key: api.key.0,
                min_version: api.stable.min,
                max_version: api.stable.max,
            });
            let answer = api_versions::Response { api_keys: rows.collect(), ..Default::default() };
            encode_response::<api_versions::Request>(&answer, version, id)
        }
        ApiKey::METADATA => {
            let ids = || (1_i32..).zip(brokers);
            let partitions = ids().map(|(id, _)| metadata::MetadataResponsePartition {
                partition_index: id - 1,
                leader_id: id,
                leader_epoch: 1,
                replica_nodes: vec![id],
                isr_nodes: vec![id],
                ..Default::default()
            });
            let topic = metadata::MetadataResponseTopic {
                name: Some("orders".into()),
                topic_id: kafka_client::Uuid::from_random(7),
                partitions: partitions.collect(),
                ..Default::default()
            };
            let brokers = ids().map(|(node_id, host)| metadata::MetadataResponseBroker {
                node_id,
                host: (*host).into(),
                port: 9092,
                ..Default::default()
            });
            let answer = metadata::Response {
                brokers: brokers.collect(),
                controller_id: 1,
                topics: vec![topic],
                ..Default::default()
            };
            encode_response::<metadata::Request>(&answer, version, id)
        }
        _ => return None,
    };
    let pieces: Vec<Bytes> = frame.unwrap().pieces().cloned().collect();
    Some(Reaction::Send(pieces.concat()))
}

/// An answer to the request in `frame`, with a body that may be anything.
fn answer(frame: &Bytes, body: &[u8]) -> Vec<u8> {
    let len = u32::try_from(body.len() + 4).unwrap();
    [&len.to_be_bytes()[..], &frame[4..8], body].concat()
}

/// A way of a peer to be no broker, and what the client shall say about it.
struct Way {
    name: &'static str,
    react: Box<React>,
    kind: &'static str,
    reason: &'static str,
}

fn ways() -> Vec<Way> {
    fn way(
        name: &'static str,
        kind: &'static str,
        reason: &'static str,
        react: impl Fn(&Bytes) -> Reaction + Send + Sync + 'static,
    ) -> Way {
        Way { name, react: Box::new(react), kind, reason }
    }
    let send = |bytes: &'static [u8]| move |_: &Bytes| Reaction::Send(bytes.to_vec());
    let (protocol, ended, late) = ("protocol error", "disconnected", "timed out");
    let closed = "the broker closed the connection";
    let no_answer = "no answer within the time the request has";
    vec![
        way(
            "TLS",
            protocol,
            "the broker answers in TLS, and this version speaks plain text only",
            send(&[0x15, 3, 3, 0, 2, 2, 70]),
        ),
        way(
            "HTTP",
            protocol,
            r#"what answers is no Kafka broker: it begins with "HTTP""#,
            send(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"),
        ),
        way(
            "a negative length",
            protocol,
            "a frame of -2 bytes cannot be",
            send(&[0xff, 0xff, 0xff, 0xfe]),
        ),
        way(
            "a huge length",
            protocol,
            "a frame of 2147483647 bytes cannot be",
            send(&[0x7f, 0xff, 0xff, 0xff, 1, 2, 3, 4]),
        ),
        way(
            "a length that could be, and nothing after it",
            late,
            no_answer,
            send(&[0x3f, 0xff, 0xff, 0xff, 0, 0, 0, 1]),
        ),
        way("another's answer", protocol, "answer 2139062143 came where ", |frame| {
            Reaction::Send([&[0, 0, 0, 8], &[0x7f; 4], &frame[4..8]].concat())
        }),
        way("no id", protocol, "an answer without correlation id", send(&[0, 0, 0, 1, 9])),
        way("a cut answer", ended, closed, |frame| {
            let mut bytes = answer(frame, &[0; 100]);
            bytes.truncate(20);
            Reaction::SendAndClose(bytes)
        }),
        way("an empty answer", protocol, "at byte ", |frame| Reaction::Send(answer(frame, &[]))),
        way("more elements than bytes", protocol, "at byte ", |frame| {
            Reaction::Send(answer(frame, &[0x7f; 64]))
        }),
        way("a hang-up", ended, closed, |_| Reaction::Close),
        way("silence", late, no_answer, |_| Reaction::Silence),
    ]
}

fn config() -> ClientConfig {
    ClientConfig::default()
        .bootstrap_servers(["broker:9092"])
        .request_timeout(Duration::from_secs(1))
        .default_api_timeout(Duration::from_secs(3))
}

fn client(peer: Peer) -> Client {
    Client::builder(config()).connector(peer).seed(1).connect_lazily().unwrap()
}

/// Runs a story in paused time; gives the most memory that it held at once.
fn story<F: Future<Output = ()>>(story: F) -> u64 {
    let runtime = || {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        builder.enable_time().start_paused(true).build().unwrap()
    };
    allocation_counter::measure(|| runtime().block_on(story)).bytes_max
}

async fn in_time<T>(what: &str, call: impl Future<Output = T>) -> T {
    let ended = tokio::time::timeout(LIMIT, call).await;
    ended.unwrap_or_else(|_| panic!("{what} did not end within {LIMIT:?}"))
}

/// Every call that asks the peer something; those that can fail have failed.
async fn all_calls(client: &Client) -> Vec<(&'static str, Error)> {
    let admin = client.admin();
    let at = || ("orders", 0);
    let producer = ProducerConfig::default()
        .linger(Duration::ZERO)
        .delivery_timeout(Duration::from_secs(3))
        .max_block(Duration::from_secs(3));
    let producer = client.producer(producer).unwrap();
    let mut consumer = client.consumer(ConsumerConfig::default()).unwrap();
    consumer.assign([at()]).unwrap();
    let create = async { admin.create_topics([NewTopic::new("new")]).await?.all().map(drop) };
    let find = async { admin.list_offsets([(at(), OffsetSpec::Latest)]).await?.all().map(drop) };
    let delete = async {
        admin.delete_records([(at(), DeleteBefore::HighWatermark)]).await?.all().map(drop)
    };
    let read =
        async { admin.describe_configs([ConfigResource::topic("orders")]).await?.all().map(drop) };
    let cluster = async { admin.describe_cluster().await.map(drop) };
    let send = async { producer.send(ProducerRecord::new("orders", "v")).await.map(drop) };
    let end = async { consumer.end_offsets([at()]).await.map(drop) };
    let (create, find, delete, read, cluster, send, end) = tokio::join!(
        in_time("create_topics", create),
        in_time("list_offsets", find),
        in_time("delete_records", delete),
        in_time("describe_configs", read),
        in_time("describe_cluster", cluster),
        in_time("send", send),
        in_time("end_offsets", end),
    );
    // It waits for better times and has none to tell of.
    let polled = in_time("poll", consumer.poll_timeout(Duration::from_secs(2))).await;
    let poll = polled.map(|records| assert!(records.is_empty(), "records out of nowhere"));
    in_time("close", producer.close(Duration::from_secs(1))).await.ok();
    let results = [
        ("create_topics", create),
        ("list_offsets", find),
        ("delete_records", delete),
        ("describe_configs", read),
        ("describe_cluster", cluster),
        ("send", send),
        ("end_offsets", end),
        ("poll", poll),
    ];
    results.into_iter().filter_map(|(call, result)| Some((call, result.err()?))).collect()
}

#[test]
fn first_contact_says_what_answers_in_place_of_a_broker() {
    let mut wrong = Vec::new();
    for Way { name, react, kind, reason } in ways() {
        let memory = story(async {
            let connect = Client::builder(config()).connector(Peer(react.into())).connect();
            let error = in_time(name, connect).await.expect_err(name);
            assert_eq!(error.kind(), ErrorKind::Connect, "{name}: {error}");
            let shown = error.to_string();
            let start = "connect to the cluster: no connection: \
                         no broker of bootstrap.servers answers; ";
            let end = "; check the addresses and that the brokers run";
            let cause = shown.strip_prefix(start).and_then(|rest| rest.strip_suffix(end));
            let all = ["broker:9092", kind, reason];
            if !cause.is_some_and(|cause| all.iter().all(|text| cause.contains(text))) {
                wrong.push(format!("{name}: {shown}"));
            }
        });
        assert!(memory < 24 << 20, "{name} took {memory} bytes");
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn later_calls_say_what_became_of_them() {
    let mut wrong = Vec::new();
    for Way { name, react, kind, reason } in ways() {
        let memory = story(async {
            let client = client(half_a_broker(react));
            let errors = Box::pin(all_calls(&client)).await;
            assert!(errors.len() >= 7, "{name}: calls succeeded: {errors:?}");
            for (call, error) in errors {
                let shown = error.to_string();
                if !shown.contains(kind) || !shown.contains(reason) || shown.len() > 400 {
                    wrong.push(format!("{name}, {call}: {shown}"));
                }
            }
        });
        assert!(memory < 48 << 20, "{name} took {memory} bytes");
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn random_answers_are_survived() {
    let failures = Arc::new(AtomicU64::new(0));
    for seed in 1..=200 {
        let told = failures.clone();
        let memory = story(async move {
            let random = Arc::new(AtomicU64::new(seed * 0x1_0000));
            let noise = move |frame: &Bytes| {
                let next = || word(random.fetch_add(1, Ordering::Relaxed));
                let len = next() % 300;
                let body: Vec<u8> = (0..len).map(|_| next().to_le_bytes()[0]).collect();
                match next() % 4 {
                    // With no frame around it.
                    0 => Reaction::Send(body),
                    // Where small numbers make counts and lengths that could be.
                    1 => Reaction::Send(answer(
                        frame,
                        &body.iter().map(|b| b % 4).collect::<Vec<_>>(),
                    )),
                    _ => Reaction::Send(answer(frame, &body)),
                }
            };
            // Some peers do not even know their versions and brokers.
            let peer = if seed % 4 == 0 { Peer(Arc::new(noise)) } else { half_a_broker(noise) };
            let client = client(peer);
            for (call, error) in Box::pin(all_calls(&client)).await {
                let shown = error.to_string();
                assert!(shown.contains(": ") && shown.len() < 2000, "seed {seed}, {call}: {shown}");
                told.fetch_add(1, Ordering::Relaxed);
            }
        });
        assert!(memory < 64 << 20, "seed {seed} took {memory} bytes");
    }
    let failures = failures.load(Ordering::Relaxed);
    assert!(failures > 1000, "only {failures} calls failed: this was no noise");
}

/// A random word for each number (splitmix64).
fn word(number: u64) -> u64 {
    let mut word = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

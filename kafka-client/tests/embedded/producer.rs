//! The producer against the embedded broker: what its calls promise while the broker misbehaves.
//!
//! The network is in memory and time is paused, so that "in time" is exact.

use kafka_broker_lite::Cluster;
use kafka_broker_lite::net::sim::{Faults, SimNet};
use kafka_client::admin::NewPartitions;
use kafka_client::config::{Acks, ClientConfig, ProducerConfig};
use kafka_client::{
    Client, Connector, Delivery, Error, ErrorKind, Producer, ProducerRecord, Stream,
};
use kafka_proto::ErrorCode;
use kafka_proto::api::ApiKey;
use std::future::Future;
use std::io;
use std::time::Duration;
use tokio::time::Instant;

const HOST: &str = "broker:9092";

#[derive(Clone, Debug)]
struct Net(SimNet);

#[async_trait::async_trait]
impl Connector for Net {
    async fn connect(&self, host: &str, port: u16) -> io::Result<Box<dyn Stream>> {
        Ok(Box::new(self.0.connect(&format!("{host}:{port}")).await?))
    }
}

/// A broker with a topic `t` of two partitions, and a client of it.
struct World {
    net: SimNet,
    cluster: Cluster,
    client: Client,
}

fn run<F: Future>(story: impl FnOnce(World) -> F) -> F::Output {
    run_with(ClientConfig::default(), story)
}

fn run_with<F: Future>(config: ClientConfig, story: impl FnOnce(World) -> F) -> F::Output {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = builder.enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let net = SimNet::new(1, Faults::none());
        let cluster = Cluster::builder().topic("t", 2).seed(1).start_on(net.listen(HOST)).unwrap();
        let config = config.bootstrap_servers([HOST]);
        let client = Client::builder(config).connector(Net(net.clone())).seed(1);
        let client = client.connect().await.unwrap();
        let limit = Duration::from_secs(3600);
        tokio::time::timeout(limit, story(World { net, cluster, client })).await.expect("no hang")
    })
}

impl World {
    fn producer(&self, config: ProducerConfig) -> Producer {
        self.client.producer(config).unwrap()
    }

    /// A producer that has sent a record, so that nothing has to be looked up any more.
    async fn warm(&self, config: ProducerConfig) -> Producer {
        let producer = self.producer(config.linger(Duration::ZERO));
        producer.send(record()).await.unwrap();
        producer
    }

    fn count(&self, api: ApiKey) -> u64 {
        self.cluster.control().counters().requests.get(&api).copied().unwrap_or(0)
    }
}

fn record() -> ProducerRecord<'static> {
    ProducerRecord::new("t", "v").partition(0)
}

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// What came of the call, and how long it took.
#[expect(clippy::disallowed_methods, reason = "how long a call takes is what is tested")]
async fn timed<T>(call: impl Future<Output = T>) -> (T, Duration) {
    let began = Instant::now();
    (call.await, began.elapsed())
}

fn assert_about(took: Duration, limit: Duration) {
    assert!(took >= limit && took <= limit + ms(100), "{took:?} where {limit:?} was the limit");
}

#[test]
fn a_first_record_takes_no_question_twice() {
    run(|world| async move {
        let producer = world.client.producer(ProducerConfig::default()).unwrap();
        producer.send(ProducerRecord::new("t", "v")).await.unwrap();
        let asked: Vec<_> =
            world.cluster.control().request_log().iter().map(|logged| logged.api).collect();
        let count = |api| asked.iter().filter(|asked| **asked == api).count();
        // What brokers there are, and the topic.
        assert_eq!(count(ApiKey::METADATA), 2, "{asked:?}");
        assert_eq!(count(ApiKey::INIT_PRODUCER_ID), 1, "{asked:?}");
        assert_eq!(count(ApiKey::PRODUCE), 1, "{asked:?}");
    });
}

#[test]
fn it_outlives_its_client() {
    run(|world| async move {
        let producer = world.producer(ProducerConfig::default());
        drop(world.client);
        // Nothing is known of either topic yet: somebody has to ask.
        producer.send(record()).await.unwrap();
        let stored = producer.send(ProducerRecord::new("another", "v")).await.unwrap();
        assert_eq!(stored.offset(), Some(0));
    });
}

#[test]
fn a_connection_closed_for_idleness_costs_no_attempt() {
    let client = ClientConfig::default().connections_max_idle(ms(200));
    run_with(client, |world| async move {
        let producer = world.warm(ProducerConfig::default().retries(0)).await;
        for _ in 0..3 {
            tokio::time::sleep(ms(400)).await;
            let (stored, took) = timed(producer.send(record())).await;
            stored.unwrap();
            assert!(took < ms(50), "{took:?}");
        }
    });
}

#[test]
fn a_send_waits_for_metadata_no_longer_than_max_block() {
    run(|world| async move {
        let producer = world.producer(ProducerConfig::default().max_block(ms(700)));
        world.cluster.control().on(ApiKey::METADATA).hang();
        let (error, took) = timed(producer.send(record())).await;
        let error = error.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Timeout);
        assert!(error.to_string().starts_with("look up the topic (t): timed out: "), "{error}");
        assert_about(took, ms(700));
    });
}

#[test]
fn a_send_waits_for_room_no_longer_than_max_block() {
    run(|world| async move {
        // Room for more than the backlog that callers wait for.
        let config = ProducerConfig::default().max_block(ms(700)).buffer_memory(2 << 20);
        let producer = world.warm(config).await;
        world.cluster.control().on(ApiKey::PRODUCE).hang();
        let value = vec![b'v'; 1000];
        let big = || ProducerRecord::new("t", &value).partition(0);
        let kept: Vec<Delivery> = std::iter::from_fn(|| producer.try_enqueue(big()).ok()).collect();
        assert!(kept.len() > 1000);
        let (error, took) = timed(producer.enqueue(big())).await;
        assert_eq!(error.unwrap_err().kind(), ErrorKind::Timeout);
        assert_about(took, ms(700));
    });
}

#[test]
fn closing_ends_in_time_and_every_send_has_an_outcome() {
    type Fault = fn(&World);
    let wrongs: [(&str, Fault); 5] = [
        ("no answers", |world| world.cluster.control().on(ApiKey::PRODUCE).hang()),
        ("cut connections", |world| world.cluster.control().on(ApiKey::PRODUCE).drop_connection()),
        ("lost answers", |world| world.cluster.control().on(ApiKey::PRODUCE).lose_reply()),
        ("errors", |world| {
            world.cluster.control().on(ApiKey::PRODUCE).error(ErrorCode::NOT_ENOUGH_REPLICAS);
        }),
        ("no broker", |world| world.net.stop(HOST)),
    ];
    for (wrong, go_wrong) in wrongs {
        run(|world| async move {
            let producer = world.warm(ProducerConfig::default()).await;
            go_wrong(&world);
            let deliveries: Vec<_> = (0..3)
                .map(|p| record().partition(p % 2))
                .map(|r| producer.try_enqueue(r))
                .collect();
            // Some are on their way by now.
            tokio::time::sleep(ms(50)).await;
            let late = producer.try_enqueue(record());
            let (closed, took) = timed(producer.close(ms(300))).await;
            assert_eq!(closed.unwrap_err().kind(), ErrorKind::Timeout, "{wrong}");
            assert!(took <= ms(400), "{wrong}: {took:?}");
            let possibly = matches!(wrong, "no answers" | "cut connections" | "lost answers");
            for (place, delivery) in deliveries.into_iter().enumerate() {
                let error = tokio::time::timeout(ms(10), delivery.unwrap()).await;
                let error = error.expect("an outcome by now").unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Closed, "{wrong}, {place}");
                assert_eq!(error.possibly_written(), possibly, "{wrong}, {place}: {error}");
            }
            let late = tokio::time::timeout(ms(10), late.unwrap()).await;
            assert!(late.expect("an outcome by now").is_err(), "{wrong}");
            assert_eq!(producer.send(record()).await.unwrap_err().kind(), ErrorKind::Closed);
            // Closing once more is no mistake.
            producer.close(ms(300)).await.unwrap();
        });
    }
}

#[test]
fn closing_before_anything_is_known_ends_in_time_too() {
    for api in [ApiKey::METADATA, ApiKey::INIT_PRODUCER_ID] {
        run(|world| async move {
            let producer = world.producer(ProducerConfig::default());
            world.cluster.control().on(api).hang();
            let waiting = tokio::spawn({
                let producer = producer.clone();
                async move { producer.send(record()).await }
            });
            tokio::time::sleep(ms(50)).await;
            let (_, took) = timed(producer.close(ms(300))).await;
            assert!(took <= ms(400), "{api:?}: {took:?}");
            let (error, took) = timed(waiting).await;
            let error = error.unwrap().unwrap_err();
            assert_eq!((error.kind(), error.possibly_written()), (ErrorKind::Closed, false));
            assert!(took <= ms(100), "{api:?}: it still waited {took:?}");
        });
    }
}

#[test]
fn dropped_deliveries_and_producers_take_nothing_back() {
    run(|world| async move {
        let producer = world.producer(ProducerConfig::default().linger(ms(1000)));
        producer.topic("t").await.unwrap();
        for _ in 0..3 {
            drop(producer.try_enqueue(record()).unwrap());
        }
        let last = producer.try_enqueue(record()).unwrap();
        drop(producer);
        let (stored, took) = timed(last).await;
        assert_eq!(stored.unwrap().offset(), Some(3));
        assert!(took < ms(500), "nobody can add to the batch: it leaves without waiting");
    });
}

#[test]
fn a_future_dropped_before_it_was_ready_has_sent_nothing() {
    run(|world| async move {
        let producer = world.producer(ProducerConfig::default().linger(Duration::ZERO));
        world.cluster.control().on(ApiKey::METADATA).times(1).delay(ms(200));
        let waiting = tokio::time::timeout(ms(100), producer.enqueue(record())).await;
        assert!(waiting.is_err(), "the topic is not known yet");
        let stored = producer.send(record()).await.unwrap();
        assert_eq!(stored.offset(), Some(0));
    });
}

#[test]
fn a_send_that_is_dropped_after_it_has_a_place_is_sent() {
    run(|world| async move {
        let producer = world.warm(ProducerConfig::default()).await;
        world.cluster.control().on(ApiKey::PRODUCE).times(1).delay_reply(ms(200));
        let waiting = tokio::time::timeout(ms(100), producer.send(record())).await;
        assert!(waiting.is_err(), "the answer is late");
        assert_eq!(producer.send(record()).await.unwrap().offset(), Some(2));
    });
}

#[test]
fn flush_waits_for_failures_too_and_tells_none() {
    run(|world| async move {
        let producer = world.warm(ProducerConfig::default().linger(ms(60_000))).await;
        let code = ErrorCode::TOPIC_AUTHORIZATION_FAILED;
        world.cluster.control().on(ApiKey::PRODUCE).times(1).error(code);
        let refused = producer.try_enqueue(record()).unwrap();
        let (flushed, took) = timed(producer.flush()).await;
        flushed.unwrap();
        assert!(took < ms(1000), "{took:?}");
        assert_eq!(refused.try_get().unwrap().unwrap_err().code(), Some(code));
    });
}

/// What a send fails with whose time is over.
async fn timed_out(world: &World, producer: &Producer) -> Error {
    let (error, took) = timed(producer.send(record())).await;
    let error = error.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
    assert_about(took, ms(3000));
    world.net.start(HOST);
    world.cluster.control().clear();
    error
}

#[test]
fn an_outage_fails_sends_in_time_and_says_what_is_the_matter() {
    let config = || ProducerConfig::default().delivery_timeout(ms(3000)).linger(Duration::ZERO);
    let client = || ClientConfig::default().request_timeout(ms(1000));
    run_with(client(), |world| async move {
        let producer = world.warm(config()).await;
        world.net.stop(HOST);
        let error = timed_out(&world, &producer).await;
        assert!(!error.possibly_written(), "{error}");
        assert!(error.to_string().contains("connect to broker:9092: no connection"), "{error}");
        producer.send(record()).await.unwrap();
    });
    run_with(client(), |world| async move {
        let producer = world.warm(config()).await;
        world.cluster.control().on(ApiKey::PRODUCE).hang();
        let error = timed_out(&world, &producer).await;
        assert!(error.possibly_written(), "{error}");
        assert!(error.to_string().contains("no answer within the time"), "{error}");
        producer.send(record()).await.unwrap();
    });
    run_with(client(), |world| async move {
        let producer = world.producer(config());
        world.cluster.control().on(ApiKey::INIT_PRODUCER_ID).error(ErrorCode::NOT_COORDINATOR);
        let error = timed_out(&world, &producer).await;
        assert!(!error.possibly_written(), "{error}");
        assert!(error.to_string().contains("get a producer id"), "{error}");
        producer.send(record()).await.unwrap();
    });
}

#[test]
fn a_partition_that_was_just_added_can_be_named() {
    run(|world| async move {
        let producer = world.warm(ProducerConfig::default()).await;
        let added = [NewPartitions::new("t", 4)];
        world.client.admin().create_partitions(added).await.unwrap().all().unwrap();
        let stored = producer.send(record().partition(3)).await.unwrap();
        assert_eq!((stored.partition(), stored.offset()), (3, Some(0)));
        let asked = world.count(ApiKey::METADATA);
        let error = producer.send(record().partition(4)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnknownTopicOrPartition);
        assert_eq!(world.count(ApiKey::METADATA), asked + 1, "one look is enough");
    });
}

#[test]
fn a_cluster_that_wants_to_be_found_anew_is() {
    run(|world| async move {
        let control = world.cluster.control();
        control.on(ApiKey::METADATA).times(2).error(ErrorCode::REBOOTSTRAP_REQUIRED);
        let producer = world.producer(ProducerConfig::default().linger(Duration::ZERO));
        producer.send(record()).await.unwrap();
        assert_eq!(control.pending_rules(), 0);
    });
}

#[test]
fn without_acknowledgements_nothing_is_sent_twice() {
    run(|world| async move {
        let producer = world.warm(ProducerConfig::default().acks(Acks::None)).await;
        let before = world.count(ApiKey::PRODUCE);
        world.cluster.control().on(ApiKey::PRODUCE).times(1).drop_connection();
        for _ in 0..3 {
            let _ = producer.send(record()).await;
            tokio::time::sleep(ms(500)).await;
        }
        assert_eq!(world.count(ApiKey::PRODUCE), before + 3);
    });
}

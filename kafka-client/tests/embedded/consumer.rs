//! The consumer against the embedded broker: what it does when the broker misbehaves, and what a record costs.

use kafka_broker_lite::Cluster;
use kafka_client::config::{AutoOffsetReset, ConsumerConfig, ProducerConfig};
use kafka_client::{Client, Consumer, ErrorKind, ProducerRecord, Records};
use kafka_proto::ErrorCode;
use kafka_proto::api::ApiKey;
use std::future::Future;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(60);

/// A broker with a topic `t` of two partitions, and a client of it.
struct World {
    cluster: Cluster,
    client: Client,
}

fn run<F: Future>(story: impl FnOnce(World) -> F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let cluster = Cluster::builder().topic("t", 2).start().await.unwrap();
        let client = Client::connect(&cluster.bootstrap_servers()).await.unwrap();
        tokio::time::timeout(LIMIT, story(World { cluster, client })).await.expect("in time")
    })
}

impl World {
    fn consumer(&self, config: ConsumerConfig) -> Consumer {
        let config = config.auto_offset_reset(AutoOffsetReset::Earliest);
        self.client.consumer(config).unwrap()
    }

    /// A consumer of partition 0.
    fn reader(&self) -> Consumer {
        let mut consumer = self.consumer(ConsumerConfig::default());
        consumer.assign([("t", 0)]).unwrap();
        consumer
    }

    /// Appends records to a partition; their values are the numbers of the range.
    async fn produce(&self, partition: i32, numbers: std::ops::Range<u32>) {
        let config = ProducerConfig::default().linger(Duration::ZERO);
        let producer = self.client.producer(config).unwrap();
        let mut deliveries = Vec::new();
        for number in numbers {
            let value = format!("{number:0100}");
            let record = ProducerRecord::new("t", &value).partition(partition);
            deliveries.push(producer.enqueue(record).await.unwrap());
        }
        for delivery in deliveries {
            delivery.await.unwrap();
        }
    }

    fn count(&self, api: ApiKey) -> u64 {
        self.cluster.control().counters().requests.get(&api).copied().unwrap_or(0)
    }
}

/// Reads `count` records and checks that offsets of partition 0 follow each other from `first` on.
async fn read(consumer: &mut Consumer, first: i64, count: usize) {
    let mut next = first;
    let end = first + i64::try_from(count).unwrap();
    while next < end {
        for record in &consumer.poll().await.unwrap() {
            assert_eq!(record.offset(), next);
            let value = std::str::from_utf8(record.value().unwrap()).unwrap();
            assert_eq!(value.parse::<i64>().unwrap(), next);
            next += 1;
        }
    }
    assert_eq!(next, end);
}

#[test]
fn cut_connections_and_lost_answers_lose_and_double_nothing() {
    run(|world| async move {
        world.produce(0, 0..2000).await;
        let control = world.cluster.control();
        let config = ConsumerConfig::default().max_partition_fetch_bytes(20_000);
        let mut consumer = world.consumer(config);
        consumer.assign([("t", 0)]).unwrap();
        for skip in [0, 1, 3] {
            control.on(ApiKey::FETCH).skip(skip).times(1).drop_connection();
            control.on(ApiKey::FETCH).skip(skip).times(1).lose_reply();
        }
        read(&mut consumer, 0, 2000).await;
        assert_eq!((control.pending_rules(), control.counters().faults), (0, 6));
        assert_eq!(consumer.position(("t", 0)).await.unwrap(), 2000);
    });
}

#[test]
fn errors_that_pass_are_waited_out_in_silence() {
    run(|world| async move {
        world.produce(0, 0..100).await;
        let control = world.cluster.control();
        control.on(ApiKey::LIST_OFFSETS).times(2).error(ErrorCode::NOT_LEADER_OR_FOLLOWER);
        for code in [
            ErrorCode::NOT_LEADER_OR_FOLLOWER,
            ErrorCode::FENCED_LEADER_EPOCH,
            ErrorCode::UNKNOWN_LEADER_EPOCH,
            ErrorCode::KAFKA_STORAGE_ERROR,
            ErrorCode::UNKNOWN_TOPIC_ID,
            ErrorCode::FETCH_SESSION_ID_NOT_FOUND,
            ErrorCode::INVALID_FETCH_SESSION_EPOCH,
        ] {
            control.on(ApiKey::FETCH).times(1).error(code);
        }
        let mut consumer = world.reader();
        read(&mut consumer, 0, 100).await;
        assert_eq!(control.pending_rules(), 0);
    });
}

#[test]
fn an_error_that_does_not_pass_is_told_and_the_consumer_lives_on() {
    run(|world| async move {
        world.produce(0, 0..10).await;
        let code = ErrorCode::TOPIC_AUTHORIZATION_FAILED;
        world.cluster.control().on(ApiKey::FETCH).times(1).error(code);
        let mut consumer = world.reader();
        let error = consumer.poll().await.unwrap_err();
        assert_eq!((error.code(), error.is_fatal()), (Some(code), false));
        read(&mut consumer, 0, 10).await;
    });
}

#[test]
fn a_new_leader_epoch_is_checked_and_reading_goes_on() {
    run(|world| async move {
        world.produce(0, 0..10).await;
        let mut consumer = world.reader();
        read(&mut consumer, 0, 10).await;
        world.cluster.control().raise_leader_epoch("t", 0);
        world.produce(0, 10..20).await;
        read(&mut consumer, 10, 10).await;
        assert_eq!(world.count(ApiKey::OFFSET_FOR_LEADER_EPOCH), 1);
    });
}

#[test]
fn records_are_fetched_while_the_application_is_busy_and_no_further_than_agreed() {
    run(|world| async move {
        world.produce(0, 0..3000).await;
        let config = ConsumerConfig::default().max_partition_fetch_bytes(20_000);
        let config = config.fetch_max_bytes(20_000).max_poll_records(1);
        let mut consumer = world.consumer(config);
        consumer.assign([("t", 0)]).unwrap();
        assert_eq!(consumer.poll().await.unwrap().len(), 1);
        // As long as an application may think: other tasks run meanwhile.
        tokio::time::sleep(Duration::from_millis(300)).await;
        let ahead = world.count(ApiKey::FETCH);
        assert!((2..=4).contains(&ahead), "{ahead} fetches");
        world.cluster.control().on(ApiKey::FETCH).hang();
        // What is there is handed out without the broker.
        let mut next = 1;
        loop {
            let records = consumer.poll_timeout(Duration::from_millis(200)).await.unwrap();
            let Some(record) = records.iter().next() else { break };
            assert_eq!(record.offset(), next);
            next += 1;
        }
        assert!(next > 100, "{next} records were there");
    });
}

#[test]
fn an_application_that_keeps_everything_still_gets_everything() {
    run(|world| async move {
        world.produce(0, 0..500).await;
        world.produce(1, 0..500).await;
        let mut consumer = world.consumer(ConsumerConfig::default().consumer_buffer_memory(10_000));
        consumer.assign([("t", 0), ("t", 1)]).unwrap();
        let mut kept: Vec<Records> = Vec::new();
        while kept.iter().map(Records::len).sum::<usize>() < 1000 {
            kept.push(consumer.poll().await.unwrap());
        }
        let mut seen: Vec<_> =
            kept.iter().flatten().map(|record| (record.partition(), record.offset())).collect();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), 1000);
    });
}

#[test]
fn futures_that_are_dropped_lose_nothing() {
    run(|world| async move {
        let mut consumer = world.reader();
        let sender = world.produce(0, 0..300);
        let receiver = async {
            let mut next = 0;
            while next < 300 {
                let wait = Duration::from_micros(u64::try_from(next % 7).unwrap() * 100);
                let dropped = tokio::time::timeout(wait, consumer.recv()).await;
                if let Ok(record) = dropped {
                    assert_eq!(record.unwrap().offset(), next);
                    next += 1;
                }
            }
        };
        tokio::join!(sender, receiver);
        assert_eq!(consumer.position(("t", 0)).await.unwrap(), 299, "the last one is in hand");
    });
}

#[test]
fn what_is_asked_wrongly_is_told_in_words() {
    run(|world| async move {
        let mut consumer = world.consumer(ConsumerConfig::default());
        let error = consumer.poll().await.unwrap_err();
        let text = "poll: invalid: no partition is assigned; call subscribe or assign first";
        assert_eq!(error.to_string(), text);
        let error = consumer.seek(("t", 0), 1).unwrap_err();
        assert_eq!(
            error.to_string(),
            "seek (t-0): invalid: the partition is not assigned; assign it first"
        );
        let error = consumer.assign([("t", -1)]).unwrap_err();
        assert_eq!(error.to_string(), "assign (t--1): invalid: partitions count from 0");
        consumer.assign([("t", 0)]).unwrap();
        let error = consumer.seek(("t", 0), -5).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert_eq!(error.to_string(), "seek (t-0): invalid: -5 is no offset; they count from 0");
        let error = consumer.beginning_offsets([("t", 7)]).await.unwrap_err();
        assert!(error.to_string().ends_with("the topic has 2 partitions, numbered from 0"));
    });
}

#[test]
fn closing_waits_for_no_broker() {
    run(|world| async move {
        let mut consumer = world.reader();
        world.cluster.control().on(ApiKey::FETCH).hang();
        assert!(consumer.poll_timeout(Duration::from_millis(100)).await.unwrap().is_empty());
        let closing = tokio::time::timeout(Duration::from_secs(2), consumer.close()).await;
        closing.expect("no answer is waited for").unwrap();
    });
}

#[test]
fn views_allocate_nothing_and_polls_little() {
    run(|world| async move {
        world.produce(0, 0..20_000).await;
        let mut consumer = world.reader();
        read(&mut consumer, 0, 5000).await;
        let (mut records, mut in_views, mut bytes) = (0, 0, 0);
        let mut polls = 0;
        while records < 10_000 {
            let polled = consumer.poll().await.unwrap();
            let read = allocation_counter::measure(|| {
                for record in &polled {
                    bytes += record.value().map_or(0, <[u8]>::len) + record.headers().len();
                }
            });
            in_views += read.count_total;
            records += polled.len();
            polls += 1;
        }
        assert_eq!((in_views, bytes), (0, records * 100));
        assert!(polls <= 30, "{polls} polls for {records} records");
    });
}

#[test]
fn a_consumer_that_is_closed_has_left_its_group() {
    run(|world| async move {
        let mut consumer = world.consumer(ConsumerConfig::default().group("g"));
        consumer.subscribe(["t"]).unwrap();
        world.produce(0, 0..1).await;
        consumer.poll().await.unwrap();
        // The farewell is on its way, and takes its time, when the consumer is closed.
        let slow = Duration::from_millis(300);
        world.cluster.control().on(ApiKey::LEAVE_GROUP).times(1).delay(slow);
        consumer.unsubscribe().await.unwrap();
        tokio::time::sleep(slow / 6).await;
        consumer.close().await.unwrap();
        let other = Client::connect(&world.cluster.bootstrap_servers()).await.unwrap();
        let groups = other.admin().describe_groups(["g"]).await.unwrap();
        let group = groups.into_iter().next().unwrap().1.unwrap();
        assert!(group.members.is_empty(), "{group:?}");
    });
}

//! What scenarios stand on: a client of the broker under test, topics of their own, and short ways to read and write.

use kafka_client::admin::{Admin, NewTopic, TopicDescription};
use kafka_client::config::{AutoOffsetReset, ConsumerConfig, ProducerConfig};
use kafka_client::{
    Client, Consumer, ConsumerRecord, Producer, ProducerRecord, RecordMetadata, TopicPartition,
};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Numbers the topics of this process.
static TOPICS: AtomicU32 = AtomicU32::new(0);

/// One broker, or cluster, under test.
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) bootstrap: String,
    pub(crate) client: Client,
    topics: Arc<Mutex<Vec<String>>>,
}

impl World {
    pub(crate) async fn new(bootstrap: String) -> Self {
        let client = Client::connect(&bootstrap).await.unwrap();
        Self { bootstrap, client, topics: Arc::default() }
    }

    pub(crate) fn admin(&self) -> Admin {
        self.client.admin()
    }

    /// A name that no other topic has or had, for a topic that goes when the scenario ends.
    pub(crate) fn name(&self) -> String {
        let number = TOPICS.fetch_add(1, Ordering::Relaxed);
        let name = format!("e2e-{:x}-{}-{number}", now_ms(), std::process::id());
        self.topics.lock().unwrap_or_else(PoisonError::into_inner).push(name.clone());
        name
    }

    /// A topic of this name goes when the scenario ends.
    pub(crate) fn own(&self, name: &str) {
        self.topics.lock().unwrap_or_else(PoisonError::into_inner).push(name.to_owned());
    }

    /// A name that no other group has or had.
    pub(crate) fn group(&self) -> String {
        let number = TOPICS.fetch_add(1, Ordering::Relaxed);
        format!("e2e-group-{:x}-{}-{number}", now_ms(), std::process::id())
    }

    /// A new topic.
    pub(crate) async fn topic(&self, partitions: i32) -> String {
        self.topic_with(partitions, &[]).await
    }

    /// A new topic with settings.
    pub(crate) async fn topic_with(&self, partitions: i32, configs: &[(&str, &str)]) -> String {
        let name = self.name();
        self.make_topic(&name, partitions, configs).await;
        name
    }

    pub(crate) async fn make_topic(&self, name: &str, partitions: i32, configs: &[(&str, &str)]) {
        let topic = NewTopic::new(name).partitions(partitions).replication_factor(1);
        let topic = configs.iter().fold(topic, |topic, (key, value)| topic.config(*key, *value));
        self.admin().create_topics([topic]).await.unwrap().all().unwrap();
    }

    /// The topic, as soon as the broker knows all of its partitions' leaders.
    pub(crate) async fn settled(&self, name: &str) -> TopicDescription {
        let settled = async {
            loop {
                let described = self.admin().describe_topics([name]).await.unwrap().all();
                match described.map(|mut topics| topics.remove(name)) {
                    Ok(Some(topic)) if topic.partitions.iter().all(|p| p.leader.is_some()) => {
                        return topic;
                    }
                    _ => tokio::time::sleep(Duration::from_millis(10)).await,
                }
            }
        };
        soon(settled).await
    }

    pub(crate) fn producer(&self, config: ProducerConfig) -> Producer {
        self.client.producer(config).unwrap()
    }

    /// A consumer of these partitions, from their beginning.
    pub(crate) fn consumer(
        &self,
        topic: &str,
        partitions: impl IntoIterator<Item = i32>,
    ) -> Consumer {
        let config = ConsumerConfig::default().auto_offset_reset(AutoOffsetReset::Earliest);
        self.consumer_with(config, topic, partitions)
    }

    pub(crate) fn consumer_with(
        &self,
        config: ConsumerConfig,
        topic: &str,
        partitions: impl IntoIterator<Item = i32>,
    ) -> Consumer {
        let mut consumer = self.client.consumer(config).unwrap();
        consumer.assign(partitions.into_iter().map(|p| (topic, p))).unwrap();
        consumer
    }

    /// The first `count` records of a partition.
    pub(crate) async fn read(
        &self,
        topic: &str,
        partition: i32,
        count: usize,
    ) -> Vec<ConsumerRecord> {
        take(&mut self.consumer(topic, [partition]), count).await
    }

    /// Sends `count` records to a partition, numbered in their values, in batches of `batch`.
    pub(crate) async fn fill(
        &self,
        topic: &str,
        partition: i32,
        count: usize,
        config: ProducerConfig,
        batch: usize,
    ) -> Vec<RecordMetadata> {
        let producer = self.producer(config.linger(Duration::from_secs(20)));
        let values: Vec<String> = (0..count).map(|n| n.to_string()).collect();
        let mut stored = Vec::new();
        for values in values.chunks(batch) {
            let record = |value| ProducerRecord::new(topic, value).partition(partition);
            let deliveries = producer.send_batch(values.iter().map(record)).await.unwrap();
            producer.flush().await.unwrap();
            stored.extend(deliveries.all().await.unwrap());
        }
        stored
    }

    /// Deletes the topics that were made.
    pub(crate) async fn clean_up(self) {
        let topics =
            std::mem::take(&mut *self.topics.lock().unwrap_or_else(PoisonError::into_inner));
        // Some were never made, or were deleted; and a broker that fails is no news by now.
        let _ = self.admin().delete_topics(topics.iter().map(String::as_str)).await;
    }
}

/// The next `count` records.
pub(crate) async fn take(consumer: &mut Consumer, count: usize) -> Vec<ConsumerRecord> {
    let mut records = Vec::with_capacity(count);
    while records.len() < count {
        records.push(soon(consumer.recv()).await.unwrap());
    }
    records
}

/// That nothing comes for some time.
pub(crate) async fn nothing_more(consumer: &mut Consumer) {
    let more = tokio::time::timeout(Duration::from_millis(300), consumer.recv()).await;
    assert!(more.is_err(), "unexpected: {more:?}");
}

/// What has to happen within half a minute.
pub(crate) async fn soon<F: Future>(future: F) -> F::Output {
    let limited = tokio::time::timeout(Duration::from_secs(30), future).await;
    limited.expect("nothing happened for 30 seconds")
}

/// The values as text.
pub(crate) fn texts(records: &[ConsumerRecord]) -> Vec<String> {
    let text = |r: &ConsumerRecord| String::from_utf8_lossy(r.value().unwrap()).into_owned();
    records.iter().map(text).collect()
}

/// That exactly `expected` was read; says where the two part.
pub(crate) fn assert_same(read: &[String], expected: &[String], what: &str) {
    let parts = read.iter().zip(expected).position(|(read, expected)| read != expected);
    let parts =
        parts.or_else(|| (read.len() != expected.len()).then(|| read.len().min(expected.len())));
    if let Some(at) = parts {
        let around =
            |of: &[String]| of[at.saturating_sub(2)..].iter().take(5).cloned().collect::<Vec<_>>();
        let lens = (read.len(), expected.len());
        let (read, expected) = (around(read), around(expected));
        panic!("{what}, {lens:?} records, part at {at}: read {read:?}, expected {expected:?}");
    }
}

/// `from..to` as text.
pub(crate) fn numbers(range: std::ops::Range<usize>) -> Vec<String> {
    range.map(|n| n.to_string()).collect()
}

pub(crate) fn partition(topic: &str, partition: i32) -> TopicPartition {
    TopicPartition::new(topic, partition)
}

/// Milliseconds since 1970.
#[expect(clippy::disallowed_methods, reason = "real time is what this suite runs in")]
pub(crate) fn now_ms() -> i64 {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    since_1970.as_millis().try_into().unwrap()
}

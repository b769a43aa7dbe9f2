//! What scenarios stand on: a client, topics with numbered records, listeners that note what they handle, and gates.

pub(crate) use crate::member::eventually;
use kafka_client::admin::NewTopic;
use kafka_client::config::{AutoOffsetReset, ConsumerConfig, ProducerConfig};
use kafka_client::listener::{ListenerBuilder, ListenerEvent, ListenerHandle};
use kafka_client::{Client, ConsumerRecord, ProducerRecord, TopicPartition};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;

pub(crate) const HOUR: Duration = Duration::from_secs(3600);

/// A broker, and in it a topic and a group of the scenario's own.
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) bootstrap: String,
    pub(crate) client: Client,
    pub(crate) topic: String,
    pub(crate) group: String,
}

impl World {
    pub(crate) fn new(world: crate::World) -> Self {
        let (topic, group) = (world.name(), world.group());
        Self { bootstrap: world.bootstrap, client: world.client, topic, group }
    }

    /// Makes the topic, with this many records in each partition. Their values are their numbers.
    pub(crate) async fn fill(&self, partitions: i32, records: usize) {
        self.make(&self.topic, partitions).await;
        for partition in 0..partitions {
            self.append(partition, 0..records).await;
        }
    }

    pub(crate) async fn make(&self, topic: &str, partitions: i32) {
        let topic = NewTopic::new(topic).partitions(partitions).replication_factor(1);
        self.client.admin().create_topics([topic]).await.unwrap().all().unwrap();
    }

    pub(crate) async fn append(&self, partition: i32, numbers: std::ops::Range<usize>) {
        let producer = self.client.producer(ProducerConfig::default()).unwrap();
        let values: Vec<String> = numbers.map(|number| number.to_string()).collect();
        let record = |v| ProducerRecord::new(&self.topic, v).key("k").partition(partition);
        let sent = producer.send_batch(values.iter().map(record)).await.unwrap();
        sent.all().await.unwrap();
    }

    /// The settings of consumers: from the start of the log, quick to react.
    pub(crate) fn config(&self) -> ConsumerConfig {
        ConsumerConfig::default()
            .auto_offset_reset(AutoOffsetReset::Earliest)
            .heartbeat_interval(Duration::from_millis(100))
            .session_timeout(Duration::from_secs(10))
    }

    /// A listener of the topic, whose polls have at most `poll` records.
    pub(crate) fn listener(&self, poll: usize) -> ListenerBuilder {
        let listener = self.client.listener(&self.group).topics([&*self.topic]);
        listener.config(self.config().max_poll_records(poll))
    }

    /// Up to where the group has committed a partition.
    pub(crate) async fn committed(&self, partition: i32) -> Option<i64> {
        let config = ConsumerConfig::default().group(&*self.group);
        let consumer = self.client.consumer(config).unwrap();
        let which = TopicPartition::new(&*self.topic, partition);
        let found = consumer.committed([&which]).await.unwrap().remove(&which).unwrap();
        found.map(|what| what.offset)
    }

    /// Waits until the group has committed a partition up to here.
    pub(crate) async fn commits(&self, partition: i32, offset: i64) {
        for _ in 0..3000 {
            if self.committed(partition).await == Some(offset) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("{:?} is committed instead of {offset}", self.committed(partition).await);
    }
}

/// What was handled, in order, by partition and offset.
#[derive(Clone, Default)]
pub(crate) struct Handled(Arc<Mutex<Vec<(i32, i64)>>>);

impl Handled {
    pub(crate) fn note(&self, record: &ConsumerRecord) {
        self.lock().push((record.partition(), record.offset()));
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Vec<(i32, i64)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The offsets of one partition.
    pub(crate) fn of(&self, partition: i32) -> Vec<i64> {
        self.lock().iter().filter(|(p, _)| *p == partition).map(|(_, offset)| *offset).collect()
    }

    pub(crate) async fn reaches(&self, count: usize) {
        eventually(&format!("{count} are handled"), || self.lock().len() >= count).await;
    }
}

/// What a listener told.
#[derive(Clone, Default)]
pub(crate) struct Told(Arc<Mutex<Vec<ListenerEvent>>>);

impl Told {
    pub(crate) fn by(&self, listener: ListenerBuilder) -> ListenerBuilder {
        let own = self.clone();
        listener.on_event(move |event| own.lock().push(event.clone()))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Vec<ListenerEvent>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn count(&self, is: impl Fn(&ListenerEvent) -> bool) -> usize {
        self.lock().iter().filter(|event| is(event)).count()
    }

    pub(crate) async fn comes(&self, what: &str, is: impl Fn(&ListenerEvent) -> bool) {
        eventually(what, || self.count(&is) > 0).await;
    }
}

/// Holds handlers up.
#[derive(Clone)]
pub(crate) struct Gate(Arc<watch::Sender<bool>>);

impl Gate {
    pub(crate) fn new() -> Self {
        Self(Arc::new(watch::channel(false).0))
    }

    pub(crate) fn open(&self) {
        self.0.send_replace(true);
    }

    pub(crate) async fn pass(&self) {
        self.0.subscribe().wait_for(|open| *open).await.unwrap();
    }
}

/// Ends a listener; nothing may go wrong.
pub(crate) async fn stop(listener: ListenerHandle) {
    listener.stop(Duration::from_secs(30)).await.unwrap();
}

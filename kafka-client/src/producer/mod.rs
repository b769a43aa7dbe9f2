//! Sending records: `send`, `enqueue`, `try_enqueue`, `send_batch`, `flush`, `close`.
//!
//! A handle does what belongs to one record: it finds the topic, chooses the partition and encodes the record into the
//! open batch. Everything that happens once per batch is the task's.

mod accumulator;
mod core;
mod delivery;
mod enqueue;
mod linger;
mod partitioner;
mod queue;
mod split;
mod task;
mod topics;

pub use delivery::{Deliveries, Delivery, RecordMetadata};
pub use enqueue::Enqueue;
pub use partitioner::{Partitioner, partition_for_key};

use self::core::{Core, Rules};
use crate::backoff::Backoff;
use crate::client::Client;
use crate::cluster::{Cluster, Patience};
use crate::config::{Acks, ConfigError, ProducerConfig};
use crate::error::{Error, ErrorKind, Result};
use crate::record::ProducerRecord;
use accumulator::{Accumulator, Limits, Refusal, TopicBuffers};
use kafka_proto::records::Compressor;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use task::{Command, Settings, Task};
use tokio::sync::{mpsc, oneshot};
use topics::Topics;

/// Sends records.
///
/// Cheap to clone; all clones share buffers, connections and the order of their records. When the
/// last one is dropped, what
/// was enqueued is still sent, as long as the runtime lives.
#[derive(Clone, Debug)]
pub struct Producer {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    cluster: Arc<Cluster>,
    accumulator: Arc<Accumulator>,
    topics: Arc<Topics>,
    commands: mpsc::UnboundedSender<Command>,
    partitioner: Option<Arc<dyn Partitioner>>,
    ignore_keys: bool,
    max_block: Duration,
}

/// A topic, looked up once: the fast way for many records.
#[derive(Clone, Debug)]
pub struct TopicHandle {
    producer: Producer,
    topic: Arc<TopicBuffers>,
}

/// Makes a producer that differs from the usual one in more than settings.
#[derive(Debug)]
pub struct ProducerBuilder {
    pub(crate) client: Client,
    pub(crate) config: ProducerConfig,
    pub(crate) partitioner: Option<Arc<dyn Partitioner>>,
}

impl ProducerBuilder {
    /// Chooses the partition of records that name none.
    #[must_use]
    pub fn partitioner(mut self, partitioner: impl Partitioner) -> Self {
        self.partitioner = Some(Arc::new(partitioner));
        self
    }

    /// The producer. Must be called within a tokio runtime, where its task will live.
    ///
    /// # Errors
    /// When settings contradict one another.
    pub fn build(self) -> Result<Producer> {
        let Self { client: owner, config, partitioner } = self;
        let (client, cluster) = (owner.config(), owner.cluster().clone());
        let invalid = |e: ConfigError| {
            Error::new(ErrorKind::Invalid, "make a producer", e.to_string()).with_source(e)
        };
        config.validate(client).map_err(invalid)?;
        let delivery_timeout = config.delivery_timeout_with(client).map_err(invalid)?;
        let request_size = config.max_request_size;
        let limits = Limits {
            batch_size: config.batch_size.clamp(1, request_size),
            request_size,
            memory: config.buffer_memory,
        };
        let acks = match config.acks {
            Acks::All => -1,
            Acks::Leader => 1,
            Acks::None => 0,
        };
        let rules = Rules {
            limits,
            acks,
            idempotent: config.is_idempotent(),
            max_in_flight: config.max_in_flight_requests_per_connection,
            delivery_timeout,
            retries: config.retries,
            backoff: Backoff { first: client.retry_backoff, max: client.retry_backoff_max },
        };
        let accumulator = Arc::new(Accumulator::new(limits, cluster.clock.clone()));
        let compressor = Compressor::new(config.compression_type, config.compression_level())
            .map_err(|e| {
                Error::new(ErrorKind::Invalid, "make a producer", e.to_string()).with_source(e)
            })?;
        let sealer = queue::Sealer { compressor, pool: accumulator.pool().clone() };
        let settings = Settings {
            linger: config.linger,
            acks,
            request_timeout: client.request_timeout,
            delivery_timeout,
        };
        let topics = Arc::new(Topics::new(limits.batch_size));
        let (commands, queue) = mpsc::unbounded_channel();
        let core = Core::new(rules, sealer);
        let task = Task::new(settings, owner, accumulator.clone(), topics.clone(), core);
        tokio::spawn(task.run(queue));
        let shared = Shared {
            cluster,
            accumulator,
            topics,
            commands,
            partitioner,
            ignore_keys: config.partitioner_ignore_keys,
            max_block: config.max_block,
        };
        Ok(Producer { shared: Arc::new(shared) })
    }
}

/// Why a record has no place yet.
enum Obstacle {
    /// Its topic is not known yet.
    Unknown,
    /// Memory is used up: so much is needed.
    Full(usize),
    /// Its topic has no such partition, as far as is known.
    Beyond(Error),
    /// It will never have one.
    Never(Error),
}

impl Producer {
    /// Sends a record and waits until it is acknowledged.
    ///
    /// Awaiting each record in turn sends one batch per record; [`Producer::enqueue`] is the way to many.
    ///
    /// # Errors
    /// When the record could not be stored; [`Error::possibly_written`] tells if it may be in the log all the same.
    ///
    /// # Cancel safety
    /// Dropping the future before the record has a place in a batch sends nothing; after that the
    /// record is sent, and only
    /// the acknowledgement is lost.
    pub async fn send(&self, record: ProducerRecord<'_>) -> Result<RecordMetadata> {
        self.enqueue(record).await?.await
    }

    /// Puts a record into a batch, waiting up to `max.block.ms` for its topic to be known and for room. What comes back
    /// is the acknowledgement to come.
    ///
    /// The order of the calls that became ready is the order in the partition.
    ///
    /// # Errors
    /// When the record will not be sent: it is too large, its topic or partition does not exist,
    /// time ran out, the producer
    /// was closed.
    ///
    /// # Cancel safety
    /// A future dropped before it was ready has sent nothing.
    pub fn enqueue<'a>(&'a self, record: ProducerRecord<'a>) -> Enqueue<'a> {
        Enqueue::new(self, None, record)
    }

    /// Puts a record into a batch if that needs no waiting.
    ///
    /// # Errors
    /// [`ErrorKind::WouldBlock`] while the topic is not known yet (one [`Producer::topic`] call makes it so) or
    /// `buffer.memory` is used up; otherwise as [`Producer::enqueue`].
    pub fn try_enqueue(&self, record: ProducerRecord<'_>) -> Result<Delivery> {
        let Some(topic) = self.shared.topics.find(record.topic) else {
            self.shared.cluster.want(&record.topic.into(), true);
            return Err(would_block(&record, "its topic is not known yet"));
        };
        self.try_enqueue_to(&topic, &record)
    }

    fn try_enqueue_to(
        &self,
        topic: &Arc<TopicBuffers>,
        record: &ProducerRecord<'_>,
    ) -> Result<Delivery> {
        match self.place(topic, record) {
            Ok(delivery) => Ok(delivery),
            Err(Obstacle::Never(error) | Obstacle::Beyond(error)) => Err(error),
            Err(Obstacle::Unknown) => Err(would_block(record, "its topic is not known yet")),
            Err(Obstacle::Full(_)) => {
                Err(would_block(record, "buffer.memory is used up; wait, or enqueue and await"))
            }
        }
    }

    /// Looks a topic up, so that its records need no look-up any more. Waits up to `max.block.ms`.
    ///
    /// # Errors
    /// When there is no such topic, or nothing is heard of it in time.
    ///
    /// # Cancel safety
    /// Dropping the future changes nothing.
    pub async fn topic(&self, name: &str) -> Result<TopicHandle> {
        let topic = self.lookup(name, self.patience()).await?;
        Ok(TopicHandle { producer: self.clone(), topic })
    }

    /// What a call that begins now may wait.
    fn patience(&self) -> Patience {
        let Shared { cluster, max_block, .. } = &*self.shared;
        Patience::new(&cluster.clock, *max_block, "max.block.ms")
    }

    async fn lookup(&self, name: &str, patience: Patience) -> Result<Arc<TopicBuffers>> {
        if let Some(topic) = self.shared.topics.find(name) {
            return Ok(topic);
        }
        let Shared { cluster, accumulator, topics, .. } = &*self.shared;
        let name = name.into();
        cluster.want(&name, true);
        tokio::select! {
            biased;
            () = accumulator.closing() => Err(closed("send").with_topic(&name, None)),
            topic = cluster.topic(&name, patience) => {
                Ok(topics.enter(&*topic?, cluster.clock.now().random))
            }
        }
    }

    /// Sends many records: their places are found under as few locks as possible, and one handle waits for all.
    ///
    /// Waits for room as [`Producer::enqueue`] does, for every record in turn.
    ///
    /// # Errors
    /// As [`Producer::enqueue`], for the first record that finds no place. Those before it are sent.
    ///
    /// # Cancel safety
    /// When the future is dropped, the records that have found a place are sent and the others are not.
    pub fn send_batch<'a, I>(&self, records: I) -> impl Future<Output = Result<Deliveries>> + Send
    where
        I: IntoIterator<Item = ProducerRecord<'a>, IntoIter: Send>,
    {
        self.send_all(records.into_iter())
    }

    async fn send_all<'a, I>(&self, mut records: I) -> Result<Deliveries>
    where
        I: Iterator<Item = ProducerRecord<'a>>,
    {
        let mut deliveries = Deliveries::default();
        let mut topic: Option<Arc<TopicBuffers>> = None;
        let mut next = records.next();
        while let Some(record) = next {
            let known = match &topic {
                Some(known) if *known.name == *record.topic => known,
                _ => topic.insert(self.lookup(record.topic, self.patience()).await?),
            };
            match self.place_many(known, record, &mut records, &mut deliveries)? {
                Step::Next(left) => next = left,
                Step::Wait(waits) => {
                    let delivery = Enqueue::new(self, Some(known.clone()), waits).await?;
                    if let Some((cell, index)) = delivery.place() {
                        deliveries.push(cell, index);
                    }
                    next = records.next();
                }
            }
        }
        Ok(deliveries)
    }

    /// Waits until every record that was enqueued before this call has its outcome. Sends without waiting for linger.
    ///
    /// # Errors
    /// When the producer was closed. Failures of records are reported by their deliveries alone.
    ///
    /// # Cancel safety
    /// Dropping the future stops the waiting only.
    pub async fn flush(&self) -> Result<()> {
        let (answer, cells) = oneshot::channel();
        self.shared.commands.send(Command::Flush(answer)).map_err(|_| closed("flush"))?;
        for cell in cells.await.map_err(|_| closed("flush"))? {
            std::future::poll_fn(|cx| cell.poll_resolved(cx)).await;
        }
        Ok(())
    }

    /// Sends what was enqueued and ends the producer. What has no outcome when `timeout` is over fails.
    ///
    /// # Errors
    /// When time ran out before everything was acknowledged.
    ///
    /// # Cancel safety
    /// Once polled, the producer takes no more records; dropped after that, it goes on sending what it has.
    pub async fn close(&self, timeout: Duration) -> Result<()> {
        self.shared.accumulator.close();
        let flushed = tokio::time::timeout(timeout, self.flush()).await;
        // The task may have ended before.
        let _ = self.shared.commands.send(Command::Abort(closed("send")));
        // It ends at once, and then nothing is without an outcome.
        self.shared.commands.closed().await;
        flushed.map_or_else(
            |_| {
                let ms = timeout.as_millis();
                let reason = format!("not every record was acknowledged within {ms} ms");
                Err(Error::new(ErrorKind::Timeout, "close the producer", reason))
            },
            |flushed| flushed.or(Ok(())),
        )
    }

    /// The partition of a record that does not leave it to stickiness.
    #[inline]
    fn choose(
        &self,
        topic: &TopicBuffers,
        record: &ProducerRecord<'_>,
    ) -> Result<Option<usize>, Obstacle> {
        let count = topic.partitions.len();
        let given = match (record.partition, &self.shared.partitioner) {
            (Some(partition), _) => Some(partition),
            (None, Some(custom)) => {
                let count = i32::try_from(count).unwrap_or(i32::MAX);
                custom.partition(record.topic, record.key, record.value, count)
            }
            (None, None) => None,
        };
        if let Some(partition) = given {
            let index = usize::try_from(partition).ok().filter(|index| *index < count);
            let beyond = || Obstacle::Beyond(no_such_partition(topic, partition));
            return index.map(Some).ok_or_else(beyond);
        }
        Ok(match record.key {
            Some(key) if !self.shared.ignore_keys => {
                let count = u32::try_from(count).unwrap_or(u32::MAX);
                Some(partition_for_key(key, count) as usize)
            }
            _ => None,
        })
    }

    /// Gives a record its place, if there is one now.
    #[inline]
    fn place(
        &self,
        topic: &Arc<TopicBuffers>,
        record: &ProducerRecord<'_>,
    ) -> Result<Delivery, Obstacle> {
        if topic.stale.load(Ordering::Acquire) {
            let topic = self.shared.topics.find(&topic.name).ok_or(Obstacle::Unknown)?;
            return self.place(&topic, record);
        }
        let accumulator = &self.shared.accumulator;
        if accumulator.is_closed() {
            return Err(self.obstacle(record, Refusal::Closed));
        }
        let chosen = self.choose(topic, record)?;
        loop {
            let index = chosen.unwrap_or_else(|| topic.sticky());
            let Some(buffer) = topic.partitions.get(index) else { return Err(Obstacle::Unknown) };
            let mut open = buffer.lock();
            if chosen.is_none()
                && let Some(bytes) = accumulator.close_if_full(buffer, &mut open, record)
            {
                drop(open);
                topic.on_closed(buffer.partition, bytes, accumulator.limits.batch_size);
                continue;
            }
            let placed = accumulator.append(buffer, &mut open, record);
            drop(open);
            return placed.map(Delivery::from).map_err(|refusal| self.obstacle(record, refusal));
        }
    }

    #[cold]
    fn obstacle(&self, record: &ProducerRecord<'_>, refusal: Refusal) -> Obstacle {
        let error = match refusal {
            Refusal::Full { needed } => return Obstacle::Full(needed),
            Refusal::Closed => closed("send"),
            Refusal::TooLarge { size } => {
                let Limits { request_size, memory, .. } = self.shared.accumulator.limits;
                let reason = if size > request_size {
                    format!(
                        "it takes {size} bytes and max.request.size is {request_size}; raise that \
                         setting, and message.max.bytes of the broker or max.message.bytes of the \
                         topic with it"
                    )
                } else {
                    format!(
                        "it takes {size} bytes and buffer.memory is {memory}; raise that setting"
                    )
                };
                Error::new(ErrorKind::RecordTooLarge, "send", reason)
            }
        };
        Obstacle::Never(error.with_topic(&record.topic.into(), record.partition))
    }

    /// Gives records of one topic their places until one has to wait or is for another topic.
    fn place_many<'a>(
        &self,
        topic: &Arc<TopicBuffers>,
        first: ProducerRecord<'a>,
        more: &mut impl Iterator<Item = ProducerRecord<'a>>,
        deliveries: &mut Deliveries,
    ) -> Result<Step<'a>> {
        let accumulator = &self.shared.accumulator;
        let mut next = Some(first);
        while let Some(record) = next {
            if *topic.name != *record.topic {
                return Ok(Step::Next(next));
            }
            if accumulator.is_backed_up() || topic.stale.load(Ordering::Acquire) {
                return Ok(Step::Wait(record));
            }
            let chosen = match self.choose(topic, &record) {
                Ok(chosen) if !accumulator.is_closed() => chosen,
                // Whoever waits learns why, if it is for ever.
                _ => return Ok(Step::Wait(record)),
            };
            let index = chosen.unwrap_or_else(|| topic.sticky());
            let Some(buffer) = topic.partitions.get(index) else { return Ok(Step::Wait(record)) };
            let mut open = buffer.lock();
            let mut current = record;
            // One lock for all records that go here.
            loop {
                if chosen.is_none()
                    && let Some(bytes) = accumulator.close_if_full(buffer, &mut open, &current)
                {
                    topic.on_closed(buffer.partition, bytes, accumulator.limits.batch_size);
                    next = Some(current);
                    break;
                }
                match accumulator.append(buffer, &mut open, &current) {
                    Ok((cell, index)) => deliveries.push(&cell, index),
                    Err(refusal) => match self.obstacle(&current, refusal) {
                        Obstacle::Never(error) => return Err(error),
                        _ => return Ok(Step::Wait(current)),
                    },
                }
                next = more.next();
                let Some(following) = next else { return Ok(Step::Next(None)) };
                let here = *topic.name == *following.topic
                    && self.choose(topic, &following).is_ok_and(|there| there == chosen);
                if !here {
                    break;
                }
                current = following;
            }
        }
        Ok(Step::Next(None))
    }
}

/// How far `place_many` came.
enum Step<'a> {
    /// This record comes next, if any is left.
    Next(Option<ProducerRecord<'a>>),
    /// This record has to wait.
    Wait(ProducerRecord<'a>),
}

impl TopicHandle {
    /// The topic's name.
    pub fn name(&self) -> &str {
        &self.topic.name
    }

    /// Number of partitions when the handle was made.
    pub fn partitions(&self) -> usize {
        self.topic.partitions.len()
    }

    /// As [`Producer::send`]; the topic that the record names does not matter.
    ///
    /// # Errors
    /// As [`Producer::send`].
    ///
    /// # Cancel safety
    /// As [`Producer::send`].
    pub async fn send(&self, record: ProducerRecord<'_>) -> Result<RecordMetadata> {
        self.enqueue(record).await?.await
    }

    /// As [`Producer::enqueue`]; the topic that the record names does not matter.
    ///
    /// # Errors
    /// As [`Producer::enqueue`].
    ///
    /// # Cancel safety
    /// As [`Producer::enqueue`].
    #[inline]
    pub fn enqueue<'a>(&'a self, record: ProducerRecord<'a>) -> Enqueue<'a> {
        Enqueue::with_topic(&self.producer, &self.topic, record)
    }

    /// As [`Producer::try_enqueue`]; the topic that the record names does not matter.
    ///
    /// # Errors
    /// As [`Producer::try_enqueue`].
    #[inline]
    pub fn try_enqueue(&self, record: ProducerRecord<'_>) -> Result<Delivery> {
        self.producer.try_enqueue_to(&self.topic, &record)
    }
}

#[cold]
fn closed(asked: &str) -> Error {
    Error::new(ErrorKind::Closed, asked, "the producer was closed; make a new one")
}

#[cold]
fn would_block(record: &ProducerRecord<'_>, reason: &str) -> Error {
    Error::new(ErrorKind::WouldBlock, "send without waiting", reason)
        .with_topic(&record.topic.into(), record.partition)
}

#[cold]
fn no_such_partition(topic: &TopicBuffers, partition: i32) -> Error {
    let count = topic.partitions.len();
    let reason = format!("the topic has {count} partitions, numbered from 0");
    Error::new(ErrorKind::UnknownTopicOrPartition, "send", reason)
        .with_topic(&topic.name, Some(partition))
}

//! The future that gives a record its place: ready at once in the common case, without allocation.

use super::accumulator::TopicBuffers;
use super::delivery::Delivery;
use super::{Obstacle, Producer, Shared, closed};
use crate::cluster::Patience;
use crate::error::{Error, ErrorKind, Result};
use crate::record::ProducerRecord;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

/// Made by [`Producer::enqueue`].
#[must_use = "a record that is not awaited is not sent"]
pub struct Enqueue<'a> {
    producer: &'a Producer,
    topic: Topic<'a>,
    record: ProducerRecord<'a>,
    /// What is waited for, where the first look found an obstacle.
    slow: Option<Pin<Box<dyn Future<Output = Result<Delivery>> + Send + 'a>>>,
}

enum Topic<'a> {
    ByName,
    Known(&'a Arc<TopicBuffers>),
    Shared(Arc<TopicBuffers>),
}

impl<'a> Enqueue<'a> {
    pub(super) fn new(
        producer: &'a Producer,
        topic: Option<Arc<TopicBuffers>>,
        record: ProducerRecord<'a>,
    ) -> Self {
        let topic = topic.map_or(Topic::ByName, Topic::Shared);
        Self { producer, topic, record, slow: None }
    }

    #[inline]
    pub(super) const fn with_topic(
        producer: &'a Producer,
        topic: &'a Arc<TopicBuffers>,
        record: ProducerRecord<'a>,
    ) -> Self {
        Self { producer, topic: Topic::Known(topic), record, slow: None }
    }

    fn find(&self) -> Option<Arc<TopicBuffers>> {
        match &self.topic {
            Topic::ByName => self.producer.shared.topics.find(self.record.topic),
            Topic::Known(topic) => Some((*topic).clone()),
            Topic::Shared(topic) => Some(topic.clone()),
        }
    }

    #[inline]
    fn fast(&self) -> Option<Result<Delivery>> {
        if self.producer.shared.accumulator.is_backed_up() {
            return None;
        }
        let placed = match &self.topic {
            Topic::Known(topic) => self.producer.place(topic, &self.record),
            Topic::ByName | Topic::Shared(_) => self.producer.place(&self.find()?, &self.record),
        };
        match placed {
            Ok(delivery) => Some(Ok(delivery)),
            Err(Obstacle::Never(error)) => Some(Err(error)),
            Err(Obstacle::Unknown | Obstacle::Full(_) | Obstacle::Beyond(_)) => None,
        }
    }
}

impl Future for Enqueue<'_> {
    type Output = Result<Delivery>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if self.slow.is_none()
            && let Some(placed) = self.fast()
        {
            return Poll::Ready(placed);
        }
        let (producer, topic, record) = (self.producer, self.find(), self.record);
        let slow = self.slow.get_or_insert_with(|| Box::pin(wait(producer, topic, record)));
        slow.as_mut().poll(cx)
    }
}

impl fmt::Debug for Enqueue<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Enqueue").field("record", &self.record).finish_non_exhaustive()
    }
}

/// Waits for what stands in the way, up to `max.block.ms`, or until the producer is closed.
async fn wait(
    producer: &Producer,
    topic: Option<Arc<TopicBuffers>>,
    record: ProducerRecord<'_>,
) -> Result<Delivery> {
    let patience = producer.patience();
    tokio::select! {
        biased;
        placed = place(producer, topic, &record, patience) => placed,
        () = producer.shared.accumulator.closing() => {
            Err(closed("send").with_topic(&record.topic.into(), record.partition))
        }
    }
}

async fn place(
    producer: &Producer,
    topic: Option<Arc<TopicBuffers>>,
    record: &ProducerRecord<'_>,
    patience: Patience,
) -> Result<Delivery> {
    let Shared { accumulator, cluster, .. } = &*producer.shared;
    // More in the queue helps nobody, but it is allowed: after this wait the rest of the memory is used.
    let _ = patience.timeout(&cluster.clock, accumulator.relief()).await;
    let mut topic = match topic {
        Some(topic) => topic,
        None => producer.lookup(record.topic, patience).await?,
    };
    let mut looked_anew = false;
    loop {
        match producer.place(&topic, record) {
            Ok(delivery) => return Ok(delivery),
            Err(Obstacle::Never(error)) => return Err(error),
            // It may have been added since: one look tells.
            Err(Obstacle::Beyond(_)) if !looked_anew => {
                looked_anew = true;
                cluster.look_anew(patience).await;
            }
            Err(Obstacle::Beyond(error)) => return Err(error),
            Err(Obstacle::Unknown) => {
                // The metadata is about to change; the time limit stays in force meanwhile.
                tokio::task::yield_now().await;
                topic = producer.lookup(record.topic, patience).await?;
            }
            Err(Obstacle::Full(needed)) => {
                let room = patience.timeout(&cluster.clock, accumulator.room(needed)).await;
                if room.is_none() {
                    return Err(no_room(record, patience));
                }
            }
        }
    }
}

#[cold]
fn no_room(record: &ProducerRecord<'_>, patience: Patience) -> Error {
    let reason = format!(
        "no room {patience}: buffer.memory is used up; the broker takes records more slowly than \
         they come"
    );
    let error = Error::new(ErrorKind::Timeout, "send", reason);
    error.with_topic(&record.topic.into(), record.partition)
}

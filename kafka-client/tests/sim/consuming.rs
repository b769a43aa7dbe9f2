//! One consumer of a run: reads everything in every way, with seeks and pauses in between.

use crate::content::Content;
use crate::history::{Consumed, Event, Timed};
use crate::plan::ConsumerPlan;
use crate::seed::{Random, Stream};
use crate::world::{Phase, TOPIC, World, now_ms};
use futures_core::Stream as _;
use kafka_client::{Consumer, ConsumerRecord, Result};
use std::future::poll_fn;
use std::pin::Pin;
use std::time::Duration;

/// How long after everything was healed a consumer may take to read what is left.
const DRAIN: Duration = Duration::from_secs(120);

struct Consuming<'a> {
    world: &'a World,
    consumer: Consumer,
    random: Random,
    life: Consumed,
    next: Vec<i64>,
    paused: Vec<bool>,
}

/// Lives the life of the consumer with that number.
pub(crate) async fn run(world: World, plan: ConsumerPlan, number: u64) -> Consumed {
    let client = world.client(&plan.client, 100 + number);
    let mut consumer = client.consumer(plan.config.clone()).unwrap();
    consumer.assign((0..world.plan.partitions).map(|partition| (TOPIC, partition))).unwrap();
    let random = Random::new(world.seed, Stream::Consumer, number);
    let partitions = usize::try_from(world.plan.partitions).unwrap();
    let (next, paused) = (vec![0; partitions], vec![false; partitions]);
    let life = Consumed::default();
    let mut consuming = Consuming { world: &world, consumer, random, life, next, paused };
    while world.ends().is_none() {
        consuming.step().await;
    }
    consuming.drain().await;
    world.arrive();
    while world.phase() < Phase::Over {
        consuming.wait().await;
    }
    consuming.end().await
}

impl Consuming<'_> {
    async fn step(&mut self) {
        let patience = Duration::from_millis(self.random.pick(&[0, 5, 100, 1000]));
        match self.random.word() % 20 {
            0..=7 => {
                let polled = self.consumer.poll_timeout(patience).await;
                match polled {
                    Ok(records) => {
                        records.iter().for_each(|view| self.read(&view.to_owned(), false));
                    }
                    Err(error) => self.life.errors.push(error.to_string()),
                }
            }
            8..=12 => {
                // Dropped while it waits, it loses nothing.
                let received = tokio::time::timeout(patience, self.consumer.recv()).await;
                self.take(received.ok());
            }
            13..=15 => self.stream(patience).await,
            16 => self.seek(),
            17 => self.pause(),
            18 => self.position().await,
            _ => tokio::time::sleep(patience).await,
        }
    }

    async fn stream(&mut self, patience: Duration) {
        for _ in 0..self.random.within(1..=20) {
            let mut stream = self.consumer.stream();
            let next = poll_fn(|cx| Pin::new(&mut stream).poll_next(cx));
            let next = tokio::time::timeout(patience, next).await;
            drop(stream);
            let Ok(Some(received)) = next else { return };
            self.take(Some(received));
        }
    }

    fn take(&mut self, received: Option<Result<ConsumerRecord>>) {
        match received {
            Some(Ok(record)) => self.read(&record, true),
            Some(Err(error)) => self.life.errors.push(error.to_string()),
            None => {}
        }
    }

    fn read(&mut self, record: &ConsumerRecord, in_hand: bool) {
        assert_eq!(record.topic(), TOPIC);
        let content = Content::read(record.key(), record.value(), record.headers());
        let value = content.id(self.world.seed, self.world.plan.sizes);
        let (partition, offset) = (usize::try_from(record.partition()).unwrap(), record.offset());
        self.next[partition] = offset + 1;
        self.life.events.push(Event::Read { partition, offset, value, in_hand });
    }

    fn any_partition(&mut self) -> usize {
        self.random.size(0..=self.next.len() - 1)
    }

    /// Back to something that was read before.
    fn seek(&mut self) {
        let partition = self.any_partition();
        // A log that was cut may not hold what was read before.
        let loses = self.world.plan.loses();
        let known = if loses { 0 } else { u64::try_from(self.next[partition]).unwrap() };
        let to = i64::try_from(self.random.within(0..=known)).unwrap();
        self.consumer.seek((TOPIC, self.number(partition)), to).unwrap();
        self.next[partition] = to;
        self.life.events.push(Event::Seek { partition, to });
    }

    fn pause(&mut self) {
        let partition = self.any_partition();
        let paused = !self.paused[partition];
        self.set_paused(partition, paused);
    }

    fn set_paused(&mut self, partition: usize, paused: bool) {
        let which = [(TOPIC, self.number(partition))];
        if paused {
            self.consumer.pause(which).unwrap();
        } else {
            self.consumer.resume(which).unwrap();
        }
        self.paused[partition] = paused;
        self.life.events.push(Event::Pause { partition, paused });
    }

    async fn position(&mut self) {
        let partition = self.any_partition();
        self.position_of(partition).await;
    }

    async fn position_of(&mut self, partition: usize) {
        let which = (TOPIC, self.number(partition));
        let limit = Duration::from_secs(1);
        let told = tokio::time::timeout(limit, self.consumer.position(which)).await;
        match told {
            Ok(Ok(offset)) => {
                self.next[partition] = offset;
                self.life.events.push(Event::Position { partition, offset });
            }
            Ok(Err(error)) => self.life.errors.push(error.to_string()),
            Err(_) => {}
        }
    }

    fn number(&self, partition: usize) -> i32 {
        i32::try_from(partition).unwrap_or(self.world.plan.partitions)
    }

    /// Reads on to the ends of the logs.
    async fn drain(&mut self) {
        let ends = self.world.ends().unwrap_or_default();
        (0..self.paused.len()).for_each(|partition| self.set_paused(partition, false));
        let began = now_ms();
        let limit_ms = u64::try_from(DRAIN.as_millis()).unwrap();
        while self.next != ends {
            if now_ms() - began > limit_ms {
                break;
            }
            match self.consumer.poll_timeout(Duration::from_secs(1)).await {
                Ok(records) => {
                    records.iter().for_each(|view| self.read(&view.to_owned(), false));
                    // Where a log was cut, positions go back.
                    for (partition, end) in ends.iter().enumerate() {
                        if records.is_empty() && self.next[partition] != *end {
                            self.position_of(partition).await;
                        }
                    }
                }
                Err(error) => {
                    self.life.errors.push(error.to_string());
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
    }

    /// There is nothing to come.
    async fn wait(&mut self) {
        match self.consumer.poll_timeout(Duration::from_secs(1)).await {
            Ok(records) => records.iter().for_each(|view| self.read(&view.to_owned(), false)),
            Err(error) => self.life.errors.push(error.to_string()),
        }
    }

    async fn end(self) -> Consumed {
        let Self { consumer, mut life, next, .. } = self;
        let began = now_ms();
        consumer.close().await.unwrap();
        let took_ms = now_ms() - began;
        life.timed.push(Timed { what: "closing a consumer", limit_ms: 0, took_ms, open: 0 });
        life.ends = next;
        life
    }
}

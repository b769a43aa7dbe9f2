//! One producer of a run: what it is made to do, and what comes of it.

use crate::content::{Content, Id};
use crate::events;
use crate::history::{Fate, Produced, Sent, Timed};
use crate::plan::{Ending, ProducerPlan};
use crate::seed::{Random, Stream};
use crate::world::{TOPIC, World, now_ms};
use kafka_client::{Deliveries, Delivery, Error, Producer, ProducerRecord, RecordMetadata};
use std::time::Duration;

/// How long a record is tried when everything is healed: old connections may have to be found dead first.
const LAST_ATTEMPTS_MS: u64 = 30_000;

struct Producing<'a> {
    world: &'a World,
    plan: &'a ProducerPlan,
    producer: Producer,
    name: u8,
    random: Random,
    sends: Vec<Sent>,
    timed: Vec<Timed>,
    /// Open acknowledgements, each with the place of its first record in `sends`.
    open: Vec<(usize, Open)>,
}

enum Open {
    One(Delivery),
    Many(Deliveries),
}

/// Lives the life of the producer `name`.
pub(crate) async fn run(world: World, plan: ProducerPlan, name: u8) -> Produced {
    let client = world.client(&plan.client, u64::from(name));
    let producer = client.producer(plan.config.clone()).unwrap();
    let random = Random::new(world.seed, Stream::Producer, u64::from(name));
    let (sends, timed, open) = (Vec::new(), Vec::new(), Vec::new());
    let mut producing =
        Producing { world: &world, plan: &plan, producer, name, random, sends, timed, open };
    while producing.sends.len() < plan.records as usize {
        producing.step().await;
        let pause = producing.random.within(0..=producing.random.clone().pick(&[0, 10, 200]));
        if pause > 0 {
            tokio::time::sleep(Duration::from_millis(pause)).await;
        }
    }
    producing.end().await
}

impl Producing<'_> {
    fn content(&self, id: Id) -> Content {
        Content::of(self.world.seed, self.world.plan.sizes, id)
    }

    /// The next record, with the partition that it asks for.
    fn next(&mut self) -> (usize, Content) {
        let at = self.sends.len();
        let id = Id { producer: self.name, number: u32::try_from(at).unwrap() };
        let last = u64::try_from(self.world.plan.partitions - 1).unwrap();
        let asked = i32::try_from(self.random.within(0..=last)).unwrap();
        let partition = self.random.percent(60).then_some(asked);
        self.sends.push(Sent { id, partition, fate: Fate::Unknown });
        (at, self.content(id))
    }

    async fn step(&mut self) {
        match self.random.word() % 20 {
            0..=9 => self.enqueue().await,
            10..=12 => self.try_enqueue(),
            13 => self.send(None).await,
            14 | 15 => {
                let patience = Duration::from_millis(self.random.within(0..=30));
                self.send(Some(patience)).await;
            }
            16..=18 => self.send_batch().await,
            _ => {
                let patience = Duration::from_millis(self.random.pick(&[1, 100, 10_000]));
                self.flush(patience).await;
            }
        }
    }

    async fn enqueue(&mut self) {
        let (at, content) = self.next();
        let patience = Duration::from_millis(self.random.pick(&[0, 1000, 100_000]));
        let partition = self.sends[at].partition;
        let headers = headers(&content);
        let placed = self.producer.enqueue(record(&content, &headers, partition));
        match tokio::time::timeout(patience, placed).await {
            Ok(Ok(delivery)) => self.keep(at, Open::One(delivery)),
            Ok(Err(error)) => self.sends[at].fate = failed(&error),
            // Dropped before it was ready: it has sent nothing.
            Err(_) => self.sends[at].fate = Fate::Failed { possibly_written: false },
        }
    }

    fn try_enqueue(&mut self) {
        let (at, content) = self.next();
        let headers = headers(&content);
        let record = record(&content, &headers, self.sends[at].partition);
        match self.producer.try_enqueue(record) {
            Ok(delivery) => self.keep(at, Open::One(delivery)),
            Err(error) => self.sends[at].fate = failed(&error),
        }
    }

    /// Sends one record and waits for its acknowledgement, or gives up waiting.
    async fn send(&mut self, patience: Option<Duration>) {
        let (at, content) = self.next();
        let headers = headers(&content);
        let sent = self.producer.send(record(&content, &headers, self.sends[at].partition));
        let outcome = tokio::time::timeout(patience.unwrap_or(self.plan.patience), sent).await;
        self.sends[at].fate = match (outcome, patience) {
            (Ok(outcome), _) => fate(&outcome),
            (Err(_), Some(_)) => Fate::Unknown,
            (Err(_), None) => Fate::Unresolved,
        };
    }

    async fn send_batch(&mut self) {
        let count = self.random.size(1..=30);
        let (places, contents): (Vec<_>, Vec<_>) = (0..count).map(|_| self.next()).unzip();
        let all_headers: Vec<_> = contents.iter().map(headers).collect();
        let records = contents.iter().zip(&all_headers).zip(&places);
        let records = records
            .map(|((content, headers), at)| record(content, headers, self.sends[*at].partition));
        let patience = Duration::from_millis(self.random.pick(&[0, 10_000, 10_000, 200_000]));
        let records: Vec<_> = records.collect();
        let placed = tokio::time::timeout(patience, self.producer.send_batch(records)).await;
        // Of a batch that was refused or given up some may have been sent.
        if let Ok(Ok(deliveries)) = placed {
            assert_eq!(deliveries.len(), count);
            self.keep(places[0], Open::Many(deliveries));
        }
    }

    /// Keeps an acknowledgement for later, or forgets it.
    fn keep(&mut self, at: usize, open: Open) {
        if !self.random.percent(10) {
            self.open.push((at, open));
        }
    }

    async fn flush(&mut self, patience: Duration) -> bool {
        let began = now_ms();
        let flushed = tokio::time::timeout(patience, self.producer.flush()).await;
        let took_ms = now_ms() - began;
        let Ok(flushed) = flushed else { return false };
        flushed.unwrap();
        let open = self.open.iter().filter(|(_, open)| !open.is_resolved()).count();
        self.timed.push(Timed { what: "flush", limit_ms: u64::MAX / 2, took_ms, open });
        true
    }

    async fn end(mut self) -> Produced {
        let ms = |duration: Duration| u64::try_from(duration.as_millis()).unwrap();
        let mut refused_at_the_end = None;
        match self.plan.ending {
            Ending::CloseUnderFaults(limit) => self.close(limit).await,
            Ending::Drop => {}
            Ending::Healed => {
                self.world.healed().await;
                if !self.flush(self.plan.patience).await {
                    let (took_ms, limit_ms) = (ms(self.plan.patience), 0);
                    self.timed.push(Timed { what: "the last flush", limit_ms, took_ms, open: 1 });
                }
                refused_at_the_end = self.send_last().await;
                self.close(Duration::from_secs(10)).await;
            }
        }
        let Self { mut sends, timed, open, producer, plan, .. } = self;
        let dropped = plan.ending == Ending::Drop;
        drop(producer);
        for (first, open) in open {
            if dropped {
                // What was enqueued is still sent.
                let _late = tokio::time::timeout(plan.patience, open.resolved()).await;
            }
            let fates = open.fates();
            for (at, sent) in sends.iter_mut().enumerate().skip(first).take(open.len()) {
                events::tell(|| format!("{:?}: {:?}", sent.id, open.outcome(at - first)));
                sent.fate = fates.get(at - first).copied().unwrap_or(Fate::Unresolved);
            }
        }
        Produced { promise: plan.promise, sends, timed, refused_at_the_end }
    }

    /// Everything works: then a record is taken before long.
    async fn send_last(&mut self) -> Option<String> {
        let mut last = None;
        let began = now_ms();
        while now_ms() - began < LAST_ATTEMPTS_MS {
            let at = self.sends.len();
            let id = Id { producer: self.name, number: u32::try_from(at).unwrap() };
            let content = self.content(id);
            self.sends.push(Sent { id, partition: Some(0), fate: Fate::Unknown });
            let headers = headers(&content);
            let sent = self.producer.send(record(&content, &headers, Some(0)));
            let outcome = tokio::time::timeout(self.plan.patience, sent).await;
            self.sends[at].fate = match &outcome {
                Ok(outcome) => fate(outcome),
                Err(_) => Fate::Unresolved,
            };
            match outcome {
                Ok(Err(error)) if content.len() < self.world.small() => {
                    last = Some(error.to_string());
                    tokio::time::sleep(Duration::from_millis(500)).await;
                }
                Ok(_) | Err(_) => return None,
            }
        }
        last
    }

    async fn close(&mut self, limit: Duration) {
        let began = now_ms();
        // That time ran out is no news; what it means for each record, their fates say.
        let closed = self.producer.close(limit).await;
        events::tell(|| format!("producer {} closed: {closed:?}", self.name));
        let open = self.open.iter().filter(|(_, open)| !open.is_resolved()).count();
        let limit_ms = u64::try_from(limit.as_millis()).unwrap();
        self.timed.push(Timed { what: "close", limit_ms, took_ms: now_ms() - began, open });
    }
}

impl Open {
    fn is_resolved(&self) -> bool {
        self.fates().len() == self.len()
    }

    fn len(&self) -> usize {
        match self {
            Self::One(_) => 1,
            Self::Many(deliveries) => deliveries.len(),
        }
    }

    fn fates(&self) -> Vec<Fate> {
        match self {
            Self::One(delivery) => delivery.try_get().iter().map(fate).collect(),
            Self::Many(deliveries) => deliveries.results().map(|outcome| fate(&outcome)).collect(),
        }
    }

    /// What became of one of them, for the story.
    fn outcome(&self, at: usize) -> Option<Result<RecordMetadata, Error>> {
        match self {
            Self::One(delivery) => delivery.try_get(),
            Self::Many(deliveries) => deliveries.results().nth(at),
        }
    }

    async fn resolved(&self) {
        while !self.is_resolved() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

type Headers<'a> = Vec<(&'a str, Option<&'a [u8]>)>;

fn headers(content: &Content) -> Headers<'_> {
    content.headers.iter().map(|(name, value)| (&**name, value.as_deref())).collect()
}

fn record<'a>(
    content: &'a Content,
    headers: &'a Headers<'a>,
    partition: Option<i32>,
) -> ProducerRecord<'a> {
    ProducerRecord {
        topic: TOPIC,
        partition,
        timestamp_ms: None,
        key: content.key.as_deref(),
        value: content.value.as_deref(),
        headers,
    }
}

fn fate(outcome: &Result<RecordMetadata, Error>) -> Fate {
    match outcome {
        Ok(stored) => Fate::Stored { partition: stored.partition(), offset: stored.offset() },
        Err(error) => failed(error),
    }
}

fn failed(error: &Error) -> Fate {
    Fate::Failed { possibly_written: error.possibly_written() }
}

//! A life of a member that is a listener container: its handler stands still now and then, its network goes, and it is
//! stopped or killed.

use super::gate::Gate;
use super::history::{Member, What};
use super::member::{Journal, numbers};
use super::plan::{GROUP, MemberPlan};
use crate::content::Content;
use crate::seed::Random;
use crate::world::{Phase, TOPIC, World};
use kafka_client::listener::{Ack, AckMode, Acknowledgement, ListenerEvent, ListenerHandle};
use kafka_client::{Client, ConsumerRecord, ErrorKind, RecordView, Records};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// How long a listener may take to stop.
const STOP_MAX: Duration = Duration::from_secs(5);

/// What the handler of a life works with.
#[derive(Clone)]
struct Handling {
    world: World,
    plan: MemberPlan,
    journal: Journal,
    me: Member,
    random: Arc<Mutex<Random>>,
    dead: Arc<AtomicBool>,
}

impl Handling {
    /// Nobody hears of what a process does that was killed.
    fn note(&self, what: What) {
        if !self.dead.load(Ordering::Relaxed) {
            self.journal.note(self.me, what);
        }
    }

    fn told(&self, event: &ListenerEvent) {
        match event {
            ListenerEvent::Assigned { partitions } => {
                let (came, held) = (numbers(partitions), Vec::new());
                self.note(What::Assigned { generation: -1, came, held });
            }
            ListenerEvent::Revoked { partitions } => self.note(What::Revoked(numbers(partitions))),
            ListenerEvent::Lost { partitions } => self.note(What::Lost(numbers(partitions))),
            _ => {}
        }
    }

    fn draw<T>(&self, draw: impl FnOnce(&mut Random) -> T) -> T {
        draw(&mut self.random.lock().unwrap())
    }

    async fn work(&self) {
        if self.world.phase() != Phase::Faulty {
            return;
        }
        let ms = self.draw(|random| random.within(0..=self.plan.handling_ms));
        if self.draw(|random| random.word().is_multiple_of(200)) {
            tokio::time::sleep(self.plan.standstill).await;
            self.note(What::StoodStill);
        } else if ms > 0 && ms.is_multiple_of(5) {
            tokio::time::sleep(Duration::from_millis(ms)).await;
        }
    }

    async fn handle(self, records: Vec<Seen>) {
        for Seen { partition, offset, content } in records {
            self.work().await;
            let value = content.id(self.world.seed, self.world.plan.sizes);
            self.note(What::Handled { partition, offset, value });
        }
    }

    /// Handles, and acknowledges at once or later, from another task.
    async fn handle_acked(self, records: Vec<Seen>, ack: Ack) {
        let places: Vec<_> = records.iter().map(|it| (it.partition, it.offset)).collect();
        self.clone().handle(records).await;
        let late = self.world.phase() == Phase::Faulty && self.draw(|random| random.percent(30));
        if late {
            let ms = self.draw(|random| random.within(0..=self.plan.acks_late_ms));
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_millis(ms)).await;
                drop(self.acknowledge(&places, ack));
            });
            return;
        }
        let acknowledged = self.acknowledge(&places, ack);
        if self.draw(|random| random.percent(50)) {
            // It may have failed: then somebody else has the partition.
            let _ = acknowledged.await;
        }
    }

    fn acknowledge(&self, places: &[(usize, i64)], ack: Ack) -> Acknowledgement {
        for &(partition, offset) in places {
            self.note(What::Acknowledged { partition, offset });
        }
        ack.acknowledge()
    }
}

/// A record as a handler got it.
struct Seen {
    partition: usize,
    offset: i64,
    content: Content,
}

impl Seen {
    fn new(partition: i32, offset: i64, content: Content) -> Self {
        Self { partition: usize::try_from(partition).unwrap(), offset, content }
    }

    fn one(record: &ConsumerRecord) -> Vec<Self> {
        let content = Content::read(record.key(), record.value(), record.headers());
        vec![Self::new(record.partition(), record.offset(), content)]
    }

    fn all(records: &Records) -> Vec<Self> {
        let content = |it: &RecordView<'_>| Content::read(it.key(), it.value(), it.headers());
        records.iter().map(|it| Self::new(it.partition(), it.offset(), content(&it))).collect()
    }
}

/// Starts a listener whose handler is of the kind that the plan says.
fn start(client: &Client, mode: AckMode, handling: Handling) -> ListenerHandle {
    let (events, plan) = (handling.clone(), &handling.plan);
    let listener = client
        .listener(GROUP)
        .topics([TOPIC])
        .config(plan.config.clone())
        .ack_mode(mode)
        .on_event(move |event| events.told(event));
    let started = match (plan.batches, plan.acknowledges()) {
        (false, false) => listener
            .start(move |record: ConsumerRecord| handling.clone().handle(Seen::one(&record))),
        (false, true) => listener.start_acked(move |record: ConsumerRecord, ack| {
            handling.clone().handle_acked(Seen::one(&record), ack)
        }),
        (true, false) => listener
            .start_batches(move |records: Records| handling.clone().handle(Seen::all(&records))),
        (true, true) => listener.start_batches_acked(move |records: Records, ack| {
            handling.clone().handle_acked(Seen::all(&records), ack)
        }),
    };
    started.unwrap()
}

/// Lives as a listener, until it is stopped or dies.
pub(crate) async fn live(
    world: &World,
    plan: &MemberPlan,
    mode: AckMode,
    (journal, me): (&Journal, Member),
    random: &mut Random,
    churned: &mut bool,
) {
    let gate = Gate::default();
    let number = 1000 * (1 + u64::from(me.slot)) + u64::from(me.life);
    let client = world.client_through(&plan.client, number, gate.clone());
    let handling = Handling {
        world: world.clone(),
        plan: plan.clone(),
        journal: journal.clone(),
        me,
        random: Arc::new(Mutex::new(random.clone())),
        dead: Arc::default(),
    };
    let dead = handling.dead.clone();
    let until_ms = journal.now_ms() + random.within(100..=plan.life_ms);
    let mut handle = start(&client, mode, handling);
    loop {
        let pause = Duration::from_millis(random.within(1..=400));
        if let Ok(ended) = tokio::time::timeout(pause, handle.wait()).await {
            if let Err(error) = ended
                && (error.kind() != ErrorKind::Fenced || world.phase() > Phase::Healed)
            {
                journal.note(me, What::Told(error.to_string()));
            }
            return die(&gate, &dead, handle, (journal, me)).await;
        }
        match world.phase() {
            Phase::Over => return stop(handle, (journal, me)).await,
            Phase::Churn if me.slot == 0 && !*churned => {
                *churned = true;
                return stop(handle, (journal, me)).await;
            }
            Phase::Faulty if journal.now_ms() >= until_ms && random.percent(50) => {
                return stop(handle, (journal, me)).await;
            }
            Phase::Faulty if journal.now_ms() >= until_ms => {
                return die(&gate, &dead, handle, (journal, me)).await;
            }
            Phase::Faulty => match random.word() % 20 {
                0 => {
                    gate.close();
                    tokio::time::sleep(plan.cut).await;
                    journal.note(me, What::CutOff);
                    gate.open();
                }
                1 => {
                    handle.pause();
                    tokio::time::sleep(pause).await;
                    handle.resume();
                }
                _ => {}
            },
            _ => {}
        }
    }
}

async fn stop(handle: ListenerHandle, (journal, me): (&Journal, Member)) {
    let _late = handle.stop(STOP_MAX).await;
    journal.note(me, What::Closed);
}

/// Nothing passes any more, then nothing runs any more.
async fn die(
    gate: &Gate,
    dead: &AtomicBool,
    handle: ListenerHandle,
    (journal, me): (&Journal, Member),
) {
    gate.close();
    journal.note(me, What::Died);
    dead.store(true, Ordering::Relaxed);
    let _aborted = handle.stop(Duration::ZERO).await;
}

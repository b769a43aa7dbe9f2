//! A life of a member that is a listener container: its handler stands still now and then, its network goes, and it is
//! stopped or killed.

use super::gate::Gate;
use super::history::{Member, What};
use super::member::{Journal, numbers};
use super::plan::{GROUP, MemberPlan};
use crate::content::Content;
use crate::seed::Random;
use crate::world::{Phase, TOPIC, World};
use kafka_client::listener::{AckMode, ListenerEvent, ListenerHandle};
use kafka_client::{ConsumerRecord, ErrorKind};
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

    async fn handle(self, record: ConsumerRecord) {
        if self.world.phase() == Phase::Faulty {
            let (ms, still) = {
                let mut random = self.random.lock().unwrap();
                (random.within(0..=self.plan.handling_ms), random.word().is_multiple_of(200))
            };
            if still {
                tokio::time::sleep(self.plan.standstill).await;
                self.note(What::StoodStill);
            } else if ms > 0 && ms.is_multiple_of(5) {
                tokio::time::sleep(Duration::from_millis(ms)).await;
            }
        }
        let content = Content::read(record.key(), record.value(), record.headers());
        let value = content.id(self.world.seed, self.world.plan.sizes);
        let (partition, offset) = (usize::try_from(record.partition()).unwrap(), record.offset());
        self.note(What::Handled { partition, offset, value });
    }
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
    let (events, dead) = (handling.clone(), handling.dead.clone());
    let until_ms = journal.now_ms() + random.within(100..=plan.life_ms);
    let mut handle = client
        .listener(GROUP)
        .topics([TOPIC])
        .config(plan.config.clone())
        .ack_mode(mode)
        .on_event(move |event| events.told(event))
        .start(move |record| handling.clone().handle(record))
        .unwrap();
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

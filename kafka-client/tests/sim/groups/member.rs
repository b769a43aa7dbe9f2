//! A place in a group, and the members that live there one after the other: they come, read, handle, commit, stand
//! still, are cut off, come back, leave or die.

use super::gate::Gate;
use super::history::{Event, Member, What};
use super::listening;
use super::plan::{Commits, MemberPlan};
use crate::content::Content;
use crate::events;
use crate::seed::{Random, Stream};
use crate::world::{Phase, TOPIC, World};
use kafka_client::{
    Client, Consumer, ConsumerRecord, Error, ErrorKind, OffsetAndMetadata, PendingCommit,
    RebalanceListener, Result, TopicPartition,
};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// How long a member waits for a commit.
const COMMIT_MAX: Duration = Duration::from_secs(2);

/// No group does as much in a run, unless it spins.
const EVENTS_MAX: usize = 200_000;

/// What all members do, in order.
#[derive(Clone, Debug)]
pub(crate) struct Journal {
    began_ms: u64,
    events: Arc<Mutex<Vec<Event>>>,
}

impl Journal {
    pub(crate) fn new() -> Self {
        Self { began_ms: crate::world::now_ms(), events: Arc::default() }
    }

    pub(crate) fn now_ms(&self) -> u64 {
        crate::world::now_ms() - self.began_ms
    }

    pub(crate) fn take(&self) -> Vec<Event> {
        std::mem::take(&mut self.events.lock().unwrap())
    }

    pub(crate) fn note(&self, member: Member, what: What) {
        events::tell(|| format!("member {}.{}: {what:?}", member.slot, member.life));
        let mut events = self.events.lock().unwrap();
        assert!(events.len() < EVENTS_MAX, "{member:?} does not rest: {what:?}");
        events.push(Event { at_ms: self.now_ms(), member, what });
    }
}

/// How a life goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    On,
    Dies,
}

struct Living<'a> {
    world: &'a World,
    plan: &'a MemberPlan,
    journal: &'a Journal,
    me: Member,
    gate: Gate,
    consumer: Consumer,
    _client: Client,
    random: &'a mut Random,
}

/// Fills the place `slot` of the group until everything is over.
pub(crate) async fn run(world: World, plan: MemberPlan, slot: u32, journal: Journal) {
    let mut random = Random::new(world.seed, Stream::Member, u64::from(slot));
    let mut churned = false;
    for life in 0.. {
        let late_ms = random.pick(&[0, 100, 3000]);
        tokio::time::sleep(Duration::from_millis(random.within(0..=late_ms))).await;
        if world.phase() >= Phase::Over {
            return;
        }
        let me = Member { slot, life };
        match plan.listens {
            Some(mode) => {
                let whose = (&journal, me);
                listening::live(&world, &plan, mode, whose, &mut random, &mut churned).await;
            }
            None => {
                let living = Living::begin(&world, &plan, &journal, me, &mut random);
                living.live(&mut churned).await;
            }
        }
    }
}

impl<'a> Living<'a> {
    fn begin(
        world: &'a World,
        plan: &'a MemberPlan,
        journal: &'a Journal,
        me: Member,
        random: &'a mut Random,
    ) -> Self {
        let gate = Gate::default();
        let number = 1000 * (1 + u64::from(me.slot)) + u64::from(me.life);
        let client = world.client_through(&plan.client, number, gate.clone());
        let mut consumer = client.consumer(plan.config.clone()).unwrap();
        let (journal_too, commits) = (journal.clone(), plan.commits);
        consumer.rebalance_listener(Listener { journal: journal_too, me, commits }).unwrap();
        consumer.subscribe([TOPIC]).unwrap();
        Self { world, plan, journal, me, gate, consumer, _client: client, random }
    }

    fn note(&self, what: What) {
        self.journal.note(self.me, what);
    }

    async fn live(mut self, churned: &mut bool) {
        let until_ms = self.journal.now_ms() + self.random.within(100..=self.plan.life_ms);
        loop {
            let next = match self.world.phase() {
                Phase::Over => return self.close().await,
                Phase::Churn if self.me.slot == 0 && !*churned => {
                    *churned = true;
                    return self.close().await;
                }
                Phase::Faulty if self.journal.now_ms() >= until_ms => {
                    if self.random.percent(50) {
                        return self.close().await;
                    }
                    Next::Dies
                }
                Phase::Faulty => self.step().await,
                phase => self.calm_step(phase == Phase::Healed || phase == Phase::Written).await,
            };
            if next == Next::Dies {
                self.gate.close();
                return self.note(What::Died);
            }
        }
    }

    async fn close(self) {
        let Self { consumer, journal, me, .. } = self;
        let limit = Duration::from_secs(5);
        let closed = consumer.close_timeout(limit).await;
        events::tell(|| format!("member {}.{} closed: {closed:?}", me.slot, me.life));
        journal.note(me, What::Closed);
    }

    async fn step(&mut self) -> Next {
        let patience = Duration::from_millis(self.random.pick(&[0, 5, 100, 1000]));
        match self.random.word() % 40 {
            0..=19 => return self.poll(patience).await,
            20..=31 => {
                for _ in 0..self.random.within(1..=10) {
                    // Dropped while it waits, it loses nothing.
                    match tokio::time::timeout(patience, self.consumer.recv()).await {
                        Ok(Ok(record)) => self.handle(&record).await,
                        Ok(Err(error)) => return self.told(&error),
                        Err(_) => return Next::On,
                    }
                }
                self.commit().await;
            }
            32 => self.stand_still().await,
            33 => {
                self.gate.close();
                let back = tokio::time::sleep(self.plan.cut);
                tokio::pin!(back);
                // It goes on, without knowing.
                while !back.is_elapsed() {
                    let next = tokio::select! {
                        biased;
                        () = &mut back => break,
                        polled = self.consumer.poll() => polled,
                    };
                    match next {
                        Ok(records) => {
                            for view in &records {
                                self.handle(&view.to_owned()).await;
                            }
                        }
                        Err(error) if self.told(&error) == Next::Dies => return Next::Dies,
                        Err(_) => {}
                    }
                }
                self.note(What::CutOff);
                self.gate.open();
            }
            34 => {
                // A process that is stopped, and goes on as if nothing had been.
                self.gate.close();
                self.stand_still().await;
                self.note(What::CutOff);
                self.gate.open();
                self.commit().await;
            }
            35 if self.random.percent(30) => {
                if let Err(error) = self.consumer.unsubscribe().await {
                    self.told(&error);
                }
                self.note(What::Unsubscribed);
                tokio::time::sleep(patience).await;
                self.consumer.subscribe([TOPIC]).unwrap();
            }
            36 if self.random.percent(30) => self.consumer.enforce_rebalance().unwrap(),
            _ => tokio::time::sleep(patience).await,
        }
        Next::On
    }

    /// Reads on, and commits also when there is nothing to read.
    async fn calm_step(&mut self, commits: bool) -> Next {
        match self.consumer.poll_timeout(Duration::from_secs(1)).await {
            Ok(records) => {
                for view in &records {
                    self.handle(&view.to_owned()).await;
                }
            }
            Err(error) => return self.told(&error),
        }
        if commits {
            self.commit().await;
        }
        Next::On
    }

    async fn stand_still(&mut self) {
        tokio::time::sleep(self.plan.standstill).await;
        self.note(What::StoodStill);
    }

    async fn poll(&mut self, patience: Duration) -> Next {
        let records: Vec<ConsumerRecord> = match self.consumer.poll_timeout(patience).await {
            Ok(records) => records.iter().map(|view| view.to_owned()).collect(),
            Err(error) => return self.told(&error),
        };
        for record in &records {
            self.handle(record).await;
            if self.plan.commits == Commits::Explicit && self.random.percent(20) {
                self.commit_behind(record);
            }
            match self.random.word() % 300 {
                0 => return Next::Dies,
                1 => self.stand_still().await,
                _ => {}
            }
        }
        if self.plan.commits == Commits::Explicit {
            records.iter().rev().take(1).for_each(|record| self.commit_behind(record));
        } else {
            self.commit().await;
        }
        Next::On
    }

    /// Does with a record whatever it is for; it is done when this returns.
    async fn handle(&mut self, record: &ConsumerRecord) {
        let takes = self.random.within(0..=self.plan.handling_ms);
        if takes > 0 && self.random.percent(20) && self.world.phase() == Phase::Faulty {
            tokio::time::sleep(Duration::from_millis(takes)).await;
        }
        let content = Content::read(record.key(), record.value(), record.headers());
        let value = content.id(self.world.seed, self.world.plan.sizes);
        let (partition, offset) = (usize::try_from(record.partition()).unwrap(), record.offset());
        self.note(What::Handled { partition, offset, value });
    }

    fn commit_behind(&mut self, record: &ConsumerRecord) {
        let (partition, offset) = (record.partition(), record.offset() + 1);
        let name = format!("{}.{}", self.me.slot, self.me.life);
        let what = OffsetAndMetadata::new(offset).metadata(name);
        let pending = self.consumer.commit_offsets_async([((TOPIC, partition), what)]);
        let partition = usize::try_from(partition).unwrap();
        self.watch(pending, move |ok| What::Committed { partition, offset, ok });
    }

    /// Commits everything, as this member does.
    async fn commit(&mut self) {
        match self.plan.commits {
            Commits::Automatic => {}
            Commits::Waiting => {
                if let Ok(told) = tokio::time::timeout(COMMIT_MAX, self.consumer.commit()).await {
                    note_commit(self.journal, self.me, told, |ok| What::CommittedAll { ok });
                }
            }
            Commits::Async | Commits::Explicit => {
                let pending = self.consumer.commit_async();
                self.watch(pending, |ok| What::CommittedAll { ok });
            }
        }
    }

    fn watch(&self, pending: PendingCommit, what: impl Fn(bool) -> What + Send + 'static) {
        let (journal, me) = (self.journal.clone(), self.me);
        tokio::spawn(async move { note_commit(&journal, me, pending.await, what) });
    }

    fn told(&self, error: &Error) -> Next {
        // A coordinator that fails over while a static member takes its name back forgets that it did.
        if error.kind() == ErrorKind::Fenced && self.world.phase() <= Phase::Healed {
            return Next::Dies;
        }
        self.note(What::Told(error.to_string()));
        if error.is_fatal() { Next::Dies } else { Next::On }
    }
}

fn note_commit(journal: &Journal, me: Member, told: Result<()>, what: impl Fn(bool) -> What) {
    journal.note(me, what(told.is_ok()));
    if let Err(error) = told
        && !matches!(error.kind(), ErrorKind::Rebalanced | ErrorKind::Timeout | ErrorKind::Closed)
    {
        journal.note(me, What::Told(error.to_string()));
    }
}

struct Listener {
    journal: Journal,
    me: Member,
    commits: Commits,
}

pub(crate) fn numbers<'a>(partitions: impl IntoIterator<Item = &'a TopicPartition>) -> Vec<usize> {
    partitions.into_iter().map(|which| usize::try_from(which.partition).unwrap()).collect()
}

impl RebalanceListener for Listener {
    async fn on_assigned(
        &mut self,
        consumer: &mut Consumer,
        came: &[TopicPartition],
    ) -> Result<()> {
        let generation = consumer.group_metadata().unwrap().generation_id;
        let (came, held) = (numbers(came), numbers(&consumer.assignment()));
        self.journal.note(self.me, What::Assigned { generation, came, held });
        Ok(())
    }

    async fn on_revoked(&mut self, consumer: &mut Consumer, gone: &[TopicPartition]) -> Result<()> {
        if self.commits != Commits::Automatic {
            let told = tokio::time::timeout(COMMIT_MAX, consumer.commit()).await;
            if let Ok(told) = told {
                note_commit(&self.journal, self.me, told, |ok| What::CommittedAll { ok });
            }
        }
        self.journal.note(self.me, What::Revoked(numbers(gone)));
        Ok(())
    }

    async fn on_lost(&mut self, _: &mut Consumer, gone: &[TopicPartition]) -> Result<()> {
        self.journal.note(self.me, What::Lost(numbers(gone)));
        Ok(())
    }
}

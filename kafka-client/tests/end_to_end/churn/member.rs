//! A member of the group on a thread of its own, with all that belongs to it: so it can stand still, or end anywhere.

use super::history::{Recorder, What};
use kafka_client::config::ConsumerConfig;
use kafka_client::{Client, Consumer, RebalanceListener, Records, Result, TopicPartition};
use std::collections::BTreeMap;
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// What a member may be told.
#[derive(Debug)]
enum Order {
    Close,
    Die,
    Freeze(Duration),
}

pub(super) struct Member {
    pub(super) number: usize,
    orders: mpsc::UnboundedSender<Order>,
    thread: JoinHandle<()>,
}

/// What a member needs to know.
#[derive(Clone, Debug)]
pub(super) struct Task {
    pub(super) bootstrap: String,
    pub(super) topic: String,
    pub(super) config: ConsumerConfig,
    pub(super) recorder: Arc<Recorder>,
}

impl Member {
    pub(super) fn start(number: usize, task: Task) -> Self {
        let (orders, mut given) = mpsc::unbounded_channel();
        let live = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let runtime = runtime.unwrap();
            runtime.block_on(live(Notes::new(number, task.recorder.clone()), task, &mut given));
            // Nothing of it runs any more: what is dropped here cannot even say that it goes.
            drop(runtime);
        };
        let thread = std::thread::Builder::new().name(format!("member-{number}"));
        Self { number, orders, thread: thread.spawn(live).unwrap() }
    }

    fn order(&self, order: Order) {
        self.orders.send(order).expect("the member has ended by itself");
    }

    /// It leaves; [`Member::ended`] waits for it.
    pub(super) fn close(&self) {
        self.order(Order::Close);
    }

    pub(super) fn die(&self) {
        self.order(Order::Die);
    }

    pub(super) fn freeze(&self, time: Duration) {
        self.order(Order::Freeze(time));
    }

    /// Waits until it has ended.
    pub(super) async fn ended(self) {
        let Self { thread, .. } = self;
        let joined = tokio::task::spawn_blocking(|| thread.join()).await.unwrap();
        joined.expect("a member panicked");
    }
}

/// What a member tells of itself.
#[derive(Clone, Debug)]
struct Notes {
    number: usize,
    recorder: Arc<Recorder>,
    /// Of each partition that it has read from, the next record to be handled.
    next: Arc<Mutex<BTreeMap<i32, i64>>>,
}

impl Notes {
    fn new(number: usize, recorder: Arc<Recorder>) -> Self {
        Self { number, recorder, next: Arc::default() }
    }

    fn note(&self, what: What) {
        self.recorder.note(self.number, what);
    }

    fn next(&self) -> MutexGuard<'_, BTreeMap<i32, i64>> {
        self.next.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn handle(&self, records: &Records) {
        let mut offsets: BTreeMap<i32, Vec<i64>> = BTreeMap::new();
        for record in records {
            offsets.entry(record.partition()).or_default().push(record.offset());
        }
        for (partition, offsets) in offsets {
            self.next().extend(offsets.last().map(|last| (partition, last + 1)));
            self.note(What::Handled(partition, offsets));
        }
    }

    /// Commits what was handled, and notes it when it is confirmed.
    fn commit(&self, consumer: &mut Consumer) -> impl Future<Output = Result<()>> + Send + 'static {
        let (begun, upto) = (self.recorder.now(), self.next().clone());
        let (pending, notes) = (consumer.commit_async(), self.clone());
        async move {
            pending.await?;
            notes.note(What::Committed { begun, upto });
            Ok(())
        }
    }

    fn gone(&self, gone: &[i32]) {
        self.next().retain(|which, _| !gone.contains(which));
    }
}

fn numbers(partitions: &[TopicPartition]) -> Vec<i32> {
    partitions.iter().map(|which| which.partition).collect()
}

impl RebalanceListener for Notes {
    async fn on_assigned(&mut self, _: &mut Consumer, came: &[TopicPartition]) -> Result<()> {
        self.note(What::Assigned(numbers(came)));
        Ok(())
    }

    async fn on_revoked(&mut self, consumer: &mut Consumer, gone: &[TopicPartition]) -> Result<()> {
        let gone = numbers(gone);
        let committed = self.commit(consumer).await;
        self.gone(&gone);
        self.note(What::Revoked(gone, committed.map_err(|error| error.to_string())));
        Ok(())
    }

    async fn on_lost(&mut self, _: &mut Consumer, gone: &[TopicPartition]) -> Result<()> {
        let gone = numbers(gone);
        self.gone(&gone);
        self.note(What::Lost(gone));
        Ok(())
    }
}

async fn live(notes: Notes, task: Task, orders: &mut mpsc::UnboundedReceiver<Order>) {
    let (stop, stopped) = oneshot::channel();
    let reading = tokio::spawn(read(notes.clone(), task, stopped));
    loop {
        match orders.recv().await {
            Some(Order::Freeze(time)) => {
                notes.note(What::Frozen);
                let (_open, never) = channel::<()>();
                assert!(never.recv_timeout(time).is_err(), "the whole thread stands still");
                notes.note(What::Thawed);
            }
            Some(Order::Close) => {
                notes.note(What::Closing);
                drop(stop);
                return reading.await.unwrap();
            }
            Some(Order::Die) | None => return notes.note(What::Died),
        }
    }
}

async fn read(notes: Notes, task: Task, mut stop: oneshot::Receiver<()>) {
    notes.note(What::Started);
    let client = Client::connect(&task.bootstrap).await.unwrap();
    let mut consumer = client.consumer(task.config).unwrap();
    consumer.rebalance_listener(notes.clone()).unwrap();
    consumer.subscribe([&*task.topic]).unwrap();
    while stop.try_recv() == Err(oneshot::error::TryRecvError::Empty) {
        match consumer.poll_timeout(Duration::from_millis(100)).await {
            Ok(records) if records.is_empty() => {}
            Ok(records) => {
                notes.handle(&records);
                tokio::spawn(notes.commit(&mut consumer));
            }
            Err(error) => notes.note(What::Failed(error.to_string())),
        }
    }
    let closed = consumer.close().await;
    notes.note(closed.map_or_else(|error| What::Failed(error.to_string()), |()| What::Closed));
}

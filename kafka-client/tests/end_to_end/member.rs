//! A member of a group that reads in a task of its own, and what it has seen.

use kafka_client::{Consumer, Error, RebalanceListener, Records, Result, TopicPartition};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// What a member was told and given.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) held: BTreeSet<TopicPartition>,
    /// The offsets of its records, in the order in which they came.
    pub(crate) records: BTreeMap<TopicPartition, Vec<i64>>,
    /// What the listener heard, in words.
    pub(crate) events: Vec<String>,
    revoked: BTreeSet<TopicPartition>,
    pub(crate) error: Option<Error>,
}

impl Seen {
    pub(crate) fn offsets(&self, which: &TopicPartition) -> Vec<i64> {
        self.records.get(which).cloned().unwrap_or_default()
    }

    pub(crate) fn was_revoked(&self, which: &TopicPartition) -> bool {
        self.revoked.contains(which)
    }
}

pub(crate) struct Member {
    seen: Arc<Mutex<Seen>>,
    stop: oneshot::Sender<()>,
    task: JoinHandle<Consumer>,
}

struct Listener(Arc<Mutex<Seen>>);

impl Listener {
    fn note(&self, what: &str, partitions: &[TopicPartition]) -> MutexGuard<'_, Seen> {
        let mut seen = lock(&self.0);
        seen.events.push(format!("{what} {partitions:?}"));
        seen
    }
}

impl RebalanceListener for Listener {
    async fn on_assigned(&mut self, _: &mut Consumer, came: &[TopicPartition]) -> Result<()> {
        let mut seen = self.note("assigned", came);
        for which in came {
            assert!(seen.held.insert(which.clone()), "{which} is held already");
        }
        Ok(())
    }

    async fn on_revoked(&mut self, _: &mut Consumer, gone: &[TopicPartition]) -> Result<()> {
        let mut seen = self.note("revoked", gone);
        for which in gone {
            assert!(seen.held.remove(which), "{which} was not held");
            seen.revoked.insert(which.clone());
        }
        Ok(())
    }

    async fn on_lost(&mut self, _: &mut Consumer, gone: &[TopicPartition]) -> Result<()> {
        let mut seen = self.note("lost", gone);
        seen.held.retain(|which| !gone.contains(which));
        Ok(())
    }
}

fn lock(seen: &Mutex<Seen>) -> MutexGuard<'_, Seen> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Takes in what a poll gave; says whether nothing can come after it.
fn note(seen: &Mutex<Seen>, polled: Result<Records>) -> bool {
    let mut seen = lock(seen);
    match polled {
        Ok(records) => {
            for record in &records {
                let which = TopicPartition::new(record.topic(), record.partition());
                assert!(seen.held.contains(&which), "{which} is not held");
                seen.records.entry(which).or_default().push(record.offset());
            }
            false
        }
        Err(error) => {
            let fatal = error.is_fatal();
            seen.error = Some(error);
            fatal
        }
    }
}

impl Member {
    /// Reads until it is stopped or an error is fatal.
    pub(crate) fn start(mut consumer: Consumer) -> Self {
        let seen = Arc::new(Mutex::new(Seen::default()));
        lock(&seen).held = consumer.assignment().into_iter().collect();
        consumer.rebalance_listener(Listener(seen.clone())).unwrap();
        let (stop, mut stopped) = oneshot::channel();
        let shared = seen.clone();
        let task = tokio::spawn(async move {
            loop {
                let polled = tokio::select! {
                    biased;
                    _ = &mut stopped => break,
                    polled = consumer.poll() => polled,
                };
                if note(&shared, polled) {
                    let _ = stopped.await;
                    break;
                }
            }
            consumer
        });
        Self { seen, stop, task }
    }

    pub(crate) fn seen(&self) -> MutexGuard<'_, Seen> {
        lock(&self.seen)
    }

    /// Ends its reading.
    pub(crate) async fn stop(self) -> Consumer {
        drop(self.stop);
        self.task.await.unwrap()
    }

    /// Ends it wherever it is.
    pub(crate) async fn abort(self) {
        self.task.abort();
        assert!(self.task.await.is_err());
    }
}

/// Waits until `what` is so.
pub(crate) async fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    for _ in 0..6000 {
        if is_so() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("it never came to be that {what}");
}

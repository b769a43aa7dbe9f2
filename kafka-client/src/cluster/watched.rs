//! The newest value of something, and whoever waits for the next one.
//!
//! Those who wait are woken in the order in which they came. That is all it has before `tokio::sync::watch`, which
//! wakes in random order, so that a seeded run would not repeat.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// A value with the number of times that something was told about it.
#[derive(Debug)]
pub(crate) struct Watched<T> {
    current: Mutex<(u64, T)>,
    changed: Notify,
}

/// One who watches.
#[derive(Debug)]
pub(crate) struct Watch<T> {
    of: Arc<Watched<T>>,
    /// Of what was told so far, how much this one has seen.
    seen: u64,
}

impl<T: Clone> Watched<T> {
    pub(crate) fn new(value: T) -> Arc<Self> {
        Arc::new(Self { current: Mutex::new((0, value)), changed: Notify::new() })
    }

    fn current(&self) -> MutexGuard<'_, (u64, T)> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn get(&self) -> T {
        self.current().1.clone()
    }

    pub(crate) fn set(&self, value: T) {
        self.tell(|current| *current = value);
    }

    /// Has everybody look again, although it is the same value.
    pub(crate) fn touch(&self) {
        self.tell(|_| {});
    }

    fn tell(&self, change: impl FnOnce(&mut T)) {
        let mut current = self.current();
        current.0 += 1;
        change(&mut current.1);
        drop(current);
        self.changed.notify_waiters();
    }

    /// Watches from now on.
    pub(crate) fn watch(self: &Arc<Self>) -> Watch<T> {
        Watch { of: self.clone(), seen: self.current().0 }
    }
}

impl<T: Clone> Watch<T> {
    /// The newest value, which counts as seen.
    pub(crate) fn latest(&mut self) -> T {
        let current = self.of.current();
        self.seen = current.0;
        current.1.clone()
    }

    /// Waits until something is told that was not seen, which then counts as seen.
    ///
    /// # Cancel safety
    /// Dropping the future misses nothing.
    pub(crate) async fn changed(&mut self) {
        loop {
            let told = self.of.changed.notified();
            tokio::pin!(told);
            // Registered before the look, so that nothing is missed.
            told.as_mut().enable();
            let newest = self.of.current().0;
            if newest != self.seen {
                self.seen = newest;
                return;
            }
            told.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[tokio::test(start_paused = true)]
    async fn who_watches_misses_nothing_and_is_woken_in_order() {
        let watched = Watched::new(0);
        let mut late = watched.watch();
        let order = Arc::new(Mutex::new(Vec::new()));
        let watchers: Vec<_> = (0..20)
            .map(|number| {
                let (mut watch, order) = (watched.watch(), order.clone());
                tokio::spawn(async move {
                    watch.changed().await;
                    order.lock().unwrap().push(number);
                    watch.latest()
                })
            })
            .collect();
        tokio::time::sleep(Duration::from_millis(1)).await;
        watched.set(1);
        watched.set(2);
        for watcher in watchers {
            assert_eq!(watcher.await.unwrap(), 2);
        }
        assert_eq!(*order.lock().unwrap(), (0..20).collect::<Vec<_>>());
        late.changed().await;
        assert_eq!((late.latest(), watched.get()), (2, 2));
        let again = tokio::time::timeout(Duration::from_secs(1), late.changed()).await;
        assert!(again.is_err(), "all of it is seen");
        watched.touch();
        late.changed().await;
    }
}

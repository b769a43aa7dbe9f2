//! The bytes that one consumer holds: frames not yet read, and records handed out and not yet dropped.
//!
//! Counting is exact, the limit is kept by whoever asks for more: see the fetcher.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use tokio::sync::Notify;

/// How much is held, and how much may be.
#[derive(Debug)]
pub(crate) struct Budget {
    limit: usize,
    used: AtomicUsize,
    /// Somebody waits for room.
    wanted: AtomicBool,
    /// Tells that somebody that there may be room.
    relieved: Arc<Notify>,
}

/// Bytes that count until this is dropped.
#[derive(Debug)]
pub(crate) struct Held {
    bytes: usize,
    budget: Arc<Budget>,
}

impl Budget {
    pub(crate) fn new(limit: usize, relieved: Arc<Notify>) -> Arc<Self> {
        let (used, wanted) = (AtomicUsize::new(0), AtomicBool::new(false));
        Arc::new(Self { limit, used, wanted, relieved })
    }

    /// Counts `bytes`, whatever the limit.
    pub(crate) fn hold(self: &Arc<Self>, bytes: usize) -> Held {
        self.used.fetch_add(bytes, Ordering::Relaxed);
        Held { bytes, budget: self.clone() }
    }

    /// What may be held.
    pub(crate) fn limit(&self) -> usize {
        self.limit
    }

    /// Whether `bytes` more stay within the limit; if not, the next release is told.
    pub(crate) fn has_room(&self, bytes: usize) -> bool {
        let fits = || self.used.load(Ordering::SeqCst).saturating_add(bytes) <= self.limit;
        if fits() {
            return true;
        }
        self.wanted.store(true, Ordering::SeqCst);
        // What was released in between told nobody.
        fits()
    }

    /// Bytes held now.
    #[cfg(test)]
    pub(crate) fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.budget.used.fetch_sub(self.bytes, Ordering::SeqCst);
        if self.budget.wanted.swap(false, Ordering::SeqCst) {
            self.budget.relieved.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    #[test]
    fn a_release_tells_whoever_found_no_room() {
        let relieved = Arc::new(Notify::new());
        let budget = Budget::new(100, relieved.clone());
        let told = || {
            let waits = pin!(relieved.notified());
            waits.poll(&mut Context::from_waker(Waker::noop())) == Poll::Ready(())
        };
        let (one, two) = (budget.hold(60), budget.hold(60));
        assert_eq!(budget.used(), 120);
        drop(one);
        assert!(!told(), "nobody asked");
        assert!(budget.has_room(40) && !budget.has_room(41));
        drop(two);
        assert!(told());
        assert_eq!(budget.used(), 0);
    }
}

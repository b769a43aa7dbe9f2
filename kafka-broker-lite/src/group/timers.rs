//! Deadlines by what is due at them: each key has one at most, and the earliest is found at once.

use std::collections::{BTreeMap, BTreeSet};

#[derive(Clone, Debug)]
pub(super) struct Timers<K> {
    by_time: BTreeSet<(u64, K)>,
    by_key: BTreeMap<K, u64>,
}

impl<K: Ord + Clone> Timers<K> {
    pub(super) fn new() -> Self {
        Self { by_time: BTreeSet::new(), by_key: BTreeMap::new() }
    }

    /// Sets the deadline of `key`, in place of one that it has.
    pub(super) fn set(&mut self, key: K, at_ms: u64) {
        if let Some(old_ms) = self.by_key.insert(key.clone(), at_ms) {
            self.by_time.remove(&(old_ms, key.clone()));
        }
        self.by_time.insert((at_ms, key));
    }

    /// Sets the deadline of `key`, or takes it away.
    pub(super) fn put(&mut self, key: &K, at_ms: Option<u64>) {
        match at_ms {
            Some(at_ms) => self.set(key.clone(), at_ms),
            None => self.clear(key),
        }
    }

    pub(super) fn clear(&mut self, key: &K) {
        if let Some((key, at_ms)) = self.by_key.remove_entry(key) {
            self.by_time.remove(&(at_ms, key));
        }
    }

    /// The earliest deadline.
    pub(super) fn first(&self) -> Option<u64> {
        self.by_time.first().map(|(at_ms, _)| *at_ms)
    }

    /// Takes out the earliest key whose deadline has come.
    pub(super) fn due(&mut self, now_ms: u64) -> Option<K> {
        if self.first()? > now_ms {
            return None;
        }
        let (_, key) = self.by_time.pop_first()?;
        self.by_key.remove(&key);
        Some(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_one_deadline_and_the_earliest_comes_first() {
        let mut timers = Timers::new();
        timers.set("a", 10);
        timers.set("b", 5);
        timers.set("a", 3);
        assert_eq!((timers.first(), timers.due(2)), (Some(3), None));
        assert_eq!((timers.due(9), timers.due(9), timers.due(9)), (Some("a"), Some("b"), None));
        timers.put(&"c", Some(1));
        timers.put(&"c", None);
        timers.clear(&"d");
        assert_eq!(timers.first(), None);
    }
}

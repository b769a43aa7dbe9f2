//! Exponential backoff with jitter, as KIP-144 and KIP-580 describe it.

use std::time::Duration;

/// How long to wait before the n-th attempt in a row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Backoff {
    /// The wait after the first failure.
    pub(crate) first: Duration,
    /// No wait is longer, jitter apart.
    pub(crate) max: Duration,
}

impl Backoff {
    /// The wait after `failures` failures in a row: doubling, capped, and up to a fifth more or less, so that clients
    /// that failed together do not come back together.
    pub(crate) fn wait(self, failures: u32, random: u64) -> Duration {
        if failures == 0 {
            return Duration::ZERO;
        }
        let doubled = self.first.saturating_mul(1 << (failures - 1).min(20));
        let percent = 80 + u32::try_from(random % 41).unwrap_or_default();
        doubled.min(self.max) * percent / 100
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_up_to_the_limit_and_jitters_by_a_fifth() {
        let backoff =
            Backoff { first: Duration::from_millis(100), max: Duration::from_millis(1000) };
        assert_eq!(backoff.wait(0, 7), Duration::ZERO);
        assert_eq!(backoff.wait(1, 20), Duration::from_millis(100));
        assert_eq!(backoff.wait(3, 20), Duration::from_millis(400));
        assert_eq!(backoff.wait(u32::MAX, 20), Duration::from_millis(1000));
        assert_eq!(backoff.wait(1, 0), Duration::from_millis(80));
        assert_eq!(backoff.wait(1, 40), Duration::from_millis(120));
    }
}

//! The only reader of clocks and randomness: everything else is told the time.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::time::Instant;

/// A moment, as machines see it. Tests invent it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Now {
    /// What timers compare: never goes back, starts anywhere.
    pub(crate) monotonic: Monotonic,
    /// Milliseconds since 1970: for the timestamps of records only.
    pub(crate) wall_ms: i64,
    /// Fresh with every moment: for jitter.
    pub(crate) random: u64,
}

/// Microseconds of a clock that never goes back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Monotonic(pub(crate) u64);

impl Monotonic {
    /// This much later; the end of time if that is beyond it.
    #[must_use]
    pub(crate) fn after(self, wait: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(wait.as_micros()).unwrap_or(u64::MAX)))
    }

    /// How long from `self` until `later`; zero if that is past.
    pub(crate) fn until(self, later: Self) -> Duration {
        Duration::from_micros(later.0.saturating_sub(self.0))
    }
}

/// Makes moments.
#[derive(Debug)]
pub(crate) struct Clock {
    started: Instant,
    started_wall_ms: i64,
    random: AtomicU64,
}

#[expect(clippy::disallowed_methods, reason = "the one place that reads clocks")]
impl Clock {
    /// A clock whose randomness follows from `seed`, or from the time of day.
    pub(crate) fn new(seed: Option<u64>) -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        // Seeded runs are replayed: their records carry the same timestamps every time.
        let wall = if seed.is_some() { 1_700_000_000_000 } else { since.as_millis() };
        let entropy = u64::from(since.subsec_nanos()) ^ since.as_secs().rotate_left(32);
        Self {
            started: Instant::now(),
            started_wall_ms: i64::try_from(wall).unwrap_or(i64::MAX),
            random: AtomicU64::new(seed.unwrap_or(entropy ^ u64::from(std::process::id()))),
        }
    }

    /// This moment.
    pub(crate) fn now(&self) -> Now {
        let elapsed = self.started.elapsed();
        let since_ms = i64::try_from(elapsed.as_millis()).unwrap_or(i64::MAX);
        Now {
            monotonic: Monotonic::default().after(elapsed),
            wall_ms: self.started_wall_ms.saturating_add(since_ms),
            random: self.random(),
        }
    }

    /// Milliseconds since 1970.
    pub(crate) fn wall_ms(&self) -> i64 {
        let since_ms = i64::try_from(self.started.elapsed().as_millis()).unwrap_or(i64::MAX);
        self.started_wall_ms.saturating_add(since_ms)
    }

    /// When the runtime's timer has to fire for `at`.
    pub(crate) fn instant(&self, at: Monotonic) -> Instant {
        self.started + Duration::from_micros(at.0)
    }

    /// The next word of a splitmix64 sequence.
    fn random(&self) -> u64 {
        const GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;
        let mut word = self.random.fetch_add(GAMMA, Ordering::Relaxed).wrapping_add(GAMMA);
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }
}

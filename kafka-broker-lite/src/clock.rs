//! The only reader of clocks and randomness: everything else is told the time.

use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::time::Instant;

/// A moment, as the broker sees it. Tests invent it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    /// What timers compare: never goes back, starts anywhere.
    pub monotonic_ms: u64,
    /// Milliseconds since 1970: for timestamps and ages of records.
    pub wall_ms: i64,
    /// Fresh with every moment: for ids.
    pub random: u64,
}

/// Where a seeded clock starts unless told: records of a run that is replayed carry the same timestamps every time.
const SEEDED_WALL_MS: i64 = 1_700_000_000_000;

/// Makes moments, in the time of the runtime it was made in, paused or not.
#[derive(Debug)]
pub struct Clock {
    started: Instant,
    started_wall_ms: i64,
    random: Random,
}

#[expect(clippy::disallowed_methods, reason = "the one place that reads clocks")]
impl Clock {
    /// A clock with the time of day, or one of which time of day and randomness follow from `seed`.
    #[must_use]
    pub fn new(seed: Option<u64>) -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let wall_ms = i64::try_from(since.as_millis()).unwrap_or(i64::MAX);
        let entropy = u64::from(since.subsec_nanos()) ^ since.as_secs().rotate_left(32);
        let unseeded = entropy ^ u64::from(std::process::id()).rotate_left(17);
        Self {
            started: Instant::now(),
            started_wall_ms: if seed.is_some() { SEEDED_WALL_MS } else { wall_ms },
            random: Random::new(seed.unwrap_or(unseeded)),
        }
    }

    /// The same clock, with another time of day.
    #[must_use]
    pub fn at(self, wall_ms: i64) -> Self {
        Self { started_wall_ms: wall_ms, ..self }
    }

    /// This moment.
    pub fn now(&mut self) -> Now {
        let elapsed_ms = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        Now {
            monotonic_ms: elapsed_ms,
            wall_ms: self.started_wall_ms.saturating_add_unsigned(elapsed_ms),
            random: self.random.word(),
        }
    }

    /// When the runtime's timer has to fire for `monotonic_ms`.
    #[must_use]
    pub fn instant(&self, monotonic_ms: u64) -> Instant {
        self.started + Duration::from_millis(monotonic_ms)
    }
}

/// A splitmix64 sequence: the same words from the same seed.
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn word(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_seeded_clock_follows_paused_time_and_its_seed() {
        let (mut clock, mut twin, mut other) =
            (Clock::new(Some(7)), Clock::new(Some(7)), Clock::new(Some(8)));
        let first = clock.now();
        assert_eq!(first, twin.now());
        assert_ne!(first.random, other.now().random);
        assert_eq!((first.monotonic_ms, first.wall_ms), (0, SEEDED_WALL_MS));
        tokio::time::advance(Duration::from_millis(1500)).await;
        let mut moved = Clock::new(Some(7)).at(5);
        assert_eq!(moved.now(), Now { wall_ms: 5, ..first });
        let later = clock.now();
        assert_eq!((later.monotonic_ms, later.wall_ms), (1500, SEEDED_WALL_MS + 1500));
        assert_ne!(later.random, first.random);
        let deadline = clock.instant(2000);
        tokio::time::sleep_until(deadline).await;
        assert_eq!(clock.now().monotonic_ms, 2000);
    }

    #[tokio::test]
    async fn an_unseeded_clock_tells_the_time_of_day() {
        assert!(Clock::new(None).now().wall_ms > SEEDED_WALL_MS);
    }
}

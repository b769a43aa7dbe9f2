//! Which faults a simulated network has, how likely each is, and how many have happened.

use crate::clock::Random;
use std::ops::RangeInclusive;

/// What may go wrong. Likelihoods are from 0 to 1.
#[derive(Clone, Debug, PartialEq)]
pub struct Faults {
    /// How long bytes travel, drawn for every write; their order stays.
    pub latency_ms: RangeInclusive<u64>,
    /// That a connection is refused.
    pub refuse: f64,
    /// That a connection is cut while bytes go to the broker.
    pub cut_request: f64,
    /// That a connection is cut while bytes come from the broker.
    pub cut_reply: f64,
    /// The cut lies before this byte of its direction: as often among the first ten as from the hundredth to the
    /// thousandth.
    pub cut_within_bytes: u64,
    /// That one direction of a connection stands still for a time.
    pub stall: f64,
    /// For how long.
    pub stall_ms: RangeInclusive<u64>,
    /// That one direction of a connection is slow.
    pub slow: f64,
    /// How slow.
    pub slow_bytes_per_ms: RangeInclusive<u64>,
    /// That a read or write does less than it could.
    pub partial: f64,
}

impl Faults {
    /// None at all, and a latency of a millisecond.
    #[must_use]
    pub fn none() -> Self {
        Self {
            latency_ms: 1..=1,
            refuse: 0.0,
            cut_request: 0.0,
            cut_reply: 0.0,
            cut_within_bytes: 1 << 20,
            stall: 0.0,
            stall_ms: 1..=1000,
            slow: 0.0,
            slow_bytes_per_ms: 1..=1000,
            partial: 0.0,
        }
    }

    /// A mix that follows from `seed`, so that many seeds meet many mixes.
    #[must_use]
    pub fn drawn(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let mut up_to = |most: f64| {
            // Every other run goes without, so that single faults are met alone, too.
            let wanted = random.word().is_multiple_of(2);
            let likelihood = unit(&mut random) * most;
            if wanted { likelihood } else { 0.0 }
        };
        let (refuse, cut_request, cut_reply) = (up_to(0.2), up_to(0.5), up_to(0.5));
        let (stall, slow, partial) = (up_to(0.2), up_to(0.1), up_to(0.5));
        let latency = random.word() % 10;
        Self {
            latency_ms: latency..=latency + random.word() % 20,
            refuse,
            cut_request,
            cut_reply,
            stall,
            slow,
            partial,
            ..Self::none()
        }
    }

    /// The latency alone.
    pub(super) fn healed(&self) -> Self {
        Self { latency_ms: self.latency_ms.clone(), ..Self::none() }
    }

    pub(super) fn latency(&self, random: &mut Random) -> u64 {
        within(random, &self.latency_ms)
    }

    pub(super) fn cut_at(&self, random: &mut Random, likelihood: f64) -> Option<u64> {
        let most = self.cut_within_bytes.max(1);
        let (drawn, shift, at) = (chance(random, likelihood), random.word(), random.word());
        // The same likelihood for every order of magnitude.
        let limit = (most >> (shift % u64::from(most.ilog2() + 1))).max(1);
        drawn.then(|| at % limit)
    }

    pub(super) fn stall_at(&self, random: &mut Random) -> Option<(u64, u64)> {
        let at = self.cut_at(random, self.stall);
        let ms = within(random, &self.stall_ms);
        at.map(|at| (at, ms))
    }

    pub(super) fn bytes_per_ms(&self, random: &mut Random) -> Option<u64> {
        let slow = chance(random, self.slow);
        let rate = within(random, &self.slow_bytes_per_ms).max(1);
        slow.then_some(rate)
    }
}

/// How many of each fault have happened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FaultCounters {
    /// Connections made.
    pub connections: u64,
    /// Connections refused by the seed.
    pub refused: u64,
    /// Connections cut while bytes went to the broker.
    pub cut_requests: u64,
    /// Connections cut while bytes came from the broker.
    pub cut_replies: u64,
    /// Directions that stood still for a time.
    pub stalls: u64,
    /// Directions that are slow.
    pub slow: u64,
    /// Reads and writes that did less than they could.
    pub partial: u64,
    /// Brokers stopped.
    pub stops: u64,
}

/// Whether something of that likelihood happens.
pub(super) fn chance(random: &mut Random, likelihood: f64) -> bool {
    unit(random) < likelihood
}

/// From 0 to 1, without 1.
#[expect(clippy::cast_precision_loss, reason = "53 bits fit")]
fn unit(random: &mut Random) -> f64 {
    (random.word() >> 11) as f64 / (1_u64 << 53) as f64
}

fn within(random: &mut Random, range: &RangeInclusive<u64>) -> u64 {
    let width = range.end().saturating_sub(*range.start()).saturating_add(1);
    range.start() + random.word() % width
}

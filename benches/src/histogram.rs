//! Counts of durations, to one part in 64.

/// Durations in nanoseconds.
#[derive(Debug)]
pub struct Histogram {
    counts: Vec<u64>,
    total: u64,
    max: u64,
}

/// Buckets a power of two is divided into.
const STEPS: u64 = 64;

impl Default for Histogram {
    fn default() -> Self {
        Self { counts: vec![0; 60 * 64], total: 0, max: 0 }
    }
}

impl Histogram {
    /// Counts one duration.
    pub fn record(&mut self, ns: u64) {
        if let Some(count) = self.counts.get_mut(bucket(ns)) {
            *count += 1;
        }
        self.total += 1;
        self.max = self.max.max(ns);
    }

    /// How many were counted.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.total
    }

    /// Whether none was counted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.total == 0
    }

    /// The longest.
    #[must_use]
    pub fn max(&self) -> u64 {
        self.max
    }

    /// The duration that `per_mille` of a thousand do not exceed.
    #[must_use]
    pub fn quantile(&self, per_mille: u64) -> u64 {
        let wanted = (self.total * per_mille).div_ceil(1000).max(1);
        let mut seen = 0;
        for (bucket, count) in (0..).zip(&self.counts) {
            seen += count;
            if seen >= wanted {
                return floor(bucket);
            }
        }
        self.max
    }
}

fn bucket(ns: u64) -> usize {
    let index = if ns < STEPS {
        ns
    } else {
        let power = u64::from(ns.ilog2());
        (power - 5) * STEPS + ((ns >> (power - 6)) & (STEPS - 1))
    };
    usize::try_from(index).unwrap_or(usize::MAX)
}

fn floor(bucket: u64) -> u64 {
    if bucket < STEPS { bucket } else { (STEPS + bucket % STEPS) << (bucket / STEPS - 1) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_right_to_one_part_in_64() {
        let mut histogram = Histogram::default();
        (1..=100_000).for_each(|ns| histogram.record(ns));
        for (per_mille, exact) in [(500, 50_000), (990, 99_000), (999, 99_900)] {
            let found = histogram.quantile(per_mille);
            assert!(found <= exact && exact - found <= exact / 64, "{per_mille}: {found}");
        }
        assert_eq!((histogram.len(), histogram.max()), (100_000, 100_000));
    }
}

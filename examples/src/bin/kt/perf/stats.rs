//! Counts of records and of how long they took.

use benches::histogram::Histogram;
use benches::meter::Cost;
use serde_json::{Value, json};
use std::time::Duration;

/// What was counted in a stretch of time.
#[derive(Debug, Default)]
pub(super) struct Stats {
    pub(super) records: u64,
    pub(super) bytes: u64,
    pub(super) failed: u64,
    latency: Histogram,
    latency_sum: u128,
}

/// Per mille and the names that Kafka's tools have for them.
const QUANTILES: [(u64, &str); 4] = [(500, "50th"), (950, "95th"), (990, "99th"), (999, "99.9th")];

impl Stats {
    /// Counts a record that took `latency`.
    pub(super) fn record(&mut self, bytes: usize, latency: Duration) {
        let ns = u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX);
        self.records += 1;
        self.bytes += bytes as u64;
        self.latency.record(ns);
        self.latency_sum += u128::from(ns);
    }

    /// Records and mebibytes a second, over `time`.
    pub(super) fn rates(&self, time: Duration) -> (f64, f64) {
        let seconds = time.as_secs_f64().max(1e-9);
        (self.records as f64 / seconds, self.bytes as f64 / 1_048_576.0 / seconds)
    }

    pub(super) fn average_ms(&self) -> f64 {
        self.latency_sum as f64 / self.records.max(1) as f64 / 1e6
    }

    pub(super) fn max_ms(&self) -> f64 {
        ms(self.latency.max())
    }

    pub(super) fn quantile_ms(&self, per_mille: u64) -> f64 {
        ms(self.latency.quantile(per_mille))
    }

    /// A line on the way, as Kafka's producer-perf-test prints it, with percentiles.
    pub(super) fn line(&self, verb: &str, time: Duration) -> String {
        let (records, mb) = self.rates(time);
        let failed = match self.failed {
            0 => String::new(),
            failed => format!(", {failed} failed"),
        };
        format!(
            "{} records {verb}, {records:.1} records/sec ({mb:.2} MB/sec), {:.1} ms avg latency, \
             {:.1} ms max latency, {:.1} ms 50th, {:.1} ms 99th, {:.1} ms 99.9th{failed}.",
            self.records,
            self.average_ms(),
            self.max_ms(),
            self.quantile_ms(500),
            self.quantile_ms(990),
            self.quantile_ms(999),
        )
    }

    /// The last line of Kafka's producer-perf-test.
    pub(super) fn last_line(&self, time: Duration) -> String {
        let (records, mb) = self.rates(time);
        // Whole milliseconds that have passed, as Kafka counts them: rounded, one could be over the maximum.
        let quantiles = QUANTILES.map(|(per_mille, name)| {
            format!("{} ms {name}", self.latency.quantile(per_mille) / 1_000_000)
        });
        format!(
            "{} records sent, {records:.6} records/sec ({mb:.2} MB/sec), {:.2} ms avg latency, \
             {:.2} ms max latency, {}.",
            self.records,
            self.average_ms(),
            self.max_ms(),
            quantiles.join(", "),
        )
    }

    /// All of it, with what it cost, as JSON.
    pub(super) fn json(&self, cost: &Cost) -> Value {
        let time = Duration::from_secs_f64(cost.wall_s);
        let (records, mb) = self.rates(time);
        json!({
            "records": self.records,
            "failed": self.failed,
            "bytes": self.bytes,
            "seconds": cost.wall_s,
            "recordsPerSecond": records,
            "mbPerSecond": mb,
            "latencyMs": {
                "avg": self.average_ms(),
                "max": self.max_ms(),
                "p50": self.quantile_ms(500),
                "p95": self.quantile_ms(950),
                "p99": self.quantile_ms(990),
                "p999": self.quantile_ms(999),
            },
            "cpuNsPerRecord": cpu_ns(cost, self.records),
            "residentPeakKb": cost.max_rss_kb,
        })
    }
}

fn ms(ns: u64) -> f64 {
    ns as f64 / 1e6
}

fn cpu_ns(cost: &Cost, records: u64) -> f64 {
    (cost.user_s + cost.sys_s) * 1e9 / records.max(1) as f64
}

/// What it cost, in a line.
pub(super) fn cost_line(cost: &Cost, records: u64) -> String {
    format!(
        "{:.0} ns CPU per record ({:.2} s user, {:.2} s system), {:.1} MB resident at most.",
        cpu_ns(cost, records),
        cost.user_s,
        cost.sys_s,
        cost.max_rss_kb as f64 / 1024.0,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const COST: Cost = Cost { wall_s: 2.0, user_s: 0.5, sys_s: 0.25, max_rss_kb: 10_240 };

    fn stats() -> Stats {
        let mut stats = Stats::default();
        (1..=1000).for_each(|ms| stats.record(1_048, Duration::from_millis(ms)));
        stats
    }

    #[test]
    fn lines_are_those_of_kafkas_tools() {
        let two = Duration::from_secs(2);
        assert_eq!(
            stats().last_line(two),
            "1000 records sent, 500.000000 records/sec (0.50 MB/sec), 500.50 ms avg latency, \
             1000.00 ms max latency, 499 ms 50th, 947 ms 95th, 989 ms 99th, 998 ms 99.9th."
        );
        let line = stats().line("sent", two);
        assert!(line.starts_with("1000 records sent, 500.0 records/sec (0.50 MB/sec), 500.5 ms"));
        assert_eq!(
            cost_line(&COST, 1000),
            "750000 ns CPU per record (0.50 s user, 0.25 s system), 10.0 MB resident at most."
        );
    }

    #[test]
    fn no_quantile_is_over_the_maximum() {
        let mut stats = Stats::default();
        stats.record(100, Duration::from_micros(770));
        let line = stats.last_line(Duration::from_secs(1));
        assert!(
            line.ends_with("0.77 ms max latency, 0 ms 50th, 0 ms 95th, 0 ms 99th, 0 ms 99.9th."),
            "{line}"
        );
    }

    #[test]
    fn json_has_the_same() {
        let json = stats().json(&COST);
        assert_eq!((&json["records"], &json["recordsPerSecond"]), (&json!(1000), &json!(500.0)));
        assert_eq!(json["latencyMs"]["max"], 1000.0);
        assert_eq!(json["cpuNsPerRecord"], 750_000.0);
    }

    #[test]
    fn nothing_divides_by_nothing() {
        let nothing = Stats::default();
        assert!(nothing.last_line(Duration::ZERO).starts_with("0 records sent, 0.000000 records"));
    }
}

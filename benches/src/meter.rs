//! What a stretch of work cost this process: time, CPU time of all threads, memory.

use std::fs::read_to_string;
use std::time::{Duration, Instant};

/// Started at the beginning of the work that counts.
#[derive(Debug)]
pub struct Meter {
    started: Instant,
    cpu: Duration,
    split: (f64, f64),
}

/// What the work cost.
#[derive(Clone, Copy, Debug)]
pub struct Cost {
    /// Seconds on the clock.
    pub wall_s: f64,
    /// Seconds of CPU in user mode.
    pub user_s: f64,
    /// Seconds of CPU in the kernel.
    pub sys_s: f64,
    /// The most memory that was resident so far, in KiB.
    pub max_rss_kb: u64,
}

impl Meter {
    /// Starts now.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
    pub fn start() -> Self {
        Self { started: Instant::now(), cpu: cpu(), split: split() }
    }

    /// What it cost until now.
    #[must_use]
    pub fn cost(&self) -> Cost {
        let total = (cpu() - self.cpu).as_secs_f64();
        let (user, sys) = split();
        let (user, sys) = (user - self.split.0, sys - self.split.1);
        // The split is counted in ticks; the sum is exact.
        let share = if user + sys > 0.0 { user / (user + sys) } else { 1.0 };
        Cost {
            wall_s: self.started.elapsed().as_secs_f64(),
            user_s: total * share,
            sys_s: total * (1.0 - share),
            max_rss_kb: peak_rss_kb(),
        }
    }
}

/// CPU time of all threads, to the nanosecond.
fn cpu() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::try_from(time).unwrap_or_default()
}

/// CPU time in user mode and in the kernel, in ticks of 10 ms.
fn split() -> (f64, f64) {
    let stat = read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = stat
        .rsplit_once(')')
        .map(|(_, rest)| rest.split_whitespace().collect())
        .unwrap_or_default();
    let ticks = |at: usize| {
        let field = fields.get(at).and_then(|field| field.parse::<f64>().ok());
        field.unwrap_or_default() / 100.0
    };
    (ticks(11), ticks(12))
}

fn peak_rss_kb() -> u64 {
    let status = read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.and_then(|line| line.trim().strip_suffix("kB"));
    number.and_then(|number| number.trim().parse().ok()).unwrap_or_default()
}

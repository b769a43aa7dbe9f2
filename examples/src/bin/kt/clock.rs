//! The only place where `kt` reads clocks.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A moment of the clock that never goes back.
#[expect(clippy::disallowed_methods, reason = "this file is where it is read")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// The time of day, since 1970.
#[expect(clippy::disallowed_methods, reason = "this file is where it is read")]
pub(crate) fn since_1970() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// A name that no other process has.
pub(crate) fn unique(prefix: &str) -> String {
    let nanos = u64::from(since_1970().subsec_nanos());
    format!("{prefix}-{}", nanos / 1000 * 100_000 + u64::from(std::process::id()) % 100_000)
}

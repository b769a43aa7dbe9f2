//! What happens to a record whose handler fails: how often it is delivered, after which waits, and what then.

use crate::backoff::Backoff;
use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// What a listener does when its handler returns an error.
///
/// The record is delivered again, after a wait that doubles each time and varies by a fifth. During the wait, and while
/// the handler runs, the consumer stays in its group; other records of the same consumer wait too, so that order is
/// kept. When all deliveries have failed, the listener stops with the error, unless it was asked to skip such records
/// or to send them elsewhere.
///
/// By default a record is delivered ten times in all, with waits from 100 ms up to 10 s (some half a minute together),
/// then the listener stops. (Spring's `DefaultErrorHandler` also delivers ten times, without waiting, and then skips.)
///
/// What holds for a record holds for all records of a poll where a handler takes batches: they are delivered again,
/// skipped or sent elsewhere together.
///
/// ```
/// # use kafka_client::listener::ErrorPolicy;
/// # use std::time::Duration;
/// let policy = ErrorPolicy::backoff(Duration::from_millis(200), 5)
///     .max_wait(Duration::from_secs(2))
///     .retry_if(|error| !error.is::<std::num::ParseIntError>())
///     .then_dead_letter("orders-dlt");
/// ```
#[derive(Clone)]
pub struct ErrorPolicy {
    deliveries: u32,
    backoff: Backoff,
    retries: Option<Retries>,
    then: Then,
}

type Retries = Arc<dyn Fn(&(dyn Error + 'static)) -> bool + Send + Sync>;

/// What happens to a record that will not be delivered any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Then {
    Stop,
    Skip,
    DeadLetter(Arc<str>),
}

impl ErrorPolicy {
    /// Delivers a record `deliveries` times in all (at least once), waiting `first` before the second time and twice as
    /// long before each further time, up to 10 s; then the listener stops.
    #[must_use]
    pub fn backoff(first: Duration, deliveries: u32) -> Self {
        let backoff = Backoff { first, max: Duration::from_secs(10) };
        Self { deliveries: deliveries.max(1), backoff, retries: None, then: Then::Stop }
    }

    /// Delivers a record once; then the listener stops.
    #[must_use]
    pub fn no_retry() -> Self {
        Self::backoff(Duration::ZERO, 1)
    }

    /// Waits no longer than this between two deliveries, jitter apart.
    #[must_use]
    pub const fn max_wait(mut self, max: Duration) -> Self {
        self.backoff.max = max;
        self
    }

    /// Delivers a record again only after errors of which this says `true`.
    #[must_use]
    pub fn retry_if(
        mut self,
        decides: impl Fn(&(dyn Error + 'static)) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.retries = Some(Arc::new(decides));
        self
    }

    /// When deliveries have run out, the listener stops with the error: the record and those behind it are handled
    /// again by whoever comes next. This is what happens if nothing else is said.
    #[must_use]
    pub fn then_stop(mut self) -> Self {
        self.then = Then::Stop;
        self
    }

    /// When deliveries have run out, the record counts as handled: it is lost to this group.
    #[must_use]
    pub fn then_skip(mut self) -> Self {
        self.then = Then::Skip;
        self
    }

    /// When deliveries have run out, the record is written to this topic, and then counts as handled.
    ///
    /// Key, value and headers stay; the partition does too, if the topic has that many. These headers are added, under
    /// the names and in the form of Spring's `DeadLetterPublishingRecoverer`, so that its tools can read them:
    ///
    /// | header | value |
    /// |---|---|
    /// | `kafka_dlt-original-topic` | UTF-8 |
    /// | `kafka_dlt-original-partition` | 4 bytes, big-endian |
    /// | `kafka_dlt-original-offset`, `kafka_dlt-original-timestamp` | 8 bytes, big-endian |
    /// | `kafka_dlt-original-consumer-group` | UTF-8 |
    /// | `kafka_dlt-exception-message` | the error as text, UTF-8, cut at 1024 bytes |
    ///
    /// The write is awaited, with the defaults of a producer (`acks=all`, idempotent). If it fails, the listener stops
    /// with that error.
    #[must_use]
    pub fn then_dead_letter(mut self, topic: impl Into<Arc<str>>) -> Self {
        self.then = Then::DeadLetter(topic.into());
        self
    }

    pub(super) fn then(&self) -> &Then {
        &self.then
    }

    /// How long to wait before the next delivery after `deliveries` have failed, the last with `error`; `None` if there
    /// is no next one.
    pub(super) fn wait(
        &self,
        error: &(dyn Error + 'static),
        deliveries: u32,
        random: u64,
    ) -> Option<Duration> {
        let retries = self.retries.as_ref().is_none_or(|decides| decides(error));
        (retries && deliveries < self.deliveries).then(|| self.backoff.wait(deliveries, random))
    }
}

impl Default for ErrorPolicy {
    fn default() -> Self {
        Self::backoff(Duration::from_millis(100), 10)
    }
}

impl fmt::Debug for ErrorPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ErrorPolicy")
            .field("deliveries", &self.deliveries)
            .field("backoff", &self.backoff)
            .field("retry_if", &self.retries.is_some())
            .field("then", &self.then)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;

    #[test]
    fn deliveries_run_out_after_waits_that_double() {
        let waits = |policy: ErrorPolicy| {
            let wait = |n| policy.wait(&io::Error::other("no"), n, 20).map(|wait| wait.as_millis());
            (1..).map_while(wait).collect::<Vec<_>>()
        };
        let ms = Duration::from_millis;
        assert_eq!(
            waits(ErrorPolicy::default()),
            [100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000]
        );
        assert_eq!(waits(ErrorPolicy::backoff(ms(30), 4).max_wait(ms(50))), [30, 50, 50]);
        assert_eq!(waits(ErrorPolicy::backoff(ms(0), 3)), [0, 0]);
        assert_eq!(waits(ErrorPolicy::no_retry()), []);
        assert_eq!(waits(ErrorPolicy::backoff(ms(1), 0)), []);
    }

    #[test]
    fn some_errors_are_final() {
        let policy = ErrorPolicy::default().retry_if(|error| !error.is::<std::fmt::Error>());
        assert!(policy.wait(&io::Error::other("no"), 1, 0).is_some());
        assert!(policy.wait(&std::fmt::Error, 1, 0).is_none());
    }
}

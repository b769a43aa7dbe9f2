//! The settings of a producer, and what they demand of each other.

use super::value::{INT, LONG};
use super::{Acks, ClientConfig, ConfigError, Settings as _, settings};
use kafka_proto::records::Compression;
use kafka_proto::settings::ValueError;
use std::time::Duration;

/// The broker remembers this many batches of an idempotent producer, per partition.
const MAX_IN_FLIGHT_IDEMPOTENT: usize = 5;

settings! {
    /// What a producer is made with.
    ///
    /// What becomes of a record when things fail is decided here:
    ///
    /// | a record is written | settings |
    /// |---|---|
    /// | at most once | `acks(Acks::None)` or `retries(0)`: nothing is sent twice |
    /// | at least once | `enable_idempotence(false)`: what may be lost is sent again, and may be there twice |
    /// | exactly once, in order, per partition | the default: the broker knows what it has already got |
    ///
    /// ```
    /// # use kafka_client::config::{Acks, ProducerConfig};
    /// # use std::time::Duration;
    /// let config = ProducerConfig::default().linger(Duration::from_millis(20)).acks(Acks::All);
    /// assert_eq!(config.get("linger.ms").as_deref(), Some("20"));
    /// ```
    pub struct ProducerConfig, role Producer {
        /// How many copies of a record must exist before its send counts as done.
        "acks" acks: Acks = Acks::All;
        /// How long a batch waits for more records.
        "linger.ms" linger: Duration = Duration::from_millis(5);
        /// How many bytes a batch may have before it is sent, records as they are before compression.
        "batch.size" batch_size: usize = 16_384;
        /// How batches are compressed.
        "compression.type" compression_type: Compression = Compression::None;
        /// How hard gzip tries, 1 to 9; `None`, or -1 as text, for its usual.
        "compression.gzip.level" compression_gzip_level: Option<i32> = None, in 1..=9;
        /// How hard zstd tries.
        "compression.zstd.level" compression_zstd_level: i32 = 3, in -131_072..=22;
        /// How many bytes of records may wait to be sent; more have to wait for room.
        "buffer.memory" buffer_memory: usize = 33_554_432, in 0..=LONG;
        /// How long a send may wait for room, and for what has to be known of its topic.
        "max.block.ms" max_block: Duration = Duration::from_secs(60);
        /// The largest request, and thereby the largest record.
        "max.request.size" max_request_size: usize = 1_048_576;
        /// How many requests may be on their way to one broker.
        "max.in.flight.requests.per.connection" max_in_flight_requests_per_connection: usize = 5,
            in 1..=INT;
        /// The time from the start of a send until it has succeeded or failed, retries included.
        "delivery.timeout.ms" delivery_timeout: Duration = Duration::from_secs(120), in 0..=INT;
        /// How often a batch is sent again, as long as `delivery.timeout.ms` allows; 0 for never.
        "retries" retries: u32 = i32::MAX.unsigned_abs();
        /// Whether the broker refuses what it has already got, so that a retry doubles and disorders nothing.
        "enable.idempotence" enable_idempotence: bool = true;
        /// Whether records with a key are spread as if they had none.
        "partitioner.ignore.keys" partitioner_ignore_keys: bool = false;
    }
}

impl ProducerConfig {
    /// Checks the values that were set typed, as those from text have been, and whether all go together.
    ///
    /// # Errors
    /// If a value is not allowed, alone or together with another.
    pub fn validate(&self, client: &ClientConfig) -> Result<(), ConfigError> {
        self.check_values()?;
        self.check_idempotence()?;
        self.delivery_timeout_with(client).map(drop)
    }

    /// Whether it is idempotent: that is left out when `acks` or `retries` exclude it and it was not asked for.
    pub(crate) fn is_idempotent(&self) -> bool {
        self.enable_idempotence && self.acks == Acks::All && self.retries > 0
    }

    /// The level for the chosen compression, if it is not its usual one.
    pub(crate) fn compression_level(&self) -> Option<i32> {
        match self.compression_type {
            Compression::Gzip => self.compression_gzip_level,
            Compression::Zstd => Some(self.compression_zstd_level),
            Compression::None | Compression::Snappy | Compression::Lz4 => None,
        }
    }

    fn check_idempotence(&self) -> Result<(), ConfigError> {
        let wrong = |key, value: &str, allowed: &str| {
            let allowed = format!("{allowed} with enable.idempotence=true");
            Err(ConfigError::value(key, value, ValueError::new(allowed)))
        };
        if self.is_set("enable.idempotence") && self.enable_idempotence {
            if self.acks != Acks::All {
                return wrong("acks", &self.acks.to_string(), "all");
            }
            if self.retries == 0 {
                return wrong("retries", "0", "at least 1");
            }
        }
        let in_flight = self.max_in_flight_requests_per_connection;
        if self.is_idempotent() && in_flight > MAX_IN_FLIGHT_IDEMPOTENT {
            let key = "max.in.flight.requests.per.connection";
            return wrong(key, &in_flight.to_string(), "at most 5");
        }
        Ok(())
    }

    /// `delivery.timeout.ms`, which has to leave time for one attempt; as long as one, unless it was set.
    pub(crate) fn delivery_timeout_with(
        &self,
        client: &ClientConfig,
    ) -> Result<Duration, ConfigError> {
        let attempt = self.linger.saturating_add(client.request_timeout);
        if self.delivery_timeout >= attempt {
            return Ok(self.delivery_timeout);
        }
        if !self.is_set("delivery.timeout.ms") {
            return Ok(attempt.min(Duration::from_millis(INT.unsigned_abs())));
        }
        let allowed = format!(
            "at least {}: linger.ms={} and request.timeout.ms={} together",
            attempt.as_millis(),
            self.linger.as_millis(),
            client.request_timeout.as_millis(),
        );
        let value = self.delivery_timeout.as_millis().to_string();
        Err(ConfigError::value("delivery.timeout.ms", &value, ValueError::new(allowed)))
    }
}

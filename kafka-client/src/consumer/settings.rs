//! What the consumer's machines need of the settings.

use crate::backoff::Backoff;
use crate::config::{AutoOffsetReset, ClientConfig, ConsumerConfig, IsolationLevel};
use std::sync::Arc;
use std::time::Duration;

/// See the module. The names are Kafka's.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) fetch_min_bytes: i32,
    pub(crate) fetch_max_bytes: usize,
    pub(crate) fetch_max_wait: Duration,
    pub(crate) max_partition_fetch_bytes: i32,
    pub(crate) max_poll_records: usize,
    pub(crate) check_crcs: bool,
    /// `isolation.level`.
    pub(crate) read_committed: bool,
    pub(crate) client_rack: Arc<str>,
    pub(crate) allow_auto_create_topics: bool,
    pub(crate) auto_offset_reset: AutoOffsetReset,
    /// `retry.backoff.ms` and its maximum.
    pub(crate) backoff: Backoff,
    pub(crate) metadata_max_age: Duration,
    pub(crate) request_timeout: Duration,
    pub(crate) default_api_timeout: Duration,
    /// What may be held of frames and decompressed records.
    pub(crate) consumer_buffer_memory: usize,
}

impl Settings {
    pub(crate) fn new(client: &ClientConfig, consumer: &ConsumerConfig) -> Self {
        Self {
            fetch_min_bytes: consumer.fetch_min_bytes,
            fetch_max_bytes: usize::try_from(consumer.fetch_max_bytes).unwrap_or_default().max(1),
            fetch_max_wait: consumer.fetch_max_wait,
            max_partition_fetch_bytes: consumer.max_partition_fetch_bytes.max(1),
            max_poll_records: consumer.max_poll_records.max(1),
            check_crcs: consumer.check_crcs,
            read_committed: consumer.isolation_level == IsolationLevel::ReadCommitted,
            client_rack: client.client_rack.as_str().into(),
            allow_auto_create_topics: consumer.allow_auto_create_topics,
            auto_offset_reset: consumer.auto_offset_reset,
            backoff: Backoff { first: client.retry_backoff, max: client.retry_backoff_max },
            metadata_max_age: client.metadata_max_age,
            request_timeout: client.request_timeout,
            default_api_timeout: client.default_api_timeout,
            consumer_buffer_memory: consumer.consumer_buffer_memory,
        }
    }
}

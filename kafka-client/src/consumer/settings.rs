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
    /// Of a consumer with a group.
    pub(crate) group: Option<Arc<GroupSettings>>,
}

/// What concerns the group. The names are Kafka's.
#[derive(Clone, Debug)]
pub(crate) struct GroupSettings {
    pub(crate) group_id: Arc<str>,
    /// `group.instance.id`.
    pub(crate) instance_id: Option<Arc<str>>,
    pub(crate) session_timeout: Duration,
    pub(crate) heartbeat_interval: Duration,
    pub(crate) max_poll_interval: Duration,
    /// `auto.commit.interval.ms`; `None` with `enable.auto.commit=false`.
    pub(crate) auto_commit: Option<Duration>,
    pub(crate) exclude_internal_topics: bool,
    pub(crate) request_timeout: Duration,
    /// `client.rack`, if it is set.
    pub(crate) rack: Option<Arc<str>>,
}

impl GroupSettings {
    fn new(client: &ClientConfig, consumer: &ConsumerConfig) -> Option<Arc<Self>> {
        let rack = client.client_rack.as_str();
        Some(Arc::new(Self {
            group_id: consumer.group.as_deref()?.into(),
            instance_id: consumer.group_instance_id.as_deref().map(Into::into),
            session_timeout: consumer.session_timeout,
            heartbeat_interval: consumer.heartbeat_interval,
            max_poll_interval: consumer.max_poll_interval,
            auto_commit: consumer.enable_auto_commit.then_some(consumer.auto_commit_interval),
            exclude_internal_topics: consumer.exclude_internal_topics,
            request_timeout: client.request_timeout,
            rack: (!rack.is_empty()).then(|| rack.into()),
        }))
    }
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
            group: GroupSettings::new(client, consumer),
        }
    }
}

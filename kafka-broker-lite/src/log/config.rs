//! The settings of a topic that its logs go by, parsed.

/// How one topic's logs are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogConfig {
    /// `segment.bytes`.
    pub segment_bytes: u64,
    /// `segment.ms`, or `max.compaction.lag.ms` where that is less and the log is compacted.
    pub segment_ms: i64,
    /// `index.interval.bytes`.
    pub index_interval_bytes: u64,
    /// `segment.index.bytes`.
    pub index_bytes: u64,
    /// `flush.messages`: how many records may not be on the medium when one of them is acknowledged.
    pub flush_messages: i64,
    /// `flush.ms`: how long a record may not be on the medium.
    pub flush_ms: u64,
    /// `file.delete.delay.ms`.
    pub file_delete_delay_ms: u64,
    /// `retention.ms`; negative keeps for ever.
    pub retention_ms: i64,
    /// `retention.bytes`; negative keeps everything.
    pub retention_bytes: i64,
    /// `max.message.bytes`: the largest batch.
    pub max_message_bytes: usize,
    /// `max.decompressed.message.bytes`.
    pub max_decompressed_bytes: usize,
    /// Whether `cleanup.policy` names `delete`.
    pub deletes: bool,
    /// Whether `cleanup.policy` names `compact`, so that every record needs a key.
    pub compacts: bool,
    /// `delete.retention.ms`: how long tombstones stay.
    pub delete_retention_ms: i64,
    /// `min.cleanable.dirty.ratio`, in millionths.
    pub min_cleanable_ratio: u64,
    /// `min.compaction.lag.ms`: how long a record stays whatever comes after it.
    pub min_compaction_lag_ms: i64,
    /// `max.compaction.lag.ms`: how long a record may wait for compaction.
    pub max_compaction_lag_ms: i64,
    /// Whether `message.timestamp.type` is `LogAppendTime`.
    pub log_append_time: bool,
    /// `message.timestamp.before.max.ms`.
    pub timestamp_before_max_ms: i64,
    /// `message.timestamp.after.max.ms`.
    pub timestamp_after_max_ms: i64,
    /// `min.insync.replicas`.
    pub min_insync_replicas: usize,
}

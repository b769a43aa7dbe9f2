//! The configs of a topic: every one that Kafka knows, and which broker configs stand in for it.

use super::definition::ConfigType::{Boolean, Double, Int, List, Long, String as Text};
use super::definition::Rule::{
    Any, AtLeast, Between, LevelOrDefault, Only, Ratio, ThrottledReplicas, Words,
};
use super::definition::{ConfigType, Definition, Rule};

/// What one unit of a broker config is in units of the topic config it stands in for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    Same,
    Minutes,
    Hours,
}

impl Unit {
    /// A broker config's value as the topic config has it.
    pub(crate) fn convert(self, value: &str) -> String {
        let factor = match self {
            Self::Same => return value.to_owned(),
            Self::Minutes => 60_000,
            Self::Hours => 3_600_000,
        };
        let number: i64 = value.parse().unwrap_or(-1);
        // Negative means for ever in every unit.
        if number < 0 { "-1".to_owned() } else { number.saturating_mul(factor).to_string() }
    }
}

/// A config of a topic.
#[derive(Debug)]
pub(crate) struct TopicConfig {
    pub(crate) definition: Definition,
    /// Broker configs that stand in for it, the strongest first.
    pub(crate) broker: &'static [(&'static str, Unit)],
}

const fn row(
    name: &'static str,
    kind: ConfigType,
    default: &'static str,
    rule: Rule,
    broker: &'static [(&'static str, Unit)],
    doc: &'static str,
) -> TopicConfig {
    let default = Some(default);
    TopicConfig { definition: Definition { name, kind, default, rule, dynamic: true, doc }, broker }
}

const LONGEST: &str = "9223372036854775807";

/// The one with `name`.
pub(crate) fn find(name: &str) -> Option<&'static TopicConfig> {
    TOPIC_CONFIGS.iter().find(|config| config.definition.name == name)
}

/// All of them, by name.
#[rustfmt::skip]
pub(crate) static TOPIC_CONFIGS: &[TopicConfig] = &[
    row("cleanup.policy", List, "delete", Words(&["compact", "delete"]),
        &[("log.cleanup.policy", Unit::Same)],
        "What happens to old records: delete drops them, compact keeps the last one of each key."),
    row("compression.gzip.level", Int, "-1", LevelOrDefault(1, 9),
        &[("compression.gzip.level", Unit::Same)],
        "How hard gzip works where compression.type is gzip."),
    row("compression.lz4.level", Int, "9", Between(1, 17),
        &[("compression.lz4.level", Unit::Same)],
        "How hard lz4 works where compression.type is lz4."),
    row("compression.type", Text, "producer",
        Words(&["uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"]),
        &[("compression.type", Unit::Same)],
        "The codec that batches should be kept in; this broker keeps each as it came."),
    row("compression.zstd.level", Int, "3", Between(-131_072, 22),
        &[("compression.zstd.level", Unit::Same)],
        "How hard zstd works where compression.type is zstd."),
    row("delete.retention.ms", Long, "86400000", AtLeast(0),
        &[("log.cleaner.delete.retention.ms", Unit::Same)],
        "How long a compacted topic keeps the tombstone of a deleted key."),
    row("errors.deadletterqueue.group.enable", Boolean, "false", Any, &[],
        "Whether share groups may use the topic as their dead-letter queue."),
    row("file.delete.delay.ms", Long, "60000", AtLeast(0),
        &[("log.segment.delete.delay.ms", Unit::Same)],
        "How long a dropped segment stays on disk."),
    row("flush.messages", Long, LONGEST, AtLeast(1),
        &[("log.flush.interval.messages", Unit::Same)],
        "After how many records the log is forced to disk."),
    row("flush.ms", Long, LONGEST, AtLeast(0), &[("log.flush.interval.ms", Unit::Same)],
        "After how long the log is forced to disk."),
    row("follower.replication.throttled.replicas", List, "", ThrottledReplicas, &[],
        "Replicas throttled on the follower, as partition:broker pairs or * for all."),
    row("index.interval.bytes", Int, "4096", AtLeast(0),
        &[("log.index.interval.bytes", Unit::Same)],
        "How many bytes of batches lie between two entries of an index."),
    row("leader.replication.throttled.replicas", List, "", ThrottledReplicas, &[],
        "Replicas throttled on the leader, as partition:broker pairs or * for all."),
    row("local.retention.bytes", Long, "-2", AtLeast(-2),
        &[("log.local.retention.bytes", Unit::Same)],
        "With tiered storage, how much of a partition stays local; -2 for retention.bytes."),
    row("local.retention.ms", Long, "-2", AtLeast(-2),
        &[("log.local.retention.ms", Unit::Same)],
        "With tiered storage, how long records stay local; -2 for retention.ms."),
    row("max.compaction.lag.ms", Long, LONGEST, AtLeast(1),
        &[("log.cleaner.max.compaction.lag.ms", Unit::Same)],
        "How long a record may stay uncompacted."),
    row("max.decompressed.message.bytes", Int, "2147483639", AtLeast(0),
        &[("max.decompressed.message.bytes", Unit::Same)],
        "The largest size of a batch that is decompressed."),
    row("max.message.bytes", Int, "1048588", AtLeast(0), &[("message.max.bytes", Unit::Same)],
        "The largest batch, as it is sent."),
    row("message.timestamp.after.max.ms", Long, "3600000", AtLeast(0),
        &[("log.message.timestamp.after.max.ms", Unit::Same)],
        "How far ahead of the broker's clock a record's timestamp may be."),
    row("message.timestamp.before.max.ms", Long, LONGEST, AtLeast(0),
        &[("log.message.timestamp.before.max.ms", Unit::Same)],
        "How far behind the broker's clock a record's timestamp may be."),
    row("message.timestamp.type", Text, "CreateTime", Words(&["CreateTime", "LogAppendTime"]),
        &[("log.message.timestamp.type", Unit::Same)],
        "Whether records keep their own timestamps or get the broker's at append."),
    row("min.cleanable.dirty.ratio", Double, "0.5", Ratio,
        &[("log.cleaner.min.cleanable.ratio", Unit::Same)],
        "The share of uncompacted bytes from which a log is worth compacting."),
    row("min.compaction.lag.ms", Long, "0", AtLeast(0),
        &[("log.cleaner.min.compaction.lag.ms", Unit::Same)],
        "How long a record stays uncompacted at least."),
    row("min.insync.replicas", Int, "1", AtLeast(1), &[("min.insync.replicas", Unit::Same)],
        "How many replicas must be in sync for acks=all; more than there are counts as all."),
    row("preallocate", Boolean, "false", Any, &[("log.preallocate", Unit::Same)],
        "Whether the file of a new segment gets its full size at once."),
    row("remote.copy.lag.bytes", Long, "-1", AtLeast(-1),
        &[("log.remote.copy.lag.bytes", Unit::Same)],
        "With tiered storage, how much of a partition may wait for its copy."),
    row("remote.copy.lag.ms", Long, "0", AtLeast(-1), &[("log.remote.copy.lag.ms", Unit::Same)],
        "With tiered storage, how long a segment may wait for its copy."),
    row("remote.log.copy.disable", Boolean, "false", Any, &[],
        "With tiered storage, whether nothing new is copied."),
    row("remote.log.delete.on.disable", Boolean, "false", Any, &[],
        "Whether tiered data goes when tiered storage is switched off."),
    row("remote.storage.enable", Boolean, "false",
        Only("false", "Tiered Storage functionality is disabled in the broker. \
                       Topic cannot be configured with remote log storage."), &[],
        "Whether old segments move to tiered storage."),
    row("retention.bytes", Long, "-1", AtLeast(-1), &[("log.retention.bytes", Unit::Same)],
        "The size of a partition from which its oldest segments are dropped; -1 for none."),
    row("retention.ms", Long, "604800000", AtLeast(-1),
        &[("log.retention.ms", Unit::Same), ("log.retention.minutes", Unit::Minutes),
          ("log.retention.hours", Unit::Hours)],
        "The age of its newest record from which a segment is dropped; -1 for none."),
    row("segment.bytes", Int, "1073741824", AtLeast(1_048_576),
        &[("log.segment.bytes", Unit::Same)],
        "The size at which a segment is closed and the next one begun."),
    row("segment.index.bytes", Int, "10485760", AtLeast(4),
        &[("log.index.size.max.bytes", Unit::Same)],
        "The size of an index file."),
    row("segment.jitter.ms", Long, "0", AtLeast(0),
        &[("log.roll.jitter.ms", Unit::Same), ("log.roll.jitter.hours", Unit::Hours)],
        "How much earlier than segment.ms a segment may be closed, so that not all close at once."),
    row("segment.ms", Long, "604800000", AtLeast(1),
        &[("log.roll.ms", Unit::Same), ("log.roll.hours", Unit::Hours)],
        "The age at which a segment is closed even when it is not full."),
    row("unclean.leader.election.enable", Boolean, "false", Any,
        &[("unclean.leader.election.enable", Unit::Same)],
        "Whether a replica that is not in sync may lead when no other is left."),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(name: &str, value: &str) -> String {
        find(name).unwrap().definition.validate(value).unwrap_err().to_string()
    }

    #[test]
    fn every_default_is_valid_and_names_are_in_order() {
        for config in TOPIC_CONFIGS {
            let definition = &config.definition;
            let default = definition.default.unwrap();
            assert_eq!(definition.validate(default).as_deref(), Ok(default), "{}", definition.name);
        }
        assert!(TOPIC_CONFIGS.is_sorted_by_key(|config| config.definition.name));
        assert_eq!(TOPIC_CONFIGS.len(), 37);
    }

    #[test]
    fn refuses_in_the_words_of_kafka() {
        let of = |name, value| refused(name, value);
        assert_eq!(
            of("segment.bytes", "1000"),
            "Invalid value 1000 for configuration segment.bytes: Value must be at least 1048576"
        );
        assert_eq!(
            of("retention.ms", "abc"),
            "Invalid value abc for configuration retention.ms: Not a number of type LONG"
        );
        assert!(of("segment.bytes", "9999999999").ends_with("Not a number of type INT"));
        assert_eq!(
            of("cleanup.policy", "compact,foo"),
            "Invalid value foo for configuration cleanup.policy: String must be one of: \
             compact, delete"
        );
        assert_eq!(
            of("min.cleanable.dirty.ratio", "2"),
            "Invalid value 2.0 for configuration min.cleanable.dirty.ratio: Value must be no \
             more than 1"
        );
        assert_eq!(
            of("preallocate", "foo"),
            "Invalid value foo for configuration preallocate: Expected value to be either \
             true or false"
        );
        assert!(of("compression.gzip.level", "77").ends_with("between 1 and 9 or equal to -1"));
        assert!(of("compression.lz4.level", "77").ends_with("Value must be no more than 17"));
        assert!(of("remote.storage.enable", "true").starts_with("Tiered Storage functionality"));
        assert!(of("leader.replication.throttled.replicas", "x").contains("the literal '*'"));
    }

    #[test]
    fn hours_and_minutes_become_milliseconds() {
        assert_eq!(Unit::Hours.convert("168"), "604800000");
        assert_eq!(Unit::Minutes.convert("2"), "120000");
        assert_eq!(Unit::Hours.convert("-1"), "-1");
    }
}

//! The configs of a broker that mean something here, under Kafka's names and with Kafka's defaults.

use super::definition::ConfigType::{Boolean, Double, Int, List, Long, String as Text};
use super::definition::Rule::{Any, AtLeast, Between, LevelOrDefault, Ratio, Words};
use super::definition::{ConfigType, Definition, Rule};

const fn row(
    name: &'static str,
    kind: ConfigType,
    default: Option<&'static str>,
    rule: Rule,
    dynamic: bool,
    doc: &'static str,
) -> Definition {
    Definition { name, kind, default, rule, dynamic, doc }
}

/// Can be changed while the broker runs.
const DYNAMIC: bool = true;

/// Is read once, when the broker starts.
const STATIC: bool = false;

const CODECS: &[&str] = &["uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"];

/// The one with `name`.
pub(crate) fn find(name: &str) -> Option<&'static Definition> {
    let at = BROKER_CONFIGS.binary_search_by_key(&name, |definition| definition.name).ok()?;
    BROKER_CONFIGS.get(at)
}

/// All of them, by name.
#[rustfmt::skip]
pub(crate) static BROKER_CONFIGS: &[Definition] = &[
    row("advertised.listeners", List, None, Any, STATIC,
        "The addresses that clients are told to come to, where they are not those of listeners."),
    row("auto.create.topics.enable", Boolean, Some("true"), Any, STATIC,
        "Whether asking for the metadata of an unknown topic may create it."),
    row("broker.id", Int, Some("-1"), AtLeast(-1), STATIC,
        "The older name of node.id."),
    row("broker.rack", Text, None, Any, STATIC,
        "Where the broker is, so that consumers can read from near replicas."),
    row("compression.gzip.level", Int, Some("-1"), LevelOrDefault(1, 9), DYNAMIC,
        "Stands in for the topic config of the same name."),
    row("compression.lz4.level", Int, Some("9"), Between(1, 17), DYNAMIC,
        "Stands in for the topic config of the same name."),
    row("compression.type", Text, Some("producer"), Words(CODECS), DYNAMIC,
        "Stands in for the topic config of the same name."),
    row("compression.zstd.level", Int, Some("3"), Between(-131_072, 22), DYNAMIC,
        "Stands in for the topic config of the same name."),
    row("connections.max.idle.ms", Long, Some("600000"), Any, STATIC,
        "After how long without a request a connection is closed."),
    row("default.replication.factor", Int, Some("1"), AtLeast(1), STATIC,
        "How many copies a topic gets when nobody says."),
    row("delete.topic.enable", Boolean, Some("true"), Any, STATIC,
        "Whether topics can be deleted."),
    row("fetch.max.bytes", Int, Some("57671680"), AtLeast(1024), STATIC,
        "The most that one fetch gives; its first batch may pass it."),
    row("group.initial.rebalance.delay.ms", Int, Some("3000"), AtLeast(0), STATIC,
        "How long the first rebalance of an empty group waits for further members."),
    row("group.max.session.timeout.ms", Int, Some("1800000"), Any, STATIC,
        "The longest session time-out that a member of a group may ask for."),
    row("group.max.size", Int, Some("2147483647"), AtLeast(1), STATIC,
        "How many members a group may have."),
    row("group.min.session.timeout.ms", Int, Some("6000"), Any, STATIC,
        "The shortest session time-out that a member of a group may ask for."),
    row("inter.broker.listener.name", Text, None, Any, STATIC,
        "The listener that brokers use among themselves."),
    row("listener.security.protocol.map", Text, None, Any, STATIC,
        "Which security protocol each listener name speaks."),
    row("listeners", List, Some("PLAINTEXT://:9092"), Any, STATIC,
        "The addresses that the broker listens at."),
    row("log.cleaner.backoff.ms", Long, Some("15000"), AtLeast(0), DYNAMIC,
        "How long the log cleaner waits when there is nothing to clean."),
    row("log.cleaner.delete.retention.ms", Long, Some("86400000"), AtLeast(0), DYNAMIC,
        "Stands in for delete.retention.ms."),
    row("log.cleaner.max.compaction.lag.ms", Long, Some("9223372036854775807"), AtLeast(1), DYNAMIC,
        "Stands in for max.compaction.lag.ms."),
    row("log.cleaner.min.cleanable.ratio", Double, Some("0.5"), Ratio, DYNAMIC,
        "Stands in for min.cleanable.dirty.ratio."),
    row("log.cleaner.min.compaction.lag.ms", Long, Some("0"), AtLeast(0), DYNAMIC,
        "Stands in for min.compaction.lag.ms."),
    row("log.cleanup.policy", List, Some("delete"), Words(&["compact", "delete"]), DYNAMIC,
        "Stands in for cleanup.policy."),
    row("log.dir", Text, Some("/tmp/kafka-logs"), Any, STATIC,
        "Where logs are kept, unless log.dirs says."),
    row("log.dirs", Text, None, Any, STATIC,
        "Where logs are kept: directories with commas between."),
    row("log.flush.interval.messages", Long, Some("9223372036854775807"), AtLeast(1), DYNAMIC,
        "Stands in for flush.messages."),
    row("log.flush.interval.ms", Long, None, AtLeast(0), DYNAMIC,
        "Stands in for flush.ms."),
    row("log.index.interval.bytes", Int, Some("4096"), AtLeast(0), DYNAMIC,
        "Stands in for index.interval.bytes."),
    row("log.index.size.max.bytes", Int, Some("10485760"), AtLeast(4), DYNAMIC,
        "Stands in for segment.index.bytes."),
    row("log.local.retention.bytes", Long, Some("-2"), AtLeast(-2), DYNAMIC,
        "Stands in for local.retention.bytes."),
    row("log.local.retention.ms", Long, Some("-2"), AtLeast(-2), DYNAMIC,
        "Stands in for local.retention.ms."),
    row("log.message.timestamp.after.max.ms", Long, Some("3600000"), AtLeast(0), DYNAMIC,
        "Stands in for message.timestamp.after.max.ms."),
    row("log.message.timestamp.before.max.ms", Long, Some("9223372036854775807"),
        AtLeast(0), DYNAMIC,
        "Stands in for message.timestamp.before.max.ms."),
    row("log.message.timestamp.type", Text, Some("CreateTime"),
        Words(&["CreateTime", "LogAppendTime"]), DYNAMIC,
        "Stands in for message.timestamp.type."),
    row("log.preallocate", Boolean, Some("false"), Any, DYNAMIC,
        "Stands in for preallocate."),
    row("log.remote.copy.lag.bytes", Long, Some("-1"), AtLeast(-1), DYNAMIC,
        "Stands in for remote.copy.lag.bytes."),
    row("log.remote.copy.lag.ms", Long, Some("0"), AtLeast(-1), DYNAMIC,
        "Stands in for remote.copy.lag.ms."),
    row("log.retention.bytes", Long, Some("-1"), AtLeast(-1), DYNAMIC,
        "Stands in for retention.bytes."),
    row("log.retention.check.interval.ms", Long, Some("300000"), AtLeast(1), STATIC,
        "How often logs are looked through for segments to drop."),
    row("log.retention.hours", Int, Some("168"), Any, STATIC,
        "Stands in for retention.ms, in hours, unless minutes or milliseconds are given."),
    row("log.retention.minutes", Int, None, Any, STATIC,
        "Stands in for retention.ms, in minutes, unless milliseconds are given."),
    row("log.retention.ms", Long, None, AtLeast(-1), DYNAMIC,
        "Stands in for retention.ms."),
    row("log.roll.hours", Int, Some("168"), AtLeast(1), STATIC,
        "Stands in for segment.ms, in hours, unless milliseconds are given."),
    row("log.roll.jitter.hours", Int, Some("0"), AtLeast(0), STATIC,
        "Stands in for segment.jitter.ms, in hours, unless milliseconds are given."),
    row("log.roll.jitter.ms", Long, None, AtLeast(0), DYNAMIC,
        "Stands in for segment.jitter.ms."),
    row("log.roll.ms", Long, None, AtLeast(1), DYNAMIC,
        "Stands in for segment.ms."),
    row("log.segment.bytes", Int, Some("1073741824"), AtLeast(1_048_576), DYNAMIC,
        "Stands in for segment.bytes."),
    row("log.segment.delete.delay.ms", Long, Some("60000"), AtLeast(0), DYNAMIC,
        "Stands in for file.delete.delay.ms."),
    row("max.connections", Int, Some("2147483647"), AtLeast(0), STATIC,
        "The most connections the broker takes."),
    row("max.connections.per.ip", Int, Some("2147483647"), AtLeast(0), STATIC,
        "The most connections the broker takes from one address."),
    row("max.decompressed.message.bytes", Int, Some("2147483639"), AtLeast(0), DYNAMIC,
        "Stands in for the topic config of the same name."),
    row("max.incremental.fetch.session.cache.slots", Int, Some("1000"), AtLeast(0), STATIC,
        "How many fetch sessions are kept."),
    row("message.max.bytes", Int, Some("1048588"), AtLeast(0), DYNAMIC,
        "Stands in for max.message.bytes."),
    row("metadata.log.max.record.bytes.between.snapshots", Long, Some("20971520"),
        AtLeast(1), STATIC,
        "After how many bytes of the metadata log a snapshot is written."),
    row("metadata.log.max.snapshot.interval.ms", Long, Some("3600000"), AtLeast(0), STATIC,
        "After how long a snapshot of the metadata log is written, at the next change."),
    row("min.insync.replicas", Int, Some("1"), AtLeast(1), DYNAMIC,
        "Stands in for the topic config of the same name."),
    row("node.id", Int, Some("1"), AtLeast(0), STATIC,
        "The broker's number in the cluster."),
    row("num.partitions", Int, Some("1"), AtLeast(1), STATIC,
        "How many partitions a topic gets when nobody says."),
    row("offset.metadata.max.bytes", Int, Some("4096"), Any, STATIC,
        "The longest text that may be committed with an offset."),
    row("offsets.retention.check.interval.ms", Long, Some("600000"), AtLeast(1), STATIC,
        "How often groups are looked through for offsets to forget."),
    row("offsets.retention.minutes", Int, Some("10080"), AtLeast(1), STATIC,
        "How long the offsets of a group are kept that nobody is in any more."),
    row("offsets.topic.num.partitions", Int, Some("50"), AtLeast(1), STATIC,
        "How many partitions the log of groups gets when it is made."),
    row("offsets.topic.segment.bytes", Int, Some("104857600"), AtLeast(1), STATIC,
        "The segment size that the log of groups gets when it is made."),
    row("process.roles", List, None, Any, STATIC,
        "What the process is: broker, controller or both."),
    row("producer.id.expiration.ms", Int, Some("86400000"), AtLeast(1), DYNAMIC,
        "How long a partition remembers a producer that writes nothing."),
    row("socket.request.max.bytes", Int, Some("104857600"), AtLeast(1), STATIC,
        "The largest request."),
    row("unclean.leader.election.enable", Boolean, Some("false"), Any, DYNAMIC,
        "Stands in for the topic config of the same name."),
];

#[cfg(test)]
mod tests {
    use super::super::topic_configs::TOPIC_CONFIGS;
    use super::*;

    #[test]
    fn every_default_is_valid_and_names_are_in_order() {
        for definition in BROKER_CONFIGS {
            if let Some(default) = definition.default {
                assert_eq!(
                    definition.validate(default).as_deref(),
                    Ok(default),
                    "{}",
                    definition.name
                );
            }
        }
        assert!(BROKER_CONFIGS.is_sorted_by_key(|definition| definition.name));
    }

    #[test]
    fn every_broker_config_that_stands_in_for_a_topics_is_known_and_agrees_with_it() {
        for topic in TOPIC_CONFIGS {
            for (name, unit) in topic.broker {
                let broker = find(name).unwrap();
                if let Some(default) = broker.default {
                    let default = unit.convert(default);
                    assert_eq!(Some(&*default), topic.definition.default, "{name}");
                }
            }
        }
    }
}

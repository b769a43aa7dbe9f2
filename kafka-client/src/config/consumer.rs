//! The settings of a consumer, and what they demand of each other.

use super::value::{INT, LONG};
use super::{AutoOffsetReset, ConfigError, GroupProtocol, IsolationLevel, Settings as _, settings};
use kafka_proto::settings::ValueError;
use std::time::Duration;

settings! {
    /// What a consumer is made with.
    ///
    /// ```
    /// # use kafka_client::config::{AutoOffsetReset, ConsumerConfig};
    /// let config = ConsumerConfig::default().auto_offset_reset(AutoOffsetReset::Earliest);
    /// assert_eq!(config.get("auto.offset.reset").as_deref(), Some("earliest"));
    /// ```
    pub struct ConsumerConfig, role Consumer {
        /// The group whose members share the partitions of its topics out.
        "group.id" group: Option<String> = None, given id: impl Into<String> => Some(id.into());
        /// A name by which the group knows this member again after a restart.
        "group.instance.id" group_instance_id: Option<String> = None,
            given id: impl Into<String> => Some(id.into());
        /// How the members of the group share its partitions out. This version speaks `classic` only; a consumer of the
        /// other one is refused when it is made.
        "group.protocol" group_protocol: GroupProtocol = GroupProtocol::Classic;
        /// The broker's assignor, for `group.protocol=consumer`; if none is named, the broker chooses.
        "group.remote.assignor" group_remote_assignor: Option<String> = None,
            given name: impl Into<String> => Some(name.into());
        /// The assignors this member knows, best first, for `group.protocol=classic`; by Java's classes or shortly:
        /// `range`, `roundrobin`, `sticky`, `cooperative-sticky`. Only if all are cooperative, members read on during a
        /// rebalance.
        "partition.assignment.strategy" partition_assignment_strategy: Vec<String> =
            ["RangeAssignor", "CooperativeStickyAssignor"]
                .map(|name| format!("org.apache.kafka.clients.consumer.{name}"))
                .into(),
            given names: impl IntoIterator<Item = impl Into<String>>
                => names.into_iter().map(Into::into).collect();
        /// After how long without a heartbeat the group gives a member up.
        "session.timeout.ms" session_timeout: Duration = Duration::from_secs(45), in 1..=INT;
        /// How often a member tells the group that it lives.
        "heartbeat.interval.ms" heartbeat_interval: Duration = Duration::from_secs(3), in 1..=INT;
        /// How long a member may take from one poll to the next before it leaves the group; it notices up to a tenth
        /// later. A poll that waits counts.
        "max.poll.interval.ms" max_poll_interval: Duration = Duration::from_secs(300), in 1..=INT;
        /// How many records one poll hands out at most.
        "max.poll.records" max_poll_records: usize = 500, in 1..=INT;
        /// Whether offsets are committed without being asked to.
        "enable.auto.commit" enable_auto_commit: bool = true;
        /// How often offsets are committed without being asked to.
        "auto.commit.interval.ms" auto_commit_interval: Duration = Duration::from_secs(5),
            in 0..=INT;
        /// Where to start reading a partition that has no position, or one outside of its log.
        "auto.offset.reset" auto_offset_reset: AutoOffsetReset = AutoOffsetReset::Latest;
        /// Whether looking for a topic that is not there creates it, where the broker allows it too
        /// (`auto.create.topics.enable`).
        "allow.auto.create.topics" allow_auto_create_topics: bool = true;
        /// Which records of transactions are read.
        "isolation.level" isolation_level: IsolationLevel = IsolationLevel::ReadUncommitted;
        /// How many bytes a broker gathers before it answers, unless `fetch.max.wait.ms` is over first.
        "fetch.min.bytes" fetch_min_bytes: i32 = 1;
        /// How long a broker waits for `fetch.min.bytes`.
        "fetch.max.wait.ms" fetch_max_wait: Duration = Duration::from_millis(500), in 0..=INT;
        /// How many bytes one answer may have; a first batch larger than that comes all the same.
        "fetch.max.bytes" fetch_max_bytes: i32 = 52_428_800;
        /// How many bytes of one partition an answer may have; a first batch larger than that comes all the same.
        "max.partition.fetch.bytes" max_partition_fetch_bytes: i32 = 1_048_576;
        /// How many bytes this consumer may hold: answers fetched ahead, and decompressed records that were handed out
        /// and not yet dropped. One batch per partition may always pass. Not of Kafka: Java's consumer has no such
        /// limit.
        "consumer.buffer.memory" consumer_buffer_memory: usize = 67_108_864, in 1..=LONG;
        /// Whether the checksum of each batch is computed again.
        "check.crcs" check_crcs: bool = true;
        /// Whether a pattern never subscribes to Kafka's internal topics.
        "exclude.internal.topics" exclude_internal_topics: bool = true;
    }
}

impl ConsumerConfig {
    /// Checks the values that were set typed, as those from text have been, and whether all go together.
    ///
    /// # Errors
    /// If a value is not allowed, alone or together with another.
    pub fn validate(&self) -> Result<(), ConfigError> {
        self.check_values()?;
        self.check_protocol()?;
        let wrong = |key, value: String, allowed: &str| {
            Err(ConfigError::value(key, &value, ValueError::new(allowed)))
        };
        if self.heartbeat_interval >= self.session_timeout {
            let heartbeat = self.heartbeat_interval.as_millis().to_string();
            let session = self.session_timeout.as_millis();
            let allowed = format!("less than session.timeout.ms={session}");
            return wrong("heartbeat.interval.ms", heartbeat, &allowed);
        }
        if self.group.is_none() && self.enable_auto_commit && self.is_set("enable.auto.commit") {
            return wrong("enable.auto.commit", "true".to_owned(), "false without group.id");
        }
        Ok(())
    }

    /// Each protocol leaves settings of the other to the broker, or to nobody.
    fn check_protocol(&self) -> Result<(), ConfigError> {
        let (protocol, others): (_, &[&str]) = match self.group_protocol {
            GroupProtocol::Classic => ("classic", &["group.remote.assignor"]),
            GroupProtocol::Consumer => (
                "consumer",
                &["partition.assignment.strategy", "heartbeat.interval.ms", "session.timeout.ms"],
            ),
        };
        let Some(key) = others.iter().find(|key| self.is_set(key)) else { return Ok(()) };
        let allowed = ValueError::new(format!("left out with group.protocol={protocol}"));
        Err(ConfigError::value(key, &self.get(key).unwrap_or_default(), allowed))
    }
}

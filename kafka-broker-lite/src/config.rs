//! The settings of a broker, under Kafka's names and with Kafka's defaults.
//!
//! They come as the text of a properties file and as single pairs laid over it; of equal names the last one counts.
//! A value is parsed once and valid from then on. Settings that change nothing here are taken with a warning that says
//! why; a name that Kafka does not know is an error. Where Kafka differs: `node.id` need not be given and is 1 then,
//! and a listener without a host is advertised as `localhost`.

mod keys;
mod listeners;
#[cfg(test)]
mod tests;

pub use listeners::{Address, Listener, ListenerName};

use crate::group::GroupConfig;
use crate::metadata::find_broker_config;
use kafka_proto::settings::{
    Properties, PropertyError, ValueError, boolean, integer, list, nearest,
};
use kafka_proto::uuid::Uuid;
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

/// How a broker is set up.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BrokerConfig {
    /// The broker's number in the cluster.
    pub node_id: i32,
    /// The cluster's id, drawn when the broker starts: no setting of Kafka's.
    pub cluster_id: Arc<str>,
    /// Where the broker is.
    pub rack: Option<Arc<str>>,
    /// Where it listens.
    pub listeners: Vec<Listener>,
    /// Whether asking for an unknown topic may create it.
    pub auto_create_topics_enable: bool,
    /// Whether topics can be deleted.
    pub delete_topic_enable: bool,
    /// Partitions of a topic when nobody says.
    pub num_partitions: i32,
    /// Copies of a topic when nobody says.
    pub default_replication_factor: i16,
    /// The most that one fetch gives.
    pub fetch_max_bytes: i32,
    /// How many fetch sessions are kept.
    pub max_incremental_fetch_session_cache_slots: usize,
    /// How often logs are looked through for segments to drop.
    pub log_retention_check_interval_ms: u64,
    /// The largest request.
    pub socket_request_max_bytes: usize,
    /// The most connections at a time.
    pub max_connections: usize,
    /// The most connections at a time from one address.
    pub max_connections_per_ip: usize,
    /// After how long without a request a connection is closed; `None` for never.
    pub connections_max_idle_ms: Option<u64>,
    /// Where logs are kept; empty when that is not set.
    pub log_dirs: Vec<PathBuf>,
    /// What consumer groups go by.
    pub(crate) groups: GroupConfig,
    /// Everything that was set and counts, as text.
    properties: BTreeMap<String, String>,
    warnings: Vec<String>,
}

impl Default for BrokerConfig {
    fn default() -> Self {
        Self {
            node_id: 1,
            cluster_id: Uuid::ZERO.to_string().into(),
            rack: None,
            listeners: vec![Listener {
                name: ListenerName::new("PLAINTEXT"),
                bind: Address { host: "".into(), port: 9092 },
                advertised: Address { host: "localhost".into(), port: 9092 },
            }],
            auto_create_topics_enable: true,
            delete_topic_enable: true,
            num_partitions: 1,
            default_replication_factor: 1,
            fetch_max_bytes: 55 * 1024 * 1024,
            max_incremental_fetch_session_cache_slots: 1000,
            log_retention_check_interval_ms: 300_000,
            socket_request_max_bytes: 104_857_600,
            max_connections: 2_147_483_647,
            max_connections_per_ip: 2_147_483_647,
            connections_max_idle_ms: Some(600_000),
            log_dirs: Vec::new(),
            groups: GroupConfig::default(),
            properties: BTreeMap::new(),
            warnings: Vec::new(),
        }
    }
}

impl BrokerConfig {
    /// Reads the text of a properties file.
    ///
    /// # Errors
    /// When it is no such text, names an unknown setting, or a value is not allowed.
    pub fn from_properties(text: &str) -> Result<Self, ConfigError> {
        let properties = Properties::parse(text).map_err(ConfigError::Text)?;
        Self::from_pairs(properties.iter().map(|property| (&*property.key, &*property.value)))
    }

    /// Reads names with their values; of equal names the last one counts.
    ///
    /// # Errors
    /// When a name is unknown or a value is not allowed.
    pub fn from_pairs<'a>(
        pairs: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, ConfigError> {
        let mut config = Self::default();
        for (key, value) in pairs {
            config.properties.insert(key.to_owned(), value.trim().to_owned());
        }
        let given = std::mem::take(&mut config.properties);
        let controller = given.get("controller.listener.names").cloned().unwrap_or_default();
        for (key, value) in given {
            config.take(key, value)?;
        }
        config.check_ids()?;
        config.read_log_dirs()?;
        config.read_listeners(&controller)?;
        Ok(config)
    }

    /// The names and values that were set and count.
    pub fn properties(&self) -> impl Iterator<Item = (&str, &str)> {
        self.properties.iter().map(|(key, value)| (&**key, &**value))
    }

    /// What was set and changes nothing, each with the reason.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// The address that a client is told that came in at `listener`.
    #[must_use]
    pub fn advertised(&self, listener: &ListenerName) -> &Address {
        static NOWHERE: std::sync::LazyLock<Address> =
            std::sync::LazyLock::new(|| Address { host: "localhost".into(), port: 0 });
        let own = self.listeners.iter().find(|known| known.name == *listener);
        own.or(self.listeners.first()).map_or(&NOWHERE, |listener| &listener.advertised)
    }

    fn take(&mut self, key: String, value: String) -> Result<(), ConfigError> {
        if let Some((_, why)) = REFUSED.iter().find(|(name, _)| *name == key) {
            return Err(ConfigError::Refused { key, why });
        }
        let ignored = keys::ignored(&key);
        self.warnings.extend(ignored.map(|why| format!("{key} changes nothing: {why}")));
        match find_broker_config(&key).map(|definition| definition.validate(&value)) {
            Some(Ok(value)) => match self.set(&key, &value) {
                Ok(()) => {
                    self.properties.insert(key, value);
                    Ok(())
                }
                Err(allowed) => Err(ConfigError::Value { key, value, allowed }),
            },
            Some(Err(error)) => Err(ConfigError::Conflict { what: error.to_string() }),
            None if ignored.is_some() => Ok(()),
            None => {
                let nearest = nearest(&key, keys::all());
                Err(ConfigError::Unknown { key, nearest })
            }
        }
    }

    /// Parses what the broker goes by; the value has passed its definition's check.
    fn set(&mut self, key: &str, value: &str) -> Result<(), ValueError> {
        const INT: i64 = i32::MAX as i64;
        match key {
            "node.id" | "broker.id" => self.node_id = integer(value, 0..=INT)?,
            "broker.rack" => self.rack = Some(value.into()),
            "process.roles" if !list(value).contains(&"broker") => {
                return Err(ValueError::new("broker, or broker,controller"));
            }
            "auto.create.topics.enable" => self.auto_create_topics_enable = boolean(value)?,
            "delete.topic.enable" => self.delete_topic_enable = boolean(value)?,
            "num.partitions" => self.num_partitions = integer(value, 1..=INT)?,
            "default.replication.factor" => {
                self.default_replication_factor = integer(value, 1..=i64::from(i16::MAX))?;
            }
            "fetch.max.bytes" => self.fetch_max_bytes = integer(value, 1024..=INT)?,
            "max.incremental.fetch.session.cache.slots" => {
                self.max_incremental_fetch_session_cache_slots = integer(value, 0..=INT)?;
            }
            "log.retention.check.interval.ms" => {
                self.log_retention_check_interval_ms = integer(value, 1..=i64::MAX)?;
            }
            "socket.request.max.bytes" => {
                self.socket_request_max_bytes = integer(value, 1..=INT)?;
            }
            "max.connections" => self.max_connections = integer(value, 0..=INT)?,
            "max.connections.per.ip" => self.max_connections_per_ip = integer(value, 0..=INT)?,
            "connections.max.idle.ms" => {
                let idle_ms: i64 = integer(value, i64::MIN..=i64::MAX)?;
                self.connections_max_idle_ms = u64::try_from(idle_ms).ok();
            }
            _ => set_group(&mut self.groups, key, value)?,
        }
        Ok(())
    }

    fn check_ids(&self) -> Result<(), ConfigError> {
        let value = |key| self.properties.get(key).map(|text| text.trim_start_matches('0'));
        match (value("node.id"), value("broker.id")) {
            (Some(node), Some(broker)) if node != broker => Err(ConfigError::listeners(
                "node.id and broker.id are two names of one setting, and differ",
            )),
            _ => Ok(()),
        }
    }

    /// `log.dirs` goes over `log.dir`, as in Kafka.
    fn read_log_dirs(&mut self) -> Result<(), ConfigError> {
        let text = |key| self.properties.get(key).map(|text: &String| &**text);
        let Some(text) = text("log.dirs").or(text("log.dir")) else { return Ok(()) };
        let directories = list(text);
        if directories.is_empty() {
            return Err(ConfigError::listeners("log.dirs names no directory"));
        }
        for directory in directories {
            let directory = PathBuf::from(directory);
            if self.log_dirs.contains(&directory) {
                let text = format!("log.dirs names {} twice", directory.display());
                return Err(ConfigError::listeners(text));
            }
            self.log_dirs.push(directory);
        }
        Ok(())
    }

    fn read_listeners(&mut self, controller: &str) -> Result<(), ConfigError> {
        let text = |key| self.properties.get(key).map(|text: &String| &**text);
        let listeners = listeners::parse(&listeners::Texts {
            listeners: text("listeners").unwrap_or("PLAINTEXT://:9092"),
            advertised: text("advertised.listeners"),
            protocols: text("listener.security.protocol.map"),
            inter_broker: text("inter.broker.listener.name"),
            controller,
        })?;
        self.listeners = listeners;
        Ok(())
    }
}

/// Parses what groups go by.
fn set_group(groups: &mut GroupConfig, key: &str, value: &str) -> Result<(), ValueError> {
    const INT: i64 = i32::MAX as i64;
    const MINUTE_MS: i64 = 60_000;
    match key {
        "group.initial.rebalance.delay.ms" => {
            groups.initial_rebalance_delay_ms = integer(value, 0..=INT)?;
        }
        "group.max.size" => groups.max_size = integer(value, 1..=INT)?,
        "group.min.session.timeout.ms" => groups.min_session_timeout_ms = integer(value, 0..=INT)?,
        "group.max.session.timeout.ms" => groups.max_session_timeout_ms = integer(value, 0..=INT)?,
        "offset.metadata.max.bytes" => groups.offset_metadata_max_bytes = integer(value, 0..=INT)?,
        "offsets.retention.minutes" => {
            let minutes: i64 = integer(value, 1..=INT)?;
            groups.offsets_retention_ms = minutes * MINUTE_MS;
        }
        "offsets.retention.check.interval.ms" => {
            groups.offsets_retention_check_interval_ms = integer(value, 1..=i64::MAX)?;
        }
        "offsets.topic.num.partitions" => {
            groups.offsets_topic_num_partitions = integer(value, 1..=INT)?;
        }
        "offsets.topic.segment.bytes" => {
            groups.offsets_topic_segment_bytes = integer(value, 1..=INT)?;
        }
        _ => {}
    }
    Ok(())
}

/// Settings that would be dangerous to take without doing what they say.
const REFUSED: &[(&str, &str)] = &[
    ("authorizer.class.name", "nothing is authorized here, everybody may do everything"),
    ("super.users", "nothing is authorized here, everybody may do everything"),
];

/// Settings that a broker cannot be started with.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConfigError {
    /// The text is no properties text.
    Text(PropertyError),
    /// No such setting.
    Unknown {
        /// What was given.
        key: String,
        /// What may have been meant.
        nearest: Option<&'static str>,
    },
    /// A setting that would be dangerous to ignore.
    Refused {
        /// Its name.
        key: String,
        /// What is not served.
        why: &'static str,
    },
    /// A value that is not allowed.
    Value {
        /// The name.
        key: String,
        /// What was given.
        value: String,
        /// What is allowed.
        allowed: ValueError,
    },
    /// A value that its definition refuses, values that do not go together, listeners that cannot be opened.
    Conflict {
        /// What is wrong with them.
        what: String,
    },
}

impl ConfigError {
    fn listeners(what: impl Into<String>) -> Self {
        Self::Conflict { what: what.into() }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(error) => error.fmt(f),
            Self::Unknown { key, nearest: Some(nearest) } => {
                write!(f, "unknown setting {key}; did you mean {nearest}?")
            }
            Self::Unknown { key, nearest: None } => write!(f, "unknown setting {key}"),
            Self::Refused { key, why } => write!(f, "{key} is not served: {why}"),
            Self::Value { key, value, allowed } => write!(f, "{key} {allowed}, not {value:?}"),
            Self::Conflict { what } => f.write_str(what),
        }
    }
}

impl std::error::Error for ConfigError {}

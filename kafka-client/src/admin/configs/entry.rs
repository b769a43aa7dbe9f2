//! What has configs, and what a config is.

use crate::admin::directory::Target;
use crate::admin::work::Key;
use kafka_proto::messages::{create_topics, describe_configs};
use std::fmt;
use std::sync::Arc;

/// What kind of thing has configs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum ResourceType {
    /// A topic.
    Topic = 2,
    /// A broker; without a name, all brokers.
    Broker = 4,
    /// The log levels of a broker.
    BrokerLogger = 8,
    /// A subscription to metrics of clients.
    ClientMetrics = 16,
    /// A group.
    Group = 32,
}

/// Something that has configs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConfigResource {
    kind: ResourceType,
    name: Arc<str>,
}

impl ConfigResource {
    /// A resource by its kind and name.
    pub fn new(kind: ResourceType, name: impl Into<Arc<str>>) -> Self {
        Self { kind, name: name.into() }
    }

    /// A topic.
    pub fn topic(name: impl Into<Arc<str>>) -> Self {
        Self::new(ResourceType::Topic, name)
    }

    /// A broker.
    pub fn broker(id: i32) -> Self {
        Self::new(ResourceType::Broker, id.to_string())
    }

    /// What all brokers have in common.
    pub fn all_brokers() -> Self {
        Self::new(ResourceType::Broker, "")
    }

    /// The log levels of a broker.
    pub fn broker_logger(id: i32) -> Self {
        Self::new(ResourceType::BrokerLogger, id.to_string())
    }

    /// A group.
    pub fn group(id: impl Into<Arc<str>>) -> Self {
        Self::new(ResourceType::Group, id)
    }

    /// A subscription to metrics of clients.
    pub fn client_metrics(name: impl Into<Arc<str>>) -> Self {
        Self::new(ResourceType::ClientMetrics, name)
    }

    /// Its kind.
    pub const fn kind(&self) -> ResourceType {
        self.kind
    }

    /// Its name; a broker's is its id.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn shared_name(&self) -> Arc<str> {
        self.name.clone()
    }

    pub(super) const fn wire_type(&self) -> i8 {
        self.kind as i8
    }

    pub(super) fn of_wire(kind: i8, name: Arc<str>) -> Option<Self> {
        let kind = match kind {
            2 => ResourceType::Topic,
            4 => ResourceType::Broker,
            8 => ResourceType::BrokerLogger,
            16 => ResourceType::ClientMetrics,
            32 => ResourceType::Group,
            _ => return None,
        };
        Some(Self { kind, name })
    }

    /// A broker answers for itself.
    pub(super) fn target(&self) -> Target<'_> {
        match self.kind {
            ResourceType::Broker | ResourceType::BrokerLogger => {
                self.name.parse().map_or(Target::Any, Target::Broker)
            }
            ResourceType::Topic | ResourceType::ClientMetrics | ResourceType::Group => Target::Any,
        }
    }

    /// Why there can be no such resource.
    pub(super) fn invalid(&self) -> Option<String> {
        let nameless = self.kind == ResourceType::Broker && self.name.is_empty();
        let is_broker = matches!(self.kind, ResourceType::Broker | ResourceType::BrokerLogger);
        (is_broker && !nameless && self.name.parse::<i32>().is_err())
            .then(|| format!("{:?} is no id of a broker", self.name))
    }

    /// Where a config's value is from if it is set for this resource; `None` where older brokers know no such resource.
    pub(super) fn own_source(&self) -> Option<ConfigSource> {
        match self.kind {
            ResourceType::Topic => Some(ConfigSource::Topic),
            ResourceType::Broker if self.name.is_empty() => Some(ConfigSource::AllBrokers),
            ResourceType::Broker => Some(ConfigSource::Broker),
            ResourceType::BrokerLogger | ResourceType::ClientMetrics | ResourceType::Group => None,
        }
    }
}

impl fmt::Display for ConfigResource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = &self.name;
        match self.kind {
            ResourceType::Broker if name.is_empty() => f.write_str("all brokers"),
            ResourceType::Topic => write!(f, "topic {name}"),
            ResourceType::Broker => write!(f, "broker {name}"),
            ResourceType::BrokerLogger => write!(f, "the loggers of broker {name}"),
            ResourceType::ClientMetrics => write!(f, "client metrics {name}"),
            ResourceType::Group => write!(f, "group {name}"),
        }
    }
}

impl Key for ConfigResource {
    fn asked(&self, what: &str) -> String {
        format!("{what} of {self}")
    }
}

/// A config with its value and where that is from.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConfigEntry {
    /// Its name.
    pub name: Arc<str>,
    /// `None` when it is not set, or secret.
    pub value: Option<Arc<str>>,
    /// Where the value is from.
    pub source: ConfigSource,
    /// Whether it can be set only where the broker is started.
    pub is_read_only: bool,
    /// Whether it is secret: its value is not told.
    pub is_sensitive: bool,
    /// What values it has. `None` before Kafka 2.6.
    pub kind: Option<ConfigType>,
    /// The places that set it, the one in force first.
    pub synonyms: Vec<ConfigSynonym>,
    /// Kafka's own words about it, if they were asked for.
    pub documentation: Option<Arc<str>>,
}

/// A place that sets a config.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConfigSynonym {
    /// The name it has there.
    pub name: Arc<str>,
    /// The value it has there.
    pub value: Option<Arc<str>>,
    /// The place.
    pub source: ConfigSource,
}

/// Where the value of a config is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConfigSource {
    /// Set for the topic.
    Topic,
    /// Set for this broker while it ran.
    Broker,
    /// Set for all brokers while they ran.
    AllBrokers,
    /// In the file the broker was started with.
    File,
    /// Kafka's own default.
    Default,
    /// Set for this logger while it ran.
    Logger,
    /// Set for the subscription to metrics.
    ClientMetrics,
    /// Set for the group.
    Group,
    /// A place newer than this library.
    Other(i8),
}

impl ConfigSource {
    const fn of_wire(source: i8) -> Self {
        match source {
            1 => Self::Topic,
            2 => Self::Broker,
            3 => Self::AllBrokers,
            4 => Self::File,
            5 => Self::Default,
            6 => Self::Logger,
            7 => Self::ClientMetrics,
            8 => Self::Group,
            other => Self::Other(other),
        }
    }
}

/// What values a config has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the names say all there is to say")]
pub enum ConfigType {
    Boolean,
    String,
    Int,
    Short,
    Long,
    Double,
    List,
    Class,
    Password,
}

impl ConfigType {
    const fn of_wire(kind: i8) -> Option<Self> {
        Some(match kind {
            1 => Self::Boolean,
            2 => Self::String,
            3 => Self::Int,
            4 => Self::Short,
            5 => Self::Long,
            6 => Self::Double,
            7 => Self::List,
            8 => Self::Class,
            9 => Self::Password,
            _ => return None,
        })
    }
}

impl ConfigEntry {
    pub(in crate::admin) fn of_created(row: create_topics::CreatableTopicConfigs) -> Self {
        Self {
            name: row.name,
            value: row.value,
            source: ConfigSource::of_wire(row.config_source),
            is_read_only: row.read_only,
            is_sensitive: row.is_sensitive,
            kind: None,
            synonyms: Vec::new(),
            documentation: None,
        }
    }

    pub(super) fn of_described(row: describe_configs::DescribeConfigsResourceResult) -> Self {
        let synonym = |row: describe_configs::DescribeConfigsSynonym| ConfigSynonym {
            name: row.name,
            value: row.value,
            source: ConfigSource::of_wire(row.source),
        };
        Self {
            name: row.name,
            value: row.value,
            source: ConfigSource::of_wire(row.config_source),
            is_read_only: row.read_only,
            is_sensitive: row.is_sensitive,
            kind: ConfigType::of_wire(row.config_type),
            synonyms: row.synonyms.into_iter().map(synonym).collect(),
            documentation: row.documentation.filter(|text| !text.is_empty()),
        }
    }
}

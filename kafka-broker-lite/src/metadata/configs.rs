//! The values of configs: who set them, what holds, and how they change.
//!
//! For a topic the strongest is its own value, then the broker's, then that of all brokers, then the properties the
//! broker was started with, then the default. Every value in here has passed its definition's check.

use super::broker_configs::{self, BROKER_CONFIGS};
use super::definition::{Definition, list_items};
use super::topic_configs::{self, TOPIC_CONFIGS, TopicConfig};
use crate::log::LogConfig;
use kafka_proto::ErrorCode;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What a compressed batch may hold where it has to be opened: Kafka reads it piece by piece, here it lies in memory.
const MOST_OPENED: usize = 128 * 1024 * 1024;

/// Values by name.
pub(crate) type Values = BTreeMap<Arc<str>, Arc<str>>;

/// Who set a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    Topic,
    Broker,
    AllBrokers,
    Properties,
    Default,
}

impl Source {
    /// Its number in DescribeConfigs.
    pub(crate) fn code(self) -> i8 {
        match self {
            Self::Topic => 1,
            Self::Broker => 2,
            Self::AllBrokers => 3,
            Self::Properties => 4,
            Self::Default => 5,
        }
    }
}

/// A place that sets a config.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Synonym {
    pub(crate) name: &'static str,
    pub(crate) value: Arc<str>,
    pub(crate) source: Source,
}

/// A config as it is described.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) definition: &'static Definition,
    pub(crate) value: Option<Arc<str>>,
    pub(crate) source: Source,
    /// Every place that sets it, the strongest first.
    pub(crate) synonyms: Vec<Synonym>,
}

/// A change to one config.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Set(Arc<str>),
    Delete,
    Append(Arc<str>),
    Subtract(Arc<str>),
}

/// Why a change was refused.
pub(crate) type Refused = (ErrorCode, String);

/// What configs belong to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// This broker alone.
    Broker,
    AllBrokers,
}

/// The configs of the broker; those of a topic lie with the topic.
#[derive(Debug, Default)]
pub(crate) struct Configs {
    broker: Values,
    all_brokers: Values,
    properties: Values,
}

impl Configs {
    /// With what the broker was started with; names that are no broker config are left out.
    pub(crate) fn new<'a>(properties: impl Iterator<Item = (&'a str, &'a str)>) -> Self {
        let known = properties.filter_map(|(name, value)| {
            let value = broker_configs::find(name)?.validate(value).ok()?;
            Some((name.into(), value.into()))
        });
        Self { properties: known.collect(), ..Self::default() }
    }

    /// Every config of a topic whose own values are `own`.
    pub(crate) fn of_topic(&self, own: &Values) -> Vec<Entry> {
        TOPIC_CONFIGS.iter().map(|config| self.topic_entry(config, own)).collect()
    }

    fn topic_entry(&self, config: &'static TopicConfig, own: &Values) -> Entry {
        let definition = &config.definition;
        let mut synonyms = Vec::new();
        if let Some(value) = own.get(definition.name) {
            let value = value.clone();
            synonyms.push(Synonym { name: definition.name, value, source: Source::Topic });
        }
        let set = synonyms.first().map(|own| own.value.clone());
        let mut stands_in = None;
        for (at, (name, unit)) in config.broker.iter().enumerate() {
            let mut found = self.broker_synonyms(name);
            // As in Kafka, only the first name that stands in has its default told.
            found.retain(|synonym| at == 0 || synonym.source != Source::Default);
            for synonym in found {
                stands_in.get_or_insert_with(|| {
                    (Arc::from(unit.convert(&synonym.value)), synonym.source)
                });
                synonyms.push(synonym);
            }
        }
        let default = || (definition.default.map(Arc::from), Source::Default);
        let (value, source) = match (set, stands_in) {
            (Some(value), _) => (Some(value), Source::Topic),
            (None, Some((value, source))) => (Some(value), source),
            (None, None) => default(),
        };
        Entry { definition, value, source, synonyms }
    }

    /// Every config of the broker.
    pub(crate) fn of_broker(&self) -> Vec<Entry> {
        BROKER_CONFIGS
            .iter()
            .map(|definition| {
                let synonyms = self.synonyms_of_broker(definition.name);
                let first = synonyms.first();
                let value = first.map(|synonym| synonym.value.clone());
                let source = first.map_or(Source::Default, |synonym| synonym.source);
                Entry { definition, value, source, synonyms }
            })
            .collect()
    }

    /// The configs that were set for all brokers.
    pub(crate) fn of_all_brokers(&self) -> Vec<Entry> {
        let entry = |(name, value): (&Arc<str>, &Arc<str>)| {
            let definition = broker_configs::find(name)?;
            let (value, source) = (value.clone(), Source::AllBrokers);
            let synonym = Synonym { name: definition.name, value: value.clone(), source };
            Some(Entry { definition, value: Some(value), source, synonyms: vec![synonym] })
        };
        self.all_brokers.iter().filter_map(entry).collect()
    }

    /// Also where those configs are set that it takes the place of, in other units. As in Kafka, none of them is told
    /// that is stronger than the config itself.
    fn synonyms_of_broker(&self, name: &'static str) -> Vec<Synonym> {
        let stands = |config: &&TopicConfig| config.broker.iter().any(|(other, _)| *other == name);
        let Some(config) = TOPIC_CONFIGS.iter().find(stands) else {
            return self.broker_synonyms(name);
        };
        let names = config.broker.iter().map(|(other, _)| *other);
        let mut found: Vec<_> = names.flat_map(|other| self.broker_synonyms(other)).collect();
        found.sort_by_key(|synonym| synonym.source.code());
        found.into_iter().skip_while(|synonym| synonym.name != name).collect()
    }

    fn broker_synonyms(&self, name: &'static str) -> Vec<Synonym> {
        let default = broker_configs::find(name).and_then(|definition| definition.default);
        [
            (self.broker.get(name).cloned(), Source::Broker),
            (self.all_brokers.get(name).cloned(), Source::AllBrokers),
            (self.properties.get(name).cloned(), Source::Properties),
            (default.map(Arc::from), Source::Default),
        ]
        .into_iter()
        .filter_map(|(value, source)| Some(Synonym { name, value: value?, source }))
        .collect()
    }

    /// The number that holds for a broker config.
    pub(crate) fn broker_number(&self, name: &'static str) -> Option<i64> {
        self.broker_synonyms(name).first()?.value.parse().ok()
    }

    /// The parsed settings of a topic's logs.
    pub(crate) fn log_config(&self, own: &Values) -> LogConfig {
        let text = |name: &str| {
            let config = topic_configs::find(name)?;
            self.topic_entry(config, own).value
        };
        let number = |name: &str| text(name).and_then(|value| value.parse().ok()).unwrap_or(-1_i64);
        let size = |name: &str| u64::try_from(number(name)).unwrap_or(0);
        let bytes = |name: &str| usize::try_from(number(name)).unwrap_or(0);
        let policy = text("cleanup.policy").unwrap_or_default();
        let compacts = list_items(&policy).any(|item| item == "compact");
        let longest_wait = number("max.compaction.lag.ms");
        LogConfig {
            segment_bytes: size("segment.bytes"),
            segment_ms: match compacts {
                true => number("segment.ms").min(longest_wait),
                false => number("segment.ms"),
            },
            index_interval_bytes: size("index.interval.bytes"),
            index_bytes: size("segment.index.bytes"),
            flush_messages: number("flush.messages"),
            flush_ms: size("flush.ms"),
            file_delete_delay_ms: size("file.delete.delay.ms"),
            retention_ms: number("retention.ms"),
            retention_bytes: number("retention.bytes"),
            max_message_bytes: bytes("max.message.bytes"),
            max_decompressed_bytes: bytes("max.decompressed.message.bytes").min(MOST_OPENED),
            deletes: list_items(&policy).any(|item| item == "delete"),
            compacts,
            delete_retention_ms: number("delete.retention.ms"),
            min_cleanable_ratio: millionths(text("min.cleanable.dirty.ratio").as_deref()),
            min_compaction_lag_ms: number("min.compaction.lag.ms"),
            max_compaction_lag_ms: longest_wait,
            log_append_time: text("message.timestamp.type").as_deref() == Some("LogAppendTime"),
            timestamp_before_max_ms: number("message.timestamp.before.max.ms"),
            timestamp_after_max_ms: number("message.timestamp.after.max.ms"),
            min_insync_replicas: bytes("min.insync.replicas"),
        }
    }

    /// The own values of a topic after `changes`: on top of those in `own`, or in place of them.
    ///
    /// # Errors
    /// When one of them is not allowed; the first is told.
    pub(crate) fn change_topic(
        &self,
        own: &Values,
        changes: &[(Arc<str>, Change)],
        replace: bool,
    ) -> Result<Values, Refused> {
        let mut changed = if replace { Values::new() } else { own.clone() };
        for (name, change) in changes {
            let config = topic_configs::find(name);
            let current = || config.and_then(|config| self.topic_entry(config, own).value);
            let unknown =
                || (ErrorCode::INVALID_CONFIG, format!("Unknown topic config name: {name}"));
            let definition = config.map(|config| &config.definition);
            apply(&mut changed, name, definition, current, change, unknown)?;
        }
        self.check_compaction_lags(&changed)?;
        Ok(changed)
    }

    fn check_compaction_lags(&self, own: &Values) -> Result<(), Refused> {
        let lag = |name: &str| {
            let entry = self.topic_entry(topic_configs::find(name)?, own);
            entry.value?.parse::<i64>().ok()
        };
        match (lag("min.compaction.lag.ms"), lag("max.compaction.lag.ms")) {
            (Some(least), Some(most)) if least > most => Err((
                ErrorCode::INVALID_CONFIG,
                format!(
                    "conflict topic config setting min.compaction.lag.ms ({least}) > \
                     max.compaction.lag.ms ({most})"
                ),
            )),
            _ => Ok(()),
        }
    }

    /// The values of `scope` after `changes`, for [`Self::set_brokers`].
    ///
    /// # Errors
    /// When one of them is not allowed; the first is told.
    pub(crate) fn change_brokers(
        &self,
        scope: Scope,
        changes: &[(Arc<str>, Change)],
        replace: bool,
    ) -> Result<Values, Refused> {
        let own = self.brokers(scope);
        let fixed: Vec<&str> = changes
            .iter()
            .filter_map(|(name, _)| broker_configs::find(name))
            .filter(|definition| !definition.dynamic)
            .map(|definition| definition.name)
            .collect();
        if !fixed.is_empty() {
            let text = format!("Cannot update these configs dynamically: [{}]", fixed.join(", "));
            return Err((ErrorCode::INVALID_REQUEST, text));
        }
        let mut changed = if replace { Values::new() } else { own.clone() };
        for (name, change) in changes {
            let definition = broker_configs::find(name);
            let current = || {
                let synonyms = self.broker_synonyms(definition?.name);
                synonyms.first().map(|synonym| synonym.value.clone())
            };
            let unknown =
                || (ErrorCode::INVALID_REQUEST, format!("Unknown broker config name: {name}"));
            apply(&mut changed, name, definition, current, change, unknown)
                .map_err(|(_, text)| (ErrorCode::INVALID_REQUEST, text))?;
        }
        Ok(changed)
    }

    /// What was set for `scope`.
    pub(crate) fn brokers(&self, scope: Scope) -> &Values {
        match scope {
            Scope::Broker => &self.broker,
            Scope::AllBrokers => &self.all_brokers,
        }
    }

    /// Puts in force what [`Self::change_brokers`] gave.
    pub(crate) fn set_brokers(&mut self, scope: Scope, values: Values) {
        match scope {
            Scope::Broker => self.broker = values,
            Scope::AllBrokers => self.all_brokers = values,
        }
    }
}

fn apply(
    values: &mut Values,
    name: &Arc<str>,
    definition: Option<&'static Definition>,
    current: impl Fn() -> Option<Arc<str>>,
    change: &Change,
    unknown: impl Fn() -> Refused,
) -> Result<(), Refused> {
    // Deleting what is not there changes nothing, whatever its name.
    if *change == Change::Delete {
        values.remove(name);
        return Ok(());
    }
    let definition = definition.ok_or_else(unknown)?;
    let listed = |operation: &str| {
        if definition.kind == super::ConfigType::List {
            let held = values.get(name).cloned().or_else(&current);
            return Ok(held.unwrap_or_default());
        }
        let text = format!("Can't {operation} to key {name} because its type is not LIST.");
        Err((ErrorCode::INVALID_CONFIG, text))
    };
    let value = match change {
        Change::Set(value) => value.to_string(),
        Change::Append(value) => match listed("APPEND")? {
            held if held.is_empty() => value.to_string(),
            held => format!("{held},{value}"),
        },
        Change::Subtract(value) => {
            let held = listed("SUBTRACT")?;
            let left = list_items(&held).filter(|item| list_items(value).all(|gone| gone != *item));
            left.collect::<Vec<_>>().join(",")
        }
        Change::Delete => return Ok(()),
    };
    let value = definition
        .validate(&value)
        .map_err(|error| (ErrorCode::INVALID_CONFIG, error.to_string()))?;
    values.insert(name.clone(), value.into());
    Ok(())
}

/// A ratio as whole millionths.
fn millionths(ratio: Option<&str>) -> u64 {
    let ratio: f64 = ratio.and_then(|text| text.trim().parse().ok()).unwrap_or(0.5);
    // Through text, because between 0 and 1 no cast can go wrong, and none is needed.
    format!("{:.0}", ratio * 1e6).parse().unwrap_or(500_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn configs() -> Configs {
        let properties = [("log.retention.hours", "2"), ("num.partitions", "4"), ("x", "1")];
        Configs::new(properties.into_iter())
    }

    fn set(name: &str, value: &str) -> Vec<(Arc<str>, Change)> {
        vec![(name.into(), Change::Set(value.into()))]
    }

    fn entry<'a>(entries: &'a [Entry], name: &str) -> &'a Entry {
        entries.iter().find(|entry| entry.definition.name == name).unwrap()
    }

    #[test]
    fn the_strongest_source_holds_and_all_are_listed() {
        let mut configs = configs();
        let none = Values::new();
        assert_eq!(configs.log_config(&none).retention_ms, 7_200_000);
        let changed =
            configs.change_brokers(Scope::Broker, &set("log.retention.ms", "9"), false).unwrap();
        configs.set_brokers(Scope::Broker, changed);
        assert_eq!(configs.log_config(&none).retention_ms, 9);
        let own = configs.change_topic(&none, &set("retention.ms", "5"), false).unwrap();
        let entries = configs.of_topic(&own);
        let retention = entry(&entries, "retention.ms");
        assert_eq!((retention.value.as_deref(), retention.source), (Some("5"), Source::Topic));
        let synonyms: Vec<_> =
            retention.synonyms.iter().map(|s| (s.name, &*s.value, s.source.code())).collect();
        let expected = [
            ("retention.ms", "5", 1),
            ("log.retention.ms", "9", 2),
            ("log.retention.hours", "2", 4),
        ];
        assert_eq!(synonyms, expected);
        assert_eq!(entry(&configs.of_broker(), "num.partitions").source, Source::Properties);
    }

    #[test]
    fn lists_grow_and_shrink_by_item() {
        let configs = configs();
        let step = |own: &Values, change| {
            configs.change_topic(own, &[("cleanup.policy".into(), change)], false).unwrap()
        };
        let both = step(&Values::new(), Change::Append("compact".into()));
        assert_eq!(&*both["cleanup.policy"], "delete,compact");
        assert_eq!(step(&both, Change::Append("compact".into())), both, "no item is there twice");
        let left = step(&both, Change::Subtract("delete".into()));
        assert_eq!(&*left["cleanup.policy"], "compact");
        assert!(configs.log_config(&left).compacts && !configs.log_config(&left).deletes);
        assert!(step(&left, Change::Delete).is_empty());
    }

    #[test]
    fn refuses_what_cannot_be_changed() {
        let configs = configs();
        let topic = |name: &str, change| {
            configs.change_topic(&Values::new(), &[(name.into(), change)], false).unwrap_err()
        };
        let (code, text) = topic("foo", Change::Set("1".into()));
        assert_eq!((code, &*text), (ErrorCode::INVALID_CONFIG, "Unknown topic config name: foo"));
        let (_, text) = topic("retention.ms", Change::Append("5".into()));
        assert_eq!(text, "Can't APPEND to key retention.ms because its type is not LIST.");
        let lag = |name: &str, value: &str| (Arc::from(name), Change::Set(value.into()));
        let lags = [lag("min.compaction.lag.ms", "50"), lag("max.compaction.lag.ms", "5")];
        let (_, text) = configs.change_topic(&Values::new(), &lags, false).unwrap_err();
        assert_eq!(
            text,
            "conflict topic config setting min.compaction.lag.ms (50) > max.compaction.lag.ms (5)"
        );
    }

    #[test]
    fn configs_read_at_start_cannot_be_changed_later() {
        let change = set("node.id", "5");
        let (code, text) = configs().change_brokers(Scope::Broker, &change, false).unwrap_err();
        assert_eq!(code, ErrorCode::INVALID_REQUEST);
        assert_eq!(text, "Cannot update these configs dynamically: [node.id]");
        let change = set("log.retention.bytes", "abc");
        let (code, text) = configs().change_brokers(Scope::AllBrokers, &change, false).unwrap_err();
        assert_eq!(code, ErrorCode::INVALID_REQUEST);
        assert!(text.ends_with("log.retention.bytes: Not a number of type LONG"), "{text}");
    }
}

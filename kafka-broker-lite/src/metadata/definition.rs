//! What a config is: its name, type, default, and which values it takes.

use std::fmt;

/// The type of a config's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ConfigType {
    Boolean,
    String,
    Int,
    Long,
    Double,
    List,
}

impl ConfigType {
    /// Its number in DescribeConfigs.
    pub(crate) fn code(self) -> i8 {
        match self {
            Self::Boolean => 1,
            Self::String => 2,
            Self::Int => 3,
            Self::Long => 5,
            Self::Double => 6,
            Self::List => 7,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Boolean => "BOOLEAN",
            Self::String => "STRING",
            Self::Int => "INT",
            Self::Long => "LONG",
            Self::Double => "DOUBLE",
            Self::List => "LIST",
        }
    }
}

/// Which values of its type a config takes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Rule {
    Any,
    AtLeast(i64),
    Between(i64, i64),
    /// A compression level: in the range, or -1 for the codec's own.
    LevelOrDefault(i64, i64),
    /// From 0 to 1.
    Ratio,
    /// One of these words, or for a list nothing but them.
    Words(&'static [&'static str]),
    /// `partition:broker` pairs, or `*`.
    ThrottledReplicas,
    /// Only this value, since what others ask for is not served; the text says so.
    Only(&'static str, &'static str),
}

/// A config that topics or brokers have.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Definition {
    pub(crate) name: &'static str,
    pub(crate) kind: ConfigType,
    pub(crate) default: Option<&'static str>,
    pub(crate) rule: Rule,
    /// Whether it can be changed while the broker runs.
    pub(crate) dynamic: bool,
    pub(crate) doc: &'static str,
}

/// A value that a config does not take.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct InvalidValue(String);

impl fmt::Display for InvalidValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Definition {
    /// The value as it is kept, without the space around it.
    ///
    /// # Errors
    /// When the config does not take it.
    pub(crate) fn validate(&self, value: &str) -> Result<String, InvalidValue> {
        let value = value.trim();
        let fail = |shown: &str, why: &str| {
            let name = self.name;
            InvalidValue(format!("Invalid value {shown} for configuration {name}: {why}"))
        };
        let not_a_number = || fail(value, &format!("Not a number of type {}", self.kind.name()));
        match self.kind {
            ConfigType::Boolean => {
                if !value.eq_ignore_ascii_case("true") && !value.eq_ignore_ascii_case("false") {
                    return Err(fail(value, "Expected value to be either true or false"));
                }
                let value = value.to_ascii_lowercase();
                match self.rule {
                    Rule::Only(allowed, why) if value != allowed => {
                        Err(InvalidValue(why.to_owned()))
                    }
                    _ => Ok(value),
                }
            }
            ConfigType::Int | ConfigType::Long => {
                let number: i64 = value.parse().map_err(|_| not_a_number())?;
                if self.kind == ConfigType::Int && i32::try_from(number).is_err() {
                    return Err(not_a_number());
                }
                self.rule.check_number(number).map_err(|why| fail(value, &why))?;
                Ok(number.to_string())
            }
            ConfigType::Double => {
                let number: f64 = value.parse().map_err(|_| not_a_number())?;
                let shown = format!("{number:?}");
                match self.rule {
                    Rule::Ratio if number < 0.0 => Err(fail(&shown, "Value must be at least 0")),
                    Rule::Ratio if number > 1.0 => {
                        Err(fail(&shown, "Value must be no more than 1"))
                    }
                    _ => Ok(shown),
                }
            }
            ConfigType::String => match self.rule {
                Rule::Words(words) if !words.contains(&value) => Err(fail(value, &one_of(words))),
                _ => Ok(value.to_owned()),
            },
            ConfigType::List => self.validate_list(value),
        }
    }

    fn validate_list(&self, value: &str) -> Result<String, InvalidValue> {
        let mut items: Vec<&str> = Vec::new();
        if !value.is_empty() && value.split(',').any(|item| item.trim().is_empty()) {
            let name = self.name;
            return Err(InvalidValue(format!("Configuration '{name}' values must not be empty.")));
        }
        for item in list_items(value) {
            let why = match self.rule {
                Rule::Words(words) if !words.contains(&item) => one_of(words),
                Rule::ThrottledReplicas if item != "*" && !is_replica(item) => {
                    "must be the literal '*' or a list of replicas in the following format: \
                     [partitionId]:[brokerId],[partitionId]:[brokerId],..."
                        .to_owned()
                }
                _ => {
                    if !items.contains(&item) {
                        items.push(item);
                    }
                    continue;
                }
            };
            let name = self.name;
            return Err(InvalidValue(format!(
                "Invalid value {item} for configuration {name}: {why}"
            )));
        }
        Ok(items.join(","))
    }
}

impl Rule {
    fn check_number(self, number: i64) -> Result<(), String> {
        match self {
            Self::AtLeast(least) | Self::Between(least, _) if number < least => {
                Err(format!("Value must be at least {least}"))
            }
            Self::Between(_, most) if number > most => {
                Err(format!("Value must be no more than {most}"))
            }
            Self::LevelOrDefault(least, most)
                if number != -1 && !(least..=most).contains(&number) =>
            {
                Err(format!("Value must be between {least} and {most} or equal to -1"))
            }
            _ => Ok(()),
        }
    }
}

/// The items of a list's text.
pub(crate) fn list_items(value: &str) -> impl Iterator<Item = &str> {
    value.split(',').map(str::trim).filter(|item| !item.is_empty())
}

fn one_of(words: &[&str]) -> String {
    format!("String must be one of: {}", words.join(", "))
}

fn is_replica(item: &str) -> bool {
    item.split_once(':').is_some_and(|(partition, broker)| {
        partition.parse::<u32>().is_ok() && broker.parse::<u32>().is_ok()
    })
}

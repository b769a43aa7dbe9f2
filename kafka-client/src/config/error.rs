//! What is wrong with a setting, and what was ignored.

use crate::error::{Error, ErrorKind};
use kafka_proto::settings::{PropertyError, ValueError};
use std::fmt;

/// A setting that is wrong: which, where, what is allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError(Box<(Reason, Option<usize>)>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Reason {
    /// Not a properties text.
    Text(PropertyError),
    /// No role of Kafka has such a setting.
    Unknown { key: String, nearest: Option<&'static str> },
    /// The setting exists, but not where it was set.
    Misplaced { key: String, config: &'static str },
    /// The value is not allowed.
    Value { key: &'static str, value: String, allowed: ValueError },
    /// Kafka has it and this client has not.
    Refused { key: String, value: String, reason: &'static str },
}

/// How much of a wrong value an error shows.
const MAX_VALUE_SHOWN: usize = 100;

impl ConfigError {
    fn new(reason: Reason) -> Self {
        Self(Box::new((reason, None)))
    }

    pub(super) fn unknown(key: &str, nearest: Option<&'static str>) -> Self {
        Self::new(Reason::Unknown { key: shown(key), nearest })
    }

    pub(super) fn misplaced(key: &str, config: &'static str) -> Self {
        Self::new(Reason::Misplaced { key: key.to_owned(), config })
    }

    pub(crate) fn value(key: &'static str, value: &str, allowed: ValueError) -> Self {
        Self::new(Reason::Value { key, value: shown(value), allowed })
    }

    pub(super) fn refused(key: &str, value: &str, reason: &'static str) -> Self {
        Self::new(Reason::Refused { key: shown(key), value: shown(value), reason })
    }

    pub(super) fn at_line(mut self, line: usize) -> Self {
        self.0.1 = Some(line);
        self
    }

    /// Kafka's name of the setting; `None` if the text could not be read so far.
    pub fn key(&self) -> Option<&str> {
        match &self.0.0 {
            Reason::Text(_) => None,
            Reason::Unknown { key, .. }
            | Reason::Misplaced { key, .. }
            | Reason::Refused { key, .. } => Some(key),
            Reason::Value { key, .. } => Some(key),
        }
    }

    /// The line of the properties text, counted from 1, if it came from one.
    pub fn line(&self) -> Option<usize> {
        match &self.0.0 {
            Reason::Text(error) => Some(error.line),
            _ => self.0.1,
        }
    }
}

fn shown(value: &str) -> String {
    match value.char_indices().nth(MAX_VALUE_SHOWN) {
        Some((end, _)) => format!("{}…", &value[..end]),
        None => value.to_owned(),
    }
}

/// ` (line 3)`, if it is known.
struct Line(Option<usize>);

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |line| write!(f, " (line {line})"))
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (reason, line) = &*self.0;
        let line = Line(*line);
        match reason {
            Reason::Text(error) => write!(f, "not a properties text: {error}"),
            Reason::Unknown { key, nearest: Some(nearest) } => {
                write!(f, "unknown setting {key:?}{line}: did you mean {nearest:?}?")
            }
            Reason::Unknown { key, nearest: None } => {
                write!(f, "unknown setting {key:?}{line}: no Kafka client has one of this name")
            }
            Reason::Misplaced { key, config } => {
                write!(f, "{key}{line}: is a setting of {config}, set it there")
            }
            Reason::Value { key, value, allowed } => write!(f, "{key}={value}{line}: {allowed}"),
            Reason::Refused { key, value, reason } => write!(f, "{key}={value}{line}: {reason}"),
        }
    }
}

impl std::error::Error for ConfigError {}

impl From<PropertyError> for ConfigError {
    fn from(error: PropertyError) -> Self {
        Self::new(Reason::Text(error))
    }
}

impl From<ConfigError> for Error {
    fn from(error: ConfigError) -> Self {
        Self::new(ErrorKind::Invalid, "read the settings", error.to_string()).with_source(error)
    }
}

/// A setting of Kafka that was set and has no effect here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigWarning {
    key: String,
    line: Option<usize>,
    reason: &'static str,
}

impl ConfigWarning {
    pub(super) fn new(key: &str, line: Option<usize>, reason: &'static str) -> Self {
        Self { key: key.to_owned(), line, reason }
    }

    /// Kafka's name of the setting.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Why it has no effect.
    pub fn reason(&self) -> &str {
        self.reason
    }
}

impl fmt::Display for ConfigWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{} is ignored: {}", self.key, Line(self.line), self.reason)
    }
}

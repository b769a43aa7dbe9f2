//! One properties text for all roles, and single settings by name.

use super::keys::{Role, Verdict};
use super::{ClientConfig, ConfigError, ConfigWarning, ConsumerConfig, ProducerConfig};
use super::{Settings, keys};
use kafka_proto::settings::{Properties, nearest};

/// The configs of all roles, as one text sets them.
#[derive(Default)]
struct Roles {
    client: ClientConfig,
    producer: ProducerConfig,
    consumer: ConsumerConfig,
}

impl Roles {
    fn read(text: &str) -> Result<(Self, Vec<(Role, ConfigWarning)>), ConfigError> {
        let mut roles = Self::default();
        let mut warnings = Vec::new();
        for property in &Properties::parse(text)? {
            let (key, value) = keys::translate(&property.key, &property.value);
            let assigned = roles
                .client
                .assign(key, value)
                .or_else(|| roles.producer.assign(key, value))
                .or_else(|| roles.consumer.assign(key, value));
            match assigned {
                Some(result) => result,
                None => {
                    judge(key, value, Some(property.line)).map(|warning| warnings.extend(warning))
                }
            }
            .map_err(|error| error.at_line(property.line))?;
        }
        Ok((roles, warnings))
    }
}

/// Reads one role's settings from a text of all roles; the others' are checked too.
fn read<C: Settings>(text: &str, take: fn(Roles) -> C) -> Result<C, ConfigError> {
    let (roles, warnings) = Roles::read(text)?;
    roles.client.validate()?;
    roles.producer.validate(&roles.client)?;
    roles.consumer.validate()?;
    let mut config = take(roles);
    for (role, warning) in warnings {
        // The others' are theirs to say, or a text that all roles read would warn of all things three times.
        if role == C::ROLE {
            config.warn(warning);
        }
    }
    Ok(config)
}

/// What to say of a name that is no setting of any role.
fn judge(
    key: &str,
    value: &str,
    line: Option<usize>,
) -> Result<Option<(Role, ConfigWarning)>, ConfigError> {
    let Some(other) = keys::other(key) else {
        return Err(ConfigError::unknown(key, nearest(key, keys::known())));
    };
    if other.passes(value) {
        return Ok(None);
    }
    match other.verdict {
        Verdict::Refused => Err(ConfigError::refused(key, value, other.reason)),
        Verdict::Ignored => Ok(Some((other.role, ConfigWarning::new(key, line, other.reason)))),
    }
}

/// Sets one setting by name. Unlike in a text, a name of another role is an error: it would go nowhere.
pub(super) fn set<C: Settings>(mut config: C, key: &str, value: &str) -> Result<C, ConfigError> {
    let (key, value) = keys::translate(key, value);
    if let Some(assigned) = config.assign(key, value) {
        return assigned.map(|()| config);
    }
    let owners = [
        (Role::Client, ClientConfig::KEYS),
        (Role::Producer, ProducerConfig::KEYS),
        (Role::Consumer, ConsumerConfig::KEYS),
    ];
    if let Some((owner, _)) = owners.iter().find(|(_, keys)| keys.contains(&key)) {
        return Err(ConfigError::misplaced(key, owner.config()));
    }
    if let Some((_, warning)) = judge(key, value, None)? {
        config.warn(warning);
    }
    Ok(config)
}

impl ClientConfig {
    /// Reads the client's settings from a properties text, which may have those of producers and consumers too.
    ///
    /// # Errors
    /// If it is not a properties text, a name is unknown, or a value is not allowed; whichever role it is of.
    pub fn from_properties(text: &str) -> Result<Self, ConfigError> {
        read(text, |roles| roles.client)
    }
}

impl ProducerConfig {
    /// Reads the producer's settings from a properties text, which may have those of client and consumers too.
    ///
    /// # Errors
    /// If it is not a properties text, a name is unknown, or a value is not allowed; whichever role it is of.
    pub fn from_properties(text: &str) -> Result<Self, ConfigError> {
        read(text, |roles| roles.producer)
    }
}

impl ConsumerConfig {
    /// Reads the consumer's settings from a properties text, which may have those of client and producers too.
    ///
    /// # Errors
    /// If it is not a properties text, a name is unknown, or a value is not allowed; whichever role it is of.
    pub fn from_properties(text: &str) -> Result<Self, ConfigError> {
        read(text, |roles| roles.consumer)
    }
}

#[cfg(test)]
mod tests;

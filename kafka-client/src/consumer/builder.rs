//! Makes a consumer.

use super::assignor::{self, Assignor};
use super::{Consumer, Settings};
use crate::client::Client;
use crate::config::{ConfigError, ConsumerConfig, GroupProtocol};
use crate::error::{Error, ErrorKind, Result};
use std::sync::Arc;

/// Makes a consumer that differs from the usual one in more than settings.
#[derive(Debug)]
pub struct ConsumerBuilder {
    client: Client,
    config: ConsumerConfig,
    assignors: Option<Vec<Arc<dyn Assignor>>>,
}

impl ConsumerBuilder {
    pub(crate) const fn new(client: Client, config: ConsumerConfig) -> Self {
        Self { client, config, assignors: None }
    }

    /// How the members of the group share partitions out, best first, in place of `partition.assignment.strategy`.
    #[must_use]
    pub fn assignors(mut self, assignors: impl IntoIterator<Item = Arc<dyn Assignor>>) -> Self {
        self.assignors = Some(assignors.into_iter().collect());
        self
    }

    /// The consumer. Must be called within a tokio runtime, where its task will live.
    ///
    /// # Errors
    /// When settings contradict one another, or one asks for what this version has not.
    pub fn build(self) -> Result<Consumer> {
        let Self { client, config, assignors } = self;
        let asked = "make a consumer";
        let invalid =
            |e: ConfigError| Error::new(ErrorKind::Invalid, asked, e.to_string()).with_source(e);
        config.validate().map_err(invalid)?;
        if config.group.is_some() && config.group_protocol == GroupProtocol::Consumer {
            let reason = "this version speaks the classic protocol of groups only; leave \
                          group.protocol=consumer out";
            return Err(Error::new(ErrorKind::Unsupported, asked, reason));
        }
        let assignors = match assignors {
            Some(assignors) if assignors.is_empty() => {
                return Err(Error::new(ErrorKind::Invalid, asked, "no assignor is given"));
            }
            Some(assignors) => assignors,
            None => assignor::named(&config.partition_assignment_strategy).map_err(invalid)?,
        };
        let settings = Settings::new(client.config(), &config);
        Ok(Consumer::new(client, settings, assignors))
    }
}

//! The settings of a command: its own, then those of a file, then those of the command line; later ones win.

use crate::failure::{Failure, Outcome, warn};
use kafka_client::config::{ClientConfig, ConfigWarning, ConsumerConfig, ProducerConfig};
use kafka_client::{Admin, Client};
use std::fmt::Write;
use std::path::PathBuf;

/// Where the cluster is, and with which settings to speak to it.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct Connect {
    /// Brokers to begin with, host:port, several separated by commas [default: localhost:9092]
    #[arg(
        long,
        short = 'b',
        value_name = "HOST:PORT",
        aliases = ["bootstrap-servers", "broker-list"],
        help_heading = "Connection"
    )]
    bootstrap_server: Option<String>,
    /// A properties file with Kafka's settings of clients
    #[arg(
        long,
        value_name = "FILE",
        aliases = ["producer.config", "consumer.config"],
        help_heading = "Connection"
    )]
    command_config: Option<PathBuf>,
    /// A setting, over those of the file; may be repeated
    #[arg(
        long,
        value_name = "KEY=VALUE",
        value_parser = pair,
        aliases = ["producer-property", "consumer-property"],
        help_heading = "Connection"
    )]
    command_property: Vec<(String, String)>,
}

/// Reads `KEY=VALUE`.
pub(crate) fn pair(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("expected KEY=VALUE")?;
    if key.trim().is_empty() {
        return Err("expected a key before the =".to_owned());
    }
    Ok((key.trim().to_owned(), value.to_owned()))
}

/// Everything that was set, as one properties text for all roles.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    text: String,
}

impl Connect {
    /// The settings, over `defaults`, which are the command's.
    pub(crate) fn settings(&self, defaults: &[(&str, &str)]) -> Outcome<Settings> {
        let mut settings = Settings { text: String::new() };
        settings.set("bootstrap.servers", "localhost:9092");
        for (key, value) in defaults {
            settings.set(key, value);
        }
        if let Some(path) = &self.command_config {
            let text = std::fs::read_to_string(path)
                .map_err(|error| Failure::of(format_args!("read {}", path.display()), error))?;
            settings.text += &text;
            settings.text.push('\n');
        }
        for (key, value) in &self.command_property {
            settings.set(key, value);
        }
        if let Some(servers) = &self.bootstrap_server {
            settings.set("bootstrap.servers", servers);
        }
        Ok(settings)
    }

    /// What manages the cluster.
    pub(crate) async fn admin(&self, client_id: &str) -> Outcome<Admin> {
        Ok(self.settings(&[("client.id", client_id)])?.client().await?.admin())
    }
}

impl Settings {
    /// Sets one more, over what is there.
    pub(crate) fn set(&mut self, key: &str, value: &str) {
        // Writing to a string does not fail.
        let _ = writeln!(self.text, "{}={}", escaped(key), escaped(value));
    }

    /// Sets one more, if it is given.
    pub(crate) fn set_some(&mut self, key: &str, value: Option<&impl ToString>) {
        if let Some(value) = value {
            self.set(key, &value.to_string());
        }
    }

    /// A client.
    pub(crate) async fn client(&self) -> Outcome<Client> {
        let config = ClientConfig::from_properties(&self.text).map_err(wrong)?;
        tell(config.warnings());
        Ok(Client::builder(config).connect().await?)
    }

    /// The producer's part.
    pub(crate) fn producer(&self) -> Outcome<ProducerConfig> {
        let config = ProducerConfig::from_properties(&self.text).map_err(wrong)?;
        tell(config.warnings());
        Ok(config)
    }

    /// The consumer's part.
    pub(crate) fn consumer(&self) -> Outcome<ConsumerConfig> {
        let config = ConsumerConfig::from_properties(&self.text).map_err(wrong)?;
        tell(config.warnings());
        Ok(config)
    }

    /// The value that `key` has in the end.
    pub(crate) fn get(&self, key: &str) -> Option<String> {
        let properties = kafka_proto::settings::Properties::parse(&self.text).ok()?;
        properties.value(key).map(str::to_owned)
    }
}

/// The line is of no text that the user knows, so it is left out.
fn wrong(error: kafka_client::config::ConfigError) -> Failure {
    let text = error.to_string();
    let line = error.line().map(|line| format!(" (line {line})")).unwrap_or_default();
    Failure::Usage(text.replacen(&line, "", 1))
}

fn tell(warnings: &[ConfigWarning]) {
    warnings.iter().for_each(warn);
}

/// So that a properties text gives it back as it is.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => escaped += "\\n",
            '\r' => escaped += "\\r",
            '\t' => escaped += "\\t",
            '\\' | '=' | ':' | '#' | '!' | ' ' => escaped.extend(['\\', c]),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn later_settings_win_and_come_through_as_they_are() {
        let connect = Connect {
            command_property: vec![("client.id".into(), " a=b:c\\ \t#".into())],
            ..Connect::default()
        };
        let mut settings = connect.settings(&[("client.id", "console")]).unwrap();
        assert_eq!(settings.get("client.id").unwrap(), " a=b:c\\ \t#");
        assert_eq!(settings.get("bootstrap.servers").unwrap(), "localhost:9092");
        settings.set("acks", "1");
        settings.set_some("linger.ms", None::<&u32>);
        assert_eq!(settings.producer().unwrap().get("acks").unwrap(), "1");
        assert!(!settings.producer().unwrap().is_set("linger.ms"));
    }

    #[test]
    fn an_unknown_setting_is_told_without_a_line_that_nobody_wrote() {
        let mut settings = Connect::default().settings(&[]).unwrap();
        settings.set("bach.size", "1");
        let Err(Failure::Usage(text)) = settings.producer() else { panic!("it was taken") };
        assert_eq!(text, r#"unknown setting "bach.size": did you mean "batch.size"?"#);
    }

    #[test]
    fn a_pair_has_a_key() {
        assert_eq!(pair("a=b=c").unwrap(), ("a".to_owned(), "b=c".to_owned()));
        assert_eq!(pair("a=").unwrap(), ("a".to_owned(), String::new()));
        assert!(pair("=b").is_err() && pair("a").is_err());
    }
}

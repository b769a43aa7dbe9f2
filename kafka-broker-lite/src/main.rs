//! The broker as a program, in the form of Kafka's own start script.

use kafka_broker_lite::Cluster;
use kafka_broker_lite::config::BrokerConfig;
use kafka_broker_lite::trace::Lines;
use kafka_proto::settings::Properties;
use std::fmt;
use std::process::ExitCode;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing::Level;

const HELP: &str = "\
Usage: kafka-broker-lite [server.properties] [--override KEY=VALUE]...

Runs one Kafka broker. Settings have Kafka's names and defaults; without any it
listens at port 9092 and keeps its logs in /tmp/kafka-logs.

  --override KEY=VALUE  sets one setting, over the file
  --help                prints this
  --version             prints the version
";

/// What the command line asks for.
#[derive(Debug, PartialEq, Eq)]
enum Command {
    Run { file: Option<String>, overrides: Vec<(String, String)> },
    Help,
    Version,
}

fn main() -> ExitCode {
    let command = match parse(std::env::args().skip(1)) {
        Ok(command) => command,
        Err(error) => {
            eprintln!("kafka-broker-lite: {error}\n\n{HELP}");
            return ExitCode::from(2);
        }
    };
    let result = match command {
        Command::Help => {
            print!("{HELP}");
            Ok(())
        }
        Command::Version => {
            println!("kafka-broker-lite {}", env!("CARGO_PKG_VERSION"));
            Ok(())
        }
        Command::Run { file, overrides } => start(file.as_deref(), &overrides),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("kafka-broker-lite: {error}");
            ExitCode::FAILURE
        }
    }
}

fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Command, String> {
    let (mut file, mut overrides) = (None, Vec::new());
    while let Some(argument) = arguments.next() {
        let pair = match &*argument {
            "--help" | "-h" => return Ok(Command::Help),
            "--version" => return Ok(Command::Version),
            "--override" => arguments.next().ok_or("--override needs KEY=VALUE behind it")?,
            option if option.starts_with("--override=") => {
                option.trim_start_matches("--override=").to_owned()
            }
            option if option.starts_with('-') => return Err(format!("unknown option {option}")),
            _ if file.is_none() => {
                file = Some(argument);
                continue;
            }
            _ => return Err(format!("one properties file is enough, what is {argument:?}?")),
        };
        let (key, value) = pair
            .split_once('=')
            .ok_or_else(|| format!("--override needs KEY=VALUE behind it, not {pair:?}"))?;
        overrides.push((key.trim().to_owned(), value.to_owned()));
    }
    Ok(Command::Run { file, overrides })
}

fn start(file: Option<&str>, overrides: &[(String, String)]) -> Result<(), String> {
    let config = read(file, overrides)?;
    config.warnings().iter().for_each(|warning| eprintln!("warning: {warning}"));
    let _set_only_here = tracing::subscriber::set_global_default(Lines(tell));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("no runtime: {error}"))?;
    runtime.block_on(run(config))
}

fn read(file: Option<&str>, overrides: &[(String, String)]) -> Result<BrokerConfig, String> {
    let properties = match file {
        Some(path) => {
            let in_file = |error: &dyn fmt::Display| format!("{path}: {error}");
            let text = std::fs::read_to_string(path).map_err(|error| in_file(&error))?;
            Properties::parse(&text).map_err(|error| in_file(&error))?
        }
        None => Properties::default(),
    };
    let given = properties.iter().map(|property| (&*property.key, &*property.value));
    let over = overrides.iter().map(|(key, value)| (&**key, &**value));
    BrokerConfig::from_pairs(given.chain(over)).map_err(|error| error.to_string())
}

async fn run(config: BrokerConfig) -> Result<(), String> {
    // Signals count from here on, so that one which comes while the broker starts is not lost.
    let listen = |kind| signal(kind).map_err(|error| format!("no signals: {error}"));
    let mut terminate = listen(SignalKind::terminate())?;
    let mut interrupt = listen(SignalKind::interrupt())?;
    let cluster = Cluster::start(config).await.map_err(|error| error.to_string())?;
    let addresses: Vec<_> =
        cluster.addresses().iter().map(|(name, address)| format!("{name}://{address}")).collect();
    println!("kafka-broker-lite is ready at {}", addresses.join(", "));
    stopped(&mut terminate, &mut interrupt).await;
    cluster.shutdown().await;
    println!("kafka-broker-lite has stopped");
    Ok(())
}

/// Prints a warning or an error.
fn tell(level: Level, line: &str) {
    let level = if level == Level::ERROR { "error" } else { "warning" };
    eprintln!("{level}: {line}");
}

async fn stopped(terminate: &mut Signal, interrupt: &mut Signal) {
    tokio::select! {
        biased;
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(arguments: &[&str]) -> Result<Command, String> {
        parse(arguments.iter().map(|argument| (*argument).to_owned()))
    }

    #[test]
    fn a_file_and_what_is_laid_over_it() {
        let run = parsed(&["--override", "a=1=2", "server.properties", "--override=b="]).unwrap();
        let overrides = [("a", "1=2"), ("b", "")].map(|(k, v)| (k.to_owned(), v.to_owned()));
        let file = Some("server.properties".to_owned());
        assert_eq!(run, Command::Run { file, overrides: overrides.into() });
        assert_eq!(parsed(&["x", "--help"]), Ok(Command::Help));
        assert_eq!(parsed(&["--version"]), Ok(Command::Version));
    }

    #[test]
    fn bad_arguments_are_named() {
        let error = |arguments: &[&str]| parsed(arguments).unwrap_err();
        assert_eq!(error(&["--port", "1"]), "unknown option --port");
        assert_eq!(error(&["--override"]), "--override needs KEY=VALUE behind it");
        assert_eq!(error(&["--override", "a"]), "--override needs KEY=VALUE behind it, not \"a\"");
        assert_eq!(error(&["a", "b"]), "one properties file is enough, what is \"b\"?");
    }
}

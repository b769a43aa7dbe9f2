//! `kt`: Kafka's tools in one program, with their own flags and output.

mod broker;
mod clock;
mod cluster;
mod configs;
mod console_consumer;
mod console_producer;
mod consumer_groups;
mod decode;
mod failure;
mod guide;
mod kcat;
mod lines;
mod message;
mod moment;
mod offsets;
mod output;
mod perf;
mod settings;
mod stop;
mod topics;
mod values;

use clap::{CommandFactory, Parser, Subcommand};
use failure::{Failure, Outcome};
use output::{Format, Out};
use std::io::Write;
use std::process::ExitCode;
use stop::Stop;

/// Kafka's tools in one program
///
/// `kt help` shows a first session, `kt help COMMAND` everything about a command.
#[derive(Debug, Parser)]
#[command(name = "kt", version, disable_help_subcommand = true, infer_long_args = true)]
struct Cli {
    /// How results are written
    #[arg(long, global = true, value_enum, default_value_t, value_name = "FORMAT")]
    output: Format,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Create, list, describe, grow and delete topics
    Topics(Box<topics::Topics>),
    /// Send each line of the standard input as a record
    ConsoleProducer(Box<console_producer::ConsoleProducer>),
    /// Print the records of a topic
    ConsoleConsumer(Box<console_consumer::ConsoleConsumer>),
    /// List, describe, reset and delete groups
    ConsumerGroups(Box<consumer_groups::ConsumerGroups>),
    /// Show and change the configs of topics, brokers and groups
    Configs(Box<configs::Configs>),
    /// Show offsets of partitions: the ends, or what was there at a time
    GetOffsets(offsets::GetOffsets),
    /// Delete the records at the start of partitions
    DeleteRecords(offsets::DeleteRecords),
    /// Show the cluster's id and its brokers
    Cluster(cluster::Cluster),
    /// Show which APIs each broker serves, beside what we speak
    BrokerApiVersions(cluster::BrokerApiVersions),
    /// Measure how fast records are produced or consumed
    Perf(perf::Perf),
    /// Print frames and log segments in readable form
    Decode(decode::Decode),
    /// Run a broker until Ctrl-C
    Broker(broker::Broker),
    /// Print what a shell needs to complete commands and flags
    Completions {
        /// The shell
        #[arg(value_enum)]
        shell: clap_complete::Shell,
    },
    /// Show how to begin, or explain a command
    Help(guide::Help),
}

/// What a command works with.
struct Kt {
    out: Out,
    stop: Stop,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.tell(),
    }
}

fn run(cli: Cli) -> Outcome {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.worker_threads(2).enable_all().build();
    let runtime = runtime.map_err(|error| Failure::of("start", error))?;
    let done = runtime.block_on(async {
        let mut kt = Kt { out: Out::new(cli.output), stop: Stop::listen()? };
        let done = dispatch(cli.command, &mut kt).await;
        let flushed = kt.out.flush();
        done.and(flushed)
    });
    // A thread may still wait for the standard input.
    runtime.shutdown_background();
    done
}

async fn dispatch(command: Command, kt: &mut Kt) -> Outcome {
    let stop = kt.stop.clone();
    let out = &mut kt.out;
    match command {
        Command::Topics(topics) => stop.or(Box::pin(topics.run(out))).await,
        Command::ConsumerGroups(groups) => stop.or(Box::pin(groups.run(out))).await,
        Command::Configs(configs) => stop.or(Box::pin(configs.run(out))).await,
        Command::GetOffsets(offsets) => stop.or(Box::pin(offsets.run(out))).await,
        Command::DeleteRecords(records) => stop.or(Box::pin(records.run(out))).await,
        Command::Cluster(cluster) => stop.or(Box::pin(cluster.run(out))).await,
        Command::BrokerApiVersions(versions) => stop.or(Box::pin(versions.run(out))).await,
        Command::ConsoleProducer(producer) => Box::pin(producer.run(kt)).await,
        Command::ConsoleConsumer(consumer) => Box::pin(consumer.run(kt)).await,
        Command::Perf(perf) => perf.run(kt).await,
        Command::Decode(decode) => decode.run(out),
        Command::Broker(broker) => broker.run(kt).await,
        Command::Completions { shell } => {
            // Into memory first: the generator does not tell when a write fails.
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "kt", &mut script);
            Ok(out.raw().write_all(&script)?)
        }
        Command::Help(help) => help.run(out, Cli::command()),
    }
}

//! `kt`: Kafka's tools in one program, with their own flags and output.

mod broker;
mod clock;
mod console_consumer;
mod console_producer;
mod consumer_groups;
mod failure;
mod guide;
mod kcat;
mod lines;
mod message;
mod output;
mod settings;
mod stop;
mod topics;
mod trace;
mod values;

use clap::{CommandFactory, Parser, Subcommand};
use failure::{Failure, Outcome};
use output::{Format, Out};
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
    /// Run a broker until Ctrl-C
    Broker(broker::Broker),
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
    match command {
        Command::Topics(topics) => {
            let stop = kt.stop.clone();
            stop.or(Box::pin(topics.run(&mut kt.out))).await
        }
        Command::ConsumerGroups(groups) => {
            let stop = kt.stop.clone();
            stop.or(Box::pin(groups.run(&mut kt.out))).await
        }
        Command::ConsoleProducer(producer) => Box::pin(producer.run(kt)).await,
        Command::ConsoleConsumer(consumer) => Box::pin(consumer.run(kt)).await,
        Command::Broker(broker) => broker.run(kt).await,
        Command::Help(help) => help.run(&mut kt.out, Cli::command()),
    }
}

//! `kt perf`, as kafka-producer-perf-test and kafka-consumer-perf-test.

mod consume;
mod live;
mod produce;
mod stats;

use crate::Kt;
use crate::failure::Outcome;

/// Measure how fast records are produced or consumed
#[derive(Debug, clap::Args)]
pub(crate) struct Perf {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Send records as fast as they go, or at a steady rate
    #[command(alias = "producer-perf-test")]
    Produce(Box<produce::Produce>),
    /// Read records as fast as they come
    #[command(alias = "consumer-perf-test")]
    Consume(Box<consume::Consume>),
}

impl Perf {
    pub(crate) async fn run(&self, kt: &mut Kt) -> Outcome {
        match &self.command {
            Command::Produce(produce) => Box::pin(produce.run(kt)).await,
            Command::Consume(consume) => Box::pin(consume.run(kt)).await,
        }
    }
}

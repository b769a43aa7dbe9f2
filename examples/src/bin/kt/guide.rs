//! `kt help`: how to begin, or all about one command.

use crate::failure::{Failure, Outcome};
use crate::output::Out;
use std::io::Write;

/// Show how to begin, or explain a command
#[derive(Debug, clap::Args)]
pub(crate) struct Help {
    /// The command to explain
    #[arg(value_name = "COMMAND")]
    command: Vec<String>,
}

const GUIDE: &str = "\
kt: Kafka's tools in one program, for any Kafka from 2.1 on.

A first session, each part in a terminal of its own:

  kt broker                                        a broker at localhost:9092
  kt topics --create --topic orders --partitions 2
  kt console-producer --topic orders               type lines, Ctrl-D ends
  kt console-consumer --topic orders --from-beginning
  kt console-consumer --topic orders --group bills start two: they share the partitions
  kt consumer-groups --describe --group bills      who has which partition, and the lag

Commands and flags are those of Kafka's own tools, of Kafka 3 and 4 alike:

";

const REST: &str = "
Everywhere:
  --bootstrap-server HOST:PORT  brokers to begin with; localhost:9092 if there is none
  --command-config FILE         Kafka's settings of clients, as a properties file
  --command-property KEY=VALUE  one setting, over those of the file
  --output table|json|plain     as Kafka prints it; a JSON value a line; values and tabs

Exit codes: 0 done (also when Ctrl-C ends what has no end of its own), 1 it failed,
2 what was asked makes no sense, 130 ended by Ctrl-C before it was done.

kt help COMMAND explains a command, kt COMMAND --help does too.
";

impl Help {
    pub(crate) fn run(&self, out: &mut Out, mut all: clap::Command) -> Outcome {
        all.build();
        if self.command.is_empty() {
            out.raw().write_all(GUIDE.as_bytes())?;
            for command in all.get_subcommands().filter(|command| !command.is_hide_set()) {
                let about = command.get_about().map(ToString::to_string).unwrap_or_default();
                out.line(format_args!("  {:<22} {about}", command.get_name()))?;
            }
            out.raw().write_all(REST.as_bytes())?;
            return Ok(());
        }
        let mut found = &mut all;
        for name in &self.command {
            found = found.find_subcommand_mut(name).ok_or_else(|| {
                Failure::Usage(format!("there is no command {name:?}; kt help lists all"))
            })?;
        }
        let help = found.render_long_help();
        write!(out.raw(), "{help}")?;
        Ok(())
    }
}

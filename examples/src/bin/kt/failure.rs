//! What ends a command, and the exit code that tells.

use std::fmt::Display;
use std::io;
use std::process::ExitCode;

/// What a command comes to.
pub(crate) type Outcome<T = ()> = Result<T, Failure>;

/// Why a command ends before it is done.
#[derive(Debug)]
pub(crate) enum Failure {
    /// What was asked makes no sense.
    Usage(String),
    /// It did not work, for this reason.
    Failed(String),
    /// Parts of it did not work, and each was told already.
    Told,
    /// Whoever reads the output wants no more of it.
    Pipe,
    /// A person or the system asked for the end.
    Interrupted,
}

impl Failure {
    /// The reason `error`, met while doing what `what` says.
    pub(crate) fn of(what: impl Display, error: impl Display) -> Self {
        Self::Failed(format!("{what}: {error}"))
    }

    /// Tells the reason, if that is still to be done, and gives the exit code.
    pub(crate) fn tell(self) -> ExitCode {
        match self {
            Self::Usage(reason) => {
                complain(&reason);
                ExitCode::from(2)
            }
            Self::Failed(reason) => {
                complain(&reason);
                ExitCode::FAILURE
            }
            Self::Told => ExitCode::FAILURE,
            Self::Pipe => ExitCode::SUCCESS,
            Self::Interrupted => ExitCode::from(130),
        }
    }
}

impl From<kafka_client::Error> for Failure {
    fn from(error: kafka_client::Error) -> Self {
        Self::Failed(error.to_string())
    }
}

/// Of writing to the standard output; other files name themselves through [`Failure::of`].
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::Pipe,
            _ => Self::of("write the output", error),
        }
    }
}

/// Tells an error; on a terminal in colour.
pub(crate) fn complain(reason: impl Display) {
    note("31", "error", reason);
}

/// Tells what a person may want to know, where it does not get into the output.
pub(crate) fn warn(reason: impl Display) {
    note("33", "warning", reason);
}

/// Says what to do next.
pub(crate) fn hint(advice: impl Display) {
    note("36", "hint", advice);
}

fn note(colour: &str, kind: &str, text: impl Display) {
    use std::io::Write;
    let mut stderr = io::stderr().lock();
    // Nobody is left to tell if this fails.
    let _ = if crate::output::is_colourful(&stderr) {
        writeln!(stderr, "\x1b[1;{colour}m{kind}:\x1b[0m {text}")
    } else {
        writeln!(stderr, "{kind}: {text}")
    };
}

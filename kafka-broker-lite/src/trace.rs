//! A broker's warnings and errors as lines, for programs that have nothing else for its events.

use std::fmt;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Metadata, Subscriber, span};

/// Hands on every warning and error as a line of text, with its level.
///
/// ```
/// use kafka_broker_lite::trace::Lines;
///
/// let lines = Lines(|level, line| eprintln!("{level}: {line}"));
/// tracing::subscriber::set_global_default(lines).expect("the first one set");
/// ```
#[derive(Debug)]
pub struct Lines(
    /// What is done with a line.
    pub fn(Level, &str),
);

impl Subscriber for Lines {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= Level::WARN
    }

    fn event(&self, event: &Event<'_>) {
        let mut line = Line::default();
        event.record(&mut line);
        (self.0)(*event.metadata().level(), &(line.fields + &line.message));
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

/// An event as text.
#[derive(Default)]
struct Line {
    fields: String,
    message: String,
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        match field.name() {
            "message" => self.message = format!("{value:?}"),
            name => self.fields += &format!("{name} {value:?}: "),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    static TOLD: Mutex<Vec<String>> = Mutex::new(Vec::new());

    #[test]
    fn warnings_and_errors_are_lines() {
        let lines = Lines(|level, line| TOLD.lock().unwrap().push(format!("{level} {line}")));
        tracing::subscriber::with_default(lines, || {
            tracing::info!("all is well");
            tracing::warn!(topic = "orders", "the disk is slow");
            tracing::error!("the disk is full");
        });
        let told = ["WARN topic \"orders\": the disk is slow", "ERROR the disk is full"];
        assert_eq!(*TOLD.lock().unwrap(), told);
    }
}

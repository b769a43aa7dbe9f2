//! Listens to a run from inside: what the client tells `tracing`, and panics of its tasks, which nobody awaits.

use std::cell::Cell;
use std::fmt::{self, Write};
use std::sync::Once;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::DefaultGuard;
use tracing::{Event, Metadata, Subscriber};

thread_local! {
    static PANICS: Cell<u64> = const { Cell::new(0) };
    static FAILED_REQUESTS: Cell<u64> = const { Cell::new(0) };
    static ALOUD: Cell<bool> = const { Cell::new(false) };
}

/// Prints from now on what this thread's clients tell.
pub(crate) fn print() {
    ALOUD.set(true);
}

/// Adds a line to what is printed.
pub(crate) fn tell(text: impl FnOnce() -> String) {
    if ALOUD.get() {
        eprintln!("{:>8} ms  {}", crate::world::now_ms(), text());
    }
}

/// What was heard.
#[derive(Debug)]
pub(crate) struct Heard {
    pub(crate) panics: u64,
    /// Produce requests that got no answer.
    pub(crate) failed_requests: u64,
}

/// A run that is listened to; it stays in its thread.
#[derive(Debug)]
pub(crate) struct Listening(DefaultGuard);

impl Listening {
    pub(crate) fn begin() -> Self {
        static HOOK: Once = Once::new();
        HOOK.call_once(|| {
            let usual = std::panic::take_hook();
            std::panic::set_hook(Box::new(move |info| {
                PANICS.set(PANICS.get() + 1);
                usual(info);
            }));
        });
        PANICS.set(0);
        FAILED_REQUESTS.set(0);
        Self(tracing::subscriber::set_default(Listener))
    }

    pub(crate) fn end(self) -> Heard {
        drop(self.0);
        Heard { panics: PANICS.get(), failed_requests: FAILED_REQUESTS.get() }
    }
}

struct Listener;

impl Subscriber for Listener {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("kafka_client")
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut text = Text(String::new());
        event.record(&mut text);
        if text.0.starts_with("produce request failed") {
            FAILED_REQUESTS.set(FAILED_REQUESTS.get() + 1);
        }
        tell(|| text.0);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// Message first, then the fields.
struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            self.0.insert_str(0, &format!("{value:?}"));
        } else {
            let _infallible = write!(self.0, " {}={value:?}", field.name());
        }
    }
}

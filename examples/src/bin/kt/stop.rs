//! Ctrl-C and SIGTERM: the first asks for a clean end, the second ends at once.

use crate::failure::{Failure, Outcome, hint};
use std::future::Future;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// Tells whether an end was asked for.
#[derive(Clone, Debug)]
pub(crate) struct Stop(watch::Receiver<bool>);

impl Stop {
    /// Listens from now on.
    pub(crate) fn listen() -> Outcome<Self> {
        let on = |kind| signal(kind).map_err(|error| Failure::of("listen to signals", error));
        let mut interrupt = on(SignalKind::interrupt())?;
        let mut terminate = on(SignalKind::terminate())?;
        let (tell, told) = watch::channel(false);
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                }
                if tell.send_replace(true) {
                    hint("ended at once, without saying goodbye");
                    std::process::exit(130);
                }
            }
        });
        Ok(Self(told))
    }

    /// Returns when an end is asked for.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub(crate) async fn asked(&self) {
        let mut told = self.0.clone();
        // The sender lives as long as the runtime.
        let _ = told.wait_for(|stop| *stop).await;
    }

    /// Does `work`, unless an end is asked for before it is done.
    pub(crate) async fn or<T>(&self, work: impl Future<Output = Outcome<T>>) -> Outcome<T> {
        tokio::select! {
            biased;
            () = self.asked() => Err(Failure::Interrupted),
            done = work => done,
        }
    }
}

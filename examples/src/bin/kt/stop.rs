//! Ctrl-C and SIGTERM: the first asks for a clean end, the second ends at once.

use crate::failure::{Failure, Outcome, hint};
use std::future::Future;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

/// Signals that follow each other faster than this are one.
const ONE_WISH: Duration = Duration::from_millis(500);

/// The signals that ask for an end.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn listen() -> Outcome<Self> {
        let on = |kind| signal(kind).map_err(|error| Failure::of("listen to signals", error));
        let (interrupt, terminate) = (SignalKind::interrupt(), SignalKind::terminate());
        Ok(Self { interrupt: on(interrupt)?, terminate: on(terminate)? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// Tells whether an end was asked for.
#[derive(Clone, Debug)]
pub(crate) struct Stop(watch::Receiver<bool>);

impl Stop {
    /// Listens from now on.
    pub(crate) fn listen() -> Outcome<Self> {
        let mut first = Signals::listen()?;
        let (tell, told) = watch::channel(false);
        tokio::spawn(async move {
            first.next().await;
            tell.send_replace(true);
            // Some tell a process and its group: that is still one wish.
            tokio::time::sleep(ONE_WISH).await;
            if let Ok(mut second) = Signals::listen() {
                second.next().await;
                hint("ended at once, without saying goodbye");
                std::process::exit(130);
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

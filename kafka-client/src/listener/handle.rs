//! What holds a running listener: pause, resume, stop, and waiting for its end.

use super::Control;
use super::event::{Events, ListenerEvent};
use super::handler::words;
use crate::error::{Error, ErrorKind, Result};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::{JoinError, JoinHandle, JoinSet};

/// A listener that runs.
///
/// Dropping it tells the listener to stop, as [`ListenerHandle::stop`] does, and does not wait for it.
#[derive(Debug)]
pub struct ListenerHandle {
    control: Arc<watch::Sender<Control>>,
    task: JoinHandle<Result<()>>,
    ended: Option<Result<()>>,
}

impl ListenerHandle {
    pub(super) fn new(
        control: watch::Sender<Control>,
        consumers: JoinSet<Result<()>>,
        events: Events,
    ) -> Self {
        let control = Arc::new(control);
        let task = tokio::spawn(supervise(consumers, control.clone(), events));
        Self { control, task, ended: None }
    }

    /// Hands nothing out any more, from the next record on, until it is resumed. Its consumers stay in the group, and
    /// keep their partitions and what they have fetched.
    pub fn pause(&self) {
        self.control.send_modify(|control| control.paused = true);
    }

    /// Goes on.
    pub fn resume(&self) {
        self.control.send_modify(|control| control.paused = false);
    }

    /// Whether it was told to pause.
    pub fn is_paused(&self) -> bool {
        self.control.borrow().paused
    }

    /// Waits until the listener has ended, by an error of a handler or of the group, for instance. Without one it ends
    /// only when it is stopped.
    ///
    /// # Errors
    /// What ended it: of kind [`ErrorKind::Handler`] when it was a handler, whose error is the source.
    ///
    /// # Cancel safety
    /// Dropping the future changes nothing.
    pub async fn wait(&mut self) -> Result<()> {
        if let Some(ended) = &self.ended {
            return ended.clone();
        }
        let ended = (&mut self.task).await.unwrap_or_else(|error| Err(broken(error)));
        self.ended = Some(ended.clone());
        ended
    }

    /// Ends the listener: the records in hand are finished, those that no handler has got yet are given back, what is
    /// done is committed, and its consumers leave the group. Records that wait to be delivered again are given back
    /// too, and so is what nobody has acknowledged by then in the manual modes: an [`Ack`](super::Ack) that another
    /// task holds is not waited for.
    ///
    /// When `limit` is over it ends at once: handlers are dropped where they are, and what was not committed is handled
    /// again.
    ///
    /// # Errors
    /// What had ended it before, what failed at the end, or that time was over.
    ///
    /// # Cancel safety
    /// The listener ends also if the future is dropped, without a limit then.
    pub async fn stop(mut self, limit: Duration) -> Result<()> {
        self.tell_to_stop();
        match tokio::time::timeout(limit, self.wait()).await {
            Ok(ended) => ended,
            Err(_) => {
                self.task.abort();
                let reason = format!(
                    "not done within {} ms; handlers were dropped, and what they had is handled \
                     again",
                    limit.as_millis()
                );
                Err(Error::new(ErrorKind::Timeout, "stop the listener", reason))
            }
        }
    }

    fn tell_to_stop(&self) {
        self.control.send_modify(|control| control.stopped = true);
    }
}

impl Drop for ListenerHandle {
    fn drop(&mut self) {
        self.tell_to_stop();
    }
}

/// Waits for all consumers; when one ends with an error, the others are told to end too.
async fn supervise(
    mut consumers: JoinSet<Result<()>>,
    control: Arc<watch::Sender<Control>>,
    events: Events,
) -> Result<()> {
    let mut outcome = Ok(());
    while let Some(ended) = consumers.join_next().await {
        let ended = ended.unwrap_or_else(|error| Err(broken(error)));
        control.send_modify(|control| control.stopped = true);
        outcome = outcome.and(ended);
    }
    events.tell(|| ListenerEvent::Stopped { error: outcome.clone().err() });
    outcome
}

#[cold]
fn broken(error: JoinError) -> Error {
    let asked = "run a listener";
    if !error.is_panic() {
        return Error::new(ErrorKind::Closed, asked, "its runtime has ended");
    }
    let reason = format!("it panicked: {}", words(&*error.into_panic()));
    Error::new(ErrorKind::Handler, asked, reason)
}

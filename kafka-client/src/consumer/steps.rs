//! The steps of `poll` one by one, for the listener container, which does other things between them.

use super::membership::Due;
use super::{Consumer, Records};
use crate::error::Result;
use std::future::poll_fn;
use std::task::Poll;

impl Consumer {
    /// The next records; `None` when the group has to be attended to first, with [`Consumer::visit`] and
    /// [`Consumer::carry_out`].
    pub(crate) async fn records(&mut self) -> Result<Option<Records>> {
        poll_fn(|cx| self.poll_records(cx)).await
    }

    /// Waits until the group has to be attended to.
    pub(crate) async fn wanted(&self) {
        poll_fn(|cx| {
            let mut state = self.shared.state();
            if self.is_wanted() {
                return Poll::Ready(());
            }
            state.waiting = Some(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }

    /// Waits until something is due that is `urgent`, while the application is busy: that it asks is no sign of life
    /// (`max.poll.interval.ms`).
    pub(crate) async fn pressing(&self, urgent: impl Fn(&Due) -> bool) -> Due {
        poll_fn(|cx| {
            let mut state = self.shared.state();
            if let Some(group) = &mut state.group {
                if group.go_on() {
                    self.shared.wake.notify_one();
                }
                if let Some(due) = group.due().filter(&urgent) {
                    return Poll::Ready(due);
                }
            }
            state.waiting = Some(cx.waker().clone());
            Poll::Pending
        })
        .await
    }
}

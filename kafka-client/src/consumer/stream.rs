//! A consumer's records as a stream.

use super::{Consumer, ConsumerRecord};
use crate::error::Result;
use futures_core::Stream;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

/// See [`Consumer::stream`]. Dropping it loses nothing.
#[derive(Debug)]
pub struct RecordStream<'a>(State<'a>);

enum State<'a> {
    Reading(&'a mut Consumer),
    /// What the group wants is being done.
    Attending(Attending<'a>),
    /// Only while it is polled.
    Between,
}

type Attending<'a> = Pin<Box<dyn Future<Output = (&'a mut Consumer, Result<()>)> + Send + 'a>>;

impl fmt::Debug for State<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Reading(_) => "Reading",
            Self::Attending(_) => "Attending",
            Self::Between => "Between",
        })
    }
}

impl<'a> RecordStream<'a> {
    pub(super) fn new(consumer: &'a mut Consumer) -> Self {
        Self(State::Reading(consumer))
    }
}

impl Stream for RecordStream<'_> {
    type Item = Result<ConsumerRecord>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            match std::mem::replace(&mut self.0, State::Between) {
                State::Reading(consumer) => match consumer.poll_record(cx) {
                    Poll::Ready(None) => {
                        self.0 = State::Attending(Box::pin(async move {
                            let attended = consumer.attend().await;
                            (consumer, attended)
                        }));
                    }
                    polled => {
                        self.0 = State::Reading(consumer);
                        return polled;
                    }
                },
                State::Attending(mut attending) => match attending.as_mut().poll(cx) {
                    Poll::Ready((consumer, attended)) => {
                        self.0 = State::Reading(consumer);
                        if let Err(error) = attended {
                            return Poll::Ready(Some(Err(error)));
                        }
                    }
                    Poll::Pending => {
                        self.0 = State::Attending(attending);
                        return Poll::Pending;
                    }
                },
                // A poll that panicked left it so.
                State::Between => return Poll::Ready(None),
            }
        }
    }
}

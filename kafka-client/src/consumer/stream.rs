//! A consumer's records as a stream.

use super::{Consumer, ConsumerRecord};
use crate::error::Result;
use futures_core::Stream;
use std::pin::Pin;
use std::task::{Context, Poll};

/// See [`Consumer::stream`]. Dropping it loses nothing.
#[derive(Debug)]
pub struct RecordStream<'a> {
    consumer: &'a mut Consumer,
}

impl<'a> RecordStream<'a> {
    pub(super) fn new(consumer: &'a mut Consumer) -> Self {
        Self { consumer }
    }
}

impl Stream for RecordStream<'_> {
    type Item = Result<ConsumerRecord>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.consumer.poll_record(cx).map(Some)
    }
}

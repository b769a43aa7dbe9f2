//! Requests that wait, whatever their API.

use super::InHand;
use crate::api::{Serve, Wait};
use crate::state::{News, State, Subject};
use kafka_proto::frame::{Frame, RequestHeader, encode_response_with_files};
use kafka_proto::wire::EncodeError;
use std::fmt::Debug;

/// A [`Wait`] whose API is forgotten.
pub(super) trait Waiting: Debug + Send {
    fn subjects(&self) -> &[Subject];
    fn deadline_ms(&self) -> Option<u64>;
    fn hear(&mut self, state: &mut State, at: usize, news: &News) -> bool;
    fn answer(self: Box<Self>, state: &mut State, request: &InHand) -> Result<Frame, EncodeError>;
}

/// Remembers the API of a [`Wait`] for its answer.
#[derive(Debug)]
pub(super) struct WaitOf<R: Serve>(pub(super) Box<dyn Wait<R>>);

impl<R: Serve> Waiting for WaitOf<R> {
    fn subjects(&self) -> &[Subject] {
        self.0.subjects()
    }

    fn deadline_ms(&self) -> Option<u64> {
        self.0.deadline_ms()
    }

    fn hear(&mut self, state: &mut State, at: usize, news: &News) -> bool {
        self.0.hear(state, at, news)
    }

    fn answer(self: Box<Self>, state: &mut State, request: &InHand) -> Result<Frame, EncodeError> {
        let response = self.0.answer(state, &request.cx);
        let RequestHeader { version, correlation_id, .. } = request.header;
        encode_response_with_files::<R>(&response, version, correlation_id)
    }
}

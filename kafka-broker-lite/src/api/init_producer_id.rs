//! InitProducerId: an id for an idempotent producer.
//!
//! A producer without a transactional id gets a new id every time, as from Kafka, also when it brings an id and epoch
//! of its own: it raises its epoch by itself, and asks only when it has to begin anew.

use super::{Context, Outcome, Serve};
use crate::state::State;
use kafka_proto::ErrorCode;
use kafka_proto::messages::init_producer_id::{Request, Response};

impl Serve for Request {
    fn serve(self, state: &mut State, cx: &Context) -> Outcome<Self> {
        if self.transactional_id.is_some() {
            // Transactions are not served; no code says that, and one that is retried would not end.
            return Outcome::Ready(self.refuse(state, cx, ErrorCode::INVALID_REQUEST));
        }
        if (self.producer_id == -1) != (self.producer_epoch == -1) {
            return Outcome::Ready(self.refuse(state, cx, ErrorCode::INVALID_REQUEST));
        }
        match state.new_producer_id(cx.now) {
            Ok(producer_id) => Outcome::Ready(Response { producer_id, ..Response::default() }),
            // Of the codes that a producer tries again, the one that is about the broker.
            Err(_) => {
                let code = ErrorCode::COORDINATOR_NOT_AVAILABLE;
                Outcome::Ready(self.refuse(state, cx, code))
            }
        }
    }

    fn refuse(&self, _: &State, _: &Context, error_code: ErrorCode) -> Response {
        Response { error_code, producer_epoch: -1, ..Response::default() }
    }
}

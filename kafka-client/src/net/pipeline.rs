//! Requests in flight on one connection: answers come in the order of the requests, or the connection is of no use.

use crate::clock::Monotonic;
use std::collections::VecDeque;

/// The requests that wait for an answer, with what belongs to each.
#[derive(Debug)]
pub(crate) struct Pipeline<T> {
    waiting: VecDeque<Waiting<T>>,
}

#[derive(Debug)]
struct Waiting<T> {
    correlation_id: i32,
    deadline: Monotonic,
    what: T,
}

/// An answer that does not belong to the oldest request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct OutOfStep {
    /// The correlation id that came.
    pub(crate) came: i32,
    /// The one that had to come, if anything was awaited.
    pub(crate) due: Option<i32>,
}

impl<T> Pipeline<T> {
    pub(crate) const fn new() -> Self {
        Self { waiting: VecDeque::new() }
    }

    /// A request was sent; its answer is due until `deadline`.
    pub(crate) fn on_request(&mut self, correlation_id: i32, deadline: Monotonic, what: T) {
        self.waiting.push_back(Waiting { correlation_id, deadline, what });
    }

    /// An answer came: to what.
    pub(crate) fn on_answer(&mut self, correlation_id: i32) -> Result<T, OutOfStep> {
        // Whoever waits for another answer goes on waiting, to be told why there will be none.
        match self.waiting.pop_front_if(|oldest| oldest.correlation_id == correlation_id) {
            Some(oldest) => Ok(oldest.what),
            None => {
                let due = self.waiting.front().map(|oldest| oldest.correlation_id);
                Err(OutOfStep { came: correlation_id, due })
            }
        }
    }

    /// When the oldest request has waited too long.
    pub(crate) fn deadline(&self) -> Option<Monotonic> {
        self.waiting.front().map(|oldest| oldest.deadline)
    }

    /// Whether nothing is awaited.
    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Everything that will get no answer any more, in order.
    pub(crate) fn drain(&mut self) -> impl Iterator<Item = T> {
        self.waiting.drain(..).map(|waiting| waiting.what)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_belong_to_the_oldest_request() {
        let mut pipeline = Pipeline::new();
        pipeline.on_request(1, Monotonic(10), 'a');
        pipeline.on_request(2, Monotonic(20), 'b');
        assert_eq!(pipeline.deadline(), Some(Monotonic(10)));
        assert_eq!(pipeline.on_answer(1), Ok('a'));
        assert_eq!(pipeline.deadline(), Some(Monotonic(20)));
        pipeline.on_request(3, Monotonic(30), 'c');
        assert_eq!(pipeline.on_answer(7), Err(OutOfStep { came: 7, due: Some(2) }));
        assert_eq!(pipeline.drain().collect::<String>(), "bc", "all of them learn of it");
        assert_eq!(pipeline.on_answer(8), Err(OutOfStep { came: 8, due: None }));
        assert!(pipeline.is_empty() && pipeline.deadline().is_none());
    }

    #[test]
    fn what_is_left_fails_in_order() {
        let mut pipeline = Pipeline::new();
        for id in 0..3 {
            pipeline.on_request(id, Monotonic(0), id);
        }
        assert_eq!(pipeline.drain().collect::<Vec<_>>(), [0, 1, 2]);
    }
}

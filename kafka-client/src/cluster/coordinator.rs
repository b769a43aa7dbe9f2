//! Which broker coordinates a group, and when to ask again.
//!
//! Holds true: one question is under way at a time, and after a failure the next waits.

use crate::backoff::Backoff;
use crate::clock::{Monotonic, Now};
use crate::error::{Error, Result};
use crate::net::Address;
use kafka_proto::ErrorCode;
use kafka_proto::messages::find_coordinator;
use std::sync::Arc;

const ASKED: &str = "find the coordinator of the group";

/// What is coordinated, as FindCoordinator counts it.
pub(crate) const GROUP: i8 = 0;

/// See the module.
#[derive(Debug)]
pub(crate) struct Coordinator {
    backoff: Backoff,
    known: Option<Address>,
    asking: bool,
    failures: u32,
    not_before: Monotonic,
}

impl Coordinator {
    pub(crate) const fn new(backoff: Backoff) -> Self {
        let not_before = Monotonic(0);
        Self { backoff, known: None, asking: false, failures: 0, not_before }
    }

    /// Where it listens, if that is known.
    pub(crate) const fn known(&self) -> Option<&Address> {
        self.known.as_ref()
    }

    /// Whether to ask now; the answer is awaited from then on.
    pub(crate) fn poll(&mut self, now: Now) -> bool {
        let ask = self.known.is_none() && !self.asking && self.not_before <= now.monotonic;
        self.asking |= ask;
        ask
    }

    /// When [`Coordinator::poll`] has something to say.
    pub(crate) fn deadline(&self) -> Option<Monotonic> {
        (self.known.is_none() && !self.asking).then_some(self.not_before)
    }

    /// An answer came, or none. Gives an error that waiting does not cure.
    pub(crate) fn on_answer(
        &mut self,
        now: Now,
        answer: Result<find_coordinator::Response>,
    ) -> Option<Error> {
        self.asking = false;
        let error = match answer.and_then(found) {
            Ok(address) => {
                self.known = Some(address);
                self.failures = 0;
                return None;
            }
            Err(error) => error,
        };
        tracing::debug!(%error, "no coordinator");
        self.failures = self.failures.saturating_add(1);
        let wait = self.backoff.wait(self.failures, now.random);
        self.not_before = now.monotonic.after(wait);
        (!error.is_retriable()).then_some(error)
    }

    /// The broker at `address` is not the coordinator, or cannot be reached.
    pub(crate) fn on_lost(&mut self, now: Now, address: &Address) {
        if self.known.as_ref() == Some(address) {
            self.known = None;
            self.not_before = now.monotonic.after(self.backoff.wait(1, now.random));
        }
    }
}

/// The question, which has another form before version 4.
pub(crate) fn request(key: &Arc<str>, key_type: i8, version: i16) -> find_coordinator::Request {
    let old = version < 4;
    find_coordinator::Request {
        key: if old { key.clone() } else { "".into() },
        key_type,
        coordinator_keys: if old { Vec::new() } else { vec![key.clone()] },
    }
}

/// Where the coordinator of the one key that was asked for listens.
pub(crate) fn found(response: find_coordinator::Response) -> Result<Address> {
    let mut coordinators = response.coordinators;
    let (code, message, host, port) = match coordinators.pop() {
        Some(one) => (one.error_code, one.error_message, one.host, one.port),
        None => (response.error_code, response.error_message, response.host, response.port),
    };
    if !code.is_ok() {
        let text = message.filter(|text| !text.is_empty());
        return Err(match text {
            Some(text) => Error::broker_says(code, ASKED, &text),
            None => Error::broker(code, ASKED),
        });
    }
    match u16::try_from(port) {
        Ok(port) if !host.is_empty() => Ok(Address { host, port }),
        _ => Err(Error::broker(ErrorCode::COORDINATOR_NOT_AVAILABLE, ASKED)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;
    use std::time::Duration;

    fn at(ms: u64) -> Now {
        Now { monotonic: Monotonic(ms * 1000), wall_ms: 0, random: 20 }
    }

    fn answer(error_code: ErrorCode, port: i32) -> find_coordinator::Response {
        let host = "h".into();
        let one = find_coordinator::Coordinator { error_code, host, port, ..Default::default() };
        find_coordinator::Response { coordinators: vec![one], ..Default::default() }
    }

    #[test]
    fn it_is_asked_for_once_and_again_when_lost() {
        let backoff = Backoff { first: Duration::from_millis(100), max: Duration::from_secs(1) };
        let mut coordinator = Coordinator::new(backoff);
        assert!(coordinator.poll(at(0)) && !coordinator.poll(at(0)));
        assert_eq!(coordinator.deadline(), None);
        let loading = answer(ErrorCode::COORDINATOR_NOT_AVAILABLE, -1);
        assert!(coordinator.on_answer(at(0), Ok(loading)).is_none());
        assert_eq!(coordinator.deadline(), Some(at(100).monotonic));
        assert!(!coordinator.poll(at(99)) && coordinator.poll(at(100)));
        assert!(coordinator.on_answer(at(100), Ok(answer(ErrorCode::NONE, 9))).is_none());
        let address = Address { host: "h".into(), port: 9 };
        assert_eq!(coordinator.known(), Some(&address));
        assert!(!coordinator.poll(at(5000)));

        coordinator.on_lost(at(200), &Address { host: "h".into(), port: 8 });
        assert_eq!(coordinator.known(), Some(&address), "another one was meant");
        coordinator.on_lost(at(200), &address);
        assert!(!coordinator.poll(at(200)) && coordinator.poll(at(300)));
        let refused = answer(ErrorCode::GROUP_AUTHORIZATION_FAILED, -1);
        let error = coordinator.on_answer(at(300), Ok(refused)).unwrap();
        assert_eq!(error.code(), Some(ErrorCode::GROUP_AUTHORIZATION_FAILED));
        assert!(coordinator.poll(at(500)), "somebody may give the right");
        let lost = Error::new(ErrorKind::Disconnected, "ask", "");
        assert!(coordinator.on_answer(at(500), Err(lost)).is_none());
    }

    #[test]
    fn both_forms_are_asked_and_read() {
        let group: Arc<str> = "g".into();
        assert_eq!(*request(&group, GROUP, 3).key, *"g");
        assert_eq!(request(&group, GROUP, 4).coordinator_keys, [group]);
        let old = find_coordinator::Response { host: "h".into(), port: 7, ..Default::default() };
        assert_eq!(found(old).unwrap().port, 7);
        assert!(found(find_coordinator::Response::default()).unwrap_err().is_retriable());
    }
}

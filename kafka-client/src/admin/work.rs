//! What is still to be asked in one call of `Admin`, and what has come of the rest.
//!
//! Pure: it is told answers and failures, and decides for every item whether it is done, failed or tried again.

use super::Results;
use super::directory::{Directory, Target};
use crate::error::{Error, ErrorKind, Result};
use crate::net::{Address, Throttled};
use crate::record::TopicPartition;
use kafka_proto::ErrorCode;
use kafka_proto::api::Request;
use kafka_proto::uuid::Uuid;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// How often something that is not there is looked for again: a broker may learn of it a moment later than others.
const LOOKS: u32 = 5;

/// What makes an answer read differently after a request that may have been carried out.
const LOST_ANSWER: &str = "; an earlier try of this call lost its answer and may have done it";

/// What an item of a call is known by.
pub(super) trait Key: Ord + Clone + Send + Sync {
    /// `what` was asked, of this, in words.
    fn asked(&self, what: &str) -> String {
        what.to_owned()
    }

    /// The topic it is about, and perhaps the partition.
    fn topic(&self) -> Option<(&Arc<str>, Option<i32>)> {
        None
    }
}

/// There is one thing to ask.
impl Key for () {}

impl Key for Arc<str> {
    fn topic(&self) -> Option<(&Arc<str>, Option<i32>)> {
        Some((self, None))
    }
}

impl Key for Uuid {
    fn asked(&self, what: &str) -> String {
        format!("{what} with id {self}")
    }
}

impl Key for TopicPartition {
    fn topic(&self) -> Option<(&Arc<str>, Option<i32>)> {
        Some((&self.topic, Some(self.partition)))
    }
}

/// One kind of call.
pub(super) trait Operation: Sync {
    type Key: Key;
    type Item: Send + Sync;
    type Answer: Send;
    type Request: Request<Response: Throttled + Send> + Send + Sync;

    /// What it does to one item, in words.
    const ASKED: &'static str;
    /// The code that says it was done before.
    const DONE_BEFORE: Option<ErrorCode> = None;

    /// The newest version to speak, where later ones ask in another way.
    const NEWEST: i16 = i16::MAX;

    /// Who has to be asked.
    fn target<'a>(&'a self, key: &'a Self::Key) -> Target<'a>;

    /// Items of different lanes cannot share a request.
    fn lane(&self, _: &Self::Item) -> u8 {
        0
    }

    /// Why no broker would accept this.
    fn invalid(&self, _: &Self::Key, _: &Self::Item) -> Option<String> {
        None
    }

    /// Why requests of `version` cannot ask for this.
    fn unsupported(&self, _: &Self::Key, _: &Self::Item, _version: i16) -> Option<String> {
        None
    }

    /// Asks for some of the items; `timeout_ms` is how long the broker may take.
    fn request(&self, items: &Asked<'_, Self>, version: i16, timeout_ms: i32) -> Self::Request;

    /// Reads the answer: a result per item, or one failure of them all.
    fn rows(&self, answer: <Self::Request as Request>::Response, version: i16) -> Answered<Self>;

    /// Whether trying again soon may help.
    fn is_transient(&self, code: ErrorCode) -> bool;
}

/// The items of one request, in order.
pub(super) type Asked<'a, O> = [(&'a <O as Operation>::Key, &'a <O as Operation>::Item)];

/// What a broker answered to the items of a request.
pub(super) type Answered<O> = Result<Vec<Row<O>>, Failure>;
type Row<O> = (<O as Operation>::Key, Result<<O as Operation>::Answer, Failure>);

/// Why an item was not done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// The broker says so, perhaps in its own words.
    Code(ErrorCode, Option<Arc<str>>),
    /// The version agreed on lacks something.
    Unsupported(String),
    /// The broker that has to be asked is not there.
    NoBroker(String),
}

impl Failure {
    pub(super) fn code(code: ErrorCode, text: &str) -> Self {
        Self::Code(code, Some(text.into()))
    }

    /// `Ok` where the broker reports no error.
    pub(super) fn check(code: ErrorCode, message: Option<Arc<str>>) -> Result<(), Self> {
        code.ok().map_err(|code| Self::Code(code, message))
    }

    /// That `what` needs a newer version of `R` than the one agreed on.
    pub(super) fn needs<R: Request>(what: &str, newer: i16, kafka: &str, agreed: i16) -> String {
        let name = R::NAME;
        format!("{what} needs {name} {newer} (Kafka {kafka}), the broker speaks {name} {agreed}")
    }
}

/// What tells who is to be asked.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Lookup {
    /// The brokers, the controller and the leaders of these topics; `None` for nothing at all.
    pub(super) topics: Option<Vec<Arc<str>>>,
    /// The coordinators of these groups.
    pub(super) groups: BTreeSet<Arc<str>>,
}

/// The items of one call.
pub(super) struct Work<'a, O: Operation + ?Sized> {
    operation: &'a O,
    pending: BTreeMap<O::Key, Pending<O::Item>>,
    done: BTreeMap<O::Key, Result<O::Answer>>,
    /// Whether any broker answered anything.
    heard: bool,
}

struct Pending<I> {
    item: I,
    /// How often it was not found.
    missing: u32,
    /// A request for it was sent, and no answer came.
    perhaps_done: bool,
    last: Option<Error>,
}

impl<'a, O: Operation> Work<'a, O> {
    pub(super) fn new(
        operation: &'a O,
        items: impl IntoIterator<Item = (O::Key, O::Item)>,
    ) -> Self {
        let mut work =
            Self { operation, pending: BTreeMap::new(), done: BTreeMap::new(), heard: false };
        for (key, item) in items {
            let twice = work.pending.contains_key(&key) || work.done.contains_key(&key);
            let reason = match twice {
                true => Some("it is named twice in one call".to_owned()),
                false => operation.invalid(&key, &item),
            };
            if let Some(reason) = reason {
                work.finish(&key, Err(error::<O>(&key, ErrorKind::Invalid, reason)));
            } else {
                let pending = Pending { item, missing: 0, perhaps_done: false, last: None };
                work.pending.insert(key, pending);
            }
        }
        work
    }

    pub(super) fn is_finished(&self) -> bool {
        self.pending.is_empty()
    }

    pub(super) fn operation(&self) -> &'a O {
        self.operation
    }

    pub(super) fn item(&self, key: &O::Key) -> Option<&O::Item> {
        self.pending.get(key).map(|pending| &pending.item)
    }

    /// What has to be known to find who is to be asked.
    pub(super) fn lookup(&self) -> Lookup {
        let mut lookup = Lookup::default();
        for key in self.pending.keys() {
            match self.operation.target(key) {
                Target::Any => {}
                Target::Controller | Target::Broker(_) => {
                    lookup.topics.get_or_insert_default();
                }
                Target::Leader(partition) => {
                    let topics = lookup.topics.get_or_insert_default();
                    if topics.last() != Some(&partition.topic) {
                        topics.push(partition.topic.clone());
                    }
                }
                Target::Coordinator(group) => {
                    lookup.groups.insert(group.clone());
                }
            }
        }
        lookup
    }

    /// A broker answered.
    pub(super) fn on_heard(&mut self) {
        self.heard = true;
    }

    /// Splits what is pending into requests. Whatever cannot be asked of anybody fails, or waits.
    pub(super) fn split(&mut self, at: &Directory) -> Vec<(Option<Address>, Vec<O::Key>)> {
        let mut requests: BTreeMap<_, Vec<O::Key>> = BTreeMap::new();
        let mut lost = Vec::new();
        for (key, pending) in &self.pending {
            match at.find(self.operation.target(key)) {
                Ok(address) => {
                    let lane = self.operation.lane(&pending.item);
                    requests.entry((address, lane)).or_default().push(key.clone());
                }
                Err(failure) => lost.push((key.clone(), failure)),
            }
        }
        for (key, failure) in lost {
            self.on_failure(&key, failure);
        }
        requests.into_iter().map(|((address, _), keys)| (address, keys)).collect()
    }

    /// What came of a request for `keys`.
    pub(super) fn on_answer(&mut self, keys: &[O::Key], answer: Result<Answered<O>>) {
        match answer {
            Ok(Ok(rows)) => {
                let mut silent: BTreeSet<_> = keys.iter().collect();
                for (key, result) in rows {
                    // What was not asked is of no interest.
                    if silent.remove(&key) {
                        match result {
                            Ok(answer) => self.finish(&key, Ok(answer)),
                            Err(failure) => self.on_failure(&key, failure),
                        }
                    }
                }
                for key in silent {
                    let reason = "the broker's answer says nothing about it".to_owned();
                    self.finish(key, Err(error::<O>(key, ErrorKind::Protocol, reason)));
                }
            }
            Ok(Err(failure)) => {
                for key in keys {
                    self.on_failure(key, failure.clone());
                }
            }
            Err(error) => self.on_lost(keys, &error),
        }
    }

    /// A request for `keys` got no answer.
    fn on_lost(&mut self, keys: &[O::Key], error: &Error) {
        let perhaps_done = matches!(error.kind(), ErrorKind::Disconnected | ErrorKind::Timeout);
        for key in keys {
            let about = about(key, error.clone().while_doing(key.asked(O::ASKED)));
            if !error.is_retriable() {
                self.finish(key, Err(about));
            } else if let Some(pending) = self.pending.get_mut(key) {
                pending.perhaps_done |= perhaps_done;
                pending.last = Some(about);
            }
        }
    }

    /// Nobody could be asked where to go.
    pub(super) fn on_no_directory(&mut self, error: &Error) {
        for (key, pending) in &mut self.pending {
            let error = error.clone().while_doing(key.asked(O::ASKED));
            pending.last = Some(about(key, error));
        }
    }

    fn on_failure(&mut self, key: &O::Key, failure: Failure) {
        let Some(pending) = self.pending.get_mut(key) else { return };
        // Something that is not there yet may be new; something that stays away is not there.
        let mut appears = || {
            pending.missing += 1;
            pending.missing < LOOKS
        };
        let (again, error) = match failure {
            Failure::Unsupported(reason) => {
                (false, error::<O>(key, ErrorKind::Unsupported, reason))
            }
            Failure::NoBroker(reason) => (appears(), error::<O>(key, ErrorKind::Connect, reason)),
            Failure::Code(code, message) => {
                let again = match (self.operation.target(key), code) {
                    (Target::Leader(_), ErrorCode::UNKNOWN_TOPIC_OR_PARTITION) => appears(),
                    _ => self.operation.is_transient(code),
                };
                let mut text = message.as_deref().unwrap_or(code.meaning()).to_owned();
                if pending.perhaps_done && O::DONE_BEFORE == Some(code) {
                    text.truncate(text.trim_end_matches('.').len());
                    text.push_str(LOST_ANSWER);
                }
                let error = Error::broker_says(code, key.asked(O::ASKED), &text);
                (again, about(key, error))
            }
        };
        if again {
            pending.last = Some(error);
        } else {
            self.finish(key, Err(error));
        }
    }

    fn finish(&mut self, key: &O::Key, result: Result<O::Answer>) {
        self.pending.remove(key);
        self.done.insert(key.clone(), result);
    }

    /// Everything that is known by now. What is pending fails with what `why` makes of its last failure; so does the
    /// whole call if no broker was heard.
    pub(super) fn results(
        mut self,
        why: impl Fn(String, Option<&Error>) -> Error,
    ) -> Result<Results<O::Key, O::Answer>> {
        for (key, pending) in std::mem::take(&mut self.pending) {
            let error = why(key.asked(O::ASKED), pending.last.as_ref());
            if !self.heard {
                return Err(error);
            }
            self.done.insert(key.clone(), Err(about(&key, error)));
        }
        Ok(Results(self.done))
    }
}

fn error<O: Operation>(key: &O::Key, kind: ErrorKind, reason: String) -> Error {
    about(key, Error::new(kind, key.asked(O::ASKED), reason))
}

fn about(key: &impl Key, error: Error) -> Error {
    match key.topic() {
        Some((topic, partition)) => error.with_topic(topic, partition),
        None => error,
    }
}

#[cfg(test)]
mod tests;

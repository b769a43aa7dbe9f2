//! Which offsets to commit next, and who learns what became of them.
//!
//! Holds true: one commit is in flight at a time, and of each partition the newest offset asked for is sent, so no
//! older one can arrive after it. A call is answered when everything it asked for is stored, by its own request or by a
//! newer one that took its place.

use super::membership::Identity;
use crate::backoff::Backoff;
use crate::clock::{Monotonic, Now};
use crate::error::{Error, ErrorKind, Result};
use crate::record::TopicPartition;
use kafka_proto::ErrorCode;
use kafka_proto::messages::offset_commit;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

const ASKED: &str = "commit an offset";

/// How far a group has got in a partition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct OffsetAndMetadata {
    /// The next record to be handled.
    pub offset: i64,
    /// The epoch of the leader that took the record before it; `None` if it is not known.
    pub leader_epoch: Option<i32>,
    /// Whatever the application wants to keep with it; a broker takes 4096 bytes unless it is told otherwise
    /// (`offset.metadata.max.bytes`).
    pub metadata: Arc<str>,
}

impl OffsetAndMetadata {
    /// This offset, without metadata.
    pub fn new(offset: i64) -> Self {
        Self { offset, ..Self::default() }
    }

    /// With the epoch of the leader that took the record before it.
    #[must_use]
    pub const fn leader_epoch(mut self, leader_epoch: i32) -> Self {
        self.leader_epoch = Some(leader_epoch);
        self
    }

    /// With metadata.
    #[must_use]
    pub fn metadata(mut self, metadata: impl Into<Arc<str>>) -> Self {
        self.metadata = metadata.into();
        self
    }
}

impl From<i64> for OffsetAndMetadata {
    fn from(offset: i64) -> Self {
        Self::new(offset)
    }
}

/// What is committed, by partition.
pub(crate) type Offsets = BTreeMap<TopicPartition, OffsetAndMetadata>;

/// Something to be sent.
#[derive(Debug)]
pub(crate) struct Ask {
    pub(crate) ticket: u64,
    pub(crate) offsets: Offsets,
    /// As whom.
    pub(crate) me: Identity,
}

/// A call that waits for its outcome.
#[derive(Debug)]
struct Caller {
    id: u64,
    open: BTreeSet<TopicPartition>,
    /// Requests up to this one do not have what it asks for.
    behind: u64,
    deadline: Monotonic,
    error: Option<Error>,
}

#[derive(Debug)]
struct Waiting {
    what: OffsetAndMetadata,
    /// The generation in which it was asked for.
    generation: i32,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Commits {
    backoff: Backoff,
    waiting: BTreeMap<TopicPartition, Waiting>,
    in_flight: Option<Ask>,
    callers: Vec<Caller>,
    done: VecDeque<(u64, Result<()>)>,
    /// What is stored, as far as this consumer did it.
    stored: BTreeMap<TopicPartition, i64>,
    last_id: u64,
    last_ticket: u64,
    failures: u32,
    not_before: Monotonic,
    last_error: Option<Error>,
}

/// Where this consumer stands in its group when something is to be sent.
#[derive(Debug)]
pub(crate) struct Standing<'a> {
    /// `None` while it is subscribed and no member.
    pub(crate) me: Option<&'a Identity>,
    /// What it holds.
    pub(crate) held: &'a BTreeSet<TopicPartition>,
    /// Others may have had all of that meanwhile.
    pub(crate) lost: bool,
}

impl Commits {
    pub(crate) fn new(backoff: Backoff) -> Self {
        Self {
            backoff,
            waiting: BTreeMap::new(),
            in_flight: None,
            callers: Vec::new(),
            done: VecDeque::new(),
            stored: BTreeMap::new(),
            last_id: 0,
            last_ticket: 0,
            failures: 0,
            not_before: Monotonic::default(),
            last_error: None,
        }
    }

    /// Commits; [`Commits::done`] has the outcome under the number that this gives, after `limit` at the latest.
    pub(crate) fn commit(
        &mut self,
        now: Now,
        offsets: Offsets,
        generation: i32,
        limit: Duration,
    ) -> u64 {
        self.last_id += 1;
        let deadline = now.monotonic.after(limit);
        let open: BTreeSet<_> = offsets.keys().cloned().collect();
        if open.is_empty() {
            self.done.push_back((self.last_id, Ok(())));
            return self.last_id;
        }
        for (which, what) in offsets {
            self.waiting.insert(which, Waiting { what, generation });
        }
        let behind = self.last_ticket;
        self.callers.push(Caller { id: self.last_id, open, behind, deadline, error: None });
        self.last_id
    }

    /// Those of `offsets` that are not stored yet, as far as is known here.
    pub(crate) fn news(&self, offsets: Offsets) -> Offsets {
        let mut news = offsets;
        news.retain(|which, what| self.stored.get(which) != Some(&what.offset));
        news
    }

    /// These partitions are somebody else's from now on.
    pub(crate) fn forget(&mut self, held: impl Fn(&TopicPartition) -> bool) {
        self.stored.retain(|which, _| held(which));
    }

    /// The outcome of a call.
    pub(crate) fn done(&mut self) -> Option<(u64, Result<()>)> {
        self.done.pop_front()
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.callers.is_empty()
    }

    /// What to send next, to a coordinator that is known.
    pub(crate) fn poll(&mut self, now: Now, standing: &Standing<'_>) -> Option<Ask> {
        self.refuse_what_is_gone(standing);
        let me = standing.me?;
        if self.in_flight.is_some() || self.waiting.is_empty() || self.not_before > now.monotonic {
            return None;
        }
        self.last_ticket += 1;
        let waiting = std::mem::take(&mut self.waiting).into_iter();
        let ask = Ask {
            ticket: self.last_ticket,
            offsets: waiting.map(|(which, waiting)| (which, waiting.what)).collect(),
            me: me.clone(),
        };
        self.in_flight =
            Some(Ask { ticket: ask.ticket, offsets: ask.offsets.clone(), me: me.clone() });
        Some(ask)
    }

    /// Fails calls whose time is over.
    pub(crate) fn on_time(&mut self, now: Now) {
        let late: Vec<u64> = self
            .callers
            .iter()
            .filter(|caller| caller.deadline <= now.monotonic)
            .map(|caller| caller.id)
            .collect();
        if late.is_empty() {
            return;
        }
        let because = self.last_error.as_ref().map(|error| format!("; last: {error}"));
        let reason = format!("not stored in time{}", because.unwrap_or_default());
        for id in late {
            self.finish(id, Err(Error::new(ErrorKind::Timeout, ASKED, &*reason)));
        }
        let callers = &self.callers;
        self.waiting.retain(|which, _| callers.iter().any(|c| c.open.contains(which)));
    }

    /// When [`Commits::poll`] or [`Commits::on_time`] has something to do if nothing else happens.
    pub(crate) fn deadline(&self, now: Monotonic) -> Option<Monotonic> {
        let sends = self.in_flight.is_none() && !self.waiting.is_empty();
        let send = sends.then_some(self.not_before).filter(|at| *at > now);
        self.callers.iter().map(|caller| caller.deadline).chain(send).min()
    }

    /// A request was answered, or got no answer. `moved_on` says that the consumer is not, or not only, what it was
    /// when it was sent: being refused for that means nothing. Gives the code that it was refused with, and says
    /// whether the coordinator is another.
    pub(crate) fn on_answer(
        &mut self,
        now: Now,
        ticket: u64,
        answer: Result<offset_commit::Response>,
        moved_on: impl Fn(&Identity) -> bool,
    ) -> (Option<ErrorCode>, bool) {
        let Some(ask) = self.in_flight.take_if(|ask| ask.ticket == ticket) else {
            return (None, false);
        };
        let moved_on = moved_on(&ask.me);
        let mut flight = Flight { ask, moved_on, refused: None, coordinator_lost: false };
        let failures = self.failures;
        match answer {
            Ok(response) => {
                for topic in response.topics {
                    for row in topic.partitions {
                        let which = TopicPartition::new(topic.name.clone(), row.partition_index);
                        if let Some(what) = flight.ask.offsets.remove(&which) {
                            self.settle(&mut flight, which, what, row.error_code);
                        }
                    }
                }
                // A broker that leaves something out is asked again.
                for (which, what) in std::mem::take(&mut flight.ask.offsets) {
                    self.settle(&mut flight, which, what, ErrorCode::REQUEST_TIMED_OUT);
                }
            }
            Err(error) => {
                flight.coordinator_lost = error.is_retriable();
                for (which, what) in std::mem::take(&mut flight.ask.offsets) {
                    if error.is_retriable() {
                        self.again(&flight, which, what);
                    } else {
                        let about = error.clone().with_topic(&which.topic, Some(which.partition));
                        self.fail(flight.ask.ticket, &which, &about);
                    }
                }
                self.last_error = Some(error);
            }
        }
        if self.failures == failures {
            self.failures = 0;
        } else {
            // However many partitions failed, it was one request.
            self.failures = failures.saturating_add(1);
            self.not_before = now.monotonic.after(self.backoff.wait(self.failures, now.random));
        }
        (flight.refused, flight.coordinator_lost)
    }

    fn settle(
        &mut self,
        flight: &mut Flight,
        which: TopicPartition,
        what: OffsetAndMetadata,
        code: ErrorCode,
    ) {
        if code.is_ok() {
            self.stored.insert(which.clone(), what.offset);
            self.resolve(flight.ask.ticket, &which, None);
            return;
        }
        let passes = match code {
            ErrorCode::NOT_COORDINATOR | ErrorCode::COORDINATOR_NOT_AVAILABLE => {
                flight.coordinator_lost = true;
                true
            }
            ErrorCode::UNKNOWN_MEMBER_ID | ErrorCode::ILLEGAL_GENERATION => flight.moved_on,
            ErrorCode::REBALANCE_IN_PROGRESS => true,
            code => code.is_retriable(),
        };
        let error = match code {
            ErrorCode::UNKNOWN_MEMBER_ID | ErrorCode::ILLEGAL_GENERATION => gone(code),
            code => Error::broker(code, ASKED),
        };
        let error = error.with_topic(&which.topic, Some(which.partition));
        if passes {
            self.again(flight, which, what);
        } else {
            flight.refused = Some(code);
            self.fail(flight.ask.ticket, &which, &error);
        }
        self.last_error = Some(error);
    }

    /// Sends it once more, unless something newer waits or nobody does.
    fn again(&mut self, flight: &Flight, which: TopicPartition, what: OffsetAndMetadata) {
        self.failures = self.failures.saturating_add(1);
        if self.callers.iter().any(|caller| caller.open.contains(&which)) {
            let generation = flight.ask.me.generation;
            self.waiting.entry(which).or_insert(Waiting { what, generation });
        }
    }

    fn fail(&mut self, ticket: u64, which: &TopicPartition, error: &Error) {
        self.resolve(ticket, which, Some(error));
    }

    /// The request with this number decided about a partition.
    fn resolve(&mut self, ticket: u64, which: &TopicPartition, error: Option<&Error>) {
        let mut finished = Vec::new();
        for caller in self.callers.iter_mut().filter(|caller| caller.behind < ticket) {
            if caller.open.remove(which) {
                caller.error = caller.error.take().or_else(|| error.cloned());
                if caller.open.is_empty() {
                    finished.push((caller.id, caller.error.take()));
                }
            }
        }
        for (id, error) in finished {
            self.finish(id, error.map_or(Ok(()), Err));
        }
    }

    fn finish(&mut self, id: u64, outcome: Result<()>) {
        self.callers.retain(|caller| caller.id != id);
        self.done.push_back((id, outcome));
    }

    /// What was asked for as a member that this consumer is no more, about partitions that it does not hold, would
    /// overwrite what their new owners commit; and so would anything about partitions that are lost.
    fn refuse_what_is_gone(&mut self, standing: &Standing<'_>) {
        let refused = |which: &TopicPartition, waiting: &Waiting| match standing.me {
            None => true,
            Some(me) => {
                standing.lost
                    || waiting.generation != me.generation && !standing.held.contains(which)
            }
        };
        let gone: Vec<_> = self.waiting.extract_if(.., |which, w| refused(which, w)).collect();
        for (which, _) in gone {
            let error = self::gone(ErrorCode::ILLEGAL_GENERATION);
            let error = error.with_topic(&which.topic, Some(which.partition));
            self.resolve(u64::MAX, &which, Some(&error));
        }
    }
}

/// A request while its answer is looked at.
struct Flight {
    ask: Ask,
    moved_on: bool,
    refused: Option<ErrorCode>,
    coordinator_lost: bool,
}

#[cold]
fn gone(code: ErrorCode) -> Error {
    let reason = format!(
        "{code}: the group has given the partition away, or its members are others than this \
         consumer; what was not committed will be handled again"
    );
    Error::new(ErrorKind::Rebalanced, ASKED, reason).with_code(code)
}

/// The request for some offsets.
pub(crate) fn request(
    ask: &Ask,
    group_id: Arc<str>,
    group_instance_id: Option<Arc<str>>,
) -> offset_commit::Request {
    let mut topics: Vec<offset_commit::OffsetCommitRequestTopic> = Vec::new();
    for (which, what) in &ask.offsets {
        let row = offset_commit::OffsetCommitRequestPartition {
            partition_index: which.partition,
            committed_offset: what.offset,
            committed_leader_epoch: what.leader_epoch.unwrap_or(-1),
            committed_metadata: Some(what.metadata.clone()),
        };
        match topics.last_mut().filter(|topic| topic.name == which.topic) {
            Some(topic) => topic.partitions.push(row),
            None => topics.push(offset_commit::OffsetCommitRequestTopic {
                name: which.topic.clone(),
                partitions: vec![row],
                ..Default::default()
            }),
        }
    }
    offset_commit::Request {
        group_id,
        generation_id_or_member_epoch: ask.me.generation,
        member_id: ask.me.member_id.clone(),
        group_instance_id,
        topics,
        ..Default::default()
    }
}

#[cfg(test)]
mod tests;

//! Questions to leaders about offsets: of a timestamp, of the ends of a partition, of the end of a leader epoch.
//!
//! Holds true: a question is asked again, after a backoff and of whoever leads by then, until it has an answer or an
//! error that waiting does not cure. Questions for one broker share a request.

use crate::backoff::Backoff;
use crate::clock::{Monotonic, Now};
use crate::cluster::metadata::Snapshot;
use crate::error::{Error, ErrorKind, Result};
use crate::record::TopicPartition;
use kafka_proto::ErrorCode;
use kafka_proto::messages::{list_offsets, offset_for_leader_epoch as leader_epochs};
use std::collections::BTreeMap;

/// The timestamps that ListOffsets takes for the ends of a partition.
pub(crate) const EARLIEST: i64 = -2;
pub(crate) const LATEST: i64 = -1;

/// What can be asked about one partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Question {
    /// The first offset of a record as late as this, or one of the ends.
    Time(i64),
    /// Where this leader epoch ends.
    EpochEnd(i32),
}

/// What a leader said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    /// -1 where there is no such offset.
    pub(crate) offset: i64,
    /// -1 when unknown.
    pub(crate) epoch: i32,
    /// Of the record found; -1 for none.
    pub(crate) timestamp_ms: i64,
}

/// A request to be sent.
#[derive(Debug)]
pub(crate) struct Ask {
    pub(crate) ticket: u64,
    pub(crate) broker: i32,
    pub(crate) request: Request,
}

#[derive(Debug)]
pub(crate) enum Request {
    Offsets(list_offsets::Request),
    Epochs(leader_epochs::Request),
}

#[derive(Debug)]
pub(crate) enum Response {
    Offsets(list_offsets::Response),
    Epochs(leader_epochs::Response),
}

#[derive(Debug)]
struct Pending {
    question: Question,
    /// The request that carries it.
    ticket: Option<u64>,
    failures: u32,
    not_before: Monotonic,
    last_error: Option<Error>,
}

/// All open questions.
#[derive(Debug)]
pub(crate) struct Questions {
    pending: BTreeMap<TopicPartition, Pending>,
    read_committed: bool,
    backoff: Backoff,
    last_ticket: u64,
}

impl Questions {
    pub(crate) fn new(read_committed: bool, backoff: Backoff) -> Self {
        Self { pending: BTreeMap::new(), read_committed, backoff, last_ticket: 0 }
    }

    /// Asks; a question about the same partition is dropped.
    pub(crate) fn ask(&mut self, which: TopicPartition, question: Question) {
        let not_before = Monotonic::default();
        let pending = Pending { question, ticket: None, failures: 0, not_before, last_error: None };
        self.pending.insert(which, pending);
    }

    /// Asks again what was answered with an error, not before the longest backoff is over.
    pub(crate) fn ask_later(&mut self, now: Now, which: TopicPartition, question: Question) {
        let not_before = now.monotonic.after(self.backoff.max);
        self.pending.entry(which).or_insert(Pending {
            question,
            ticket: None,
            failures: 0,
            not_before,
            last_error: None,
        });
    }

    /// The answer is of no interest any more.
    pub(crate) fn forget(&mut self, which: &TopicPartition) {
        self.pending.remove(which);
    }

    /// Forgets every question about partitions for which `keep` says no.
    pub(crate) fn retain(&mut self, keep: impl Fn(&TopicPartition) -> bool) {
        self.pending.retain(|which, _| keep(which));
    }

    /// Whether nothing is open.
    pub(crate) fn is_empty(&self) -> bool {
        self.pending.is_empty()
    }

    /// Why some question has no answer yet.
    pub(crate) fn last_error(&self) -> Option<(&TopicPartition, Option<&Error>)> {
        let mut open = self.pending.iter();
        let (which, pending) =
            open.clone().find(|(_, p)| p.last_error.is_some()).or_else(|| open.next())?;
        Some((which, pending.last_error.as_ref()))
    }

    /// The next request.
    pub(crate) fn poll(&mut self, now: Now, snapshot: &Snapshot) -> Option<Ask> {
        let mut chosen: Option<(i32, bool)> = None;
        let mut rows: Vec<(&TopicPartition, i32, Question)> = Vec::new();
        for (which, pending) in &mut self.pending {
            if pending.ticket.is_some() || pending.not_before > now.monotonic {
                continue;
            }
            let Some(known) = snapshot.partition(&which.topic, which.partition) else { continue };
            let Some(leader) = known.leader else { continue };
            let kind = (leader, matches!(pending.question, Question::Time(_)));
            if *chosen.get_or_insert(kind) == kind {
                pending.ticket = Some(self.last_ticket + 1);
                rows.push((which, known.leader_epoch, pending.question));
            }
        }
        let (broker, by_time) = chosen?;
        self.last_ticket += 1;
        let request = if by_time {
            Request::Offsets(offsets_request(&rows, self.read_committed))
        } else {
            Request::Epochs(epochs_request(&rows))
        };
        Some(Ask { ticket: self.last_ticket, broker, request })
    }

    /// When [`Questions::poll`] has something to say if nothing else happens.
    pub(crate) fn deadline(&self, now: Monotonic) -> Option<Monotonic> {
        let waiting = self.pending.values().filter(|pending| pending.ticket.is_none());
        waiting.map(|pending| pending.not_before).filter(|at| *at > now).min()
    }

    /// A request was answered or failed: gives each partition's answer, or the error that no waiting cures. Says
    /// whether the cluster has to be looked at again.
    pub(crate) fn on_response(
        &mut self,
        now: Now,
        ticket: u64,
        response: Result<Response>,
        mut each: impl FnMut(TopicPartition, Question, Result<Answer>),
    ) -> bool {
        let carried = |p: &Pending| p.ticket == Some(ticket);
        match response {
            Ok(response) => {
                for (which, code, answer) in rows(response) {
                    if !self.pending.get(&which).is_some_and(carried) {
                        continue;
                    }
                    let told = if code.is_ok() {
                        Ok(answer)
                    } else {
                        Err(Error::broker(code, "look up an offset")
                            .with_topic(&which.topic, Some(which.partition)))
                    };
                    self.settle(now, which, told, &mut each);
                }
                // A broker that left a row out is asked again.
                let asked = "look up an offset";
                self.fail_all(now, ticket, &mut each, || {
                    Error::new(ErrorKind::Protocol, asked, "the answer leaves it out")
                        .with_code(ErrorCode::UNKNOWN_SERVER_ERROR)
                })
            }
            Err(error) => self.fail_all(now, ticket, &mut each, || error.clone()),
        }
    }

    fn fail_all(
        &mut self,
        now: Now,
        ticket: u64,
        each: &mut impl FnMut(TopicPartition, Question, Result<Answer>),
        error: impl Fn() -> Error,
    ) -> bool {
        let carried = self.pending.iter().filter(|(_, pending)| pending.ticket == Some(ticket));
        for which in carried.map(|(which, _)| which.clone()).collect::<Vec<_>>() {
            let error = error().with_topic(&which.topic, Some(which.partition));
            self.settle(now, which, Err(error), each);
        }
        self.pending.values().any(|pending| pending.failures > 0)
    }

    /// One question has been answered, or waits for its next turn.
    fn settle(
        &mut self,
        now: Now,
        which: TopicPartition,
        told: Result<Answer>,
        each: &mut impl FnMut(TopicPartition, Question, Result<Answer>),
    ) {
        if let Err(error) = &told
            && is_passing(error)
            && let Some(pending) = self.pending.get_mut(&which)
        {
            pending.ticket = None;
            pending.failures = pending.failures.saturating_add(1);
            let wait = self.backoff.wait(pending.failures, now.random);
            pending.not_before = now.monotonic.after(wait);
            pending.last_error = Some(error.clone());
        } else if let Some(pending) = self.pending.remove(&which) {
            each(which, pending.question, told);
        }
    }
}

/// Whether waiting and asking again may help.
fn is_passing(error: &Error) -> bool {
    error.is_retriable() || error.code() == Some(ErrorCode::UNKNOWN_SERVER_ERROR)
}

fn offsets_request(
    rows: &[(&TopicPartition, i32, Question)],
    read_committed: bool,
) -> list_offsets::Request {
    let mut topics: Vec<list_offsets::ListOffsetsTopic> = Vec::new();
    for (which, current_leader_epoch, question) in rows {
        let Question::Time(timestamp) = *question else { continue };
        let row = list_offsets::ListOffsetsPartition {
            partition_index: which.partition,
            current_leader_epoch: *current_leader_epoch,
            timestamp,
        };
        match topics.last_mut().filter(|topic| topic.name == which.topic) {
            Some(topic) => topic.partitions.push(row),
            None => topics.push(list_offsets::ListOffsetsTopic {
                name: which.topic.clone(),
                partitions: vec![row],
            }),
        }
    }
    list_offsets::Request {
        replica_id: -1,
        isolation_level: i8::from(read_committed),
        topics,
        ..Default::default()
    }
}

fn epochs_request(rows: &[(&TopicPartition, i32, Question)]) -> leader_epochs::Request {
    let mut topics: Vec<leader_epochs::OffsetForLeaderTopic> = Vec::new();
    for (which, current_leader_epoch, question) in rows {
        let Question::EpochEnd(leader_epoch) = *question else { continue };
        let row = leader_epochs::OffsetForLeaderPartition {
            partition: which.partition,
            current_leader_epoch: *current_leader_epoch,
            leader_epoch,
        };
        match topics.last_mut().filter(|topic| topic.topic == which.topic) {
            Some(topic) => topic.partitions.push(row),
            None => topics.push(leader_epochs::OffsetForLeaderTopic {
                topic: which.topic.clone(),
                partitions: vec![row],
            }),
        }
    }
    leader_epochs::Request { replica_id: -1, topics }
}

/// The rows of an answer of either kind.
fn rows(response: Response) -> Vec<(TopicPartition, ErrorCode, Answer)> {
    let mut rows = Vec::new();
    match response {
        Response::Offsets(response) => {
            for topic in response.topics {
                for row in topic.partitions {
                    let which = TopicPartition::new(topic.name.clone(), row.partition_index);
                    let answer = Answer {
                        offset: row.offset,
                        epoch: row.leader_epoch,
                        timestamp_ms: row.timestamp,
                    };
                    rows.push((which, row.error_code, answer));
                }
            }
        }
        Response::Epochs(response) => {
            for topic in response.topics {
                for row in topic.partitions {
                    let which = TopicPartition::new(topic.topic.clone(), row.partition);
                    let answer = Answer {
                        offset: row.end_offset,
                        epoch: row.leader_epoch,
                        timestamp_ms: -1,
                    };
                    rows.push((which, row.error_code, answer));
                }
            }
        }
    }
    rows
}

#[cfg(test)]
mod tests;

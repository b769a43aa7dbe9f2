//! Questions to the coordinator: how far the group has committed.
//!
//! Holds true: a question is asked again, after a backoff, until it has an answer, an error that waiting does not cure,
//! or no time left.

use super::commit::{OffsetAndMetadata, Offsets};
use crate::backoff::Backoff;
use crate::clock::{Monotonic, Now};
use crate::error::{Error, ErrorKind, Result};
use crate::record::TopicPartition;
use kafka_proto::ErrorCode;
use kafka_proto::messages::offset_fetch;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

const ASKED: &str = "look up committed offsets";

/// The newest version that goes by names: later ones want topic ids.
pub(crate) const NEWEST: i16 = 9;

/// Something to be sent.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    pub(crate) ticket: u64,
    pub(crate) partitions: BTreeSet<TopicPartition>,
    /// Offsets that an open transaction may still change are waited for (KIP-447).
    pub(crate) require_stable: bool,
}

/// What was committed; partitions of which nothing was are left out.
pub(crate) type Found = Result<Offsets>;

#[derive(Debug)]
struct Pending {
    partitions: BTreeSet<TopicPartition>,
    /// When it fails; a question without one is asked for as long as it takes.
    deadline: Option<Monotonic>,
    ticket: Option<u64>,
    failures: u32,
    not_before: Monotonic,
    last_error: Option<Error>,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Lookups {
    backoff: Backoff,
    require_stable: bool,
    pending: BTreeMap<u64, Pending>,
    done: VecDeque<(u64, Found)>,
    last_id: u64,
    last_ticket: u64,
}

impl Lookups {
    pub(crate) fn new(require_stable: bool, backoff: Backoff) -> Self {
        Self {
            backoff,
            require_stable,
            pending: BTreeMap::new(),
            done: VecDeque::new(),
            last_id: 0,
            last_ticket: 0,
        }
    }

    /// Asks when `wait` is over; [`Lookups::done`] has the answer under the number that this gives.
    pub(crate) fn ask(
        &mut self,
        now: Now,
        partitions: BTreeSet<TopicPartition>,
        limit: Option<Duration>,
        wait: Duration,
    ) -> u64 {
        self.last_id += 1;
        let pending = Pending {
            partitions,
            deadline: limit.map(|limit| now.monotonic.after(limit)),
            ticket: None,
            failures: 0,
            not_before: now.monotonic.after(wait),
            last_error: None,
        };
        self.pending.insert(self.last_id, pending);
        self.last_id
    }

    pub(crate) fn done(&mut self) -> Option<(u64, Found)> {
        self.done.pop_front()
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.pending.is_empty()
    }

    /// What to send next, to a coordinator that is known.
    pub(crate) fn poll(&mut self, now: Now) -> Option<Ask> {
        let ready = |p: &&mut Pending| p.ticket.is_none() && p.not_before <= now.monotonic;
        let pending = self.pending.values_mut().find(ready)?;
        self.last_ticket += 1;
        pending.ticket = Some(self.last_ticket);
        Some(Ask {
            ticket: self.last_ticket,
            partitions: pending.partitions.clone(),
            require_stable: self.require_stable,
        })
    }

    /// Fails questions whose time is over.
    pub(crate) fn on_time(&mut self, now: Now) {
        let is_late = |_: &u64, p: &mut Pending| p.deadline.is_some_and(|at| at <= now.monotonic);
        for (id, pending) in self.pending.extract_if(.., is_late) {
            let because = pending.last_error.map(|error| format!("; last: {error}"));
            let reason = format!("no answer in time{}", because.unwrap_or_default());
            self.done.push_back((id, Err(Error::new(ErrorKind::Timeout, ASKED, reason))));
        }
    }

    /// When there is something to do if nothing else happens.
    pub(crate) fn deadline(&self, now: Monotonic) -> Option<Monotonic> {
        let sends = self.pending.values().filter(|pending| pending.ticket.is_none());
        let sends = sends.map(|pending| pending.not_before).filter(|at| *at > now);
        self.pending.values().filter_map(|pending| pending.deadline).chain(sends).min()
    }

    /// An answer came, or none. Says whether the coordinator is another.
    pub(crate) fn on_answer(
        &mut self,
        now: Now,
        ticket: u64,
        answer: Result<offset_fetch::Response>,
    ) -> bool {
        let carries = |(_, pending): &(&u64, &Pending)| pending.ticket == Some(ticket);
        let Some(id) = self.pending.iter().find(carries).map(|(id, _)| *id) else { return false };
        let told = answer.and_then(read);
        let Err(error) = &told else {
            self.pending.remove(&id);
            self.done.push_back((id, told));
            return false;
        };
        if !error.is_retriable() {
            self.pending.remove(&id);
            self.done.push_back((id, told));
            return false;
        }
        if let Some(pending) = self.pending.get_mut(&id) {
            pending.ticket = None;
            pending.failures = pending.failures.saturating_add(1);
            let wait = self.backoff.wait(pending.failures, now.random);
            pending.not_before = now.monotonic.after(wait);
            pending.last_error = Some(error.clone());
        }
        let elsewhere = [ErrorCode::NOT_COORDINATOR, ErrorCode::COORDINATOR_NOT_AVAILABLE];
        error.code().is_none_or(|code| elsewhere.contains(&code))
    }
}

/// The request, which has another form before version 8; `None` for the partitions asks for all.
pub(crate) fn request(
    group_id: Arc<str>,
    partitions: Option<&BTreeSet<TopicPartition>>,
    require_stable: bool,
    version: i16,
) -> offset_fetch::Request {
    let mut topics: Vec<(Arc<str>, Vec<i32>)> = Vec::new();
    for which in partitions.into_iter().flatten() {
        match topics.last_mut().filter(|(topic, _)| *topic == which.topic) {
            Some((_, indexes)) => indexes.push(which.partition),
            None => topics.push((which.topic.clone(), vec![which.partition])),
        }
    }
    // Brokers that do not know of it have no transactions to wait for either.
    let require_stable = require_stable && version >= 7;
    if version < 8 {
        let row = |(name, partition_indexes)| offset_fetch::OffsetFetchRequestTopic {
            name,
            partition_indexes,
        };
        let topics = partitions.map(|_| topics.into_iter().map(row).collect());
        return offset_fetch::Request { group_id, topics, require_stable, ..Default::default() };
    }
    let row = |(name, partition_indexes)| offset_fetch::OffsetFetchRequestTopics {
        name,
        partition_indexes,
        ..Default::default()
    };
    let topics = partitions.map(|_| topics.into_iter().map(row).collect());
    let group = offset_fetch::OffsetFetchRequestGroup { group_id, topics, ..Default::default() };
    offset_fetch::Request { groups: vec![group], require_stable, ..Default::default() }
}

/// What the answer about one group says.
pub(crate) fn read(response: offset_fetch::Response) -> Found {
    let mut offsets = Offsets::new();
    let mut failed = response.error_code;
    let mut take =
        |topic: &Arc<str>, partition, offset, epoch, metadata: Option<Arc<str>>, code| {
            let which = TopicPartition::new(topic.clone(), partition);
            if offset >= 0 && ErrorCode::is_ok(code) {
                let leader_epoch = (epoch >= 0).then_some(epoch);
                let metadata = metadata.unwrap_or_default();
                offsets.insert(which, OffsetAndMetadata { offset, leader_epoch, metadata });
                return Ok(());
            }
            if code.is_ok() {
                return Ok(());
            }
            Err(Error::broker(code, ASKED).with_topic(&which.topic, Some(partition)))
        };
    for topic in response.topics {
        for p in topic.partitions {
            let epoch = p.committed_leader_epoch;
            let (index, offset) = (p.partition_index, p.committed_offset);
            take(&topic.name, index, offset, epoch, p.metadata, p.error_code)?;
        }
    }
    for group in response.groups {
        failed = if failed.is_ok() { group.error_code } else { failed };
        for topic in group.topics {
            for p in topic.partitions {
                let epoch = p.committed_leader_epoch;
                let (index, offset) = (p.partition_index, p.committed_offset);
                take(&topic.name, index, offset, epoch, p.metadata, p.error_code)?;
            }
        }
    }
    failed.ok().map_err(|code| Error::broker(code, ASKED))?;
    Ok(offsets)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::consumer::testing::{at, tp};

    fn lookups() -> Lookups {
        let backoff = Backoff { first: Duration::from_millis(100), max: Duration::from_secs(1) };
        Lookups::new(true, backoff)
    }

    fn answer(offset: i64, error_code: ErrorCode) -> offset_fetch::Response {
        let row = offset_fetch::OffsetFetchResponsePartitions {
            committed_offset: offset,
            committed_leader_epoch: 3,
            metadata: Some("m".into()),
            error_code,
            ..Default::default()
        };
        let topic = offset_fetch::OffsetFetchResponseTopics {
            name: "t".into(),
            partitions: vec![row],
            ..Default::default()
        };
        let group =
            offset_fetch::OffsetFetchResponseGroup { topics: vec![topic], ..Default::default() };
        offset_fetch::Response { groups: vec![group], ..Default::default() }
    }

    #[test]
    fn asked_again_until_no_transaction_is_open() {
        let mut lookups = lookups();
        let id = lookups.ask(at(0), [tp(0)].into(), None, Duration::ZERO);
        let ask = lookups.poll(at(0)).unwrap();
        assert!(ask.require_stable && lookups.poll(at(0)).is_none());
        let open = answer(5, ErrorCode::UNSTABLE_OFFSET_COMMIT);
        assert!(
            !lookups.on_answer(at(0), ask.ticket, Ok(open)),
            "the coordinator is the right one"
        );
        assert_eq!(lookups.deadline(at(0).monotonic), Some(at(100).monotonic));
        assert!(lookups.poll(at(99)).is_none());
        let ask = lookups.poll(at(100)).unwrap();
        assert!(!lookups.on_answer(at(100), ask.ticket, Ok(answer(7, ErrorCode::NONE))));
        let (done, found) = lookups.done().unwrap();
        assert_eq!(done, id);
        let expected = OffsetAndMetadata::new(7).leader_epoch(3).metadata("m");
        assert_eq!(found.unwrap(), [(tp(0), expected)].into());
        assert!(lookups.is_idle());
    }

    #[test]
    fn nothing_committed_errors_and_lateness() {
        let mut lookups = lookups();
        lookups.ask(at(0), [tp(0)].into(), None, Duration::ZERO);
        let ask = lookups.poll(at(0)).unwrap();
        lookups.on_answer(at(0), ask.ticket, Ok(answer(-1, ErrorCode::NONE)));
        assert_eq!(lookups.done().unwrap().1.unwrap(), Offsets::new());

        lookups.ask(at(0), [tp(0)].into(), None, Duration::ZERO);
        let ask = lookups.poll(at(0)).unwrap();
        let refused = answer(-1, ErrorCode::TOPIC_AUTHORIZATION_FAILED);
        lookups.on_answer(at(0), ask.ticket, Ok(refused));
        let error = lookups.done().unwrap().1.unwrap_err();
        assert_eq!((error.topic(), error.partition()), (Some("t"), Some(0)));

        lookups.ask(at(0), [tp(0)].into(), Some(Duration::from_secs(1)), Duration::ZERO);
        let ask = lookups.poll(at(0)).unwrap();
        let lost = Error::new(ErrorKind::Disconnected, "ask", "cut");
        assert!(lookups.on_answer(at(0), ask.ticket, Err(lost)), "look for the coordinator");
        lookups.on_time(at(999));
        assert!(lookups.done().is_none());
        lookups.on_time(at(1000));
        let error = lookups.done().unwrap().1.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Timeout);
        assert!(error.to_string().contains("cut"), "{error}");
    }

    #[test]
    fn old_and_new_requests_ask_the_same() {
        let partitions = [tp(0), tp(2), TopicPartition::new("u", 1)].into();
        let old = request("g".into(), Some(&partitions), true, 6);
        assert_eq!((&*old.group_id, old.require_stable, old.groups.len()), ("g", false, 0));
        let topics = old.topics.unwrap();
        assert_eq!((topics.len(), &topics[0].partition_indexes[..]), (2, &[0, 2][..]));
        let new = request("g".into(), Some(&partitions), true, 9);
        assert!(new.require_stable && new.group_id.is_empty());
        let topics = new.groups[0].topics.as_ref().unwrap();
        assert_eq!((&*topics[1].name, &topics[1].partition_indexes[..]), ("u", &[1][..]));
        assert!(request("g".into(), None, false, 9).groups[0].topics.is_none());
        assert!(request("g".into(), None, false, 5).topics.is_none());
    }
}

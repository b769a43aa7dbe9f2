//! Stories of groups, told to the coordinator with invented time and a log that can be made to fail.

mod committing;
mod joining;
mod keeping;

use super::*;
use bytes::Bytes;
use kafka_proto::group_protocol::{self, Subscription};
use kafka_proto::uuid::Uuid;
use std::collections::BTreeMap;

/// A log in a list.
#[derive(Debug, Default)]
struct ListLog {
    entries: Vec<Entry>,
    fails: Option<ErrorCode>,
}

impl GroupLog for ListLog {
    fn append(&mut self, _: &str, entries: &[Entry]) -> Result<(), ErrorCode> {
        match self.fails {
            Some(code) => Err(code),
            None => {
                self.entries.extend_from_slice(entries);
                Ok(())
            }
        }
    }
}

/// A coordinator, its log and the time.
struct World {
    groups: Coordinator,
    config: GroupConfig,
    log: ListLog,
    now: Now,
    answers: BTreeMap<Ticket, Answer>,
    names: u32,
}

const START_MS: i64 = 1_700_000_000_000;

impl World {
    fn new() -> Self {
        let config = GroupConfig {
            initial_rebalance_delay_ms: 0,
            min_session_timeout_ms: 100,
            ..GroupConfig::default()
        };
        Self {
            groups: Coordinator::new(),
            config,
            log: ListLog::default(),
            now: Now { monotonic_ms: 0, wall_ms: START_MS, random: 0 },
            answers: BTreeMap::new(),
            names: 0,
        }
    }

    fn turn<T>(&mut self, act: impl FnOnce(&mut Coordinator, &mut Turn<'_>) -> T) -> T {
        let mut answers = Vec::new();
        let mut turn =
            Turn { now: self.now, config: &self.config, log: &mut self.log, answers: &mut answers };
        let result = act(&mut self.groups, &mut turn);
        for (ticket, answer) in answers {
            assert_eq!(self.answers.insert(ticket, answer), None, "{ticket:?} is answered twice");
        }
        result
    }

    /// Lets time pass, with everything that is due in it at its own time.
    fn advance(&mut self, ms: u64) {
        let end_ms = self.now.monotonic_ms + ms;
        while let Some(due_ms) = self.groups.deadline().filter(|due_ms| *due_ms <= end_ms) {
            let step_ms = due_ms.saturating_sub(self.now.monotonic_ms);
            self.now.monotonic_ms += step_ms;
            self.now.wall_ms += i64::try_from(step_ms).unwrap();
            self.turn(Coordinator::tick);
        }
        self.now.wall_ms += i64::try_from(end_ms - self.now.monotonic_ms).unwrap();
        self.now.monotonic_ms = end_ms;
    }

    /// Sends a JoinGroup of version 9, and lets what is due at once happen.
    fn join(&mut self, request: &Join) -> Ticket {
        self.names += 1;
        let ticket = self.groups.ticket();
        let new_member_id = format!("m{}", self.names).into();
        let join = Join { ticket, new_member_id, ..request.clone() };
        self.turn(|groups, turn| groups.join(turn, &"g".into(), join));
        self.advance(0);
        ticket
    }

    /// The answer to a JoinGroup, which has to be there.
    #[track_caller]
    fn joined(&mut self, ticket: Ticket) -> join_group::Response {
        match self.answers.remove(&ticket) {
            Some(Answer::Join(response)) => response,
            other => panic!("{other:?}"),
        }
    }

    /// Joins as a new dynamic member, once with the id that is given; the answer may still be to come.
    fn enter(&mut self, request: &Join) -> (Arc<str>, Ticket) {
        let ticket = self.join(request);
        let given = self.joined(ticket);
        assert_eq!(given.error_code, ErrorCode::MEMBER_ID_REQUIRED);
        let ticket = self.join(&again(request, &given.member_id));
        (given.member_id, ticket)
    }

    fn sync(
        &mut self,
        joined: &join_group::Response,
        given: &[(&Arc<str>, &'static str)],
    ) -> Ticket {
        let ticket = self.groups.ticket();
        let bytes = |(id, text): &(&Arc<str>, &'static str)| {
            (Arc::clone(id), Bytes::from_static(text.as_bytes()))
        };
        let sync = Sync {
            ticket,
            member_id: joined.member_id.clone(),
            instance_id: None,
            generation: joined.generation_id,
            protocol_type: None,
            protocol: None,
            assignments: given.iter().map(bytes).collect(),
        };
        self.turn(|groups, turn| groups.sync(turn, &"g".into(), sync));
        ticket
    }

    #[track_caller]
    fn synced(&mut self, ticket: Ticket) -> Result<Bytes, ErrorCode> {
        match self.answers.remove(&ticket) {
            Some(Answer::Sync(response)) if response.error_code == ErrorCode::NONE => {
                Ok(response.assignment)
            }
            Some(Answer::Sync(response)) => Err(response.error_code),
            other => panic!("{other:?}"),
        }
    }

    /// A group with one member that has what it was given.
    fn stable(&mut self, request: &Join) -> join_group::Response {
        let (id, ticket) = self.enter(request);
        let joined = self.joined(ticket);
        let ticket = self.sync(&joined, &[(&id, "all")]);
        assert_eq!(self.synced(ticket).unwrap(), "all");
        joined
    }

    fn beat(&mut self, joined: &join_group::Response) -> Result<(), ErrorCode> {
        let (id, generation) = (joined.member_id.clone(), joined.generation_id);
        self.turn(|groups, turn| groups.heartbeat(turn, &"g".into(), &id, None, generation))
    }

    fn leave(&mut self, id: &Arc<str>) {
        let leaving = Leaving { member_id: id.clone(), instance_id: None };
        let left = self.turn(|groups, turn| groups.leave(turn, &"g".into(), &[leaving]));
        assert_eq!(left, Ok(vec![Ok(())]));
    }

    fn state(&self) -> &'static str {
        self.groups.get("g").map_or("Dead", |group| group.classic.state())
    }

    /// Commits as one that is no member.
    fn commit(&mut self, topic: &str, offset: i64) -> Result<(), ErrorCode> {
        self.commit_as(None, topic, offset)
    }

    fn commit_as(
        &mut self,
        member: Option<&join_group::Response>,
        topic: &str,
        offset: i64,
    ) -> Result<(), ErrorCode> {
        let commit = Commit {
            member_id: member.map(|joined| joined.member_id.clone()).unwrap_or_default(),
            instance_id: None,
            generation: member.map_or(-1, |joined| joined.generation_id),
            unknown_group: ErrorCode::GROUP_ID_NOT_FOUND,
        };
        let committed = Committed {
            offset,
            leader_epoch: 0,
            metadata: "".into(),
            committed_ms: self.now.wall_ms,
            expires_ms: None,
            topic_id: Uuid::ZERO,
        };
        let new = NewOffset { topic: topic.into(), partition: 0, committed };
        let results =
            self.turn(|groups, turn| groups.commit(turn, &"g".into(), &commit, vec![new]));
        results?.remove(0)
    }

    fn offset(&self, topic: &str) -> Option<i64> {
        let group = self.groups.get("g")?;
        group.offsets.get(topic, 0).map(|committed| committed.offset)
    }

    /// What a broker has that starts with the same log.
    fn restart(&mut self) {
        self.groups = Coordinator::new();
        self.log.entries.iter().for_each(|entry| self.groups.load(entry));
        self.turn(Coordinator::start);
    }
}

fn again(request: &Join, id: &Arc<str>) -> Join {
    Join { member_id: id.clone(), ..request.clone() }
}

/// A new consumer of topic `t`.
fn consumer() -> Join {
    let subscription = Subscription { topics: vec!["t".into()], ..Default::default() };
    let metadata = group_protocol::to_bytes(&subscription, 1).unwrap();
    Join {
        ticket: Ticket(0),
        version: 9,
        member_id: "".into(),
        new_member_id: "".into(),
        instance_id: None,
        client_id: "client".into(),
        client_host: "/host".into(),
        session_timeout_ms: 1_000,
        rebalance_timeout_ms: 5_000,
        protocol_type: "consumer".into(),
        protocols: vec![("range".into(), metadata.clone()), ("sticky".into(), metadata)],
    }
}

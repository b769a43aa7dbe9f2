//! Twenty members over a hundred partitions that join, leave, freeze, crash and come back at random, under an eager and
//! a cooperative assignor: no partition has two owners, nobody commits who may not, and in the end all is owned again.

use super::*;
use kafka_proto::group_protocol::{self, Assignment, Subscription, TopicPartition};
use kafka_proto::messages::join_group::JoinGroupRequestProtocol;
use kafka_proto::messages::offset_commit::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use kafka_proto::messages::offset_fetch::{OffsetFetchRequestGroup, OffsetFetchRequestTopics};
use kafka_proto::messages::sync_group::SyncGroupRequestAssignment;
use kafka_proto::messages::{
    heartbeat, join_group, leave_group, offset_commit, offset_fetch, sync_group,
};

const MEMBERS: usize = 20;
const PARTITIONS: i32 = 100;
const STEP_MS: u32 = 50;
const SESSION_MS: i32 = 2_000;
const CHURN_STEPS: u32 = 5_000;
const CALM_STEPS: u32 = 600;

/// How many members do something in a step.
const ACTIVE: usize = 5;

/// The same sequence for the same seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}

#[derive(Debug, Default, PartialEq)]
enum Doing {
    /// Not in the group, and not connected.
    #[default]
    Away,
    /// Has to join.
    Out,
    Joining,
    Syncing,
    /// Heartbeats and commits.
    Working,
    /// Does nothing, but believes what it last knew.
    Frozen {
        until_step: u32,
    },
}

#[derive(Default)]
struct Worker {
    doing: Doing,
    conn: Option<ConnectionId>,
    id: Arc<str>,
    generation: i32,
    owned: BTreeSet<i32>,
}

/// What happened, so that a quiet run is not taken for a good one.
#[derive(Debug, Default)]
struct Counts {
    generations: i32,
    commits: u64,
    fenced: u64,
    frozen: u64,
    crashed: u64,
    kept: u64,
}

struct Churn {
    world: World,
    dice: Dice,
    cooperative: bool,
    workers: Vec<Worker>,
    /// What was handed out, by generation and partition.
    handed: BTreeMap<(i32, i32), usize>,
    /// The last offset of each partition that was committed.
    committed: BTreeMap<i32, i64>,
    counts: Counts,
}

impl Churn {
    fn new(seed: u64, cooperative: bool) -> Self {
        let mut world = World::with(&[
            ("group.initial.rebalance.delay.ms", "100"),
            ("group.min.session.timeout.ms", "100"),
        ]);
        world.create("t", PARTITIONS, &[]);
        Self {
            world,
            dice: Dice(seed),
            cooperative,
            workers: (0..MEMBERS).map(|_| Worker::default()).collect(),
            handed: BTreeMap::new(),
            committed: BTreeMap::new(),
            counts: Counts::default(),
        }
    }

    fn run(mut self) -> Counts {
        for step in 0..CHURN_STEPS + CALM_STEPS {
            let calm = step >= CHURN_STEPS;
            for _ in 0..ACTIVE {
                let at = usize::try_from(self.dice.below(MEMBERS as u64)).unwrap();
                self.disturb(at, step, calm);
                self.act(at, step);
            }
            if self.dice.below(1_000) == 0 && !calm {
                self.world.broker.control().restart_coordinator();
            }
            self.world.advance(STEP_MS);
        }
        self.check_end();
        self.counts
    }

    /// What happens to a worker from outside.
    fn disturb(&mut self, at: usize, step: u32, calm: bool) {
        let roll = self.dice.below(5_000);
        let worker = &mut self.workers[at];
        match worker.doing {
            Doing::Away if calm || roll < 150 => {
                worker.doing = Doing::Out;
                worker.conn = Some(self.world.connect("INSIDE"));
            }
            _ if calm => {}
            Doing::Working if roll < 4 => self.leave(at),
            Doing::Working if roll < 10 => {
                let until_step = step + 2 + u32::try_from(self.dice.below(100)).unwrap();
                self.workers[at].doing = Doing::Frozen { until_step };
                self.counts.frozen += 1;
            }
            Doing::Working | Doing::Joining | Doing::Syncing if roll < 14 => self.crash(at),
            _ => {}
        }
    }

    fn crash(&mut self, at: usize) {
        if let Some(conn) = self.workers[at].conn {
            self.world.broker.on_disconnect(conn);
        }
        self.workers[at] = Worker::default();
        self.counts.crashed += 1;
    }

    fn leave(&mut self, at: usize) {
        let leaving = leave_group::MemberIdentity {
            member_id: self.workers[at].id.clone(),
            ..Default::default()
        };
        let request = leave_group::Request {
            group_id: "g".into(),
            members: vec![leaving],
            ..Default::default()
        };
        self.world.ask(5, &request);
        if let Some(conn) = self.workers[at].conn {
            self.world.broker.on_disconnect(conn);
        }
        self.workers[at] = Worker::default();
    }

    fn act(&mut self, at: usize, step: u32) {
        match self.workers[at].doing {
            Doing::Away => {}
            Doing::Out => self.join(at),
            Doing::Joining => self.hear_of_join(at),
            Doing::Syncing => self.hear_of_sync(at),
            Doing::Working => self.work(at),
            Doing::Frozen { until_step } if until_step <= step => {
                // It does not know how long it was away, and goes on as if nothing had been.
                self.workers[at].doing = Doing::Working;
                self.commit(at);
                self.work(at);
            }
            Doing::Frozen { .. } => {}
        }
    }

    fn join(&mut self, at: usize) {
        let worker = &mut self.workers[at];
        // Who joins under an eager assignor, or anew, has nothing.
        if !self.cooperative || worker.id.is_empty() {
            worker.owned.clear();
        }
        let subscription = Subscription {
            topics: vec!["t".into()],
            owned_partitions: topic_partitions(&worker.owned),
            generation_id: worker.generation,
            ..Default::default()
        };
        let metadata = group_protocol::to_bytes(&subscription, 2).unwrap();
        let protocol = JoinGroupRequestProtocol { name: "mine".into(), metadata };
        let request = join_group::Request {
            group_id: "g".into(),
            session_timeout_ms: SESSION_MS,
            rebalance_timeout_ms: 3_000,
            member_id: worker.id.clone(),
            protocol_type: "consumer".into(),
            protocols: vec![protocol],
            ..Default::default()
        };
        worker.doing = Doing::Joining;
        self.world.send(self.workers[at].conn.unwrap(), 9, &request);
    }

    fn hear_of_join(&mut self, at: usize) {
        let conn = self.workers[at].conn.unwrap();
        let Some((_, joined)) = self.world.reply::<join_group::Request>(conn, 9) else { return };
        let worker = &mut self.workers[at];
        match joined.error_code {
            ErrorCode::NONE => {}
            ErrorCode::MEMBER_ID_REQUIRED => {
                worker.id = joined.member_id;
                worker.doing = Doing::Out;
                return;
            }
            ErrorCode::UNKNOWN_MEMBER_ID => {
                *worker = Worker { conn: worker.conn, doing: Doing::Out, ..Worker::default() };
                return;
            }
            ErrorCode::NOT_COORDINATOR | ErrorCode::REBALANCE_IN_PROGRESS => {
                worker.doing = Doing::Out;
                return;
            }
            other => panic!("JoinGroup: {other}"),
        }
        assert!(joined.generation_id >= worker.generation, "generations go on");
        worker.generation = joined.generation_id;
        worker.doing = Doing::Syncing;
        self.counts.generations = self.counts.generations.max(joined.generation_id);
        let request = sync_group::Request {
            group_id: "g".into(),
            generation_id: joined.generation_id,
            member_id: joined.member_id.clone(),
            protocol_type: joined.protocol_type.clone(),
            protocol_name: joined.protocol_name.clone(),
            assignments: self.assign(&joined),
            ..Default::default()
        };
        self.world.send(conn, 5, &request);
    }

    /// What a leader deals out: every partition to one member, and under a cooperative assignor one that another still
    /// holds to nobody yet.
    fn assign(&mut self, joined: &join_group::Response) -> Vec<SyncGroupRequestAssignment> {
        let mut held: BTreeMap<i32, (i32, Arc<str>)> = BTreeMap::new();
        let mut shares: BTreeMap<Arc<str>, BTreeSet<i32>> = BTreeMap::new();
        for member in &joined.members {
            shares.insert(member.member_id.clone(), BTreeSet::new());
            let says: Subscription = group_protocol::from_bytes(member.metadata.clone()).unwrap();
            for partition in says.owned_partitions.iter().flat_map(|topic| &topic.partitions) {
                let known = held.get(partition).map_or(-1, |(generation, _)| *generation);
                if says.generation_id > known {
                    held.insert(*partition, (says.generation_id, member.member_id.clone()));
                }
            }
        }
        let fair = usize::try_from(PARTITIONS).unwrap().div_ceil(shares.len().max(1));
        let mut left = Vec::new();
        for partition in 0..PARTITIONS {
            let holder = held.get(&partition).and_then(|(_, id)| shares.get_mut(id));
            match holder {
                Some(share) if share.len() < fair => {
                    self.counts.kept += 1;
                    share.insert(partition);
                }
                // It is given up first; whoever gives up joins again, and then it is free.
                Some(_) => {}
                None => left.push(partition),
            }
        }
        for partition in left {
            let least = shares.values_mut().min_by_key(|share| share.len());
            if let Some(share) = least {
                share.insert(partition);
            }
        }
        let deal = |(member_id, share): (Arc<str>, BTreeSet<i32>)| {
            let assigned_partitions = topic_partitions(&share);
            let assignment = Assignment { assigned_partitions, ..Default::default() };
            let assignment = group_protocol::to_bytes(&assignment, 2).unwrap();
            SyncGroupRequestAssignment { member_id, assignment }
        };
        shares.into_iter().map(deal).collect()
    }

    fn hear_of_sync(&mut self, at: usize) {
        let conn = self.workers[at].conn.unwrap();
        let Some((_, synced)) = self.world.reply::<sync_group::Request>(conn, 5) else { return };
        match synced.error_code {
            ErrorCode::NONE => {}
            code => return self.set_back(at, code),
        }
        let given: Assignment = group_protocol::from_bytes(synced.assignment).unwrap();
        let given: BTreeSet<i32> =
            given.assigned_partitions.iter().flat_map(|topic| topic.partitions.clone()).collect();
        let generation = self.workers[at].generation;
        for partition in &given {
            let other = self.handed.insert((generation, *partition), at);
            assert!(other.is_none_or(|other| other == at), "{partition} has two owners");
        }
        let worker = &mut self.workers[at];
        let gives_up = self.cooperative && !worker.owned.is_subset(&given);
        worker.owned = given;
        worker.doing = if gives_up { Doing::Out } else { Doing::Working };
    }

    /// Deals with an error that says that the group has gone on.
    fn set_back(&mut self, at: usize, code: ErrorCode) {
        let worker = &mut self.workers[at];
        worker.doing = Doing::Out;
        match code {
            ErrorCode::REBALANCE_IN_PROGRESS | ErrorCode::NOT_COORDINATOR => {}
            ErrorCode::ILLEGAL_GENERATION => worker.owned.clear(),
            ErrorCode::UNKNOWN_MEMBER_ID => {
                *worker = Worker { conn: worker.conn, doing: Doing::Out, ..Worker::default() };
            }
            other => panic!("{other}"),
        }
    }

    fn work(&mut self, at: usize) {
        if self.workers[at].doing != Doing::Working {
            return;
        }
        let worker = &self.workers[at];
        let request = heartbeat::Request {
            group_id: "g".into(),
            generation_id: worker.generation,
            member_id: worker.id.clone(),
            ..Default::default()
        };
        match self.world.ask(4, &request).error_code {
            ErrorCode::NONE => self.commit(at),
            code => self.set_back(at, code),
        }
    }

    /// Reads where a partition it holds stands, and commits one more.
    fn commit(&mut self, at: usize) {
        let worker = &self.workers[at];
        let Some(partition) = worker.owned.iter().next().copied() else { return };
        let rest = worker.owned.iter().copied().skip(1).collect::<Vec<_>>();
        let pick = self.dice.below(1 + rest.len() as u64);
        let partition =
            if pick == 0 { partition } else { rest[usize::try_from(pick).unwrap() - 1] };
        let next = self.stored(partition) + 1;
        let row = OffsetCommitRequestPartition {
            partition_index: partition,
            committed_offset: next,
            ..Default::default()
        };
        let topic = OffsetCommitRequestTopic {
            name: "t".into(),
            partitions: vec![row],
            ..Default::default()
        };
        let worker = &self.workers[at];
        let request = offset_commit::Request {
            group_id: "g".into(),
            generation_id_or_member_epoch: worker.generation,
            member_id: worker.id.clone(),
            topics: vec![topic],
            ..Default::default()
        };
        let generation = worker.generation;
        match self.world.ask(9, &request).topics[0].partitions[0].error_code {
            ErrorCode::NONE => {
                let owner = self.handed.get(&(generation, partition));
                let newest = self.handed.range(..).rev().find(|((_, one), _)| *one == partition);
                assert_eq!(owner, Some(&at), "who commits {partition} was given it");
                assert_eq!(newest.unwrap().1, &at, "{partition} is somebody else's by now");
                let known = self.committed.insert(partition, next).unwrap_or(-1);
                assert_eq!(known + 1, next, "partition {partition}");
                self.counts.commits += 1;
            }
            code => {
                self.counts.fenced += 1;
                self.set_back(at, code);
            }
        }
    }

    fn stored(&mut self, partition: i32) -> i64 {
        let topic = OffsetFetchRequestTopics {
            name: "t".into(),
            partition_indexes: vec![partition],
            ..Default::default()
        };
        let group = OffsetFetchRequestGroup {
            group_id: "g".into(),
            topics: Some(vec![topic]),
            ..Default::default()
        };
        let request = offset_fetch::Request { groups: vec![group], ..Default::default() };
        self.world.ask(9, &request).groups[0].topics[0].partitions[0].committed_offset
    }

    fn check_end(&mut self) {
        let mut owned = BTreeSet::new();
        for worker in &self.workers {
            assert_eq!(worker.doing, Doing::Working, "everybody is back at work");
            for partition in &worker.owned {
                assert!(owned.insert(*partition), "{partition} has two owners");
            }
        }
        assert_eq!(owned.len(), usize::try_from(PARTITIONS).unwrap(), "everything is owned");
        for partition in 0..PARTITIONS {
            let known = self.committed.get(&partition).copied().unwrap_or(-1);
            assert_eq!(self.stored(partition), known);
        }
    }
}

fn topic_partitions(partitions: &BTreeSet<i32>) -> Vec<TopicPartition> {
    let partitions = partitions.iter().copied().collect();
    vec![TopicPartition { topic: "t".into(), partitions }]
}

fn churn(cooperative: bool) {
    for seed in 1..=3 {
        let counts = Churn::new(seed, cooperative).run();
        let Counts { generations, commits, fenced, frozen, crashed, kept } = counts;
        assert!(generations > 20 && commits > 1_000, "seed {seed}: {generations}, {commits}");
        assert!(fenced > 0, "seed {seed}: nobody was too late");
        assert!(frozen > 5 && crashed > 10, "seed {seed}: {frozen}, {crashed}");
        assert_eq!(kept > 0, cooperative, "seed {seed}");
    }
}

#[test]
fn every_rule_holds_while_eager_members_come_and_go() {
    churn(false);
}

#[test]
fn every_rule_holds_while_cooperative_members_come_and_go() {
    churn(true);
}

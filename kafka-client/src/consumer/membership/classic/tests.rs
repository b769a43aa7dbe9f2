//! A member as stories of its application, its coordinator and the other members.

use super::super::super::assignor::{CooperativeSticky, Range};
use super::super::super::testing::{at, cluster, tp};
use super::super::wire::assignment;
use super::*;
use crate::config::{ClientConfig, ConsumerConfig};
use crate::consumer::Settings;
use crate::error::ErrorKind;
use kafka_proto::group_protocol::{self, Assignment};

struct World {
    member: Classic,
    snapshot: Arc<Snapshot>,
    ms: u64,
}

fn world(assignor: impl Assignor, instance: Option<&str>) -> World {
    let mut config = ConsumerConfig::default().group("g");
    if let Some(name) = instance {
        config = config.group_instance_id(name);
    }
    let settings = Settings::new(&ClientConfig::default(), &config);
    let backoff = Backoff { first: Duration::from_millis(100), max: Duration::from_secs(1) };
    let member = Classic::new(settings.group.unwrap(), vec![Arc::new(assignor)], backoff);
    World { member, snapshot: cluster(1, &[(1, 5), (1, 5)]), ms: 0 }
}

fn ok(member_id: &str, generation_id: i32) -> join_group::Response {
    join_group::Response {
        generation_id,
        protocol_name: Some("range".into()),
        leader: "someone".into(),
        member_id: member_id.into(),
        ..Default::default()
    }
}

fn refused(error_code: ErrorCode) -> join_group::Response {
    join_group::Response { error_code, ..Default::default() }
}

fn given(partitions: &[i32]) -> sync_group::Response {
    let share = partitions.iter().map(|&partition| tp(partition)).collect();
    sync_group::Response { assignment: assignment(&share), ..Default::default() }
}

fn set(partitions: &[i32]) -> BTreeSet<TopicPartition> {
    partitions.iter().map(|&partition| tp(partition)).collect()
}

impl World {
    fn subscribe(&mut self, topics: &[&str]) {
        let topics = topics.iter().map(|&topic| topic.into()).collect();
        self.member.subscribe(at(self.ms), topics);
    }

    /// The application asks for records and does everything that is due.
    fn call(&mut self) -> Vec<Due> {
        let mut done = Vec::new();
        loop {
            self.member.on_poll(at(self.ms));
            let Some(due) = self.member.holdings().due() else { return done };
            self.member.on_done(&due);
            done.push(due);
        }
    }

    fn ask(&mut self) -> Option<Ask> {
        self.member.poll(at(self.ms), &self.snapshot)
    }

    fn asked_to_join(&mut self) -> (u64, join_group::Request) {
        match self.ask() {
            Some(Ask::Join { ticket, request, .. }) => (ticket, request),
            other => panic!("expected a join, not {other:?}"),
        }
    }

    fn asked_to_sync(&mut self) -> (u64, sync_group::Request) {
        match self.ask() {
            Some(Ask::Sync { ticket, request }) => (ticket, request),
            other => panic!("expected a sync, not {other:?}"),
        }
    }

    fn beat(&mut self, error_code: ErrorCode) -> Effects {
        self.ms += 3000;
        let Some(Ask::Heartbeat { ticket, request }) = self.ask() else { panic!("no heartbeat") };
        assert_eq!(request.member_id, self.member.identity().member_id);
        let answer = heartbeat::Response { error_code, ..Default::default() };
        self.member.on_heartbeat(at(self.ms), ticket, Ok(answer))
    }

    fn join(&mut self, answer: join_group::Response) -> Effects {
        let (ticket, _) = self.asked_to_join();
        self.member.on_join(at(self.ms), ticket, Ok(answer))
    }

    fn sync(&mut self, answer: sync_group::Response) -> Effects {
        let (ticket, _) = self.asked_to_sync();
        self.member.on_sync(at(self.ms), ticket, Ok(answer))
    }

    /// A member of generation 1 that holds these.
    fn holding(mut self, partitions: &[i32]) -> Self {
        self.subscribe(&["t"]);
        assert_eq!(self.call(), []);
        self.join(ok("m", 1));
        self.sync(given(partitions));
        assert_eq!(self.call(), [Due::Assign(set(partitions))]);
        self
    }

    fn told(request: &join_group::Request) -> Subscription {
        group_protocol::from_bytes(request.protocols[0].metadata.clone()).unwrap()
    }
}

#[test]
fn the_first_member_leads_and_shares_out() {
    let mut world = world(Range, None);
    world.subscribe(&["t"]);
    assert!(world.ask().is_none(), "it joins at a call of the application");
    assert!(world.member.needs_application());
    world.call();
    let (ticket, request) = world.asked_to_join();
    assert_eq!((&*request.member_id, &*request.protocols[0].name), ("", "range"));
    assert_eq!((request.session_timeout_ms, request.rebalance_timeout_ms), (45_000, 300_000));
    let mut first = refused(ErrorCode::MEMBER_ID_REQUIRED);
    first.member_id = "m".into();
    world.member.on_join(at(0), ticket, Ok(first));
    let (ticket, request) = world.asked_to_join();
    assert_eq!(&*request.member_id, "m");
    let members = [("m", request.protocols[0].metadata.clone()), ("n", World::other(&["t", "u"]))];
    let mut answer = ok("m", 1);
    answer.leader = "m".into();
    answer.members = members
        .into_iter()
        .map(|(id, metadata)| join_group::JoinGroupResponseMember {
            member_id: id.into(),
            metadata,
            ..Default::default()
        })
        .collect();
    world.member.on_join(at(0), ticket, Ok(answer));
    // It does not know all topics of the others yet.
    assert!(world.ask().is_none());
    assert_eq!(world.member.wanted_topics(), ["t".into(), "u".into()].into());
    assert_eq!(world.member.deadline(at(0).monotonic), Some(at(5000).monotonic));
    world.ms = 5000;
    let (ticket, request) = world.asked_to_sync();
    assert_eq!(request.generation_id, 1);
    let share = |n: usize| -> Assignment {
        group_protocol::from_bytes(request.assignments[n].assignment.clone()).unwrap()
    };
    assert_eq!(share(0).assigned_partitions[0].partitions, [0]);
    assert_eq!(share(1).assigned_partitions[0].partitions, [1]);
    world.member.on_sync(at(5000), ticket, Ok(given(&[0])));
    assert_eq!(world.call(), [Due::Assign(set(&[0]))]);
    assert!(world.beat(ErrorCode::NONE).error.is_none());

    // A partition more, and the leader has the group rebalance.
    world.member.on_metadata(&world.snapshot.clone());
    assert!(!world.member.needs_application());
    world.snapshot = cluster(2, &[(1, 5), (1, 5), (1, 5)]);
    world.member.on_metadata(&world.snapshot.clone());
    assert_eq!(world.call(), [Due::Revoke(set(&[0]))]);
    let (_, request) = world.asked_to_join();
    assert_eq!(request.reason.as_deref(), Some("the partitions of the topics have changed"));
}

impl World {
    fn other(topics: &[&str]) -> bytes::Bytes {
        let topics = topics.iter().map(|&topic| topic.into()).collect();
        subscription(&Subscription { topics, ..Default::default() })
    }
}

#[test]
fn an_eager_member_gives_everything_up_before_it_joins_again() {
    let mut world = world(Range, None).holding(&[0, 1]);
    world.beat(ErrorCode::REBALANCE_IN_PROGRESS);
    assert!(world.member.needs_application());
    world.beat(ErrorCode::REBALANCE_IN_PROGRESS);
    assert_eq!(*world.member.holdings().held(), set(&[0, 1]), "it is a member while it waits");
    assert_eq!(world.call(), [Due::Revoke(set(&[0, 1]))]);
    let (ticket, request) = world.asked_to_join();
    assert_eq!((&*request.member_id, World::told(&request).owned_partitions.len()), ("m", 0));
    assert!(world.member.is_between());
    world.member.on_join(at(world.ms), ticket, Ok(ok("m", 2)));
    world.sync(given(&[1]));
    assert_eq!(world.call(), [Due::Assign(set(&[1]))]);
}

#[test]
fn a_cooperative_member_gives_up_what_moves_and_joins_again() {
    let mut world = world(CooperativeSticky, None).holding(&[0, 1]);
    world.beat(ErrorCode::REBALANCE_IN_PROGRESS);
    assert_eq!(world.call(), [], "nothing stops");
    let (ticket, request) = world.asked_to_join();
    let told = World::told(&request);
    assert_eq!(told.owned_partitions[0].partitions, [0, 1]);
    assert_eq!((told.generation_id, told.user_data.as_deref()), (1, Some(&[0, 0, 0, 1][..])));
    world.member.on_join(at(world.ms), ticket, Ok(ok("m", 2)));
    world.sync(given(&[0]));
    assert_eq!(world.call(), [Due::Revoke(set(&[1])), Due::Assign(set(&[]))]);
    let (ticket, request) = world.asked_to_join();
    assert_eq!(request.reason.as_deref(), Some("partitions were given up"));
    assert_eq!(World::told(&request).owned_partitions[0].partitions, [0]);
    world.member.on_join(at(world.ms), ticket, Ok(ok("m", 3)));
    world.sync(given(&[0]));
    assert_eq!(world.call(), [Due::Assign(set(&[]))]);
    assert!(!world.member.needs_application());
}

#[test]
fn what_an_assignment_takes_is_given_up_even_if_the_next_rebalance_comes_first() {
    let mut world = world(CooperativeSticky, None).holding(&[0, 1]);
    world.beat(ErrorCode::REBALANCE_IN_PROGRESS);
    world.call();
    world.join(ok("m", 2));
    world.sync(given(&[0]));
    world.beat(ErrorCode::REBALANCE_IN_PROGRESS);
    assert_eq!(world.call(), [Due::Revoke(set(&[1]))]);
    let (_, request) = world.asked_to_join();
    assert_eq!(World::told(&request).owned_partitions[0].partitions, [0]);
}

#[test]
fn an_expelled_member_has_lost_everything_and_joins_anew() {
    for (code, id) in [(ErrorCode::UNKNOWN_MEMBER_ID, ""), (ErrorCode::ILLEGAL_GENERATION, "m")] {
        let mut world = world(CooperativeSticky, None).holding(&[0, 1]);
        world.beat(code);
        assert!(world.ask().is_none(), "there is nothing to keep alive");
        assert_eq!(world.call(), [Due::Lose(set(&[0, 1]))]);
        let (_, request) = world.asked_to_join();
        assert_eq!(&*request.member_id, id);
        let told = World::told(&request);
        assert_eq!((told.owned_partitions.len(), told.generation_id), (0, -1));
    }
}

#[test]
fn a_fenced_member_is_of_no_use_until_it_subscribes_again() {
    let mut world = world(Range, Some("one")).holding(&[0]);
    world.beat(ErrorCode::FENCED_INSTANCE_ID);
    assert_eq!(world.call(), [Due::Lose(set(&[0]))]);
    assert_eq!(world.member.fenced().unwrap().kind(), ErrorKind::Fenced);
    world.ms += 10_000;
    assert!(world.ask().is_none() && world.member.needs_application());
    world.member.leave("");
    assert!(world.member.fenced().is_none() && world.ask().is_none());
    world.subscribe(&["t"]);
    world.call();
    assert_eq!(world.asked_to_join().1.group_instance_id.as_deref(), Some("one"));
}

#[test]
fn joining_goes_on_through_failures() {
    let mut world = world(Range, None);
    world.subscribe(&["t"]);
    world.call();
    assert!(world.join(refused(ErrorCode::NOT_COORDINATOR)).coordinator_lost);
    assert!(world.ask().is_none());
    assert_eq!(world.member.deadline(at(0).monotonic), Some(at(100).monotonic));
    world.ms = 100;
    let (ticket, _) = world.asked_to_join();
    let lost = Error::new(ErrorKind::Disconnected, "ask", "");
    assert!(world.member.on_join(at(100), ticket, Err(lost)).coordinator_lost);
    assert_eq!(world.member.deadline(at(100).monotonic), Some(at(300).monotonic));
    world.ms = 300;
    assert!(!world.join(refused(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS)).coordinator_lost);
    world.ms = 1000;
    world.join(ok("m", 1));
    // Another member came while the leader was busy.
    world.sync(sync_group::Response {
        error_code: ErrorCode::REBALANCE_IN_PROGRESS,
        ..Default::default()
    });
    assert!(world.ask().is_none(), "that takes a call of the application again");
    world.call();
    let (ticket, request) = world.asked_to_join();
    assert_eq!(&*request.member_id, "m");
    // What nobody can mend at once is told, and tried again.
    let full = refused(ErrorCode::GROUP_MAX_SIZE_REACHED);
    let error = world.member.on_join(at(1000), ticket, Ok(full)).error.unwrap();
    assert_eq!(error.code(), Some(ErrorCode::GROUP_MAX_SIZE_REACHED));
    assert!(world.ask().is_none());
    world.ms = 2000;
    world.join(ok("m", 2));
    world.sync(given(&[1]));
    assert_eq!(world.call(), [Due::Assign(set(&[1]))]);
}

#[test]
fn a_silent_member_leaves_and_comes_back() {
    let mut world = world(Range, None).holding(&[0]);
    world.ms += 30_000;
    world.member.check_liveness(at(world.ms));
    assert!(world.member.needs_application(), "a sign of life is asked for");
    assert_eq!(world.call(), []);
    assert!(!world.member.needs_application());
    world.ms += 30_000;
    world.member.check_liveness(at(world.ms));
    world.ms += 299_999;
    world.member.check_liveness(at(world.ms));
    assert_eq!(&*world.member.identity().member_id, "m");
    world.ms += 1;
    world.member.check_liveness(at(world.ms));
    let Some(Ask::Leave(farewell)) = world.ask() else { panic!("it does not leave") };
    assert_eq!(&*farewell.member_id, "m");
    assert!(world.ask().is_none());
    assert_eq!(world.call(), [Due::Lose(set(&[0]))]);
    assert_eq!(&*world.asked_to_join().1.member_id, "");
}

/// While the application is busy, a join waits only for what has to be given up, and being busy is no sign of life.
#[test]
fn a_join_goes_on_beside_a_busy_application() {
    let mut world = world(CooperativeSticky, None).holding(&[0]);
    assert!(!world.member.go_on(), "there is nothing to join for");
    world.beat(ErrorCode::REBALANCE_IN_PROGRESS);
    assert!(world.ask().is_none());
    assert!(world.member.go_on() && !world.member.go_on());
    world.asked_to_join();
    world.ms += 300_000 + 30_000;
    world.member.check_liveness(at(world.ms));
    world.ms += 300_000;
    world.member.check_liveness(at(world.ms));
    assert_eq!(world.member.holdings().due(), Some(Due::Lose(set(&[0]))));

    let mut world = self::world(Range, None).holding(&[0]);
    world.beat(ErrorCode::REBALANCE_IN_PROGRESS);
    assert!(!world.member.go_on(), "an eager member gives up first");
    assert_eq!(world.member.holdings().due(), Some(Due::Revoke(set(&[0]))));
}

#[test]
fn static_members_leave_without_a_word() {
    let mut world = world(Range, Some("one")).holding(&[0]);
    world.member.leave("the consumer is closed");
    assert!(world.ask().is_none() && world.member.is_out());
    assert_eq!(*world.member.identity(), Identity::none());
}

#[test]
fn a_static_member_that_missed_a_generation_has_lost_what_it_held() {
    for (instance, generation, first) in [
        (Some("one"), 3, Due::Lose(set(&[0, 1]))),
        (Some("one"), 2, Due::Revoke(set(&[1]))),
        // Another member cannot have missed one: it did not hear of it.
        (None, 3, Due::Revoke(set(&[1]))),
    ] {
        let mut world = world(CooperativeSticky, instance).holding(&[0, 1]);
        world.beat(ErrorCode::REBALANCE_IN_PROGRESS);
        assert_eq!(world.call(), []);
        world.join(ok("m", generation));
        assert_eq!(world.member.holdings().are_lost(), matches!(first, Due::Lose(_)));
        world.sync(given(&[0]));
        assert_eq!(world.call()[0], first, "{instance:?} in {generation}");
        assert_eq!(*world.member.holdings().held(), set(&[0]));
    }
}

#[test]
fn a_join_that_nobody_waits_for_is_undone() {
    let mut world = world(Range, None);
    world.subscribe(&["t"]);
    world.call();
    let (ticket, _) = world.asked_to_join();
    world.member.leave("");
    assert!(world.ask().is_none());
    world.member.on_join(at(0), ticket, Ok(ok("m", 1)));
    assert_eq!(&*world.member.farewell().unwrap().member_id, "m");
    let farewell = Farewell { member_id: "m".into(), reason: "r" };
    assert_eq!(&*farewell.request("g".into(), 2).member_id, "m");
    let new = farewell.request("g".into(), 5);
    assert_eq!((&*new.member_id, new.members[0].reason.as_deref()), ("", Some("r")));
}

#[test]
fn the_assignment_of_a_static_leader_that_is_back_stands() {
    let mut world = world(Range, Some("one"));
    world.subscribe(&["t"]);
    world.call();
    let mut answer = ok("m", 7);
    answer.leader = "m".into();
    answer.skip_assignment = true;
    let metadata = World::other(&["t"]);
    let me = join_group::JoinGroupResponseMember {
        member_id: "m".into(),
        metadata,
        ..Default::default()
    };
    answer.members.push(me);
    world.join(answer);
    let (ticket, request) = world.asked_to_sync();
    assert!(request.assignments.is_empty());
    world.member.on_sync(at(0), ticket, Ok(given(&[0, 1])));
    assert_eq!(world.call(), [Due::Assign(set(&[0, 1]))]);
    world.member.on_metadata(&world.snapshot.clone());
    assert!(!world.member.needs_application());
}

#[test]
fn other_topics_take_a_rebalance() {
    let mut world = world(CooperativeSticky, None).holding(&[0]);
    world.subscribe(&["t"]);
    assert!(!world.member.needs_application(), "nothing has changed");
    world.subscribe(&["u"]);
    assert_eq!(world.call(), [Due::Revoke(set(&[0]))]);
    let (_, request) = world.asked_to_join();
    assert_eq!(World::told(&request).topics, ["u".into()]);
}

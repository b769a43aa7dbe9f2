//! When a broker is asked, for how much, and what its answers mean.

use super::super::testing::{answer, at, batch, cluster, found, refused, settings, tp};
use super::*;
use crate::config::AutoOffsetReset;
use tokio::sync::Notify;

/// A fetcher with what it works on.
struct World {
    fetcher: Fetcher,
    subscription: Subscription,
    queue: Queue,
    budget: Arc<Budget>,
}

impl World {
    /// Partitions at offset 0, with these leaders.
    fn new(leaders: &[(i32, i32)], change: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = settings(AutoOffsetReset::Earliest);
        change(&mut settings);
        let budget = Budget::new(settings.consumer_buffer_memory, Arc::new(Notify::new()));
        let mut subscription = Subscription::default();
        let numbers = 0..i32::try_from(leaders.len()).unwrap();
        subscription.assign(numbers.clone().map(tp));
        subscription.on_metadata(&cluster(1, leaders), |_, _| {});
        numbers.for_each(|number| subscription.get_mut(&tp(number)).unwrap().start(0, -1));
        let fetcher = Fetcher::new(Arc::new(settings), budget.clone());
        Self { fetcher, subscription, queue: Queue::default(), budget }
    }

    fn poll(&mut self, ms: u64) -> Option<Ask> {
        self.fetcher.poll(at(ms), &self.subscription, &self.queue)
    }

    /// An answer of `size` bytes.
    fn answer(&mut self, ms: u64, broker: i32, size: usize, response: fetch::Response) -> Effects {
        let held = (Arc::new(self.budget.hold(size)), size);
        let Self { subscription, queue, .. } = self;
        self.fetcher.on_response(at(ms), broker, response, held, subscription, queue)
    }

    fn at(&self, number: i32) -> &Partition {
        self.subscription.get(&tp(number)).unwrap()
    }

    fn drain(&mut self) -> usize {
        let mut count = 0;
        while let super::super::queue::Next::Chunk(_) = self.queue.next(&self.subscription) {
            count += 1;
        }
        count
    }
}

fn named(ask: &Ask) -> Vec<(i32, i64)> {
    let rows = ask.request.topics.iter().flat_map(|topic| &topic.partitions);
    let mut rows: Vec<_> = rows.map(|row| (row.partition, row.fetch_offset)).collect();
    rows.sort_unstable();
    rows
}

#[test]
fn each_broker_has_one_fetch_and_the_next_goes_out_with_the_answer() {
    let mut world = World::new(&[(1, 5), (2, 5), (1, 5)], |_| {});
    let first = world.poll(0).unwrap();
    assert_eq!((first.broker, named(&first)), (1, vec![(0, 0), (2, 0)]));
    assert_eq!((first.newest, first.request.max_bytes), (i16::MAX, 1 << 20));
    let second = world.poll(0).unwrap();
    assert_eq!((second.broker, named(&second)), (2, vec![(1, 0)]));
    assert!(world.poll(0).is_none());

    let records = [batch(0, 5), batch(5, 5)].concat();
    world.answer(1, 1, 1000, answer(9, vec![found(0, records)]));
    let next = world.poll(1).unwrap();
    assert_eq!((next.broker, named(&next)), (1, vec![(0, 10)]), "before anybody took the records");
    assert_eq!((world.at(0).high_watermark, world.at(0).fetch_epoch), (1000, 5));
}

#[test]
fn no_more_than_one_answer_waits_for_the_application() {
    let mut world = World::new(&[(1, 5)], |settings| settings.fetch_max_bytes = 200);
    let big: Vec<u8> = batch(0, 20);
    assert!(big.len() > 200);
    world.poll(0).unwrap();
    world.answer(1, 1, big.len(), answer(9, vec![found(0, big)]));
    assert!(world.poll(1).is_some());
    let more = batch(20, 20);
    world.answer(2, 1, more.len(), answer(9, vec![found(0, more)]));
    assert!(world.poll(2).is_none(), "two answers wait");
    assert_eq!(world.drain(), 2);
    assert_eq!(named(&world.poll(2).unwrap()), [(0, 40)]);
}

#[test]
fn one_batch_passes_when_memory_is_used_up() {
    let mut world = World::new(&[(1, 5), (1, 5)], |_| {});
    let all = world.budget.hold(64 << 20);
    let ask = world.poll(0).unwrap();
    assert_eq!((ask.request.max_bytes, named(&ask).len()), (1, 2));
    assert!(ask.request.topics[0].partitions.iter().all(|row| row.partition_max_bytes == 1));
    world.answer(1, 1, 500, answer(9, vec![found(0, batch(0, 5))]));
    let ask = world.poll(1).unwrap();
    assert_eq!(ask.request.forgotten_topics_data[0].partitions, [0], "it has its batch");
    world.answer(2, 1, 500, answer(9, vec![found(1, batch(0, 5))]));
    assert!(world.poll(2).is_none());
    drop(all);
    assert_eq!(world.poll(3).unwrap().request.max_bytes, 1 << 20);
}

#[test]
fn answers_grow_only_where_the_way_is_long_and_the_application_waits() {
    let mut world = World::new(&[(1, 5)], |_| {});
    let mut offset = 0;
    let mut round = |awaited: bool, took: u64| {
        let ask = world.poll(0).unwrap();
        if awaited {
            world.fetcher.on_starved();
        }
        let records = batch(offset, 1);
        offset += 1;
        world.answer(took, 1, 8 << 20, answer(9, vec![found(0, records)]));
        world.drain();
        ask.request.max_bytes >> 20
    };
    let mut rounds = |awaited: bool, took: u64, count: usize| -> Vec<i32> {
        (0..count).map(|_| round(awaited, took)).collect()
    };
    assert_eq!(rounds(false, 50, 6), [1; 6], "the application is busy");
    assert_eq!(rounds(true, 50, 3), [1; 3]);
    assert_eq!(rounds(true, 1, 1), [1], "the way is short, only something was in it");
    assert_eq!(rounds(true, 50, 9), [1, 1, 1, 1, 2, 2, 2, 2, 4]);
    assert_eq!(rounds(true, 20, 2), [4, 4], "four times as much may take longer");
    assert_eq!(rounds(true, 4, 4), [4, 2, 1, 1]);
}

#[test]
fn a_leader_that_is_none_any_more_is_left_with_what_it_says() {
    let mut world = World::new(&[(1, 5), (1, 5)], |_| {});
    world.poll(0).unwrap();
    let mut moved = refused(0, ErrorCode::NOT_LEADER_OR_FOLLOWER);
    moved.current_leader = fetch::LeaderIdAndEpoch { leader_id: 3, leader_epoch: 6 };
    let mut response = answer(9, vec![moved, found(1, batch(0, 1))]);
    response.node_endpoints =
        vec![fetch::NodeEndpoint { node_id: 3, host: "h".into(), port: 1, rack: None }];
    let effects = world.answer(1, 1, 100, response);
    let endpoint = Some((3, Address { host: "h".into(), port: 1 }));
    let learned = Learned { which: tp(0), leader: 3, leader_epoch: 6, endpoint };
    assert_eq!(effects.learned, [learned]);
    assert!(effects.refresh && effects.errors.is_empty());
    let ask = world.poll(1).unwrap();
    assert_eq!(named(&ask), [(1, 1)], "the other waits");
    assert_eq!(world.fetcher.deadline(), Some(at(101).monotonic));
    world.subscription.on_metadata(&cluster(2, &[(3, 6), (1, 5)]), |_, _| {});
    assert_eq!(world.poll(2).unwrap().broker, 3, "news of a leader ends the wait");
}

#[test]
fn a_near_replica_is_read_until_it_refuses() {
    let mut world = World::new(&[(1, 5)], |_| {});
    world.poll(0).unwrap();
    let elsewhere = PartitionNear::to(2);
    world.answer(1, 1, 100, answer(9, vec![elsewhere]));
    assert_eq!(world.poll(1).unwrap().broker, 2);
    let behind = refused(0, ErrorCode::OFFSET_OUT_OF_RANGE);
    world.answer(2, 2, 100, answer(4, vec![behind]));
    assert!(matches!(world.at(0).phase, Phase::Fetching), "the leader may know better");
    assert_eq!(world.poll(2).unwrap().broker, 1);

    world.answer(3, 1, 100, answer(9, vec![PartitionNear::to(2)]));
    assert_eq!(world.poll(3).unwrap().broker, 2);
    let lost = Error::new(crate::ErrorKind::Disconnected, "x", "y");
    let World { fetcher, subscription, .. } = &mut world;
    assert!(fetcher.on_failure(at(4), 2, &lost, subscription).refresh);
    assert_eq!(world.poll(4).unwrap().broker, 1);
}

struct PartitionNear;

impl PartitionNear {
    fn to(replica: i32) -> fetch::PartitionData {
        fetch::PartitionData { preferred_read_replica: replica, ..found(0, vec![]) }
    }
}

#[test]
fn an_answer_to_an_older_position_is_not_taken() {
    let mut world = World::new(&[(1, 5)], |_| {});
    world.poll(0).unwrap();
    world.subscription.renew(&tp(0)).unwrap().start(100, -1);
    world.answer(1, 1, 100, answer(9, vec![found(0, batch(0, 5))]));
    assert_eq!((world.drain(), world.at(0).fetch_offset), (0, 100));
    assert_eq!(world.budget.used(), 0);
    assert_eq!(named(&world.poll(1).unwrap()), [(0, 100)]);
}

#[test]
fn damage_stops_a_partition_behind_what_is_whole() {
    let mut world = World::new(&[(1, 5), (1, 5)], |_| {});
    world.poll(0).unwrap();
    let mut old = batch(5, 5);
    old[16] = 1;
    let records = [batch(0, 5), old].concat();
    world.answer(1, 1, 100, answer(9, vec![found(0, records), found(1, batch(0, 5))]));
    assert!(matches!(world.at(0).phase, Phase::Stopped));
    assert_eq!(named(&world.poll(1).unwrap()), [(1, 5)]);
    assert_eq!(world.drain(), 2);

    // A batch that does not lead on would be asked for without end.
    world.answer(2, 1, 100, answer(9, vec![found(1, batch(0, 5))]));
    assert!(matches!(world.at(1).phase, Phase::Stopped));
}

#[test]
fn a_session_that_is_gone_is_opened_again_at_once_but_only_once() {
    let mut world = World::new(&[(1, 5)], |_| {});
    world.poll(0).unwrap();
    let gone = || fetch::Response {
        error_code: ErrorCode::FETCH_SESSION_ID_NOT_FOUND,
        ..Default::default()
    };
    assert!(world.answer(1, 1, 10, gone()).errors.is_empty());
    assert_eq!(world.poll(1).unwrap().request.session_epoch, 0);
    assert!(world.answer(2, 1, 10, gone()).errors.is_empty());
    assert!(world.poll(2).is_none());
    assert!(world.poll(1000).is_some());
}

#[test]
fn what_waiting_does_not_cure_is_told() {
    let mut world = World::new(&[(1, 5)], |_| {});
    let mut told = Vec::new();
    for round in 0..6 {
        world.poll(round * 2000).unwrap();
        let unknown = refused(0, ErrorCode::UNKNOWN_TOPIC_ID);
        told.extend(world.answer(round * 2000, 1, 10, answer(9, vec![unknown])).errors);
    }
    assert_eq!(told.len(), 1, "a deleted topic is told once");
    world.poll(20_000).unwrap();
    let forbidden = refused(0, ErrorCode::TOPIC_AUTHORIZATION_FAILED);
    let effects = world.answer(20_000, 1, 10, answer(9, vec![forbidden]));
    assert_eq!(effects.errors[0].code(), Some(ErrorCode::TOPIC_AUTHORIZATION_FAILED));
    assert_eq!(effects.errors[0].topic(), Some("t"));
}

#[test]
fn a_throttled_broker_is_left_alone() {
    let mut world = World::new(&[(1, 5)], |_| {});
    world.poll(0).unwrap();
    let mut response = answer(9, vec![]);
    response.throttle_time_ms = 300;
    world.answer(10, 1, 10, response);
    assert!(world.poll(10).is_none());
    assert_eq!(world.fetcher.deadline(), Some(at(310).monotonic));
    assert!(world.poll(310).is_some());
}

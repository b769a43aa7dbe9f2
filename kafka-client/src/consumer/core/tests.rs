//! The whole machine as stories of an application, a cluster and its brokers.

use super::super::testing::{
    answer, at, batch, cluster, cluster_with, found, refused, settings, tp,
};
use super::*;
use kafka_proto::messages::{list_offsets, offset_for_leader_epoch as leader_epochs};
use kafka_proto::uuid::Uuid;
use tokio::sync::Notify;

struct World {
    core: Core,
    budget: Arc<Budget>,
    ms: u64,
}

impl World {
    fn new(reset: AutoOffsetReset) -> Self {
        let settings = Arc::new(settings(reset));
        let budget = Budget::new(settings.consumer_buffer_memory, Arc::new(Notify::new()));
        Self { core: Core::new(settings, budget.clone()), budget, ms: 0 }
    }

    /// Assigned to one partition, which is read from offset 0.
    fn reading(reset: AutoOffsetReset) -> Self {
        let mut world = Self::new(reset);
        world.core.assign([tp(0)].into());
        world.core.on_metadata(cluster(1, &[(1, 5)]));
        assert!(world.core.seek(&tp(0), 0));
        assert_eq!(world.fetch(), (1, vec![(0, 0)]));
        world
    }

    fn actions(&mut self) -> Vec<Action> {
        std::iter::from_fn(|| self.core.poll(at(self.ms))).collect()
    }

    /// The one Fetch that goes out now: broker, partitions and offsets.
    fn fetch(&mut self) -> (i32, Vec<(i32, i64)>) {
        let mut asks = self.actions().into_iter().filter_map(|action| match action {
            Action::Fetch(ask) => Some(ask),
            _ => None,
        });
        let ask = asks.next().expect("a Fetch");
        assert!(asks.next().is_none());
        let rows = ask.request.topics.iter().flat_map(|topic| &topic.partitions);
        (ask.broker, rows.map(|row| (row.partition, row.fetch_offset)).collect())
    }

    /// The one question that goes out now: ticket, and what is asked.
    fn question(&mut self) -> (u64, Question) {
        let mut asks = self.actions().into_iter().filter_map(|action| match action {
            Action::Ask(ask) => Some(ask),
            _ => None,
        });
        let ask = asks.next().expect("a question");
        assert!(asks.next().is_none());
        let question = match &ask.request {
            offsets::Request::Offsets(r) => Question::Time(r.topics[0].partitions[0].timestamp),
            offsets::Request::Epochs(r) => {
                Question::EpochEnd(r.topics[0].partitions[0].leader_epoch)
            }
        };
        (ask.ticket, question)
    }

    fn tell_offset(&mut self, ticket: u64, offset: i64) {
        let row = list_offsets::ListOffsetsPartitionResponse {
            offset,
            leader_epoch: 5,
            ..Default::default()
        };
        let topic =
            list_offsets::ListOffsetsTopicResponse { name: "t".into(), partitions: vec![row] };
        let response = list_offsets::Response { topics: vec![topic], ..Default::default() };
        self.core.on_answer(at(self.ms), ticket, Ok(offsets::Response::Offsets(response)));
    }

    fn tell_epoch_end(&mut self, ticket: u64, leader_epoch: i32, end_offset: i64) {
        let row = leader_epochs::EpochEndOffset { leader_epoch, end_offset, ..Default::default() };
        let topic =
            leader_epochs::OffsetForLeaderTopicResult { topic: "t".into(), partitions: vec![row] };
        let response = leader_epochs::Response { topics: vec![topic], ..Default::default() };
        self.core.on_answer(at(self.ms), ticket, Ok(offsets::Response::Epochs(response)));
    }

    fn answer(&mut self, broker: i32, partitions: Vec<fetch::PartitionData>) {
        let held = (Arc::new(self.budget.hold(100)), 100);
        self.core.on_fetched(at(self.ms), broker, answer(9, partitions), held);
    }

    /// Takes a chunk and says how far it was read.
    fn take(&mut self, read_to: i64) -> i64 {
        let (chunk, position) = self.core.take(at(self.ms)).unwrap().expect("a chunk");
        self.core.advance(&chunk.which, read_to, 5);
        position
    }

    fn nothing(&mut self) -> bool {
        self.core.take(at(self.ms)).unwrap().is_none()
    }

    fn position(&self) -> Option<i64> {
        self.core.subscription().get(&tp(0)).unwrap().position
    }
}

#[test]
fn a_new_partition_is_looked_up_fetched_and_handed_out() {
    for (reset, asked) in [
        (AutoOffsetReset::Earliest, -2),
        (AutoOffsetReset::Latest, -1),
        (AutoOffsetReset::ByDuration(std::time::Duration::from_secs(60)), 940_000),
    ] {
        let mut world = World::new(reset);
        world.core.assign([tp(0)].into());
        assert!(matches!(world.actions()[..], [Action::Want(_)]));
        world.core.on_metadata(cluster(1, &[(1, 5)]));
        assert!(world.actions().is_empty(), "nobody wants records yet: there may come a seek");
        assert!(world.nothing());
        let (ticket, question) = world.question();
        assert_eq!(question, Question::Time(asked));
        assert_eq!(world.position(), None);
        world.tell_offset(ticket, 40);
        assert!(world.core.has_news());
        assert_eq!(world.position(), Some(40));
        assert_eq!(world.fetch(), (1, vec![(0, 40)]));
        world.answer(1, vec![found(0, batch(40, 5))]);
        assert!(world.core.has_news());
        assert_eq!(world.take(45), 40);
        assert!(world.nothing());
    }
}

#[test]
fn no_record_as_late_as_asked_means_the_end() {
    let mut world = World::new(AutoOffsetReset::ByDuration(std::time::Duration::from_secs(1)));
    world.core.assign([tp(0)].into());
    world.core.on_metadata(cluster(1, &[(1, 5)]));
    assert!(world.nothing());
    let (ticket, _) = world.question();
    world.tell_offset(ticket, -1);
    let (ticket, question) = world.question();
    assert_eq!(question, Question::Time(LATEST));
    world.tell_offset(ticket, 7);
    assert_eq!(world.position(), Some(7));
}

#[test]
fn without_position_and_policy_the_application_is_told_until_it_seeks() {
    let mut world = World::new(AutoOffsetReset::None);
    world.core.assign([tp(0), tp(1)].into());
    world.core.on_metadata(cluster(1, &[(1, 5), (1, 5)]));
    assert!(world.core.seek(&tp(1), 3));
    for _ in 0..2 {
        let error = world.core.take(at(0)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::OffsetOutOfRange);
        assert_eq!(error.partition(), Some(0));
        assert!(error.to_string().contains("it has no position"), "{error}");
    }
    assert!(world.core.set_paused(&tp(0), true));
    assert!(world.nothing(), "a paused partition does not trouble the others");
    world.core.set_paused(&tp(0), false);
    assert!(world.core.seek(&tp(0), 9));
    assert!(world.nothing());
}

#[test]
fn what_was_fetched_for_an_older_position_is_never_handed_out() {
    let mut world = World::reading(AutoOffsetReset::Earliest);
    world.answer(1, vec![found(0, batch(0, 5))]);
    assert_eq!(world.fetch(), (1, vec![(0, 5)]));
    assert!(world.core.seek(&tp(0), 100));
    assert!(world.nothing());
    world.answer(1, vec![found(0, batch(5, 5))]);
    assert!(world.nothing(), "nor what was on its way");
    assert_eq!(world.fetch(), (1, vec![(0, 100)]));
    world.answer(1, vec![found(0, batch(100, 5))]);
    assert_eq!(world.take(105), 100);

    world.core.assign([tp(1)].into());
    assert!(world.nothing());
    assert_eq!(world.budget.used(), 0);
}

#[test]
fn a_paused_partition_keeps_what_it_has_and_is_not_asked_for() {
    let mut world = World::reading(AutoOffsetReset::Earliest);
    world.answer(1, vec![found(0, batch(0, 5))]);
    assert!(world.core.set_paused(&tp(0), true));
    assert!(world.nothing() && !world.core.has_news());
    assert!(world.actions().is_empty());
    assert!(world.core.set_paused(&tp(0), false));
    assert_eq!(world.take(5), 0);
    assert_eq!(world.fetch(), (1, vec![(0, 5)]));
}

#[test]
fn outside_of_the_log_the_policy_decides_once_the_records_before_are_taken() {
    let mut world = World::reading(AutoOffsetReset::Latest);
    world.answer(1, vec![found(0, batch(0, 5))]);
    world.fetch();
    world.answer(1, vec![refused(0, ErrorCode::OFFSET_OUT_OF_RANGE)]);
    assert!(world.actions().is_empty());
    assert_eq!(world.take(5), 0);
    assert!(world.nothing());
    let (ticket, question) = world.question();
    assert_eq!((question, world.position()), (Question::Time(LATEST), None));
    world.tell_offset(ticket, 70);
    assert_eq!(world.fetch(), (1, vec![(0, 70)]));

    let mut world = World::reading(AutoOffsetReset::None);
    world.answer(1, vec![refused(0, ErrorCode::OFFSET_OUT_OF_RANGE)]);
    let error = world.core.take(at(0)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "read records (t-0): offset out of range: offset 0 is not in the log; seek, or set \
         auto.offset.reset to something else than none"
    );
    assert_eq!(world.position(), Some(0));
}

#[test]
fn a_new_leader_is_asked_whether_the_log_was_cut() {
    let mut world = World::reading(AutoOffsetReset::Earliest);
    world.answer(1, vec![found(0, batch(0, 10))]);
    assert_eq!(world.take(10), 0);
    assert_eq!(world.fetch(), (1, vec![(0, 10)]));
    world.core.on_metadata(cluster(2, &[(2, 6)]));
    let (ticket, question) = world.question();
    assert_eq!(question, Question::EpochEnd(5), "the epoch of what was read last");
    world.answer(1, vec![found(0, batch(10, 5))]);
    assert!(world.nothing(), "the old leader is not believed meanwhile");
    world.tell_epoch_end(ticket, 5, 10);
    assert_eq!(world.fetch(), (2, vec![(0, 10)]));
}

#[test]
fn a_log_cut_behind_the_application_is_told_or_reset_to_where_it_was_cut() {
    for reset in [AutoOffsetReset::Earliest, AutoOffsetReset::None] {
        let mut world = World::reading(reset);
        world.answer(1, vec![found(0, batch(0, 10))]);
        assert_eq!(world.take(10), 0);
        world.fetch();
        world.core.on_metadata(cluster(2, &[(2, 6)]));
        let (ticket, _) = world.question();
        world.tell_epoch_end(ticket, 5, 8);
        assert_eq!(world.position(), Some(10), "it changes in the application's calls only");
        if reset == AutoOffsetReset::None {
            let error = world.core.take(at(0)).unwrap_err().to_string();
            assert!(error.contains("the log was cut behind the position 10, to 8"), "{error}");
        } else {
            assert!(world.nothing());
            assert_eq!(world.position(), Some(8));
            assert_eq!(world.fetch(), (2, vec![(0, 8)]));
        }
    }
}

#[test]
fn a_cut_in_what_was_only_fetched_ahead_is_fetched_again() {
    let mut world = World::reading(AutoOffsetReset::None);
    world.answer(1, vec![found(0, batch(0, 10))]);
    assert_eq!(world.take(4), 0);
    world.fetch();
    world.answer(1, vec![found(0, batch(10, 10))]);
    world.fetch();
    world.core.on_metadata(cluster(2, &[(2, 6)]));
    let (ticket, _) = world.question();
    world.tell_epoch_end(ticket, 5, 8);
    assert!(world.nothing());
    assert_eq!(world.fetch(), (2, vec![(0, 4)]));
}

#[test]
fn a_broker_may_also_say_so_in_its_answer() {
    let mut world = World::reading(AutoOffsetReset::Earliest);
    world.core.advance(&tp(0), 10, 5);
    let mut diverged = found(0, vec![]);
    diverged.diverging_epoch = fetch::EpochEndOffset { epoch: 4, end_offset: 6 };
    world.answer(1, vec![diverged]);
    assert!(world.nothing());
    assert_eq!(world.fetch(), (1, vec![(0, 6)]));
}

#[test]
fn a_topic_made_anew_is_read_from_where_the_reset_policy_says() {
    let mut world = World::reading(AutoOffsetReset::Earliest);
    world.answer(1, vec![found(0, batch(0, 3))]);
    let old = world.core.take(at(0)).unwrap();
    assert!(old.is_some_and(|(_, position)| position == 0));
    world.core.advance(&tp(0), 3, 5);
    world.core.on_metadata(cluster_with(2, Uuid([8; 16]), &[(2, 0)]));
    // The new log may well be longer than three: what is at offset 3 there has nothing to do with what was read.
    assert!(world.nothing());
    let (ticket, question) = world.question();
    assert_eq!(question, Question::Time(EARLIEST));
    world.tell_offset(ticket, 0);
    assert_eq!(world.fetch(), (2, vec![(0, 0)]));

    let mut world = World::reading(AutoOffsetReset::None);
    world.core.on_metadata(cluster_with(2, Uuid([8; 16]), &[(2, 0)]));
    let error = (0..3).find_map(|_| world.core.take(at(0)).err()).unwrap();
    assert_eq!(
        error.to_string(),
        "read records (t-0): offset out of range: the topic was deleted and made again, and the \
         position 0 was in the old one; seek, or set auto.offset.reset to something else than none"
    );
}

#[test]
fn a_partition_that_its_topic_has_not_is_looked_for_and_told() {
    let mut world = World::new(AutoOffsetReset::Earliest);
    world.core.assign([tp(1)].into());
    for version in 1..4 {
        world.core.on_metadata(cluster(version, &[(1, 0)]));
        // Nothing of it is wrong to anybody else, so nobody else would ask again.
        assert!(world.actions().iter().any(|action| matches!(action, Action::Refresh)));
    }
    let error = world.core.take(at(0)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "consume (t-1): unknown topic or partition: the topic has 1 partitions, numbered from 0"
    );
    world.core.on_metadata(cluster(4, &[(1, 0), (1, 0)]));
    assert_eq!(world.question().1, Question::Time(EARLIEST));
    world.core.on_metadata(cluster(5, &[(1, 0), (1, 0)]));
    assert!(world.actions().is_empty());
}

#[test]
fn a_topic_without_leaders_is_waited_for() {
    let mut world = World::reading(AutoOffsetReset::Earliest);
    for version in 2..20 {
        let mut snapshot = cluster(version, &[]);
        let topics = &mut Arc::get_mut(&mut snapshot).unwrap().topics;
        let topic = Arc::get_mut(topics.get_mut("t").unwrap()).unwrap();
        topic.error = ErrorCode::LEADER_NOT_AVAILABLE;
        world.core.on_metadata(snapshot);
        assert!(world.nothing(), "and no error");
    }
}

#[test]
fn a_topic_that_is_missing_is_told_once_and_read_when_it_comes() {
    let mut world = World::new(AutoOffsetReset::Earliest);
    world.core.assign([tp(0)].into());
    for version in 1..9 {
        world.core.on_metadata(cluster(version, &[]));
    }
    let error = world.core.take(at(0)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UnknownTopicOrPartition);
    assert_eq!(
        error.to_string(),
        "consume (t-0): unknown topic or partition: there is no such topic; it is looked for \
         until it is made or no longer assigned"
    );
    assert!(world.nothing());
    world.core.on_metadata(cluster(9, &[(1, 0)]));
    assert_eq!(world.question().1, Question::Time(EARLIEST));
}

#[test]
fn a_partition_beyond_the_last_is_told_and_read_when_it_is_added() {
    let mut world = World::new(AutoOffsetReset::Earliest);
    world.core.assign([tp(1)].into());
    for version in 1..4 {
        world.core.on_metadata(cluster(version, &[(1, 0)]));
    }
    let error = world.core.take(at(0)).unwrap_err().to_string();
    assert!(error.ends_with("the topic has 1 partitions, numbered from 0"), "{error}");
    assert!(world.nothing());
    world.core.on_metadata(cluster(5, &[(1, 0), (2, 0)]));
    assert_eq!(world.question().1, Question::Time(EARLIEST));
}

#[test]
fn a_question_that_is_refused_is_told_and_asked_again_later() {
    let mut world = World::new(AutoOffsetReset::Earliest);
    world.core.assign([tp(0)].into());
    world.core.on_metadata(cluster(1, &[(1, 5)]));
    assert!(world.nothing());
    let (ticket, _) = world.question();
    let code = ErrorCode::TOPIC_AUTHORIZATION_FAILED;
    let refused = Error::broker(code, "x");
    world.core.on_answer(at(0), ticket, Err(refused));
    assert_eq!(world.core.take(at(0)).unwrap_err().code(), Some(code));
    assert!(world.nothing() && world.actions().is_empty());
    let later = world.core.deadline(at(0)).unwrap();
    world.ms = later.0 / 1000;
    let (ticket, _) = world.question();
    world.tell_offset(ticket, 3);
    assert_eq!(world.position(), Some(3));
}

#[test]
fn a_lost_connection_is_waited_out_in_silence() {
    let mut world = World::reading(AutoOffsetReset::Earliest);
    let lost = Error::new(ErrorKind::Disconnected, "x", "y");
    world.core.on_fetch_failed(at(0), 1, &lost);
    assert!(matches!(world.actions()[..], [Action::Refresh]));
    assert!(world.nothing());
    world.ms = world.core.deadline(at(0)).unwrap().0 / 1000;
    assert_eq!(world.fetch(), (1, vec![(0, 0)]));

    let broken = Error::new(ErrorKind::Protocol, "x", "y");
    world.core.on_fetch_failed(at(world.ms), 1, &broken);
    assert_eq!(world.core.take(at(0)).unwrap_err().kind(), ErrorKind::Protocol);
}

#[test]
fn closing_ends_the_sessions() {
    let mut world = World::reading(AutoOffsetReset::Earliest);
    world.answer(1, vec![found(0, batch(0, 10))]);
    let farewells = world.core.close();
    assert_eq!(farewells.len(), 1);
    assert_eq!(
        (farewells[0].0, farewells[0].1.session_id, farewells[0].1.session_epoch),
        (1, 9, -1)
    );
    assert!(world.actions().is_empty());
    assert_eq!(world.budget.used(), 0);
}

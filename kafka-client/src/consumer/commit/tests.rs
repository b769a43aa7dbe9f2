//! Commits as stories of calls and answers.

use super::super::testing::{at, tp};
use super::*;

const LIMIT: Duration = Duration::from_secs(60);

struct World {
    commits: Commits,
    me: Identity,
    held: BTreeSet<TopicPartition>,
}

fn world() -> World {
    let backoff = Backoff { first: Duration::from_millis(100), max: Duration::from_secs(1) };
    let me = Identity { member_id: "m".into(), generation: 1 };
    World { commits: Commits::new(backoff), me, held: [tp(0), tp(1)].into() }
}

fn offsets(rows: &[(i32, i64)]) -> Offsets {
    rows.iter().map(|&(p, offset)| (tp(p), OffsetAndMetadata::new(offset))).collect()
}

fn answer(rows: &[(i32, ErrorCode)]) -> offset_commit::Response {
    let row = |&(partition_index, error_code): &(i32, ErrorCode)| {
        offset_commit::OffsetCommitResponsePartition { partition_index, error_code }
    };
    let topic = offset_commit::OffsetCommitResponseTopic {
        name: "t".into(),
        partitions: rows.iter().map(row).collect(),
        ..Default::default()
    };
    offset_commit::Response { topics: vec![topic], ..Default::default() }
}

impl World {
    fn commit(&mut self, ms: u64, rows: &[(i32, i64)]) -> u64 {
        self.commits.commit(at(ms), offsets(rows), self.me.generation, LIMIT)
    }

    fn sent(&mut self, ms: u64) -> Option<Ask> {
        let standing = Standing { me: Some(&self.me), held: &self.held, lost: false };
        self.commits.poll(at(ms), &standing)
    }

    fn answered(
        &mut self,
        ms: u64,
        ask: &Ask,
        rows: &[(i32, ErrorCode)],
    ) -> (Option<ErrorCode>, bool) {
        let me = self.me.clone();
        self.commits.on_answer(at(ms), ask.ticket, Ok(answer(rows)), |then| *then != me)
    }

    fn done(&mut self) -> Vec<(u64, Option<ErrorKind>)> {
        let done = std::iter::from_fn(|| self.commits.done());
        done.map(|(id, outcome)| (id, outcome.err().map(|error| error.kind()))).collect()
    }
}

#[test]
fn one_is_in_flight_and_the_newest_waits() {
    let mut world = world();
    let first = world.commit(0, &[(0, 5), (1, 5)]);
    let ask = world.sent(0).unwrap();
    assert_eq!(ask.offsets, offsets(&[(0, 5), (1, 5)]));
    let second = world.commit(0, &[(0, 6)]);
    let third = world.commit(0, &[(0, 7)]);
    assert!(world.sent(0).is_none());
    world.answered(0, &ask, &[(0, ErrorCode::NONE), (1, ErrorCode::NONE)]);
    assert_eq!(world.done(), [(first, None)], "what came later is not stored by it");
    let ask = world.sent(0).unwrap();
    assert_eq!(ask.offsets, offsets(&[(0, 7)]));
    world.answered(0, &ask, &[(0, ErrorCode::NONE)]);
    assert_eq!(world.done(), [(second, None), (third, None)]);
    assert!(world.commits.is_idle() && world.sent(0).is_none());
    let news = world.commits.news(offsets(&[(0, 7), (1, 6)]));
    assert_eq!(news, offsets(&[(1, 6)]), "what is stored need not be stored again");
    world.commits.forget(|_| false);
    assert_eq!(world.commits.news(offsets(&[(0, 7)])).len(), 1);
    let nothing = world.commit(0, &[]);
    assert_eq!(world.done(), [(nothing, None)]);
}

#[test]
fn what_passes_is_tried_again_with_the_newest() {
    let mut world = world();
    let first = world.commit(0, &[(0, 5), (1, 5)]);
    let ask = world.sent(0).unwrap();
    let second = world.commit(0, &[(0, 6)]);
    let lost = ErrorCode::NOT_COORDINATOR;
    let (refused, elsewhere) = world.answered(0, &ask, &[(0, lost), (1, lost)]);
    assert!(refused.is_none() && elsewhere);
    assert!(world.sent(99).is_none());
    assert_eq!(world.commits.deadline(at(0).monotonic), Some(at(100).monotonic));
    let ask = world.sent(100).unwrap();
    assert_eq!(ask.offsets, offsets(&[(0, 6), (1, 5)]));
    let cut = Error::new(ErrorKind::Disconnected, "ask", "cut");
    let (_, elsewhere) = world.commits.on_answer(at(100), ask.ticket, Err(cut), |_| false);
    assert!(elsewhere && world.sent(299).is_none());
    let ask = world.sent(300).unwrap();
    assert_eq!(ask.offsets, offsets(&[(0, 6), (1, 5)]));
    world.answered(300, &ask, &[(0, ErrorCode::NONE)]);
    assert_eq!(world.done(), [(second, None)]);
    // A row was left out: that is asked again too.
    assert!(world.sent(699).is_none());
    let ask = world.sent(700).unwrap();
    assert_eq!(ask.offsets, offsets(&[(1, 5)]));
    world.commits.on_time(at(60_000));
    assert_eq!(world.done(), [(first, Some(ErrorKind::Timeout))]);
    world.answered(60_000, &ask, &[(1, lost)]);
    assert!(world.sent(70_000).is_none(), "nobody waits for it");
}

#[test]
fn each_partition_has_an_outcome() {
    let mut world = world();
    let both = world.commit(0, &[(0, 5), (1, 5)]);
    let one = world.commit(0, &[(0, 5)]);
    let ask = world.sent(0).unwrap();
    let rows = [(0, ErrorCode::NONE), (1, ErrorCode::TOPIC_AUTHORIZATION_FAILED)];
    let (refused, elsewhere) = world.answered(0, &ask, &rows);
    assert_eq!((refused, elsewhere), (Some(ErrorCode::TOPIC_AUTHORIZATION_FAILED), false));
    assert_eq!(world.done(), [(one, None), (both, Some(ErrorKind::Broker))]);
}

#[test]
fn a_generation_that_has_passed_commits_only_what_is_still_held() {
    let mut world = world();
    let kept = world.commit(0, &[(0, 5)]);
    let gone = world.commit(0, &[(1, 5)]);
    let ask = world.sent(0).unwrap();
    // The member is in the next generation before the answer comes, without one of the partitions.
    world.me.generation = 2;
    world.held.remove(&tp(1));
    let late = ErrorCode::ILLEGAL_GENERATION;
    assert_eq!(world.answered(0, &ask, &[(0, late), (1, late)]), (None, false));
    let ask = world.sent(1000).unwrap();
    assert_eq!((ask.offsets.clone(), ask.me.generation), (offsets(&[(0, 5)]), 2));
    assert_eq!(world.done(), [(gone, Some(ErrorKind::Rebalanced))]);
    world.answered(1000, &ask, &[(0, ErrorCode::NONE)]);
    assert_eq!(world.done(), [(kept, None)]);

    // In the same generation it means that this is no member any more.
    let expelled = world.commit(2000, &[(0, 6)]);
    let ask = world.sent(2000).unwrap();
    let unknown = ErrorCode::UNKNOWN_MEMBER_ID;
    assert_eq!(world.answered(2000, &ask, &[(0, unknown)]), (Some(unknown), false));
    assert_eq!(world.done(), [(expelled, Some(ErrorKind::Rebalanced))]);
    // And who is none has nothing to commit.
    let nobody = world.commit(3000, &[(0, 7)]);
    let standing = Standing { me: None, held: &world.held, lost: false };
    assert!(world.commits.poll(at(3000), &standing).is_none());
    assert_eq!(world.done(), [(nobody, Some(ErrorKind::Rebalanced))]);

    let late = world.commit(4000, &[(0, 5)]);
    let standing = Standing { me: Some(&world.me), held: &world.held, lost: true };
    assert!(world.commits.poll(at(4000), &standing).is_none());
    assert_eq!(world.done(), [(late, Some(ErrorKind::Rebalanced))]);
}

#[test]
fn the_request_goes_by_topic() {
    let me = Identity { member_id: "m".into(), generation: 3 };
    let mut offsets = offsets(&[(0, 5), (1, 6)]);
    let noted = OffsetAndMetadata::new(7).leader_epoch(2).metadata("note");
    offsets.insert(TopicPartition::new("u", 4), noted);
    let ask = Ask { ticket: 1, offsets, me };
    let request = request(&ask, "g".into(), Some("one".into()));
    assert_eq!(request.generation_id_or_member_epoch, 3);
    assert_eq!((request.topics.len(), request.topics[0].partitions.len()), (2, 2));
    let row = &request.topics[1].partitions[0];
    assert_eq!((row.partition_index, row.committed_offset, row.committed_leader_epoch), (4, 7, 2));
    assert_eq!(row.committed_metadata.as_deref(), Some("note"));
}

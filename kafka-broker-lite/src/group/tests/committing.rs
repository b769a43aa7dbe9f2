//! Stories of committed offsets: what counts, what is kept, what is forgotten.

use super::*;

const DAY_MS: u64 = 24 * 60 * 60 * 1000;

#[test]
fn what_is_committed_is_in_the_log_before_it_holds() {
    let mut world = World::new();
    assert_eq!(world.commit("t", 5), Ok(()));
    assert_eq!((world.offset("t"), world.log.entries.len()), (Some(5), 1));
    world.log.fails = Some(ErrorCode::NOT_COORDINATOR);
    assert_eq!(world.commit("t", 6), Err(ErrorCode::NOT_COORDINATOR));
    assert_eq!(world.offset("t"), Some(5));
    world.log.fails = None;
    world.restart();
    assert_eq!((world.offset("t"), world.state()), (Some(5), "Empty"));
}

#[test]
fn a_commit_keeps_a_member_alive() {
    let mut world = World::new();
    let joined = world.stable(&consumer());
    for offset in 0..5 {
        world.advance(900);
        assert_eq!(world.commit_as(Some(&joined), "t", offset), Ok(()));
    }
    assert_eq!((world.state(), world.offset("t")), ("Stable", Some(4)));
    assert_eq!(world.commit("t", 9), Err(ErrorCode::UNKNOWN_MEMBER_ID), "others may not");
    let mut old = joined.clone();
    old.generation_id -= 1;
    assert_eq!(world.commit_as(Some(&old), "t", 9), Err(ErrorCode::ILLEGAL_GENERATION));
    old.member_id = "nobody".into();
    assert_eq!(world.commit_as(Some(&old), "t", 9), Err(ErrorCode::UNKNOWN_MEMBER_ID));
}

#[test]
fn the_offsets_of_an_empty_group_go_when_it_has_been_empty_for_long_enough() {
    let mut world = World::new();
    let joined = world.stable(&consumer());
    world.commit_as(Some(&joined), "t", 1).unwrap();
    for _ in 0..20 {
        world.now.monotonic_ms += DAY_MS / 2;
        world.now.wall_ms += i64::try_from(DAY_MS / 2).unwrap();
        // It has been away for the broker only: the clock of the test has jumped.
        world.commit_as(Some(&joined), "t", 2).unwrap();
        world.turn(Coordinator::tick);
    }
    assert_eq!(world.offset("t"), Some(2), "a member may still need it");
    world.leave(&joined.member_id);
    world.advance(7 * DAY_MS - 1);
    assert_eq!((world.offset("t"), world.state()), (Some(2), "Empty"));
    world.advance(600_000);
    assert_eq!(world.state(), "Dead");
    world.restart();
    assert_eq!(world.state(), "Dead", "and so it stays");
}

#[test]
fn the_offsets_of_a_reader_without_membership_go_one_by_one() {
    let mut world = World::new();
    world.commit("old", 1).unwrap();
    world.advance(3 * DAY_MS);
    world.commit("young", 1).unwrap();
    world.advance(4 * DAY_MS + 600_000);
    assert_eq!((world.offset("old"), world.offset("young")), (None, Some(1)));
    world.advance(3 * DAY_MS + 600_000);
    assert_eq!(world.state(), "Dead");
}

#[test]
fn active_consumers_keep_only_the_offsets_of_what_they_read() {
    let mut world = World::new();
    world.commit("t", 1).unwrap();
    world.commit("other", 1).unwrap();
    let request = Join { session_timeout_ms: 1_800_000, ..consumer() };
    let joined = world.stable(&request);
    for _ in 0..1_500 {
        world.advance(600_000);
        assert_eq!(world.beat(&joined), Ok(()));
    }
    assert_eq!((world.offset("t"), world.offset("other")), (Some(1), None));
}

#[test]
fn a_group_without_offsets_goes_at_the_next_check() {
    let mut world = World::new();
    let joined = world.stable(&consumer());
    world.leave(&joined.member_id);
    assert_eq!(world.state(), "Empty");
    world.advance(600_000);
    assert_eq!(world.state(), "Dead");
    assert_eq!(world.groups.deadline(), None, "and nothing is left to be looked at");
}

#[test]
fn the_offsets_of_a_deleted_topic_go_with_it() {
    let mut world = World::new();
    world.commit("t", 1).unwrap();
    world.commit("other", 2).unwrap();
    world.turn(|groups, turn| groups.topic_is_deleted(turn, "t"));
    assert_eq!((world.offset("t"), world.offset("other")), (None, Some(2)));
    world.restart();
    assert_eq!((world.offset("t"), world.offset("other")), (None, Some(2)));
}

#[test]
fn what_cannot_be_forgotten_in_the_log_is_not_forgotten() {
    let mut world = World::new();
    world.commit("t", 1).unwrap();
    world.log.fails = Some(ErrorCode::NOT_COORDINATOR);
    world.advance(8 * DAY_MS);
    assert_eq!(world.offset("t"), Some(1));
    let gone = world.turn(|groups, turn| groups.delete(turn, &"g".into()));
    assert_eq!((gone, world.offset("t")), (Err(ErrorCode::NOT_COORDINATOR), Some(1)));
    world.log.fails = None;
    assert_eq!(world.turn(|groups, turn| groups.delete(turn, &"g".into())), Ok(()));
    world.restart();
    assert_eq!(world.state(), "Dead");
}

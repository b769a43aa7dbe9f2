//! Stories of restarts: a group comes back from its log as it was when its last assignment was made.

use super::*;

#[test]
fn a_stable_group_goes_on_where_it_was() {
    let mut world = World::new();
    let joined = world.stable(&consumer());
    world.commit_as(Some(&joined), "t", 7).unwrap();
    world.restart();
    assert_eq!((world.state(), world.offset("t")), ("Stable", Some(7)));
    assert_eq!(world.beat(&joined), Ok(()));
    assert_eq!(world.commit_as(Some(&joined), "t", 8), Ok(()));
    let ticket = world.sync(&joined, &[]);
    assert_eq!(world.synced(ticket).unwrap(), "all", "the assignment is in the log");
    world.advance(1_000);
    assert_eq!(world.state(), "Empty", "sessions begin anew and end as ever");
}

#[test]
fn a_rebalance_that_was_not_finished_has_not_been() {
    let mut world = World::new();
    let first = world.stable(&consumer());
    let (_, second) = world.enter(&consumer());
    let again = world.join(&again(&consumer(), &first.member_id));
    let (first_again, second) = (world.joined(again), world.joined(second));
    assert_eq!((first_again.generation_id, second.generation_id), (2, 2));
    world.restart();
    assert_eq!(world.beat(&first_again), Err(ErrorCode::ILLEGAL_GENERATION));
    assert_eq!(world.beat(&second), Err(ErrorCode::UNKNOWN_MEMBER_ID));
    assert_eq!(world.beat(&first), Ok(()));
}

#[test]
fn the_generation_of_an_empty_group_is_remembered() {
    let mut world = World::new();
    let joined = world.stable(&consumer());
    world.leave(&joined.member_id);
    world.restart();
    assert_eq!(world.state(), "Empty");
    let joined = world.stable(&consumer());
    assert_eq!(joined.generation_id, 3, "one for the first member, one for nobody, one for this");
}

#[test]
fn those_that_wait_are_sent_away_when_the_coordinator_goes() {
    let mut world = World::new();
    let request = Join { session_timeout_ms: 60_000, ..consumer() };
    world.stable(&request);
    let (_, ticket) = world.enter(&request);
    world.turn(Coordinator::unload);
    assert_eq!(world.joined(ticket).error_code, ErrorCode::NOT_COORDINATOR);
    assert_eq!((world.state(), world.groups.deadline()), ("Dead", None));
}

#[test]
fn a_group_that_is_too_large_for_a_new_limit_rebalances() {
    let mut world = World::new();
    world.stable(&consumer());
    world.config.max_size = 0;
    world.restart();
    assert_eq!(world.state(), "PreparingRebalance");
}

//! Stories of joining: who waits for whom, how long, and what becomes of those that do not come.

use super::*;

#[test]
fn the_first_rebalance_waits_for_others_as_long_as_they_come() {
    let mut world = World::new();
    world.config.initial_rebalance_delay_ms = 3_000;
    let request = Join { session_timeout_ms: 60_000, ..consumer() };
    let (_, first) = world.enter(&request);
    world.advance(2_000);
    let (_, second) = world.enter(&request);
    world.advance(2_900);
    assert_eq!(world.state(), "PreparingRebalance", "the second has begun the wait anew");
    world.advance(100);
    assert_eq!(world.state(), "CompletingRebalance", "but not beyond the rebalance time-out");
    let (first, second) = (world.joined(first), world.joined(second));
    assert_eq!((first.generation_id, first.members.len()), (1, 2));
    assert_eq!((second.generation_id, second.members.len()), (1, 0));
    assert_eq!((&first.leader, &second.leader), (&first.member_id, &first.member_id));
}

#[test]
fn a_lonely_member_waits_for_one_delay_only() {
    let mut world = World::new();
    world.config.initial_rebalance_delay_ms = 3_000;
    let (_, ticket) = world.enter(&consumer());
    world.advance(2_999);
    assert!(world.answers.is_empty());
    world.advance(1);
    assert_eq!(world.joined(ticket).generation_id, 1);
}

#[test]
fn an_id_is_given_first_and_forgotten_when_nobody_comes_with_it() {
    let mut world = World::new();
    let first = world.stable(&consumer());
    let ticket = world.join(&consumer());
    let given = world.joined(ticket);
    assert_eq!(given.error_code, ErrorCode::MEMBER_ID_REQUIRED);
    assert_eq!(world.beat(&first), Ok(()), "that alone is no reason to rebalance");
    for _ in 0..3 {
        world.advance(500);
        assert_eq!(world.beat(&first), Ok(()));
    }
    let ticket = world.join(&again(&consumer(), &given.member_id));
    assert_eq!(world.joined(ticket).error_code, ErrorCode::UNKNOWN_MEMBER_ID);
    assert_eq!(world.state(), "Stable");
}

#[test]
fn an_older_client_is_a_member_at_once() {
    let mut world = World::new();
    let ticket = world.join(&Join { version: 3, ..consumer() });
    let joined = world.joined(ticket);
    assert_eq!((joined.error_code, &*joined.member_id), (ErrorCode::NONE, "m1"));
}

#[test]
fn who_does_not_come_within_the_rebalance_time_out_is_out() {
    let mut world = World::new();
    let request = Join { session_timeout_ms: 60_000, ..consumer() };
    let first = world.stable(&request);
    let (second_id, second) = world.enter(&request);
    world.advance(4_999);
    assert_eq!(world.beat(&first), Err(ErrorCode::REBALANCE_IN_PROGRESS));
    assert!(world.answers.is_empty());
    world.advance(1);
    let second = world.joined(second);
    assert_eq!((second.generation_id, second.members.len()), (2, 1));
    assert_eq!(second.leader, second_id, "and leads no more");
    assert_eq!(world.beat(&first), Err(ErrorCode::UNKNOWN_MEMBER_ID));
}

#[test]
fn who_does_not_sync_within_the_rebalance_time_out_is_out() {
    let mut world = World::new();
    let request = Join { session_timeout_ms: 60_000, ..consumer() };
    let (_, first) = world.enter(&request);
    let first = world.joined(first);
    let (_, second) = world.enter(&request);
    let first = world.join(&again(&request, &first.member_id));
    let (first, second) = (world.joined(first), world.joined(second));
    let (leader, follower) =
        if first.members.is_empty() { (second, first) } else { (first, second) };
    let ticket = world.sync(&leader, &[]);
    assert_eq!(world.synced(ticket), Ok(Bytes::new()), "who is given nothing gets nothing");
    world.advance(5_000);
    assert_eq!(world.beat(&follower), Err(ErrorCode::UNKNOWN_MEMBER_ID));
    assert_eq!(world.beat(&leader), Err(ErrorCode::REBALANCE_IN_PROGRESS));
}

#[test]
fn a_silent_member_is_out_when_its_session_ends() {
    let mut world = World::new();
    let first = world.stable(&consumer());
    world.advance(999);
    assert_eq!(world.beat(&first), Ok(()));
    world.advance(999);
    assert_eq!(world.state(), "Stable");
    world.advance(1);
    assert_eq!(world.state(), "Empty");
    assert_eq!(world.beat(&first), Err(ErrorCode::UNKNOWN_MEMBER_ID));
}

#[test]
fn who_waits_for_others_need_not_heartbeat() {
    let mut world = World::new();
    let first = world.stable(&Join { session_timeout_ms: 60_000, ..consumer() });
    let (second_id, second) = world.enter(&consumer());
    world.advance(4_000);
    assert!(world.answers.is_empty());
    let request = Join { session_timeout_ms: 60_000, ..consumer() };
    let first = world.join(&again(&request, &first.member_id));
    let (first, second) = (world.joined(first), world.joined(second));
    let waiting = world.sync(&second, &[]);
    world.advance(3_000);
    let ticket = world.sync(&first, &[(&second_id, "mine")]);
    world.synced(ticket).unwrap();
    assert_eq!(world.synced(waiting).unwrap(), "mine");
}

#[test]
fn a_full_group_takes_nobody_else() {
    let mut world = World::new();
    world.config.max_size = 1;
    let first = world.stable(&consumer());
    let ticket = world.join(&consumer());
    assert_eq!(world.joined(ticket).error_code, ErrorCode::GROUP_MAX_SIZE_REACHED);
    let ticket = world.join(&again(&consumer(), &first.member_id));
    assert_eq!(world.joined(ticket).error_code, ErrorCode::NONE);
}

#[test]
fn the_protocol_is_one_that_all_know_and_most_like() {
    let mut world = World::new();
    world.config.initial_rebalance_delay_ms = 1_000;
    let with = |names: &[&str]| Join {
        protocols: names.iter().map(|name| ((*name).into(), Bytes::new())).collect(),
        ..consumer()
    };
    let tickets: Vec<_> = [&["a", "b", "c"][..], &["c", "b", "a"], &["b", "c"], &["d", "c", "b"]]
        .iter()
        .map(|names| world.enter(&with(names)).1)
        .collect();
    let ticket = world.join(&with(&["a", "d"]));
    assert_eq!(world.joined(ticket).error_code, ErrorCode::INCONSISTENT_GROUP_PROTOCOL);
    world.advance(10_000);
    for ticket in tickets {
        let joined = world.joined(ticket);
        // Two are for b, two for c.
        assert_eq!(joined.protocol_name.as_deref(), Some("b"));
    }
}

#[test]
fn a_static_member_comes_back_without_a_rebalance() {
    let mut world = World::new();
    let request = Join { instance_id: Some("i".into()), session_timeout_ms: 60_000, ..consumer() };
    let ticket = world.join(&request);
    let first = world.joined(ticket);
    let ticket = world.sync(&first, &[(&first.member_id, "all")]);
    world.synced(ticket).unwrap();
    let ticket = world.join(&request);
    let second = world.joined(ticket);
    assert_eq!((second.error_code, second.generation_id), (ErrorCode::NONE, 1));
    assert!(second.skip_assignment && second.leader == second.member_id);
    let ticket = world.sync(&second, &[]);
    assert_eq!(world.synced(ticket).unwrap(), "all");
    assert_eq!(world.beat(&first), Err(ErrorCode::UNKNOWN_MEMBER_ID));
    world.restart();
    assert_eq!(world.beat(&second), Ok(()), "its new id is in the log");
}

#[test]
fn a_static_member_that_waits_is_fenced_by_its_successor() {
    let mut world = World::new();
    world.config.initial_rebalance_delay_ms = 1_000;
    let request = Join { instance_id: Some("i".into()), ..consumer() };
    let first = world.join(&request);
    let second = world.join(&request);
    assert_eq!(world.joined(first).error_code, ErrorCode::FENCED_INSTANCE_ID);
    world.advance(2_000);
    assert_eq!(world.joined(second).generation_id, 1);
}

#[test]
fn a_static_member_keeps_its_place_in_a_rebalance_it_sleeps_through() {
    let mut world = World::new();
    let sleeper = Join { instance_id: Some("i".into()), session_timeout_ms: 60_000, ..consumer() };
    let ticket = world.join(&sleeper);
    let first = world.joined(ticket);
    let ticket = world.sync(&first, &[]);
    world.synced(ticket).unwrap();
    let (_, ticket) = world.enter(&Join { session_timeout_ms: 60_000, ..consumer() });
    world.advance(5_000);
    let joined = world.joined(ticket);
    let instances: Vec<_> =
        joined.members.iter().filter_map(|member| member.group_instance_id.as_deref()).collect();
    assert_eq!((joined.members.len(), instances), (2, vec!["i"]));
}

#[test]
fn an_assignment_that_cannot_be_written_is_nobodys() {
    let mut world = World::new();
    let (id, ticket) = world.enter(&consumer());
    let joined = world.joined(ticket);
    world.log.fails = Some(ErrorCode::NOT_COORDINATOR);
    let ticket = world.sync(&joined, &[(&id, "all")]);
    assert_eq!(world.synced(ticket), Err(ErrorCode::NOT_COORDINATOR));
    assert_eq!(world.state(), "PreparingRebalance");
    world.log.fails = None;
    let ticket = world.join(&again(&consumer(), &id));
    assert_eq!(world.joined(ticket).generation_id, 2);
}

#[test]
fn a_group_that_cannot_be_written_does_not_begin() {
    let mut world = World::new();
    world.log.fails = Some(ErrorCode::COORDINATOR_NOT_AVAILABLE);
    let ticket = world.join(&consumer());
    assert_eq!(world.joined(ticket).error_code, ErrorCode::COORDINATOR_NOT_AVAILABLE);
    assert_eq!(world.state(), "Dead");
}

#[test]
fn a_static_member_whose_return_cannot_be_written_stays_who_it_was() {
    let mut world = World::new();
    let request = Join { instance_id: Some("i".into()), session_timeout_ms: 60_000, ..consumer() };
    let ticket = world.join(&request);
    let first = world.joined(ticket);
    let ticket = world.sync(&first, &[(&first.member_id, "all")]);
    world.synced(ticket).unwrap();
    world.log.fails = Some(ErrorCode::NOT_COORDINATOR);
    let ticket = world.join(&request);
    assert_eq!(world.joined(ticket).error_code, ErrorCode::NOT_COORDINATOR);
    assert_eq!(world.beat(&first), Ok(()));
}

#[test]
fn a_member_that_asks_again_gives_up_its_older_question() {
    let mut world = World::new();
    world.config.initial_rebalance_delay_ms = 1_000;
    let (id, first) = world.enter(&consumer());
    let second = world.join(&again(&consumer(), &id));
    assert_eq!(world.joined(first).error_code, ErrorCode::REBALANCE_IN_PROGRESS);
    world.advance(2_000);
    assert_eq!(world.joined(second).error_code, ErrorCode::NONE);
}

#[test]
fn a_follower_that_leaves_while_it_waits_is_told() {
    let mut world = World::new();
    let request = Join { session_timeout_ms: 60_000, ..consumer() };
    let first = world.stable(&request);
    let (_, second) = world.enter(&request);
    let first = world.join(&again(&request, &first.member_id));
    let (_first, second) = (world.joined(first), world.joined(second));
    let waiting = world.sync(&second, &[]);
    world.leave(&second.member_id);
    assert_eq!(world.synced(waiting), Err(ErrorCode::UNKNOWN_MEMBER_ID));
}

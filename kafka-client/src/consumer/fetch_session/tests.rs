//! Sessions as stories: what is asked, given what the broker knows.

use super::super::testing::{ID, answer, tp};
use super::*;

fn wanted(offset: i64) -> Wanted {
    Wanted { topic_id: ID, generation: 1, offset, leader_epoch: 5, max_bytes: 100 }
}

/// Partition and offset of everything that a request names, and what it lets go.
fn ask(
    session: &mut FetchSession,
    rows: &[(TopicPartition, Wanted)],
) -> (i32, i32, Vec<(i32, i64)>, Vec<i32>) {
    let mut request = fetch::Request::default();
    session.ask(rows, &mut request);
    let topics = request.topics.iter().flat_map(|topic| &topic.partitions);
    let named = topics.map(|row| (row.partition, row.fetch_offset)).collect();
    let gone = request.forgotten_topics_data.iter().flat_map(|topic| topic.partitions.clone());
    (request.session_id, request.session_epoch, named, gone.collect())
}

#[test]
fn a_session_names_only_what_changed() {
    let mut session = FetchSession::default();
    let rows = [(tp(0), wanted(10)), (tp(1), wanted(20))];
    let (id, epoch, mut named, _) = ask(&mut session, &rows);
    named.sort_unstable();
    assert_eq!((id, epoch, named), (0, 0, vec![(0, 10), (1, 20)]));
    assert!(session.on_response(&answer(77, vec![])).is_ok());

    assert_eq!(ask(&mut session, &rows), (77, 1, vec![], vec![]), "nothing changed");
    assert!(session.on_response(&answer(77, vec![])).is_ok());

    let rows = [(tp(0), wanted(10)), (tp(1), wanted(25)), (tp(2), wanted(0))];
    assert_eq!(ask(&mut session, &rows), (77, 2, vec![(1, 25), (2, 0)], vec![]));
    assert!(session.on_response(&answer(77, vec![])).is_ok());

    assert_eq!(ask(&mut session, &rows[2..]), (77, 3, vec![], vec![0, 1]));
}

#[test]
fn a_new_generation_alone_is_no_news_for_the_broker() {
    let mut session = FetchSession::default();
    ask(&mut session, &[(tp(0), wanted(10))]);
    session.on_response(&answer(77, vec![]));
    let again = Wanted { generation: 9, ..wanted(10) };
    assert_eq!(ask(&mut session, &[(tp(0), again)]), (77, 1, vec![], vec![]));
    assert_eq!(session.asked(&"".into(), ID, 0).unwrap().1.generation, 9);
}

#[test]
fn a_lost_session_starts_again_with_everything() {
    let mut session = FetchSession::default();
    let rows = [(tp(0), wanted(10))];
    ask(&mut session, &rows);
    session.on_response(&answer(77, vec![]));
    ask(&mut session, &rows);
    let lost = |error_code| fetch::Response { error_code, ..Default::default() };
    let code = session.on_response(&lost(ErrorCode::FETCH_SESSION_ID_NOT_FOUND));
    assert_eq!(code, ErrorCode::FETCH_SESSION_ID_NOT_FOUND);
    assert_eq!(ask(&mut session, &rows), (0, 0, vec![(0, 10)], vec![]));
    session.on_response(&answer(78, vec![]));

    // The broker still has this one; opening another ends it.
    ask(&mut session, &rows);
    session.on_response(&lost(ErrorCode::INVALID_FETCH_SESSION_EPOCH));
    assert_eq!(ask(&mut session, &rows), (78, 0, vec![(0, 10)], vec![]));
    session.on_response(&answer(79, vec![]));
    assert_eq!(session.close().map(|r| (r.session_id, r.session_epoch)), Some((79, -1)));
    assert!(session.close().is_none());
}

#[test]
fn without_a_session_the_partitions_take_turns_at_being_first() {
    let mut session = FetchSession::default();
    let rows = [(tp(0), wanted(0)), (tp(1), wanted(0)), (tp(2), wanted(0))];
    let mut firsts = Vec::new();
    for _ in 0..3 {
        let (id, epoch, named, _) = ask(&mut session, &rows);
        assert_eq!((id, epoch, named.len()), (0, 0, 3));
        firsts.push(named[0].0);
        session.on_response(&answer(0, vec![]));
    }
    firsts.sort_unstable();
    assert_eq!(firsts, [0, 1, 2]);
}

#[test]
fn a_topic_made_anew_replaces_the_old_one() {
    let mut session = FetchSession::default();
    ask(&mut session, &[(tp(0), wanted(10))]);
    session.on_response(&answer(77, vec![]));
    let mut request = fetch::Request::default();
    let other = Uuid([8; 16]);
    session.ask(&[(tp(0), Wanted { topic_id: other, ..wanted(0) })], &mut request);
    assert_eq!(request.topics[0].topic_id, other);
    assert_eq!(request.forgotten_topics_data[0].topic_id, ID);
    assert_eq!(session.asked(&"".into(), other, 0).unwrap().1.offset, 0);
}

#[test]
fn a_topic_without_an_id_takes_the_session_back_to_names() {
    let mut session = FetchSession::default();
    ask(&mut session, &[(tp(0), wanted(10))]);
    assert!(session.by_id());
    session.on_response(&answer(77, vec![]));
    let nameless = Wanted { topic_id: Uuid::ZERO, ..wanted(10) };
    assert_eq!(ask(&mut session, &[(tp(0), nameless)]), (77, 0, vec![(0, 10)], vec![]));
    assert!(!session.by_id());
    assert!(session.asked(&"t".into(), Uuid::ZERO, 0).is_some());
    assert!(session.asked(&"u".into(), Uuid::ZERO, 0).is_none());
}

#[test]
fn after_the_largest_epoch_comes_one() {
    let mut session = FetchSession { id: 7, epoch: i32::MAX, by_id: true, ..Default::default() };
    assert!(session.on_response(&answer(7, vec![])).is_ok());
    assert_eq!(session.epoch, 1);
}

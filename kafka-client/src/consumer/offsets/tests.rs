//! Questions as stories: who is asked, when again, what comes of it.

use super::super::testing::{at, cluster, settings, tp};
use super::*;
use crate::config::AutoOffsetReset;

fn questions() -> Questions {
    Questions::new(true, settings(AutoOffsetReset::Latest).backoff)
}

fn told(rows: &[(i32, ErrorCode, i64)]) -> Response {
    let rows = rows.iter().map(|&(partition_index, error_code, offset)| {
        let leader_epoch = 5;
        list_offsets::ListOffsetsPartitionResponse {
            partition_index,
            error_code,
            offset,
            leader_epoch,
            ..Default::default()
        }
    });
    let topic =
        list_offsets::ListOffsetsTopicResponse { name: "t".into(), partitions: rows.collect() };
    Response::Offsets(list_offsets::Response { topics: vec![topic], ..Default::default() })
}

fn asked_of(ask: &Ask) -> (i32, Vec<i32>) {
    let numbers = match &ask.request {
        Request::Offsets(r) => {
            assert_eq!((r.replica_id, r.isolation_level), (-1, 1));
            r.topics[0].partitions.iter().map(|row| row.partition_index).collect()
        }
        Request::Epochs(r) => r.topics[0].partitions.iter().map(|row| row.partition).collect(),
    };
    (ask.broker, numbers)
}

#[test]
fn questions_for_one_leader_share_a_request() {
    let mut questions = questions();
    for number in 0..3 {
        questions.ask(tp(number), Question::Time(LATEST));
    }
    let cluster = cluster(1, &[(1, 5), (2, 5), (1, 5)]);
    let first = questions.poll(at(0), &cluster).unwrap();
    let second = questions.poll(at(0), &cluster).unwrap();
    assert_eq!((asked_of(&first), asked_of(&second)), ((1, vec![0, 2]), (2, vec![1])));
    assert!(questions.poll(at(0), &cluster).is_none());

    let mut answers = Vec::new();
    let none = ErrorCode::NONE;
    let response = Ok(told(&[(0, none, 7), (2, none, 9), (1, none, 1)]));
    let stale = questions.on_response(at(1), first.ticket, response, |which, _, answer| {
        answers.push((which.partition, answer.unwrap().offset));
    });
    assert!(!stale);
    assert_eq!(answers, [(0, 7), (2, 9)], "the second broker was not asked about 0 and 2");
    assert!(!questions.is_empty());
}

#[test]
fn what_may_pass_is_asked_again_after_a_backoff_of_whoever_leads_by_then() {
    let mut questions = questions();
    questions.ask(tp(0), Question::Time(EARLIEST));
    let ask = questions.poll(at(0), &cluster(1, &[(1, 5)])).unwrap();
    let moved = Ok(told(&[(0, ErrorCode::NOT_LEADER_OR_FOLLOWER, -1)]));
    let stale = questions.on_response(at(10), ask.ticket, moved, |_, _, _| panic!("no answer"));
    assert!(stale);
    let cluster = cluster(2, &[(2, 6)]);
    assert!(questions.poll(at(10), &cluster).is_none());
    assert_eq!(questions.deadline(at(10).monotonic), Some(at(110).monotonic));
    let again = questions.poll(at(110), &cluster).unwrap();
    assert_eq!(asked_of(&again).0, 2);
    let lost = Error::new(ErrorKind::Disconnected, "x", "y");
    assert!(questions.on_response(at(111), again.ticket, Err(lost), |_, _, _| panic!()));
    let (which, cause) = questions.last_error().unwrap();
    assert_eq!((which.partition, cause.unwrap().kind()), (0, ErrorKind::Disconnected));
}

#[test]
fn what_waiting_does_not_cure_is_told() {
    let mut questions = questions();
    questions.ask(tp(0), Question::Time(5));
    let ask = questions.poll(at(0), &cluster(1, &[(1, 5)])).unwrap();
    let refused = Ok(told(&[(0, ErrorCode::TOPIC_AUTHORIZATION_FAILED, -1)]));
    let mut codes = Vec::new();
    questions.on_response(at(1), ask.ticket, refused, |which, question, answer| {
        assert_eq!((which, question), (tp(0), Question::Time(5)));
        codes.push(answer.unwrap_err().code());
    });
    assert_eq!(codes, [Some(ErrorCode::TOPIC_AUTHORIZATION_FAILED)]);
    assert!(questions.is_empty());
}

#[test]
fn an_answer_to_a_question_that_was_replaced_is_ignored() {
    let mut questions = questions();
    let cluster = cluster(1, &[(1, 5)]);
    questions.ask(tp(0), Question::Time(EARLIEST));
    let old = questions.poll(at(0), &cluster).unwrap();
    questions.ask(tp(0), Question::EpochEnd(3));
    let late = Ok(told(&[(0, ErrorCode::NONE, 7)]));
    questions.on_response(at(1), old.ticket, late, |_, _, _| panic!("stale"));
    let new = questions.poll(at(1), &cluster).unwrap();
    assert!(matches!(&new.request, Request::Epochs(r)
        if r.topics[0].partitions[0].leader_epoch == 3
            && r.topics[0].partitions[0].current_leader_epoch == 5));
}

#[test]
fn a_row_that_the_answer_leaves_out_is_asked_again() {
    let mut questions = questions();
    questions.ask(tp(0), Question::Time(EARLIEST));
    let ask = questions.poll(at(0), &cluster(1, &[(1, 5)])).unwrap();
    assert!(questions.on_response(at(1), ask.ticket, Ok(told(&[])), |_, _, _| panic!()));
    assert!(questions.poll(at(101), &cluster(1, &[(1, 5)])).is_some());
}

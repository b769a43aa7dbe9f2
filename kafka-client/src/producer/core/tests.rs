//! Stories of a producer: what it sends when answers come late, wrong, twice or not at all.

use super::super::accumulator::{Accumulator, PartitionBuffer};
use super::*;
use crate::clock::Clock;
use crate::cluster::metadata::{Partition, Topic};
use crate::net::Address;
use crate::record::ProducerRecord;
use kafka_proto::records::{BatchHeader, Compression, Compressor};
use kafka_proto::uuid::Uuid;

const TIMEOUT: Duration = Duration::from_secs(120);

struct Story {
    core: Core,
    accumulator: Accumulator,
    buffers: Vec<Arc<PartitionBuffer>>,
    ms: u64,
}

/// What a request carried: base sequence and epoch of each batch.
#[derive(Debug, PartialEq, Eq)]
struct Sent {
    token: u64,
    broker: i32,
    batches: Vec<(i32, i32, i16)>,
}

impl Story {
    fn new(change: impl FnOnce(&mut Rules)) -> Self {
        let limits = Limits { batch_size: 1 << 14, request_size: 1 << 20, memory: 1 << 25 };
        let backoff = Backoff { first: Duration::from_millis(100), max: Duration::from_secs(1) };
        let mut rules = Rules {
            limits,
            acks: -1,
            idempotent: true,
            max_in_flight: 5,
            delivery_timeout: TIMEOUT,
            retries: u32::MAX,
            backoff,
        };
        change(&mut rules);
        let accumulator = Accumulator::new(limits, Arc::new(Clock::new(Some(1))));
        let compressor = Compressor::new(Compression::None, None).unwrap();
        let pool = accumulator.pool().clone();
        let mut story = Self {
            core: Core::new(rules, Sealer { compressor, pool }),
            buffers: (0..2).map(|p| PartitionBuffer::new("t".into(), p)).collect(),
            accumulator,
            ms: 0,
        };
        story.leaders([1, 1]);
        story
    }

    fn connected(change: impl FnOnce(&mut Rules)) -> Self {
        let mut story = Self::new(change);
        if story.core.rules.idempotent {
            let identity = Identity { producer_id: 7, epoch: 0 };
            story.core.on_identity(story.now(), Ok(identity));
        }
        story.core.on_connected(1);
        story.core.on_connected(2);
        story
    }

    fn now(&self) -> Now {
        Now { monotonic: Monotonic(self.ms * 1000), wall_ms: 0, random: 20 }
    }

    fn leaders(&mut self, leaders: [i32; 2]) {
        let partitions = leaders.map(|id| Partition { leader: Some(id), leader_epoch: 0 }).to_vec();
        let topic = Topic { name: "t".into(), id: Uuid::ZERO, error: ErrorCode::NONE, partitions };
        let address = |id: i32| (id, Address { host: "h".into(), port: 1 });
        self.core.on_snapshot(Arc::new(Snapshot {
            topics: [("t".into(), Arc::new(topic))].into(),
            brokers: [address(1), address(2)].into(),
            ..Default::default()
        }));
    }

    /// A batch of `records` records for a partition; what becomes of it shows in the cell.
    fn batch(&mut self, partition: usize, records: usize) -> Arc<Cell> {
        let buffer = self.buffers[partition].clone();
        let mut open = buffer.lock();
        for _ in 0..records {
            let record = ProducerRecord::new("t", "value");
            self.accumulator.append(&buffer, &mut open, &record).unwrap();
        }
        let mut batch = open.take().unwrap();
        batch.opened_at = self.now().monotonic;
        let cell = batch.cell.clone();
        self.core.on_batch(&"t".into(), buffer.partition, batch);
        cell
    }

    /// As if batches of ours had been stored in the logs before.
    fn acquainted(&mut self) {
        self.core.queues.iter_mut().for_each(|queue| queue.acquainted = true);
    }

    /// Everything the machine wants to send now; anything else it wants is put into `others`.
    fn sends(&mut self, others: &mut Vec<Action>) -> Vec<Sent> {
        let mut sends = Vec::new();
        while let Some(action) = self.core.poll(self.now()) {
            match action {
                Action::Send { broker, token, batches } => {
                    let batch = |out: Outgoing| {
                        let header = BatchHeader::parse(&out.records).unwrap();
                        (out.partition, header.base_sequence, header.producer_epoch)
                    };
                    let batches = batches.into_iter().map(batch).collect();
                    sends.push(Sent { token, broker, batches });
                }
                other => others.push(other),
            }
        }
        sends
    }

    fn sent(&mut self) -> Vec<Sent> {
        self.sends(&mut Vec::new())
    }

    fn answer(&mut self, token: u64, partition: i32, code: ErrorCode, base_offset: i64) {
        let answer = Answer {
            topic: "t".into(),
            partition,
            code,
            message: None,
            base_offset,
            log_append_time_ms: -1,
        };
        self.core.on_answer(self.now(), token, &[answer]);
    }

    fn lost(&mut self, token: u64, sent: bool) {
        let error = Error::new(ErrorKind::Disconnected, "talk", "gone");
        self.core.on_failure(self.now(), token, &error, sent);
    }
}

fn outcome(cell: &Arc<Cell>) -> Option<Result<Option<i64>, (ErrorKind, bool)>> {
    let delivery = super::super::delivery::Delivery::new(cell.clone(), 0);
    let found = delivery.try_get()?;
    Some(found.map(|m| m.offset()).map_err(|e| (e.kind(), e.possibly_written())))
}

fn one(token: u64, partition: i32, sequence: i32, epoch: i16) -> Sent {
    Sent { token, broker: 1, batches: vec![(partition, sequence, epoch)] }
}

#[test]
fn nothing_leaves_before_there_is_an_id_and_a_connection() {
    let mut story = Story::new(|_| {});
    story.batch(0, 1);
    let mut others = Vec::new();
    assert_eq!(story.sends(&mut others), []);
    assert!(matches!(others[..], [Action::Identify]));
    story.core.on_identity(story.now(), Ok(Identity { producer_id: 7, epoch: 3 }));
    others.clear();
    assert_eq!(story.sends(&mut others), []);
    assert!(matches!(others[..], [Action::Connect(1)]));
    story.core.on_connected(1);
    assert_eq!(story.sent(), [one(0, 0, 0, 3)]);
}

#[test]
fn five_batches_of_a_partition_are_in_flight_and_acknowledged_in_order() {
    let mut story = Story::connected(|_| {});
    let cells: Vec<_> = (0..7).map(|_| story.batch(0, 10)).collect();
    story.acquainted();
    let sent: Vec<_> = (0..5).map(|n| one(n, 0, 10 * i32::try_from(n).unwrap(), 0)).collect();
    assert_eq!(story.sent(), sent);
    story.answer(0, 0, ErrorCode::NONE, 500);
    assert_eq!(outcome(&cells[0]), Some(Ok(Some(500))));
    assert_eq!(outcome(&cells[1]), None);
    assert_eq!(story.sent(), [one(5, 0, 50, 0)]);
}

/// A leader of a new partition may answer the first batch before it leads, and take the second one when it does: of a
/// producer that it does not know, it takes any sequence number.
#[test]
fn until_the_log_knows_us_batches_go_one_at_a_time() {
    let mut story = Story::connected(|_| {});
    let cells: Vec<_> = (0..3).map(|_| story.batch(0, 1)).collect();
    assert_eq!(story.sent(), [one(0, 0, 0, 0)]);
    assert!(!story.core.has_room("t", 0), "no batch needs to be closed early");
    story.answer(0, 0, ErrorCode::NOT_LEADER_OR_FOLLOWER, -1);
    story.ms += 200;
    assert_eq!(story.sent(), [one(1, 0, 0, 0)]);
    story.answer(1, 0, ErrorCode::NONE, 0);
    assert_eq!(story.sent(), [one(2, 0, 1, 0), one(3, 0, 2, 0)]);
    // The topic is deleted, and made again with a log that knows nobody.
    story.answer(2, 0, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, -1);
    story.answer(3, 0, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, -1);
    story.ms += 1000;
    assert_eq!(story.sent(), [one(4, 0, 1, 0)]);
    story.answer(4, 0, ErrorCode::NONE, 0);
    assert_eq!(story.sent(), [one(5, 0, 2, 0)]);
    story.answer(5, 0, ErrorCode::NONE, 1);
    assert_eq!(outcome(&cells[2]), Some(Ok(Some(1))));

    let mut story = Story::connected(|rules| rules.idempotent = false);
    let _cells: Vec<_> = (0..3).map(|_| story.batch(0, 1)).collect();
    assert_eq!(story.sent().len(), 3, "without stamps there is nothing to be known by");
}

#[test]
fn partitions_share_requests() {
    let mut story = Story::connected(|_| {});
    story.batch(0, 3);
    story.batch(1, 4);
    let both = Sent { token: 0, broker: 1, batches: vec![(0, 0, 0), (1, 0, 0)] };
    assert_eq!(story.sent(), [both]);
}

#[test]
fn what_was_in_flight_comes_back_whole_and_is_sent_again_in_order() {
    let mut story = Story::connected(|_| {});
    let cells: Vec<_> = (0..3).map(|_| story.batch(0, 1)).collect();
    story.acquainted();
    assert_eq!(story.sent().len(), 3);
    story.lost(0, true);
    assert_eq!(story.sent(), [], "the others are not back yet");
    story.lost(1, true);
    story.lost(2, true);
    story.ms += 200;
    let mut others = Vec::new();
    assert_eq!(story.sends(&mut others), []);
    assert!(others.iter().any(|action| matches!(action, Action::Connect(1))));
    story.core.on_connected(1);
    assert_eq!(story.sent(), [one(3, 0, 0, 0), one(4, 0, 1, 0), one(5, 0, 2, 0)]);
    // The first had been stored: the broker knows it again and tells where it is.
    story.answer(3, 0, ErrorCode::NONE, 10);
    story.answer(4, 0, ErrorCode::DUPLICATE_SEQUENCE_NUMBER, -1);
    story.answer(5, 0, ErrorCode::NONE, 12);
    let outcomes: Vec<_> = cells.iter().map(outcome).collect();
    assert_eq!(outcomes, [Some(Ok(Some(10))), Some(Ok(None)), Some(Ok(Some(12)))]);
}

/// Whoever finds that the connection has ended learns it before those whose answers will not come.
#[test]
fn a_request_that_fails_before_older_ones_is_not_taken_for_them() {
    let mut story = Story::connected(|_| {});
    let cells: Vec<_> = (0..3).map(|_| story.batch(0, 1)).collect();
    story.acquainted();
    assert_eq!(story.sent().len(), 3);
    story.lost(2, false);
    story.lost(0, true);
    assert_eq!(story.sent(), [], "one is not back yet");
    story.lost(1, true);
    story.ms += 120_000;
    story.core.expire(story.now());
    let outcomes: Vec<_> = cells.iter().map(outcome).collect();
    let failed = |possibly_written| Some(Err((ErrorKind::Timeout, possibly_written)));
    assert_eq!(outcomes, [failed(true), failed(true), failed(false)]);
}

#[test]
fn a_moved_leader_gets_nothing_while_the_old_one_owes_answers() {
    let mut story = Story::connected(|_| {});
    story.batch(0, 1);
    story.batch(0, 1);
    story.acquainted();
    assert_eq!(story.sent().len(), 2);
    story.answer(0, 0, ErrorCode::NOT_LEADER_OR_FOLLOWER, -1);
    story.leaders([2, 1]);
    story.ms += 200;
    assert_eq!(story.sent(), []);
    story.answer(1, 0, ErrorCode::NOT_LEADER_OR_FOLLOWER, -1);
    story.ms += 200;
    let sent = story.sent();
    assert_eq!(sent.iter().map(|sent| sent.broker).collect::<Vec<_>>(), [2, 2]);
    assert_eq!(sent[0].batches, [(0, 0, 0)]);
}

#[test]
fn a_gap_behind_a_failed_batch_is_no_news_and_at_the_front_needs_a_new_epoch() {
    let mut story = Story::connected(|_| {});
    let cells: Vec<_> = (0..2).map(|_| story.batch(0, 1)).collect();
    story.acquainted();
    story.sent();
    story.answer(0, 0, ErrorCode::NOT_ENOUGH_REPLICAS, -1);
    story.answer(1, 0, ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER, -1);
    story.ms += 200;
    assert_eq!(story.sent(), [one(2, 0, 0, 0), one(3, 0, 1, 0)]);
    // The broker has lost what it knew of us.
    story.answer(2, 0, ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER, -1);
    story.answer(3, 0, ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER, -1);
    assert_eq!(story.sent(), []);
    story.ms += 1000;
    assert_eq!(story.sent(), [one(4, 0, 0, 1)]);
    story.answer(4, 0, ErrorCode::NONE, 0);
    assert_eq!(story.sent(), [one(5, 0, 1, 1)]);
    story.answer(5, 0, ErrorCode::NONE, 1);
    assert_eq!(outcome(&cells[1]), Some(Ok(Some(1))));
}

#[test]
fn a_new_epoch_waits_until_no_fate_is_unknown() {
    let mut story = Story::connected(|_| {});
    story.batch(0, 1);
    let other = story.batch(1, 1);
    let sent = story.sent();
    assert_eq!(sent.len(), 1);
    story.lost(0, true);
    story.core.on_connected(1);
    story.ms += 200;
    assert_eq!(story.sent().len(), 1);
    let answer = |partition, code| Answer {
        topic: "t".into(),
        partition,
        code,
        message: None,
        base_offset: 9,
        log_append_time_ms: -1,
    };
    let lost_count = ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER;
    let answers = [answer(0, lost_count), answer(1, ErrorCode::REQUEST_TIMED_OUT)];
    story.core.on_answer(story.now(), 1, &answers);
    assert_eq!(story.sent(), []);
    story.ms += 1000;
    assert_eq!(story.sent(), [one(2, 1, 0, 0)], "only the unknown one, under its old stamp");
    story.answer(2, 1, ErrorCode::NONE, 9);
    assert_eq!(outcome(&other), Some(Ok(Some(9))));
    assert_eq!(story.sent(), [one(3, 0, 0, 1)]);
}

#[test]
fn a_batch_that_is_too_large_is_halved_and_keeps_its_sequence() {
    let mut story = Story::connected(|_| {});
    let large = story.batch(0, 4);
    let next = story.batch(0, 1);
    story.acquainted();
    story.sent();
    story.answer(0, 0, ErrorCode::MESSAGE_TOO_LARGE, -1);
    story.answer(1, 0, ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER, -1);
    story.ms += 1000;
    assert_eq!(story.sent(), [one(2, 0, 0, 0), one(3, 0, 2, 0), one(4, 0, 4, 0)]);
    story.answer(2, 0, ErrorCode::NONE, 100);
    assert_eq!(outcome(&large), None);
    story.answer(3, 0, ErrorCode::NONE, 102);
    story.answer(4, 0, ErrorCode::NONE, 104);
    assert_eq!((outcome(&large), outcome(&next)), (Some(Ok(Some(100))), Some(Ok(Some(104)))));
}

#[test]
fn a_single_record_that_is_too_large_fails_alone() {
    let mut story = Story::connected(|_| {});
    let large = story.batch(0, 1);
    story.sent();
    story.answer(0, 0, ErrorCode::MESSAGE_TOO_LARGE, -1);
    assert_eq!(outcome(&large), Some(Err((ErrorKind::RecordTooLarge, false))));
    story.batch(0, 1);
    assert_eq!(story.sent(), [one(1, 0, 0, 0)], "its sequence number is free again");
}

/// Also an error that nothing can be done about does not take back that an earlier attempt, or this one, may have been
/// stored; its sequence number is not given to another record, which the broker would take for the same.
#[test]
fn an_error_at_the_end_tells_whether_the_record_may_be_written() {
    use ErrorCode as Code;
    for (first, last, records) in [
        (None, Code::UNKNOWN_SERVER_ERROR, 1),
        (Some(Code::REQUEST_TIMED_OUT), Code::TOPIC_AUTHORIZATION_FAILED, 1),
        (Some(Code::REQUEST_TIMED_OUT), Code::MESSAGE_TOO_LARGE, 1),
        (Some(Code::REQUEST_TIMED_OUT), Code::MESSAGE_TOO_LARGE, 2),
    ] {
        let mut story = Story::connected(|_| {});
        let failed = story.batch(0, records);
        let mut token = 0;
        story.sent();
        if let Some(first) = first {
            story.answer(token, 0, first, -1);
            story.ms += 1000;
            token += 1;
            assert_eq!(story.sent(), [one(token, 0, 0, 0)]);
        }
        story.answer(token, 0, last, -1);
        let outcome = outcome(&failed);
        assert!(matches!(outcome, Some(Err((_, true)))), "{first:?}, {last}: {outcome:?}");
        story.batch(0, 1);
        assert_eq!(story.sent(), [one(token + 1, 0, 0, 1)], "{first:?}, {last}");
    }
    let mut story = Story::connected(|_| {});
    let refused = story.batch(0, 1);
    story.sent();
    story.answer(0, 0, ErrorCode::TOPIC_AUTHORIZATION_FAILED, -1);
    assert_eq!(outcome(&refused), Some(Err((ErrorKind::Broker, false))));
}

#[test]
fn time_out_tells_whether_the_record_may_be_written() {
    let mut story = Story::connected(|_| {});
    let flying = story.batch(0, 1);
    story.sent();
    story.leaders([1, 9]);
    let unsent = story.batch(1, 1);
    let deadline = Monotonic::default().after(TIMEOUT);
    assert_eq!(story.core.deadline(story.now()), Some(deadline));
    story.ms += 120_000;
    story.core.expire(story.now());
    assert_eq!(outcome(&flying), Some(Err((ErrorKind::Timeout, true))));
    assert_eq!(outcome(&unsent), Some(Err((ErrorKind::Timeout, false))));
    // Its answer comes after all: the sequence has no gap.
    let later = story.batch(0, 1);
    story.answer(0, 0, ErrorCode::NONE, 5);
    assert_eq!(story.sent(), [one(1, 0, 1, 0)]);
    story.answer(1, 0, ErrorCode::NONE, 6);
    assert_eq!(outcome(&later), Some(Ok(Some(6))));
    assert!(story.core.is_idle());
}

#[test]
fn a_timed_out_batch_of_unknown_fate_leaves_a_gap_that_a_new_epoch_closes() {
    let mut story = Story::connected(|_| {});
    story.batch(0, 1);
    story.sent();
    story.ms += 120_000;
    story.core.expire(story.now());
    story.lost(0, true);
    story.batch(0, 1);
    story.ms += 200;
    assert_eq!(story.sent(), []);
    story.core.on_connected(1);
    assert_eq!(story.sent(), [one(1, 0, 0, 1)]);
}

#[test]
fn when_the_epochs_of_an_id_are_used_up_another_id_is_asked_for() {
    let mut story = Story::connected(|_| {});
    let last = Identity { producer_id: 7, epoch: i16::MAX };
    story.core.on_identity(story.now(), Ok(last));
    let cell = story.batch(0, 1);
    assert_eq!(story.sent(), [one(0, 0, 0, i16::MAX)]);
    story.answer(0, 0, ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER, -1);
    let mut others = Vec::new();
    assert_eq!(story.sends(&mut others), []);
    assert!(matches!(others[..], [Action::Identify]), "{others:?}");
    story.core.on_identity(story.now(), Ok(Identity { producer_id: 8, epoch: 0 }));
    story.ms += 1000;
    assert_eq!(story.sent(), [one(1, 0, 0, 0)]);
    story.answer(1, 0, ErrorCode::NONE, 4);
    assert_eq!(outcome(&cell), Some(Ok(Some(4))));
}

/// A broker knows the last five batches. One whose answers are lost again and again, while more and more of what
/// follows it is stored, would be a stranger to it at last.
#[test]
fn nothing_new_follows_a_batch_of_unknown_fate() {
    let mut story = Story::connected(|_| {});
    let cells: Vec<_> = (0..7).map(|_| story.batch(0, 1)).collect();
    story.acquainted();
    assert_eq!(story.sent().len(), 5);
    story.answer(0, 0, ErrorCode::REQUEST_TIMED_OUT, -1);
    (1..5).for_each(|n| story.answer(n, 0, ErrorCode::NONE, i64::try_from(n).unwrap()));
    story.ms += 200;
    assert_eq!(story.sent(), [one(5, 0, 0, 0)], "it goes alone");
    story.answer(5, 0, ErrorCode::REQUEST_TIMED_OUT, -1);
    story.ms += 1000;
    assert_eq!(story.sent(), [one(6, 0, 0, 0)]);
    story.answer(6, 0, ErrorCode::NONE, 0);
    assert_eq!(story.sent(), [one(7, 0, 5, 0), one(8, 0, 6, 0)]);
    assert_eq!(outcome(&cells[0]), Some(Ok(Some(0))));
}

#[test]
fn at_most_once_never_sends_twice() {
    let mut story = Story::connected(|rules| {
        (rules.acks, rules.idempotent) = (0, false);
    });
    let cells: Vec<_> = (0..3).map(|_| story.batch(0, 1)).collect();
    story.acquainted();
    assert_eq!(story.sent().len(), 3);
    story.core.on_written(0);
    assert_eq!(outcome(&cells[0]), Some(Ok(None)));
    story.lost(1, true);
    story.lost(2, false);
    assert_eq!(outcome(&cells[1]), Some(Err((ErrorKind::Disconnected, true))));
    assert_eq!(outcome(&cells[2]), None, "no byte of it went out");
    story.ms += 1000;
    story.core.on_connected(1);
    assert_eq!(story.sent().len(), 1);
}

#[test]
fn retries_are_counted_where_they_are_limited() {
    let mut story = Story::connected(|rules| rules.retries = 1);
    let cell = story.batch(0, 1);
    story.sent();
    story.answer(0, 0, ErrorCode::NOT_ENOUGH_REPLICAS, -1);
    story.ms += 1000;
    assert_eq!(story.sent().len(), 1);
    story.answer(1, 0, ErrorCode::NOT_ENOUGH_REPLICAS, -1);
    assert_eq!(outcome(&cell), Some(Err((ErrorKind::Broker, false))));
}

#[test]
fn what_never_left_costs_no_retry() {
    let mut story = Story::connected(|rules| (rules.retries, rules.idempotent) = (0, false));
    let cell = story.batch(0, 1);
    story.sent();
    // The connection had ended before.
    story.lost(0, false);
    let mut others = Vec::new();
    assert_eq!(story.sends(&mut others), []);
    assert!(others.iter().any(|action| matches!(action, Action::Connect(1))), "{others:?}");
    story.core.on_connected(1);
    assert_eq!(story.sent().len(), 1, "at once");
    story.lost(1, true);
    assert_eq!(outcome(&cell), Some(Err((ErrorKind::Disconnected, true))));
}

#[test]
fn what_can_never_leave_fails_at_once() {
    let mut story = Story::connected(|_| {});
    let cell = story.batch(0, 1);
    story.sent();
    let error = Error::new(ErrorKind::Unsupported, "send", "the broker is too old");
    story.core.on_failure(story.now(), 0, &error, false);
    assert_eq!(outcome(&cell), Some(Err((ErrorKind::Unsupported, false))));
    assert!(story.core.is_idle());
}

#[test]
fn everything_fails_when_no_id_is_to_be_had() {
    let mut story = Story::new(|_| {});
    let cell = story.batch(0, 1);
    story.sent();
    let refused = Error::broker(ErrorCode::CLUSTER_AUTHORIZATION_FAILED, "get a producer id");
    story.core.on_identity(story.now(), Err(refused));
    assert_eq!(outcome(&cell), Some(Err((ErrorKind::Broker, false))));
    let later = story.batch(0, 1);
    assert_eq!(outcome(&later), Some(Err((ErrorKind::Broker, false))));
}

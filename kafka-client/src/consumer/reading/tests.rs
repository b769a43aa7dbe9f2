//! Handing out by the batch and one by one, and where the position is meanwhile.

use super::super::budget::Budget;
use super::super::queue::Chunk;
use super::super::testing::{batch, stamped, tp};
use super::*;
use kafka_proto::records::{Compression, Stamp};
use std::sync::Arc;
use tokio::sync::Notify;

fn reading(records: Vec<u8>, position: i64) -> (Reading, Decoder, Arc<Budget>) {
    let budget = Budget::new(1 << 20, Arc::new(Notify::new()));
    let chunk = Chunk {
        which: tp(3),
        generation: 1,
        broker: 1,
        held: Arc::new(budget.hold(records.len())),
        records: records.into(),
        broken: false,
        aborted: Vec::new(),
    };
    let decoder = Decoder::new(true, false, budget.clone());
    (Reading::new(Cursor::new(chunk, position)), decoder, budget)
}

#[test]
fn pieces_of_a_batch_follow_each_other_without_gap_or_overlap() {
    for compression in [Compression::None, Compression::Zstd] {
        let records =
            [stamped(0, 7, Stamp::NONE, compression), stamped(7, 5, Stamp::NONE, compression)];
        let (mut reading, mut decoder, budget) = reading(records.concat(), 1);
        let mut all = Records::default();
        let mut positions = Vec::new();
        while reading.ready(&mut decoder).unwrap() {
            reading.hand_out(4, &mut all);
            positions.push(reading.position());
        }
        assert_eq!(positions, [5, 7, 11, 12]);
        assert_eq!(all.len(), 11);
        let offsets: Vec<_> = all.iter().map(|record| record.offset()).collect();
        assert_eq!(offsets, (1..12).collect::<Vec<_>>());
        drop(reading);
        assert!(budget.used() > 0);
        drop(all);
        assert_eq!(budget.used(), 0, "{compression}");
    }
}

#[test]
fn one_by_one_the_position_moves_when_the_next_is_asked_for() {
    let (mut reading, mut decoder, _) = reading([batch(0, 2), batch(2, 1)].concat(), 0);
    let mut seen = Vec::new();
    loop {
        reading.settle();
        if !reading.ready(&mut decoder).unwrap() {
            break;
        }
        let record = reading.hand_out_one().unwrap();
        seen.push((record.offset(), reading.position()));
    }
    assert_eq!(seen, [(0, 0), (1, 1), (2, 2)]);
    assert_eq!(reading.position(), 3);
}

#[test]
fn the_rest_of_a_batch_comes_after_a_record_taken_by_itself() {
    let (mut reading, mut decoder, _) = reading(batch(0, 5), 0);
    assert!(reading.ready(&mut decoder).unwrap());
    assert_eq!(reading.hand_out_one().unwrap().offset(), 0);
    reading.settle();
    let mut rest = Records::default();
    reading.hand_out(100, &mut rest);
    assert_eq!(rest.iter().map(|r| r.offset()).collect::<Vec<_>>(), [1, 2, 3, 4]);
    assert_eq!(reading.position(), 5);
}

#[test]
fn views_and_owned_records_say_the_same() {
    let (mut reading, mut decoder, _) = reading(batch(40, 3), 41);
    assert!(reading.ready(&mut decoder).unwrap());
    let mut records = Records::default();
    reading.hand_out(10, &mut records);
    let view = records.iter().next().unwrap();
    assert_eq!((view.topic(), view.partition(), view.offset()), ("t", 3, 41));
    assert_eq!((view.timestamp_ms(), view.leader_epoch()), (1041, 5));
    assert_eq!((view.key(), view.value()), (Some(&b"k41"[..]), Some(&b"41"[..])));
    let headers: Vec<_> = view.headers().map(|h| (h.key().into_owned(), h.value())).collect();
    assert_eq!(headers, [("h".to_owned(), Some(&b"1"[..])), ("h".to_owned(), None)]);

    let owned = view.to_owned();
    assert_eq!(owned.view(), view);
    assert_eq!((owned.topic(), owned.partition(), owned.offset()), ("t", 3, 41));
    assert_eq!((owned.timestamp_ms(), owned.leader_epoch()), (1041, 5));
    assert_eq!((owned.key(), owned.value()), (view.key(), view.value()));
    assert_eq!(owned.headers().count(), 2);
    let within = view.value().unwrap().as_ptr_range();
    assert_eq!(owned.value().unwrap().as_ptr_range(), within, "nothing was copied");
    assert_eq!(owned.value_bytes().unwrap().as_ptr_range(), within, "nor for bytes");
}

#[test]
fn records_are_found_by_partition_and_by_batch() {
    let mut records = Records::default();
    for (number, base) in [(0, 0), (1, 0), (0, 5)] {
        let (mut reading, mut decoder, _) = reading(batch(base, 5), 0);
        reading.cursor.which = tp(number);
        assert!(reading.ready(&mut decoder).unwrap());
        reading.hand_out(10, &mut records);
    }
    let partitions: Vec<_> = records
        .partitions()
        .map(|(which, batches)| (which.partition, batches.map(|batch| batch.len()).sum::<usize>()))
        .collect();
    assert_eq!(partitions, [(0, 10), (1, 5)]);
    assert_eq!(records.batches().len(), 3);
    assert_eq!((&records).into_iter().len(), 15);
    assert!(!records.is_empty());
}

//! Chunks as they come from brokers, and what of them reaches the application.

use super::super::testing::{batch, stamped, tp};
use super::*;
use kafka_proto::records::Stamp;
use kafka_proto::records::control::EndTxnMarker;
use tokio::sync::Notify;

fn budget() -> Arc<Budget> {
    Budget::new(1 << 20, Arc::new(Notify::new()))
}

fn decoder(budget: &Arc<Budget>) -> Decoder {
    Decoder::new(true, true, budget.clone())
}

fn chunk(budget: &Arc<Budget>, records: Vec<u8>, aborted: &[(i64, i64)]) -> Chunk {
    let aborted = aborted
        .iter()
        .map(|&(producer_id, first_offset)| AbortedTransaction { producer_id, first_offset });
    Chunk {
        which: tp(0),
        generation: 1,
        broker: 1,
        held: Arc::new(budget.hold(records.len())),
        records: records.into(),
        broken: false,
        aborted: aborted.collect(),
    }
}

fn offsets(cursor: &mut Cursor, decoder: &mut Decoder) -> Vec<i64> {
    let mut offsets = Vec::new();
    while let Some(open) = cursor.next(decoder).unwrap() {
        offsets.extend(
            open.source.batch.records_from(open.at, open.left).map(|record| record.offset()),
        );
    }
    offsets
}

fn of(producer_id: i64) -> Stamp {
    Stamp { producer_id, producer_epoch: 0, base_sequence: 0, transactional: true, ..Stamp::NONE }
}

fn marker(committed: bool, offset: i64, producer_id: i64) -> Vec<u8> {
    EndTxnMarker { committed, coordinator_epoch: 0 }.batch(offset, 5, 0, producer_id, 0)
}

#[test]
fn records_before_the_position_are_passed_over() {
    let budget = budget();
    let records = [batch(0, 5), batch(5, 5), batch(10, 5)].concat();
    let mut cursor = Cursor::new(chunk(&budget, records, &[]), 7);
    let mut decoder = decoder(&budget);
    assert_eq!(offsets(&mut cursor, &mut decoder), [7, 8, 9, 10, 11, 12, 13, 14]);
    assert_eq!(cursor.position(), 15);
}

#[test]
fn aborted_transactions_and_markers_are_dropped() {
    let budget = budget();
    let none = Compression::None;
    let records = [
        stamped(0, 2, of(1), none),
        stamped(2, 2, of(2), none),
        marker(false, 4, 1),
        stamped(5, 2, of(1), none),
        marker(true, 7, 1),
        marker(true, 8, 2),
        batch(9, 1),
        stamped(10, 1, of(3), none),
    ];
    let aborted = [(1, 0), (3, 10)];
    let mut cursor = Cursor::new(chunk(&budget, records.concat(), &aborted), 0);
    let mut committed = decoder(&budget);
    assert_eq!(offsets(&mut cursor, &mut committed), [2, 3, 5, 6, 9]);
    assert_eq!(cursor.position(), 11, "what is dropped is behind us all the same");

    let mut all = Decoder::new(true, false, budget.clone());
    let mut cursor = Cursor::new(chunk(&budget, records.concat(), &[]), 0);
    assert_eq!(offsets(&mut cursor, &mut all), [0, 1, 2, 3, 5, 6, 9, 10]);
}

#[test]
fn a_damaged_batch_is_told_again_and_again_and_never_passed_over() {
    let budget = budget();
    let mut bad = batch(5, 5);
    *bad.last_mut().unwrap() ^= 1;
    let records = [batch(0, 5), bad, batch(10, 5)].concat();
    let mut cursor = Cursor::new(chunk(&budget, records.clone(), &[]), 0);
    let mut decoder = decoder(&budget);
    assert_eq!(cursor.next(&mut decoder).unwrap().unwrap().next_offset, 5);
    for _ in 0..2 {
        let error = cursor.next(&mut decoder).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::CorruptBatch);
        assert_eq!((error.topic(), error.partition()), (Some("t"), Some(0)));
        let text = error.to_string();
        let start = "read the records at offset 5 (t-0): corrupt record batch: the batch of \
                     offsets 5 to 9: corrupt batch: its CRC";
        assert!(text.starts_with(start), "{text}");
        assert!(text.ends_with("; seek behind it to go on without it"), "{text}");
        assert_eq!(cursor.position(), 5);
    }
    let mut trusting = Decoder::new(false, true, budget.clone());
    let mut cursor = Cursor::new(chunk(&budget, records, &[]), 0);
    assert_eq!(offsets(&mut cursor, &mut trusting).len(), 15, "check.crcs=false");
}

#[test]
fn a_chunk_that_leads_nowhere_says_so() {
    let budget = budget();
    let whole = batch(0, 5);
    let cut = whole[..whole.len() - 1].to_vec();
    let mut cursor = Cursor::new(Chunk { broken: true, ..chunk(&budget, cut, &[]) }, 0);
    let error = cursor.next(&mut decoder(&budget)).unwrap_err();
    assert!(error.to_string().contains("no whole batch"), "{error}");

    let mut newer = batch(0, 5);
    newer[16] = 3;
    let mut cursor = Cursor::new(Chunk { broken: true, ..chunk(&budget, newer, &[]) }, 3);
    let error = cursor.next(&mut decoder(&budget)).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("at offset 3: no record batch: magic 3"), "{text}");
}

#[test]
fn decompressed_records_count_until_they_are_dropped() {
    let budget = budget();
    let records = stamped(0, 100, Stamp::NONE, Compression::Lz4);
    let size = records.len();
    let mut cursor = Cursor::new(chunk(&budget, records, &[]), 0);
    let open = cursor.next(&mut decoder(&budget)).unwrap().unwrap();
    let unpacked = open.source.batch.bytes().len();
    assert!(unpacked > size);
    assert_eq!(budget.used(), size + unpacked);
    drop(cursor);
    assert_eq!(budget.used(), unpacked, "the frame is of no use any more");
    drop(open);
    assert_eq!(budget.used(), 0);
}

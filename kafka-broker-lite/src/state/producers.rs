//! What a partition remembers of its idempotent producers: the epoch and the last five batches of each.
//!
//! A batch that is among the five is a duplicate and gets its old offset for an answer; any other has to follow the
//! last one without a gap. A producer that is not known, because its records or its state are gone, may begin
//! anywhere, as in Kafka.

use kafka_proto::ErrorCode;
use kafka_proto::records::{BatchHeader, TimestampType, increment_sequence};
use std::collections::{BTreeMap, VecDeque};

/// Batches remembered per producer: as many as a producer may have in flight.
const REMEMBERED: usize = 5;

/// The producer id of a batch without one.
pub(crate) const NO_PRODUCER_ID: i64 = -1;

/// The producers of one partition.
#[derive(Debug, Default)]
pub(crate) struct Producers {
    pub(super) by_id: BTreeMap<i64, Producer>,
}

#[derive(Debug)]
pub(crate) struct Producer {
    pub(crate) epoch: i16,
    pub(crate) batches: VecDeque<Appended>,
    pub(crate) used_ms: i64,
}

/// A batch in the log, as far as its producer may ask for it again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Appended {
    pub(crate) first_sequence: i32,
    pub(crate) last_sequence: i32,
    pub(crate) base_offset: i64,
    /// When the log stamps its records, what it stamped on these.
    pub(crate) append_time_ms: Option<i64>,
}

/// What to do with a batch of an idempotent producer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Append,
    /// It is in the log already.
    Duplicate(Appended),
    Refuse(ErrorCode, String),
}

impl Producers {
    /// All of them, by id.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (i64, &Producer)> {
        self.by_id.iter().map(|(id, producer)| (*id, producer))
    }

    /// Whether a batch in the log is the last one of its producer.
    pub(crate) fn ends_with(&self, header: &BatchHeader) -> bool {
        let producer = self.by_id.get(&header.producer_id);
        let last = producer.and_then(|producer| producer.batches.back());
        last.is_some_and(|batch| batch.base_offset == header.base_offset)
    }

    /// Judges a batch for `partition`; `header` carries a producer id.
    pub(crate) fn judge(&self, partition: &str, header: &BatchHeader) -> Verdict {
        let BatchHeader { producer_id: id, producer_epoch: epoch, base_sequence: first, .. } =
            *header;
        let Some(producer) = self.by_id.get(&id) else { return Verdict::Append };
        if epoch < producer.epoch {
            let current = producer.epoch;
            let text = format!(
                "Epoch of producer {id} for {partition} is {epoch}, which is smaller than the last \
                 seen epoch {current}"
            );
            return Verdict::Refuse(ErrorCode::INVALID_PRODUCER_EPOCH, text);
        }
        if epoch > producer.epoch {
            if first == 0 {
                return Verdict::Append;
            }
            let text = format!(
                "Invalid sequence number for new epoch of producer {id} for {partition}: \
                 {epoch} (request epoch), {first} (seq. number), {} (current producer epoch)",
                producer.epoch
            );
            return Verdict::Refuse(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER, text);
        }
        let last = header.last_sequence();
        let same = |batch: &&Appended| batch.first_sequence == first && batch.last_sequence == last;
        if let Some(batch) = producer.batches.iter().find(same) {
            return Verdict::Duplicate(*batch);
        }
        match producer.batches.back() {
            Some(newest) if first != increment_sequence(newest.last_sequence, 1) => {
                let text = format!(
                    "Out of order sequence number for producer {id} for {partition}: \
                     {first} (incoming seq. number), {} (current end sequence number)",
                    newest.last_sequence
                );
                Verdict::Refuse(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER, text)
            }
            _ => Verdict::Append,
        }
    }

    /// Remembers a batch that was appended.
    pub(crate) fn appended(
        &mut self,
        header: &BatchHeader,
        base_offset: i64,
        append_time_ms: Option<i64>,
        now_ms: i64,
    ) {
        let epoch = header.producer_epoch;
        let fresh =
            || Producer { epoch, batches: VecDeque::with_capacity(REMEMBERED), used_ms: now_ms };
        let producer = self.by_id.entry(header.producer_id).or_insert_with(fresh);
        if producer.epoch != epoch {
            producer.epoch = epoch;
            producer.batches.clear();
        }
        if producer.batches.len() == REMEMBERED {
            producer.batches.pop_front();
        }
        producer.used_ms = now_ms;
        producer.batches.push_back(Appended {
            first_sequence: header.base_sequence,
            last_sequence: header.last_sequence(),
            base_offset,
            append_time_ms,
        });
    }

    /// Learns of a batch that was found in the log.
    pub(crate) fn replayed(&mut self, header: &BatchHeader, now_ms: i64) {
        if header.producer_id == NO_PRODUCER_ID || header.is_control() {
            return;
        }
        let stamped = header.timestamp_type() == TimestampType::LogAppendTime;
        let append_time_ms = stamped.then_some(header.max_timestamp);
        self.appended(header, header.base_offset, append_time_ms, now_ms);
    }

    /// Takes over the producers of a snapshot that are not known from the log.
    pub(crate) fn add_missing(&mut self, snapshot: Self) {
        for (id, producer) in snapshot.by_id {
            self.by_id.entry(id).or_insert(producer);
        }
    }

    /// Forgets producers that have written nothing for `expiration_ms`.
    pub(crate) fn expire(&mut self, now_ms: i64, expiration_ms: i64) {
        self.by_id.retain(|_, producer| now_ms - producer.used_ms < expiration_ms);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(epoch: i16, first: i32, count: i32) -> BatchHeader {
        BatchHeader {
            base_offset: 0,
            length: 0,
            partition_leader_epoch: -1,
            magic: 2,
            crc: 0,
            attributes: 0,
            last_offset_delta: count - 1,
            base_timestamp: 0,
            max_timestamp: 0,
            producer_id: 7,
            producer_epoch: epoch,
            base_sequence: first,
            count,
        }
    }

    fn refused(verdict: Verdict) -> ErrorCode {
        match verdict {
            Verdict::Refuse(code, _) => code,
            other => panic!("{other:?}"),
        }
    }

    fn with_six_batches() -> Producers {
        let mut producers = Producers::default();
        for at in 0..6 {
            let header = batch(0, at * 10, 10);
            assert_eq!(producers.judge("t-0", &header), Verdict::Append);
            producers.appended(&header, i64::from(at) * 10, None, 0);
        }
        producers
    }

    #[test]
    fn the_last_five_batches_are_known_again_and_older_ones_are_out_of_order() {
        let producers = with_six_batches();
        for at in 1..6 {
            let Verdict::Duplicate(found) = producers.judge("t-0", &batch(0, at * 10, 10)) else {
                panic!("batch {at} is among the last five")
            };
            assert_eq!(found.base_offset, i64::from(at) * 10);
        }
        let oldest = producers.judge("t-0", &batch(0, 0, 10));
        assert_eq!(refused(oldest), ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER);
    }

    #[test]
    fn gaps_and_batches_cut_otherwise_are_out_of_order() {
        let producers = with_six_batches();
        assert_eq!(producers.judge("t-0", &batch(0, 60, 3)), Verdict::Append);
        for (first, count) in [(61, 3), (50, 9), (55, 10)] {
            let verdict = producers.judge("t-0", &batch(0, first, count));
            assert_eq!(refused(verdict), ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER, "{first}");
        }
    }

    #[test]
    fn an_older_epoch_is_fenced_and_a_newer_one_begins_at_zero() {
        let mut producers = with_six_batches();
        let verdict = producers.judge("t-0", &batch(1, 60, 1));
        assert_eq!(refused(verdict), ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER);
        assert_eq!(producers.judge("t-0", &batch(1, 0, 1)), Verdict::Append);
        producers.appended(&batch(1, 0, 1), 60, None, 0);
        let verdict = producers.judge("t-0", &batch(0, 60, 1));
        assert_eq!(refused(verdict), ErrorCode::INVALID_PRODUCER_EPOCH);
    }

    #[test]
    fn sequences_wrap_to_zero_within_and_between_batches() {
        let mut producers = Producers::default();
        producers.appended(&batch(0, i32::MAX - 4, 3), 0, None, 0);
        let across = batch(0, i32::MAX - 1, 5);
        assert_eq!(producers.judge("t-0", &across), Verdict::Append);
        producers.appended(&across, 3, None, 0);
        assert!(matches!(producers.judge("t-0", &across), Verdict::Duplicate(_)));
        assert_eq!(producers.judge("t-0", &batch(0, 3, 1)), Verdict::Append);
        let verdict = producers.judge("t-0", &batch(0, 2, 1));
        assert_eq!(refused(verdict), ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER);
    }

    #[test]
    fn an_unknown_or_forgotten_producer_may_begin_anywhere() {
        let mut producers = Producers::default();
        assert_eq!(producers.judge("t-0", &batch(3, 40, 1)), Verdict::Append);
        producers.appended(&batch(3, 40, 1), 0, None, 1_000);
        producers.expire(1_999, 1_000);
        assert!(matches!(producers.judge("t-0", &batch(3, 40, 1)), Verdict::Duplicate(_)));
        producers.expire(2_000, 1_000);
        assert_eq!(producers.judge("t-0", &batch(3, 90, 1)), Verdict::Append);
    }
}

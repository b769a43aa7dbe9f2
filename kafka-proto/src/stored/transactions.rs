//! Transactions, as `__transaction_state` keeps them, and what the logs of partitions keep of them.

use crate::{schema::schema, wire::prelude::*};

schema!(TransactionLogKey, key 0, versions 0..=0);
schema!(TransactionLogValue, value 0, versions 0..=1, flexible 1..);
schema!(AbortedTxn, version, versions 0..=0);
schema!(ProducerSnapshot, version, versions 1..=1);
wire! {
    /// Names a transactional id.
    pub struct TransactionLogKey { transactional_id: Arc<str> }

    /// Where it stands.
    pub struct TransactionLogValue {
        producer_id: i64,
        previous_producer_id: i64                   [tag 0, 1..] = -1,
        next_producer_id: i64                       [tag 1, 1..] = -1,
        producer_epoch: i16,
        client_transaction_version: i16             [tag 2, 1..],
        transaction_timeout_ms: i32,
        /// 0 empty, 1 ongoing, 2 and 3 commit and abort decided, 4 and 5 done, 6 dead, 7 fencing.
        transaction_status: i8,
        /// Null when there are none.
        transaction_partitions: Option<Vec<PartitionsSchema>>,
        transaction_last_update_timestamp_ms: i64,
        transaction_start_timestamp_ms: i64,
        next_producer_epoch: i16                    [tag 3, 1..] = -1,
    }

    /// Partitions of one topic.
    pub struct PartitionsSchema { topic: Arc<str>, partition_ids: Vec<i32> }

    /// An aborted transaction, in the `.txnindex` file of a segment.
    pub struct AbortedTxn {
        producer_id: i64,
        first_offset: i64,
        last_offset: i64,
        last_stable_offset: i64,
    }

    /// The producers of a partition, in its `.snapshot` file.
    pub struct ProducerSnapshot {
        /// CRC-32C of what follows.
        crc: u32,
        producer_entries: Vec<ProducerEntry>,
    }

    /// What the log knows of a producer.
    pub struct ProducerEntry {
        producer_id: i64,
        epoch: i16,
        last_sequence: i32,
        last_offset: i64,
        /// From the first to the last record of its last batch.
        offset_delta: i32,
        timestamp: i64,
        coordinator_epoch: i32,
        /// -1 when no transaction is open.
        current_txn_first_offset: i64,
    }
}

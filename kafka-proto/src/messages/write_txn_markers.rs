//! WriteTxnMarkers: end transactions in the logs of partitions (KIP-98).
//!
//! Sent by transaction coordinators, and by administrators to end a hanging one (KIP-664), to the leaders of
//! partitions. Version 2 tells the transaction's version (KIP-1228).

use crate::{ErrorCode, wire::prelude::*};
api!(WriteTxnMarkers = 27, versions 1..=2, flexible 1..);
wire! {
    /// Markers to write.
    pub struct Request { markers: Vec<WritableTxnMarker> }
    /// The end of one producer's transaction.
    pub struct WritableTxnMarker {
        producer_id: i64,
        producer_epoch: i16,
        /// Whether it was committed.
        transaction_result: bool,
        topics: Vec<WritableTxnMarkerTopic>,
        coordinator_epoch: i32,
        transaction_version: i8                     [2.., drop],
    }

    /// Partitions of one topic.
    pub struct WritableTxnMarkerTopic { name: Arc<str>, partition_indexes: Vec<i32> }
    /// A result per producer and partition.
    pub struct Response { markers: Vec<WritableTxnMarkerResult> }
    /// The results of one producer.
    pub struct WritableTxnMarkerResult {
        producer_id: i64,
        topics: Vec<WritableTxnMarkerTopicResult>,
    }

    /// The results of one topic.
    pub struct WritableTxnMarkerTopicResult {
        name: Arc<str>,
        partitions: Vec<WritableTxnMarkerPartitionResult>,
    }

    /// Whether the marker is in the log.
    pub struct WritableTxnMarkerPartitionResult { partition_index: i32, error_code: ErrorCode }
}

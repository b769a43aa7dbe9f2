//! Makes two batches of one that the broker found too large.

use bytes::Bytes;
use kafka_proto::records::{BatchBuilder, Batches, Decompressor};

/// A batch of ours never holds more than this when opened: it was made from `batch.size` bytes or one record.
const OPENED_MAX: usize = i32::MAX as usize;

/// The first and the second half of a sealed batch's records; `None` if there are no two.
pub(super) fn split(sealed: &Bytes) -> Option<(BatchBuilder, BatchBuilder)> {
    let batch = Batches::new(sealed.clone()).next()?.ok()?;
    let open = batch.open(&mut Decompressor::new(), OPENED_MAX).ok()?;
    let count = open.count();
    if count < 2 {
        return None;
    }
    let mut halves = (BatchBuilder::new(Vec::new()), BatchBuilder::new(Vec::new()));
    for (place, record) in open.records().enumerate() {
        let half = if place < count / 2 { &mut halves.0 } else { &mut halves.1 };
        let headers: Vec<_> =
            record.headers().map(|header| (header.key(), header.value())).collect();
        let headers: Vec<_> = headers.iter().map(|(key, value)| (&**key, *value)).collect();
        half.append(record.timestamp(), record.key(), record.value(), &headers);
    }
    Some(halves)
}

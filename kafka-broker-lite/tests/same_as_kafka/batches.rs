//! Batches to be produced, good and bad ones.

use kafka_proto::records::{BatchBuilder, Compression, Compressor, Stamp, crc32c};

/// A time that no retention has a say in while the test runs.
pub(crate) const THEN: i64 = 1_700_000_000_000;

/// How a batch is to be.
pub(crate) struct Plan<'a> {
    /// The times of its records, counted from [`THEN`].
    pub(crate) times: &'a [i64],
    pub(crate) keyed: bool,
    pub(crate) compression: Compression,
    pub(crate) stamp: Stamp,
}

impl Plan<'_> {
    pub(crate) const NONE: Self =
        Plan { times: &[0], keyed: true, compression: Compression::None, stamp: Stamp::NONE };

    pub(crate) fn make(&self) -> Vec<u8> {
        let mut builder = BatchBuilder::new(Vec::new());
        for at in self.times {
            builder.append(THEN + at, self.keyed.then_some(b"k"), Some(b"value"), &[]);
        }
        builder.seal(self.stamp, &mut Compressor::new(self.compression, None).unwrap())
    }
}

/// A batch of records of these times.
pub(crate) fn plain(times: &[i64]) -> Vec<u8> {
    Plan { times, ..Plan::NONE }.make()
}

/// A batch of as many records of an idempotent producer.
pub(crate) fn numbered(producer_id: i64, producer_epoch: i16, first: i32, count: usize) -> Vec<u8> {
    let stamp = Stamp { producer_id, producer_epoch, base_sequence: first, ..Stamp::NONE };
    Plan { times: &vec![0; count], stamp, ..Plan::NONE }.make()
}

/// A batch with bytes changed that the checksum covers.
pub(crate) fn forged(change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut batch = plain(&[0, 1]);
    change(&mut batch);
    let crc = crc32c(&batch[21..]);
    batch[17..21].copy_from_slice(&crc.to_be_bytes());
    batch
}

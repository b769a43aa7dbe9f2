//! Where records are decompressed to: a buffer that is used again and grows no further than a limit.
//!
//! Its bytes stay initialised from batch to batch, so a batch costs no clearing; what leaves is an exact copy, or the
//! buffer itself where that is larger than is worth keeping.

use bytes::Bytes;

/// What is kept from batch to batch; the pages of a larger buffer would be held for a rare batch.
const KEPT: usize = 1 << 20;
/// What the buffer grows to at first.
const LEAST: usize = 16 << 10;

#[derive(Default)]
pub(super) struct Scratch {
    bytes: Vec<u8>,
    used: usize,
    limit: usize,
}

impl Scratch {
    /// Begins anew, for at most `limit` bytes.
    pub(super) fn start(&mut self, limit: usize) {
        self.used = 0;
        self.limit = limit;
    }

    /// The bytes written since the start.
    #[cfg(any(feature = "gzip", feature = "lz4"))]
    pub(super) fn written(&self) -> &[u8] {
        self.bytes.get(..self.used).unwrap_or_default()
    }

    /// Room for `wanted` bytes; for fewer only when the limit is near.
    pub(super) fn room(&mut self, wanted: usize) -> &mut [u8] {
        self.split(wanted).1
    }

    /// What was written, and room for `wanted` bytes behind it; for fewer only when the limit is near.
    pub(super) fn split(&mut self, wanted: usize) -> (&[u8], &mut [u8]) {
        let end = self.used.saturating_add(wanted).min(self.limit);
        if self.bytes.len() < end {
            let size = end.max(self.bytes.len().saturating_mul(2)).max(LEAST).min(self.limit);
            if self.used == 0 {
                self.bytes = vec![0; size];
            } else {
                self.bytes.resize(size, 0);
            }
        }
        let (written, room) = self.bytes.split_at_mut(self.used);
        let len = end - self.used;
        (written, room.get_mut(..len).unwrap_or_default())
    }

    /// The first `count` bytes of the room have been written.
    pub(super) fn advance(&mut self, count: usize) {
        self.used = self.used.saturating_add(count).min(self.bytes.len());
    }

    /// Hands out what was written.
    pub(super) fn finish(&mut self) -> Bytes {
        if self.bytes.len() <= KEPT {
            return Bytes::copy_from_slice(self.bytes.get(..self.used).unwrap_or_default());
        }
        let mut bytes = std::mem::take(&mut self.bytes);
        bytes.truncate(self.used);
        if bytes.capacity() / 2 > bytes.len() {
            bytes.shrink_to_fit();
        }
        bytes.into()
    }
}

//! Where records are decompressed to: buffers that are used again, and grow no further than a limit.
//!
//! Their bytes stay initialised from batch to batch, so a batch costs no clearing. What leaves is the buffer itself,
//! which comes back when the last slice of it is dropped; or a copy, where most of the buffer would lie idle meanwhile.

use bytes::Bytes;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// The memory that waits to be used again: enough for what a consumer holds of one answer, little beside its buffers.
const KEPT: usize = 8 << 20;
/// The largest buffer of them; the pages of a larger one would be held for a rare batch.
const LARGEST: usize = 4 << 20;
/// What a buffer grows to at first.
const LEAST: usize = 16 << 10;

#[derive(Default)]
pub(super) struct Scratch {
    bytes: Vec<u8>,
    used: usize,
    limit: usize,
    pool: Arc<Pool>,
}

/// Buffers that nobody reads any more.
#[derive(Default)]
struct Pool(Mutex<Free>);

#[derive(Default)]
struct Free {
    buffers: Vec<Vec<u8>>,
    /// Their bytes.
    len: usize,
}

/// A buffer that somebody reads.
struct Lent {
    bytes: Vec<u8>,
    used: usize,
    pool: Weak<Pool>,
}

impl Pool {
    fn free(&self) -> MutexGuard<'_, Free> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self) -> Vec<u8> {
        let mut free = self.free();
        let buffer = free.buffers.pop().unwrap_or_default();
        free.len -= buffer.len();
        buffer
    }

    fn put(&self, buffer: Vec<u8>) {
        let mut free = self.free();
        if free.len + buffer.len() <= KEPT {
            free.len += buffer.len();
            free.buffers.push(buffer);
        }
    }
}

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        self.bytes.get(..self.used).unwrap_or_default()
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let Some(pool) = self.pool.upgrade() {
            pool.put(std::mem::take(&mut self.bytes));
        }
    }
}

impl Scratch {
    /// Begins anew, for at most `limit` bytes.
    pub(super) fn start(&mut self, limit: usize) {
        self.used = 0;
        self.limit = limit;
        if self.bytes.is_empty() {
            self.bytes = self.pool.take();
        }
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
        if self.used < self.bytes.len() / 2 && self.bytes.len() <= LARGEST {
            return Bytes::copy_from_slice(self.bytes.get(..self.used).unwrap_or_default());
        }
        let mut bytes = std::mem::take(&mut self.bytes);
        if bytes.len() <= LARGEST {
            let pool = Arc::downgrade(&self.pool);
            return Bytes::from_owner(Lent { bytes, used: self.used, pool });
        }
        bytes.truncate(self.used);
        if bytes.capacity() / 2 > bytes.len() {
            bytes.shrink_to_fit();
        }
        bytes.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(scratch: &mut Scratch, len: usize) -> Bytes {
        scratch.start(usize::MAX);
        scratch.room(len).fill(7);
        scratch.advance(len);
        scratch.finish()
    }

    #[test]
    fn a_buffer_is_used_again_when_nobody_reads_it_any_more() {
        let mut scratch = Scratch::default();
        let first = filled(&mut scratch, 100 << 10);
        let (place, part) = (first.as_ptr(), first.slice(..1));
        let second = filled(&mut scratch, 100 << 10);
        assert_ne!(second.as_ptr(), place, "the first one is still read");
        drop(first);
        assert_ne!(filled(&mut scratch, 90 << 10).as_ptr(), place, "a slice of it is");
        drop(part);
        let third = filled(&mut scratch, 90 << 10);
        assert_eq!((third.as_ptr(), third.len()), (place, 90 << 10));
        drop(scratch);
        assert_eq!(third, vec![7; 90 << 10], "what was handed out outlives the rest");
    }

    #[test]
    fn little_in_a_large_buffer_is_copied() {
        let mut scratch = Scratch::default();
        let large = filled(&mut scratch, 100 << 10);
        let place = large.as_ptr();
        drop(large);
        assert_ne!(filled(&mut scratch, 100).as_ptr(), place);
        assert_eq!(filled(&mut scratch, 60 << 10).as_ptr(), place, "which stays for others");
    }

    #[test]
    fn what_waits_is_bounded() {
        let mut scratch = Scratch::default();
        let lent: Vec<_> = (0..10).map(|_| filled(&mut scratch, 2 << 20)).collect();
        drop(lent);
        assert_eq!(scratch.pool.free().len, KEPT);
        drop(filled(&mut scratch, LARGEST + 1));
        assert!(scratch.pool.free().len <= KEPT);
    }
}

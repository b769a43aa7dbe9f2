//! A pool of receive buffers: memory that was touched once is used again.
//!
//! A buffer comes back when the last slice of it is dropped, wherever that happens.

use bytes::Bytes;
use std::sync::{Arc, Mutex, PoisonError};

/// Buffers kept for reuse.
const KEPT_MAX: usize = 16;
/// Buffers larger than this are given back to the allocator.
const KEPT_SIZE_MAX: usize = 8 << 20;

/// Where buffers wait to be used again.
#[derive(Clone, Debug, Default)]
pub(crate) struct Buffers(Arc<Mutex<Vec<Vec<u8>>>>);

/// A buffer of which the first `len` bytes are in use.
#[derive(Debug)]
pub(crate) struct Buffer {
    bytes: Vec<u8>,
    len: usize,
    home: Buffers,
}

impl Buffers {
    /// A buffer of `len` bytes, of any content.
    pub(crate) fn take(&self, len: usize) -> Buffer {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let fits = kept.iter().rposition(|kept| kept.len() >= len);
        let mut bytes = fits.map(|at| kept.swap_remove(at)).or_else(|| kept.pop());
        drop(kept);
        let mut bytes = bytes.take().unwrap_or_default();
        if bytes.len() < len {
            bytes.resize(len, 0);
        }
        Buffer { bytes, len, home: self.clone() }
    }
}

impl Buffer {
    /// Makes it `len` bytes long; what it holds stays.
    pub(crate) fn grow(&mut self, len: usize) {
        if self.bytes.len() < len {
            self.bytes.resize(len, 0);
        }
        self.len = self.len.max(len);
    }

    /// The bytes from `start` on.
    pub(crate) fn tail_mut(&mut self, start: usize) -> &mut [u8] {
        self.bytes.get_mut(start..self.len).unwrap_or_default()
    }

    /// The buffer as shared bytes.
    pub(crate) fn into_bytes(self) -> Bytes {
        Bytes::from_owner(self)
    }
}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let bytes = std::mem::take(&mut self.bytes);
        if bytes.len() <= KEPT_SIZE_MAX {
            let mut kept = self.home.0.lock().unwrap_or_else(PoisonError::into_inner);
            if kept.len() < KEPT_MAX {
                kept.push(bytes);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_comes_back_when_its_last_slice_is_dropped() {
        let buffers = Buffers::default();
        let mut buffer = buffers.take(10);
        buffer.tail_mut(0).fill(7);
        let bytes = buffer.into_bytes();
        let slice = bytes.slice(2..5);
        drop(bytes);
        assert!(buffers.0.lock().unwrap().is_empty());
        assert_eq!(&slice[..], [7, 7, 7]);
        drop(slice);
        assert_eq!(buffers.0.lock().unwrap().len(), 1);
        assert_eq!(buffers.take(4).as_ref().len(), 4);
        assert!(buffers.0.lock().unwrap().len() <= 1);
    }
}

//! One pass over a message: counts are known, tag sizes are patched in, large payloads join by reference.

use super::{EncodeError, EncodeReason};
use crate::frame::Piece;
use crate::records::Records;
use bytes::Bytes;

/// Payloads of this many bytes or more are not copied into the frame.
const SPLICE_MIN: usize = 4096;

/// Records in files of this many bytes or more stay there: a call for each of them is cheaper than to read them.
const LEND_MIN: usize = 16 * 1024;

/// A head that payloads were copied into is left at this size, and another one begun: to grow it further would copy
/// them again.
const HEAD_MAX: usize = 16 * 1024;

/// Pieces, each with the byte of the head that it belongs before.
type Splices = Vec<(usize, Piece)>;

/// Collects a message's bytes.
#[derive(Debug, Default)]
pub struct Writer {
    head: Vec<u8>,
    splices: Splices,
    /// Heads that were left, each with its pieces.
    left: Vec<(Vec<u8>, Splices)>,
    /// Bytes that are not in `head`.
    elsewhere: usize,
    /// Depth of tagged fields: their size goes in front of them, so everything inside is copied.
    tag_depth: usize,
    /// Whether large records that lie in files stay there.
    lends_files: bool,
}

macro_rules! integers {
    ($($name:ident $type:ty;)*) => {$(
        #[doc = concat!("Appends a big-endian `", stringify!($type), "`.")]
        #[inline]
        pub fn $name(&mut self, value: $type) {
            self.head.extend_from_slice(&value.to_be_bytes());
        }
    )*};
}

impl Writer {
    /// An empty one with room for `capacity` bytes.
    pub fn with_capacity(capacity: usize) -> Self {
        Self { head: Vec::with_capacity(capacity), ..Self::default() }
    }

    /// It leaves large records that lie in files where they are.
    pub(crate) fn lending_files(mut self) -> Self {
        self.lends_files = true;
        self
    }

    integers! {
        i8 i8; i16 i16; u16 u16; i32 i32; u32 u32; i64 i64; f64 f64;
    }

    /// Appends bytes as they are.
    #[inline]
    pub fn slice(&mut self, bytes: &[u8]) {
        self.head.extend_from_slice(bytes);
    }

    /// Appends bytes as they are, by reference where that is cheaper than a copy.
    #[inline]
    pub fn shared(&mut self, bytes: &Bytes) {
        if self.tag_depth > 0 {
            self.slice(bytes);
        } else if bytes.len() < SPLICE_MIN {
            if self.head.len() + bytes.len() > HEAD_MAX {
                self.leave_head();
            }
            self.slice(bytes);
        } else {
            self.splices.push((self.head.len(), Piece::Bytes(bytes.clone())));
            self.elsewhere += bytes.len();
        }
    }

    #[cold]
    fn leave_head(&mut self) {
        self.elsewhere += self.head.len();
        let head = std::mem::replace(&mut self.head, Vec::with_capacity(HEAD_MAX));
        self.left.push((head, std::mem::take(&mut self.splices)));
    }

    /// Appends an unsigned LEB128 integer.
    #[inline]
    pub fn unsigned_varint(&mut self, mut value: u32) {
        while value >= 0x80 {
            self.head.push(value.to_le_bytes()[0] | 0x80);
            value >>= 7;
        }
        self.head.push(value.to_le_bytes()[0]);
    }

    /// Appends the length of a string, byte string or array; `None` is null.
    #[inline]
    pub(crate) fn length(
        &mut self,
        len: Option<usize>,
        flexible: bool,
        short: bool,
    ) -> Result<(), EncodeError> {
        match len {
            Some(len @ ..0x7f) if flexible => {
                self.head.push(len.to_le_bytes()[0] + 1);
                Ok(())
            }
            _ => self.any_length(len, flexible, short),
        }
    }

    fn any_length(
        &mut self,
        len: Option<usize>,
        flexible: bool,
        short: bool,
    ) -> Result<(), EncodeError> {
        let too_long = |len| EncodeError::new(EncodeReason::TooLong(len));
        if flexible {
            let biased = match len {
                None => 0,
                Some(len) => u32::try_from(len + 1).map_err(|_| too_long(len))?,
            };
            self.unsigned_varint(biased);
        } else if short {
            self.i16(match len {
                None => -1,
                Some(len) => i16::try_from(len).map_err(|_| too_long(len))?,
            });
        } else {
            self.i32(match len {
                None => -1,
                Some(len) => i32::try_from(len).map_err(|_| too_long(len))?,
            });
        }
        Ok(())
    }

    /// Appends a tagged field: its number, the size of what `value` writes, and that.
    pub(crate) fn tagged(
        &mut self,
        tag: u32,
        value: impl FnOnce(&mut Self) -> Result<(), EncodeError>,
    ) -> Result<(), EncodeError> {
        self.unsigned_varint(tag);
        let start = self.head.len();
        self.tag_depth += 1;
        let written = value(self);
        self.tag_depth -= 1;
        written?;
        let size = self.head.len() - start;
        let size =
            u32::try_from(size).map_err(|_| EncodeError::new(EncodeReason::TooLong(size)))?;
        let end = self.head.len();
        self.unsigned_varint(size);
        let prefix = self.head.len() - end;
        if let Some(field) = self.head.get_mut(start..) {
            field.rotate_right(prefix);
        }
        Ok(())
    }

    /// Appends the pieces of `records` without their length.
    pub(crate) fn records(&mut self, records: &Records) -> Result<(), EncodeError> {
        match records {
            Records::Bytes(bytes) => self.shared(bytes),
            Records::Chain(pieces) => pieces.iter().for_each(|piece| self.shared(piece)),
            Records::File(range)
                if self.lends_files && self.tag_depth == 0 && range.len >= LEND_MIN =>
            {
                self.splices.push((self.head.len(), Piece::File(range.clone())));
                self.elsewhere += range.len;
            }
            Records::File(_) => {
                let bytes = records
                    .to_bytes()
                    .map_err(|e| EncodeError::new(EncodeReason::File(e.kind())))?;
                self.shared(&bytes);
            }
        }
        Ok(())
    }

    /// Bytes so far, the spliced ones included.
    pub fn len(&self) -> usize {
        self.head.len() + self.elsewhere
    }

    /// Whether nothing was written.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Overwrites four bytes at the front with the number of bytes behind them.
    pub(crate) fn patch_frame_length(&mut self) -> Result<(), EncodeError> {
        let len = self.len().saturating_sub(4);
        let prefix =
            i32::try_from(len).map_err(|_| EncodeError::new(EncodeReason::TooLong(len)))?;
        let first = self.left.first_mut().map_or(&mut self.head, |(head, _)| head);
        if let Some(front) = first.first_chunk_mut::<4>() {
            *front = prefix.to_be_bytes();
        }
        Ok(())
    }

    /// The bytes in one piece, copied if there are several.
    #[must_use]
    pub fn into_bytes(self) -> Bytes {
        // Only what is made for frames lends files, and frames take its pieces.
        let in_memory = |piece| match piece {
            Piece::Bytes(bytes) => Some(bytes),
            Piece::File(_) => None,
        };
        let whole: Vec<Bytes> = self.into_pieces().into_iter().filter_map(in_memory).collect();
        match <[Bytes; 1]>::try_from(whole) {
            Ok([whole]) => whole,
            Err(pieces) => pieces.concat().into(),
        }
    }

    /// The bytes in order.
    pub(crate) fn into_pieces(self) -> Vec<Piece> {
        if self.left.is_empty() && self.splices.is_empty() {
            return vec![Piece::Bytes(self.head.into())];
        }
        let mut pieces = Vec::with_capacity(self.left.len() + 2 * self.splices.len() + 1);
        for (head, splices) in self.left.into_iter().chain([(self.head, self.splices)]) {
            let head = Bytes::from(head);
            let mut from = 0;
            for (at, splice) in splices {
                if at > from {
                    pieces.push(Piece::Bytes(head.slice(from..at)));
                    from = at;
                }
                pieces.push(splice);
            }
            if from < head.len() {
                pieces.push(Piece::Bytes(head.slice(from..)));
            }
        }
        pieces
    }
}

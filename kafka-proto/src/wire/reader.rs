//! Checked reads over shared bytes: no panic, no reservation that the bytes left do not justify, and no more memory for
//! all that is read than a small multiple of the bytes.

use super::{DecodeError, DecodeReason, MAX_ARRAY_LEN, MAX_TAGGED_FIELDS};
use bytes::{Buf, Bytes};

/// A cursor over one frame. What it gives out as [`Bytes`] shares the frame's memory.
#[derive(Debug)]
pub struct Reader {
    /// What is not yet read: every check is one comparison with its length.
    rest: Bytes,
    /// Bytes of the whole frame.
    len: usize,
    /// Bytes of memory that may still be taken.
    budget: usize,
}

/// Bytes of memory that a byte of a message may become. Of the densest honest ones, arrays of strings of a letter, it
/// becomes 20.
const BUDGET_RATIO: usize = 32;

/// Bytes of memory that any message may take besides.
const BUDGET_BASE: usize = 64 << 10;

macro_rules! integers {
    ($($name:ident $type:ty;)*) => {$(
        #[doc = concat!("A big-endian `", stringify!($type), "`.\n\n# Errors\nWhen the bytes end.")]
        #[inline]
        pub fn $name(&mut self) -> Result<$type, DecodeError> {
            self.array().map(<$type>::from_be_bytes)
        }
    )*};
}

impl Reader {
    /// Starts at the first byte. What is read may take 32 times the memory of the bytes and 64 KiB, which no message
    /// comes near unless somebody made it up; payloads count nothing, as they share the memory of the bytes.
    pub const fn new(bytes: Bytes) -> Self {
        let budget = bytes.len().saturating_mul(BUDGET_RATIO).saturating_add(BUDGET_BASE);
        Self::with_budget(bytes, budget)
    }

    /// Starts at the first byte; what is read may take `budget` bytes of memory.
    pub const fn with_budget(bytes: Bytes, budget: usize) -> Self {
        Self { len: bytes.len(), rest: bytes, budget }
    }

    /// Takes memory out of the budget, before it is allocated.
    #[inline]
    pub(crate) fn charge(&mut self, needed: usize) -> Result<(), DecodeError> {
        match self.budget.checked_sub(needed) {
            Some(left) => {
                self.budget = left;
                Ok(())
            }
            None => Err(self.fail(DecodeReason::Budget { needed, left: self.budget })),
        }
    }

    /// Bytes not yet read.
    #[inline]
    pub fn left(&self) -> usize {
        self.rest.len()
    }

    /// Bytes read so far.
    #[inline]
    pub fn at(&self) -> usize {
        self.len - self.rest.len()
    }

    /// Everything not yet read, as a slice of the frame.
    #[must_use]
    pub fn rest(self) -> Bytes {
        self.rest
    }

    integers! {
        i8 i8; i16 i16; u16 u16; i32 i32; u32 u32; i64 i64; f64 f64;
    }

    /// An exact number of bytes.
    ///
    /// # Errors
    /// When the bytes end.
    #[inline]
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        match self.rest.first_chunk() {
            Some(&chunk) => {
                self.rest.advance(N);
                Ok(chunk)
            }
            None => Err(self.short(N)),
        }
    }

    /// What `look` makes of the next `len` bytes.
    ///
    /// # Errors
    /// When the bytes end.
    #[inline]
    pub fn seen<T>(&mut self, len: usize, look: impl FnOnce(&[u8]) -> T) -> Result<T, DecodeError> {
        match self.rest.get(..len) {
            Some(bytes) => {
                let seen = look(bytes);
                self.rest.advance(len);
                Ok(seen)
            }
            None => Err(self.too_long(len)),
        }
    }

    /// The length of a payload, all of which is there; `None` is null.
    ///
    /// Always inlined, as is all that returns a payload: each return would move it once more.
    #[inline(always)]
    pub(crate) fn payload(&mut self, flexible: bool) -> Result<Option<usize>, DecodeError> {
        let len = match flexible {
            true => self.varint_of_some_bytes()?.checked_sub(1).map(|len| len as usize),
            false => usize::try_from(self.i32()?).ok(),
        };
        match len {
            Some(len) if len > self.rest.len() => Err(self.too_long(len)),
            _ => Ok(len),
        }
    }

    /// The next `len` bytes, or as many as there are, which share the frame.
    #[inline(always)]
    pub(crate) fn shared(&mut self, len: usize) -> Bytes {
        let len = len.min(self.rest.len());
        // `Bytes::split_to` does the same, and is a call.
        let shared = self.rest.slice(..len);
        self.rest.advance(len);
        shared
    }

    /// An unsigned LEB128 integer of up to 32 bits.
    ///
    /// # Errors
    /// When the bytes end, or it has more than five.
    #[inline]
    pub fn unsigned_varint(&mut self) -> Result<u32, DecodeError> {
        match self.rest.first() {
            Some(&byte) if byte < 0x80 => {
                self.rest.advance(1);
                Ok(byte.into())
            }
            _ => self.long_varint(),
        }
    }

    #[inline(never)]
    fn long_varint(&mut self) -> Result<u32, DecodeError> {
        self.varint_of_some_bytes()
    }

    /// As [`Reader::unsigned_varint`], where more than one byte is the rule: up to 2 MiB without a loop.
    #[inline(always)]
    pub(crate) fn varint_of_some_bytes(&mut self) -> Result<u32, DecodeError> {
        let Some(bytes) = self.rest.first_chunk() else { return self.any_varint() };
        let bits = u32::from_le_bytes(*bytes);
        let (len, mask) = match bits {
            _ if bits & 0x80 == 0 => (1, 0x7f),
            _ if bits & 0x8000 == 0 => (2, 0x7fff),
            _ if bits & 0x80_0000 == 0 => (3, 0x7f_ffff),
            _ => return self.any_varint(),
        };
        self.rest.advance(len);
        let bits = bits & mask;
        Ok(bits & 0x7f | bits >> 1 & 0x3f80 | bits >> 2 & 0x1f_c000)
    }

    #[inline(never)]
    fn any_varint(&mut self) -> Result<u32, DecodeError> {
        let mut value = 0u32;
        for shift in [0, 7, 14, 21, 28] {
            let [byte] = self.array()?;
            value |= u32::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(self.fail(DecodeReason::Varint))
    }

    /// The length of a string, byte string or array; `None` is null.
    #[inline]
    pub(crate) fn length(
        &mut self,
        flexible: bool,
        short: bool,
    ) -> Result<Option<usize>, DecodeError> {
        let len = if flexible {
            i64::from(self.unsigned_varint()?) - 1
        } else if short {
            i64::from(self.i16()?)
        } else {
            i64::from(self.i32()?)
        };
        if len < 0 {
            return Ok(None);
        }
        usize::try_from(len).map(Some).map_err(|_| self.fail(DecodeReason::Length(len)))
    }

    /// The number of elements, of `min_len` bytes or more each, of an array; `None` is null.
    pub(crate) fn count(
        &mut self,
        flexible: bool,
        min_len: usize,
    ) -> Result<Option<usize>, DecodeError> {
        let count = self.length(flexible, false)?;
        let fits = MAX_ARRAY_LEN.min(self.left() / min_len.max(1));
        match count {
            Some(count) if count > fits => {
                let count = i64::try_from(count).unwrap_or(i64::MAX);
                Err(self.fail(DecodeReason::Count(count)))
            }
            _ => Ok(count),
        }
    }

    /// Reads the tagged fields that end a struct; `known` reads the value and says true, or leaves it to be skipped.
    #[inline]
    pub(crate) fn tagged_fields(
        &mut self,
        known: impl FnMut(u32, &mut Self) -> Result<bool, DecodeError>,
    ) -> Result<(), DecodeError> {
        match self.unsigned_varint()? {
            0 => Ok(()),
            count => self.tagged_fields_of(count, known),
        }
    }

    fn tagged_fields_of(
        &mut self,
        count: u32,
        mut known: impl FnMut(u32, &mut Self) -> Result<bool, DecodeError>,
    ) -> Result<(), DecodeError> {
        if count > MAX_TAGGED_FIELDS {
            return Err(self.fail(DecodeReason::TaggedFields(count)));
        }
        for _ in 0..count {
            let tag = self.unsigned_varint()?;
            let size = self.unsigned_varint()?;
            if !known(tag, self)? {
                self.seen(size as usize, |_| ())?;
            }
        }
        Ok(())
    }

    /// # Errors
    /// When bytes are left.
    pub fn finish(self) -> Result<(), DecodeError> {
        match self.left() {
            0 => Ok(()),
            left => Err(self.fail(DecodeReason::Trailing(left))),
        }
    }

    #[cold]
    pub(crate) fn fail(&self, reason: DecodeReason) -> DecodeError {
        DecodeError::new(reason, self.at())
    }

    #[cold]
    fn too_long(&self, len: usize) -> DecodeError {
        self.fail(DecodeReason::Length(i64::try_from(len).unwrap_or(i64::MAX)))
    }

    #[cold]
    fn short(&self, needed: usize) -> DecodeError {
        self.fail(DecodeReason::Short { needed, left: self.left() })
    }
}

//! Views of one record and of its headers: positions in the bytes of the open batch, nothing copied.

use super::error::RecordError;
use super::{MAX_HEADERS, varint};
use crate::utf8;
use std::borrow::Cow;
use std::ops::Range;

/// One record of an [`OpenBatch`](super::OpenBatch).
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    bytes: &'a [u8],
    place: RecordPlace,
}

/// A record without the bytes of its batch: [`OpenBatch::record_at`](super::OpenBatch::record_at) makes it whole again.
#[derive(Clone, Copy, Debug)]
pub struct RecordPlace {
    offset: i64,
    timestamp: i64,
    parts: Parts,
}

impl<'a> Record<'a> {
    #[inline]
    pub(super) fn new(bytes: &'a [u8], offset: i64, timestamp: i64, parts: Parts) -> Self {
        Self { bytes, place: RecordPlace { offset, timestamp, parts } }
    }

    #[inline]
    pub(super) fn at(bytes: &'a [u8], place: RecordPlace) -> Self {
        Self { bytes, place }
    }

    /// The record without the bytes.
    #[inline]
    pub fn place(&self) -> RecordPlace {
        self.place
    }

    /// Its place in the partition.
    #[inline]
    pub fn offset(&self) -> i64 {
        self.place.offset
    }

    /// Milliseconds since 1970, or -1 for none: those of the record, or of the append where the topic says so.
    #[inline]
    pub fn timestamp(&self) -> i64 {
        self.place.timestamp
    }

    /// The key, unless it is null.
    #[inline]
    pub fn key(&self) -> Option<&'a [u8]> {
        self.place.parts.key.of(self.bytes)
    }

    /// The value; `None` is a tombstone.
    #[inline]
    pub fn value(&self) -> Option<&'a [u8]> {
        self.place.parts.value.of(self.bytes)
    }

    /// Where the key lies in [`OpenBatch::bytes`](super::OpenBatch::bytes).
    #[inline]
    pub fn key_range(&self) -> Option<Range<usize>> {
        self.place.parts.key.range()
    }

    /// Where the value lies in [`OpenBatch::bytes`](super::OpenBatch::bytes).
    #[inline]
    pub fn value_range(&self) -> Option<Range<usize>> {
        self.place.parts.value.range()
    }

    /// The headers, in the order in which they were added; keys may repeat.
    #[inline]
    pub fn headers(&self) -> Headers<'a> {
        let Parts { headers_at, headers, .. } = self.place.parts;
        Headers { bytes: self.bytes, at: headers_at as usize, left: headers as usize }
    }

    /// The bytes of the record in the batch, its length among them.
    #[inline]
    pub fn size(&self) -> usize {
        (self.place.parts.end - self.place.parts.start) as usize
    }
}

/// One header of a record.
#[derive(Clone, Copy, Debug)]
pub struct Header<'a> {
    bytes: &'a [u8],
    key: Span,
    value: Span,
}

impl<'a> Header<'a> {
    /// The key; what is not UTF-8 in it reads as U+FFFD.
    pub fn key(&self) -> Cow<'a, str> {
        utf8::lossy(self.key_bytes())
    }

    /// The key as it was written.
    pub fn key_bytes(&self) -> &'a [u8] {
        self.key.of(self.bytes).unwrap_or_default()
    }

    /// The value, unless it is null.
    pub fn value(&self) -> Option<&'a [u8]> {
        self.value.of(self.bytes)
    }

    /// Where the key lies in [`OpenBatch::bytes`](super::OpenBatch::bytes).
    pub fn key_range(&self) -> Range<usize> {
        self.key.start as usize..self.key.end as usize
    }

    /// Where the value lies in [`OpenBatch::bytes`](super::OpenBatch::bytes).
    pub fn value_range(&self) -> Option<Range<usize>> {
        self.value.range()
    }
}

/// The headers of a record, read one by one.
#[derive(Clone, Debug)]
pub struct Headers<'a> {
    bytes: &'a [u8],
    at: usize,
    left: usize,
}

impl<'a> Iterator for Headers<'a> {
    type Item = Header<'a>;

    fn next(&mut self) -> Option<Header<'a>> {
        self.left = self.left.checked_sub(1)?;
        // Checked when the batch was opened, so there is no error to lose.
        let (key, value) = read_header(self.bytes, &mut self.at).ok()?;
        Some(Header { bytes: self.bytes, key, value })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Headers<'_> {}

/// Some bytes; null when they end before they begin.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    start: u32,
    end: u32,
}

impl Span {
    const NULL: Self = Self { start: 1, end: 0 };

    #[inline]
    fn of(self, bytes: &[u8]) -> Option<&[u8]> {
        bytes.get(self.start as usize..self.end as usize)
    }

    #[inline]
    fn range(self) -> Option<Range<usize>> {
        (self.start <= self.end).then_some(self.start as usize..self.end as usize)
    }

    /// Reads a length and skips as many bytes.
    #[inline]
    fn read<E>(
        bytes: &[u8],
        at: &mut usize,
        fail: impl Fn(&'static str, usize) -> E,
    ) -> Result<Self, E> {
        let before = *at;
        let Some(length) = varint::read_i32(bytes, at) else {
            return Err(fail("bad varint in a record", before));
        };
        let Ok(length) = usize::try_from(length) else {
            return match length {
                -1 => Ok(Self::NULL),
                _ => Err(fail("negative length in a record", before)),
            };
        };
        let start = *at;
        if length > bytes.len() - start {
            return Err(fail("length past the end of its record", before));
        }
        *at = start + length;
        Ok(Self { start: short(start), end: short(*at) })
    }
}

/// Where the parts of a record lie. Positions are 32 bits wide, because a record that is kept is kept by this.
#[derive(Clone, Copy, Debug)]
pub(super) struct Parts {
    start: u32,
    end: u32,
    key: Span,
    value: Span,
    headers: u32,
    headers_at: u32,
}

/// What is at the head of a record.
pub(super) struct Head {
    pub(super) timestamp_delta: i64,
    pub(super) offset_delta: i32,
    pub(super) parts: Parts,
}

/// An open batch has no more bytes than a position can say.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "checked once, for the whole batch")]
fn short(position: usize) -> u32 {
    position as u32
}

impl Head {
    /// Reads the record at `start`, up to its headers; `fail` makes the error of what is wrong, and where.
    #[inline]
    pub(super) fn read<E>(
        bytes: &[u8],
        start: usize,
        fail: impl Fn(&'static str, usize) -> E + Copy,
    ) -> Result<Self, E> {
        let mut at = start;
        let Some(length) = varint::read_i32(bytes, &mut at) else {
            return Err(fail("bad record length", start));
        };
        let end = usize::try_from(length).ok().and_then(|length| at.checked_add(length));
        let Some((bytes, end)) = end.and_then(|end| Some((bytes.get(..end)?, end))) else {
            return Err(fail("record length out of bounds", start));
        };
        // The attributes of a record have no meaning yet.
        at += 1;
        let Some(timestamp_delta) = varint::read_i64(bytes, &mut at) else {
            return Err(fail("bad varint in a record", start));
        };
        let Some(offset_delta) = varint::read_i32(bytes, &mut at) else {
            return Err(fail("bad varint in a record", start));
        };
        let key = Span::read(bytes, &mut at, fail)?;
        let value = Span::read(bytes, &mut at, fail)?;
        let Some(headers) = varint::read_i32(bytes, &mut at) else {
            return Err(fail("bad varint in a record", at));
        };
        let Ok(headers) = u32::try_from(headers) else {
            return Err(fail("negative number of headers", at));
        };
        let (start, end, headers_at) = (short(start), short(end), short(at));
        let parts = Parts { start, end, key, value, headers, headers_at };
        Ok(Self { timestamp_delta, offset_delta, parts })
    }
}

impl Parts {
    /// Where the next record begins.
    #[inline]
    pub(super) fn end(&self) -> usize {
        self.end as usize
    }

    /// Whether it has no headers, and ends where they would begin.
    #[inline]
    pub(super) fn is_bare(&self) -> bool {
        self.headers == 0 && self.headers_at == self.end
    }

    /// Checks the headers, and that they end where the record does.
    #[inline(never)]
    pub(super) fn check_headers(&self, bytes: &[u8]) -> Result<(), RecordError> {
        let mut at = self.headers_at as usize;
        if self.headers > 0 {
            self.skip_headers(bytes, &mut at)?;
        }
        if at == self.end() {
            return Ok(());
        }
        let start = self.start as usize;
        Err(RecordError::corrupt("record length does not fit what is in it", start))
    }

    fn skip_headers(&self, bytes: &[u8], at: &mut usize) -> Result<(), RecordError> {
        if self.headers as usize > MAX_HEADERS {
            return Err(RecordError::corrupt("more headers than a record may have", *at));
        }
        let bytes = bytes.get(..self.end()).unwrap_or_default();
        for _ in 0..self.headers {
            read_header(bytes, at)?;
        }
        Ok(())
    }
}

fn read_header(bytes: &[u8], at: &mut usize) -> Result<(Span, Span), RecordError> {
    let start = *at;
    let key = Span::read(bytes, at, RecordError::corrupt)?;
    if key.range().is_none() {
        return Err(RecordError::corrupt("header without a key", start));
    }
    Ok((key, Span::read(bytes, at, RecordError::corrupt)?))
}

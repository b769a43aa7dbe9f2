//! Views of one record and of its headers: positions in the bytes of the open batch, nothing copied.

use super::error::RecordError;
use super::{MAX_HEADERS, varint};
use std::borrow::Cow;
use std::ops::Range;

/// One record of an [`OpenBatch`](super::OpenBatch).
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    bytes: &'a [u8],
    offset: i64,
    timestamp: i64,
    place: Place,
}

impl<'a> Record<'a> {
    #[inline]
    pub(super) fn new(bytes: &'a [u8], offset: i64, timestamp: i64, place: Place) -> Self {
        Self { bytes, offset, timestamp, place }
    }

    /// Its place in the partition.
    #[inline]
    pub fn offset(&self) -> i64 {
        self.offset
    }

    /// Milliseconds since 1970, or -1 for none: those of the record, or of the append where the topic says so.
    #[inline]
    pub fn timestamp(&self) -> i64 {
        self.timestamp
    }

    /// The key, unless it is null.
    #[inline]
    pub fn key(&self) -> Option<&'a [u8]> {
        self.place.key.of(self.bytes)
    }

    /// The value; `None` is a tombstone.
    #[inline]
    pub fn value(&self) -> Option<&'a [u8]> {
        self.place.value.of(self.bytes)
    }

    /// Where the key lies in [`OpenBatch::bytes`](super::OpenBatch::bytes).
    #[inline]
    pub fn key_range(&self) -> Option<Range<usize>> {
        self.place.key.range()
    }

    /// Where the value lies in [`OpenBatch::bytes`](super::OpenBatch::bytes).
    #[inline]
    pub fn value_range(&self) -> Option<Range<usize>> {
        self.place.value.range()
    }

    /// The headers, in the order in which they were added; keys may repeat.
    #[inline]
    pub fn headers(&self) -> Headers<'a> {
        Headers { bytes: self.bytes, at: self.place.headers_at, left: self.place.headers }
    }

    /// The bytes of the record in the batch, its length among them.
    #[inline]
    pub fn size(&self) -> usize {
        self.place.end - self.place.start
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
        String::from_utf8_lossy(self.key_bytes())
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
        self.key.start..self.key.end
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
    start: usize,
    end: usize,
}

impl Span {
    const NULL: Self = Self { start: 1, end: 0 };

    #[inline]
    fn of(self, bytes: &[u8]) -> Option<&[u8]> {
        bytes.get(self.start..self.end)
    }

    #[inline]
    fn range(self) -> Option<Range<usize>> {
        (self.start <= self.end).then_some(self.start..self.end)
    }

    /// Reads a length and skips as many bytes.
    #[inline]
    fn read(bytes: &[u8], at: &mut usize) -> Result<Self, RecordError> {
        let before = *at;
        let length = varint::read_i32(bytes, at)
            .ok_or_else(|| RecordError::corrupt("bad varint in a record", before))?;
        let Ok(length) = usize::try_from(length) else {
            return if length == -1 {
                Ok(Self::NULL)
            } else {
                Err(RecordError::corrupt("negative length in a record", before))
            };
        };
        let start = *at;
        if length > bytes.len() - start {
            return Err(RecordError::corrupt("length past the end of its record", before));
        }
        *at = start + length;
        Ok(Self { start, end: *at })
    }
}

/// Where the parts of a record lie.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    start: usize,
    pub(super) end: usize,
    pub(super) timestamp_delta: i64,
    pub(super) offset_delta: i32,
    key: Span,
    value: Span,
    headers: usize,
    headers_at: usize,
}

impl Place {
    /// Reads the record at `start`, up to its headers.
    #[inline]
    pub(super) fn read(bytes: &[u8], start: usize) -> Result<Self, RecordError> {
        let mut at = start;
        let length = varint::read_i32(bytes, &mut at)
            .ok_or_else(|| RecordError::corrupt("bad record length", start))?;
        let end = usize::try_from(length).ok().and_then(|length| at.checked_add(length));
        let Some((bytes, end)) = end.and_then(|end| Some((bytes.get(..end)?, end))) else {
            return Err(RecordError::corrupt("record length out of bounds", start));
        };
        // The attributes of a record have no meaning yet.
        at += 1;
        let bad = |at| move || RecordError::corrupt("bad varint in a record", at);
        let timestamp_delta = varint::read_i64(bytes, &mut at).ok_or_else(bad(start))?;
        let offset_delta = varint::read_i32(bytes, &mut at).ok_or_else(bad(start))?;
        let key = Span::read(bytes, &mut at)?;
        let value = Span::read(bytes, &mut at)?;
        let headers = varint::read_i32(bytes, &mut at).ok_or_else(bad(at))?;
        let Ok(headers) = usize::try_from(headers) else {
            return Err(RecordError::corrupt("negative number of headers", at));
        };
        Ok(Self { start, end, timestamp_delta, offset_delta, key, value, headers, headers_at: at })
    }

    /// Checks the headers, and that they end where the record does.
    #[inline]
    pub(super) fn check_headers(&self, bytes: &[u8]) -> Result<(), RecordError> {
        let mut at = self.headers_at;
        if self.headers > 0 {
            self.skip_headers(bytes, &mut at)?;
        }
        if at == self.end {
            return Ok(());
        }
        Err(RecordError::corrupt("record length does not fit what is in it", self.start))
    }

    fn skip_headers(&self, bytes: &[u8], at: &mut usize) -> Result<(), RecordError> {
        if self.headers > MAX_HEADERS {
            return Err(RecordError::corrupt("more headers than a record may have", *at));
        }
        let bytes = bytes.get(..self.end).unwrap_or_default();
        for _ in 0..self.headers {
            read_header(bytes, at)?;
        }
        Ok(())
    }
}

fn read_header(bytes: &[u8], at: &mut usize) -> Result<(Span, Span), RecordError> {
    let start = *at;
    let key = Span::read(bytes, at)?;
    if key.range().is_none() {
        return Err(RecordError::corrupt("header without a key", start));
    }
    Ok((key, Span::read(bytes, at)?))
}

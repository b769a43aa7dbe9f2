//! Views of one record and of its headers: positions in the bytes of the open batch, nothing copied.

use super::batch::TimestampType;
use super::error::RecordError;
use super::open::OpenBatch;
use super::{MAX_HEADERS, varint};
use crate::utf8;
use std::borrow::Cow;
use std::ops::Range;

/// One record of an [`OpenBatch`].
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    batch: &'a OpenBatch,
    parts: Parts,
}

/// A record without its batch: [`OpenBatch::record_at`] makes it whole again.
#[derive(Clone, Copy, Debug)]
pub struct RecordPlace(Parts);

impl<'a> Record<'a> {
    #[inline]
    pub(super) fn new(batch: &'a OpenBatch, parts: Parts) -> Self {
        Self { batch, parts }
    }

    #[inline]
    pub(super) fn at(batch: &'a OpenBatch, place: RecordPlace) -> Self {
        Self::new(batch, place.0)
    }

    /// The record without its batch.
    #[inline]
    pub fn place(&self) -> RecordPlace {
        RecordPlace(self.parts)
    }

    /// Its place in the partition.
    #[inline]
    pub fn offset(&self) -> i64 {
        let (_, delta) = self.deltas();
        self.batch.header().base_offset.wrapping_add(delta.into())
    }

    /// Milliseconds since 1970, or -1 for none: those of the record, or of the append where the topic says so.
    #[inline]
    pub fn timestamp(&self) -> i64 {
        let header = self.batch.header();
        match header.timestamp_type() {
            TimestampType::CreateTime => header.base_timestamp.wrapping_add(self.deltas().0),
            TimestampType::LogAppendTime => header.max_timestamp,
        }
    }

    /// How much later and further on than its batch: read when asked for, because many ask for neither.
    #[inline]
    fn deltas(&self) -> (i64, i32) {
        let bytes = self.batch.bytes();
        let mut at = self.parts.deltas_at as usize;
        // Checked when the batch was opened, so there is no error to lose.
        let timestamp = varint::read_i64(bytes, &mut at).unwrap_or_default();
        (timestamp, varint::read_i32(bytes, &mut at).unwrap_or_default())
    }

    /// The key, unless it is null.
    #[inline]
    pub fn key(&self) -> Option<&'a [u8]> {
        self.parts.key.of(self.batch.bytes())
    }

    /// The value; `None` is a tombstone.
    #[inline]
    pub fn value(&self) -> Option<&'a [u8]> {
        self.parts.value.of(self.batch.bytes())
    }

    /// Where the key lies in [`OpenBatch::bytes`](super::OpenBatch::bytes).
    #[inline]
    pub fn key_range(&self) -> Option<Range<usize>> {
        self.parts.key.range()
    }

    /// Where the value lies in [`OpenBatch::bytes`](super::OpenBatch::bytes).
    #[inline]
    pub fn value_range(&self) -> Option<Range<usize>> {
        self.parts.value.range()
    }

    /// The headers, in the order in which they were added; keys may repeat.
    #[inline]
    pub fn headers(&self) -> Headers<'a> {
        let Parts { headers_at, headers, .. } = self.parts;
        Headers { bytes: self.batch.bytes(), at: headers_at as usize, left: headers as usize }
    }

    /// The bytes of the record in the batch, its length among them.
    #[inline]
    pub fn size(&self) -> usize {
        (self.parts.end - self.parts.start) as usize
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

/// The most bytes of a plain record without a key before its value: of its length 2, attributes 1, deltas 6, key 1 and
/// of the length of its value 2.
const HEAD: usize = 12;
/// The bits of six of eight bytes that are not set where a varint ends.
const ENDS: u64 = 0x8080_8080_8080;
/// The length -1, as a varint.
const NULL: u8 = 1;

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
    fn read(bytes: &[u8], at: &mut usize) -> Result<Self, RecordError> {
        let before = *at;
        let Some(length) = varint::read_i32(bytes, at) else {
            return Err(RecordError::corrupt("bad varint in a record", before));
        };
        let Ok(length) = usize::try_from(length) else {
            return match length {
                -1 => Ok(Self::NULL),
                _ => Err(RecordError::corrupt("negative length in a record", before)),
            };
        };
        let start = *at;
        if length > bytes.len() - start {
            return Err(RecordError::corrupt("length past the end of its record", before));
        }
        *at = start + length;
        Ok(Self { start: short(start), end: short(*at) })
    }

    /// As [`Span::read`], of less than 8 KiB and in bytes that begin at `from`; where it ends is not looked at.
    #[inline]
    fn plain(bytes: &[u8], at: usize, from: usize) -> Option<(Self, usize)> {
        let (zigzag, at) = varint::read_short(bytes, at)?;
        let at = from + at;
        match plain_length(zigzag) {
            Some(length) => {
                let end = at + length;
                Some((Self { start: short(at), end: short(end) }, end))
            }
            None => (zigzag == u32::from(NULL)).then_some((Self::NULL, at)),
        }
    }
}

/// What `zigzag` says, unless it is negative.
#[inline]
fn plain_length(zigzag: u32) -> Option<usize> {
    (zigzag & 1 == 0).then_some((zigzag >> 1) as usize)
}

/// Where the parts of a record lie. Positions are 32 bits wide, because a record that is kept is kept by this.
#[derive(Clone, Copy, Debug)]
pub(super) struct Parts {
    start: u32,
    deltas_at: u32,
    key: Span,
    value: Span,
    headers: u32,
    headers_at: u32,
    end: u32,
}

/// An open batch has no more bytes than a position can say.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "checked once, for the whole batch")]
fn short(position: usize) -> u32 {
    position as u32
}

impl Parts {
    /// The record at `start` of a batch that was checked.
    #[inline]
    pub(super) fn read(bytes: &[u8], start: usize) -> Option<Self> {
        Self::plain(bytes, start).or_else(|| Self::of_any_form(bytes, start).ok())
    }

    /// Where the record at `start` ends, once all that is in it was checked.
    ///
    /// # Errors
    /// What is wrong with it, and where.
    #[inline]
    pub(super) fn check(bytes: &[u8], start: usize) -> Result<usize, RecordError> {
        match Self::plain(bytes, start) {
            // Bare, and as long as it says, so that all in it is within. Were the two ends compared, the compiler
            // would go on from where the headers begin, which is known later.
            Some(plain) if plain.headers | plain.headers_at ^ plain.end == 0 => Ok(plain.end()),
            _ => Self::check_any_form(bytes, start),
        }
    }

    #[inline(never)]
    fn check_any_form(bytes: &[u8], start: usize) -> Result<usize, RecordError> {
        let parts = Self::of_any_form(bytes, start)?;
        parts.check_headers(bytes)?;
        Ok(parts.end())
    }

    /// The record at `start`, if it is as most are: lengths below 8 KiB, deltas in six bytes, few headers. What is
    /// in it lies one behind the other, and nothing was compared with where it ends.
    #[inline]
    fn plain(bytes: &[u8], start: usize) -> Option<Self> {
        let head: &[u8; HEAD] = bytes.get(start..)?.first_chunk()?;
        let (length, len) = varint::read_short(head, 0)?;
        // Behind the attributes, which have no meaning yet.
        let deltas = len + 1;
        // They are passed over at once. The lowest end is that of the timestamp, the next that of the offset.
        let eight = u64::from_le_bytes(*head.get(deltas..)?.first_chunk()?);
        let ends = !eight & ENDS;
        let ends = ends & ends.wrapping_sub(1);
        if ends == 0 {
            return None;
        }
        let at = deltas + 1 + ends.trailing_zeros() as usize / 8;
        let (key, value, at) = if head.get(at) == Some(&NULL) {
            let (value, at) = Span::plain(head, at + 1, start)?;
            (Span::NULL, value, at)
        } else {
            let (key, at) = Span::plain(bytes, start + at, 0)?;
            let (value, at) = Span::plain(bytes, at, 0)?;
            (key, value, at)
        };
        let headers = *bytes.get(at)?;
        // One byte, and not negative.
        if headers & 0x81 != 0 {
            return None;
        }
        Some(Self {
            start: short(start),
            deltas_at: short(start + deltas),
            key,
            value,
            headers: u32::from(headers >> 1),
            headers_at: short(at + 1),
            end: short(start + len + plain_length(length)?),
        })
    }

    /// The record at `start`, of whatever form, with all but its headers looked at.
    #[inline(never)]
    fn of_any_form(bytes: &[u8], start: usize) -> Result<Self, RecordError> {
        let mut at = start;
        let Some(length) = varint::read_i32(bytes, &mut at) else {
            return Err(RecordError::corrupt("bad record length", start));
        };
        let end = usize::try_from(length).ok().and_then(|length| at.checked_add(length));
        let Some((bytes, end)) = end.and_then(|end| Some((bytes.get(..end)?, end))) else {
            return Err(RecordError::corrupt("record length out of bounds", start));
        };
        // The attributes of a record have no meaning yet.
        at += 1;
        let deltas_at = at;
        let deltas = varint::read_i64(bytes, &mut at).and(varint::read_i32(bytes, &mut at));
        if deltas.is_none() {
            return Err(RecordError::corrupt("bad varint in a record", start));
        }
        let key = Span::read(bytes, &mut at)?;
        let value = Span::read(bytes, &mut at)?;
        let Some(headers) = varint::read_i32(bytes, &mut at) else {
            return Err(RecordError::corrupt("bad varint in a record", at));
        };
        let Ok(headers) = u32::try_from(headers) else {
            return Err(RecordError::corrupt("negative number of headers", at));
        };
        let (start, deltas_at, end) = (short(start), short(deltas_at), short(end));
        Ok(Self { start, deltas_at, key, value, headers, headers_at: short(at), end })
    }

    /// Where the next record begins.
    #[inline]
    pub(super) fn end(&self) -> usize {
        self.end as usize
    }

    /// Checks the headers, and that they end where the record does.
    fn check_headers(&self, bytes: &[u8]) -> Result<(), RecordError> {
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
    let key = Span::read(bytes, at)?;
    if key.range().is_none() {
        return Err(RecordError::corrupt("header without a key", start));
    }
    Ok((key, Span::read(bytes, at)?))
}

#[cfg(test)]
mod tests {
    use super::super::{BatchBuilder, Compressor, HEADER_LEN, Stamp};
    use super::*;

    /// What is read at a glance is what the whole look says, also where something is wrong.
    #[test]
    fn plain_records_are_read_as_those_of_any_form() {
        let long = vec![b'v'; 300];
        let header = ("h", Some(&b"w"[..]));
        let mut plain = 0;
        for (key, value, headers) in [
            (None, Some(&b"value"[..]), &[][..]),
            (None, Some(&long[..]), &[]),
            (Some(&b"key"[..]), None, &[]),
            (Some(&b"key"[..]), Some(&b"value"[..]), &[header]),
            (Some(&long[..]), Some(&long[..]), &[header, header]),
        ] {
            for delta in [0, 1, 100, 10_000, 1 << 40] {
                let mut builder = BatchBuilder::new(Vec::new());
                builder.append(0, None, None, &[]);
                builder.append(delta, key, value, headers);
                let mut bytes =
                    builder.seal(Stamp::NONE, &mut Compressor::none()).split_off(HEADER_LEN);
                let start = Parts::check(&bytes, 0).unwrap();
                // So that there is something behind it.
                bytes.extend([0; HEAD]);
                for at in start..bytes.len().min(start + 24) {
                    for byte in 0..=u8::MAX {
                        let before = std::mem::replace(&mut bytes[at], byte);
                        let whole = Parts::check_any_form(&bytes, start);
                        assert_eq!(Parts::check(&bytes, start), whole, "{byte} at {at}");
                        if whole.is_ok()
                            && let Some(glance) = Parts::plain(&bytes, start)
                        {
                            let parts = Parts::of_any_form(&bytes, start).unwrap();
                            assert_eq!(
                                format!("{glance:?}"),
                                format!("{parts:?}"),
                                "{byte} at {at}"
                            );
                            plain += 1;
                        }
                        bytes[at] = before;
                    }
                }
            }
        }
        assert!(plain > 1000, "{plain}");
    }
}

//! Zigzag varints: small numbers of either sign in few bytes, as record batches have them.

/// Appends `value`.
///
/// ```
/// use kafka_proto::records::varint;
/// let mut bytes = Vec::new();
/// varint::write(&mut bytes, -300);
/// assert_eq!(varint::read_i64(&bytes, &mut 0), Some(-300));
/// ```
pub fn write(out: &mut Vec<u8>, value: i64) {
    append_head(out, |head| head.put(zigzag(value)));
}

/// Small for small numbers of either sign: 0, -1, 1, -2 become 0, 1, 2, 3.
#[inline]
pub(super) const fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)).cast_unsigned()
}

/// The bytes that `zigzag` takes, 7 bits in each.
#[inline]
pub(super) const fn len(zigzag: u64) -> usize {
    // 0 takes a byte as 1 does; 9 / 64 is 1 / 7, rounded up, for every count of bits there is.
    let bits = 64 - (zigzag | 1).leading_zeros() as usize;
    (bits * 9 + 64) / 64
}

/// The bytes of the varint that says `length`.
#[inline]
pub(super) const fn len_of_length(length: usize) -> usize {
    len(zigzag(length as i64))
}

/// A few varints and bytes in a row, written where they will lie: made elsewhere, they would be copied before the
/// processor had them together.
pub(super) struct Head<'a> {
    bytes: &'a mut [u8; MOST],
    at: usize,
}

/// Five varints, one of them of 64 bits, and a byte are the most that is put in a head.
const MOST: usize = 32;

/// Appends what is put in the head.
#[inline]
pub(super) fn append_head(out: &mut Vec<u8>, put: impl FnOnce(&mut Head<'_>)) {
    let start = out.len();
    // Near the end of the buffer, which is not to grow for what is not put.
    if out.capacity() - start < MOST {
        return append_exactly(out, put);
    }
    out.extend_from_slice(&[0; MOST]);
    if let Some(bytes) = out[start..].first_chunk_mut() {
        let mut head = Head { bytes, at: 0 };
        put(&mut head);
        let end = start + head.at;
        out.truncate(end);
    }
}

#[inline(never)]
fn append_exactly(out: &mut Vec<u8>, put: impl FnOnce(&mut Head<'_>)) {
    let mut head = Head { bytes: &mut [0; MOST], at: 0 };
    put(&mut head);
    out.extend_from_slice(&head.bytes[..head.at % MOST]);
}

impl Head<'_> {
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "seven bits at a time are what is meant")]
    pub(super) fn put(&mut self, mut zigzag: u64) {
        // One byte or two are the rule, and cost no loop.
        if zigzag >= 0x80 {
            self.byte(zigzag as u8 | 0x80);
            zigzag >>= 7;
            while zigzag >= 0x80 {
                self.byte(zigzag as u8 | 0x80);
                zigzag >>= 7;
            }
        }
        self.byte(zigzag as u8);
    }

    #[inline]
    pub(super) fn byte(&mut self, byte: u8) {
        self.bytes[self.at % MOST] = byte;
        self.at += 1;
    }
}

/// Reads at `at` and moves it on; `None` when the varint is cut or longer than its type.
#[inline]
pub fn read_i32(bytes: &[u8], at: &mut usize) -> Option<i32> {
    let value = read(bytes, at, 5)?;
    #[expect(clippy::cast_possible_truncation, reason = "Kafka drops the bits over 32 as well")]
    let value = value as u32;
    Some((value >> 1).cast_signed() ^ -((value & 1).cast_signed()))
}

/// As [`read_i32`], of 64 bits.
#[inline]
pub fn read_i64(bytes: &[u8], at: &mut usize) -> Option<i64> {
    let value = read(bytes, at, 10)?;
    Some((value >> 1).cast_signed() ^ -((value & 1).cast_signed()))
}

/// The zigzag of one or two bytes at `at`, and where it ends; `None` when it is longer, or cut.
#[inline]
pub(super) fn read_short(bytes: &[u8], at: usize) -> Option<(u32, usize)> {
    let first = u32::from(*bytes.get(at)?);
    if first < 0x80 {
        return Some((first, at + 1));
    }
    let second = u32::from(*bytes.get(at + 1)?);
    (second < 0x80).then_some((first & 0x7f | second << 7, at + 2))
}

/// Up to three bytes are the rule.
#[inline]
fn read(bytes: &[u8], at: &mut usize, most: usize) -> Option<u64> {
    let first = *bytes.get(*at)?;
    if first < 0x80 {
        *at += 1;
        return Some(first.into());
    }
    let second = *bytes.get(*at + 1)?;
    if second < 0x80 {
        *at += 2;
        return Some(u64::from(first & 0x7f) | u64::from(second) << 7);
    }
    let third = *bytes.get(*at + 2)?;
    if third < 0x80 {
        *at += 3;
        let (first, second) = (u64::from(first & 0x7f), u64::from(second & 0x7f));
        return Some(first | second << 7 | u64::from(third) << 14);
    }
    let (value, len) = read_long(bytes.get(*at..)?, most);
    *at += len;
    (len > 0).then_some(value)
}

/// The value and how many bytes it took; none if they hold no value.
#[inline(never)]
fn read_long(bytes: &[u8], most: usize) -> (u64, usize) {
    let mut value = 0;
    for (index, &byte) in bytes.iter().take(most).enumerate() {
        value |= u64::from(byte & 0x7f) << (index * 7);
        if byte < 0x80 {
            return (value, index + 1);
        }
    }
    (0, 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_as_long_as_said() {
        let powers = (0..63).flat_map(|bit| [1_i64 << bit, (1 << bit) - 1, -(1 << bit)]);
        for value in powers.chain([i64::MIN, i64::MAX, 0, -1, 300]) {
            let mut out = Vec::new();
            write(&mut out, value);
            assert_eq!(out.len(), len(zigzag(value)), "{value}");
            let mut at = 0;
            assert_eq!((read_i64(&out, &mut at), at), (Some(value), out.len()));
            assert_eq!(read_i64(&out[..out.len() - 1], &mut 0), None, "cut");
            if let Ok(small) = i32::try_from(value) {
                at = 0;
                assert_eq!((read_i32(&out, &mut at), at), (Some(small), out.len()));
            }
        }
    }

    #[test]
    fn a_varint_longer_than_its_type_is_refused() {
        assert_eq!(read_i32(&[0x80, 0x80, 0x80, 0x80, 0x80, 0], &mut 0), None);
        assert_eq!(read_i32(&[0x80, 0x80, 0x80, 0x80, 0], &mut 0), Some(0));
        assert_eq!(read_i64(&[0x80; 11], &mut 0), None);
    }
}

//! zstd: what its frames can hold at most, and the codec of the build to read and write them.
//!
//! The bound comes first, from the headers of frames and blocks, so that any codec may decode straight into a buffer
//! that is large enough and no larger than the input justifies.

#[cfg(feature = "zstd-c")]
mod native;
#[cfg(not(feature = "zstd-c"))]
mod pure;

#[cfg(feature = "zstd-c")]
pub(super) use native::Encoder;
#[cfg(not(feature = "zstd-c"))]
pub(super) use pure::Encoder;

#[cfg(feature = "zstd-c")]
use native::Context;
#[cfg(not(feature = "zstd-c"))]
use pure::Context;

use super::{Bad, Scratch};

/// What Kafka uses where no level is set.
const LEVEL: i32 = 3;

const MAGIC: u32 = 0xfd2f_b528;
/// 16 of them: their last four bits are free.
const SKIPPABLE_MAGIC: u32 = 0x184d_2a50;
/// The most that a block decompresses to.
const MOST_BLOCK: u64 = 128 << 10;

pub(super) struct Decoder(Context);

impl Decoder {
    pub(super) fn new() -> Result<Self, Bad> {
        Context::new().map(Self).ok_or(Bad::Data("no decoder could be made"))
    }

    pub(super) fn decode(&mut self, input: &[u8], out: &mut Scratch) -> Result<(), Bad> {
        let Bound { bytes, declared } = bound(input).ok_or(Bad::Data("not whole zstd frames"))?;
        let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
        let room = out.room(bytes);
        let all_room = room.len() == bytes;
        if declared && !all_room {
            return Err(Bad::OverLimit);
        }
        match self.0.decode(input, room) {
            Some(len) => out.advance(len),
            None if all_room => return Err(Bad::Data("bad frame")),
            // A bad frame could hide here; that it is none of ours to read is true either way.
            None => return Err(Bad::OverLimit),
        }
        Ok(())
    }
}

/// What frames can hold.
struct Bound {
    bytes: u64,
    /// Whether they say so themselves, all of them.
    declared: bool,
}

/// Walks the frames in `input`, which has to consist of them.
fn bound(mut input: &[u8]) -> Option<Bound> {
    let mut bound = Bound { bytes: 0, declared: true };
    if input.is_empty() {
        return None;
    }
    while !input.is_empty() {
        let magic = u32_le(take(&mut input, 4)?)?;
        if magic & !0xf == SKIPPABLE_MAGIC {
            let size = u32_le(take(&mut input, 4)?)?;
            take(&mut input, usize::try_from(size).ok()?)?;
            continue;
        }
        if magic != MAGIC {
            return None;
        }
        let frame = frame_bound(&mut input)?;
        bound.bytes = bound.bytes.saturating_add(frame.bytes);
        bound.declared &= frame.declared;
    }
    Some(bound)
}

/// The frame after its magic. A size in its header counts only as far as its blocks can hold it.
fn frame_bound(input: &mut &[u8]) -> Option<Bound> {
    let &[flags] = take(input, 1)?.first_chunk()?;
    let single_segment = flags & 1 << 5 != 0;
    take(input, usize::from(!single_segment))?;
    take(input, [0, 1, 2, 4][usize::from(flags & 3)])?;
    let content_size = match flags >> 6 {
        0 if !single_segment => None,
        0 => Some(uint_le(take(input, 1)?)),
        1 => Some(uint_le(take(input, 2)?) + 256),
        2 => Some(uint_le(take(input, 4)?)),
        _ => Some(uint_le(take(input, 8)?)),
    };
    let mut blocks = 0_u64;
    loop {
        let header = uint_le(take(input, 3)?);
        let size = header >> 3;
        let (stored, content) = match header >> 1 & 3 {
            0 => (size, size),
            1 => (1, size),
            2 => (size, MOST_BLOCK),
            _ => return None,
        };
        take(input, usize::try_from(stored).ok()?)?;
        blocks = blocks.saturating_add(content);
        if header & 1 != 0 {
            break;
        }
    }
    let checksum = flags & 1 << 2 != 0;
    take(input, if checksum { 4 } else { 0 })?;
    Some(match content_size {
        None => Bound { bytes: blocks, declared: false },
        Some(size) if size > blocks => return None,
        Some(size) => Bound { bytes: size, declared: true },
    })
}

fn take<'a>(input: &mut &'a [u8], len: usize) -> Option<&'a [u8]> {
    let (bytes, rest) = input.split_at_checked(len)?;
    *input = rest;
    Some(bytes)
}

fn u32_le(bytes: &[u8]) -> Option<u32> {
    bytes.first_chunk().map(|bytes| u32::from_le_bytes(*bytes))
}

/// Of at most 8 bytes.
fn uint_le(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |value, &byte| value << 8 | u64::from(byte))
}

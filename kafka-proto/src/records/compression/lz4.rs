//! lz4 frames around blocks.
//!
//! Written as Java does, and as it insists on: independent blocks of 64 KiB, no checksums but that of the header. Read
//! with every flag that the frame format has, except dictionaries, which nobody can have agreed on.

use super::xxh32::xxh32;
use super::{Bad, Scratch};
use lz4_flex::block::{
    CompressTable, DecompressError, compress_into_with_table, decompress_into,
    decompress_into_with_dict, get_maximum_output_size,
};

const MAGIC: u32 = 0x184d_2204;
/// 16 of them: their last four bits are free.
const SKIPPABLE_MAGIC: u32 = 0x184d_2a50;

const VERSION: u8 = 0b0100_0000;
const VERSION_MASK: u8 = 0b1100_0000;
const INDEPENDENT: u8 = 1 << 5;
const BLOCK_CHECKSUM: u8 = 1 << 4;
const CONTENT_SIZE: u8 = 1 << 3;
const CONTENT_CHECKSUM: u8 = 1 << 2;
const RESERVED: u8 = 1 << 1;
const DICTIONARY: u8 = 1;

/// Set in the size of a block that is not compressed.
const STORED: u32 = 1 << 31;
/// How far back a block may reach into the ones before it.
const WINDOW: usize = 64 << 10;
/// What a byte can become at most.
const MOST_RATIO: usize = 255;

/// What is written: independent blocks, of 64 KiB.
const BLOCK: usize = 64 << 10;
const HEADER: [u8; 7] = [0x04, 0x22, 0x4d, 0x18, VERSION | INDEPENDENT, 0x40, 0x82];
const END: [u8; 4] = [0; 4];

pub(super) struct Encoder {
    table: CompressTable,
    block: Vec<u8>,
}

impl Encoder {
    pub(super) fn new() -> Self {
        Self { table: CompressTable::large(), block: vec![0; get_maximum_output_size(BLOCK)] }
    }

    pub(super) fn encode(&mut self, input: &[u8], out: &mut Vec<u8>) -> Option<()> {
        out.extend_from_slice(&HEADER);
        for block in input.chunks(BLOCK) {
            let len = compress_into_with_table(block, &mut self.block, &mut self.table).ok()?;
            let (flag, bytes) =
                if len < block.len() { (0, self.block.get(..len)?) } else { (STORED, block) };
            out.extend_from_slice(&(u32::try_from(bytes.len()).ok()? | flag).to_le_bytes());
            out.extend_from_slice(bytes);
        }
        out.extend_from_slice(&END);
        Some(())
    }
}

/// Frames one after the other, skippable ones among them; what follows them and is none is passed over, as in Java.
/// `old` ones have a checksum in their header that means nothing.
pub(super) fn decode(input: &[u8], out: &mut Scratch, old: bool) -> Result<(), Bad> {
    let mut input = Input(input);
    let mut frames = 0;
    while let Some(magic) = input.peek_u32() {
        if magic == MAGIC {
            input.take(4)?;
            decode_frame(&mut input, out, old)?;
        } else if magic & !0xf == SKIPPABLE_MAGIC {
            input.take(4)?;
            let size = input.u32()?;
            input.take(to_usize(size))?;
        } else {
            break;
        }
        frames += 1;
    }
    if frames == 0 { Err(Bad::Data("not an lz4 frame")) } else { Ok(()) }
}

/// What the header of a frame says.
struct Frame {
    flags: u8,
    block_size: usize,
    content_size: Option<u64>,
}

impl Frame {
    fn read(input: &mut Input<'_>, old: bool) -> Result<Self, Bad> {
        let start = input.0;
        let [flags, sizes] = input.array()?;
        if flags & VERSION_MASK != VERSION {
            return Err(Bad::Data("unknown frame version"));
        }
        let block_size = match sizes >> 4 {
            code @ 4..=7 if sizes & 0xf == 0 => 1 << (2 * code + 8),
            _ => return Err(Bad::Data("bad block size")),
        };
        if flags & RESERVED != 0 {
            return Err(Bad::Data("reserved flag"));
        }
        if flags & DICTIONARY != 0 {
            return Err(Bad::Data("frame needs a dictionary"));
        }
        let content_size = match flags & CONTENT_SIZE {
            0 => None,
            _ => Some(u64::from_le_bytes(input.array()?)),
        };
        let described = start.get(..start.len() - input.0.len()).unwrap_or_default();
        let [checksum] = input.array()?;
        if !old && xxh32(described).to_be_bytes()[2] != checksum {
            return Err(Bad::Data("header checksum differs"));
        }
        Ok(Self { flags, block_size, content_size })
    }
}

fn decode_frame(input: &mut Input<'_>, out: &mut Scratch, old: bool) -> Result<(), Bad> {
    let frame = Frame::read(input, old)?;
    let start = out.written().len();
    loop {
        let size = input.u32()?;
        if size == 0 {
            break;
        }
        let block = input.take(to_usize(size & !STORED))?;
        if block.len() > frame.block_size {
            return Err(Bad::Data("block larger than the frame says"));
        }
        if frame.flags & BLOCK_CHECKSUM != 0 && input.u32()? != xxh32(block) {
            return Err(Bad::Data("block checksum differs"));
        }
        if size & STORED == 0 {
            decode_block(block, &frame, start, out)?;
        } else {
            out.room(block.len())
                .get_mut(..block.len())
                .ok_or(Bad::OverLimit)?
                .copy_from_slice(block);
            out.advance(block.len());
        }
    }
    let content = out.written().get(start..).unwrap_or_default();
    if frame.content_size.is_some_and(|size| size != content.len() as u64) {
        return Err(Bad::Data("content size differs"));
    }
    if frame.flags & CONTENT_CHECKSUM != 0 && input.u32()? != xxh32(content) {
        return Err(Bad::Data("content checksum differs"));
    }
    Ok(())
}

/// Straight into the output, where the blocks before it, back to `start`, are what a linked block refers to.
fn decode_block(block: &[u8], frame: &Frame, start: usize, out: &mut Scratch) -> Result<(), Bad> {
    let wanted = frame.block_size.min(block.len().saturating_mul(MOST_RATIO));
    let (written, room) = out.split(wanted);
    let all_room = room.len() == wanted;
    let decoded = if frame.flags & INDEPENDENT != 0 {
        decompress_into(block, room)
    } else {
        let window = written.len().saturating_sub(WINDOW).max(start);
        decompress_into_with_dict(block, room, written.get(window..).unwrap_or_default())
    };
    match decoded {
        Ok(len) => out.advance(len),
        Err(DecompressError::OutputTooSmall { .. }) if !all_room => return Err(Bad::OverLimit),
        Err(_) => return Err(Bad::Data("bad block")),
    }
    Ok(())
}

/// What is left to read.
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn peek_u32(&self) -> Option<u32> {
        self.0.first_chunk().map(|bytes| u32::from_le_bytes(*bytes))
    }

    fn u32(&mut self) -> Result<u32, Bad> {
        self.array().map(u32::from_le_bytes)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Bad> {
        let (bytes, rest) = self.0.split_first_chunk().ok_or(CUT)?;
        self.0 = rest;
        Ok(*bytes)
    }

    fn take(&mut self, len: usize) -> Result<&'a [u8], Bad> {
        let (bytes, rest) = self.0.split_at_checked(len).ok_or(CUT)?;
        self.0 = rest;
        Ok(bytes)
    }
}

const CUT: Bad = Bad::Data("cut short");

fn to_usize(size: u32) -> usize {
    usize::try_from(size).unwrap_or(usize::MAX)
}

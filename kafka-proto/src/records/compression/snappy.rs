//! Snappy as Kafka has it: raw blocks in the framing of Java's xerial library. Bare raw blocks, which some clients
//! write, are read as well.

use super::{Bad, Scratch};
use snap::raw;

/// Magic, version 1, readable since version 1.
const HEADER: [u8; 16] = *b"\x82SNAPPY\0\0\0\0\x01\0\0\0\x01";
const MAGIC: &[u8] = HEADER.first_chunk::<8>().unwrap();
/// What Java cuts its input into.
const BLOCK: usize = 32 << 10;
/// What a byte can become at most: three bytes copy 64.
const MOST_RATIO: usize = 22;

pub(super) struct Encoder {
    encoder: raw::Encoder,
    block: Vec<u8>,
}

impl Encoder {
    pub(super) fn new() -> Self {
        Self { encoder: raw::Encoder::new(), block: vec![0; raw::max_compress_len(BLOCK)] }
    }

    pub(super) fn encode(&mut self, input: &[u8], out: &mut Vec<u8>) -> Option<()> {
        out.extend_from_slice(&HEADER);
        for block in input.chunks(BLOCK) {
            let len = self.encoder.compress(block, &mut self.block).ok()?;
            out.extend_from_slice(&u32::try_from(len).ok()?.to_be_bytes());
            out.extend_from_slice(self.block.get(..len)?);
        }
        Some(())
    }
}

pub(super) fn decode(input: &[u8], out: &mut Scratch) -> Result<(), Bad> {
    if !input.starts_with(MAGIC) {
        return decode_block(input, out);
    }
    let mut rest = input;
    while !rest.is_empty() {
        // Streams may follow one another, each with its header.
        if rest.starts_with(MAGIC) {
            rest = rest.get(HEADER.len()..).ok_or(Bad::Data("cut stream header"))?;
            continue;
        }
        let (len, after) = rest.split_first_chunk().ok_or(Bad::Data("cut block length"))?;
        let len = usize::try_from(u32::from_be_bytes(*len)).unwrap_or(usize::MAX);
        let block = after.get(..len).ok_or(Bad::Data("block length past the end"))?;
        decode_block(block, out)?;
        rest = after.get(len..).unwrap_or_default();
    }
    Ok(())
}

fn decode_block(block: &[u8], out: &mut Scratch) -> Result<(), Bad> {
    let len = raw::decompress_len(block).map_err(|_| Bad::Data("bad block header"))?;
    if block.is_empty() || len > block.len().saturating_mul(MOST_RATIO) {
        return Err(Bad::Data("block claims more than its bytes can hold"));
    }
    let room = out.room(len).get_mut(..len).ok_or(Bad::OverLimit)?;
    let written =
        raw::Decoder::new().decompress(block, room).map_err(|_| Bad::Data("bad block"))?;
    out.advance(written);
    Ok(())
}

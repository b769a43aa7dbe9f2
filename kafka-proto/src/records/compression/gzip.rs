//! gzip (RFC 1952) around raw deflate, with the contexts kept.

use super::{Bad, Scratch};
use flate2::{Compress, Crc, Decompress, FlushCompress, FlushDecompress, Status};

/// Magic, deflate, no flags, no time, no hints, unknown system.
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
const TRAILER_LEN: usize = 8;

const HEADER_CRC: u8 = 1 << 1;
const EXTRA: u8 = 1 << 2;
const NAME: u8 = 1 << 3;
const COMMENT: u8 = 1 << 4;
const RESERVED: u8 = 0b1110_0000;

/// What is asked of the output at a time; a deflate context fills what it gets.
const STEP: usize = 16 << 10;

pub(super) struct Encoder(Compress);

impl Encoder {
    pub(super) fn new(level: Option<i32>) -> Self {
        // -1 is the usual level, and levels have been checked.
        let level = level.and_then(|level| u32::try_from(level).ok());
        let level = level.map_or(flate2::Compression::default(), flate2::Compression::new);
        Self(Compress::new(level, false))
    }

    pub(super) fn encode(&mut self, mut input: &[u8], out: &mut Vec<u8>) -> Option<()> {
        let mut crc = Crc::new();
        crc.update(input);
        let len = crc.amount();
        out.extend_from_slice(&HEADER);
        self.0.reset();
        loop {
            out.reserve(STEP.min(input.len() + 64));
            let before = self.0.total_in();
            let status = self.0.compress_vec(input, out, FlushCompress::Finish).ok()?;
            if status == Status::StreamEnd {
                break;
            }
            let read = usize::try_from(self.0.total_in() - before).ok()?;
            input = input.get(read..)?;
        }
        out.extend_from_slice(&crc.sum().to_le_bytes());
        out.extend_from_slice(&len.to_le_bytes());
        Some(())
    }
}

pub(super) struct Decoder(Decompress);

impl Decoder {
    pub(super) fn new() -> Self {
        Self(Decompress::new(false))
    }

    /// As Java reads it: members one after the other; what follows them and is none is passed over.
    pub(super) fn decode(&mut self, mut input: &[u8], out: &mut Scratch) -> Result<(), Bad> {
        let mut member = body(input).ok_or(Bad::Data("not in gzip format"))?;
        loop {
            let start = out.written().len();
            input = self.inflate(member, out)?;
            let trailer = input.first_chunk::<TRAILER_LEN>().ok_or(CUT)?;
            let mut crc = Crc::new();
            crc.update(out.written().get(start..).unwrap_or_default());
            let (sum, len) = (crc.sum().to_le_bytes(), crc.amount().to_le_bytes());
            if trailer[..4] != sum || trailer[4..] != len {
                return Err(Bad::Data("checksum or length differs"));
            }
            input = input.get(TRAILER_LEN..).unwrap_or_default();
            match body(input) {
                Some(next) => member = next,
                None => return Ok(()),
            }
        }
    }

    /// Returns what follows the deflate stream.
    fn inflate<'a>(&mut self, mut input: &'a [u8], out: &mut Scratch) -> Result<&'a [u8], Bad> {
        self.0.reset(false);
        loop {
            let (read_before, written_before) = (self.0.total_in(), self.0.total_out());
            let room = out.room(STEP);
            // With no room left all that may come is the end.
            let full = room.is_empty();
            let mut probe = [0];
            let room = if full { &mut probe[..] } else { room };
            let status = self
                .0
                .decompress(input, room, FlushDecompress::None)
                .map_err(|_| Bad::Data("bad deflate stream"))?;
            let count = |now, before| usize::try_from(now - before).unwrap_or(usize::MAX);
            let read = count(self.0.total_in(), read_before);
            let written = count(self.0.total_out(), written_before);
            if full && written > 0 {
                return Err(Bad::OverLimit);
            }
            out.advance(written);
            input = input.get(read..).unwrap_or_default();
            match status {
                Status::StreamEnd => return Ok(input),
                _ if read == 0 && written == 0 => return Err(CUT),
                _ => {}
            }
        }
    }
}

const CUT: Bad = Bad::Data("cut short");

/// What follows the header of the member at the start of `input`, if there is one.
fn body(input: &[u8]) -> Option<&[u8]> {
    let (head, mut rest) = input.split_first_chunk::<10>()?;
    let flags = head[3];
    if head[..3] != HEADER[..3] || flags & RESERVED != 0 {
        return None;
    }
    if flags & EXTRA != 0 {
        let (len, after) = rest.split_first_chunk()?;
        rest = after.get(usize::from(u16::from_le_bytes(*len))..)?;
    }
    for text in [NAME, COMMENT] {
        if flags & text != 0 {
            let end = rest.iter().position(|&byte| byte == 0)?;
            rest = rest.get(end + 1..)?;
        }
    }
    if flags & HEADER_CRC != 0 {
        rest = rest.get(2..)?;
    }
    Some(rest)
}

//! zstd in Rust.

use super::LEVEL;
use crate::records::error::RecordError;
use structured_zstd::decoding::{ContentChecksum, FrameDecoder};
use structured_zstd::encoding::{CompressionLevel, FrameCompressor};

pub(in super::super) struct Encoder {
    context: FrameCompressor,
    frame: Vec<u8>,
}

impl Encoder {
    #[expect(clippy::unnecessary_wraps, reason = "the other implementation may fail here")]
    pub(in super::super) fn new(level: Option<i32>) -> Result<Self, RecordError> {
        let level = CompressionLevel::from_level(level.unwrap_or(LEVEL));
        Ok(Self { context: FrameCompressor::new(level), frame: Vec::new() })
    }

    #[expect(clippy::unnecessary_wraps, reason = "the other implementation may fail here")]
    pub(in super::super) fn encode(&mut self, input: &[u8], out: &mut Vec<u8>) -> Option<()> {
        self.context.compress_independent_frame_into(input, &mut self.frame);
        out.extend_from_slice(&self.frame);
        Some(())
    }
}

pub(super) struct Context(FrameDecoder);

impl Context {
    #[expect(clippy::unnecessary_wraps, reason = "the other implementation may fail here")]
    pub(super) fn new() -> Option<Self> {
        let mut decoder = FrameDecoder::new();
        decoder.set_content_checksum(ContentChecksum::Verify);
        Some(Self(decoder))
    }

    /// Decodes all frames of `input`, and says how many bytes they hold.
    pub(super) fn decode(&mut self, input: &[u8], out: &mut [u8]) -> Option<usize> {
        self.0.decode_all(input, out).ok()
    }
}

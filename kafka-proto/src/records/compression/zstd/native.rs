//! zstd by the C library.

use super::LEVEL;
use crate::records::compression::Compression;
use crate::records::error::{RecordError, RecordErrorKind};
use zstd::bulk;

pub(in super::super) struct Encoder {
    context: bulk::Compressor<'static>,
    frame: Vec<u8>,
}

impl Encoder {
    pub(in super::super) fn new(level: Option<i32>) -> Result<Self, RecordError> {
        let context = bulk::Compressor::new(level.unwrap_or(LEVEL)).map_err(|_| {
            let what = "no compressor could be made";
            RecordError::new(RecordErrorKind::Codec(Compression::Zstd, what), 0)
        })?;
        Ok(Self { context, frame: Vec::new() })
    }

    pub(in super::super) fn encode(&mut self, input: &[u8], out: &mut Vec<u8>) -> Option<()> {
        self.frame.clear();
        self.frame.reserve(zstd::compress_bound(input.len()));
        self.context.compress_to_buffer(input, &mut self.frame).ok()?;
        out.extend_from_slice(&self.frame);
        Some(())
    }
}

pub(super) struct Context(bulk::Decompressor<'static>);

impl Context {
    pub(super) fn new() -> Option<Self> {
        bulk::Decompressor::new().ok().map(Self)
    }

    /// Decodes all frames of `input`, and says how many bytes they hold.
    pub(super) fn decode(&mut self, input: &[u8], out: &mut [u8]) -> Option<usize> {
        self.0.decompress_to_buffer(input, out).ok()
    }
}

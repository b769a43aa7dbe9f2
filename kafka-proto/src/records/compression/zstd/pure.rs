//! zstd in Rust.

use super::LEVEL;
use crate::records::error::RecordError;
use std::cell::RefCell;
use structured_zstd::decoding::{ContentChecksum, FrameDecoder};
use structured_zstd::encoding::{CompressionLevel, FrameCompressor};

/// The most contexts kept on a thread: one a level, and hardly any thread has two levels.
const MOST_CONTEXTS: usize = 4;

thread_local! {
    /// The contexts that were used on this thread, by level. A context cannot move to another thread, which the task
    /// that compresses may.
    static CONTEXTS: RefCell<Vec<(i32, FrameCompressor)>> = const { RefCell::new(Vec::new()) };
}

pub(in super::super) struct Encoder {
    level: i32,
    frame: Vec<u8>,
}

impl Encoder {
    #[expect(clippy::unnecessary_wraps, reason = "the other implementation may fail here")]
    pub(in super::super) fn new(level: Option<i32>) -> Result<Self, RecordError> {
        Ok(Self { level: level.unwrap_or(LEVEL), frame: Vec::new() })
    }

    pub(in super::super) fn encode(&mut self, input: &[u8], out: &mut Vec<u8>) -> Option<()> {
        CONTEXTS.with_borrow_mut(|contexts| {
            let known = contexts.iter().position(|(level, _)| *level == self.level);
            let at = known.unwrap_or_else(|| {
                contexts.truncate(MOST_CONTEXTS - 1);
                let level = CompressionLevel::from_level(self.level);
                contexts.push((self.level, FrameCompressor::new(level)));
                contexts.len() - 1
            });
            let (_, context) = contexts.get_mut(at)?;
            context.compress_independent_frame_into(input, &mut self.frame);
            out.extend_from_slice(&self.frame);
            Some(())
        })
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

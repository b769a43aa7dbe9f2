//! What can be wrong with record batches.

use super::compression::Compression;
use std::fmt;

/// Why record batches cannot be read, or a codec cannot be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordError {
    kind: RecordErrorKind,
    offset: usize,
}

/// What is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RecordErrorKind {
    /// The bytes are not a batch, or not its records.
    Corrupt(&'static str),
    /// The checksum in the header is not that of the bytes.
    Checksum {
        /// What the header says.
        stored: u32,
        /// What the bytes say.
        computed: u32,
    },
    /// A format version other than 2.
    Magic(i8),
    /// No codec has this number.
    UnknownCompression(i16),
    /// This build has no such codec.
    CompressionNotBuilt(Compression),
    /// The compressed records are not what the codec calls its own.
    Codec(Compression, &'static str),
    /// The records take more bytes than the reader allows.
    TooLarge {
        /// The bytes that the reader allows.
        limit: usize,
    },
    /// The codec has no such level.
    Level(Compression, i32),
}

impl RecordError {
    #[cold]
    pub(crate) fn new(kind: RecordErrorKind, offset: usize) -> Self {
        Self { kind, offset }
    }

    #[cold]
    pub(crate) fn corrupt(what: &'static str, offset: usize) -> Self {
        Self::new(RecordErrorKind::Corrupt(what), offset)
    }

    /// What is wrong.
    pub fn kind(&self) -> &RecordErrorKind {
        &self.kind
    }

    /// The byte where it shows: from the start of what was read when batches are told apart, of the batch in its
    /// header, of the (decompressed) records in a record.
    pub fn offset(&self) -> usize {
        self.offset
    }
}

impl fmt::Display for RecordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            RecordErrorKind::Corrupt(what) => write!(f, "{what} at byte {}", self.offset),
            RecordErrorKind::Checksum { stored, computed } => {
                write!(f, "corrupt batch: its CRC is {stored}, that of its bytes {computed}")
            }
            RecordErrorKind::Magic(magic @ 0..=1) => write!(
                f,
                "message format {magic} (magic) at byte {} is too old, only format 2 is taken here",
                self.offset
            ),
            RecordErrorKind::Magic(magic) => {
                write!(f, "no record batch: magic {magic} at byte {}", self.offset)
            }
            RecordErrorKind::UnknownCompression(id) => write!(f, "unknown compression {id}"),
            RecordErrorKind::CompressionNotBuilt(compression) => {
                write!(f, "{compression} is switched off in this build (feature `{compression}`)")
            }
            RecordErrorKind::Codec(compression, what) => {
                write!(f, "corrupt {compression} data: {what}, around byte {}", self.offset)
            }
            RecordErrorKind::TooLarge { limit } => {
                write!(f, "the records of the batch take more than the {limit} bytes allowed")
            }
            RecordErrorKind::Level(compression, level) => {
                write!(f, "{compression} has no compression level {level}")
            }
        }
    }
}

impl std::error::Error for RecordError {}

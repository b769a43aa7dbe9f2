//! The codecs of record batches behind two types that keep their contexts from batch to batch.
//!
//! Every codec reads bytes from strangers: what comes out is bounded by the caller, memory is only taken as the input
//! justifies it, and what is not right is an error. What a batch is, is not known here.

#[cfg(feature = "gzip")]
mod gzip;
#[cfg(feature = "lz4")]
mod lz4;
mod scratch;
#[cfg(feature = "snappy")]
mod snappy;
#[cfg(test)]
#[cfg(all(feature = "gzip", feature = "snappy", feature = "lz4", feature = "zstd"))]
mod tests;
#[cfg(feature = "lz4")]
mod xxh32;
#[cfg(feature = "zstd")]
mod zstd;

use super::HEADER_LEN;
use super::error::{RecordError, RecordErrorKind};
use bytes::Bytes;
use scratch::Scratch;
use std::fmt;
use std::str::FromStr;

/// The bits of a batch's attributes that say how it is compressed.
const MASK: i16 = 0b111;

/// How the records of a batch are compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Compression {
    /// Not at all.
    #[default]
    None = 0,
    /// Levels 1 to 9, or -1 for the usual one (6).
    Gzip = 1,
    /// Without levels.
    Snappy = 2,
    /// Kafka's levels 1 to 17 are taken, but this is always the fast compressor.
    Lz4 = 3,
    /// Levels -131072 to 22, the usual one is 3.
    Zstd = 4,
}

impl Compression {
    /// Every one of them.
    pub const ALL: [Self; 5] = [Self::None, Self::Gzip, Self::Snappy, Self::Lz4, Self::Zstd];

    /// Kafka's name for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Snappy => "snappy",
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
        }
    }

    fn check_level(self, level: Option<i32>) -> Result<(), RecordError> {
        let Some(level) = level else { return Ok(()) };
        let fits = match self {
            Self::None | Self::Snappy => true,
            Self::Gzip => level == -1 || (1..=9).contains(&level),
            Self::Lz4 => (1..=17).contains(&level),
            Self::Zstd => (-131_072..=22).contains(&level),
        };
        if fits { Ok(()) } else { Err(RecordError::new(RecordErrorKind::Level(self, level), 0)) }
    }
}

/// From the attributes of a batch.
impl TryFrom<i16> for Compression {
    type Error = RecordError;

    fn try_from(attributes: i16) -> Result<Self, RecordError> {
        let id = attributes & MASK;
        Self::ALL
            .into_iter()
            .find(|&compression| compression as i16 == id)
            .ok_or_else(|| RecordError::new(RecordErrorKind::UnknownCompression(id), 21))
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// From Kafka's names.
impl FromStr for Compression {
    type Err = UnknownCompression;

    fn from_str(name: &str) -> Result<Self, UnknownCompression> {
        Self::ALL
            .into_iter()
            .find(|compression| compression.name() == name)
            .ok_or_else(|| UnknownCompression(name.to_owned()))
    }
}

/// A name that is not one of a compression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownCompression(String);

impl fmt::Display for UnknownCompression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no compression is called {:?}: there are none, gzip, snappy, lz4, zstd", self.0)
    }
}

impl std::error::Error for UnknownCompression {}

/// Compresses batches one after the other. One per task: its context and buffer are used again.
pub struct Compressor {
    encoder: Encoder,
    spare: Vec<u8>,
}

enum Encoder {
    None,
    #[cfg(feature = "gzip")]
    Gzip(gzip::Encoder),
    #[cfg(feature = "snappy")]
    Snappy(Box<snappy::Encoder>),
    #[cfg(feature = "lz4")]
    Lz4(lz4::Encoder),
    #[cfg(feature = "zstd")]
    Zstd(Box<zstd::Encoder>),
}

impl Compressor {
    /// A compressor; the codec's usual level if none is given.
    ///
    /// # Errors
    /// When the codec has no such level, or is not in this build.
    pub fn new(compression: Compression, level: Option<i32>) -> Result<Self, RecordError> {
        compression.check_level(level)?;
        let encoder = match compression {
            Compression::None => Encoder::None,
            #[cfg(feature = "gzip")]
            Compression::Gzip => Encoder::Gzip(gzip::Encoder::new(level)),
            #[cfg(feature = "snappy")]
            Compression::Snappy => Encoder::Snappy(Box::new(snappy::Encoder::new())),
            #[cfg(feature = "lz4")]
            Compression::Lz4 => Encoder::Lz4(lz4::Encoder::new()),
            #[cfg(feature = "zstd")]
            Compression::Zstd => Encoder::Zstd(Box::new(zstd::Encoder::new(level)?)),
            #[allow(unreachable_patterns, reason = "every codec may be in the build")]
            missing => {
                return Err(RecordError::new(RecordErrorKind::CompressionNotBuilt(missing), 0));
            }
        };
        Ok(Self { encoder, spare: Vec::new() })
    }

    /// One that leaves batches as they are.
    pub const fn none() -> Self {
        Self { encoder: Encoder::None, spare: Vec::new() }
    }

    /// What it compresses with.
    pub fn compression(&self) -> Compression {
        match &self.encoder {
            Encoder::None => Compression::None,
            #[cfg(feature = "gzip")]
            Encoder::Gzip(_) => Compression::Gzip,
            #[cfg(feature = "snappy")]
            Encoder::Snappy(_) => Compression::Snappy,
            #[cfg(feature = "lz4")]
            Encoder::Lz4(_) => Compression::Lz4,
            #[cfg(feature = "zstd")]
            Encoder::Zstd(_) => Compression::Zstd,
        }
    }

    /// The batch with its records compressed behind room for a header, and how. `open` stays here for the next one;
    /// it comes back where there is nothing to compress, or the codec fails.
    pub(super) fn compress_batch(&mut self, open: Vec<u8>) -> (Vec<u8>, Compression) {
        let records = open.get(HEADER_LEN..).unwrap_or_default();
        if records.is_empty() || matches!(self.encoder, Encoder::None) {
            return (open, Compression::None);
        }
        let mut out = std::mem::take(&mut self.spare);
        out.clear();
        out.reserve(open.len());
        out.resize(HEADER_LEN, 0);
        if self.encoder.encode(records, &mut out).is_none() {
            self.spare = out;
            return (open, Compression::None);
        }
        self.spare = open;
        (out, self.compression())
    }
}

impl fmt::Debug for Compressor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Compressor").field(&self.compression()).finish()
    }
}

impl Encoder {
    /// Appends `records`, compressed, to `out`; `None` when the codec fails.
    #[allow(unused_variables, reason = "there may be no codec in the build")]
    fn encode(&mut self, records: &[u8], out: &mut Vec<u8>) -> Option<()> {
        match self {
            Self::None => None,
            #[cfg(feature = "gzip")]
            Self::Gzip(encoder) => encoder.encode(records, out),
            #[cfg(feature = "snappy")]
            Self::Snappy(encoder) => encoder.encode(records, out),
            #[cfg(feature = "lz4")]
            Self::Lz4(encoder) => encoder.encode(records, out),
            #[cfg(feature = "zstd")]
            Self::Zstd(encoder) => encoder.encode(records, out),
        }
    }
}

/// Decompresses the records of batches. One per task: its contexts and buffer are used again.
#[derive(Default)]
pub struct Decompressor {
    scratch: Scratch,
    #[cfg(feature = "gzip")]
    gzip: Option<gzip::Decoder>,
    #[cfg(feature = "zstd")]
    zstd: Option<Box<zstd::Decoder>>,
}

impl Decompressor {
    /// For every codec in the build; contexts are made when they are first needed.
    pub fn new() -> Self {
        Self::default()
    }

    /// What `compressed` holds, of at most `limit` bytes: for compressed bytes that are not the records of a batch.
    ///
    /// # Errors
    /// When the bytes are corrupt, hold more than `limit`, or the build lacks the codec.
    pub fn decompress(
        &mut self,
        compression: Compression,
        compressed: &[u8],
        limit: usize,
    ) -> Result<Bytes, RecordError> {
        self.decompress_records(compression, compressed, limit, false)
    }

    /// As [`Decompressor::decompress`]; `old_lz4` leaves the checksum of lz4's header alone.
    pub(super) fn decompress_records(
        &mut self,
        compression: Compression,
        compressed: &[u8],
        limit: usize,
        old_lz4: bool,
    ) -> Result<Bytes, RecordError> {
        self.scratch.start(limit);
        let decoded = self.decode(compression, compressed, old_lz4);
        let bytes = self.scratch.finish();
        decoded.map(|()| bytes).map_err(|bad| {
            let kind = match bad {
                Bad::Data(what) => RecordErrorKind::Codec(compression, what),
                Bad::OverLimit => RecordErrorKind::TooLarge { limit },
                Bad::NotBuilt => RecordErrorKind::CompressionNotBuilt(compression),
            };
            RecordError::new(kind, HEADER_LEN)
        })
    }

    #[cfg_attr(not(feature = "lz4"), allow(unused_variables, reason = "for lz4 alone"))]
    fn decode(
        &mut self,
        compression: Compression,
        compressed: &[u8],
        old_lz4: bool,
    ) -> Result<(), Bad> {
        let out = &mut self.scratch;
        match compression {
            Compression::None => {
                let room = out.room(compressed.len());
                room.get_mut(..compressed.len()).ok_or(Bad::OverLimit)?.copy_from_slice(compressed);
                out.advance(compressed.len());
                Ok(())
            }
            #[cfg(feature = "gzip")]
            Compression::Gzip => {
                self.gzip.get_or_insert_with(gzip::Decoder::new).decode(compressed, out)
            }
            #[cfg(feature = "snappy")]
            Compression::Snappy => snappy::decode(compressed, out),
            #[cfg(feature = "lz4")]
            Compression::Lz4 => lz4::decode(compressed, out, old_lz4),
            #[cfg(feature = "zstd")]
            Compression::Zstd => {
                let decoder = match &mut self.zstd {
                    Some(decoder) => decoder,
                    none => none.insert(Box::new(zstd::Decoder::new()?)),
                };
                decoder.decode(compressed, out)
            }
            #[allow(unreachable_patterns, reason = "every codec may be in the build")]
            _ => Err(Bad::NotBuilt),
        }
    }
}

impl fmt::Debug for Decompressor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decompressor").finish_non_exhaustive()
    }
}

/// Why data does not decompress.
#[allow(dead_code, reason = "there may be no codec in the build")]
enum Bad {
    Data(&'static str),
    OverLimit,
    NotBuilt,
}

/// A task that compresses or decompresses may move between threads.
const _: () = {
    const fn movable<T: Send>() {}
    movable::<Compressor>();
    movable::<Decompressor>();
};

//! `Records`: whole batches as they lie in a log, in memory or in a file.

use bytes::Bytes;
use std::fs::File;
use std::io;
use std::sync::Arc;

/// Whole record batches, as they lie in a log; in an answer to Fetch the last one may be cut.
#[derive(Clone, Debug)]
pub enum Records {
    /// In one piece.
    Bytes(Bytes),
    /// In several pieces, one after the other.
    Chain(Vec<Bytes>),
    /// In a file.
    File(FileRange),
}

/// A piece of a file, which has to stay as it is.
#[derive(Clone, Debug)]
pub struct FileRange {
    /// Opened for reading.
    pub file: Arc<File>,
    /// Where the piece begins.
    pub offset: u64,
    /// Its bytes.
    pub len: usize,
}

impl Records {
    /// How many bytes there are.
    pub fn len(&self) -> usize {
        match self {
            Self::Bytes(bytes) => bytes.len(),
            Self::Chain(pieces) => pieces.iter().map(Bytes::len).sum(),
            Self::File(range) => range.len,
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All of it in one piece: copied from several, read from a file.
    ///
    /// # Errors
    /// When the file cannot be read that far.
    pub fn to_bytes(&self) -> io::Result<Bytes> {
        match self {
            Self::Bytes(bytes) => Ok(bytes.clone()),
            Self::Chain(pieces) => match pieces.as_slice() {
                [piece] => Ok(piece.clone()),
                pieces => Ok(pieces.concat().into()),
            },
            Self::File(range) => range.read(),
        }
    }

    fn pieces(&self) -> &[Bytes] {
        match self {
            Self::Bytes(bytes) => std::slice::from_ref(bytes),
            Self::Chain(pieces) => pieces,
            Self::File(_) => &[],
        }
    }
}

impl FileRange {
    fn read(&self) -> io::Result<Bytes> {
        let mut bytes = vec![0; self.len];
        self.read_at(&mut bytes)?;
        Ok(bytes.into())
    }

    #[cfg(unix)]
    fn read_at(&self, bytes: &mut [u8]) -> io::Result<()> {
        std::os::unix::fs::FileExt::read_exact_at(&*self.file, bytes, self.offset)
    }

    #[cfg(windows)]
    fn read_at(&self, mut bytes: &mut [u8]) -> io::Result<()> {
        let mut offset = self.offset;
        while !bytes.is_empty() {
            let read = std::os::windows::fs::FileExt::seek_read(&*self.file, bytes, offset)?;
            if read == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            offset += read as u64;
            bytes = &mut bytes[read..];
        }
        Ok(())
    }
}

impl Default for Records {
    fn default() -> Self {
        Self::Bytes(Bytes::new())
    }
}

impl From<Bytes> for Records {
    fn from(bytes: Bytes) -> Self {
        Self::Bytes(bytes)
    }
}

impl From<Vec<u8>> for Records {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(bytes.into())
    }
}

/// In memory what counts is the bytes, not how they are cut; in a file, that it is the same piece of the same one.
impl PartialEq for Records {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::File(a), Self::File(b)) => {
                Arc::ptr_eq(&a.file, &b.file) && a.offset == b.offset && a.len == b.len
            }
            (Self::File(_), _) | (_, Self::File(_)) => false,
            _ => self.pieces().iter().flatten().eq(other.pieces().iter().flatten()),
        }
    }
}

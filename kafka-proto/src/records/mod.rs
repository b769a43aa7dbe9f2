//! Record batches.
use bytes::Bytes;
/// Whole record batches, as they lie in a log.
#[derive(Clone, Debug, PartialEq)]
pub enum Records {
    /// In one piece.
    Bytes(Bytes),
    /// In several.
    Chain(Vec<Bytes>),
    /// In a file.
    File(()),
}
impl Records {
    /// Bytes.
    pub fn len(&self) -> usize {
        match self {
            Self::Bytes(b) => b.len(),
            Self::Chain(c) => c.iter().map(Bytes::len).sum(),
            Self::File(()) => 0,
        }
    }
    /// Empty.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// One piece.
    pub fn to_bytes(&self) -> std::io::Result<Bytes> {
        match self {
            Self::Bytes(b) => Ok(b.clone()),
            Self::Chain(c) => Ok(c.concat().into()),
            Self::File(()) => Ok(Bytes::new()),
        }
    }
}

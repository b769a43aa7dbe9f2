//! Why a message could not be written or read, and where in it.

use std::fmt;

/// A value that cannot be written at the asked version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncodeError(Box<(EncodeReason, String)>);

/// Why a value cannot be written.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EncodeReason {
    /// The field is set, and this version has no place for it.
    Lost {
        /// The version asked for.
        version: i16,
    },
    /// Null, where this version does not allow it.
    Null,
    /// Longer than its length prefix can say.
    TooLong(usize),
    /// The message does not exist in this version.
    Version {
        /// The message.
        name: &'static str,
        /// The version asked for.
        version: i16,
    },
    /// Records that lie in a file could not be read.
    File(std::io::ErrorKind),
}

impl EncodeError {
    pub(crate) fn new(reason: EncodeReason) -> Self {
        Self(Box::new((reason, String::new())))
    }

    #[cold]
    pub(crate) fn lost(version: i16) -> Self {
        Self::new(EncodeReason::Lost { version })
    }

    #[cold]
    pub(crate) fn within(mut self, field: &str) -> Self {
        self.0.1.insert_str(0, &format!(".{field}"));
        self
    }

    #[cold]
    pub(crate) fn item(mut self, index: usize) -> Self {
        self.0.1.insert_str(0, &format!("[{index}]"));
        self
    }

    /// Why.
    pub fn reason(&self) -> &EncodeReason {
        &self.0.0
    }

    /// Which field, like `.topics[0].name`; empty for the message as a whole.
    pub fn path(&self) -> &str {
        &self.0.1
    }
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (reason, path) = &*self.0;
        if !path.is_empty() {
            write!(f, "{path}: ")?;
        }
        match reason {
            EncodeReason::Lost { version } => {
                write!(f, "is set, but version {version} of the message cannot carry it")
            }
            EncodeReason::Null => f.write_str("is null, which this version does not allow"),
            EncodeReason::TooLong(len) => write!(f, "length {len} is more than the format allows"),
            EncodeReason::Version { name, version } => {
                write!(f, "{name} has no version {version} here")
            }
            EncodeReason::File(kind) => write!(f, "records in a file could not be read: {kind}"),
        }
    }
}

impl std::error::Error for EncodeError {}

/// Bytes that do not hold the message they should.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecodeError(Box<(DecodeReason, String, usize)>);

/// Why bytes cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DecodeReason {
    /// The bytes end before the value does.
    Short {
        /// Bytes that the value needs.
        needed: usize,
        /// Bytes that are left.
        left: usize,
    },
    /// A length that the bytes left cannot hold.
    Length(i64),
    /// An array of more elements than the bytes left, or the limit, allow.
    Count(i64),
    /// Null, where this version does not allow it.
    Null,
    /// A variable-length integer of too many bytes.
    Varint,
    /// A string over 32,767 bytes.
    LongString(usize),
    /// What was read takes more memory than the length of the bytes justifies.
    Budget {
        /// Bytes of memory that the value needs.
        needed: usize,
        /// Bytes that may still be taken.
        left: usize,
    },
    /// More tagged fields than the limit.
    TaggedFields(u32),
    /// A tagged field that other versions have, and this one has not.
    Tag {
        /// Its number.
        tag: u32,
        /// The version of the message.
        version: i16,
    },
    /// Bytes are left after the message.
    Trailing(usize),
    /// The message does not exist in this version.
    Version {
        /// The message.
        name: &'static str,
        /// The version found.
        version: i16,
    },
    /// A stored record of another type.
    Type {
        /// What was expected.
        name: &'static str,
        /// The number of the type found.
        number: i16,
    },
    /// A record of a metadata log whose frame has a version that is not known here.
    Frame(u32),
}

impl DecodeError {
    #[cold]
    pub(crate) fn new(reason: DecodeReason, at: usize) -> Self {
        Self(Box::new((reason, String::new(), at)))
    }

    #[cold]
    pub(crate) fn within(mut self, field: &str) -> Self {
        self.0.1.insert_str(0, &format!(".{field}"));
        self
    }

    #[cold]
    pub(crate) fn item(mut self, index: usize) -> Self {
        self.0.1.insert_str(0, &format!("[{index}]"));
        self
    }

    /// Why.
    pub fn reason(&self) -> &DecodeReason {
        &self.0.0
    }

    /// Which field, like `.topics[0].partitions[6].records`; empty for the message as a whole.
    pub fn path(&self) -> &str {
        &self.0.1
    }

    /// At which byte of the frame, counted behind the length prefix.
    pub fn at(&self) -> usize {
        self.0.2
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (reason, path, at) = &*self.0;
        if !path.is_empty() {
            write!(f, "{path}: ")?;
        }
        match reason {
            DecodeReason::Short { needed, left } => {
                write!(f, "needs {needed} bytes, {left} are left")
            }
            DecodeReason::Length(len) => write!(f, "length {len} does not fit"),
            DecodeReason::Count(count) => write!(f, "array of {count} elements does not fit"),
            DecodeReason::Null => f.write_str("null is not allowed"),
            DecodeReason::Varint => f.write_str("variable-length integer is too long"),
            DecodeReason::LongString(len) => write!(f, "string of {len} bytes is too long"),
            DecodeReason::Budget { needed, left } => write!(
                f,
                "needs {needed} bytes of memory, {left} are left of what its length justifies"
            ),
            DecodeReason::TaggedFields(count) => write!(f, "{count} tagged fields are too many"),
            DecodeReason::Trailing(left) => write!(f, "{left} bytes are left over"),
            DecodeReason::Version { name, version } => {
                write!(f, "{name} has no version {version} here")
            }
            DecodeReason::Tag { tag, version } => {
                write!(f, "tagged field {tag} is of other versions than {version}")
            }
            DecodeReason::Type { name, number } => write!(f, "type {number} is no {name}"),
            DecodeReason::Frame(version) => write!(f, "unknown frame version {version}"),
        }?;
        write!(f, " at byte {at}")
    }
}

impl std::error::Error for DecodeError {}

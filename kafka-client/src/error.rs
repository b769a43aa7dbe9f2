//! The one error of this crate.
//!
//! One type, because callers ask all errors the same questions: what kind, which code of the broker, and what to do
//! next. It is cheap to clone, since one failed batch fails all of its records.

use kafka_proto::ErrorCode;
use std::fmt;
use std::sync::Arc;

/// What went wrong, with what was asked, of what, why it failed and what to do next.
#[derive(Clone)]
pub struct Error(Arc<Inner>);

/// What this crate's fallible operations return.
pub type Result<T, E = Error> = std::result::Result<T, E>;

#[derive(Clone)]
struct Inner {
    kind: ErrorKind,
    code: Option<ErrorCode>,
    asked: String,
    reason: String,
    topic: Option<(Arc<str>, Option<i32>)>,
    possibly_written: bool,
    source: Option<Arc<dyn std::error::Error + Send + Sync>>,
}

/// What kind of failure an [`Error`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A setting or an argument is wrong: the call cannot succeed.
    Invalid,
    /// No connection to any broker, or to the one that is needed.
    Connect,
    /// A connection ended while an answer was awaited.
    Disconnected,
    /// Time ran out.
    Timeout,
    /// The broker does not offer what is needed.
    Unsupported,
    /// The other side sent what the protocol does not allow.
    Protocol,
    /// The broker answered with an error code.
    Broker,
    /// The topic or partition does not exist.
    UnknownTopicOrPartition,
    /// A record is larger than is allowed.
    RecordTooLarge,
    /// There is no room in the buffer right now, or what is needed is not known yet; waiting helps.
    WouldBlock,
    /// This producer, consumer or client was closed.
    Closed,
    /// A record batch is damaged.
    CorruptBatch,
    /// The position is outside of the partition's log, and no reset policy is set.
    OffsetOutOfRange,
    /// Another producer or member has taken this one's place.
    Fenced,
    /// The group has shared its partitions out anew: what was asked as a member of before came too late.
    Rebalanced,
    /// The application's handler failed; its own error is the source.
    Handler,
}

impl ErrorKind {
    fn text(self) -> &'static str {
        match self {
            Self::Invalid => "invalid",
            Self::Connect => "no connection",
            Self::Disconnected => "disconnected",
            Self::Timeout => "timed out",
            Self::Unsupported => "not supported by the broker",
            Self::Protocol => "protocol error",
            Self::Broker => "refused by the broker",
            Self::UnknownTopicOrPartition => "unknown topic or partition",
            Self::RecordTooLarge => "record too large",
            Self::WouldBlock => "would have to wait",
            Self::Closed => "closed",
            Self::CorruptBatch => "corrupt record batch",
            Self::OffsetOutOfRange => "offset out of range",
            Self::Fenced => "fenced",
            Self::Rebalanced => "rebalanced",
            Self::Handler => "the handler failed",
        }
    }
}

/// What the broker said, and what to do next where that is not plain.
fn reason(code: ErrorCode, text: &str) -> String {
    let text = if text.is_empty() { code.meaning() } else { text };
    let advice = match code {
        ErrorCode::TOPIC_AUTHORIZATION_FAILED | ErrorCode::CLUSTER_AUTHORIZATION_FAILED => {
            "an ACL has to allow it"
        }
        ErrorCode::MESSAGE_TOO_LARGE | ErrorCode::RECORD_LIST_TOO_LARGE => {
            "send smaller records, or raise max.message.bytes of the topic"
        }
        _ => return format!("{code}: {text}"),
    };
    format!("{code}: {}; {advice}", text.trim_end_matches('.'))
}

impl Error {
    /// An error of `kind` while doing what `asked` says, because of `reason`.
    #[cold]
    pub(crate) fn new(
        kind: ErrorKind,
        asked: impl Into<String>,
        reason: impl Into<String>,
    ) -> Self {
        Self(Arc::new(Inner {
            kind,
            code: None,
            asked: asked.into(),
            reason: reason.into(),
            topic: None,
            possibly_written: false,
            source: None,
        }))
    }

    /// The broker's answer `code` to what `asked` says.
    #[cold]
    pub(crate) fn broker(code: ErrorCode, asked: impl Into<String>) -> Self {
        let kind = match code {
            ErrorCode::UNKNOWN_TOPIC_OR_PARTITION | ErrorCode::UNKNOWN_TOPIC_ID => {
                ErrorKind::UnknownTopicOrPartition
            }
            ErrorCode::OFFSET_OUT_OF_RANGE => ErrorKind::OffsetOutOfRange,
            ErrorCode::MESSAGE_TOO_LARGE | ErrorCode::RECORD_LIST_TOO_LARGE => {
                ErrorKind::RecordTooLarge
            }
            ErrorCode::CORRUPT_MESSAGE => ErrorKind::CorruptBatch,
            ErrorCode::UNSUPPORTED_VERSION => ErrorKind::Unsupported,
            ErrorCode::INVALID_PRODUCER_EPOCH
            | ErrorCode::PRODUCER_FENCED
            | ErrorCode::FENCED_INSTANCE_ID => ErrorKind::Fenced,
            _ => ErrorKind::Broker,
        };
        Self::new(kind, asked, reason(code, code.meaning())).with_code(code)
    }

    /// As [`Error::broker`], with `text` in place of what the code means in general.
    #[cold]
    pub(crate) fn broker_says(code: ErrorCode, asked: impl Into<String>, text: &str) -> Self {
        Self::broker(code, asked).change(|inner| inner.reason = reason(code, text))
    }

    /// This, as what came of doing what `asked` says.
    #[cold]
    pub(crate) fn while_doing(self, asked: impl Into<String>) -> Self {
        let Inner { kind, code, asked: part, reason, .. } = &*self.0;
        let mut error = Self::new(*kind, asked, format!("{part}: {reason}"));
        if let Some(code) = code {
            error = error.with_code(*code);
        }
        error.with_source(self)
    }

    /// What happened, without what was asked.
    pub(crate) fn what_happened(&self) -> String {
        format!("{}: {}", self.0.kind.text(), self.0.reason)
    }

    /// Why it failed, without what was asked.
    pub(crate) fn reason(&self) -> &str {
        &self.0.reason
    }

    /// The same, with more to its reason.
    #[cold]
    pub(crate) fn adding(self, text: &str) -> Self {
        self.change(|inner| inner.reason.push_str(text))
    }

    #[cold]
    fn change(mut self, change: impl FnOnce(&mut Inner)) -> Self {
        change(Arc::make_mut(&mut self.0));
        self
    }

    pub(crate) fn with_code(self, code: ErrorCode) -> Self {
        self.change(|inner| inner.code = Some(code))
    }

    pub(crate) fn with_topic(self, topic: &Arc<str>, partition: Option<i32>) -> Self {
        self.change(|inner| inner.topic = Some((topic.clone(), partition)))
    }

    pub(crate) fn with_source(
        self,
        source: impl std::error::Error + Send + Sync + 'static,
    ) -> Self {
        self.with_shared_source(Arc::new(source))
    }

    pub(crate) fn with_shared_source(
        self,
        source: Arc<dyn std::error::Error + Send + Sync>,
    ) -> Self {
        self.change(|inner| inner.source = Some(source))
    }

    pub(crate) fn maybe_written(self, possibly_written: bool) -> Self {
        self.change(|inner| inner.possibly_written = possibly_written)
    }

    /// What kind of failure it is.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The broker's error code, if a broker answered with one.
    pub fn code(&self) -> Option<ErrorCode> {
        self.0.code
    }

    /// The topic it is about, if it is about one.
    pub fn topic(&self) -> Option<&str> {
        self.0.topic.as_ref().map(|(topic, _)| &**topic)
    }

    /// The partition it is about, if it is about one.
    pub fn partition(&self) -> Option<i32> {
        self.0.topic.as_ref().and_then(|(_, partition)| *partition)
    }

    /// Whether the same call may succeed later.
    pub fn is_retriable(&self) -> bool {
        match self.0.kind {
            ErrorKind::Connect
            | ErrorKind::Disconnected
            | ErrorKind::Timeout
            | ErrorKind::WouldBlock => true,
            _ => self.0.code.is_some_and(ErrorCode::is_retriable),
        }
    }

    /// Whether the transaction it happened in has to be aborted.
    pub fn needs_abort(&self) -> bool {
        false
    }

    /// Whether the producer or consumer that reports it is of no more use.
    pub fn is_fatal(&self) -> bool {
        matches!(self.0.kind, ErrorKind::Closed | ErrorKind::Fenced)
    }

    /// Of a failed send: whether the record may be in the log all the same. If not, it certainly is not there.
    pub fn possibly_written(&self) -> bool {
        self.0.possibly_written
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = &*self.0;
        write!(f, "{}", inner.asked)?;
        match &inner.topic {
            Some((topic, Some(partition))) => write!(f, " ({topic}-{partition})")?,
            Some((topic, None)) => write!(f, " ({topic})")?,
            None => {}
        }
        write!(f, ": {}", inner.kind.text())?;
        if !inner.reason.is_empty() {
            write!(f, ": {}", inner.reason)?;
        }
        if inner.possibly_written {
            f.write_str("; the record may have been written")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("kind", &self.0.kind)
            .field("code", &self.0.code)
            .field("possibly_written", &self.0.possibly_written)
            .field("text", &self.to_string())
            .finish()
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        let source = self.0.source.as_deref()?;
        Some(source)
    }
}

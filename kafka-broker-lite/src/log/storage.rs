//! Where the bytes of logs live: files that are appended to, read at a position, cut short and renamed.
//!
//! A `Storage` knows nothing of batches. What `read` gives stays valid and unchanged while the file is appended to or
//! deleted, because whoever asked may still be sending it. Everything is done at once but for forcing bytes to the
//! medium: that is a job, to be run wherever waiting does no harm.
//!
//! Names are paths below the log directory, with `/` between their parts.

use bytes::Bytes;
use kafka_proto::records::Records;
use std::fmt;
use std::time::Duration;

/// A file of a [`Storage`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId(pub u64);

/// A storage that could not do what it was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StorageError {
    /// What was tried, and on what.
    pub what: String,
    /// Why it failed.
    pub kind: std::io::ErrorKind,
}

impl StorageError {
    pub(crate) fn new(what: impl Into<String>, kind: std::io::ErrorKind) -> Self {
        Self { what: what.into(), kind }
    }

    pub(crate) fn corrupt(what: impl Into<String>) -> Self {
        Self::new(what, std::io::ErrorKind::InvalidData)
    }
}

impl fmt::Display for StorageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, self.kind)
    }
}

impl std::error::Error for StorageError {}

/// Whether a small file is to be on the medium when it has been replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replace {
    /// It is: a loss of power leaves the new content.
    Synced,
    /// Only the end of the process leaves it; after a loss of power it may be the old one, the new one or garbage.
    Written,
}

/// Forces bytes to the medium when it is run.
pub struct SyncJob {
    run: Box<dyn FnOnce() -> Result<(), StorageError> + Send>,
    /// Whether running it takes a while, so that it belongs on a thread of its own.
    pub(crate) waits: bool,
    /// How much later it has to be run, where the medium is simulated.
    takes: Duration,
}

impl SyncJob {
    pub(crate) fn new(
        waits: bool,
        run: impl FnOnce() -> Result<(), StorageError> + Send + 'static,
    ) -> Self {
        Self { run: Box::new(run), waits, takes: Duration::ZERO }
    }

    pub(crate) fn taking(self, takes: Duration) -> Self {
        Self { takes, ..self }
    }

    /// How much later it has to be run, where the medium is simulated.
    pub(crate) fn takes(&self) -> Duration {
        self.takes
    }

    /// Whether it takes a while, so that it belongs on a thread of its own.
    #[must_use]
    pub fn waits(&self) -> bool {
        self.waits
    }

    /// Does it.
    ///
    /// # Errors
    /// When the medium did not take the bytes. Which of them it has is then unknown, and asking again tells nothing.
    pub fn run(self) -> Result<(), StorageError> {
        (self.run)()
    }
}

impl fmt::Debug for SyncJob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SyncJob").field("waits", &self.waits).finish_non_exhaustive()
    }
}

/// The seam between logs and what keeps them.
pub trait Storage: Send + fmt::Debug {
    /// Whether what is written outlives the process, so that there is a point in leaving notes for the next one.
    fn is_durable(&self) -> bool;

    /// The bytes of the medium, and those of them that can still be written; `None` when nobody knows.
    fn space(&self) -> Option<(u64, u64)> {
        None
    }

    /// Makes an empty file, in place of one of that name.
    ///
    /// # Errors
    /// When it cannot be made.
    fn create(&mut self, name: &str) -> Result<FileId, StorageError>;

    /// Opens a file that is there, and gives its length.
    ///
    /// # Errors
    /// When it is not there or cannot be opened.
    fn open(&mut self, name: &str) -> Result<(FileId, u64), StorageError>;

    /// Forgets the id of a file, and leaves the file.
    fn close(&mut self, file: FileId);

    /// Appends `parts`, one behind the other, all or nothing.
    ///
    /// # Errors
    /// When they cannot be written; the file is then as long as before.
    fn append(&mut self, file: FileId, parts: &[&[u8]]) -> Result<(), StorageError>;

    /// The bytes from `position` on, `len` of them.
    ///
    /// # Errors
    /// When the file does not hold them, or cannot be read.
    fn read(&mut self, file: FileId, position: u64, len: u64) -> Result<Records, StorageError>;

    /// Cuts the file to `len` bytes.
    ///
    /// # Errors
    /// When it cannot be cut.
    fn truncate(&mut self, file: FileId, len: u64) -> Result<(), StorageError>;

    /// Deletes the file.
    ///
    /// # Errors
    /// When it cannot be deleted.
    fn delete(&mut self, file: FileId) -> Result<(), StorageError>;

    /// What forces everything that is now in `files`, and every change of names up to now, to the medium.
    ///
    /// # Errors
    /// When one of them cannot be opened.
    fn sync(&mut self, files: &[FileId]) -> Result<SyncJob, StorageError>;

    /// What forces everything in the storage to the medium.
    ///
    /// # Errors
    /// When a file cannot be opened.
    fn sync_everything(&mut self) -> Result<SyncJob, StorageError>;

    /// The names of the files and directories in a directory, in order; none when there is no such directory.
    ///
    /// # Errors
    /// When it cannot be read.
    fn list(&mut self, directory: &str) -> Result<Vec<String>, StorageError>;

    /// All of a small file; `None` when it is not there.
    ///
    /// # Errors
    /// When it cannot be read.
    fn load(&mut self, name: &str) -> Result<Option<Bytes>, StorageError>;

    /// Writes all of a small file. Whoever reads it later finds all of the old content or all of the new.
    ///
    /// # Errors
    /// When it cannot be written.
    fn replace(&mut self, name: &str, content: &[u8], how: Replace) -> Result<(), StorageError>;

    /// Renames a file or a directory.
    ///
    /// # Errors
    /// When it cannot be renamed.
    fn rename(&mut self, from: &str, to: &str) -> Result<(), StorageError>;

    /// Deletes a file, or a directory with all that is in it; what is not there is no error.
    ///
    /// # Errors
    /// When it cannot be deleted.
    fn remove(&mut self, name: &str) -> Result<(), StorageError>;
}

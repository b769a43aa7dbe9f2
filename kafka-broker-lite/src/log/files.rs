//! Keeps logs in a directory of the file system.
//!
//! An append is one call that writes all parts. Few files are open at a time, however many there are: one that was not
//! used for a while is closed and opened again when it is asked for.

use super::storage::{FileId, Replace, Storage, StorageError, SyncJob};
use bytes::Bytes;
use kafka_proto::records::{FileRange, Records};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, IoSlice, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Files that are kept open.
const MOST_OPEN: usize = 512;

/// Parts that one append may have.
const MOST_PARTS: usize = 8;

/// A directory of logs, held by this process alone.
#[derive(Debug)]
pub struct FileStorage {
    root: PathBuf,
    files: BTreeMap<FileId, LogFile>,
    next: u64,
    /// Open files; the first that was not used since it last came to the front is closed next.
    open: VecDeque<FileId>,
    /// Directories with entries that may not be on the medium.
    changed: BTreeSet<PathBuf>,
    /// Held until the storage is dropped.
    _lock: File,
}

#[derive(Debug)]
struct LogFile {
    path: PathBuf,
    len: u64,
    file: Option<Arc<File>>,
    used: bool,
}

/// A log directory that cannot be used.
#[derive(Debug)]
#[non_exhaustive]
pub enum OpenError {
    /// Another process holds it.
    Locked(PathBuf),
    /// The system refuses it.
    Io(PathBuf, io::Error),
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Locked(path) => write!(
                f,
                "log directory {} is in use: another broker holds the lock on its file .lock; \
                 stop that broker or give this one another log.dirs",
                path.display()
            ),
            Self::Io(path, error) => {
                write!(f, "log directory {} cannot be used: {error}", path.display())
            }
        }
    }
}

impl std::error::Error for OpenError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Locked(_) => None,
            Self::Io(_, error) => Some(error),
        }
    }
}

impl OpenError {
    /// The same, as what keeps a storage from being used.
    pub(crate) fn to_storage_error(&self) -> StorageError {
        let kind = match self {
            Self::Locked(_) => io::ErrorKind::WouldBlock,
            Self::Io(_, error) => error.kind(),
        };
        StorageError::new(self.to_string(), kind)
    }
}

impl FileStorage {
    /// Takes the directory, which is made when it is not there.
    ///
    /// # Errors
    /// When another process has it, or the system does not let us write there.
    pub fn new(root: impl Into<PathBuf>) -> Result<Self, OpenError> {
        let root = root.into();
        let failed = |error| OpenError::Io(root.clone(), error);
        fs::create_dir_all(&root).map_err(failed)?;
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let lock = options.open(root.join(".lock")).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(OpenError::Locked(root)),
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        Ok(Self {
            root,
            files: BTreeMap::new(),
            next: 0,
            open: VecDeque::new(),
            changed: BTreeSet::new(),
            _lock: lock,
        })
    }

    fn add(&mut self, path: PathBuf, file: File, len: u64) -> FileId {
        let id = FileId(self.next);
        self.next += 1;
        self.files.insert(id, LogFile { path, len, file: Some(Arc::new(file)), used: true });
        self.opened(id);
        id
    }

    /// Notes that a file is open, and closes another when there are too many.
    fn opened(&mut self, id: FileId) {
        self.open.push_back(id);
        while self.open.len() > MOST_OPEN {
            let Some(oldest) = self.open.pop_front() else { break };
            let Some(file) = self.files.get_mut(&oldest) else { continue };
            if std::mem::take(&mut file.used) {
                self.open.push_back(oldest);
            } else {
                file.file = None;
            }
        }
    }

    /// The file, opened, and its length.
    fn get(&mut self, id: FileId, what: &str) -> Result<(Arc<File>, &mut u64), StorageError> {
        let gone = || StorageError::new(format!("{what} file {}", id.0), io::ErrorKind::NotFound);
        let known = self.files.get_mut(&id).ok_or_else(gone)?;
        if known.file.is_none() {
            let opened =
                append_options().open(&known.path).map_err(|e| fail("open", &known.path, &e))?;
            known.file = Some(Arc::new(opened));
            known.used = true;
            self.opened(id);
        }
        let known = self.files.get_mut(&id).ok_or_else(gone)?;
        known.used = true;
        let file = known.file.clone().ok_or_else(gone)?;
        Ok((file, &mut known.len))
    }

    fn path_of(&self, id: FileId) -> PathBuf {
        self.files.get(&id).map(|file| file.path.clone()).unwrap_or_default()
    }

    fn changed_in(&mut self, path: &Path) {
        if let Some(parent) = path.parent() {
            self.changed.insert(parent.to_owned());
        }
    }

    /// Makes the directory that a file is to lie in.
    fn make_parent(&mut self, path: &Path) -> Result<(), StorageError> {
        let Some(parent) = path.parent() else { return Ok(()) };
        if !parent.exists() {
            fs::create_dir_all(parent).map_err(|error| fail("create", parent, &error))?;
            self.changed_in(parent);
        }
        Ok(())
    }
}

fn append_options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).append(true);
    options
}

fn fail(what: &str, path: &Path, error: &io::Error) -> StorageError {
    StorageError::new(format!("{what} {}", path.display()), error.kind())
}

/// What is not there need not be deleted.
fn unless_missing(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result,
    }
}

impl Storage for FileStorage {
    fn is_durable(&self) -> bool {
        true
    }

    fn space(&self) -> Option<(u64, u64)> {
        let space = rustix::fs::statvfs(&self.root).ok()?;
        Some((space.f_blocks * space.f_frsize, space.f_bavail * space.f_frsize))
    }

    fn create(&mut self, name: &str) -> Result<FileId, StorageError> {
        let path = self.root.join(name);
        self.make_parent(&path)?;
        let failed = |error| fail("create", &path, &error);
        let file = append_options().create(true).open(&path).map_err(failed)?;
        file.set_len(0).map_err(failed)?;
        self.changed_in(&path);
        Ok(self.add(path, file, 0))
    }

    fn open(&mut self, name: &str) -> Result<(FileId, u64), StorageError> {
        let path = self.root.join(name);
        let failed = |error| fail("open", &path, &error);
        let file = append_options().open(&path).map_err(failed)?;
        let len = file.metadata().map_err(failed)?.len();
        Ok((self.add(path, file, len), len))
    }

    fn close(&mut self, file: FileId) {
        self.files.remove(&file);
    }

    fn append(&mut self, file: FileId, parts: &[&[u8]]) -> Result<(), StorageError> {
        let (opened, len) = self.get(file, "append to")?;
        let before = *len;
        match write_all(&opened, parts) {
            Ok(written) => {
                *len += written;
                Ok(())
            }
            Err(error) => {
                // Whatever was written of it is cut off, or would be a batch that nobody was told of.
                let cut = opened.set_len(before);
                let path = self.path_of(file);
                cut.map_err(|error| fail("cut", &path, &error))?;
                Err(fail("append to", &path, &error))
            }
        }
    }

    fn read(&mut self, file: FileId, position: u64, len: u64) -> Result<Records, StorageError> {
        let (opened, end) = self.get(file, "read")?;
        let fits = position.checked_add(len).is_some_and(|to| to <= *end);
        match usize::try_from(len) {
            Ok(len) if fits => Ok(Records::File(FileRange { file: opened, offset: position, len })),
            _ => {
                let what =
                    format!("read {len} bytes at {position} of {}", self.path_of(file).display());
                Err(StorageError::new(what, io::ErrorKind::UnexpectedEof))
            }
        }
    }

    fn truncate(&mut self, file: FileId, len: u64) -> Result<(), StorageError> {
        let (opened, end) = self.get(file, "truncate")?;
        *end = len.min(*end);
        let len = *end;
        opened.set_len(len).map_err(|error| fail("cut", &self.path_of(file), &error))
    }

    fn delete(&mut self, file: FileId) -> Result<(), StorageError> {
        let path = self.path_of(file);
        self.files.remove(&file);
        self.changed_in(&path);
        unless_missing(fs::remove_file(&path)).map_err(|error| fail("delete", &path, &error))
    }

    fn sync(&mut self, files: &[FileId]) -> Result<SyncJob, StorageError> {
        let mut opened = Vec::with_capacity(files.len());
        for id in files {
            let (file, _) = self.get(*id, "sync")?;
            opened.push((self.path_of(*id), file));
        }
        let directories = std::mem::take(&mut self.changed);
        Ok(SyncJob::new(true, move || {
            for (path, file) in opened {
                file.sync_data().map_err(|error| fail("sync", &path, &error))?;
            }
            directories.iter().try_for_each(|directory| sync_directory(directory))
        }))
    }

    /// With one call for the whole file system, which takes far less time than one for each of many files.
    #[cfg(target_os = "linux")]
    fn sync_everything(&mut self) -> Result<SyncJob, StorageError> {
        let root = self.root.clone();
        Ok(SyncJob::new(true, move || {
            let synced = File::open(&root).and_then(|root| Ok(rustix::fs::syncfs(&root)?));
            synced.map_err(|error| fail("sync", &root, &error))
        }))
    }

    #[cfg(not(target_os = "linux"))]
    fn sync_everything(&mut self) -> Result<SyncJob, StorageError> {
        let files: Vec<FileId> = self.files.keys().copied().collect();
        self.sync(&files)
    }

    fn list(&mut self, directory: &str) -> Result<Vec<String>, StorageError> {
        let path = self.root.join(directory);
        let failed = |error: io::Error| fail("list", &path, &error);
        let entries = match fs::read_dir(&path) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(failed(error)),
        };
        let mut names = Vec::new();
        for entry in entries {
            names.extend(entry.map_err(failed)?.file_name().into_string().ok());
        }
        names.sort_unstable();
        Ok(names)
    }

    fn load(&mut self, name: &str) -> Result<Option<Bytes>, StorageError> {
        let path = self.root.join(name);
        match fs::read(&path) {
            Ok(bytes) => Ok(Some(bytes.into())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(fail("read", &path, &error)),
        }
    }

    fn replace(&mut self, name: &str, content: &[u8], how: Replace) -> Result<(), StorageError> {
        let path = self.root.join(name);
        self.make_parent(&path)?;
        let beside = self.root.join(format!("{name}.tmp"));
        let written = File::create(&beside).and_then(|mut file| {
            file.write_all(content)?;
            if how == Replace::Synced { file.sync_all() } else { Ok(()) }
        });
        written
            .and_then(|()| fs::rename(&beside, &path))
            .map_err(|error| fail("write", &path, &error))?;
        match path.parent() {
            Some(parent) if how == Replace::Synced => sync_directory(parent),
            _ => Ok(()),
        }
    }

    fn rename(&mut self, from: &str, to: &str) -> Result<(), StorageError> {
        let (from, to) = (self.root.join(from), self.root.join(to));
        fs::rename(&from, &to).map_err(|error| fail("rename", &from, &error))?;
        self.changed_in(&to);
        Ok(())
    }

    fn remove(&mut self, name: &str) -> Result<(), StorageError> {
        let path = self.root.join(name);
        let removed =
            if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
        self.changed_in(&path);
        unless_missing(removed).map_err(|error| fail("delete", &path, &error))
    }
}

fn sync_directory(path: &Path) -> Result<(), StorageError> {
    // One that was deleted meanwhile has nothing to keep.
    match File::open(path).and_then(|directory| directory.sync_all()) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(fail("sync", path, &error)),
        _ => Ok(()),
    }
}

/// Appends all parts, with one call unless the system takes less; gives how many bytes that were.
fn write_all(mut file: &File, parts: &[&[u8]]) -> io::Result<u64> {
    let mut slices = [IoSlice::new(&[]); MOST_PARTS];
    let mut sum = 0;
    for parts in parts.chunks(MOST_PARTS) {
        let mut filled = 0;
        for (slot, part) in slices.iter_mut().zip(parts) {
            *slot = IoSlice::new(part);
            sum += part.len() as u64;
            filled += 1;
        }
        let mut left = slices.get_mut(..filled).unwrap_or_default();
        IoSlice::advance_slices(&mut left, 0);
        while !left.is_empty() {
            match file.write_vectored(left) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => IoSlice::advance_slices(&mut left, written),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
    Ok(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A directory that is gone when it is dropped.
    struct Scratch(PathBuf);

    impl Scratch {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("{name}-{}", std::process::id()));
            let _none_left = fs::remove_dir_all(&path);
            Self(path)
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            let _gone = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn what_is_appended_is_read_and_outlives_the_storage() {
        let scratch = Scratch::new("files-append");
        let mut storage = FileStorage::new(&scratch.0).unwrap();
        let file = storage.create("t-0/a.log").unwrap();
        let many: Vec<Vec<u8>> = (0..20).map(|at| vec![at; usize::from(at)]).collect();
        let parts: Vec<&[u8]> = many.iter().map(|part| &part[..]).collect();
        storage.append(file, &parts).unwrap();
        let held = storage.read(file, 3, 7).unwrap();
        storage.append(file, &[b"x", b"yz"]).unwrap();
        storage.sync(&[file]).unwrap().run().unwrap();
        let all = [many.concat(), b"xyz".to_vec()].concat();
        assert_eq!(held.to_bytes().unwrap(), all[3..10]);
        storage.truncate(file, 100).unwrap();
        assert!(storage.read(file, 99, 2).is_err());
        storage.rename("t-0/a.log", "t-0/a.log.deleted").unwrap();
        drop(storage);
        let mut storage = FileStorage::new(&scratch.0).unwrap();
        let (file, len) = storage.open("t-0/a.log.deleted").unwrap();
        assert_eq!(len, 100);
        assert_eq!(storage.read(file, 0, 100).unwrap().to_bytes().unwrap(), all[..100]);
        assert_eq!(storage.list("t-0").unwrap(), ["a.log.deleted"]);
        storage.remove("t-0").unwrap();
        assert!(storage.list("t-0").unwrap().is_empty());
    }

    #[test]
    fn more_files_than_may_be_open() {
        let scratch = Scratch::new("files-open");
        let mut storage = FileStorage::new(&scratch.0).unwrap();
        let files: Vec<FileId> =
            (0..2 * MOST_OPEN).map(|at| storage.create(&format!("f{at}")).unwrap()).collect();
        for (at, file) in (0_u64..).zip(&files) {
            storage.append(*file, &[&at.to_be_bytes()]).unwrap();
        }
        for (at, file) in (0_u64..).zip(&files) {
            let read = storage.read(*file, 0, 8).unwrap().to_bytes().unwrap();
            assert_eq!(read, at.to_be_bytes()[..]);
        }
        let open = storage.files.values().filter(|file| file.file.is_some()).count();
        assert!(open <= MOST_OPEN, "{open}");
    }

    #[test]
    fn a_directory_belongs_to_one_process() {
        let scratch = Scratch::new("files-lock");
        let first = FileStorage::new(&scratch.0).unwrap();
        let error = FileStorage::new(&scratch.0).unwrap_err().to_string();
        assert!(error.contains("is in use: another broker holds the lock"), "{error}");
        drop(first);
        assert!(FileStorage::new(&scratch.0).is_ok());
    }

    #[test]
    fn a_small_file_is_replaced_whole() {
        let scratch = Scratch::new("files-replace");
        let mut storage = FileStorage::new(&scratch.0).unwrap();
        assert_eq!(storage.load("notes").unwrap(), None);
        for how in [Replace::Written, Replace::Synced] {
            storage.replace("notes", b"1", how).unwrap();
            storage.replace("notes", b"23", how).unwrap();
            assert_eq!(storage.load("notes").unwrap().unwrap(), b"23"[..]);
        }
        assert_eq!(storage.list("").unwrap(), [".lock", "notes"]);
    }
}

//! Keeps the files of logs in memory: the storage of an embedded broker, gone with it.

use super::storage::{FileId, Replace, Storage, StorageError, SyncJob};
use bytes::{Bytes, BytesMut};
use kafka_proto::records::Records;
use std::collections::BTreeMap;

/// The first piece of memory that a file takes; each further one is twice as large.
const SMALLEST_CHUNK: usize = 4 * 1024;

/// The largest piece of memory that a file takes at once, unless one append is larger.
const LARGEST_CHUNK: usize = 1024 * 1024;

/// Keeps files in memory: one copy at append, none at read. Names are forgotten, and small files are not kept.
///
/// A file is a row of shared slices and one open chunk behind them. A read that reaches into the open chunk turns
/// its filled part into one more slice, so slices are as few as reads and full chunks make them.
#[derive(Debug, Default)]
pub struct MemoryStorage {
    files: BTreeMap<FileId, MemoryFile>,
    next: u64,
}

#[derive(Debug, Default)]
struct MemoryFile {
    /// Position of the first byte of each slice, in order.
    slices: Vec<(u64, Bytes)>,
    /// Length of all slices.
    shared: u64,
    open: BytesMut,
    chunk: usize,
}

impl MemoryStorage {
    /// An empty one.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Bytes in all files.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.files.values().map(MemoryFile::len).sum()
    }

    /// Whether no file holds a byte.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn file(&mut self, file: FileId, what: &str) -> Result<&mut MemoryFile, StorageError> {
        self.files.get_mut(&file).ok_or_else(|| {
            StorageError::new(format!("{what} file {}", file.0), std::io::ErrorKind::NotFound)
        })
    }
}

impl Storage for MemoryStorage {
    fn is_durable(&self) -> bool {
        false
    }

    fn create(&mut self, _name: &str) -> Result<FileId, StorageError> {
        let file = FileId(self.next);
        self.next += 1;
        self.files.insert(file, MemoryFile::default());
        Ok(file)
    }

    fn open(&mut self, name: &str) -> Result<(FileId, u64), StorageError> {
        Err(StorageError::new(format!("open {name}"), std::io::ErrorKind::NotFound))
    }

    fn close(&mut self, _: FileId) {}

    fn append(&mut self, file: FileId, parts: &[&[u8]]) -> Result<(), StorageError> {
        let file = self.file(file, "append to")?;
        file.make_room(parts.iter().map(|part| part.len()).sum());
        parts.iter().for_each(|part| file.open.extend_from_slice(part));
        Ok(())
    }

    fn read(&mut self, file: FileId, position: u64, len: u64) -> Result<Records, StorageError> {
        let id = file;
        let file = self.file(file, "read")?;
        file.read(position, len).ok_or_else(|| {
            let what = format!("read {len} bytes at {position} of file {}", id.0);
            StorageError::new(what, std::io::ErrorKind::UnexpectedEof)
        })
    }

    fn truncate(&mut self, file: FileId, len: u64) -> Result<(), StorageError> {
        self.file(file, "truncate")?.truncate(len);
        Ok(())
    }

    fn delete(&mut self, file: FileId) -> Result<(), StorageError> {
        self.file(file, "delete")?;
        self.files.remove(&file);
        Ok(())
    }

    fn sync(&mut self, _: &[FileId]) -> Result<SyncJob, StorageError> {
        Ok(SyncJob::new(false, || Ok(())))
    }

    fn sync_everything(&mut self) -> Result<SyncJob, StorageError> {
        self.sync(&[])
    }

    fn list(&mut self, _: &str) -> Result<Vec<String>, StorageError> {
        Ok(Vec::new())
    }

    fn load(&mut self, _: &str) -> Result<Option<Bytes>, StorageError> {
        Ok(None)
    }

    fn replace(&mut self, _: &str, _: &[u8], _: Replace) -> Result<(), StorageError> {
        Ok(())
    }

    fn rename(&mut self, _: &str, _: &str) -> Result<(), StorageError> {
        Ok(())
    }

    fn remove(&mut self, _: &str) -> Result<(), StorageError> {
        Ok(())
    }
}

impl MemoryFile {
    fn len(&self) -> u64 {
        self.shared + self.open.len() as u64
    }

    /// Sees to it that the next `len` bytes lie in one piece.
    fn make_room(&mut self, len: usize) {
        if self.open.capacity() - self.open.len() >= len {
            return;
        }
        self.share();
        self.chunk = (self.chunk * 2).clamp(SMALLEST_CHUNK, LARGEST_CHUNK);
        self.open = BytesMut::with_capacity(self.chunk.max(len));
    }

    /// Turns the filled part of the open chunk into a slice.
    fn share(&mut self) {
        if !self.open.is_empty() {
            let slice = self.open.split().freeze();
            let at = self.shared;
            self.shared += slice.len() as u64;
            self.slices.push((at, slice));
        }
    }

    fn read(&mut self, position: u64, len: u64) -> Option<Records> {
        let end = position.checked_add(len)?;
        if end > self.len() {
            return None;
        }
        if end > self.shared {
            self.share();
        }
        let first = self.slices.partition_point(|(at, slice)| at + slice.len() as u64 <= position);
        let mut pieces = Vec::new();
        for (at, slice) in self.slices.get(first..)?.iter().take_while(|(at, _)| *at < end) {
            let from = usize::try_from(position.saturating_sub(*at)).ok()?;
            let to = usize::try_from(end - at).ok()?.min(slice.len());
            pieces.push(slice.slice(from..to));
        }
        Some(match pieces.len() {
            0 => Records::Bytes(Bytes::new()),
            1 => Records::Bytes(pieces.swap_remove(0)),
            _ => Records::Chain(pieces),
        })
    }

    fn truncate(&mut self, len: u64) {
        self.share();
        while let Some((at, slice)) = self.slices.last_mut() {
            if *at >= len {
                self.shared = *at;
                self.slices.pop();
                continue;
            }
            slice.truncate(usize::try_from(len - *at).unwrap_or(usize::MAX));
            self.shared = *at + slice.len() as u64;
            break;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn storage_with(parts: &[&[u8]]) -> (MemoryStorage, FileId) {
        let mut storage = MemoryStorage::new();
        let file = storage.create("a").unwrap();
        storage.append(file, parts).unwrap();
        (storage, file)
    }

    fn read(storage: &mut MemoryStorage, file: FileId, position: u64, len: u64) -> Vec<u8> {
        storage.read(file, position, len).unwrap().to_bytes().unwrap().to_vec()
    }

    #[test]
    fn gives_back_any_range_whatever_was_read_in_between() {
        let (mut storage, file) = storage_with(&[]);
        let mut expected = Vec::new();
        for step in 0..2_000_usize {
            let piece = vec![u8::try_from(step % 251).unwrap(); step % 97];
            storage.append(file, &[&piece, b"|"]).unwrap();
            expected.extend_from_slice(&piece);
            expected.push(b'|');
            if step % 13 == 0 {
                let from = expected.len() / 3;
                let len = expected.len() / 2;
                let got = read(&mut storage, file, from as u64, len as u64);
                assert_eq!(got, &expected[from..from + len], "step {step}");
            }
        }
        assert_eq!(storage.len(), expected.len() as u64);
        assert_eq!(read(&mut storage, file, 0, expected.len() as u64), expected);
    }

    #[test]
    fn appends_without_a_read_between_them_come_back_in_one_piece() {
        let (mut storage, file) = storage_with(&[b"abc"]);
        for _ in 0..20 {
            storage.append(file, &[b"defg"]).unwrap();
        }
        let first = storage.read(file, 0, 83).unwrap();
        assert!(matches!(&first, Records::Bytes(bytes) if bytes.len() == 83));
        let again = storage.read(file, 0, 83).unwrap();
        let (Records::Bytes(first), Records::Bytes(again)) = (first, again) else { panic!() };
        assert_eq!(first.as_ptr(), again.as_ptr(), "a read copies nothing");
    }

    #[test]
    fn what_was_read_outlives_truncation_and_deletion() {
        let (mut storage, file) = storage_with(&[b"0123456789"]);
        let held = storage.read(file, 2, 8).unwrap();
        storage.truncate(file, 4).unwrap();
        storage.append(file, &[b"ab"]).unwrap();
        assert_eq!(read(&mut storage, file, 0, 6), b"0123ab");
        assert_eq!(held.to_bytes().unwrap(), &b"23456789"[..]);
        storage.delete(file).unwrap();
        assert_eq!(held.to_bytes().unwrap(), &b"23456789"[..]);
        assert!(storage.is_empty());
    }

    #[test]
    fn reading_past_the_end_or_of_a_deleted_file_says_so() {
        let (mut storage, file) = storage_with(&[b"0123"]);
        let error = storage.read(file, 2, 3).unwrap_err().to_string();
        assert_eq!(error, "read 3 bytes at 2 of file 0: unexpected end of file");
        storage.delete(file).unwrap();
        let error = storage.append(file, &[b"x"]).unwrap_err().to_string();
        assert_eq!(error, "append to file 0: entity not found");
    }
}

//! A disk in memory that loses power: for tests of what a broker promises of its disk.
//!
//! Every file has what the medium holds and what the process sees; they differ in sectors of 512 bytes that were
//! written and not synced. A kill of the process loses none of them. A loss of power keeps a part of them that follows
//! from a seed, not necessarily the first ones, and may leave zeros or garbage in the others. Names of files that were
//! made, renamed or deleted since the last sync are lost from some point on, as from a file system with a journal.

mod medium;

use super::storage::{FileId, Replace, Storage, StorageError, SyncJob};
use crate::clock::Random;
use bytes::Bytes;
use kafka_proto::records::Records;
use medium::Medium;
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What a [`SimDisk`] refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DiskFault {
    /// To store one byte more.
    Full,
    /// To write.
    Write,
    /// To sync.
    Sync,
    /// To read.
    Read,
    /// Everything, as if the process were gone.
    Dead,
}

/// What a loss of power has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PowerLoss {
    /// Files that are not as the process saw them.
    pub lost: u64,
    /// Of these, files that are not as they were synced either: some of what was written came through.
    pub torn: u64,
}

/// A simulated disk; clones are the same disk.
#[derive(Clone, Debug, Default)]
pub struct SimDisk {
    shared: Arc<Mutex<Disk>>,
    /// The files that this process has open.
    files: BTreeMap<FileId, u64>,
    next: u64,
}

#[derive(Debug, Default)]
struct Disk {
    medium: Medium,
    fault: Option<DiskFault>,
    /// Changes until [`DiskFault::Dead`].
    lives: Option<u64>,
    changes: u64,
    /// How long syncs take, in milliseconds.
    syncs: Option<(Random, RangeInclusive<u64>)>,
    /// Counts up when the process dies, so that what it left behind does nothing more.
    process: u64,
}

impl SimDisk {
    /// An empty disk.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The same disk for the next process: with no files open and no faults.
    #[must_use]
    pub fn restarted(&self) -> Self {
        let mut disk = self.disk();
        disk.fault = None;
        disk.lives = None;
        disk.process += 1;
        Self { shared: Arc::clone(&self.shared), files: BTreeMap::new(), next: 0 }
    }

    /// Loses power: of what was not synced there remains what follows from `seed`.
    pub fn lose_power(&self, seed: u64) -> PowerLoss {
        let mut disk = self.disk();
        disk.process += 1;
        disk.medium.lose_power(&mut Random::new(seed))
    }

    /// Loses power, and everything that was not synced.
    pub fn lose_unsynced(&self) {
        let mut disk = self.disk();
        disk.process += 1;
        disk.medium.lose_unsynced();
    }

    /// Lets every sync take so many milliseconds of the runtime's time, drawn from `seed`; unless told, they take none.
    pub fn sync_takes(&self, ms: RangeInclusive<u64>, seed: u64) {
        self.disk().syncs = Some((Random::new(seed), ms));
    }

    /// Refuses things from now on, or nothing any more.
    pub fn fail(&self, fault: Option<DiskFault>) {
        self.disk().fault = fault;
    }

    /// Dies when `changes` more changes were made.
    pub fn die_after(&self, changes: u64) {
        let mut disk = self.disk();
        disk.lives = Some(disk.changes + changes);
    }

    /// How often something was written, cut, renamed, deleted or synced.
    #[must_use]
    pub fn changes(&self) -> u64 {
        self.disk().changes
    }

    /// A disk with the same content, both on the medium and before it.
    #[must_use]
    pub fn copy(&self) -> Self {
        let medium = self.disk().medium.clone();
        let disk = Disk { medium, ..Disk::default() };
        Self { shared: Arc::new(Mutex::new(disk)), files: BTreeMap::new(), next: 0 }
    }

    /// Deletes a file for good, as an accident would.
    pub fn lose_file(&self, name: &str) {
        let mut disk = self.disk();
        disk.medium.remove(name);
        disk.medium.sync_names();
    }

    /// The names of all files.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        self.disk().medium.names().cloned().collect()
    }

    fn disk(&self) -> MutexGuard<'_, Disk> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn number_of(&self, file: FileId) -> Result<u64, StorageError> {
        let gone = || StorageError::new(format!("file {}", file.0), ErrorKind::NotFound);
        self.files.get(&file).copied().ok_or_else(gone)
    }

    fn add(&mut self, number: u64) -> FileId {
        let id = FileId(self.next);
        self.next += 1;
        self.files.insert(id, number);
        id
    }
}

impl Disk {
    fn check(&self, what: &str, hit: &[DiskFault]) -> Result<(), StorageError> {
        let kind = match self.fault {
            Some(DiskFault::Full) if hit.contains(&DiskFault::Full) => ErrorKind::StorageFull,
            Some(fault) if fault == DiskFault::Dead || hit.contains(&fault) => ErrorKind::Other,
            _ => return Ok(()),
        };
        Err(StorageError::new(what, kind))
    }

    /// Whose sync begins, and how long it takes.
    fn begin_sync(&mut self) -> (u64, Duration) {
        let Some((random, ms)) = &mut self.syncs else { return (self.process, Duration::ZERO) };
        let width = ms.end().saturating_sub(*ms.start()).saturating_add(1);
        (self.process, Duration::from_millis(ms.start() + random.word() % width))
    }

    /// Counts a sync, unless it is refused.
    fn sync(&mut self, process: u64) -> Result<(), StorageError> {
        if self.process != process {
            return Err(StorageError::new("sync of a process that is gone", ErrorKind::Other));
        }
        self.change("sync", &[DiskFault::Sync])
    }

    /// Counts a change, unless it is refused.
    fn change(&mut self, what: &str, hit: &[DiskFault]) -> Result<(), StorageError> {
        if self.lives == Some(self.changes) {
            self.fault = Some(DiskFault::Dead);
        }
        self.check(what, hit)?;
        self.changes += 1;
        Ok(())
    }
}

const GROWS: &[DiskFault] = &[DiskFault::Full, DiskFault::Write];
const WRITES: &[DiskFault] = &[DiskFault::Write];

impl Storage for SimDisk {
    fn is_durable(&self) -> bool {
        true
    }

    fn create(&mut self, name: &str) -> Result<FileId, StorageError> {
        let number = {
            let mut disk = self.disk();
            disk.change(&format!("create {name}"), GROWS)?;
            disk.medium.create(name)
        };
        Ok(self.add(number))
    }

    fn open(&mut self, name: &str) -> Result<(FileId, u64), StorageError> {
        let found = {
            let disk = self.disk();
            disk.check(&format!("open {name}"), &[])?;
            disk.medium.find(name)
        };
        let missing = || StorageError::new(format!("open {name}"), ErrorKind::NotFound);
        let (number, len) = found.ok_or_else(missing)?;
        Ok((self.add(number), len))
    }

    fn close(&mut self, file: FileId) {
        self.files.remove(&file);
    }

    fn append(&mut self, file: FileId, parts: &[&[u8]]) -> Result<(), StorageError> {
        let number = self.number_of(file)?;
        let mut disk = self.disk();
        disk.change("append", GROWS)?;
        disk.medium.append(number, &parts.concat());
        Ok(())
    }

    fn read(&mut self, file: FileId, position: u64, len: u64) -> Result<Records, StorageError> {
        let number = self.number_of(file)?;
        let disk = self.disk();
        disk.check("read", &[DiskFault::Read])?;
        let read = disk.medium.read(number, position, len).map(Records::Bytes);
        read.ok_or_else(|| {
            let what = format!("read {len} bytes at {position}");
            StorageError::new(what, ErrorKind::UnexpectedEof)
        })
    }

    fn truncate(&mut self, file: FileId, len: u64) -> Result<(), StorageError> {
        let number = self.number_of(file)?;
        let mut disk = self.disk();
        disk.change("truncate", WRITES)?;
        disk.medium.truncate(number, len);
        Ok(())
    }

    fn delete(&mut self, file: FileId) -> Result<(), StorageError> {
        let number = self.number_of(file)?;
        self.files.remove(&file);
        let mut disk = self.disk();
        disk.change("delete", WRITES)?;
        disk.medium.remove_number(number);
        Ok(())
    }

    fn sync(&mut self, files: &[FileId]) -> Result<SyncJob, StorageError> {
        let numbers = files.iter().map(|file| self.number_of(*file));
        let numbers = numbers.collect::<Result<Vec<_>, _>>()?;
        let (process, takes) = self.disk().begin_sync();
        let disk = Arc::clone(&self.shared);
        Ok(SyncJob::new(false, move || {
            let mut disk = disk.lock().unwrap_or_else(PoisonError::into_inner);
            disk.sync(process)?;
            numbers.iter().for_each(|number| disk.medium.sync(*number));
            disk.medium.sync_names();
            Ok(())
        })
        .taking(takes))
    }

    fn sync_everything(&mut self) -> Result<SyncJob, StorageError> {
        let (process, takes) = self.disk().begin_sync();
        let disk = Arc::clone(&self.shared);
        Ok(SyncJob::new(false, move || {
            let mut disk = disk.lock().unwrap_or_else(PoisonError::into_inner);
            disk.sync(process)?;
            disk.medium.sync_everything();
            Ok(())
        })
        .taking(takes))
    }

    fn list(&mut self, directory: &str) -> Result<Vec<String>, StorageError> {
        let disk = self.disk();
        disk.check(&format!("list {directory}"), &[])?;
        Ok(disk.medium.list(directory))
    }

    fn load(&mut self, name: &str) -> Result<Option<Bytes>, StorageError> {
        let disk = self.disk();
        disk.check(&format!("load {name}"), &[DiskFault::Read])?;
        let found = disk.medium.find(name);
        Ok(found.and_then(|(number, len)| disk.medium.read(number, 0, len)))
    }

    fn replace(&mut self, name: &str, content: &[u8], how: Replace) -> Result<(), StorageError> {
        let mut disk = self.disk();
        disk.change(&format!("write {name}"), GROWS)?;
        let beside = format!("{name}.tmp");
        let number = disk.medium.create(&beside);
        disk.medium.append(number, content);
        if how == Replace::Synced {
            disk.check(&format!("sync {name}"), &[DiskFault::Sync])?;
            disk.medium.sync(number);
        }
        disk.medium.rename(&beside, name);
        if how == Replace::Synced {
            disk.medium.sync_names();
        }
        Ok(())
    }

    fn rename(&mut self, from: &str, to: &str) -> Result<(), StorageError> {
        let mut disk = self.disk();
        disk.change(&format!("rename {from}"), WRITES)?;
        disk.medium.rename(from, to);
        Ok(())
    }

    fn remove(&mut self, name: &str) -> Result<(), StorageError> {
        let mut disk = self.disk();
        disk.change(&format!("delete {name}"), WRITES)?;
        disk.medium.remove(name);
        Ok(())
    }
}

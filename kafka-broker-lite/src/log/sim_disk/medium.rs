//! The content of a simulated disk: what is on the medium, and what only the process sees.

use super::PowerLoss;
use crate::clock::Random;
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet};

/// What is written as a whole or not at all.
const SECTOR: usize = 512;

#[derive(Clone, Debug, Default)]
pub(super) struct Medium {
    files: BTreeMap<u64, File>,
    next: u64,
    names: BTreeMap<String, u64>,
    /// The names on the medium, and the changes to them that are not there yet.
    kept_names: BTreeMap<String, u64>,
    changes: Vec<NameChange>,
}

#[derive(Clone, Debug, Default)]
struct File {
    kept: Vec<u8>,
    seen: Vec<u8>,
    /// Sectors in which `seen` may differ from `kept`.
    dirty: BTreeSet<usize>,
}

#[derive(Clone, Debug)]
enum NameChange {
    Add(String, u64),
    Rename(String, String),
    Remove(String),
}

impl NameChange {
    fn apply(&self, names: &mut BTreeMap<String, u64>) {
        match self {
            Self::Add(name, number) => {
                names.insert(name.clone(), *number);
            }
            Self::Rename(from, to) => {
                let below = format!("{from}/");
                let moved: Vec<String> = names
                    .keys()
                    .filter(|name| *name == from || name.starts_with(&below))
                    .cloned()
                    .collect();
                for name in moved {
                    let rest = name.get(from.len()..).unwrap_or_default();
                    if let Some(number) = names.remove(&name) {
                        names.insert(format!("{to}{rest}"), number);
                    }
                }
            }
            Self::Remove(name) => {
                let below = format!("{name}/");
                names.retain(|known, _| known != name && !known.starts_with(&below));
            }
        }
    }
}

impl Medium {
    fn name(&mut self, change: NameChange) {
        change.apply(&mut self.names);
        self.changes.push(change);
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &String> {
        self.names.keys()
    }

    pub(super) fn create(&mut self, name: &str) -> u64 {
        let number = self.next;
        self.next += 1;
        self.files.insert(number, File::default());
        self.name(NameChange::Add(name.to_owned(), number));
        number
    }

    pub(super) fn find(&self, name: &str) -> Option<(u64, u64)> {
        let number = *self.names.get(name)?;
        Some((number, self.files.get(&number)?.seen.len() as u64))
    }

    pub(super) fn append(&mut self, number: u64, bytes: &[u8]) {
        let Some(file) = self.files.get_mut(&number) else { return };
        let from = file.seen.len();
        file.seen.extend_from_slice(bytes);
        file.dirty.extend(sectors(from, file.seen.len()));
    }

    pub(super) fn truncate(&mut self, number: u64, len: u64) {
        let Some(file) = self.files.get_mut(&number) else { return };
        let len = usize::try_from(len).unwrap_or(usize::MAX);
        let before = file.seen.len().max(file.kept.len());
        file.seen.truncate(len);
        file.dirty.extend(sectors(len, before));
    }

    pub(super) fn read(&self, number: u64, position: u64, len: u64) -> Option<Bytes> {
        let from = usize::try_from(position).ok()?;
        let to = from.checked_add(usize::try_from(len).ok()?)?;
        Some(Bytes::copy_from_slice(self.files.get(&number)?.seen.get(from..to)?))
    }

    pub(super) fn sync(&mut self, number: u64) {
        let Some(file) = self.files.get_mut(&number) else { return };
        file.kept.resize(file.seen.len(), 0);
        for sector in std::mem::take(&mut file.dirty) {
            copy_sector(&mut file.kept, &file.seen, sector);
        }
    }

    pub(super) fn sync_everything(&mut self) {
        let all: Vec<u64> = self.files.keys().copied().collect();
        all.into_iter().for_each(|number| self.sync(number));
        self.sync_names();
    }

    pub(super) fn sync_names(&mut self) {
        for change in std::mem::take(&mut self.changes) {
            change.apply(&mut self.kept_names);
        }
    }

    pub(super) fn rename(&mut self, from: &str, to: &str) {
        self.name(NameChange::Rename(from.to_owned(), to.to_owned()));
    }

    pub(super) fn remove(&mut self, name: &str) {
        self.name(NameChange::Remove(name.to_owned()));
    }

    pub(super) fn remove_number(&mut self, number: u64) {
        let named = self.names.iter().find(|(_, known)| **known == number);
        if let Some(name) = named.map(|(name, _)| name.clone()) {
            self.remove(&name);
        }
    }

    /// What lies directly in a directory, files and directories.
    pub(super) fn list(&self, directory: &str) -> Vec<String> {
        let prefix = if directory.is_empty() { String::new() } else { format!("{directory}/") };
        let inside = self.names.keys().filter_map(|name| name.strip_prefix(&prefix));
        let first = inside.filter_map(|rest| rest.split('/').next());
        first.map(str::to_owned).collect::<BTreeSet<_>>().into_iter().collect()
    }

    pub(super) fn lose_power(&mut self, random: &mut Random) -> PowerLoss {
        let survivors = below(random, self.changes.len() + 1);
        for change in self.changes.drain(..).take(survivors) {
            change.apply(&mut self.kept_names);
        }
        let mut loss = PowerLoss::default();
        for file in self.files.values_mut() {
            file.lose_power(random, &mut loss);
        }
        self.forget_names();
        loss
    }

    /// Leaves only what was synced.
    pub(super) fn lose_unsynced(&mut self) {
        self.changes.clear();
        for file in self.files.values_mut() {
            file.dirty.clear();
            file.seen.clone_from(&file.kept);
        }
        self.forget_names();
    }

    fn forget_names(&mut self) {
        self.names = self.kept_names.clone();
        let named: BTreeSet<u64> = self.names.values().copied().collect();
        self.files.retain(|number, _| named.contains(number));
    }
}

/// How the bytes of a file fare.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    AllKept,
    NoneKept,
    /// The first ones are kept, up to somewhere in a sector.
    Prefix,
    /// Any are kept, whatever was written first.
    Some,
    /// Any are kept, and the last of them is garbage.
    Garbage,
}

impl File {
    fn lose_power(&mut self, random: &mut Random, loss: &mut PowerLoss) {
        if self.dirty.is_empty() {
            return;
        }
        let fate = [Fate::AllKept, Fate::NoneKept, Fate::Prefix, Fate::Some, Fate::Garbage]
            [below(random, 5)];
        let (before, after) = (self.kept.len(), self.seen.len());
        let mut content = self.kept.clone();
        match fate {
            Fate::NoneKept => {}
            Fate::AllKept => content.clone_from(&self.seen),
            Fate::Prefix => {
                let from = self.dirty.first().map_or(0, |sector| sector * SECTOR).min(after);
                let to = from + below(random, after - from + 1);
                content.resize(content.len().max(to), 0);
                content[from..to].copy_from_slice(&self.seen[from..to]);
                content.truncate(to.max(before.min(after)));
            }
            Fate::Some | Fate::Garbage => {
                let shorter = before.min(after);
                let len = shorter + below(random, before.max(after) - shorter + 1);
                content.resize(len, 0);
                for sector in &self.dirty {
                    if below(random, 3) > 0 {
                        copy_sector(&mut content, &self.seen, *sector);
                    }
                }
                if let (Fate::Garbage, Some(last)) = (fate, self.dirty.last()) {
                    // A sector is written as a whole or not at all, so what was synced in it stays.
                    let from = (last * SECTOR).max(before).min(len);
                    content[from..]
                        .iter_mut()
                        .for_each(|byte| *byte = random.word().to_le_bytes()[0]);
                }
            }
        }
        if content != self.seen {
            loss.lost += 1;
            loss.torn += u64::from(content != self.kept);
        }
        self.dirty.clear();
        self.kept.clone_from(&content);
        self.seen = content;
    }
}

fn sectors(from: usize, to: usize) -> std::ops::Range<usize> {
    from / SECTOR..to.div_ceil(SECTOR)
}

/// Copies one sector as far as both have it.
fn copy_sector(to: &mut [u8], from: &[u8], sector: usize) {
    let start = sector * SECTOR;
    let end = (start + SECTOR).min(to.len()).min(from.len());
    if let (Some(to), Some(from)) = (to.get_mut(start..end), from.get(start..end)) {
        to.copy_from_slice(from);
    }
}

fn below(random: &mut Random, limit: usize) -> usize {
    let word = random.word() % (limit.max(1) as u64);
    usize::try_from(word).unwrap_or(0)
}

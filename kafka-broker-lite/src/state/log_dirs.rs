//! The log directories of a broker: each a storage of its own, with an id that stays when they are listed anew.
//!
//! One that fails goes offline alone. One that could not be opened at all has no storage; whatever lies there is
//! offline until another process finds it.

use super::directory::{self, Identity};
use crate::log::{MemoryStorage, Storage, StorageError};
use kafka_proto::uuid::Uuid;
use std::sync::Arc;

/// A log directory, by its place in the list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct DirId(pub(super) usize);

/// One log directory.
#[derive(Debug)]
pub struct LogDir {
    /// Where it is, as administrators are told.
    path: Arc<str>,
    /// Its id in `meta.properties`.
    id: Uuid,
    storage: Box<dyn Storage>,
    /// Why it is offline.
    offline: Option<StorageError>,
}

impl LogDir {
    /// The directory at `path`, that `storage` keeps.
    #[must_use]
    pub fn new(path: impl Into<Arc<str>>, storage: Box<dyn Storage>) -> Self {
        Self { path: path.into(), id: Uuid::ZERO, storage, offline: None }
    }

    /// The directory at `path`, which cannot be used.
    #[must_use]
    pub fn unusable(path: impl Into<Arc<str>>, why: StorageError) -> Self {
        let storage = Box::new(MemoryStorage::new());
        Self { path: path.into(), id: Uuid::ZERO, storage, offline: Some(why) }
    }
}

/// All of a broker.
#[derive(Debug)]
pub(crate) struct LogDirs {
    dirs: Vec<LogDir>,
    /// Where the metadata log is.
    metadata: DirId,
}

impl LogDirs {
    /// These directories; where there are none, everything is in memory.
    pub(super) fn new(mut dirs: Vec<LogDir>) -> Self {
        if dirs.is_empty() {
            dirs.push(LogDir::new("memory", Box::new(MemoryStorage::new())));
        }
        Self { dirs, metadata: DirId(0) }
    }

    pub(crate) fn ids(&self) -> impl Iterator<Item = DirId> + use<> {
        (0..self.dirs.len()).map(DirId)
    }

    /// Those that can be used, or could before they failed.
    pub(super) fn opened(&self) -> Vec<DirId> {
        let opened = |dir: &DirId| self.dirs.get(dir.0).is_some_and(|dir| dir.storage.is_durable());
        self.ids().filter(opened).collect()
    }

    /// Notes that logs lie in a directory that is not listed any more.
    pub(super) fn add_missing(&mut self, id: Uuid) -> DirId {
        let text = format!("the log directory with the id {id} is not in log.dirs");
        tracing::warn!("{text}: what lies there is offline");
        let why = StorageError::new(text, std::io::ErrorKind::NotFound);
        self.dirs.push(LogDir { id, ..LogDir::unusable("", why) });
        DirId(self.dirs.len() - 1)
    }

    /// Those that are listed.
    pub(crate) fn listed(&self) -> impl Iterator<Item = DirId> {
        self.ids().filter(|dir| !self.path(*dir).is_empty())
    }

    /// Those that can be used.
    pub(super) fn online(&self) -> Vec<DirId> {
        self.ids().filter(|dir| self.check(*dir).is_ok()).collect()
    }

    /// Where the metadata log is.
    pub(super) fn metadata(&self) -> DirId {
        self.metadata
    }

    pub(super) fn keep_metadata_in(&mut self, dir: DirId) {
        self.metadata = dir;
    }

    /// Whether what is written outlives the process.
    pub(crate) fn are_durable(&self) -> bool {
        self.dirs.iter().any(|dir| dir.storage.is_durable())
    }

    pub(crate) fn storage(&mut self, dir: DirId) -> &mut dyn Storage {
        &mut *self.dirs[dir.0].storage
    }

    /// Refuses when the directory is offline.
    pub(crate) fn check(&self, dir: DirId) -> Result<(), StorageError> {
        let offline = self.dirs.get(dir.0).and_then(|dir| dir.offline.clone());
        offline.map_or(Ok(()), Err)
    }

    /// Takes a directory offline; tells whether it was not before.
    pub(super) fn take_offline(&mut self, dir: DirId, why: &StorageError) -> bool {
        let Some(dir) = self.dirs.get_mut(dir.0).filter(|dir| dir.storage.is_durable()) else {
            return false;
        };
        if dir.offline.is_some() {
            return false;
        }
        tracing::error!("log directory {} is offline: {why}", dir.path);
        dir.offline = Some(why.clone());
        true
    }

    pub(crate) fn path(&self, dir: DirId) -> Arc<str> {
        self.dirs.get(dir.0).map(|dir| Arc::clone(&dir.path)).unwrap_or_default()
    }

    pub(super) fn uuid(&self, dir: DirId) -> Uuid {
        self.dirs.get(dir.0).map_or(Uuid::ZERO, |dir| dir.id)
    }

    /// The directory with that id.
    pub(super) fn with_uuid(&self, id: Uuid) -> Option<DirId> {
        self.ids().find(|dir| self.uuid(*dir) == id && !id.is_zero())
    }

    /// The one that administrators know as `path`.
    pub(crate) fn at(&self, path: &str) -> Option<DirId> {
        self.listed().find(|dir| *self.path(*dir) == *path)
    }

    /// Reads to whom each directory belongs, or gives it to this broker; all have to be of one cluster.
    pub(super) fn identify(
        &mut self,
        node_id: i32,
        cluster_id: &str,
        mut fresh: impl FnMut() -> Uuid,
    ) -> Result<String, StorageError> {
        let mut cluster_id = cluster_id.to_owned();
        let online = self.online();
        // Who is new takes the cluster of the others.
        for dir in &online {
            if let Some(known) = directory::cluster_of(self.storage(*dir))? {
                cluster_id = known;
                break;
            }
        }
        for dir in online {
            let fresh = Identity { cluster_id: cluster_id.clone(), directory_id: fresh() };
            let identity = directory::identify(self.storage(dir), node_id, fresh)?;
            if identity.cluster_id != cluster_id {
                let (path, other) = (self.path(dir), identity.cluster_id);
                return Err(StorageError::corrupt(format!(
                    "log directory {path} is of cluster {other}, others are of {cluster_id}"
                )));
            }
            if let Some(found) = self.dirs.get_mut(dir.0) {
                found.id = identity.directory_id;
            }
        }
        Ok(cluster_id)
    }
}

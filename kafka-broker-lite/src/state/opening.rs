//! Takes log directories over from the process before, or begins new ones.

use super::directory;
use super::disk::CLEAN_SHUTDOWN;
use super::log_dirs::{DirId, LogDir};
use super::{News, Partition, State};
use crate::clock::Now;
use crate::config::BrokerConfig;
use crate::log::{Checkpoint, StorageError, checkpoint};
use crate::metadata::{BROKER, Image, ImageTopic, Journal, Scope, TOPIC, Topic, Values};
use kafka_proto::stored::MetadataRecord;
use kafka_proto::stored::metadata::{
    BrokerEndpoint, BrokerFeature, BrokerRegistrationChangeRecord, FeatureLevelRecord,
    PartitionChangeRecord, PartitionRecord, RegisterBrokerRecord,
};
use kafka_proto::uuid::Uuid;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The level of the metadata records that are written, that of Kafka 4.4.
const METADATA_VERSION: (&str, i16, i16) = ("metadata.version", 7, 33);

/// After how much of the metadata log, and after how long, a snapshot is due.
const SNAPSHOT_BYTES: &str = "metadata.log.max.record.bytes.between.snapshots";
const SNAPSHOT_MS: &str = "metadata.log.max.snapshot.interval.ms";

/// How long segments stay that lie before a snapshot.
const DELETE_DELAY_MS: u64 = 60_000;

/// What the process before has left behind in a directory besides the logs.
#[derive(Default)]
struct Notes {
    clean: bool,
    recovery_points: checkpoint::Offsets,
    starts: checkpoint::Offsets,
    cleaned: checkpoint::Offsets,
    /// The topics of the logs that are there, by the names of their directories.
    logs: BTreeMap<String, Option<Uuid>>,
}

impl Notes {
    fn of(&self, place: &(String, i32)) -> Checkpoint {
        Checkpoint {
            start: self.starts.get(place).copied().unwrap_or(0),
            recovery_point: self.recovery_points.get(place).copied().unwrap_or(0),
            clean: self.clean,
            cleaned: self.cleaned.get(place).copied().unwrap_or(0),
        }
    }
}

/// The ids of directories up to this one mean something else: that a replica is nowhere yet, say.
const LAST_RESERVED_ID: u128 = 99;

impl State {
    /// The state that durable directories hold; everything that is found there is recovered.
    pub(crate) fn open(
        config: BrokerConfig,
        log_dirs: Vec<LogDir>,
        now: Now,
    ) -> Result<Self, StorageError> {
        let mut state = Self::new(config, log_dirs, now);
        if !state.log_dirs.are_durable() {
            return Ok(state);
        }
        state.identify(now)?;
        let node_id = state.config.node_id;
        let mut notes = BTreeMap::new();
        for dir in state.log_dirs.online() {
            notes.insert(dir, state.notes(dir)?);
        }
        let dir = state.find_metadata(&notes)?;
        let log_config = state.configs.log_config(&Values::new());
        let origin = (notes.get(&dir).is_some_and(|notes| notes.clean), node_id);
        let storage = state.log_dirs.storage(dir);
        let (journal, image) = Journal::open(storage, log_config, origin, now.wall_ms)?;
        state.adopt_configs(&image);
        for (dir, notes) in &mut notes {
            state.tidy(*dir, notes, &image, now)?;
        }
        let moved = state.adopt_topics(&image, &notes, now)?;
        // From here on it follows what is written.
        let known_features = image.features.clone();
        let next_id = image.next_producer_id();
        state.journal = Some(journal.with(image));
        state.announce(&known_features, moved, now)?;
        state.next_producer_id = next_id;
        state.producer_ids_end = next_id;
        state.load_groups(now)?;
        if state.topics.iter().any(|topic| topic.log_config.compacts) {
            state.wake_cleaner(now);
        }
        Ok(state)
    }

    /// Learns to whom the directories belong, and gives them to this broker.
    fn identify(&mut self, now: Now) -> Result<(), StorageError> {
        let fresh: Vec<_> = self.log_dirs.ids().map(|_| self.new_topic_id(now)).collect();
        let mut fresh = fresh.into_iter();
        let (node_id, cluster_id) = (self.config.node_id, self.config.cluster_id.clone());
        let mut next = || fresh.next().unwrap_or(Uuid::ZERO);
        let cluster_id = self.log_dirs.identify(node_id, &cluster_id, &mut next)?;
        self.config.cluster_id = cluster_id.into();
        Ok(())
    }

    /// Finds the directory with the metadata log, or chooses it: the first.
    fn find_metadata(&mut self, notes: &BTreeMap<DirId, Notes>) -> Result<DirId, StorageError> {
        let mut found = None;
        for dir in notes.keys() {
            if !self.log_dirs.storage(*dir).list(Journal::DIRECTORY)?.is_empty() {
                found = Some(*dir);
                break;
            }
        }
        let first = self.log_dirs.metadata();
        let dir = match found {
            Some(dir) => dir,
            // It may lie in a directory that cannot be used: better no broker than one that knows no topics.
            None => {
                self.log_dirs.ids().try_for_each(|dir| self.log_dirs.check(dir))?;
                first
            }
        };
        self.log_dirs.keep_metadata_in(dir);
        Ok(dir)
    }

    fn notes(&mut self, dir: DirId) -> Result<Notes, StorageError> {
        let storage = self.log_dirs.storage(dir);
        let clean = storage.load(CLEAN_SHUTDOWN)?.is_some();
        if clean {
            // From here on only another clean stop makes it true again, so it must not come back.
            storage.remove(CLEAN_SHUTDOWN)?;
            storage.sync(&[])?.run()?;
        }
        let mut offsets = |name| {
            let loaded = storage.load(name);
            loaded
                .map(|text| text.as_deref().and_then(checkpoint::parse_offsets).unwrap_or_default())
        };
        Ok(Notes {
            clean,
            recovery_points: offsets(checkpoint::RECOVERY_POINTS)?,
            starts: offsets(checkpoint::LOG_STARTS)?,
            cleaned: offsets(checkpoint::CLEANED)?,
            logs: BTreeMap::new(),
        })
    }

    fn adopt_configs(&mut self, image: &Image) {
        let own: Arc<str> = self.config.node_id.to_string().into();
        for (scope, name) in [(Scope::AllBrokers, "".into()), (Scope::Broker, own)] {
            if let Some(values) = image.configs.get(&(BROKER, name)) {
                self.configs.set_brokers(scope, values.clone());
            }
        }
    }

    /// Moves directories out of the way that belong to no topic, and deletes those that were to be deleted or never
    /// came to be whole; notes what remains.
    fn tidy(
        &mut self,
        dir: DirId,
        notes: &mut Notes,
        image: &Image,
        now: Now,
    ) -> Result<(), StorageError> {
        let known: BTreeSet<(String, Uuid)> = image
            .topics
            .iter()
            .flat_map(|(id, topic)| {
                topic.partitions.keys().map(|index| (format!("{}-{index}", topic.name), *id))
            })
            .collect();
        let names: BTreeSet<&str> = known.iter().map(|(name, _)| &**name).collect();
        for name in self.log_dirs.storage(dir).list("")? {
            if name.ends_with("-delete") || name.ends_with("-future") {
                self.log_dirs.storage(dir).remove(&name)?;
                continue;
            }
            let numbered = name.rsplit_once('-').is_some_and(|(_, n)| n.parse::<u32>().is_ok());
            if !numbered || name == Journal::DIRECTORY {
                continue;
            }
            let id = directory::topic_of(self.log_dirs.storage(dir), &name)?;
            let stray = match id {
                Some(id) => !known.contains(&(name.clone(), id)),
                None => !names.contains(&*name),
            };
            if stray {
                let to = format!("{name}.{:032x}-stray", self.random(now));
                tracing::warn!("{name} belongs to no topic of this broker and is now {to}");
                self.log_dirs.storage(dir).rename(&name, &to)?;
            } else {
                notes.logs.insert(name, id);
            }
        }
        Ok(())
    }

    /// Opens the logs of all topics, and gives the partitions that this broker begins to lead anew.
    fn adopt_topics(
        &mut self,
        image: &Image,
        notes: &BTreeMap<DirId, Notes>,
        now: Now,
    ) -> Result<Vec<MetadataRecord>, StorageError> {
        let mut moved = Vec::new();
        for (id, topic) in &image.topics {
            let configs = image.configs.get(&(TOPIC, topic.name.clone()));
            let configs = configs.cloned().unwrap_or_default();
            let log_config = self.configs.log_config(&configs);
            let ImageTopic { name, partitions: known } = topic;
            let mut partitions = Vec::with_capacity(known.len());
            for (index, known) in known {
                let PartitionRecord { leader, leader_epoch, .. } = *known;
                let directory = known.directories.first().copied().unwrap_or(Uuid::ZERO);
                let dir = self.place_of(&format!("{name}-{index}"), directory, notes);
                self.move_away(&format!("{name}-{index}"), dir, notes, now)?;
                let Some(notes) = notes.get(&dir) else {
                    partitions.push(Partition::offline(dir, (name, *index), leader_epoch));
                    continue;
                };
                // Records may be gone that were not synced: who follows the log has to be able to tell.
                let anew = !notes.clean || leader != self.config.node_id;
                let own = self.log_dirs.uuid(dir);
                if anew || directory != own {
                    moved.push(self.lead(*id, *index, anew, own));
                }
                let noted = notes.of(&(name.to_string(), *index));
                let storage = self.log_dirs.storage(dir);
                let epoch = leader_epoch + i32::from(anew);
                let (place, at) = ((&**name, *index), (dir, storage));
                let opened = Partition::open(at, place, &log_config, noted, epoch, now.wall_ms)?;
                let storage = self.log_dirs.storage(dir);
                if directory::topic_of(storage, &opened.name)? != Some(*id) {
                    directory::note_topic(storage, &opened.name, *id)?;
                }
                partitions.push(opened);
            }
            let name = name.clone();
            self.topics.insert(Topic { name, id: *id, partitions, configs, log_config });
        }
        Ok(moved)
    }

    /// Where a partition lies, or is to lie: where its log is; else where the metadata says.
    fn place_of(&mut self, log: &str, noted: Uuid, notes: &BTreeMap<DirId, Notes>) -> DirId {
        let known = self.log_dirs.with_uuid(noted);
        let holds = |dir: &DirId| notes.get(dir).is_some_and(|notes| notes.logs.contains_key(log));
        if let Some(dir) = known.filter(holds).or(notes.keys().copied().find(holds)) {
            return dir;
        }
        let reserved = u128::from_be_bytes(noted.0) <= LAST_RESERVED_ID;
        let unreadable = self.log_dirs.listed().find(|dir| !notes.contains_key(dir));
        match known.or(unreadable.filter(|_| !reserved)) {
            Some(dir) => dir,
            None if reserved => self.log_dirs.metadata(),
            None => self.log_dirs.add_missing(noted),
        }
    }

    /// Moves what a move between directories has left behind, or not finished, out of the way of the log in `dir`.
    fn move_away(
        &mut self,
        log: &str,
        dir: DirId,
        notes: &BTreeMap<DirId, Notes>,
        now: Now,
    ) -> Result<(), StorageError> {
        for (other, notes) in notes {
            if *other != dir && notes.logs.contains_key(log) {
                let to = format!("{log}.{:032x}-stray", self.random(now));
                let (path, home) = (self.log_dirs.path(*other), self.log_dirs.path(dir));
                tracing::warn!("{log} lies in {home}; what is in {path} is now {to}");
                self.log_dirs.storage(*other).rename(log, &to)?;
            }
        }
        Ok(())
    }

    /// Notes that this broker leads a partition anew, or only where it lies.
    pub(super) fn lead(
        &self,
        topic_id: Uuid,
        index: i32,
        anew: bool,
        directory: Uuid,
    ) -> MetadataRecord {
        let place = PartitionChangeRecord {
            partition_id: index,
            topic_id,
            directories: Some(vec![directory]),
            ..PartitionChangeRecord::default()
        };
        if !anew {
            return place.into();
        }
        let leader = self.config.node_id;
        let change = PartitionChangeRecord {
            leader,
            isr: Some(vec![leader]),
            eligible_leader_replicas: Some(Vec::new()),
            last_known_elr: Some(Vec::new()),
            ..place
        };
        change.into()
    }

    /// Leads a partition, if there is one, in a new epoch, which no later process goes back behind.
    pub(crate) fn lead_anew(
        &mut self,
        now: Now,
        topic: &str,
        index: i32,
    ) -> Result<(), StorageError> {
        let Some(topic) = self.topics.by_name_mut(topic) else { return Ok(()) };
        let key = (topic.id, index);
        let Some(partition) = topic.partition(index) else { return Ok(()) };
        let dir = partition.dir;
        let led = self.lead(key.0, index, true, self.log_dirs.uuid(dir));
        self.record(now, &[led])?;
        let topic = self.topics.by_id_mut(key.0);
        let Some(partition) = topic.and_then(|topic| topic.partition(index)) else { return Ok(()) };
        partition.leader_epoch += 1;
        let epoch = partition.leader_epoch;
        let begun = partition.log.begin_epoch(self.log_dirs.storage(dir), epoch);
        self.news.push(News::Partition(key));
        self.stored(dir, begun)
    }

    /// Says in the metadata log that this broker is here, and what it leads.
    fn announce(
        &mut self,
        features: &BTreeMap<Arc<str>, i16>,
        moved: Vec<MetadataRecord>,
        now: Now,
    ) -> Result<(), StorageError> {
        let (name, least, most) = METADATA_VERSION;
        let mut records = Vec::with_capacity(moved.len() + 3);
        if !features.contains_key(name) {
            records.push(FeatureLevelRecord { name: name.into(), feature_level: most }.into());
        }
        let end_points = self.config.listeners.iter().map(|listener| BrokerEndpoint {
            name: listener.name.to_string().into(),
            host: listener.advertised.host.clone(),
            port: listener.advertised.port,
            security_protocol: 0,
        });
        let end_points = end_points.collect();
        let (broker_id, broker_epoch) = (self.config.node_id, now.wall_ms);
        let feature = BrokerFeature {
            name: name.into(),
            min_supported_version: least,
            max_supported_version: most,
        };
        let registered = RegisterBrokerRecord {
            broker_id,
            incarnation_id: self.new_topic_id(now),
            broker_epoch,
            end_points,
            features: vec![feature],
            rack: self.config.rack.clone(),
            log_dirs: self
                .log_dirs
                .online()
                .into_iter()
                .map(|dir| self.log_dirs.uuid(dir))
                .collect(),
            ..RegisterBrokerRecord::default()
        };
        records.push(registered.into());
        let unfenced = BrokerRegistrationChangeRecord {
            broker_id,
            broker_epoch,
            fenced: -1,
            ..BrokerRegistrationChangeRecord::default()
        };
        records.push(unfenced.into());
        records.extend(moved);
        self.record(now, &records)
    }

    /// Writes a change of topics, configs or ids into the metadata log; it is there when this returns.
    pub(crate) fn record(
        &mut self,
        now: Now,
        records: &[MetadataRecord],
    ) -> Result<(), StorageError> {
        let dir = self.log_dirs.metadata();
        self.log_dirs.check(dir)?;
        let Some(journal) = &mut self.journal else { return Ok(()) };
        let storage = self.log_dirs.storage(dir);
        let mut appended = journal.append(storage, records, now.wall_ms);
        let limit = |name| self.configs.broker_number(name).unwrap_or(i64::MAX);
        if appended.is_ok()
            && journal.wants_snapshot(limit(SNAPSHOT_BYTES), limit(SNAPSHOT_MS), now)
        {
            appended = journal.write_snapshot(storage, now.wall_ms);
            let doomed = journal.take_doomed();
            self.doom(now, DELETE_DELAY_MS, dir, doomed);
        }
        self.stored(dir, appended)
    }

    /// The leader epoch and the end of the metadata log; where there is none, those of an empty one.
    pub(crate) fn metadata_end(&self) -> (i32, i64) {
        self.journal.as_ref().map_or((1, 0), Journal::end)
    }

    /// The id of the directory in which the metadata log lies.
    pub(crate) fn metadata_directory(&self) -> Uuid {
        self.log_dirs.uuid(self.log_dirs.metadata())
    }

    pub(super) fn stop_metadata(&mut self) -> Result<(), StorageError> {
        match &mut self.journal {
            Some(journal) => journal.stop(self.log_dirs.storage(self.log_dirs.metadata())),
            None => Ok(()),
        }
    }
}

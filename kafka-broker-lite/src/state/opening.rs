//! Takes a log directory over from the process before, or begins a new one.

use super::directory::{self, Identity};
use super::disk::CLEAN_SHUTDOWN;
use super::{News, Partition, State};
use crate::clock::Now;
use crate::config::BrokerConfig;
use crate::log::{Checkpoint, Storage, StorageError, checkpoint};
use crate::metadata::{
    BROKER, Image, ImagePartition, ImageTopic, Journal, Scope, TOPIC, Topic, Values,
};
use kafka_proto::stored::MetadataRecord;
use kafka_proto::stored::metadata::{
    BrokerEndpoint, BrokerFeature, BrokerRegistrationChangeRecord, FeatureLevelRecord,
    PartitionChangeRecord, RegisterBrokerRecord,
};
use kafka_proto::uuid::Uuid;
use std::collections::BTreeSet;
use std::sync::Arc;

/// The level of the metadata records that are written, that of Kafka 4.4.
const METADATA_VERSION: (&str, i16, i16) = ("metadata.version", 7, 33);

/// What the process before has left behind besides the logs.
struct Notes {
    clean: bool,
    recovery_points: checkpoint::Offsets,
    starts: checkpoint::Offsets,
}

impl State {
    /// The state that a durable storage holds; everything that is found there is recovered.
    pub(crate) fn open(
        config: BrokerConfig,
        storage: Box<dyn Storage>,
        now: Now,
    ) -> Result<Self, StorageError> {
        let mut state = Self::new(config, storage, now);
        if !state.storage.is_durable() {
            return Ok(state);
        }
        let fresh = Identity {
            cluster_id: state.config.cluster_id.to_string(),
            directory_id: state.new_topic_id(now),
        };
        let node_id = state.config.node_id;
        let identity = directory::identify(&mut *state.storage, node_id, fresh)?;
        state.config.cluster_id = identity.cluster_id.into();
        state.directory_id = identity.directory_id;
        let notes = state.notes()?;
        let log_config = state.configs.log_config(&Values::new());
        let origin = (notes.clean, node_id);
        let (journal, image) = Journal::open(&mut *state.storage, log_config, origin, now.wall_ms)?;
        state.journal = Some(journal);
        state.adopt_configs(&image);
        state.tidy(&image, now)?;
        let moved = state.adopt_topics(&image, &notes, now)?;
        state.announce(&image, moved, now)?;
        state.next_producer_id = image.next_producer_id;
        state.producer_ids_end = image.next_producer_id;
        state.load_groups(now)?;
        Ok(state)
    }

    fn notes(&mut self) -> Result<Notes, StorageError> {
        let storage = &mut *self.storage;
        let clean = storage.load(CLEAN_SHUTDOWN)?.is_some();
        if clean {
            // From here on only another clean stop makes it true again, so it must not come back.
            storage.remove(CLEAN_SHUTDOWN)?;
            storage.sync(&[])?.run()?;
        }
        let mut offsets = |name| {
            let loaded = storage.load(name)?;
            Ok(loaded.as_deref().and_then(checkpoint::parse_offsets).unwrap_or_default())
        };
        Ok(Notes {
            clean,
            recovery_points: offsets(checkpoint::RECOVERY_POINTS)?,
            starts: offsets(checkpoint::LOG_STARTS)?,
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

    /// Moves directories out of the way that belong to no topic, and deletes those that were to be deleted.
    fn tidy(&mut self, image: &Image, now: Now) -> Result<(), StorageError> {
        let known: BTreeSet<(String, Uuid)> = image
            .topics
            .iter()
            .flat_map(|(id, topic)| {
                topic.partitions.keys().map(|index| (format!("{}-{index}", topic.name), *id))
            })
            .collect();
        let names: BTreeSet<&str> = known.iter().map(|(name, _)| &**name).collect();
        for name in self.storage.list("")? {
            if name.ends_with("-delete") {
                self.storage.remove(&name)?;
                continue;
            }
            let numbered = name.rsplit_once('-').is_some_and(|(_, n)| n.parse::<u32>().is_ok());
            if !numbered || name == Journal::DIRECTORY {
                continue;
            }
            let id = directory::topic_of(&mut *self.storage, &name)?;
            let stray = match id {
                Some(id) => !known.contains(&(name.clone(), id)),
                None => !names.contains(&*name),
            };
            if stray {
                let to = format!("{name}.{:032x}-stray", self.random(now));
                tracing::warn!("{name} belongs to no topic of this broker and is now {to}");
                self.storage.rename(&name, &to)?;
            }
        }
        Ok(())
    }

    /// Opens the logs of all topics, and gives the partitions that this broker begins to lead anew.
    fn adopt_topics(
        &mut self,
        image: &Image,
        notes: &Notes,
        now: Now,
    ) -> Result<Vec<MetadataRecord>, StorageError> {
        let mut moved = Vec::new();
        for (id, topic) in &image.topics {
            let configs = image.configs.get(&(TOPIC, topic.name.clone()));
            let configs = configs.cloned().unwrap_or_default();
            let log_config = self.configs.log_config(&configs);
            let ImageTopic { name, partitions: known } = topic;
            let mut partitions = Vec::with_capacity(known.len());
            for (index, ImagePartition { leader, leader_epoch }) in known {
                // Records may be gone that were not synced: who follows the log has to be able to tell.
                let anew = !notes.clean || *leader != self.config.node_id;
                if anew {
                    moved.push(self.lead(*id, *index));
                }
                let place = (name.to_string(), *index);
                let noted = Checkpoint {
                    start: notes.starts.get(&place).copied().unwrap_or(0),
                    recovery_point: notes.recovery_points.get(&place).copied().unwrap_or(0),
                    clean: notes.clean,
                };
                let storage = &mut *self.storage;
                let epoch = leader_epoch + i32::from(anew);
                let place = (&**name, *index);
                let opened =
                    Partition::open(storage, place, &log_config, noted, epoch, now.wall_ms)?;
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

    fn lead(&self, topic_id: Uuid, partition_id: i32) -> MetadataRecord {
        let leader = self.config.node_id;
        let change = PartitionChangeRecord {
            partition_id,
            topic_id,
            leader,
            isr: Some(vec![leader]),
            eligible_leader_replicas: Some(Vec::new()),
            last_known_elr: Some(Vec::new()),
            ..PartitionChangeRecord::default()
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
        if topic.partition(index).is_none() {
            return Ok(());
        }
        self.record(now, &[self.lead(key.0, index)])?;
        let topic = self.topics.by_id_mut(key.0);
        let Some(partition) = topic.and_then(|topic| topic.partition(index)) else { return Ok(()) };
        partition.leader_epoch += 1;
        partition.log.begin_epoch(&mut *self.storage, partition.leader_epoch)?;
        self.news.push(News::Partition(key));
        Ok(())
    }

    /// Says in the metadata log that this broker is here, and what it leads.
    fn announce(
        &mut self,
        image: &Image,
        moved: Vec<MetadataRecord>,
        now: Now,
    ) -> Result<(), StorageError> {
        let (name, least, most) = METADATA_VERSION;
        let mut records = Vec::with_capacity(moved.len() + 3);
        if !image.features.contains_key(name) {
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
            log_dirs: vec![self.directory_id],
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
        self.disk.check()?;
        let Some(journal) = &mut self.journal else { return Ok(()) };
        let appended = journal.append(&mut *self.storage, records, now.wall_ms);
        self.stored(appended)
    }

    pub(super) fn stop_metadata(&mut self) -> Result<(), StorageError> {
        match &mut self.journal {
            Some(journal) => journal.stop(&mut *self.storage),
            None => Ok(()),
        }
    }
}

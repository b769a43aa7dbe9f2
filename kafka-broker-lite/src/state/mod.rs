//! Everything a broker knows between two requests.

mod cleaner;
mod directory;
mod disk;
mod group_log;
mod log_dirs;
mod moving;
mod opening;
mod partition;
mod producers;
mod snapshot;

pub(crate) use group_log::Unsynced;
pub use log_dirs::LogDir;
pub(crate) use log_dirs::{DirId, LogDirs};
pub(crate) use partition::{AppendContext, Partition, Refusal, Rejected};

use crate::clock::Now;
use crate::config::{BrokerConfig, ListenerName};
use crate::control::Control;
use crate::fetch_session::FetchSessions;
use crate::group::{Answer, Coordinator, OFFSETS_TOPIC, Ticket};
use crate::log::StorageError;
use crate::metadata::{BROKER, Configs, Journal, Scope, TOPIC, Topic, Topics, Values};
use disk::Disk;
use kafka_proto::ErrorCode;
use kafka_proto::records::Decompressor;
use kafka_proto::stored::MetadataRecord;
use kafka_proto::stored::metadata::{
    ConfigRecord, PartitionRecord, ProducerIdsRecord, RemoveTopicRecord, TopicRecord,
};
use kafka_proto::uuid::Uuid;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Producer ids that are taken at a time.
const PRODUCER_ID_BLOCK: i64 = 1000;

/// A partition, by its topic's id.
pub(crate) type PartitionKey = (Uuid, i32);

/// What a waiting request may want to hear of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Subject {
    Partition(PartitionKey),
    Ticket(Ticket),
}

/// What waiting requests should hear of.
#[derive(Debug)]
pub(crate) enum News {
    /// A partition has changed.
    Partition(PartitionKey),
    /// Somebody has answered.
    Answer(Ticket, Box<Answer>),
}

impl News {
    pub(crate) fn subject(&self) -> Subject {
        match self {
            Self::Partition(key) => Subject::Partition(*key),
            Self::Answer(ticket, _) => Subject::Ticket(*ticket),
        }
    }
}

#[derive(Debug)]
pub(crate) struct State {
    pub(crate) config: BrokerConfig,
    pub(crate) configs: Configs,
    pub(crate) topics: Topics,
    pub(crate) log_dirs: LogDirs,
    pub(crate) decompressor: Decompressor,
    pub(crate) sessions: FetchSessions,
    pub(crate) control: Control,
    pub(crate) groups: Coordinator,
    /// Answers of groups that wait until what they tell is synced.
    held: Vec<group_log::Held>,
    /// What is not told yet.
    pub(crate) news: Vec<News>,
    pub(crate) disk: Disk,
    /// The metadata log, on a storage that lasts.
    journal: Option<Journal>,
    next_producer_id: i64,
    /// The end of the block of producer ids that this broker has taken.
    producer_ids_end: i64,
    random: u64,
}

impl State {
    pub(crate) fn new(config: BrokerConfig, log_dirs: Vec<LogDir>, now: Now) -> Self {
        let configs = Configs::new(config.properties());
        let slots = config.max_incremental_fetch_session_cache_slots;
        Self {
            configs,
            topics: Topics::default(),
            log_dirs: LogDirs::new(log_dirs),
            decompressor: Decompressor::new(),
            sessions: FetchSessions::new(slots),
            control: Control::default(),
            groups: Coordinator::new(),
            held: Vec::new(),
            news: Vec::new(),
            disk: Disk::default(),
            journal: None,
            next_producer_id: 0,
            producer_ids_end: 0,
            random: now.random,
            config,
        }
    }

    /// The address that clients of `listener` are told.
    pub(crate) fn address(&self, listener: &ListenerName) -> (Arc<str>, i32) {
        let address = self.config.advertised(listener);
        (address.host.clone(), i32::from(address.port))
    }

    /// A random word; `now` adds what it brought.
    pub(crate) fn random(&mut self, now: Now) -> u64 {
        // The finalizer of splitmix64: every bit of the state reaches every bit of the word.
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15) ^ now.random.rotate_left(17);
        let mut word = self.random;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }

    /// An id that nobody has.
    pub(crate) fn new_topic_id(&mut self, now: Now) -> Uuid {
        let (high, low) = (self.random(now), self.random(now));
        Uuid::from_random(u128::from(high) << 64 | u128::from(low))
    }

    /// A producer id that nobody has had, also before a restart.
    pub(crate) fn new_producer_id(&mut self, now: Now) -> Result<i64, StorageError> {
        let id = self.next_producer_id;
        if id == self.producer_ids_end {
            let end = id + PRODUCER_ID_BLOCK;
            let (broker_id, broker_epoch) = (self.config.node_id, -1);
            let block = ProducerIdsRecord { broker_id, broker_epoch, next_producer_id: end };
            self.record(now, &[block.into()])?;
            self.producer_ids_end = end;
        }
        self.next_producer_id += 1;
        Ok(id)
    }

    /// Creates a topic that was found good.
    pub(crate) fn create_topic(
        &mut self,
        now: Now,
        name: &Arc<str>,
        partitions: i32,
        configs: Values,
    ) -> Result<Uuid, StorageError> {
        let id = self.new_topic_id(now);
        let mut records = vec![TopicRecord { name: name.clone(), topic_id: id }.into()];
        records.extend(config_records(TOPIC, name, &Values::new(), &configs));
        let places = self.places(0..partitions);
        records.extend(places.iter().map(|place| self.partition_record(id, *place)));
        self.record(now, &records)?;
        let log_config = self.configs.log_config(&configs);
        let name = name.clone();
        self.topics.insert(Topic { name, id, partitions: Vec::new(), configs, log_config });
        self.add_partitions(now, id, &places)?;
        Ok(id)
    }

    /// Gives a topic that many partitions, which is more than it has.
    pub(crate) fn grow_topic(
        &mut self,
        now: Now,
        id: Uuid,
        partitions: i32,
    ) -> Result<(), StorageError> {
        let has = self.topics.by_id(id).map_or(0, |topic| topic.partitions.len());
        let places = self.places(i32::try_from(has).unwrap_or(i32::MAX)..partitions);
        let records: Vec<_> =
            places.iter().map(|place| self.partition_record(id, *place)).collect();
        self.record(now, &records)?;
        self.add_partitions(now, id, &places)
    }

    /// Where partitions go that are to be made: each into the directory with the fewest, as in Kafka.
    fn places(&self, indexes: std::ops::Range<i32>) -> Vec<(i32, DirId)> {
        let mut counts: BTreeMap<DirId, usize> = BTreeMap::new();
        for partition in self.topics.iter().flat_map(|topic| &topic.partitions) {
            *counts.entry(partition.dir).or_default() += 1;
        }
        let online = self.log_dirs.online();
        let fewest = |counts: &BTreeMap<DirId, usize>| {
            online.iter().copied().min_by_key(|dir| counts.get(dir).copied().unwrap_or(0))
        };
        indexes
            .map(|index| {
                let dir = fewest(&counts).unwrap_or_else(|| self.log_dirs.metadata());
                *counts.entry(dir).or_default() += 1;
                (index, dir)
            })
            .collect()
    }

    fn add_partitions(
        &mut self,
        now: Now,
        id: Uuid,
        places: &[(i32, DirId)],
    ) -> Result<(), StorageError> {
        let Some(topic) = self.topics.by_id_mut(id) else { return Ok(()) };
        for (index, dir) in places {
            let storage = self.log_dirs.storage(*dir);
            let made = Partition::create((*dir, storage), (&topic.name, *index), now.wall_ms)
                .and_then(|made| {
                    let storage = self.log_dirs.storage(*dir);
                    directory::note_topic(storage, &made.name, id).map(|()| made)
                });
            match made {
                Ok(partition) => topic.partitions.push(partition),
                Err(error) => {
                    self.storage_failed(*dir, &error);
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    fn partition_record(
        &self,
        topic_id: Uuid,
        (partition_id, dir): (i32, DirId),
    ) -> MetadataRecord {
        let node_id = self.config.node_id;
        let partition = PartitionRecord {
            partition_id,
            topic_id,
            replicas: vec![node_id],
            isr: vec![node_id],
            leader: node_id,
            leader_epoch: 0,
            partition_epoch: 0,
            directories: vec![self.log_dirs.uuid(dir)],
            ..PartitionRecord::default()
        };
        partition.into()
    }

    /// Deletes a topic and wakes who waits for its records.
    pub(crate) fn delete_topic(&mut self, now: Now, id: Uuid) -> Result<(), StorageError> {
        if self.topics.by_id(id).is_none() {
            return Ok(());
        }
        self.record(now, &[RemoveTopicRecord { topic_id: id }.into()])?;
        let Some(mut topic) = self.topics.remove(id) else { return Ok(()) };
        self.with_groups(now, |groups, turn| match &*topic.name {
            OFFSETS_TOPIC => groups.unload(turn),
            name => groups.topic_is_deleted(turn, name),
        });
        let unique = format!("{:016x}{:016x}", self.random(now), self.random(now));
        for (index, partition) in (0..).zip(&mut topic.partitions) {
            self.news.push(News::Partition((id, index)));
            let dir = partition.dir;
            if self.log_dirs.check(dir).is_err() {
                // It is found to belong to no topic when the directory is opened again.
                continue;
            }
            let deleted = partition.log.delete(self.log_dirs.storage(dir), &unique);
            let doomed = partition.log.take_doomed();
            self.doom(now, topic.log_config.file_delete_delay_ms, dir, doomed);
            self.stored(dir, deleted)?;
        }
        Ok(())
    }

    /// Changes the own configs of a topic.
    pub(crate) fn set_topic_configs(
        &mut self,
        now: Now,
        id: Uuid,
        configs: Values,
    ) -> Result<(), StorageError> {
        let Some(topic) = self.topics.by_id(id) else { return Ok(()) };
        let records = config_records(TOPIC, &topic.name, &topic.configs, &configs);
        self.record(now, &records)?;
        let log_config = self.configs.log_config(&configs);
        if let Some(topic) = self.topics.by_id_mut(id) {
            topic.configs = configs;
            topic.log_config = log_config;
        }
        self.wake_cleaner(now);
        Ok(())
    }

    /// Changes the configs of this broker, or of all.
    pub(crate) fn set_broker_configs(
        &mut self,
        now: Now,
        scope: Scope,
        configs: Values,
    ) -> Result<(), StorageError> {
        let name = match scope {
            Scope::Broker => self.config.node_id.to_string().into(),
            Scope::AllBrokers => Arc::from(""),
        };
        let records = config_records(BROKER, &name, self.configs.brokers(scope), &configs);
        self.record(now, &records)?;
        self.configs.set_brokers(scope, configs);
        self.refresh_log_configs();
        self.wake_cleaner(now);
        Ok(())
    }

    /// Takes changed configs over into every topic.
    fn refresh_log_configs(&mut self) {
        for topic in self.topics.iter_mut() {
            topic.log_config = self.configs.log_config(&topic.configs);
        }
    }

    /// Drops old segments and forgets idle producers.
    pub(crate) fn clean(&mut self, now: Now) {
        const EXPIRATION: &str = "producer.id.expiration.ms";
        let expiration_ms = self.configs.broker_number(EXPIRATION).unwrap_or(i64::MAX);
        let (mut doomed, mut failed) = (Vec::new(), Vec::new());
        for topic in self.topics.iter_mut() {
            let delay_ms = topic.log_config.file_delete_delay_ms;
            for (index, partition) in (0..).zip(&mut topic.partitions) {
                partition.producers.expire(now.wall_ms, expiration_ms);
                let dir = partition.dir;
                if self.log_dirs.check(dir).is_err() {
                    continue;
                }
                let storage = self.log_dirs.storage(dir);
                let deleted = partition.log.retain(storage, &topic.log_config, now.wall_ms);
                if deleted != Ok(0) {
                    self.news.push(News::Partition((topic.id, index)));
                }
                doomed.push((delay_ms, dir, partition.log.take_doomed()));
                failed.extend(deleted.err().map(|error| (dir, error)));
            }
        }
        doomed.into_iter().for_each(|(delay_ms, dir, names)| self.doom(now, delay_ms, dir, names));
        failed.iter().for_each(|(dir, error)| self.storage_failed(*dir, error));
    }

    /// Checks the leader epoch that a request believes in; -1 believes in none.
    pub(crate) fn check_leader_epoch(current: i32, asked: i32) -> Result<(), ErrorCode> {
        match asked {
            -1 => Ok(()),
            asked if asked < current => Err(ErrorCode::FENCED_LEADER_EPOCH),
            asked if asked > current => Err(ErrorCode::UNKNOWN_LEADER_EPOCH),
            _ => Ok(()),
        }
    }
}

/// What changes `old` configs into `new` ones.
fn config_records(
    resource_type: i8,
    resource_name: &Arc<str>,
    old: &Values,
    new: &Values,
) -> Vec<MetadataRecord> {
    let record = |name: &Arc<str>, value: Option<&Arc<str>>| {
        let (resource_name, name, value) = (resource_name.clone(), name.clone(), value.cloned());
        ConfigRecord { resource_type, resource_name, name, value }.into()
    };
    let gone = old.keys().filter(|name| !new.contains_key(*name)).map(|name| record(name, None));
    let set = new.iter().filter(|(name, value)| old.get(*name) != Some(*value));
    gone.chain(set.map(|(name, value)| record(name, Some(value)))).collect()
}

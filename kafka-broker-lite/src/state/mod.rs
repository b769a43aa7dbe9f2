//! Everything a broker knows between two requests.

mod partition;
mod producers;

pub(crate) use partition::{AppendContext, Partition, Refusal};

use crate::clock::Now;
use crate::config::{BrokerConfig, ListenerName};
use crate::control::Control;
use crate::fetch_session::FetchSessions;
use crate::log::{Storage, StorageError};
use crate::metadata::{Configs, Topic, Topics, Values};
use kafka_proto::ErrorCode;
use kafka_proto::records::Decompressor;
use kafka_proto::uuid::Uuid;
use std::sync::Arc;

/// A partition, by its topic's id.
pub(crate) type PartitionKey = (Uuid, i32);

#[derive(Debug)]
pub(crate) struct State {
    pub(crate) config: BrokerConfig,
    pub(crate) configs: Configs,
    pub(crate) topics: Topics,
    pub(crate) storage: Box<dyn Storage>,
    pub(crate) decompressor: Decompressor,
    pub(crate) sessions: FetchSessions,
    pub(crate) control: Control,
    /// Partitions of which waiting fetches should take another look.
    pub(crate) news: Vec<PartitionKey>,
    next_producer_id: i64,
    random: u64,
}

impl State {
    pub(crate) fn new(config: BrokerConfig, storage: Box<dyn Storage>, now: Now) -> Self {
        let configs = Configs::new(config.properties());
        let slots = config.max_incremental_fetch_session_cache_slots;
        Self {
            configs,
            topics: Topics::default(),
            storage,
            decompressor: Decompressor::new(),
            sessions: FetchSessions::new(slots),
            control: Control::default(),
            news: Vec::new(),
            next_producer_id: 0,
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

    pub(crate) fn new_producer_id(&mut self) -> i64 {
        let id = self.next_producer_id;
        self.next_producer_id += 1;
        id
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
        let log_config = self.configs.log_config(&configs);
        let partitions = (0..partitions)
            .map(|index| Partition::create(&mut *self.storage, name, index, now.wall_ms))
            .collect::<Result<_, _>>()?;
        let name = name.clone();
        self.topics.insert(Topic { name, id, partitions, configs, log_config });
        Ok(id)
    }

    /// Deletes a topic and wakes who waits for its records.
    pub(crate) fn delete_topic(&mut self, id: Uuid) -> Result<(), StorageError> {
        let Some(mut topic) = self.topics.remove(id) else { return Ok(()) };
        for (index, partition) in (0..).zip(&mut topic.partitions) {
            self.news.push((id, index));
            partition.log.delete(&mut *self.storage)?;
        }
        Ok(())
    }

    /// Takes changed configs over into every topic.
    pub(crate) fn refresh_log_configs(&mut self) {
        for topic in self.topics.iter_mut() {
            topic.log_config = self.configs.log_config(&topic.configs);
        }
    }

    /// Drops old segments and forgets idle producers.
    pub(crate) fn clean(&mut self, now: Now) {
        const EXPIRATION: &str = "producer.id.expiration.ms";
        let expiration_ms = self.configs.broker_number(EXPIRATION).unwrap_or(i64::MAX);
        for topic in self.topics.iter_mut() {
            for (index, partition) in (0..).zip(&mut topic.partitions) {
                partition.producers.expire(now.wall_ms, expiration_ms);
                let storage = &mut *self.storage;
                // A file that could not be deleted is out of the log all the same.
                let deleted = partition.log.retain(storage, &topic.log_config, now.wall_ms);
                if deleted != Ok(0) {
                    self.news.push((topic.id, index));
                }
            }
        }
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

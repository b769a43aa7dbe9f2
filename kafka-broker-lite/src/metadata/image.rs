//! What the records of the metadata log come to: the topics, configs and producer ids of the cluster.
//!
//! Records of which this broker knows nothing are kept as they are, so that a snapshot loses none.

use super::configs::Values;
use kafka_proto::stored::MetadataRecord;
use kafka_proto::stored::metadata::{
    BrokerRegistrationChangeRecord, ConfigRecord, FeatureLevelRecord, PartitionChangeRecord,
    PartitionRecord, ProducerIdsRecord, RegisterBrokerRecord, TopicRecord,
};
use kafka_proto::uuid::Uuid;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The kinds of what configs belong to.
pub(crate) const TOPIC: i8 = 2;
pub(crate) const BROKER: i8 = 4;

/// The state of the cluster at some offset of its metadata log.
#[derive(Debug, Default)]
pub(crate) struct Image {
    pub(crate) topics: BTreeMap<Uuid, ImageTopic>,
    /// By kind and name of what they belong to.
    pub(crate) configs: BTreeMap<(i8, Arc<str>), Values>,
    pub(crate) features: BTreeMap<Arc<str>, i16>,
    producer_ids: Option<ProducerIdsRecord>,
    brokers: BTreeMap<i32, RegisterBrokerRecord>,
    /// What this broker has not got, in its order: ACLs, quotas, credentials.
    others: Vec<MetadataRecord>,
    /// Records of a transaction that has not ended.
    pending: Option<Vec<MetadataRecord>>,
}

#[derive(Debug)]
pub(crate) struct ImageTopic {
    pub(crate) name: Arc<str>,
    pub(crate) partitions: BTreeMap<i32, PartitionRecord>,
}

/// The leader that means that it has not changed.
const UNCHANGED: i32 = -2;

impl Image {
    /// Takes over one record.
    pub(crate) fn apply(&mut self, record: MetadataRecord) {
        match (record, &mut self.pending) {
            (MetadataRecord::BeginTransaction(_), pending) => *pending = Some(Vec::new()),
            (MetadataRecord::AbortTransaction(_), pending) => *pending = None,
            (MetadataRecord::EndTransaction(_), pending) => {
                let records = pending.take().unwrap_or_default();
                records.into_iter().for_each(|record| self.apply_now(record));
            }
            (record, Some(pending)) => pending.push(record),
            (record, None) => self.apply_now(record),
        }
    }

    fn apply_now(&mut self, record: MetadataRecord) {
        match record {
            MetadataRecord::Topic(topic) => {
                let partitions = BTreeMap::new();
                let name = topic.name;
                self.topics.insert(topic.topic_id, ImageTopic { name, partitions });
            }
            MetadataRecord::Partition(partition) => {
                let Some(topic) = self.topics.get_mut(&partition.topic_id) else { return };
                topic.partitions.insert(partition.partition_id, partition);
            }
            MetadataRecord::PartitionChange(change) => self.change_partition(change),
            MetadataRecord::RemoveTopic(removed) => {
                if let Some(topic) = self.topics.remove(&removed.topic_id) {
                    self.configs.remove(&(TOPIC, topic.name));
                }
            }
            MetadataRecord::Config(config) => {
                let place = (config.resource_type, config.resource_name);
                let values = self.configs.entry(place).or_default();
                match config.value {
                    Some(value) => values.insert(config.name, value),
                    None => values.remove(&config.name),
                };
            }
            MetadataRecord::FeatureLevel(feature) => {
                self.features.insert(feature.name, feature.feature_level);
            }
            MetadataRecord::ProducerIds(block) => {
                if block.next_producer_id >= self.next_producer_id() {
                    self.producer_ids = Some(block);
                }
            }
            MetadataRecord::RegisterBroker(broker) => {
                self.brokers.insert(broker.broker_id, broker);
            }
            MetadataRecord::BrokerRegistrationChange(change) => self.change_broker(change),
            MetadataRecord::UnregisterBroker(gone) => {
                self.brokers.remove(&gone.broker_id);
            }
            MetadataRecord::NoOp(_) => {}
            other => self.others.push(other),
        }
    }

    /// The first producer id that nobody was given.
    pub(crate) fn next_producer_id(&self) -> i64 {
        self.producer_ids.as_ref().map_or(0, |block| block.next_producer_id)
    }

    /// The records that come to this.
    pub(super) fn records(&self) -> Vec<MetadataRecord> {
        let mut records: Vec<MetadataRecord> = Vec::new();
        for (name, feature_level) in &self.features {
            let (name, feature_level) = (name.clone(), *feature_level);
            records.push(FeatureLevelRecord { name, feature_level }.into());
        }
        records.extend(self.brokers.values().cloned().map(MetadataRecord::from));
        for (topic_id, topic) in &self.topics {
            records.push(TopicRecord { name: topic.name.clone(), topic_id: *topic_id }.into());
            records.extend(topic.partitions.values().cloned().map(MetadataRecord::from));
        }
        for ((resource_type, resource_name), values) in &self.configs {
            records.extend(values.iter().map(|(name, value)| {
                let (resource_type, resource_name) = (*resource_type, resource_name.clone());
                let (name, value) = (name.clone(), Some(value.clone()));
                ConfigRecord { resource_type, resource_name, name, value }.into()
            }));
        }
        records.extend(self.producer_ids.clone().map(MetadataRecord::from));
        records.extend(self.others.iter().cloned());
        records
    }

    fn change_broker(&mut self, change: BrokerRegistrationChangeRecord) {
        let Some(broker) = self.brokers.get_mut(&change.broker_id) else { return };
        match change.fenced {
            -1 => broker.fenced = false,
            1 => broker.fenced = true,
            _ => {}
        }
        if change.in_controlled_shutdown != 0 {
            broker.in_controlled_shutdown = change.in_controlled_shutdown > 0;
        }
        if !change.log_dirs.is_empty() {
            broker.log_dirs = change.log_dirs;
        }
    }

    fn change_partition(&mut self, change: PartitionChangeRecord) {
        let topic = self.topics.get_mut(&change.topic_id);
        let partition = topic.and_then(|topic| topic.partitions.get_mut(&change.partition_id));
        let Some(partition) = partition else { return };
        let put = |to: &mut Vec<i32>, changed: Option<Vec<i32>>| {
            if let Some(changed) = changed {
                *to = changed;
            }
        };
        put(&mut partition.isr, change.isr);
        put(&mut partition.replicas, change.replicas);
        put(&mut partition.removing_replicas, change.removing_replicas);
        put(&mut partition.adding_replicas, change.adding_replicas);
        if let Some(directories) = change.directories {
            partition.directories = directories;
        }
        if let Some(eligible) = change.eligible_leader_replicas {
            partition.eligible_leader_replicas = Some(eligible).filter(|known| !known.is_empty());
        }
        if let Some(last) = change.last_known_elr {
            partition.last_known_elr = Some(last).filter(|known| !known.is_empty());
        }
        if change.leader_recovery_state >= 0 {
            partition.leader_recovery_state = change.leader_recovery_state;
        }
        if change.leader != UNCHANGED {
            partition.leader = change.leader;
            partition.leader_epoch += 1;
        }
        partition.partition_epoch += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kafka_proto::stored::metadata::{
        AbortTransactionRecord, BeginTransactionRecord, EndTransactionRecord, NoOpRecord,
        RemoveAccessControlEntryRecord, RemoveTopicRecord,
    };

    const ID: Uuid = Uuid([7; 16]);

    fn config(value: Option<&str>) -> MetadataRecord {
        let (resource_name, name) = ("t".into(), "retention.ms".into());
        let value = value.map(Arc::from);
        ConfigRecord { resource_type: TOPIC, resource_name, name, value }.into()
    }

    fn with_topic() -> Image {
        let mut image = Image::default();
        image.apply(TopicRecord { name: "t".into(), topic_id: ID }.into());
        let partition = PartitionRecord {
            partition_id: 0,
            topic_id: ID,
            leader: 1,
            leader_epoch: 0,
            partition_epoch: 0,
            ..PartitionRecord::default()
        };
        image.apply(partition.into());
        image.apply(config(Some("5")));
        image
    }

    #[test]
    fn topics_come_change_and_go() {
        let mut image = with_topic();
        for leader in [-1, 1, UNCHANGED] {
            let change = PartitionChangeRecord {
                partition_id: 0,
                topic_id: ID,
                leader,
                ..PartitionChangeRecord::default()
            };
            image.apply(change.into());
        }
        let partition = &image.topics[&ID].partitions[&0];
        assert_eq!(
            (partition.leader, partition.leader_epoch, partition.partition_epoch),
            (1, 2, 3)
        );
        let of_topic = (TOPIC, Arc::from("t"));
        assert_eq!(&*image.configs[&of_topic]["retention.ms"], "5");
        image.apply(config(None));
        assert!(image.configs[&of_topic].is_empty());
        image.apply(RemoveTopicRecord { topic_id: ID }.into());
        assert!(image.topics.is_empty() && image.configs.is_empty());
    }

    #[test]
    fn a_transaction_counts_when_it_has_ended() {
        let mut image = with_topic();
        image.apply(BeginTransactionRecord::default().into());
        image.apply(RemoveTopicRecord { topic_id: ID }.into());
        assert_eq!(image.topics.len(), 1);
        image.apply(AbortTransactionRecord::default().into());
        image.apply(BeginTransactionRecord::default().into());
        image.apply(ProducerIdsRecord { next_producer_id: 2_000, ..Default::default() }.into());
        assert_eq!(image.next_producer_id(), 0);
        image.apply(EndTransactionRecord::default().into());
        assert_eq!((image.topics.len(), image.next_producer_id()), (1, 2_000));
    }

    #[test]
    fn the_records_of_an_image_come_to_it_again() {
        let mut image = with_topic();
        let records: [MetadataRecord; 8] = [
            FeatureLevelRecord { name: "metadata.version".into(), feature_level: 33 }.into(),
            RegisterBrokerRecord { broker_id: 1, ..Default::default() }.into(),
            BrokerRegistrationChangeRecord {
                broker_id: 1,
                fenced: -1,
                log_dirs: vec![ID],
                ..Default::default()
            }
            .into(),
            PartitionChangeRecord {
                partition_id: 0,
                topic_id: ID,
                isr: Some(vec![1]),
                leader: 1,
                directories: Some(vec![ID]),
                ..Default::default()
            }
            .into(),
            ProducerIdsRecord { next_producer_id: 2_000, ..Default::default() }.into(),
            NoOpRecord::default().into(),
            RemoveAccessControlEntryRecord { id: ID }.into(),
            config(Some("6")),
        ];
        records.into_iter().for_each(|record| image.apply(record));
        let told = image.records();
        assert_eq!(told.len(), 7);
        let mut again = Image::default();
        told.iter().cloned().for_each(|record| again.apply(record));
        assert_eq!(again.records(), told);
        let partition = &again.topics[&ID].partitions[&0];
        assert_eq!((&partition.directories[..], partition.leader_epoch), (&[ID][..], 1));
    }
}

//! What the records of the metadata log come to: the topics, configs and producer ids of the cluster.

use super::configs::Values;
use kafka_proto::stored::MetadataRecord;
use kafka_proto::stored::metadata::PartitionChangeRecord;
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
    /// The first producer id that nobody was given.
    pub(crate) next_producer_id: i64,
    /// Records of a transaction that has not ended.
    pending: Option<Vec<MetadataRecord>>,
}

#[derive(Debug)]
pub(crate) struct ImageTopic {
    pub(crate) name: Arc<str>,
    pub(crate) partitions: BTreeMap<i32, ImagePartition>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ImagePartition {
    pub(crate) leader: i32,
    pub(crate) leader_epoch: i32,
    /// The log directory of its only replica; zero where nobody has said.
    pub(crate) directory: Uuid,
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
                let (leader, leader_epoch) = (partition.leader, partition.leader_epoch);
                let directory = partition.directories.first().copied().unwrap_or(Uuid::ZERO);
                let known = ImagePartition { leader, leader_epoch, directory };
                topic.partitions.insert(partition.partition_id, known);
            }
            MetadataRecord::PartitionChange(change) => self.change_partition(&change),
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
                self.next_producer_id = self.next_producer_id.max(block.next_producer_id);
            }
            // What is left concerns what this broker has not got: other brokers, ACLs, quotas, credentials.
            _ => {}
        }
    }

    fn change_partition(&mut self, change: &PartitionChangeRecord) {
        let topic = self.topics.get_mut(&change.topic_id);
        let partition = topic.and_then(|topic| topic.partitions.get_mut(&change.partition_id));
        let Some(partition) = partition else { return };
        if let Some(directory) = change.directories.iter().flatten().next() {
            partition.directory = *directory;
        }
        if change.leader != UNCHANGED {
            partition.leader = change.leader;
            partition.leader_epoch += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kafka_proto::stored::metadata::{
        AbortTransactionRecord, BeginTransactionRecord, ConfigRecord, EndTransactionRecord,
        PartitionRecord, ProducerIdsRecord, RemoveTopicRecord, TopicRecord,
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
        let partition = image.topics[&ID].partitions[&0];
        let directory = Uuid::ZERO;
        assert_eq!(partition, ImagePartition { leader: 1, leader_epoch: 2, directory });
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
        assert_eq!(image.next_producer_id, 0);
        image.apply(EndTransactionRecord::default().into());
        assert_eq!((image.topics.len(), image.next_producer_id), (1, 2_000));
    }
}

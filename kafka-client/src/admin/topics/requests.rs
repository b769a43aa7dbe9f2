//! What the calls about topics send, and how the answers read.

use super::{
    CreatedTopic, NewPartitions, NewTopic, PartitionDescription, TopicDescription, TopicListing,
};
use crate::admin::configs::ConfigEntry;
use crate::admin::directory::Target;
use crate::admin::work::{Answered, Asked, Failure, Key, Operation};
use kafka_proto::ErrorCode;
use kafka_proto::api::Request;
use kafka_proto::messages::{create_partitions, create_topics, delete_topics, metadata};
use kafka_proto::uuid::Uuid;
use std::marker::PhantomData;
use std::sync::Arc;

/// What the controller answers when a later try may find another controller, or room in a quota.
pub(super) const fn is_transient_of_controller(code: ErrorCode) -> bool {
    matches!(code, ErrorCode::NOT_CONTROLLER | ErrorCode::THROTTLING_QUOTA_EXCEEDED)
}

fn known_id(id: Uuid) -> Option<Uuid> {
    (!id.is_zero()).then_some(id)
}

pub(in crate::admin) struct CreateTopics {
    pub(in crate::admin) validate_only: bool,
}

impl Operation for CreateTopics {
    type Key = Arc<str>;
    type Item = NewTopic;
    type Answer = CreatedTopic;
    type Request = create_topics::Request;
    const ASKED: &'static str = "create the topic";
    const DONE_BEFORE: Option<ErrorCode> = Some(ErrorCode::TOPIC_ALREADY_EXISTS);

    fn target<'a>(&self, _: &'a Arc<str>) -> Target<'a> {
        Target::Controller
    }

    fn invalid(&self, _: &Arc<str>, topic: &NewTopic) -> Option<String> {
        let numbers = topic.partitions.is_some() || topic.replication_factor.is_some();
        if numbers && !topic.assignments.is_empty() {
            let text = "assignments stand in place of partitions and replication_factor; set one";
            return Some(text.to_owned());
        }
        // -1 would stand for the broker's default.
        match (topic.partitions, topic.replication_factor) {
            (Some(count), _) if count < 1 => Some(format!("it cannot have {count} partitions")),
            (_, Some(count)) if count < 1 => Some(format!("it cannot have {count} replicas")),
            _ => None,
        }
    }

    fn unsupported(&self, _: &Arc<str>, topic: &NewTopic, version: i16) -> Option<String> {
        let what = match (topic.partitions, topic.replication_factor) {
            _ if version >= 4 || !topic.assignments.is_empty() => return None,
            (None, _) => "leaving `partitions` to the broker",
            (_, None) => "leaving `replication_factor` to the broker",
            _ => return None,
        };
        Some(Failure::needs::<Self::Request>(what, 4, "2.4", version))
    }

    fn request(&self, items: &Asked<'_, Self>, _: i16, timeout_ms: i32) -> Self::Request {
        let topic = |topic: &NewTopic| create_topics::CreatableTopic {
            name: topic.name.clone(),
            num_partitions: topic.partitions.unwrap_or(-1),
            replication_factor: topic.replication_factor.unwrap_or(-1),
            assignments: (0..)
                .zip(&topic.assignments)
                .map(|(partition_index, brokers)| create_topics::CreatableReplicaAssignment {
                    partition_index,
                    broker_ids: brokers.clone(),
                })
                .collect(),
            configs: (topic.configs.iter().cloned())
                .map(|(name, value)| create_topics::CreatableTopicConfig {
                    name,
                    value: Some(value),
                })
                .collect(),
        };
        create_topics::Request {
            topics: items.iter().map(|(_, item)| topic(item)).collect(),
            timeout_ms,
            validate_only: self.validate_only,
        }
    }

    fn rows(&self, answer: create_topics::Response, _: i16) -> Answered<Self> {
        let row = |row: create_topics::CreatableTopicResult| {
            let seen = row.topic_config_error_code.is_ok();
            let result = Failure::check(row.error_code, row.error_message).map(|()| CreatedTopic {
                id: known_id(row.topic_id),
                partitions: (row.num_partitions >= 0).then_some(row.num_partitions),
                replication_factor: (row.replication_factor >= 0).then_some(row.replication_factor),
                configs: row
                    .configs
                    .filter(|configs| seen && (row.num_partitions >= 0 || !configs.is_empty()))
                    .map(|configs| configs.into_iter().map(ConfigEntry::of_created).collect()),
            });
            (row.name, result)
        };
        Ok(answer.topics.into_iter().map(row).collect())
    }

    fn is_transient(&self, code: ErrorCode) -> bool {
        is_transient_of_controller(code)
    }
}

/// A name or an id.
pub(super) trait TopicKey: Key {
    /// What the broker answers about one that does not exist.
    const UNKNOWN: ErrorCode;

    /// Why a version that takes ids from `newer` on cannot carry it.
    fn unsupported<R: Request>(&self, newer: i16, kafka: &str, version: i16) -> Option<String>;
    fn name_and_id(&self) -> (Option<Arc<str>>, Uuid);
    fn of(name: Option<&Arc<str>>, id: Uuid) -> Option<Self>;
}

impl TopicKey for Arc<str> {
    const UNKNOWN: ErrorCode = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;

    fn unsupported<R: Request>(&self, _: i16, _: &str, _: i16) -> Option<String> {
        None
    }

    fn name_and_id(&self) -> (Option<Arc<str>>, Uuid) {
        (Some(self.clone()), Uuid::ZERO)
    }

    fn of(name: Option<&Arc<str>>, _: Uuid) -> Option<Self> {
        name.cloned()
    }
}

impl TopicKey for Uuid {
    const UNKNOWN: ErrorCode = ErrorCode::UNKNOWN_TOPIC_ID;

    fn unsupported<R: Request>(&self, newer: i16, kafka: &str, version: i16) -> Option<String> {
        (version < newer).then(|| Failure::needs::<R>("asking by topic id", newer, kafka, version))
    }

    fn name_and_id(&self) -> (Option<Arc<str>>, Uuid) {
        (None, *self)
    }

    fn of(_: Option<&Arc<str>>, id: Uuid) -> Option<Self> {
        Some(id)
    }
}

pub(super) struct DeleteTopics<K>(PhantomData<K>);

impl<K> Default for DeleteTopics<K> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<K: TopicKey> Operation for DeleteTopics<K> {
    type Key = K;
    type Item = ();
    type Answer = ();
    type Request = delete_topics::Request;
    const ASKED: &'static str = "delete the topic";
    const DONE_BEFORE: Option<ErrorCode> = Some(K::UNKNOWN);

    fn target<'a>(&self, _: &'a K) -> Target<'a> {
        Target::Controller
    }

    fn unsupported(&self, key: &K, (): &(), version: i16) -> Option<String> {
        key.unsupported::<Self::Request>(6, "2.8", version)
    }

    fn request(&self, items: &Asked<'_, Self>, version: i16, timeout_ms: i32) -> Self::Request {
        let keys = items.iter().map(|(key, ())| key.name_and_id());
        let mut request = delete_topics::Request { timeout_ms, ..Default::default() };
        if version >= 6 {
            let state = |(name, topic_id)| delete_topics::DeleteTopicState { name, topic_id };
            request.topics = keys.map(state).collect();
        } else {
            request.topic_names = keys.filter_map(|(name, _)| name).collect();
        }
        request
    }

    fn rows(&self, answer: delete_topics::Response, _: i16) -> Answered<Self> {
        let row = |row: delete_topics::DeletableTopicResult| {
            let key = K::of(row.name.as_ref(), row.topic_id)?;
            Some((key, Failure::check(row.error_code, row.error_message)))
        };
        Ok(answer.responses.into_iter().filter_map(row).collect())
    }

    fn is_transient(&self, code: ErrorCode) -> bool {
        is_transient_of_controller(code)
    }
}

pub(super) struct DescribeTopics<K>(PhantomData<K>);

impl<K> Default for DescribeTopics<K> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<K: TopicKey> Operation for DescribeTopics<K> {
    type Key = K;
    type Item = ();
    type Answer = TopicDescription;
    type Request = metadata::Request;
    const ASKED: &'static str = "describe the topic";

    fn target<'a>(&self, _: &'a K) -> Target<'a> {
        Target::Any
    }

    fn unsupported(&self, key: &K, (): &(), version: i16) -> Option<String> {
        key.unsupported::<Self::Request>(12, "3.1", version)
    }

    fn request(&self, items: &Asked<'_, Self>, _: i16, _: i32) -> Self::Request {
        let topic = |(key, ()): &(&K, &())| {
            let (name, topic_id) = key.name_and_id();
            metadata::MetadataRequestTopic { name, topic_id }
        };
        metadata::Request {
            topics: Some(items.iter().map(topic).collect()),
            allow_auto_topic_creation: false,
            ..Default::default()
        }
    }

    fn rows(&self, answer: metadata::Response, _: i16) -> Answered<Self> {
        Failure::check(answer.error_code, None)?;
        let row = |row: metadata::MetadataResponseTopic| {
            let key = K::of(row.name.as_ref(), row.topic_id)?;
            let described = match (Failure::check(row.error_code, None), row.name) {
                (Err(failure), _) => Err(failure),
                (Ok(()), None) => return None,
                (Ok(()), Some(name)) => Ok(TopicDescription {
                    name,
                    id: known_id(row.topic_id),
                    is_internal: row.is_internal,
                    partitions: partitions(row.partitions),
                }),
            };
            Some((key, described))
        };
        Ok(answer.topics.into_iter().filter_map(row).collect())
    }

    fn is_transient(&self, code: ErrorCode) -> bool {
        // The topic was made just now.
        code == ErrorCode::LEADER_NOT_AVAILABLE
    }
}

fn partitions(mut rows: Vec<metadata::MetadataResponsePartition>) -> Vec<PartitionDescription> {
    rows.sort_by_key(|row| row.partition_index);
    let describe = |row: metadata::MetadataResponsePartition| PartitionDescription {
        partition: row.partition_index,
        leader: (row.leader_id >= 0).then_some(row.leader_id),
        leader_epoch: (row.leader_epoch >= 0).then_some(row.leader_epoch),
        replicas: row.replica_nodes,
        in_sync: row.isr_nodes,
        offline: row.offline_replicas,
    };
    rows.into_iter().map(describe).collect()
}

pub(super) struct ListTopics;

impl Operation for ListTopics {
    type Key = ();
    type Item = ();
    type Answer = Vec<TopicListing>;
    type Request = metadata::Request;
    const ASKED: &'static str = "list the topics";

    fn target<'a>(&self, (): &'a ()) -> Target<'a> {
        Target::Any
    }

    fn request(&self, _: &Asked<'_, Self>, _: i16, _: i32) -> Self::Request {
        metadata::Request { topics: None, allow_auto_topic_creation: false, ..Default::default() }
    }

    fn rows(&self, answer: metadata::Response, _: i16) -> Answered<Self> {
        Failure::check(answer.error_code, None)?;
        let listing = |row: metadata::MetadataResponseTopic| {
            let (name, id) = (row.name?, known_id(row.topic_id));
            Some(TopicListing { name, id, is_internal: row.is_internal })
        };
        let mut topics: Vec<_> = answer.topics.into_iter().filter_map(listing).collect();
        topics.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(vec![((), Ok(topics))])
    }

    fn is_transient(&self, _: ErrorCode) -> bool {
        false
    }
}

pub(super) struct CreatePartitions {
    pub(in crate::admin) validate_only: bool,
}

impl Operation for CreatePartitions {
    type Key = Arc<str>;
    type Item = NewPartitions;
    type Answer = ();
    type Request = create_partitions::Request;
    const ASKED: &'static str = "add partitions to the topic";
    const DONE_BEFORE: Option<ErrorCode> = Some(ErrorCode::INVALID_PARTITIONS);

    fn target<'a>(&self, _: &'a Arc<str>) -> Target<'a> {
        Target::Controller
    }

    fn request(&self, items: &Asked<'_, Self>, _: i16, timeout_ms: i32) -> Self::Request {
        let brokers = |brokers: &Vec<i32>| create_partitions::CreatePartitionsAssignment {
            broker_ids: brokers.clone(),
        };
        let topic = |topic: &NewPartitions| create_partitions::CreatePartitionsTopic {
            name: topic.topic.clone(),
            count: topic.total,
            assignments: (topic.assignments.as_ref())
                .map(|assignments| assignments.iter().map(brokers).collect()),
        };
        create_partitions::Request {
            topics: items.iter().map(|(_, item)| topic(item)).collect(),
            timeout_ms,
            validate_only: self.validate_only,
        }
    }

    fn rows(&self, answer: create_partitions::Response, _: i16) -> Answered<Self> {
        let row = |row: create_partitions::CreatePartitionsTopicResult| {
            (row.name, Failure::check(row.error_code, row.error_message))
        };
        Ok(answer.results.into_iter().map(row).collect())
    }

    fn is_transient(&self, code: ErrorCode) -> bool {
        is_transient_of_controller(code)
    }
}

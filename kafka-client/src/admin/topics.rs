//! Topics and their partitions: create, delete, list, describe, grow.

pub(super) mod requests;

use super::configs::ConfigEntry;
use super::{Admin, Results};
use crate::error::Result;
use kafka_proto::uuid::Uuid;
use requests::{CreatePartitions, CreateTopics, DeleteTopics, DescribeTopics, ListTopics};
use std::sync::Arc;

/// A topic to create.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewTopic {
    name: Arc<str>,
    partitions: Option<i32>,
    replication_factor: Option<i16>,
    assignments: Vec<Vec<i32>>,
    configs: Vec<(Arc<str>, Arc<str>)>,
}

impl NewTopic {
    /// A topic with the broker's own number of partitions (`num.partitions`) and replicas
    /// (`default.replication.factor`).
    /// Brokers before Kafka 2.4 want both to be set.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self {
            name: name.into(),
            partitions: None,
            replication_factor: None,
            assignments: Vec::new(),
            configs: Vec::new(),
        }
    }

    /// With this many partitions.
    #[must_use]
    pub const fn partitions(mut self, partitions: i32) -> Self {
        self.partitions = Some(partitions);
        self
    }

    /// With this many replicas of each partition.
    #[must_use]
    pub const fn replication_factor(mut self, replicas: i16) -> Self {
        self.replication_factor = Some(replicas);
        self
    }

    /// With the replicas on these brokers: a list per partition, the preferred leader first. Stands
    /// in place of numbers of
    /// partitions and replicas.
    #[must_use]
    pub fn assignments(mut self, brokers: impl IntoIterator<Item = impl Into<Vec<i32>>>) -> Self {
        self.assignments = brokers.into_iter().map(Into::into).collect();
        self
    }

    /// With this config of its own.
    #[must_use]
    pub fn config(mut self, name: impl Into<Arc<str>>, value: impl Into<Arc<str>>) -> Self {
        self.configs.push((name.into(), value.into()));
        self
    }
}

/// A topic as it was created.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CreatedTopic {
    /// `None` from brokers before Kafka 2.8.
    pub id: Option<Uuid>,
    /// `None` from brokers before Kafka 2.4, or when the caller may not see it.
    pub partitions: Option<i32>,
    /// As `partitions`.
    pub replication_factor: Option<i16>,
    /// As `partitions`.
    pub configs: Option<Vec<ConfigEntry>>,
}

/// Partitions to add to a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewPartitions {
    topic: Arc<str>,
    total: i32,
    assignments: Option<Vec<Vec<i32>>>,
}

impl NewPartitions {
    /// As many as it takes for the topic to have `total`.
    pub fn new(topic: impl Into<Arc<str>>, total: i32) -> Self {
        Self { topic: topic.into(), total, assignments: None }
    }

    /// With the replicas on these brokers: a list per added partition, the preferred leader first.
    #[must_use]
    pub fn assignments(mut self, brokers: impl IntoIterator<Item = impl Into<Vec<i32>>>) -> Self {
        self.assignments = Some(brokers.into_iter().map(Into::into).collect());
        self
    }
}

/// A topic in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TopicListing {
    /// Its name.
    pub name: Arc<str>,
    /// `None` from brokers before Kafka 2.8.
    pub id: Option<Uuid>,
    /// Whether it is one of Kafka's own.
    pub is_internal: bool,
}

/// A topic and its partitions.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TopicDescription {
    /// Its name.
    pub name: Arc<str>,
    /// `None` from brokers before Kafka 2.8.
    pub id: Option<Uuid>,
    /// Whether it is one of Kafka's own.
    pub is_internal: bool,
    /// By number.
    pub partitions: Vec<PartitionDescription>,
}

/// Where a partition is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PartitionDescription {
    /// Its number.
    pub partition: i32,
    /// `None` while there is none.
    pub leader: Option<i32>,
    /// `None` when the broker does not tell.
    pub leader_epoch: Option<i32>,
    /// The brokers that hold it, the preferred leader first.
    pub replicas: Vec<i32>,
    /// Those that are in sync.
    pub in_sync: Vec<i32>,
    /// Those on brokers or disks that are down.
    pub offline: Vec<i32>,
}

impl Admin {
    /// Creates topics. They exist when this returns; a broker may take a moment to learn of them.
    ///
    /// # Errors
    /// As [`Admin`] says. Of a topic: it exists, its name, numbers or configs are wrong, a policy forbids it, or the
    /// broker is too old for what is left to its defaults.
    ///
    /// # Cancel safety
    /// As [`Admin`] says.
    pub async fn create_topics(
        &self,
        topics: impl IntoIterator<Item = NewTopic>,
    ) -> Result<Results<Arc<str>, CreatedTopic>> {
        let results = self.run(&CreateTopics { validate_only: false }, named(topics)).await;
        self.cluster.refresh();
        results
    }

    /// Checks everything as [`Admin::create_topics`] does, and creates nothing.
    ///
    /// # Errors
    /// As [`Admin::create_topics`].
    ///
    /// # Cancel safety
    /// As [`Admin`] says.
    pub async fn validate_topics(
        &self,
        topics: impl IntoIterator<Item = NewTopic>,
    ) -> Result<Results<Arc<str>, CreatedTopic>> {
        self.run(&CreateTopics { validate_only: true }, named(topics)).await
    }

    /// Deletes topics with all they hold.
    ///
    /// # Errors
    /// As [`Admin`] says. Of a topic: it does not exist, or deletion is switched off (`delete.topic.enable`).
    ///
    /// # Cancel safety
    /// As [`Admin`] says.
    pub async fn delete_topics(
        &self,
        names: impl IntoIterator<Item = impl Into<Arc<str>>>,
    ) -> Result<Results<Arc<str>, ()>> {
        let names = names.into_iter().map(|name| (name.into(), ()));
        let results = self.run(&DeleteTopics::default(), names).await;
        self.cluster.refresh();
        results
    }

    /// Deletes topics by their ids: a topic that was created again under the same name stays. Needs Kafka 2.8.
    ///
    /// # Errors
    /// As [`Admin::delete_topics`].
    ///
    /// # Cancel safety
    /// As [`Admin`] says.
    pub async fn delete_topics_by_id(
        &self,
        ids: impl IntoIterator<Item = Uuid>,
    ) -> Result<Results<Uuid, ()>> {
        let ids = ids.into_iter().map(|id| (id, ()));
        let results = self.run(&DeleteTopics::default(), ids).await;
        self.cluster.refresh();
        results
    }

    /// All topics that the caller may see, Kafka's own among them, by name.
    ///
    /// # Errors
    /// As [`Admin`] says.
    ///
    /// # Cancel safety
    /// As [`Admin`] says.
    pub async fn list_topics(&self) -> Result<Vec<TopicListing>> {
        self.run_one(&ListTopics, ()).await
    }

    /// Describes topics and their partitions.
    ///
    /// # Errors
    /// As [`Admin`] says. Of a topic: it does not exist, or the caller may not see it.
    ///
    /// # Cancel safety
    /// As [`Admin`] says.
    pub async fn describe_topics(
        &self,
        names: impl IntoIterator<Item = impl Into<Arc<str>>>,
    ) -> Result<Results<Arc<str>, TopicDescription>> {
        let names = names.into_iter().map(|name| (name.into(), ()));
        self.run(&DescribeTopics::default(), names).await
    }

    /// Describes topics by their ids. Needs Kafka 3.1.
    ///
    /// # Errors
    /// As [`Admin::describe_topics`].
    ///
    /// # Cancel safety
    /// As [`Admin`] says.
    pub async fn describe_topics_by_id(
        &self,
        ids: impl IntoIterator<Item = Uuid>,
    ) -> Result<Results<Uuid, TopicDescription>> {
        let ids = ids.into_iter().map(|id| (id, ()));
        self.run(&DescribeTopics::default(), ids).await
    }

    /// Gives topics more partitions. Keys go to other partitions afterwards.
    ///
    /// # Errors
    /// As [`Admin`] says. Of a topic: it does not exist, has as many partitions already, or an assignment is wrong.
    ///
    /// # Cancel safety
    /// As [`Admin`] says.
    pub async fn create_partitions(
        &self,
        topics: impl IntoIterator<Item = NewPartitions>,
    ) -> Result<Results<Arc<str>, ()>> {
        let topics = topics.into_iter().map(|topic| (topic.topic.clone(), topic));
        let results = self.run(&CreatePartitions { validate_only: false }, topics).await;
        self.cluster.refresh();
        results
    }

    /// Checks everything as [`Admin::create_partitions`] does, and creates nothing.
    ///
    /// # Errors
    /// As [`Admin::create_partitions`].
    ///
    /// # Cancel safety
    /// As [`Admin`] says.
    pub async fn validate_partitions(
        &self,
        topics: impl IntoIterator<Item = NewPartitions>,
    ) -> Result<Results<Arc<str>, ()>> {
        let topics = topics.into_iter().map(|topic| (topic.topic.clone(), topic));
        self.run(&CreatePartitions { validate_only: true }, topics).await
    }
}

fn named(topics: impl IntoIterator<Item = NewTopic>) -> impl Iterator<Item = (Arc<str>, NewTopic)> {
    topics.into_iter().map(|topic| (topic.name.clone(), topic))
}

//! Describing the cluster: its id, its controller, its brokers.

use super::Admin;
use super::directory::Target;
use super::work::{Answered, Asked, Failure, Operation};
use crate::error::{ErrorKind, Result};
use kafka_proto::ErrorCode;
use kafka_proto::messages::{describe_cluster, metadata};
use std::sync::Arc;

/// A cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClusterDescription {
    /// Its id.
    pub cluster_id: Option<Arc<str>>,
    /// The broker that takes requests for the controller. With KRaft it passes them on, and may be any.
    pub controller: Option<i32>,
    /// The brokers that serve clients, by id.
    pub brokers: Vec<BrokerDescription>,
    /// The brokers that the controller keeps clients away from. `None` before Kafka 4.0, where they are not told.
    pub fenced_brokers: Option<Vec<BrokerDescription>>,
}

/// A broker, as its listener advertises it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BrokerDescription {
    /// Its id.
    pub id: i32,
    /// Where it listens.
    pub host: Arc<str>,
    /// Where it listens.
    pub port: i32,
    /// Where it stands.
    pub rack: Option<Arc<str>>,
}

impl Admin {
    /// Describes the cluster.
    ///
    /// # Errors
    /// As [`Admin`] says.
    ///
    /// # Cancel safety
    /// As [`Admin`] says.
    pub async fn describe_cluster(&self) -> Result<ClusterDescription> {
        match self.run_one(&DescribeCluster, ()).await {
            // Before Kafka 2.8, metadata says the same.
            Err(error) if error.kind() == ErrorKind::Unsupported && error.code().is_none() => {
                self.run_one(&ClusterOfMetadata, ()).await
            }
            described => described,
        }
    }
}

struct DescribeCluster;

impl Operation for DescribeCluster {
    type Key = ();
    type Item = ();
    type Answer = ClusterDescription;
    type Request = describe_cluster::Request;
    const ASKED: &'static str = "describe the cluster";

    fn target<'a>(&self, (): &'a ()) -> Target<'a> {
        Target::Any
    }

    fn request(&self, _: &Asked<'_, Self>, version: i16, _: i32) -> Self::Request {
        describe_cluster::Request {
            include_fenced_brokers: version >= FENCED_SINCE,
            ..Default::default()
        }
    }

    fn rows(&self, answer: describe_cluster::Response, version: i16) -> Answered<Self> {
        Failure::check(answer.error_code, answer.error_message)?;
        let mut brokers = answer.brokers;
        brokers.sort_by_key(|broker| broker.broker_id);
        let (fenced, serving): (Vec<_>, Vec<_>) = brokers.into_iter().partition(|b| b.is_fenced);
        let describe = |broker: describe_cluster::DescribeClusterBroker| BrokerDescription {
            id: broker.broker_id,
            host: broker.host,
            port: broker.port,
            rack: broker.rack,
        };
        let description = ClusterDescription {
            cluster_id: Some(answer.cluster_id),
            controller: (answer.controller_id >= 0).then_some(answer.controller_id),
            brokers: serving.into_iter().map(describe).collect(),
            fenced_brokers: (version >= FENCED_SINCE)
                .then(|| fenced.into_iter().map(describe).collect()),
        };
        Ok(vec![((), Ok(description))])
    }

    fn is_transient(&self, _: ErrorCode) -> bool {
        false
    }
}

/// The first version of DescribeCluster that tells of fenced brokers.
const FENCED_SINCE: i16 = 2;

struct ClusterOfMetadata;

impl Operation for ClusterOfMetadata {
    type Key = ();
    type Item = ();
    type Answer = ClusterDescription;
    type Request = metadata::Request;
    const ASKED: &'static str = DescribeCluster::ASKED;

    fn target<'a>(&self, (): &'a ()) -> Target<'a> {
        Target::Any
    }

    fn request(&self, _: &Asked<'_, Self>, _: i16, _: i32) -> Self::Request {
        metadata::Request {
            topics: Some(vec![]),
            allow_auto_topic_creation: false,
            ..Default::default()
        }
    }

    fn rows(&self, answer: metadata::Response, _: i16) -> Answered<Self> {
        Failure::check(answer.error_code, None)?;
        let describe = |broker: metadata::MetadataResponseBroker| BrokerDescription {
            id: broker.node_id,
            host: broker.host,
            port: broker.port,
            rack: broker.rack,
        };
        let mut brokers: Vec<_> = answer.brokers.into_iter().map(describe).collect();
        brokers.sort_by_key(|broker| broker.id);
        let description = ClusterDescription {
            cluster_id: answer.cluster_id,
            controller: (answer.controller_id >= 0).then_some(answer.controller_id),
            brokers,
            fenced_brokers: None,
        };
        Ok(vec![((), Ok(description))])
    }

    fn is_transient(&self, _: ErrorCode) -> bool {
        false
    }
}

//! `Admin`: creating, describing, changing and deleting what a cluster holds.
//!
//! Every family of calls is a file of its own that says what to send and how to read the answer; `run` finds the broker
//! to ask, splits what is asked among brokers, retries and keeps the time.

mod cluster;
mod configs;
mod directory;
mod groups;
mod offsets;
mod records;
mod run;
mod topics;
mod versions;
mod work;

pub use cluster::{BrokerDescription, ClusterDescription};
pub use configs::{
    ConfigChanges, ConfigEntry, ConfigResource, ConfigSource, ConfigSynonym, ConfigType,
    ResourceType,
};
pub use groups::{GroupDescription, GroupListing, MemberDescription, OffsetReset};
pub use offsets::{ListedOffset, OffsetSpec};
pub use records::DeleteBefore;
pub use topics::{
    CreatedTopic, NewPartitions, NewTopic, PartitionDescription, TopicDescription, TopicListing,
};
pub use versions::ApiOffer;

use crate::backoff::Backoff;
use crate::cluster::Cluster;
use crate::error::Result;
use std::borrow::Borrow;
use std::collections::{BTreeMap, btree_map};
use std::sync::Arc;
use std::time::Duration;

/// Manages topics, configs, records and groups of a cluster. Cheap to clone.
///
/// A call about several items gives [`Results`]: each item has a result of its own, since some may succeed while others
/// fail. The call as a whole fails only if no broker answered anything. An item that is named twice fails, as it would
/// at the broker.
///
/// What a later try may mend is retried, after asking anew for controller and leaders, until `default.api.timeout.ms`
/// is over; [`Admin::with_timeout`] sets another limit.
///
/// # Cancel safety
/// Every call is one or several requests. Dropping its future stops further ones; what was sent may be carried out.
#[derive(Clone, Debug)]
pub struct Admin {
    cluster: Arc<Cluster>,
    timeout: Duration,
    retry: Backoff,
}

impl Admin {
    pub(crate) fn new(cluster: Arc<Cluster>, timeout: Duration, retry: Backoff) -> Self {
        Self { cluster, timeout, retry }
    }

    /// The same, with another limit of time for each call.
    #[must_use]
    pub fn with_timeout(&self, timeout: Duration) -> Self {
        Self { timeout, ..self.clone() }
    }
}

/// What became of each item of a call.
#[derive(Clone, Debug)]
#[must_use = "every item has a result of its own: `all()` gives the first error"]
pub struct Results<K, T>(BTreeMap<K, Result<T>>);

impl<K: Ord, T> Results<K, T> {
    /// The same under other names.
    fn by<J: Ord>(self, name: impl Fn(K) -> J) -> Results<J, T> {
        Results(self.0.into_iter().map(|(key, result)| (name(key), result)).collect())
    }

    /// All answers, if every item succeeded.
    ///
    /// # Errors
    /// That of the first item, in the order of their names, that failed.
    pub fn all(self) -> Result<BTreeMap<K, T>> {
        self.0.into_iter().map(|(key, result)| Ok((key, result?))).collect()
    }

    /// What became of one item; `None` if it was not asked about.
    pub fn get<Q: Ord + ?Sized>(&self, key: &Q) -> Option<&Result<T>>
    where
        K: Borrow<Q>,
    {
        self.0.get(key)
    }

    /// Items and results, in the order of the items' names.
    pub fn iter(&self) -> btree_map::Iter<'_, K, Result<T>> {
        self.0.iter()
    }

    /// How many items there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether nothing was asked.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<K, T> IntoIterator for Results<K, T> {
    type Item = (K, Result<T>);
    type IntoIter = btree_map::IntoIter<K, Result<T>>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a, K: Ord, T> IntoIterator for &'a Results<K, T> {
    type Item = (&'a K, &'a Result<T>);
    type IntoIter = btree_map::Iter<'a, K, Result<T>>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

//! Configs of topics, brokers and groups: read, change one by one, replace.

mod entry;
mod requests;

pub use entry::{
    ConfigEntry, ConfigResource, ConfigSource, ConfigSynonym, ConfigType, ResourceType,
};

use super::{Admin, Results};
use crate::error::{Error, ErrorKind, Result};
use requests::{AlterConfigs, DescribeConfigs, IncrementalAlterConfigs};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Changes to the configs of one resource. What is not named stays as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigChanges {
    resource: ConfigResource,
    changes: Vec<Change>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Change {
    name: Arc<str>,
    kind: ChangeKind,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum ChangeKind {
    Set(Arc<str>),
    Delete,
    Append(Arc<str>),
    Subtract(Arc<str>),
}

/// The whole of a resource's own configs: what is not named goes back to its default.
type Whole = Vec<(Arc<str>, Arc<str>)>;

impl ConfigChanges {
    /// No changes yet, to the configs of `resource`.
    pub const fn new(resource: ConfigResource) -> Self {
        Self { resource, changes: Vec::new() }
    }

    /// Sets a config.
    #[must_use]
    pub fn set(self, name: impl Into<Arc<str>>, value: impl Into<Arc<str>>) -> Self {
        self.with(name, ChangeKind::Set(value.into()))
    }

    /// Sets a config back to its default.
    #[must_use]
    pub fn delete(self, name: impl Into<Arc<str>>) -> Self {
        self.with(name, ChangeKind::Delete)
    }

    /// Appends elements, separated by commas, to a config that is a list.
    #[must_use]
    pub fn append(self, name: impl Into<Arc<str>>, elements: impl Into<Arc<str>>) -> Self {
        self.with(name, ChangeKind::Append(elements.into()))
    }

    /// Takes elements, separated by commas, out of a config that is a list.
    #[must_use]
    pub fn subtract(self, name: impl Into<Arc<str>>, elements: impl Into<Arc<str>>) -> Self {
        self.with(name, ChangeKind::Subtract(elements.into()))
    }

    fn with(mut self, name: impl Into<Arc<str>>, kind: ChangeKind) -> Self {
        self.changes.push(Change { name: name.into(), kind });
        self
    }
}

impl Admin {
    /// Reads all configs of resources, with every place that sets them.
    ///
    /// # Errors
    /// As [`Admin`] says. Of a resource: it does not exist, or the caller may not see it.
    ///
    /// # Cancel safety
    /// As [`Admin`] says.
    pub async fn describe_configs(
        &self,
        resources: impl IntoIterator<Item = ConfigResource>,
    ) -> Result<Results<ConfigResource, Vec<ConfigEntry>>> {
        self.describe(resources, false).await
    }

    /// As [`Admin::describe_configs`], with Kafka's own words about each config. Needs Kafka 2.6.
    ///
    /// # Errors
    /// As [`Admin::describe_configs`].
    ///
    /// # Cancel safety
    /// As [`Admin`] says.
    pub async fn explain_configs(
        &self,
        resources: impl IntoIterator<Item = ConfigResource>,
    ) -> Result<Results<ConfigResource, Vec<ConfigEntry>>> {
        self.describe(resources, true).await
    }

    async fn describe(
        &self,
        resources: impl IntoIterator<Item = ConfigResource>,
        documentation: bool,
    ) -> Result<Results<ConfigResource, Vec<ConfigEntry>>> {
        let items = resources.into_iter().map(|resource| (resource, ()));
        self.run(&DescribeConfigs { documentation }, items).await
    }

    /// Changes configs one by one.
    ///
    /// Brokers before Kafka 2.3 can only replace all configs of a resource at once. There the configs are read,
    /// changed here and written back: a change that somebody else makes in between is undone, and a resource with
    /// secret configs, which cannot be read, is refused.
    ///
    /// # Errors
    /// As [`Admin`] says. Of a resource: it does not exist, a config is unknown, its value wrong, or a policy forbids
    /// it.
    ///
    /// # Cancel safety
    /// As [`Admin`] says.
    pub async fn incremental_alter_configs(
        &self,
        changes: impl IntoIterator<Item = ConfigChanges>,
    ) -> Result<Results<ConfigResource, ()>> {
        self.change(changes.into_iter().collect(), false).await
    }

    /// Checks everything as [`Admin::incremental_alter_configs`] does, and changes nothing.
    ///
    /// # Errors
    /// As [`Admin::incremental_alter_configs`].
    ///
    /// # Cancel safety
    /// As [`Admin`] says.
    pub async fn validate_configs(
        &self,
        changes: impl IntoIterator<Item = ConfigChanges>,
    ) -> Result<Results<ConfigResource, ()>> {
        self.change(changes.into_iter().collect(), true).await
    }

    /// Replaces all configs of resources: what is not named goes back to its default. Kept for brokers and tools that
    /// know nothing else; [`Admin::incremental_alter_configs`] is the better choice.
    ///
    /// # Errors
    /// As [`Admin::incremental_alter_configs`].
    ///
    /// # Cancel safety
    /// As [`Admin`] says.
    pub async fn alter_configs<N: Into<Arc<str>>, V: Into<Arc<str>>>(
        &self,
        configs: impl IntoIterator<Item = (ConfigResource, impl IntoIterator<Item = (N, V)>)>,
    ) -> Result<Results<ConfigResource, ()>> {
        let items = configs.into_iter().map(|(resource, configs)| {
            let configs = configs.into_iter().map(|(name, value)| (name.into(), value.into()));
            (resource, configs.collect())
        });
        let items: Vec<(ConfigResource, Whole)> = items.collect();
        self.run(&AlterConfigs { validate_only: false }, items).await
    }

    async fn change(
        &self,
        changes: Vec<ConfigChanges>,
        validate_only: bool,
    ) -> Result<Results<ConfigResource, ()>> {
        let items: Vec<_> =
            changes.iter().map(|of| (of.resource.clone(), of.changes.clone())).collect();
        let mut results = self.run(&IncrementalAlterConfigs { validate_only }, items).await?;
        let unsupported = |result: &Result<()>| {
            result.as_ref().is_err_and(|e| e.kind() == ErrorKind::Unsupported && e.code().is_none())
        };
        let refused = results.0.iter().filter(|(_, result)| unsupported(result));
        let refused: BTreeSet<_> = refused.map(|(resource, _)| resource.clone()).collect();
        if refused.is_empty() {
            return Ok(results);
        }
        let changes = changes.into_iter().filter(|of| refused.contains(&of.resource));
        for (resource, result) in self.read_modify_write(changes.collect(), validate_only).await? {
            results.0.insert(resource, result);
        }
        Ok(results)
    }

    /// What [`Admin::incremental_alter_configs`] does with a broker that cannot change configs one by one.
    async fn read_modify_write(
        &self,
        changes: Vec<ConfigChanges>,
        validate_only: bool,
    ) -> Result<BTreeMap<ConfigResource, Result<()>>> {
        let resources: Vec<_> = changes.iter().map(|of| of.resource.clone()).collect();
        let mut described = self.describe_configs(resources).await?;
        let mut results = BTreeMap::new();
        let mut wholes = Vec::new();
        for ConfigChanges { resource, changes } in changes {
            let whole = match described.0.remove(&resource) {
                Some(Ok(entries)) => apply(&resource, &entries, &changes),
                Some(Err(error)) => Err(error),
                None => continue,
            };
            match whole {
                Ok(whole) => wholes.push((resource, whole)),
                Err(error) => {
                    results.insert(resource, Err(error));
                }
            }
        }
        results.extend(self.run(&AlterConfigs { validate_only }, wholes).await?);
        Ok(results)
    }
}

/// All of a resource's own configs as they are to be after `changes`, given those in force.
fn apply(resource: &ConfigResource, entries: &[ConfigEntry], changes: &[Change]) -> Result<Whole> {
    let is_own = |entry: &&ConfigEntry| Some(entry.source) == resource.own_source();
    let mut own: BTreeMap<Arc<str>, Option<Arc<str>>> = entries
        .iter()
        .filter(is_own)
        .map(|entry| (entry.name.clone(), entry.value.clone()))
        .collect();
    let in_force = |name: &str| entries.iter().find(|entry| &*entry.name == name)?.value.clone();
    for Change { name, kind } in changes {
        let list =
            || own.get(name).cloned().flatten().or_else(|| in_force(name)).unwrap_or_default();
        let value = match kind {
            ChangeKind::Set(value) => value.clone(),
            ChangeKind::Delete => {
                own.remove(name);
                continue;
            }
            ChangeKind::Append(more) => {
                let list = list();
                let more = elements(more).filter(|more| elements(&list).all(|had| had != *more));
                elements(&list).chain(more).collect::<Vec<_>>().join(",").into()
            }
            ChangeKind::Subtract(less) => {
                let list = list();
                let left = elements(&list).filter(|had| elements(less).all(|less| less != *had));
                left.collect::<Vec<_>>().join(",").into()
            }
        };
        own.insert(name.clone(), Some(value));
    }
    let readable = |(name, value): (Arc<str>, Option<Arc<str>>)| match value {
        Some(value) => Ok((name, value)),
        None => {
            let reason = format!(
                "it changes configs only all at once, and {name}, which is secret, cannot be read \
                 to be written back; set it in the same call"
            );
            let asked = format!("change the configs of {resource}");
            Err(Error::new(ErrorKind::Unsupported, asked, reason))
        }
    };
    own.into_iter().map(readable).collect()
}

fn elements(list: &str) -> impl Iterator<Item = &str> {
    list.split(',').map(str::trim).filter(|element| !element.is_empty())
}

#[cfg(test)]
mod tests;

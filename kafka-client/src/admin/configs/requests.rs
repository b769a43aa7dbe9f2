//! What the calls about configs send, and how the answers read.

use super::{Change, ChangeKind, ConfigEntry, ConfigResource, Whole};
use crate::admin::directory::Target;
use crate::admin::work::{Answered, Asked, Failure, Operation};
use kafka_proto::ErrorCode;
use kafka_proto::messages::{alter_configs, describe_configs, incremental_alter_configs};

pub(super) struct DescribeConfigs {
    pub(super) documentation: bool,
}

impl Operation for DescribeConfigs {
    type Key = ConfigResource;
    type Item = ();
    type Answer = Vec<ConfigEntry>;
    type Request = describe_configs::Request;
    const ASKED: &'static str = "describe the configs";

    fn target<'a>(&self, key: &'a ConfigResource) -> Target<'a> {
        key.target()
    }

    fn invalid(&self, key: &ConfigResource, (): &()) -> Option<String> {
        key.invalid()
    }

    fn unsupported(&self, _: &ConfigResource, (): &(), version: i16) -> Option<String> {
        let what = "documentation of configs";
        (self.documentation && version < 3)
            .then(|| Failure::needs::<Self::Request>(what, 3, "2.6", version))
    }

    fn request(&self, items: &Asked<'_, Self>, _: i16, _: i32) -> Self::Request {
        let resource =
            |(key, ()): &(&ConfigResource, &())| describe_configs::DescribeConfigsResource {
                resource_type: key.wire_type(),
                resource_name: key.shared_name(),
                configuration_keys: None,
            };
        describe_configs::Request {
            resources: items.iter().map(resource).collect(),
            include_synonyms: true,
            include_documentation: self.documentation,
        }
    }

    fn rows(&self, answer: describe_configs::Response, _: i16) -> Answered<Self> {
        let row = |row: describe_configs::DescribeConfigsResult| {
            let key = ConfigResource::of_wire(row.resource_type, row.resource_name)?;
            let result = Failure::check(row.error_code, row.error_message).map(|()| {
                let mut entries: Vec<_> =
                    row.configs.into_iter().map(ConfigEntry::of_described).collect();
                entries.sort_by(|a, b| a.name.cmp(&b.name));
                entries
            });
            Some((key, result))
        };
        Ok(answer.results.into_iter().filter_map(row).collect())
    }

    fn is_transient(&self, _: ErrorCode) -> bool {
        false
    }
}

pub(super) struct IncrementalAlterConfigs {
    pub(super) validate_only: bool,
}

impl Operation for IncrementalAlterConfigs {
    type Key = ConfigResource;
    type Item = Vec<Change>;
    type Answer = ();
    type Request = incremental_alter_configs::Request;
    const ASKED: &'static str = "change the configs";

    fn target<'a>(&self, key: &'a ConfigResource) -> Target<'a> {
        key.target()
    }

    fn invalid(&self, key: &ConfigResource, _: &Vec<Change>) -> Option<String> {
        key.invalid()
    }

    fn request(&self, items: &Asked<'_, Self>, _: i16, _: i32) -> Self::Request {
        let change = |change: &Change| {
            let (config_operation, value) = match &change.kind {
                ChangeKind::Set(value) => (0, Some(value.clone())),
                ChangeKind::Delete => (1, None),
                ChangeKind::Append(value) => (2, Some(value.clone())),
                ChangeKind::Subtract(value) => (3, Some(value.clone())),
            };
            let name = change.name.clone();
            incremental_alter_configs::AlterableConfig { name, config_operation, value }
        };
        let resource = |key: &ConfigResource, changes: &Vec<Change>| {
            incremental_alter_configs::AlterConfigsResource {
                resource_type: key.wire_type(),
                resource_name: key.shared_name(),
                configs: changes.iter().map(change).collect(),
            }
        };
        incremental_alter_configs::Request {
            resources: items.iter().map(|(key, changes)| resource(key, changes)).collect(),
            validate_only: self.validate_only,
        }
    }

    fn rows(&self, answer: incremental_alter_configs::Response, _: i16) -> Answered<Self> {
        let row = |row: incremental_alter_configs::AlterConfigsResourceResponse| {
            let key = ConfigResource::of_wire(row.resource_type, row.resource_name)?;
            Some((key, Failure::check(row.error_code, row.error_message)))
        };
        Ok(answer.responses.into_iter().filter_map(row).collect())
    }

    fn is_transient(&self, code: ErrorCode) -> bool {
        code == ErrorCode::NOT_CONTROLLER
    }
}

pub(super) struct AlterConfigs {
    pub(super) validate_only: bool,
}

impl Operation for AlterConfigs {
    type Key = ConfigResource;
    type Item = Whole;
    type Answer = ();
    type Request = alter_configs::Request;
    const ASKED: &'static str = "replace the configs";

    fn target<'a>(&self, key: &'a ConfigResource) -> Target<'a> {
        key.target()
    }

    fn invalid(&self, key: &ConfigResource, _: &Whole) -> Option<String> {
        key.invalid()
    }

    fn request(&self, items: &Asked<'_, Self>, _: i16, _: i32) -> Self::Request {
        let resource = |key: &ConfigResource, whole: &Whole| alter_configs::AlterConfigsResource {
            resource_type: key.wire_type(),
            resource_name: key.shared_name(),
            configs: (whole.iter().cloned())
                .map(|(name, value)| alter_configs::AlterableConfig { name, value: Some(value) })
                .collect(),
        };
        alter_configs::Request {
            resources: items.iter().map(|(key, whole)| resource(key, whole)).collect(),
            validate_only: self.validate_only,
        }
    }

    fn rows(&self, answer: alter_configs::Response, _: i16) -> Answered<Self> {
        let row = |row: alter_configs::AlterConfigsResourceResponse| {
            let key = ConfigResource::of_wire(row.resource_type, row.resource_name)?;
            Some((key, Failure::check(row.error_code, row.error_message)))
        };
        Ok(answer.responses.into_iter().filter_map(row).collect())
    }

    fn is_transient(&self, code: ErrorCode) -> bool {
        code == ErrorCode::NOT_CONTROLLER
    }
}

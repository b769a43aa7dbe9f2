//! AlterConfigs: all configs of a topic or broker at once; what is not named goes back to its default.

use super::describe_configs::check_broker;
use super::{Context, Outcome, Serve, not_stored, resource};
use crate::clock::Now;
use crate::metadata::{Change, Refused, Scope, validate_topic_name};
use crate::state::State;
use kafka_proto::ErrorCode;
use kafka_proto::messages::alter_configs::{
    AlterConfigsResource, AlterConfigsResourceResponse, AlterableConfig, Request, Response,
};
use std::collections::BTreeSet;
use std::sync::Arc;

impl Serve for Request {
    fn serve(self, state: &mut State, cx: &Context) -> Outcome<Self> {
        let key = |of: &AlterConfigsResource| (of.resource_type, of.resource_name.clone());
        let twice = named_twice(self.resources.iter().map(key));
        let responses = self.resources.iter().map(|resource| {
            let AlterConfigsResource { resource_type, resource_name, configs } = resource;
            let altered = once(&twice, &key(resource)).and_then(|()| {
                let changes = changes(configs)?;
                let resource = (*resource_type, &**resource_name);
                alter(state, cx.now, resource, &changes, true, self.validate_only)
            });
            answer(resource, altered)
        });
        Outcome::Ready(Response { responses: responses.collect(), ..Response::default() })
    }

    fn refuse(&self, _: &State, _: &Context, code: ErrorCode) -> Response {
        let refused = |resource| answer(resource, Err((code, code.meaning().to_owned())));
        Response { responses: self.resources.iter().map(refused).collect(), ..Response::default() }
    }
}

/// What configs belong to: the number of its kind, and its name.
pub(super) type Resource = (i8, Arc<str>);

/// The resources that a request names more than once.
pub(super) fn named_twice(resources: impl Iterator<Item = Resource>) -> BTreeSet<Resource> {
    let mut seen = BTreeSet::new();
    resources.filter(|resource| !seen.insert(resource.clone())).collect()
}

pub(super) fn once(twice: &BTreeSet<Resource>, resource: &Resource) -> Result<(), Refused> {
    if twice.contains(resource) {
        let text = "Each resource must appear at most once.";
        return Err((ErrorCode::INVALID_REQUEST, text.to_owned()));
    }
    Ok(())
}

/// Whether no config is named twice.
pub(super) fn check_keys<'a>(mut names: impl Iterator<Item = &'a Arc<str>>) -> Result<(), Refused> {
    let mut seen = BTreeSet::new();
    if names.all(|name| seen.insert(name)) {
        return Ok(());
    }
    Err((ErrorCode::INVALID_REQUEST, "Error due to duplicate config keys".to_owned()))
}

fn changes(configs: &[AlterableConfig]) -> Result<Vec<(Arc<str>, Change)>, Refused> {
    check_keys(configs.iter().map(|config| &config.name))?;
    let change = |AlterableConfig { name, value }: &AlterableConfig| match value {
        Some(value) => Ok((name.clone(), Change::Set(value.clone()))),
        None => {
            let text = format!("Null value not supported for : {name}");
            Err((ErrorCode::INVALID_REQUEST, text))
        }
    };
    configs.iter().map(change).collect()
}

/// Changes the configs of a resource: on top of what it has, or in place of it.
pub(super) fn alter(
    state: &mut State,
    now: Now,
    (resource_type, name): (i8, &str),
    changes: &[(Arc<str>, Change)],
    replace: bool,
    validate_only: bool,
) -> Result<(), Refused> {
    match resource_type {
        resource::TOPIC => {
            if name.is_empty() {
                let text = "Default topic resources are not allowed.";
                return Err((ErrorCode::INVALID_REQUEST, text.to_owned()));
            }
            if let Some(why) = validate_topic_name(name) {
                return Err((ErrorCode::INVALID_TOPIC_EXCEPTION, why));
            }
            let topic = state.topics.by_name(name).ok_or_else(|| {
                let text = format!("The topic '{name}' does not exist.");
                (ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, text)
            })?;
            let id = topic.id;
            let changed = state.configs.change_topic(&topic.configs, changes, replace)?;
            if validate_only {
                return Ok(());
            }
            state.set_topic_configs(now, id, changed).map_err(not_stored)?;
        }
        resource::BROKER => {
            let scope = if name.is_empty() { Scope::AllBrokers } else { Scope::Broker };
            if scope == Scope::Broker {
                check_broker(state, name)?;
            }
            let changed = state.configs.change_brokers(scope, changes, replace)?;
            if validate_only {
                return Ok(());
            }
            state.set_broker_configs(now, scope, changed).map_err(not_stored)?;
        }
        other => {
            let text = format!("Unknown resource type {other}");
            return Err((ErrorCode::INVALID_REQUEST, text));
        }
    }
    Ok(())
}

/// What became of a resource, as both APIs tell it.
pub(super) fn told(altered: Result<(), Refused>) -> (ErrorCode, Option<Arc<str>>) {
    match altered {
        Ok(()) => (ErrorCode::NONE, None),
        Err((code, text)) => (code, Some(text.into())),
    }
}

fn answer(
    resource: &AlterConfigsResource,
    altered: Result<(), Refused>,
) -> AlterConfigsResourceResponse {
    let (error_code, error_message) = told(altered);
    AlterConfigsResourceResponse {
        error_code,
        error_message,
        resource_type: resource.resource_type,
        resource_name: resource.resource_name.clone(),
    }
}

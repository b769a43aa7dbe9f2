//! DescribeConfigs: every config of topics and of the broker, with where its value is from.

use super::{Context, Outcome, Serve, resource};
use crate::metadata::{Entry, Synonym, validate_topic_name};
use crate::state::State;
use kafka_proto::ErrorCode;
use kafka_proto::messages::describe_configs::{
    DescribeConfigsResource, DescribeConfigsResourceResult, DescribeConfigsResult,
    DescribeConfigsSynonym, Request, Response,
};
use std::sync::Arc;

type Refused = (ErrorCode, String);

impl Serve for Request {
    fn serve(self, state: &mut State, _: &Context) -> Outcome<Self> {
        let results = self.resources.iter().map(|resource| match entries(state, resource) {
            Ok(entries) => DescribeConfigsResult {
                error_code: ErrorCode::NONE,
                error_message: Some("".into()),
                resource_type: resource.resource_type,
                resource_name: resource.resource_name.clone(),
                configs: entries
                    .into_iter()
                    .filter(|entry| is_asked(resource, entry))
                    .map(|entry| describe(&self, entry))
                    .collect(),
            },
            Err(refused) => failed(resource, refused),
        });
        Outcome::Ready(Response { results: results.collect(), ..Response::default() })
    }

    fn refuse(&self, _: &State, _: &Context, code: ErrorCode) -> Response {
        let refused = |resource| failed(resource, (code, code.meaning().to_owned()));
        Response { results: self.resources.iter().map(refused).collect(), ..Response::default() }
    }
}

fn entries(state: &State, asked: &DescribeConfigsResource) -> Result<Vec<Entry>, Refused> {
    let name = &asked.resource_name;
    match asked.resource_type {
        resource::TOPIC => {
            if let Some(why) = validate_topic_name(name) {
                return Err((ErrorCode::INVALID_TOPIC_EXCEPTION, why));
            }
            let topic = state.topics.by_name(name);
            let topic = topic.ok_or((ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, String::new()))?;
            Ok(state.configs.of_topic(&topic.configs))
        }
        resource::BROKER if name.is_empty() => Ok(state.configs.of_all_brokers()),
        resource::BROKER => {
            check_broker(state, name)?;
            Ok(state.configs.of_broker())
        }
        other => Err((ErrorCode::INVALID_REQUEST, format!("Unsupported resource type: {other}"))),
    }
}

/// Whether `name` is this broker's.
pub(super) fn check_broker(state: &State, name: &str) -> Result<(), Refused> {
    let node = state.config.node_id;
    let text = match name.parse::<i32>() {
        Ok(id) if id == node => return Ok(()),
        Ok(id) => {
            format!("Unexpected broker id, expected {node} or empty string, but received {id}")
        }
        Err(_) => format!("Broker id must be an integer, but it is: {name}"),
    };
    Err((ErrorCode::INVALID_REQUEST, text))
}

fn is_asked(resource: &DescribeConfigsResource, entry: &Entry) -> bool {
    match &resource.configuration_keys {
        // Older clients say "all" with an empty list.
        None => true,
        Some(keys) => keys.is_empty() || keys.iter().any(|key| **key == *entry.definition.name),
    }
}

fn describe(request: &Request, entry: Entry) -> DescribeConfigsResourceResult {
    let Entry { definition, value, source, synonyms } = entry;
    let synonym = |Synonym { name, value, source }| DescribeConfigsSynonym {
        name: Arc::from(name),
        value: Some(value),
        source: source.code(),
    };
    let synonyms = if request.include_synonyms { synonyms } else { Vec::new() };
    DescribeConfigsResourceResult {
        name: definition.name.into(),
        value,
        read_only: !definition.dynamic,
        config_source: source.code(),
        is_sensitive: false,
        synonyms: synonyms.into_iter().map(synonym).collect(),
        config_type: definition.kind.code(),
        documentation: request.include_documentation.then(|| definition.doc.into()),
    }
}

fn failed(
    resource: &DescribeConfigsResource,
    (error_code, text): Refused,
) -> DescribeConfigsResult {
    DescribeConfigsResult {
        error_code,
        error_message: Some(text.into()),
        resource_type: resource.resource_type,
        resource_name: resource.resource_name.clone(),
        configs: Vec::new(),
    }
}

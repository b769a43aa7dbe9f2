//! IncrementalAlterConfigs: set, delete, append to and take from single configs.

use super::alter_configs::{alter, check_keys, named_twice, once, told};
use super::{Context, Outcome, Serve};
use crate::metadata::{Change, Refused};
use crate::state::State;
use kafka_proto::ErrorCode;
use kafka_proto::messages::incremental_alter_configs::{
    AlterConfigsResource, AlterConfigsResourceResponse, AlterableConfig, Request, Response,
};
use std::sync::Arc;

impl Serve for Request {
    fn serve(self, state: &mut State, cx: &Context) -> Outcome<Self> {
        let key = |of: &AlterConfigsResource| (of.resource_type, of.resource_name.clone());
        let twice = named_twice(self.resources.iter().map(key));
        let responses = self.resources.iter().map(|resource| {
            let AlterConfigsResource { resource_type, resource_name, .. } = resource;
            let altered = once(&twice, &key(resource)).and_then(|()| {
                let changes = changes(&resource.configs)?;
                let resource = (*resource_type, &**resource_name);
                alter(state, cx.now, resource, &changes, false, self.validate_only)
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

fn changes(configs: &[AlterableConfig]) -> Result<Vec<(Arc<str>, Change)>, Refused> {
    let invalid = |text: String| Err((ErrorCode::INVALID_REQUEST, text));
    check_keys(configs.iter().map(|config| &config.name))?;
    let mut changes = Vec::with_capacity(configs.len());
    for AlterableConfig { name, config_operation, value } in configs {
        let change = match (config_operation, value) {
            (1, _) => Change::Delete,
            (0 | 2 | 3, None) => return invalid(format!("Null value not supported for : {name}")),
            (0, Some(value)) => Change::Set(value.clone()),
            (2, Some(value)) => Change::Append(value.clone()),
            (3, Some(value)) => Change::Subtract(value.clone()),
            (other, _) => return invalid(format!("Unknown config operation {other}")),
        };
        changes.push((name.clone(), change));
    }
    Ok(changes)
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

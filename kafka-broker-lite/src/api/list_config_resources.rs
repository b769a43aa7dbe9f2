//! ListConfigResources: the resources that have configs of their own.

use super::{Context, Outcome, Serve, resource};
use crate::state::State;
use kafka_proto::ErrorCode;
use kafka_proto::messages::list_config_resources::{ConfigResource, Request, Response};
use std::sync::Arc;

/// The first version that asks for more than the metrics of clients.
const TYPES_SINCE: i16 = 1;

/// The types of which Kafka has resources; of the last two there are none here.
const KNOWN: [i8; 5] = [resource::TOPIC, resource::BROKER, BROKER_LOGGER, CLIENT_METRICS, GROUP];
const BROKER_LOGGER: i8 = 8;
const CLIENT_METRICS: i8 = 16;
const GROUP: i8 = 32;

impl Serve for Request {
    fn serve(self, state: &mut State, cx: &Context) -> Outcome<Self> {
        let asked = match &self.resource_types[..] {
            _ if cx.version < TYPES_SINCE => &[CLIENT_METRICS],
            [] => &KNOWN[..],
            types => types,
        };
        if asked.iter().any(|kind| !KNOWN.contains(kind)) {
            return Outcome::Ready(self.refuse(state, cx, ErrorCode::UNSUPPORTED_VERSION));
        }
        let mut config_resources = Vec::new();
        let mut add = |resource_type, resource_name: Arc<str>| {
            config_resources.push(ConfigResource { resource_name, resource_type });
        };
        for kind in KNOWN.into_iter().filter(|kind| asked.contains(kind)) {
            match kind {
                resource::TOPIC => {
                    state.topics.iter().for_each(|topic| add(kind, topic.name.clone()));
                }
                resource::BROKER | BROKER_LOGGER => {
                    add(kind, state.config.node_id.to_string().into());
                }
                _ => {}
            }
        }
        Outcome::Ready(Response { config_resources, ..Response::default() })
    }

    fn refuse(&self, _: &State, _: &Context, error_code: ErrorCode) -> Response {
        Response { error_code, ..Response::default() }
    }
}

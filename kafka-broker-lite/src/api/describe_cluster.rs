//! DescribeCluster: the brokers of the cluster, without topics.

use super::{CLUSTER_OPERATIONS, Context, Outcome, Serve};
use crate::state::State;
use kafka_proto::ErrorCode;
use kafka_proto::messages::describe_cluster::{DescribeClusterBroker, Request, Response};

/// The endpoint types: brokers, which are all there is here, and controllers.
const BROKERS: i8 = 1;
const CONTROLLERS: i8 = 2;

impl Serve for Request {
    fn serve(self, state: &mut State, cx: &Context) -> Outcome<Self> {
        let failed = |error_code, text: &str| {
            let mut response = self.refuse(state, cx, error_code);
            response.error_message = Some(text.into());
            Outcome::Ready(response)
        };
        match self.endpoint_type {
            BROKERS => {}
            CONTROLLERS => {
                let text = "The request was sent to an endpoint of type BROKER, but we wanted an \
                            endpoint of type CONTROLLER";
                return failed(ErrorCode::MISMATCHED_ENDPOINT_TYPE, text);
            }
            other => {
                let text = format!("Unsupported endpoint type {other}");
                return failed(ErrorCode::UNSUPPORTED_ENDPOINT_TYPE, &text);
            }
        }
        let config = &state.config;
        let (host, port) = state.address(&cx.listener);
        let broker = DescribeClusterBroker {
            broker_id: config.node_id,
            host,
            port,
            rack: config.rack.clone(),
            is_fenced: false,
        };
        let mut response = Response {
            endpoint_type: BROKERS,
            cluster_id: config.cluster_id.clone(),
            controller_id: config.node_id,
            brokers: vec![broker],
            ..Response::default()
        };
        if self.include_cluster_authorized_operations {
            response.cluster_authorized_operations = CLUSTER_OPERATIONS;
        }
        Outcome::Ready(response)
    }

    fn refuse(&self, _: &State, _: &Context, error_code: ErrorCode) -> Response {
        let error_message = Some(error_code.meaning().into());
        Response { error_code, error_message, ..Response::default() }
    }
}

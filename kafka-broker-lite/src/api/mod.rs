//! One file per API: what a request does to the state, and what its answer is when it is refused as a whole.
//!
//! A handler sees one decoded request and the state. It knows no frames, connections or faults.

mod alter_configs;
mod api_versions;
mod create_partitions;
mod create_topics;
mod delete_records;
mod delete_topics;
mod describe_cluster;
mod describe_configs;
pub(crate) mod fetch;
mod find_coordinator;
mod incremental_alter_configs;
mod init_producer_id;
mod list_offsets;
mod metadata;
mod offset_for_leader_epoch;
mod produce;

pub(crate) use api_versions::{offered, unsupported_version};
pub(crate) use create_topics::create_topic;
pub(crate) use fetch::Waiting;

use crate::broker::ConnectionId;
use crate::clock::Now;
use crate::config::ListenerName;
use crate::state::State;
use kafka_proto::ErrorCode;
use kafka_proto::api::Request;

/// What a handler knows of where a request came from.
#[derive(Clone, Debug)]
pub(crate) struct Context {
    pub(crate) now: Now,
    pub(crate) connection: ConnectionId,
    /// The listener it came in at.
    pub(crate) listener: ListenerName,
    pub(crate) version: i16,
}

/// What became of a request.
#[derive(Debug)]
pub(crate) enum Outcome<R> {
    Ready(R),
    /// It waits for records.
    Parked(Box<Waiting>),
    /// It wants no answer.
    Silent,
    /// It wants no answer, but shall learn that it failed.
    Close(String),
}

/// A request that is served here.
pub(crate) trait Serve: Request {
    /// Does what the request asks.
    fn serve(self, state: &mut State, cx: &Context) -> Outcome<Self::Response>;

    /// Whether the client reads an answer.
    fn wants_answer(&self) -> bool {
        true
    }

    /// The answer that fails everything that the request names.
    fn refuse(&self, state: &State, cx: &Context, code: ErrorCode) -> Self::Response;
}

/// Every operation on a topic, as a bit each: what anybody may do without an authorizer.
const TOPIC_OPERATIONS: i32 = 0b1101_1111_1000;

/// Every operation on the cluster, as a bit each.
const CLUSTER_OPERATIONS: i32 = 0b1_1111_1010_0000;

/// The resource types of config APIs.
mod resource {
    pub(super) const TOPIC: i8 = 2;
    pub(super) const BROKER: i8 = 4;
}

//! One file per API: what a request does to the state, and what its answer is when it is refused as a whole.
//!
//! A handler sees one decoded request and the state. It knows no frames, connections or faults.

mod alter_configs;
mod alter_partition_reassignments;
mod alter_replica_log_dirs;
mod api_versions;
mod create_partitions;
mod create_topics;
mod delete_groups;
mod delete_records;
mod delete_topics;
mod describe_acls;
mod describe_client_quotas;
mod describe_cluster;
mod describe_configs;
mod describe_groups;
mod describe_log_dirs;
mod describe_producers;
mod describe_quorum;
mod describe_topic_partitions;
mod describe_user_scram_credentials;
mod elect_leaders;
mod fetch;
mod find_coordinator;
mod heartbeat;
mod incremental_alter_configs;
mod init_producer_id;
mod join_group;
mod leave_group;
mod list_config_resources;
mod list_groups;
mod list_offsets;
mod list_partition_reassignments;
mod metadata;
mod offset_commit;
mod offset_delete;
mod offset_fetch;
mod offset_for_leader_epoch;
mod produce;
mod settled;
mod sync_group;

pub(crate) use api_versions::{offered, unsupported_version};
pub(crate) use create_topics::create_topic;

use crate::broker::ConnectionId;
use crate::clock::Now;
use crate::config::ListenerName;
use crate::log::StorageError;
use crate::state::{News, State, Subject};
use kafka_proto::ErrorCode;
use kafka_proto::api::Request;
use std::fmt::Debug;
use std::sync::Arc;

/// What a handler knows of where a request came from.
#[derive(Clone, Debug)]
pub(crate) struct Context {
    pub(crate) now: Now,
    pub(crate) connection: ConnectionId,
    /// The listener it came in at.
    pub(crate) listener: ListenerName,
    pub(crate) version: i16,
    pub(crate) client: Client,
}

/// Who asks.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    /// As the request says.
    pub(crate) id: Option<Arc<str>>,
    /// Where it has connected from.
    pub(crate) host: Arc<str>,
}

/// What became of a request.
#[derive(Debug)]
pub(crate) enum Outcome<R: Request> {
    Ready(R::Response),
    /// It waits for something that is not there yet.
    Parked(Box<dyn Wait<R>>),
    /// It wants no answer.
    Silent,
    /// It wants no answer, but shall learn that it failed.
    Close(String),
}

/// A request that is served here.
pub(crate) trait Serve: Request + 'static {
    /// Does what the request asks.
    fn serve(self, state: &mut State, cx: &Context) -> Outcome<Self>;

    /// Whether the client reads an answer.
    fn wants_answer(&self) -> bool {
        true
    }

    /// The answer that fails everything that the request names.
    fn refuse(&self, state: &State, cx: &Context, code: ErrorCode) -> Self::Response;
}

/// A request that waits: it hears the news of some subjects until it wants to be answered or its time is up.
pub(crate) trait Wait<R: Request>: Debug + Send {
    /// What it wants to hear of.
    fn subjects(&self) -> &[Subject];

    /// When to answer whatever has come, on the clock of [`Now::monotonic_ms`]; `None` for never.
    fn deadline_ms(&self) -> Option<u64>;

    /// There is news of the subject `at` in [`Self::subjects`]; tells whether to answer now.
    fn hear(&mut self, state: &mut State, at: usize, news: &News) -> bool;

    /// The answer with what is there.
    fn answer(self: Box<Self>, state: &mut State, cx: &Context) -> R::Response;
}

/// What a client is told when the disk has failed.
fn not_stored(error: StorageError) -> (ErrorCode, String) {
    (ErrorCode::KAFKA_STORAGE_ERROR, error.to_string())
}

/// Every operation on a topic, as a bit each: what anybody may do without an authorizer.
const TOPIC_OPERATIONS: i32 = 0b1101_1111_1000;

/// Every operation on a group, as a bit each.
const GROUP_OPERATIONS: i32 = 0b1101_0100_1000;

/// Every operation on the cluster, as a bit each.
const CLUSTER_OPERATIONS: i32 = 0b1_1111_1010_0000;

/// The resource types of config APIs.
mod resource {
    pub(super) const TOPIC: i8 = 2;
    pub(super) const BROKER: i8 = 4;
}

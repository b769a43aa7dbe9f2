//! The registry of APIs and the choice of a version that both sides speak.

use crate::any::ApiType;
use crate::messages;
use crate::wire::{Cx, Message};
use std::fmt;

/// The number of an API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ApiKey(pub i16);

/// A range of versions, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Versions {
    /// The oldest.
    pub min: i16,
    /// The newest.
    pub max: i16,
}

impl Versions {
    /// Whether `version` is one of them.
    pub const fn contains(self, version: i16) -> bool {
        self.min <= version && version <= self.max
    }

    /// The newest version in both ranges.
    pub fn agree(self, other: Self) -> Option<i16> {
        let version = self.max.min(other.max);
        (version >= self.min && version >= other.min).then_some(version)
    }
}

impl fmt::Display for Versions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.min, self.max)
    }
}

/// A request, and with it everything that is fixed about its API.
pub trait Request: Message {
    /// What answers it.
    type Response: Message;
    /// The API's name.
    const NAME: &'static str;
    /// Kafka's names of the request and of the response.
    const NAMES: [&'static str; 2];
    /// The API's number.
    const KEY: ApiKey;
    /// The versions this crate speaks: what Kafka 4.4 accepts.
    const VERSIONS: Versions;
    /// The first flexible version (KIP-482); past all versions where there is none.
    const FLEXIBLE: i16;
    /// The first version that a broker hides unless `unstable.api.versions.enable` is set.
    const UNSTABLE: i16;

    /// The versions that are not unstable.
    fn stable() -> Versions {
        ApiInfo::of::<Self>().stable
    }

    /// Whether `version` is flexible.
    fn is_flexible(version: i16) -> bool {
        version >= Self::FLEXIBLE
    }
}

/// States which API a message file describes.
macro_rules! api {
    ($name:ident = $key:literal, versions $min:literal ..= $max:literal
        $(, flexible $flexible:literal ..)? $(, unstable $unstable:literal ..)?) => {
        impl $crate::api::Request for Request {
            type Response = Response;
            const NAME: &'static str = stringify!($name);
            const NAMES: [&'static str; 2] =
                [concat!(stringify!($name), "Request"), concat!(stringify!($name), "Response")];
            const KEY: $crate::api::ApiKey = $crate::api::ApiKey($key);
            const VERSIONS: $crate::api::Versions =
                $crate::api::Versions { min: $min, max: $max };
            const FLEXIBLE: i16 = $crate::api::or_never(&[$($flexible)?]);
            const UNSTABLE: i16 = $crate::api::or_never(&[$($unstable)?]);
        }
    };
}
pub(crate) use api;

/// The first version given, or one past every version.
pub(crate) const fn or_never(version: &[i16]) -> i16 {
    if let [version] = version { *version } else { i16::MAX }
}

/// What is known of an API without its types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ApiInfo {
    /// Its number.
    pub key: ApiKey,
    /// Its name.
    pub name: &'static str,
    /// The versions this crate speaks.
    pub versions: Versions,
    /// The versions that are not unstable.
    pub stable: Versions,
    /// The first flexible version.
    pub flexible: i16,
}

impl ApiInfo {
    pub(crate) const fn of<R: Request>() -> Self {
        let Versions { min, max } = R::VERSIONS;
        let max = if max < R::UNSTABLE { max } else { R::UNSTABLE - 1 };
        Self {
            key: R::KEY,
            name: R::NAME,
            versions: R::VERSIONS,
            stable: Versions { min, max },
            flexible: R::FLEXIBLE,
        }
    }

    /// The context of a message of `version`, if there is such a version.
    pub fn cx(&self, version: i16) -> Option<Cx> {
        self.versions.contains(version).then(|| Cx::new(version, version >= self.flexible))
    }
}

macro_rules! apis {
    ($($module:ident $const:ident;)*) => {
        impl ApiKey {
            $(
                #[doc = concat!("The API of [`messages::", stringify!($module), "`].")]
                pub const $const: Self = <messages::$module::Request as Request>::KEY;
            )*
        }

        /// Every API with its messages, in the order of their numbers. Who uses this has the code of all messages.
        pub static APIS: &[ApiType] = &[$(ApiType::of::<messages::$module::Request>(),)*];

        /// What is fixed about every API, in the order of their numbers.
        pub static API_INFOS: &[ApiInfo] = &[$(ApiInfo::of::<messages::$module::Request>(),)*];
    };
}

apis! {
    produce PRODUCE;
    fetch FETCH;
    list_offsets LIST_OFFSETS;
    metadata METADATA;
    offset_commit OFFSET_COMMIT;
    offset_fetch OFFSET_FETCH;
    find_coordinator FIND_COORDINATOR;
    join_group JOIN_GROUP;
    heartbeat HEARTBEAT;
    leave_group LEAVE_GROUP;
    sync_group SYNC_GROUP;
    describe_groups DESCRIBE_GROUPS;
    list_groups LIST_GROUPS;
    sasl_handshake SASL_HANDSHAKE;
    api_versions API_VERSIONS;
    create_topics CREATE_TOPICS;
    delete_topics DELETE_TOPICS;
    delete_records DELETE_RECORDS;
    init_producer_id INIT_PRODUCER_ID;
    offset_for_leader_epoch OFFSET_FOR_LEADER_EPOCH;
    add_partitions_to_txn ADD_PARTITIONS_TO_TXN;
    add_offsets_to_txn ADD_OFFSETS_TO_TXN;
    end_txn END_TXN;
    write_txn_markers WRITE_TXN_MARKERS;
    txn_offset_commit TXN_OFFSET_COMMIT;
    describe_acls DESCRIBE_ACLS;
    create_acls CREATE_ACLS;
    delete_acls DELETE_ACLS;
    describe_configs DESCRIBE_CONFIGS;
    alter_configs ALTER_CONFIGS;
    alter_replica_log_dirs ALTER_REPLICA_LOG_DIRS;
    describe_log_dirs DESCRIBE_LOG_DIRS;
    sasl_authenticate SASL_AUTHENTICATE;
    create_partitions CREATE_PARTITIONS;
    create_delegation_token CREATE_DELEGATION_TOKEN;
    renew_delegation_token RENEW_DELEGATION_TOKEN;
    expire_delegation_token EXPIRE_DELEGATION_TOKEN;
    describe_delegation_token DESCRIBE_DELEGATION_TOKEN;
    delete_groups DELETE_GROUPS;
    elect_leaders ELECT_LEADERS;
    incremental_alter_configs INCREMENTAL_ALTER_CONFIGS;
    alter_partition_reassignments ALTER_PARTITION_REASSIGNMENTS;
    list_partition_reassignments LIST_PARTITION_REASSIGNMENTS;
    offset_delete OFFSET_DELETE;
    describe_client_quotas DESCRIBE_CLIENT_QUOTAS;
    alter_client_quotas ALTER_CLIENT_QUOTAS;
    describe_user_scram_credentials DESCRIBE_USER_SCRAM_CREDENTIALS;
    alter_user_scram_credentials ALTER_USER_SCRAM_CREDENTIALS;
    vote VOTE;
    begin_quorum_epoch BEGIN_QUORUM_EPOCH;
    end_quorum_epoch END_QUORUM_EPOCH;
    describe_quorum DESCRIBE_QUORUM;
    alter_partition ALTER_PARTITION;
    update_features UPDATE_FEATURES;
    envelope ENVELOPE;
    fetch_snapshot FETCH_SNAPSHOT;
    describe_cluster DESCRIBE_CLUSTER;
    describe_producers DESCRIBE_PRODUCERS;
    broker_registration BROKER_REGISTRATION;
    broker_heartbeat BROKER_HEARTBEAT;
    unregister_broker UNREGISTER_BROKER;
    describe_transactions DESCRIBE_TRANSACTIONS;
    list_transactions LIST_TRANSACTIONS;
    allocate_producer_ids ALLOCATE_PRODUCER_IDS;
    consumer_group_heartbeat CONSUMER_GROUP_HEARTBEAT;
    consumer_group_describe CONSUMER_GROUP_DESCRIBE;
    controller_registration CONTROLLER_REGISTRATION;
    get_telemetry_subscriptions GET_TELEMETRY_SUBSCRIPTIONS;
    push_telemetry PUSH_TELEMETRY;
    assign_replicas_to_dirs ASSIGN_REPLICAS_TO_DIRS;
    list_config_resources LIST_CONFIG_RESOURCES;
    describe_topic_partitions DESCRIBE_TOPIC_PARTITIONS;
    share_group_heartbeat SHARE_GROUP_HEARTBEAT;
    share_group_describe SHARE_GROUP_DESCRIBE;
    share_fetch SHARE_FETCH;
    share_acknowledge SHARE_ACKNOWLEDGE;
    add_raft_voter ADD_RAFT_VOTER;
    remove_raft_voter REMOVE_RAFT_VOTER;
    update_raft_voter UPDATE_RAFT_VOTER;
    initialize_share_group_state INITIALIZE_SHARE_GROUP_STATE;
    read_share_group_state READ_SHARE_GROUP_STATE;
    write_share_group_state WRITE_SHARE_GROUP_STATE;
    delete_share_group_state DELETE_SHARE_GROUP_STATE;
    read_share_group_state_summary READ_SHARE_GROUP_STATE_SUMMARY;
    streams_group_heartbeat STREAMS_GROUP_HEARTBEAT;
    streams_group_describe STREAMS_GROUP_DESCRIBE;
    describe_share_group_offsets DESCRIBE_SHARE_GROUP_OFFSETS;
    alter_share_group_offsets ALTER_SHARE_GROUP_OFFSETS;
    delete_share_group_offsets DELETE_SHARE_GROUP_OFFSETS;
    streams_group_topology_description_update STREAMS_GROUP_TOPOLOGY_DESCRIPTION_UPDATE;
    unregister_controller UNREGISTER_CONTROLLER;
}

impl ApiKey {
    /// The messages of this API; `None` where this crate has none for it.
    pub fn messages(self) -> Option<&'static ApiType> {
        let at = APIS.binary_search_by_key(&self, |api| api.info.key).ok()?;
        APIS.get(at)
    }

    /// What is fixed about this API; `None` where this crate has no messages for it.
    pub fn info(self) -> Option<ApiInfo> {
        let at = API_INFOS.binary_search_by_key(&self, |info| info.key).ok()?;
        API_INFOS.get(at).copied()
    }
}

impl fmt::Display for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.info() {
            Some(info) => f.write_str(info.name),
            None => write!(f, "API {}", self.0),
        }
    }
}

/// What a broker said it offers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Offered {
    /// Sorted by number.
    ranges: Vec<(ApiKey, Versions)>,
}

impl Offered {
    /// From the rows of an ApiVersions response.
    pub fn new(rows: impl IntoIterator<Item = (ApiKey, Versions)>) -> Self {
        let mut ranges: Vec<_> = rows.into_iter().collect();
        ranges.sort_by_key(|(key, _)| *key);
        Self { ranges }
    }

    /// The versions offered of one API.
    pub fn versions(&self, key: ApiKey) -> Option<Versions> {
        let found = self.ranges.binary_search_by_key(&key, |(key, _)| *key).ok()?;
        self.ranges.get(found).map(|(_, versions)| *versions)
    }

    /// The newest version of `R` that both sides speak.
    ///
    /// # Errors
    /// When there is none.
    pub fn agree<R: Request>(&self) -> Result<i16, UnsupportedVersion> {
        self.agree_at_most::<R>(i16::MAX)
    }

    /// The newest version of `R` up to `newest` that both sides speak.
    ///
    /// # Errors
    /// When there is none.
    pub fn agree_at_most<R: Request>(&self, newest: i16) -> Result<i16, UnsupportedVersion> {
        let stable = R::stable();
        let ours = Versions { max: stable.max.min(newest), ..stable };
        let theirs = self.versions(R::KEY);
        theirs.and_then(|theirs| ours.agree(theirs)).ok_or(UnsupportedVersion {
            name: R::NAME,
            ours,
            theirs,
        })
    }
}

/// The broker speaks no version of an API that we speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnsupportedVersion {
    /// The API.
    pub name: &'static str,
    /// What we speak.
    pub ours: Versions,
    /// What the broker offers, if anything.
    pub theirs: Option<Versions>,
}

impl fmt::Display for UnsupportedVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, ours, theirs } = self;
        match theirs {
            None => write!(f, "the broker does not offer {name}"),
            Some(theirs) => {
                write!(f, "the broker offers {name} in versions {theirs}, needed is one of {ours}")
            }
        }
    }
}

impl std::error::Error for UnsupportedVersion {}

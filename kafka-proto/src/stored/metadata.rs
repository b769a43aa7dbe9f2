//! The records of the cluster's metadata log, `__cluster_metadata-0` (KIP-500), and of its snapshots.
//!
//! [`MetadataRecord`](super::MetadataRecord) reads any of them.

use crate::{schema::schema, uuid::Uuid, wire::prelude::*};
use bytes::Bytes;

schema!(RegisterBrokerRecord, frame 0, versions 0..=4, flexible 0..);
schema!(UnregisterBrokerRecord, frame 1, versions 0..=0, flexible 0..);
schema!(TopicRecord, frame 2, versions 0..=0, flexible 0..);
schema!(PartitionRecord, frame 3, versions 0..=2, flexible 0..);
schema!(ConfigRecord, frame 4, versions 0..=0, flexible 0..);
schema!(PartitionChangeRecord, frame 5, versions 0..=2, flexible 0..);
schema!(FenceBrokerRecord, frame 7, versions 0..=0, flexible 0..);
schema!(UnfenceBrokerRecord, frame 8, versions 0..=0, flexible 0..);
schema!(RemoveTopicRecord, frame 9, versions 0..=0, flexible 0..);
schema!(DelegationTokenRecord, frame 10, versions 0..=0, flexible 0..);
schema!(UserScramCredentialRecord, frame 11, versions 0..=0, flexible 0..);
schema!(FeatureLevelRecord, frame 12, versions 0..=0, flexible 0..);
schema!(ClientQuotaRecord, frame 14, versions 0..=0, flexible 0..);
schema!(ProducerIdsRecord, frame 15, versions 0..=0, flexible 0..);
schema!(BrokerRegistrationChangeRecord, frame 17, versions 0..=3, flexible 0..);
schema!(AccessControlEntryRecord, frame 18, versions 0..=0, flexible 0..);
schema!(RemoveAccessControlEntryRecord, frame 19, versions 0..=0, flexible 0..);
schema!(NoOpRecord, frame 20, versions 0..=0, flexible 0..);
schema!(ZkMigrationStateRecord, frame 21, versions 0..=0, flexible 0..);
schema!(RemoveUserScramCredentialRecord, frame 22, versions 0..=0, flexible 0..);
schema!(BeginTransactionRecord, frame 23, versions 0..=0, flexible 0..);
schema!(EndTransactionRecord, frame 24, versions 0..=0, flexible 0..);
schema!(AbortTransactionRecord, frame 25, versions 0..=0, flexible 0..);
schema!(RemoveDelegationTokenRecord, frame 26, versions 0..=0, flexible 0..);
schema!(RegisterControllerRecord, frame 27, versions 0..=0, flexible 0..);
schema!(ClearElrRecord, frame 28, versions 0..=0, flexible 0..);
schema!(UnregisterControllerRecord, frame 29, versions 0..=0, flexible 0..);
wire! {
    /// A broker came, or came back.
    pub struct RegisterBrokerRecord {
        broker_id: i32,
        is_migrating_zk_broker: bool                [2..],
        /// Of this run of the process.
        incarnation_id: Uuid,
        broker_epoch: i64,
        end_points: Vec<BrokerEndpoint>,
        features: Vec<BrokerFeature>,
        rack: Option<Arc<str>>,
        fenced: bool = true,
        in_controlled_shutdown: bool                [1..],
        log_dirs: Vec<Uuid>                         [tag 0, 3..],
        /// Those that get no new replicas.
        cordoned_log_dirs: Option<Vec<Uuid>>        [tag 1, 4..] = None,
    }

    /// A listener of a broker.
    pub struct BrokerEndpoint {
        name: Arc<str>,
        host: Arc<str>,
        port: u16,
        /// 0 PLAINTEXT, 1 SSL, 2 SASL_PLAINTEXT, 3 SASL_SSL.
        security_protocol: i16,
    }

    /// The levels of a feature that a broker knows.
    pub struct BrokerFeature {
        name: Arc<str>,
        min_supported_version: i16,
        max_supported_version: i16,
    }

    /// A broker is gone for good.
    pub struct UnregisterBrokerRecord { broker_id: i32, broker_epoch: i64 }

    /// A topic was created.
    pub struct TopicRecord { name: Arc<str>, topic_id: Uuid }

    /// A partition, whole.
    pub struct PartitionRecord {
        partition_id: i32 = -1,
        topic_id: Uuid,
        replicas: Vec<i32>,
        isr: Vec<i32>,
        removing_replicas: Vec<i32>,
        adding_replicas: Vec<i32>,
        leader: i32 = -1,
        /// 1 while the leader recovers from an unclean election.
        leader_recovery_state: i8                   [tag 0],
        leader_epoch: i32 = -1,
        partition_epoch: i32 = -1,
        /// The log directory of each replica.
        directories: Vec<Uuid>                      [1..],
        /// Out of sync, and yet safe to lead (KIP-966).
        eligible_leader_replicas: Option<Vec<i32>>  [tag 1, 2..] = None,
        last_known_elr: Option<Vec<i32>>            [tag 2, 2..] = None,
    }

    /// A config was set, or deleted where the value is null.
    pub struct ConfigRecord {
        /// 2 topic, 4 broker, 8 broker logger, 16 client metrics, 32 group.
        resource_type: i8,
        resource_name: Arc<str>,
        name: Arc<str>,
        value: Option<Arc<str>>,
    }

    /// What changed of a partition.
    pub struct PartitionChangeRecord {
        partition_id: i32 = -1,
        topic_id: Uuid,
        isr: Option<Vec<i32>>                       [tag 0] = None,
        /// -1 for none, -2 when it has not changed.
        leader: i32                                 [tag 1] = -2,
        replicas: Option<Vec<i32>>                  [tag 2] = None,
        removing_replicas: Option<Vec<i32>>         [tag 3] = None,
        adding_replicas: Option<Vec<i32>>           [tag 4] = None,
        /// -1 when it has not changed.
        leader_recovery_state: i8                   [tag 5] = -1,
        eligible_leader_replicas: Option<Vec<i32>>  [tag 6, 2..] = None,
        last_known_elr: Option<Vec<i32>>            [tag 7, 2..] = None,
        directories: Option<Vec<Uuid>>              [tag 8, 1..] = None,
    }

    /// A broker lost its leaderships (old form).
    pub struct FenceBrokerRecord { id: i32, epoch: i64 }

    /// A broker may lead again (old form).
    pub struct UnfenceBrokerRecord { id: i32, epoch: i64 }

    /// A topic was deleted.
    pub struct RemoveTopicRecord { topic_id: Uuid }

    /// A delegation token was made or renewed.
    pub struct DelegationTokenRecord {
        owner: Arc<str>,
        requester: Arc<str>,
        renewers: Vec<Arc<str>>,
        issue_timestamp: i64,
        max_timestamp: i64,
        expiration_timestamp: i64,
        token_id: Arc<str>,
    }

    /// A SCRAM credential was set.
    pub struct UserScramCredentialRecord {
        name: Arc<str>,
        mechanism: i8,
        salt: Bytes,
        stored_key: Bytes,
        server_key: Bytes,
        iterations: i32,
    }

    /// A feature such as `metadata.version` was set to a level.
    pub struct FeatureLevelRecord { name: Arc<str>, feature_level: i16 }

    /// A quota was set or removed.
    pub struct ClientQuotaRecord {
        entity: Vec<EntityData>,
        key: Arc<str>,
        value: f64,
        remove: bool,
    }

    /// A user, client id or ip.
    pub struct EntityData {
        entity_type: Arc<str>,
        /// Null for the default.
        entity_name: Option<Arc<str>>,
    }

    /// A broker took a block of producer ids.
    pub struct ProducerIdsRecord { broker_id: i32, broker_epoch: i64 = -1, next_producer_id: i64 }

    /// What changed of a registered broker.
    pub struct BrokerRegistrationChangeRecord {
        broker_id: i32,
        broker_epoch: i64,
        /// -1 not any more, 0 unchanged, 1 from now on.
        fenced: i8                                  [tag 0],
        /// 0 unchanged, 1 from now on.
        in_controlled_shutdown: i8                  [tag 1, 1..],
        log_dirs: Vec<Uuid>                         [tag 2, 2..],
        cordoned_log_dirs: Option<Vec<Uuid>>        [tag 3, 3..] = None,
    }

    /// An ACL was added.
    pub struct AccessControlEntryRecord {
        id: Uuid,
        resource_type: i8,
        resource_name: Arc<str>,
        pattern_type: i8,
        principal: Arc<str>,
        host: Arc<str>,
        operation: i8,
        permission_type: i8,
    }

    /// An ACL was removed.
    pub struct RemoveAccessControlEntryRecord { id: Uuid }

    /// Nothing; shows that the controller is alive.
    pub struct NoOpRecord {}

    /// How far a migration from ZooKeeper is.
    pub struct ZkMigrationStateRecord { zk_migration_state: i8 }

    /// A SCRAM credential was removed.
    pub struct RemoveUserScramCredentialRecord { name: Arc<str>, mechanism: i8 }

    /// Records up to the end or abort belong together.
    pub struct BeginTransactionRecord {
        name: Option<Arc<str>>                      [tag 0] = None,
    }

    /// The transaction's records apply.
    pub struct EndTransactionRecord {}

    /// The transaction's records do not apply.
    pub struct AbortTransactionRecord {
        reason: Option<Arc<str>>                    [tag 0] = None,
    }

    /// A delegation token is gone.
    pub struct RemoveDelegationTokenRecord { token_id: Arc<str> }

    /// A controller came.
    pub struct RegisterControllerRecord {
        controller_id: i32,
        incarnation_id: Uuid,
        zk_migration_ready: bool,
        end_points: Vec<ControllerEndpoint>,
        features: Vec<ControllerFeature>,
    }

    /// A listener of a controller.
    pub struct ControllerEndpoint {
        name: Arc<str>,
        host: Arc<str>,
        port: u16,
        security_protocol: i16,
    }

    /// The levels of a feature that a controller knows.
    pub struct ControllerFeature {
        name: Arc<str>,
        min_supported_version: i16,
        max_supported_version: i16,
    }

    /// Forgets the eligible leader replicas of a topic, or of all where the name is empty.
    pub struct ClearElrRecord { topic_name: Arc<str> }

    /// A controller is gone for good.
    pub struct UnregisterControllerRecord { controller_id: i32 }
}

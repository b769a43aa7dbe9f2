//! What the small numbers in messages stand for, and the features of a cluster with their levels.
//!
//! Messages keep the numbers themselves, so that one that is not known here can be shown and passed on.

/// A set of numbers with Kafka's names.
macro_rules! codes {
    ($(
        $(#[$attr:meta])*
        $name:ident { $($variant:ident = $code:literal $kafka:literal),* $(,)? }
    )*) => {$(
        $(#[$attr])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[allow(missing_docs, reason = "the names are Kafka's")]
        #[non_exhaustive]
        pub enum $name {
            $($variant = $code,)*
        }

        impl $name {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// Its number on the wire.
            #[must_use]
            pub const fn code(self) -> i8 {
                self as i8
            }

            /// What `code` stands for; `None` where it is not known here.
            #[must_use]
            pub const fn from_code(code: i8) -> Option<Self> {
                match code {
                    $($code => Some(Self::$variant),)*
                    _ => None,
                }
            }

            /// Kafka's name of it.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $kafka,)*
                }
            }
        }
    )*

        #[cfg(any(test, feature = "sample"))]
        /// Every set here: its name, and the names and numbers in it.
        pub fn all() -> Vec<(&'static str, Vec<(&'static str, i8)>)> {
            vec![$((
                stringify!($name),
                $name::ALL.iter().map(|each| (each.name(), each.code())).collect(),
            )),*]
        }
    };
}

codes! {
    /// What somebody may do with a resource.
    AclOperation {
        Unknown = 0 "UNKNOWN", Any = 1 "ANY", All = 2 "ALL", Read = 3 "READ", Write = 4 "WRITE",
        Create = 5 "CREATE", Delete = 6 "DELETE", Alter = 7 "ALTER", Describe = 8 "DESCRIBE",
        ClusterAction = 9 "CLUSTER_ACTION", DescribeConfigs = 10 "DESCRIBE_CONFIGS",
        AlterConfigs = 11 "ALTER_CONFIGS", IdempotentWrite = 12 "IDEMPOTENT_WRITE",
        CreateTokens = 13 "CREATE_TOKENS", DescribeTokens = 14 "DESCRIBE_TOKENS",
        TwoPhaseCommit = 15 "TWO_PHASE_COMMIT",
    }

    /// Whether an ACL allows or denies.
    AclPermissionType { Unknown = 0 "UNKNOWN", Any = 1 "ANY", Deny = 2 "DENY", Allow = 3 "ALLOW" }

    /// How an ACL names resources.
    PatternType {
        Unknown = 0 "UNKNOWN", Any = 1 "ANY", Match = 2 "MATCH", Literal = 3 "LITERAL",
        Prefixed = 4 "PREFIXED",
    }

    /// What an ACL is about.
    ResourceType {
        Unknown = 0 "UNKNOWN", Any = 1 "ANY", Topic = 2 "TOPIC", Group = 3 "GROUP",
        Cluster = 4 "CLUSTER", TransactionalId = 5 "TRANSACTIONAL_ID",
        DelegationToken = 6 "DELEGATION_TOKEN", User = 7 "USER",
    }

    /// What a setting is of.
    ConfigResourceType {
        Unknown = 0 "UNKNOWN", Topic = 2 "TOPIC", Broker = 4 "BROKER",
        BrokerLogger = 8 "BROKER_LOGGER", ClientMetrics = 16 "CLIENT_METRICS", Group = 32 "GROUP",
    }

    /// What to do with a setting.
    AlterConfigOpType {
        Set = 0 "SET", Delete = 1 "DELETE", Append = 2 "APPEND", Subtract = 3 "SUBTRACT",
    }

    /// Where the value of a setting is from.
    ConfigSource {
        Unknown = 0 "UNKNOWN", TopicConfig = 1 "TOPIC_CONFIG",
        DynamicBrokerConfig = 2 "DYNAMIC_BROKER_CONFIG",
        DynamicDefaultBrokerConfig = 3 "DYNAMIC_DEFAULT_BROKER_CONFIG",
        StaticBrokerConfig = 4 "STATIC_BROKER_CONFIG", DefaultConfig = 5 "DEFAULT_CONFIG",
        DynamicBrokerLoggerConfig = 6 "DYNAMIC_BROKER_LOGGER_CONFIG",
        ClientMetricsConfig = 7 "CLIENT_METRICS_CONFIG", GroupConfig = 8 "GROUP_CONFIG",
    }

    /// What the value of a setting is.
    ConfigType {
        Unknown = 0 "UNKNOWN", Boolean = 1 "BOOLEAN", String = 2 "STRING", Int = 3 "INT",
        Short = 4 "SHORT", Long = 5 "LONG", Double = 6 "DOUBLE", List = 7 "LIST",
        Class = 8 "CLASS", Password = 9 "PASSWORD",
    }

    /// For what a coordinator is looked for.
    CoordinatorType { Group = 0 "GROUP", Transaction = 1 "TRANSACTION", Share = 2 "SHARE" }

    /// Which replica may become the leader.
    ElectionType { Preferred = 0 "PREFERRED", Unclean = 1 "UNCLEAN" }

    /// Whether records of open and aborted transactions are read.
    IsolationLevel { ReadUncommitted = 0 "READ_UNCOMMITTED", ReadCommitted = 1 "READ_COMMITTED" }

    /// The hash of a SCRAM credential.
    ScramMechanism { ScramSha256 = 1 "SCRAM_SHA_256", ScramSha512 = 2 "SCRAM_SHA_512" }

    /// What becomes of a record that a member of a share group was given.
    AcknowledgeType {
        Accept = 1 "ACCEPT", Release = 2 "RELEASE", Reject = 3 "REJECT", Renew = 4 "RENEW",
    }

    /// In which direction the level of a feature may go.
    UpgradeType {
        Unknown = 0 "UNKNOWN", Upgrade = 1 "UPGRADE", SafeDowngrade = 2 "SAFE_DOWNGRADE",
        UnsafeDowngrade = 3 "UNSAFE_DOWNGRADE",
    }

    /// How far a transaction is, in the coordinator's log.
    TransactionState {
        Empty = 0 "EMPTY", Ongoing = 1 "ONGOING", PrepareCommit = 2 "PREPARE_COMMIT",
        PrepareAbort = 3 "PREPARE_ABORT", CompleteCommit = 4 "COMPLETE_COMMIT",
        CompleteAbort = 5 "COMPLETE_ABORT", Dead = 6 "DEAD",
        PrepareEpochFence = 7 "PREPARE_EPOCH_FENCE",
    }
}

/// A feature of a cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Feature {
    /// Its name.
    pub name: &'static str,
    /// The lowest level that Kafka 4.4 runs with.
    pub min: i16,
    /// The highest one that is not for tests only.
    pub max: i16,
}

/// The features of Kafka 4.4, `metadata.version` first.
pub const FEATURES: [Feature; 7] = [
    Feature { name: METADATA_VERSION, min: 7, max: 33 },
    Feature { name: "kraft.version", min: 0, max: 1 },
    Feature { name: "transaction.version", min: 0, max: 2 },
    Feature { name: "group.version", min: 0, max: 1 },
    Feature { name: "eligible.leader.replicas.version", min: 0, max: 1 },
    Feature { name: "share.version", min: 0, max: 2 },
    Feature { name: "streams.version", min: 0, max: 1 },
];

/// The feature on which the records of the metadata log hang.
pub const METADATA_VERSION: &str = "metadata.version";

/// The releases that the levels of `metadata.version` are named after, from its lowest one on.
const METADATA_RELEASES: [&str; 27] = [
    "3.3-IV3", "3.4-IV0", "3.5-IV0", "3.5-IV1", "3.5-IV2", "3.6-IV0", "3.6-IV1", "3.6-IV2",
    "3.7-IV0", "3.7-IV1", "3.7-IV2", "3.7-IV3", "3.7-IV4", "3.8-IV0", "3.9-IV0", "4.0-IV0",
    "4.0-IV1", "4.0-IV2", "4.0-IV3", "4.1-IV0", "4.1-IV1", "4.2-IV0", "4.2-IV1", "4.3-IV0",
    "4.4-IV0", "4.4-IV1", "4.4-IV2",
];

/// The release that a level of `metadata.version` is named after.
///
/// ```
/// assert_eq!(kafka_proto::codes::metadata_release(33), Some("4.4-IV2"));
/// ```
#[must_use]
pub fn metadata_release(level: i16) -> Option<&'static str> {
    let at = level.checked_sub(FEATURES[0].min)?;
    METADATA_RELEASES.get(usize::try_from(at).ok()?).copied()
}

//! The error codes of the protocol: number, name, whether a retry may help, and what each means.
//!
//! A code that this table does not know is kept as it came, so that it can be shown and passed on.
//! What a client does about a code is decided where the request was sent.

use std::fmt;

/// What a response says about the success of a request or of a part of it.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ErrorCode(pub i16);

/// What a failed request should be followed by.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    /// The same request fails again.
    Fail,
    /// The same request may succeed later.
    Retry,
    /// As `Retry`, after reading the metadata again.
    Stale,
}

macro_rules! class {
    (fail) => {
        Class::Fail
    };
    (retry) => {
        Class::Retry
    };
    (stale) => {
        Class::Stale
    };
}

macro_rules! error_codes {
    ($($code:literal, $name:ident, $class:tt, $meaning:literal;)*) => {
        /// One constant per code.
        impl ErrorCode {
            $(#[doc = $meaning] pub const $name: Self = Self($code);)*

            /// Every code that has a name, in ascending order.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            const fn row(self) -> Option<(&'static str, Class, &'static str)> {
                match self.0 {
                    $($code => Some((stringify!($name), class!($class), $meaning)),)*
                    _ => None,
                }
            }
        }
    };
}

impl ErrorCode {
    /// Whether this is [`NONE`](Self::NONE).
    #[must_use]
    pub const fn is_ok(self) -> bool {
        self.0 == 0
    }

    /// Whether the same request may succeed when it is sent again.
    #[must_use]
    pub const fn is_retriable(self) -> bool {
        matches!(self.row(), Some((_, Class::Retry | Class::Stale, _)))
    }

    /// Whether the sender went by outdated metadata and should read it again before a retry.
    #[must_use]
    pub const fn is_stale_metadata(self) -> bool {
        matches!(self.row(), Some((_, Class::Stale, _)))
    }

    /// Kafka's name of the code; `UNKNOWN` when it has none here.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self.row() {
            Some((name, _, _)) => name,
            None => "UNKNOWN",
        }
    }

    /// What the code means, in a sentence.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self.row() {
            Some((_, _, meaning)) => meaning,
            None => "A code newer than this library.",
        }
    }

    /// `Ok` for [`NONE`](Self::NONE), the code itself otherwise.
    ///
    /// # Errors
    /// The code, when it is not `NONE`.
    pub const fn ok(self) -> Result<(), Self> {
        if self.is_ok() { Ok(()) } else { Err(self) }
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name(), self.0)
    }
}

impl fmt::Debug for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for ErrorCode {}

error_codes! {
    -1, UNKNOWN_SERVER_ERROR, fail, "The broker failed in a way it has no code for.";
    0, NONE, fail, "No error.";
    1, OFFSET_OUT_OF_RANGE, fail, "The offset lies before the log's start or behind its end.";
    2, CORRUPT_MESSAGE, retry,
        "A batch is damaged: bad checksum, bad length, or no key where the topic is compacted.";
    3, UNKNOWN_TOPIC_OR_PARTITION, stale, "The broker holds no such topic or partition.";
    4, INVALID_FETCH_SIZE, fail, "The fetch size makes no sense.";
    5, LEADER_NOT_AVAILABLE, stale,
        "The partition has no leader right now; an election is under way.";
    6, NOT_LEADER_OR_FOLLOWER, stale,
        "The broker does not lead this partition, or holds no replica of it.";
    7, REQUEST_TIMED_OUT, retry, "The broker did not finish in the time the request allowed.";
    8, BROKER_NOT_AVAILABLE, fail, "The broker is not available.";
    9, REPLICA_NOT_AVAILABLE, stale, "The replica is not available.";
    10, MESSAGE_TOO_LARGE, fail, "A batch is larger than the topic or the broker allows.";
    11, STALE_CONTROLLER_EPOCH, fail, "The controller that sent this is no longer in office.";
    12, OFFSET_METADATA_TOO_LARGE, fail,
        "The metadata string committed with an offset is too long.";
    13, NETWORK_EXCEPTION, stale, "The connection ended before the response came.";
    14, COORDINATOR_LOAD_IN_PROGRESS, retry, "The coordinator is still reading its state.";
    15, COORDINATOR_NOT_AVAILABLE, retry, "There is no coordinator yet, or it is not available.";
    16, NOT_COORDINATOR, retry,
        "The broker is not the coordinator of this group or transactional id.";
    17, INVALID_TOPIC_EXCEPTION, fail,
        "The topic's name is invalid, or clients may not write to it.";
    18, RECORD_LIST_TOO_LARGE, fail, "A batch is larger than a segment of the log.";
    19, NOT_ENOUGH_REPLICAS, retry,
        "Fewer replicas are in sync than the topic demands; nothing was written.";
    20, NOT_ENOUGH_REPLICAS_AFTER_APPEND, retry,
        "The batch was written, but fewer replicas were in sync than the topic demands.";
    21, INVALID_REQUIRED_ACKS, fail, "The acks of a produce request are none of -1, 0 and 1.";
    22, ILLEGAL_GENERATION, fail, "The generation is not the group's current one.";
    23, INCONSISTENT_GROUP_PROTOCOL, fail,
        "The member's protocols and those of the group have nothing in common.";
    24, INVALID_GROUP_ID, fail, "The group id is invalid.";
    25, UNKNOWN_MEMBER_ID, fail, "The coordinator does not know this member.";
    26, INVALID_SESSION_TIMEOUT, fail, "The session timeout is outside the limits of the broker.";
    27, REBALANCE_IN_PROGRESS, fail, "The group rebalances; the member has to join again.";
    28, INVALID_COMMIT_OFFSET_SIZE, fail, "The offsets to commit take too much space.";
    29, TOPIC_AUTHORIZATION_FAILED, fail, "The principal may not do this to the topic.";
    30, GROUP_AUTHORIZATION_FAILED, fail, "The principal may not do this to the group.";
    31, CLUSTER_AUTHORIZATION_FAILED, fail, "The principal may not do this to the cluster.";
    32, INVALID_TIMESTAMP, fail,
        "The record's timestamp is outside the range that the topic accepts.";
    33, UNSUPPORTED_SASL_MECHANISM, fail, "The broker does not offer this SASL mechanism.";
    34, ILLEGAL_SASL_STATE, fail, "The request does not fit into this stage of the authentication.";
    35, UNSUPPORTED_VERSION, fail, "The broker does not speak this version of the API.";
    36, TOPIC_ALREADY_EXISTS, fail, "A topic of this name exists.";
    37, INVALID_PARTITIONS, fail,
        "The number of partitions is below one, or not above the present one.";
    38, INVALID_REPLICATION_FACTOR, fail,
        "The replication factor is below one or above the number of brokers.";
    39, INVALID_REPLICA_ASSIGNMENT, fail, "The replica assignment is invalid.";
    40, INVALID_CONFIG, fail, "A configuration value is invalid.";
    41, NOT_CONTROLLER, retry, "The broker is not the controller.";
    42, INVALID_REQUEST, fail, "The request contradicts itself or was malformed.";
    43, UNSUPPORTED_FOR_MESSAGE_FORMAT, fail,
        "The log's message format is too old for this request.";
    44, POLICY_VIOLATION, fail, "A policy of the cluster forbids the request.";
    45, OUT_OF_ORDER_SEQUENCE_NUMBER, fail,
        "The sequence number does not follow the producer's last one.";
    46, DUPLICATE_SEQUENCE_NUMBER, fail, "The batch with this sequence number was written already.";
    47, INVALID_PRODUCER_EPOCH, fail, "The producer's epoch is older than the current one.";
    48, INVALID_TXN_STATE, fail, "The transaction's state does not allow this step.";
    49, INVALID_PRODUCER_ID_MAPPING, fail,
        "The producer id does not belong to this transactional id.";
    50, INVALID_TRANSACTION_TIMEOUT, fail,
        "The transaction timeout is above the limit of the broker.";
    51, CONCURRENT_TRANSACTIONS, retry,
        "Another step of the same transaction is still being carried out.";
    52, TRANSACTION_COORDINATOR_FENCED, fail,
        "The transaction coordinator that sent the markers has been replaced.";
    53, TRANSACTIONAL_ID_AUTHORIZATION_FAILED, fail,
        "The principal may not use this transactional id.";
    54, SECURITY_DISABLED, fail, "The broker has no authorizer.";
    55, OPERATION_NOT_ATTEMPTED, fail,
        "The operation was left out because others of the same request failed.";
    56, KAFKA_STORAGE_ERROR, stale, "The broker's disk failed.";
    57, LOG_DIR_NOT_FOUND, fail, "The broker has no such log directory.";
    58, SASL_AUTHENTICATION_FAILED, fail, "The credentials were refused.";
    59, UNKNOWN_PRODUCER_ID, fail,
        "The broker has no state of this producer id; it expired or its records were deleted.";
    60, REASSIGNMENT_IN_PROGRESS, fail, "The partition is being reassigned.";
    61, DELEGATION_TOKEN_AUTH_DISABLED, fail, "Delegation tokens are switched off.";
    62, DELEGATION_TOKEN_NOT_FOUND, fail, "There is no such delegation token.";
    63, DELEGATION_TOKEN_OWNER_MISMATCH, fail,
        "The principal neither owns nor may renew this delegation token.";
    64, DELEGATION_TOKEN_REQUEST_NOT_ALLOWED, fail,
        "Delegation tokens cannot be asked for on this kind of connection.";
    65, DELEGATION_TOKEN_AUTHORIZATION_FAILED, fail,
        "The principal may not do this to the delegation token.";
    66, DELEGATION_TOKEN_EXPIRED, fail, "The delegation token has expired.";
    67, INVALID_PRINCIPAL_TYPE, fail, "The type of principal is not supported.";
    68, NON_EMPTY_GROUP, fail, "The group still has members.";
    69, GROUP_ID_NOT_FOUND, fail, "There is no such group.";
    70, FETCH_SESSION_ID_NOT_FOUND, retry,
        "The broker has no such fetch session; it may have been evicted.";
    71, INVALID_FETCH_SESSION_EPOCH, retry, "The fetch session expects another epoch.";
    72, LISTENER_NOT_FOUND, stale,
        "The leader lacks the listener on which the metadata was asked for.";
    73, TOPIC_DELETION_DISABLED, fail, "Topics cannot be deleted on this cluster.";
    74, FENCED_LEADER_EPOCH, stale, "The request's leader epoch is older than the broker's.";
    75, UNKNOWN_LEADER_EPOCH, retry, "The request's leader epoch is newer than the broker's.";
    76, UNSUPPORTED_COMPRESSION_TYPE, fail,
        "The client's version cannot read the compression of the records.";
    77, STALE_BROKER_EPOCH, fail, "The broker has registered again since.";
    78, OFFSET_NOT_AVAILABLE, retry,
        "A new leader does not know its high watermark yet, so it cannot tell the offset.";
    79, MEMBER_ID_REQUIRED, fail,
        "The member joined without an id; join again with the one in the response.";
    80, PREFERRED_LEADER_NOT_AVAILABLE, stale, "The preferred leader is not available.";
    81, GROUP_MAX_SIZE_REACHED, fail, "The group is full.";
    82, FENCED_INSTANCE_ID, fail, "Another member has taken over this group instance id.";
    83, ELIGIBLE_LEADERS_NOT_AVAILABLE, stale, "No replica that could lead is available.";
    84, ELECTION_NOT_NEEDED, stale, "The partition has the right leader already.";
    85, NO_REASSIGNMENT_IN_PROGRESS, fail, "The partition is not being reassigned.";
    86, GROUP_SUBSCRIBED_TO_TOPIC, fail,
        "The group is subscribed to the topic, so its offsets stay.";
    87, INVALID_RECORD, fail, "The broker's validation refused a record.";
    88, UNSTABLE_OFFSET_COMMIT, retry, "A transaction over these offsets is still open.";
    89, THROTTLING_QUOTA_EXCEEDED, retry, "A quota is used up; try later.";
    90, PRODUCER_FENCED, fail, "A newer producer took over this transactional id.";
    91, RESOURCE_NOT_FOUND, fail, "The resource does not exist.";
    92, DUPLICATE_RESOURCE, fail, "The request names a resource twice.";
    93, UNACCEPTABLE_CREDENTIAL, fail, "The credential does not meet the broker's demands.";
    94, INCONSISTENT_VOTER_SET, fail, "Sender and receiver do not agree on who votes.";
    95, INVALID_UPDATE_VERSION, fail, "The feature cannot be set to this version.";
    96, FEATURE_UPDATE_FAILED, fail, "The features could not be updated.";
    97, PRINCIPAL_DESERIALIZATION_FAILURE, fail, "The forwarded principal could not be read.";
    98, SNAPSHOT_NOT_FOUND, fail, "There is no such snapshot.";
    99, POSITION_OUT_OF_RANGE, fail, "The position lies outside the snapshot.";
    100, UNKNOWN_TOPIC_ID, stale, "The broker holds no topic of this id.";
    101, DUPLICATE_BROKER_REGISTRATION, fail, "Another broker is registered under this id.";
    102, BROKER_ID_NOT_REGISTERED, fail, "No broker is registered under this id.";
    103, INCONSISTENT_TOPIC_ID, stale,
        "The topic id differs from that of the log; the topic was created again.";
    104, INCONSISTENT_CLUSTER_ID, fail, "The request is meant for another cluster.";
    105, TRANSACTIONAL_ID_NOT_FOUND, fail, "There is no such transactional id.";
    106, FETCH_SESSION_TOPIC_ID_ERROR, retry, "The fetch session mixes topic names with topic ids.";
    107, INELIGIBLE_REPLICA, fail, "A replica cannot join the in-sync replicas.";
    108, NEW_LEADER_ELECTED, fail, "The partition's state was changed, and with it the leader.";
    109, OFFSET_MOVED_TO_TIERED_STORAGE, fail, "The offset has moved to tiered storage.";
    110, FENCED_MEMBER_EPOCH, fail,
        "The member's epoch was fenced; it gives up its partitions and joins again.";
    111, UNRELEASED_INSTANCE_ID, fail,
        "A member that has not left yet uses this group instance id.";
    112, UNSUPPORTED_ASSIGNOR, fail, "The group does not support the assignor or its version.";
    113, STALE_MEMBER_EPOCH, fail,
        "The member's epoch is old; the next heartbeat brings the new one.";
    114, MISMATCHED_ENDPOINT_TYPE, fail,
        "The request is for another kind of endpoint, broker or controller.";
    115, UNSUPPORTED_ENDPOINT_TYPE, fail, "This kind of endpoint is not supported.";
    116, UNKNOWN_CONTROLLER_ID, fail, "The controller id is unknown.";
    117, UNKNOWN_SUBSCRIPTION_ID, fail, "The telemetry subscription is unknown or out of date.";
    118, TELEMETRY_TOO_LARGE, fail, "The telemetry is larger than the broker accepts.";
    119, INVALID_REGISTRATION, fail, "The controller refuses the broker's registration.";
    120, TRANSACTION_ABORTABLE, fail,
        "The transaction has to be aborted; the producer can go on after that.";
    121, INVALID_RECORD_STATE, fail, "The record is in no state that this acknowledgement fits.";
    122, SHARE_SESSION_NOT_FOUND, retry, "There is no such share session.";
    123, INVALID_SHARE_SESSION_EPOCH, retry, "The share session expects another epoch.";
    124, FENCED_STATE_EPOCH, fail, "The state epoch is not the coordinator's.";
    125, INVALID_VOTER_KEY, fail, "The voter's key is not that of the receiver.";
    126, DUPLICATE_VOTER, fail, "The voter is in the set already.";
    127, VOTER_NOT_FOUND, fail, "The voter is not in the set.";
    128, INVALID_REGULAR_EXPRESSION, fail, "The regular expression is invalid.";
    129, REBOOTSTRAP_REQUIRED, fail,
        "The client's metadata is too old; it starts again from its bootstrap addresses.";
    130, STREAMS_INVALID_TOPOLOGY, fail, "The topology is invalid.";
    131, STREAMS_INVALID_TOPOLOGY_EPOCH, fail, "The topology's epoch is invalid.";
    132, STREAMS_TOPOLOGY_FENCED, fail, "The topology's epoch is older than the group's.";
    133, SHARE_SESSION_LIMIT_REACHED, retry, "The broker holds as many share sessions as it may.";
    134, GROUP_DELETION_FAILED, fail, "The group could not be deleted; its error message says why.";
    135, STREAMS_TOPOLOGY_DESCRIPTION_UPDATE_FAILED, fail,
        "The topology's description could not be updated; the error message says why.";
    136, CONTROLLER_ID_NOT_REGISTERED, fail, "No controller is registered under this id.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_codes_say_their_name_and_what_to_do() {
        assert_eq!(ErrorCode(6), ErrorCode::NOT_LEADER_OR_FOLLOWER);
        assert_eq!(ErrorCode(6).to_string(), "NOT_LEADER_OR_FOLLOWER (6)");
        assert!(ErrorCode(6).is_retriable() && ErrorCode(6).is_stale_metadata());
        assert!(ErrorCode(7).is_retriable() && !ErrorCode(7).is_stale_metadata());
        assert!(!ErrorCode::MESSAGE_TOO_LARGE.is_retriable());
        assert_eq!(ErrorCode(-1).name(), "UNKNOWN_SERVER_ERROR");
        assert_eq!(ErrorCode::default().ok(), Ok(()));
        assert_eq!(ErrorCode(25).ok(), Err(ErrorCode::UNKNOWN_MEMBER_ID));
    }

    #[test]
    fn an_unknown_code_is_kept() {
        let code = ErrorCode(999);
        assert_eq!((code.0, code.to_string()), (999, "UNKNOWN (999)".to_owned()));
        assert!(!code.is_ok() && !code.is_retriable());
        assert!(code.meaning().contains("newer"));
    }

    #[test]
    fn the_table_has_no_gaps() {
        let codes: Vec<i16> = ErrorCode::ALL.iter().map(|code| code.0).collect();
        assert_eq!(codes, (-1..=136).collect::<Vec<i16>>());
    }
}

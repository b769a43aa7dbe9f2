//! What brokers keep: the records of their internal topics, and small files beside the logs.
//!
//! Every struct here is a [`Schema`]: `schema::to_bytes` writes it with the prefix that its place has,
//! `schema::from_bytes` reads it.

pub mod consumer_group;
pub mod control;
pub mod metadata;
pub mod offsets;
pub mod share;
pub mod streams_group;
pub mod tiered;
pub mod transactions;

use crate::schema::{self, Schema};
use crate::wire::{DecodeError, DecodeReason, EncodeError, Reader};
use bytes::Bytes;

/// The partition, of so many of an internal topic, that keeps what belongs to a group or transactional id: its leader
/// is the coordinator. What a share group knows of a partition goes by `group:topic id:partition`.
///
/// ```
/// assert_eq!(kafka_proto::stored::partition_of("my-consumer-group", 50), 13);
/// ```
pub fn partition_of(id: &str, partitions: usize) -> usize {
    // As Java hashes a string; the smallest number of all has no positive one.
    let hash = |hash: i32, unit: u16| hash.wrapping_mul(31).wrapping_add(i32::from(unit));
    let hash = id.encode_utf16().fold(0, hash);
    let hash = usize::try_from(hash.checked_abs().unwrap_or(0)).unwrap_or(0);
    hash.checked_rem(partitions).unwrap_or(0)
}

/// An enum over all schemas of one place, told apart by the number in their prefix.
macro_rules! any_of {
    ($(#[$attr:meta])* $any:ident, $number:path, $($variant:ident($type:ty),)*) => {
        $(#[$attr])*
        #[derive(Clone, Debug, PartialEq)]
        #[allow(missing_docs, reason = "the types have docs")]
        #[non_exhaustive]
        pub enum $any {
            $($variant($type),)*
        }

        impl $any {
            /// Reads whichever it is.
            ///
            /// # Errors
            /// When the number is none of these, or the bytes hold no such thing.
            pub fn from_bytes(bytes: Bytes) -> Result<Self, DecodeError> {
                let number = $number(&bytes)?;
                $(if <$type as Schema>::PREFIX.number() == Some(number) {
                    return schema::from_bytes(bytes).map(|(value, _)| Self::$variant(value));
                })*
                let name = stringify!($any);
                Err(Reader::new(bytes).fail(DecodeReason::Type { name, number }))
            }

            /// Kafka's name of what it is.
            pub fn name(&self) -> &'static str {
                match self {
                    $(Self::$variant(_) => <$type as Schema>::NAME,)*
                }
            }

            /// The bytes at `version`, with their prefix.
            ///
            /// # Errors
            /// When there is no such version, or it cannot carry the value.
            pub fn to_bytes(&self, version: i16) -> Result<Bytes, EncodeError> {
                match self {
                    $(Self::$variant(value) => schema::to_bytes(value, version),)*
                }
            }
        }

        $(impl From<$type> for $any {
            fn from(value: $type) -> Self {
                Self::$variant(value)
            }
        })*
    };
}

fn of_frame(record: &Bytes) -> Result<i16, DecodeError> {
    schema::frame_number(record).map(|(number, _)| number)
}

fn of_key(key: &Bytes) -> Result<i16, DecodeError> {
    Reader::new(key.clone()).i16()
}

any_of! {
    /// Any record of the cluster's metadata log.
    MetadataRecord, of_frame,
    RegisterBroker(metadata::RegisterBrokerRecord),
    UnregisterBroker(metadata::UnregisterBrokerRecord),
    Topic(metadata::TopicRecord),
    Partition(metadata::PartitionRecord),
    Config(metadata::ConfigRecord),
    PartitionChange(metadata::PartitionChangeRecord),
    FenceBroker(metadata::FenceBrokerRecord),
    UnfenceBroker(metadata::UnfenceBrokerRecord),
    RemoveTopic(metadata::RemoveTopicRecord),
    DelegationToken(metadata::DelegationTokenRecord),
    UserScramCredential(metadata::UserScramCredentialRecord),
    FeatureLevel(metadata::FeatureLevelRecord),
    ClientQuota(metadata::ClientQuotaRecord),
    ProducerIds(metadata::ProducerIdsRecord),
    BrokerRegistrationChange(metadata::BrokerRegistrationChangeRecord),
    AccessControlEntry(metadata::AccessControlEntryRecord),
    RemoveAccessControlEntry(metadata::RemoveAccessControlEntryRecord),
    NoOp(metadata::NoOpRecord),
    ZkMigrationState(metadata::ZkMigrationStateRecord),
    RemoveUserScramCredential(metadata::RemoveUserScramCredentialRecord),
    BeginTransaction(metadata::BeginTransactionRecord),
    EndTransaction(metadata::EndTransactionRecord),
    AbortTransaction(metadata::AbortTransactionRecord),
    RemoveDelegationToken(metadata::RemoveDelegationTokenRecord),
    RegisterController(metadata::RegisterControllerRecord),
    ClearElr(metadata::ClearElrRecord),
    UnregisterController(metadata::UnregisterControllerRecord),
}

any_of! {
    /// The key of any record of `__consumer_offsets`; the value's schema goes with it.
    GroupKey, of_key,
    LegacyOffsetCommit(offsets::LegacyOffsetCommitKey),
    OffsetCommit(offsets::OffsetCommitKey),
    GroupMetadata(offsets::GroupMetadataKey),
    ConsumerGroupMetadata(consumer_group::ConsumerGroupMetadataKey),
    ConsumerGroupPartitionMetadata(consumer_group::ConsumerGroupPartitionMetadataKey),
    ConsumerGroupMemberMetadata(consumer_group::ConsumerGroupMemberMetadataKey),
    ConsumerGroupTargetAssignmentMetadata(consumer_group::ConsumerGroupTargetAssignmentMetadataKey),
    ConsumerGroupTargetAssignmentMember(consumer_group::ConsumerGroupTargetAssignmentMemberKey),
    ConsumerGroupCurrentMemberAssignment(consumer_group::ConsumerGroupCurrentMemberAssignmentKey),
    ConsumerGroupRegularExpression(consumer_group::ConsumerGroupRegularExpressionKey),
    ShareGroupMetadata(share::ShareGroupMetadataKey),
    ShareGroupMemberMetadata(share::ShareGroupMemberMetadataKey),
    ShareGroupTargetAssignmentMetadata(share::ShareGroupTargetAssignmentMetadataKey),
    ShareGroupTargetAssignmentMember(share::ShareGroupTargetAssignmentMemberKey),
    ShareGroupCurrentMemberAssignment(share::ShareGroupCurrentMemberAssignmentKey),
    ShareGroupStatePartitionMetadata(share::ShareGroupStatePartitionMetadataKey),
    StreamsGroupMetadata(streams_group::StreamsGroupMetadataKey),
    StreamsGroupMemberMetadata(streams_group::StreamsGroupMemberMetadataKey),
    StreamsGroupTargetAssignmentMetadata(streams_group::StreamsGroupTargetAssignmentMetadataKey),
    StreamsGroupTargetAssignmentMember(streams_group::StreamsGroupTargetAssignmentMemberKey),
    StreamsGroupCurrentMemberAssignment(streams_group::StreamsGroupCurrentMemberAssignmentKey),
    StreamsGroupTopology(streams_group::StreamsGroupTopologyKey),
}

any_of! {
    /// The key of any record of `__share_group_state`; the value's schema goes with it.
    ShareStateKey, of_key,
    Snapshot(share::ShareSnapshotKey),
    Update(share::ShareUpdateKey),
}

any_of! {
    /// Any record of `__remote_log_metadata`.
    RemoteLogRecord, of_frame,
    Segment(tiered::RemoteLogSegmentMetadataRecord),
    SegmentUpdate(tiered::RemoteLogSegmentMetadataUpdateRecord),
    PartitionDelete(tiered::RemotePartitionDeleteMetadataRecord),
    SegmentSnapshot(tiered::RemoteLogSegmentMetadataSnapshotRecord),
}

#[cfg(test)]
mod tests {
    use super::partition_of;

    #[test]
    fn groups_lie_in_the_partitions_that_kafka_puts_them_in() {
        assert_eq!(partition_of("", 50), 0);
        assert_eq!(partition_of("a", 50), 97 % 50);
        // "Hello" hashes to 69609650, and "polygenelubricants" to the smallest number of all.
        assert_eq!(partition_of("Hello", 50), 0);
        assert_eq!(partition_of("Hello", 7), 69_609_650 % 7);
        assert_eq!(partition_of("polygenelubricants", 50), 0);
        // Negative hashes count by their size, here -421004483, and units beyond ASCII as Java has them.
        assert_eq!(partition_of("consumers", 50), 33);
        assert_eq!(partition_of("größe", 50), 7);
        assert_eq!(partition_of("x", 0), 0);
    }
}

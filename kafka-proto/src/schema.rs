//! Messages that no API carries: what lies in topics and files, or travels inside of other messages.
//!
//! Such bytes have to say themselves what they are; [`Prefix`] tells how.

use crate::any::MessageType;
use crate::api::Versions;
use crate::group_protocol;
use crate::stored::transactions;
use crate::stored::{consumer_group, control, metadata, offsets, share, streams_group, tiered};
use crate::wire::{Cx, DecodeError, DecodeReason, EncodeError, EncodeReason};
use crate::wire::{Message, Reader, Writer};
use bytes::Bytes;

/// A message that no API carries, and what is fixed about it.
pub trait Schema: Message {
    /// Kafka's name of it.
    const NAME: &'static str;
    /// The versions that Kafka 4.4 reads.
    const VERSIONS: Versions;
    /// The first flexible version (KIP-482); past all versions where there is none.
    const FLEXIBLE: i16;
    /// What stands in front of it.
    const PREFIX: Prefix;
}

/// What stands in front of a message so that a reader knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prefix {
    /// Nothing; who reads it knows the version.
    Nothing,
    /// The version in 16 bits.
    Version,
    /// In the key of a coordinator's record: the number of its type in 16 bits. The version is 0.
    Key(i16),
    /// In the value of a coordinator's record: the version in 16 bits. The key has the type, which is this one.
    Value(i16),
    /// In a log of metadata, as unsigned varints: 1 for this kind of frame, the number of the type, the version.
    Frame(i16),
}

impl Prefix {
    /// The number of the type, if types of this kind have numbers.
    pub const fn number(self) -> Option<i16> {
        match self {
            Self::Nothing | Self::Version => None,
            Self::Key(number) | Self::Value(number) | Self::Frame(number) => Some(number),
        }
    }
}

/// The version of the frame itself in [`Prefix::Frame`].
const FRAME_VERSION: u32 = 1;

/// States which schema a struct describes.
macro_rules! schema {
    ($name:ident, $($rest:tt)*) => { $crate::schema::schema!($name as $name, $($rest)*); };
    ($type:ident as $name:ident, $prefix:ident $($number:literal)?,
        versions $min:literal ..= $max:literal $(, flexible $flexible:literal ..)?) => {
        impl $crate::schema::Schema for $type {
            const NAME: &'static str = stringify!($name);
            const VERSIONS: $crate::api::Versions =
                $crate::api::Versions { min: $min, max: $max };
            const FLEXIBLE: i16 = $crate::api::or_never(&[$($flexible)?]);
            const PREFIX: $crate::schema::Prefix =
                $crate::schema::prefix!($prefix $($number)?);
        }
    };
}

macro_rules! prefix {
    (nothing) => {
        $crate::schema::Prefix::Nothing
    };
    (version) => {
        $crate::schema::Prefix::Version
    };
    (key $number:literal) => {
        $crate::schema::Prefix::Key($number)
    };
    (value $number:literal) => {
        $crate::schema::Prefix::Value($number)
    };
    (frame $number:literal) => {
        $crate::schema::Prefix::Frame($number)
    };
}
pub(crate) use {prefix, schema};

macro_rules! schemas {
    ($($module:ident: $($schema:ident)*;)*) => {
        /// Every schema.
        pub static SCHEMAS: &[MessageType] =
            &[$($(MessageType::of_schema::<$module::$schema>(),)*)*];
    };
}

schemas! {
    group_protocol: Subscription Assignment;
    offsets:
        LegacyOffsetCommitKey LegacyOffsetCommitValue OffsetCommitKey OffsetCommitValue
        GroupMetadataKey GroupMetadataValue;
    consumer_group:
        ConsumerGroupMetadataKey ConsumerGroupMetadataValue
        ConsumerGroupPartitionMetadataKey ConsumerGroupPartitionMetadataValue
        ConsumerGroupMemberMetadataKey ConsumerGroupMemberMetadataValue
        ConsumerGroupTargetAssignmentMetadataKey ConsumerGroupTargetAssignmentMetadataValue
        ConsumerGroupTargetAssignmentMemberKey ConsumerGroupTargetAssignmentMemberValue
        ConsumerGroupCurrentMemberAssignmentKey ConsumerGroupCurrentMemberAssignmentValue
        ConsumerGroupRegularExpressionKey ConsumerGroupRegularExpressionValue;
    metadata:
        RegisterBrokerRecord UnregisterBrokerRecord TopicRecord PartitionRecord ConfigRecord
        PartitionChangeRecord FenceBrokerRecord UnfenceBrokerRecord RemoveTopicRecord
        DelegationTokenRecord UserScramCredentialRecord FeatureLevelRecord ClientQuotaRecord
        ProducerIdsRecord BrokerRegistrationChangeRecord AccessControlEntryRecord
        RemoveAccessControlEntryRecord NoOpRecord ZkMigrationStateRecord
        RemoveUserScramCredentialRecord BeginTransactionRecord EndTransactionRecord
        AbortTransactionRecord RemoveDelegationTokenRecord RegisterControllerRecord
        ClearElrRecord UnregisterControllerRecord;
    control:
        ControlRecordTypeSchema EndTxnMarker LeaderChangeMessage SnapshotHeaderRecord
        SnapshotFooterRecord KRaftVersionRecord VotersRecord QuorumStateData
        DefaultPrincipalData;
    share:
        ShareGroupMetadataKey ShareGroupMetadataValue ShareGroupMemberMetadataKey
        ShareGroupMemberMetadataValue ShareGroupTargetAssignmentMetadataKey
        ShareGroupTargetAssignmentMetadataValue ShareGroupTargetAssignmentMemberKey
        ShareGroupTargetAssignmentMemberValue ShareGroupCurrentMemberAssignmentKey
        ShareGroupCurrentMemberAssignmentValue ShareGroupStatePartitionMetadataKey
        ShareGroupStatePartitionMetadataValue ShareSnapshotKey ShareSnapshotValue
        ShareUpdateKey ShareUpdateValue;
    streams_group:
        StreamsGroupMetadataKey StreamsGroupMetadataValue StreamsGroupMemberMetadataKey
        StreamsGroupMemberMetadataValue StreamsGroupTargetAssignmentMetadataKey
        StreamsGroupTargetAssignmentMetadataValue StreamsGroupTargetAssignmentMemberKey
        StreamsGroupTargetAssignmentMemberValue StreamsGroupCurrentMemberAssignmentKey
        StreamsGroupCurrentMemberAssignmentValue StreamsGroupTopologyKey
        StreamsGroupTopologyValue;
    tiered:
        RemoteLogSegmentMetadataRecord RemoteLogSegmentMetadataUpdateRecord
        RemotePartitionDeleteMetadataRecord RemoteLogSegmentMetadataSnapshotRecord;
    transactions:
        TransactionLogKey TransactionLogValue AbortedTxn ProducerSnapshot;
}

/// The bytes of `value` behind its prefix.
///
/// # Errors
/// When there is no such version, or it cannot carry the value.
pub fn to_bytes<S: Schema>(value: &S, version: i16) -> Result<Bytes, EncodeError> {
    let mut writer = behind_prefix(S::NAME, S::PREFIX, S::VERSIONS, version)?;
    value.encode(&mut writer, Cx::new(version, version >= S::FLEXIBLE))?;
    Ok(writer.into_bytes())
}

/// Where the value itself is written.
pub(crate) fn behind_prefix(
    name: &'static str,
    prefix: Prefix,
    versions: Versions,
    version: i16,
) -> Result<Writer, EncodeError> {
    if !versions.contains(version) {
        return Err(EncodeError::new(EncodeReason::Version { name, version }));
    }
    let mut writer = Writer::default();
    match prefix {
        Prefix::Nothing => {}
        Prefix::Version | Prefix::Value(_) => writer.i16(version),
        Prefix::Key(number) => writer.i16(number),
        Prefix::Frame(number) => {
            writer.unsigned_varint(FRAME_VERSION);
            for part in [number, version] {
                writer.unsigned_varint(u32::from(part.unsigned_abs()));
            }
        }
    }
    Ok(writer)
}

/// Reads a prefix and what follows it; gives the version too. Bytes behind that are left alone, as Kafka leaves them.
///
/// Without a prefix the version is the newest.
///
/// # Errors
/// When the bytes hold something else, or a version that is not known here.
pub fn from_bytes<S: Schema>(bytes: Bytes) -> Result<(S, i16), DecodeError> {
    let mut reader = Reader::new(bytes);
    let version = read_prefix(&mut reader, S::NAME, S::PREFIX, S::VERSIONS)?;
    Ok((decode(&mut reader, version)?, version))
}

/// The version of what follows the prefix.
pub(crate) fn read_prefix(
    reader: &mut Reader,
    name: &'static str,
    prefix: Prefix,
    versions: Versions,
) -> Result<i16, DecodeError> {
    let check_number = |reader: &Reader, expected, number| {
        if number == expected {
            return Ok(());
        }
        Err(reader.fail(DecodeReason::Type { name, number }))
    };
    let version = match prefix {
        Prefix::Nothing => versions.max,
        Prefix::Version | Prefix::Value(_) => reader.i16()?,
        Prefix::Key(expected) => {
            let number = reader.i16()?;
            check_number(reader, expected, number)?;
            0
        }
        Prefix::Frame(expected) => {
            let (number, version) = frame(reader)?;
            check_number(reader, expected, number)?;
            version
        }
    };
    if !versions.contains(version) {
        return Err(reader.fail(DecodeReason::Version { name, version }));
    }
    Ok(version)
}

/// Reads a value of `version`, before which there is no prefix any more.
///
/// # Errors
/// When the bytes hold none.
pub fn decode<S: Schema>(reader: &mut Reader, version: i16) -> Result<S, DecodeError> {
    S::decode(reader, Cx::new(version, version >= S::FLEXIBLE))
}

/// The type that the key of a coordinator's record names.
pub fn key_number(key: &[u8]) -> Option<i16> {
    key.first_chunk().map(|bytes| i16::from_be_bytes(*bytes))
}

/// The type and version that stand in front of a record of a metadata log.
///
/// # Errors
/// When the frame is cut or of another kind.
pub fn frame_number(record: &Bytes) -> Result<(i16, i16), DecodeError> {
    frame(&mut Reader::new(record.clone()))
}

fn frame(reader: &mut Reader) -> Result<(i16, i16), DecodeError> {
    let frame_version = reader.unsigned_varint()?;
    if frame_version != FRAME_VERSION {
        return Err(reader.fail(DecodeReason::Frame(frame_version)));
    }
    let mut part = || {
        let part = reader.unsigned_varint()?;
        i16::try_from(part).map_err(|_| reader.fail(DecodeReason::Varint))
    };
    Ok((part()?, part()?))
}

//! Messages that no API carries: what lies in topics and files, or travels inside of other messages.
//!
//! Such bytes have to say themselves what they are; [`Prefix`] tells how.

use crate::api::{EachApi, Request, Versions, each_api};
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

/// Something to be done for every schema with its type at hand.
pub trait EachSchema {
    /// One schema.
    fn schema<S: Schema>(&mut self);
}

macro_rules! schemas {
    ($($module:ident: $($schema:ident)*;)*) => {
        /// Calls `each` for every schema.
        pub fn each_schema(each: &mut impl EachSchema) {
            $($(each.schema::<$module::$schema>();)*)*
        }
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
    if !S::VERSIONS.contains(version) {
        return Err(EncodeError::new(EncodeReason::Version { name: S::NAME, version }));
    }
    let mut writer = Writer::default();
    match S::PREFIX {
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
    value.encode(&mut writer, Cx::new(version, version >= S::FLEXIBLE))?;
    Ok(writer.into_bytes())
}

/// Reads a prefix and what follows it; gives the version too. Bytes behind that are left alone, as Kafka leaves them.
///
/// Without a prefix the version is the newest.
///
/// # Errors
/// When the bytes hold something else, or a version that is not known here.
pub fn from_bytes<S: Schema>(bytes: Bytes) -> Result<(S, i16), DecodeError> {
    let mut reader = Reader::new(bytes);
    let version = match S::PREFIX {
        Prefix::Nothing => S::VERSIONS.max,
        Prefix::Version | Prefix::Value(_) => reader.i16()?,
        Prefix::Key(expected) => {
            let number = reader.i16()?;
            check_number::<S>(&reader, expected, number)?;
            0
        }
        Prefix::Frame(expected) => {
            let (number, version) = frame(&mut reader)?;
            check_number::<S>(&reader, expected, number)?;
            version
        }
    };
    if !S::VERSIONS.contains(version) {
        return Err(reader.fail(DecodeReason::Version { name: S::NAME, version }));
    }
    Ok((decode(&mut reader, version)?, version))
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

fn check_number<S: Schema>(reader: &Reader, expected: i16, number: i16) -> Result<(), DecodeError> {
    if number == expected {
        return Ok(());
    }
    Err(reader.fail(DecodeReason::Type { name: S::NAME, number }))
}

/// What is fixed about a message, without its type.
#[derive(Clone, Debug)]
pub struct About {
    /// Kafka's name, such as `FetchRequest`.
    pub name: String,
    /// The number of the API or of the type of record, if it has one.
    pub number: Option<i16>,
    /// Every version.
    pub versions: Versions,
    /// The first flexible version.
    pub flexible: i16,
    /// The newest version that is not unstable.
    pub stable: i16,
}

impl About {
    /// The context of the message at `version`.
    pub fn cx(&self, version: i16) -> Cx {
        Cx::new(version, version >= self.flexible)
    }
}

/// Something to be done for every message, of an API or not, with its type at hand.
pub trait EachMessage {
    /// One message.
    fn message<M: Message>(&mut self, about: &About);
}

/// Calls `each` for every request, response and schema.
pub fn each_message(each: &mut impl EachMessage) {
    struct Both<'a, E>(&'a mut E);
    impl<E: EachMessage> EachApi for Both<'_, E> {
        fn api<R: Request>(&mut self) {
            let mut about = About {
                name: format!("{}Request", R::NAME),
                number: Some(R::KEY.0),
                versions: R::VERSIONS,
                flexible: R::FLEXIBLE,
                stable: R::stable().max,
            };
            self.0.message::<R>(&about);
            about.name = format!("{}Response", R::NAME);
            self.0.message::<R::Response>(&about);
        }
    }
    impl<E: EachMessage> EachSchema for Both<'_, E> {
        fn schema<S: Schema>(&mut self) {
            self.0.message::<S>(&About {
                name: S::NAME.to_owned(),
                number: S::PREFIX.number(),
                versions: S::VERSIONS,
                flexible: S::FLEXIBLE,
                stable: S::VERSIONS.max,
            });
        }
    }
    each_api(&mut Both(each));
    each_schema(&mut Both(each));
}

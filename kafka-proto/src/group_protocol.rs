//! What the members of a classic group tell each other by way of the coordinator, which does not read it.
//!
//! Bytes begin with their version. A newer one than is known here is read as the newest that is, and what follows is
//! left unread: fields are only ever added at the end.

use crate::schema::{self, Schema, schema};
use crate::wire::{DecodeError, DecodeReason, EncodeError, Reader, prelude::*};
use bytes::Bytes;

schema!(Subscription as ConsumerProtocolSubscription, version, versions 0..=3);
schema!(Assignment as ConsumerProtocolAssignment, version, versions 0..=3);
wire! {
    /// What a member wants, in JoinGroup.
    pub struct Subscription {
        topics: Vec<Arc<str>>,
        /// For the assignor; its meaning is the assignor's.
        user_data: Option<Bytes> = None,
        /// What the member holds, for the sticky assignors.
        owned_partitions: Vec<TopicPartition>       [1.., drop],
        /// The generation in which it came to hold them; -1 when it does not know.
        generation_id: i32                          [2.., drop] = -1,
        rack_id: Option<Arc<str>>                   [3.., drop] = None,
    }

    /// Partitions of one topic.
    pub struct TopicPartition { topic: Arc<str>, partitions: Vec<i32> }

    /// What a member gets, in SyncGroup.
    pub struct Assignment {
        assigned_partitions: Vec<TopicPartition>,
        /// From the assignor.
        user_data: Option<Bytes> = None,
    }
}

/// The bytes of a [`Subscription`] or [`Assignment`] at `version`.
///
/// # Errors
/// When there is no such version, or the value is too long for the format.
pub fn to_bytes<S: Schema>(value: &S, version: i16) -> Result<Bytes, EncodeError> {
    schema::to_bytes(value, version)
}

/// Reads a [`Subscription`] or [`Assignment`] of any version from 0 on.
///
/// # Errors
/// When the bytes hold none.
pub fn from_bytes<S: Schema>(bytes: Bytes) -> Result<S, DecodeError> {
    let mut reader = Reader::new(bytes);
    let version = reader.i16()?;
    if version < S::VERSIONS.min {
        return Err(reader.fail(DecodeReason::Version { name: S::NAME, version }));
    }
    schema::decode(&mut reader, version.min(S::VERSIONS.max))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_newer_version_is_read_as_the_newest() {
        let owned = TopicPartition { topic: "t".into(), partitions: vec![1, 2] };
        let sent = Subscription {
            topics: vec!["t".into()],
            owned_partitions: vec![owned],
            generation_id: 5,
            ..Default::default()
        };
        let mut bytes = to_bytes(&sent, 3).unwrap().to_vec();
        assert_eq!(from_bytes::<Subscription>(bytes.clone().into()).unwrap(), sent);
        bytes[1] = 9;
        bytes.extend_from_slice(b"more");
        assert_eq!(from_bytes::<Subscription>(bytes.clone().into()).unwrap(), sent);
        bytes[0] = 0xff;
        let error = from_bytes::<Subscription>(bytes.into()).unwrap_err().to_string();
        assert_eq!(error, "ConsumerProtocolSubscription has no version -247 here at byte 2");
    }
}

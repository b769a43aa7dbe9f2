//! `kafka-proto` and the crate `kafka-protocol` side by side, each with the same message.

use bytes::{Bytes, BytesMut};
use kafka_proto::api::{Request, Versions};
use kafka_proto::wire::{Cx, Message, to_bytes};
use kafka_protocol::messages::{ApiKey, RequestKind, ResponseKind};

/// What `kafka-protocol` calls the API; `None` where it does not know it.
#[must_use]
pub fn theirs<R: Request>() -> Option<ApiKey> {
    ApiKey::try_from(R::KEY.0).ok()
}

/// The versions that both speak.
#[must_use]
pub fn overlap<R: Request>() -> Option<Versions> {
    let theirs = theirs::<R>()?.valid_versions();
    let ours = R::VERSIONS;
    let both = Versions { min: ours.min.max(theirs.min), max: ours.max.min(theirs.max) };
    (both.min <= both.max).then_some(both)
}

/// The bytes that `kafka-proto` writes.
///
/// # Panics
/// When the version cannot carry the message.
pub fn ours<R: Request, M: Message>(message: &M, version: i16) -> Bytes {
    to_bytes(message, Cx::new(version, R::is_flexible(version)))
        .unwrap_or_else(|error| panic!("{} {version}: {error}", R::NAME))
}

/// What `kafka-protocol` makes of the bytes of a request, written again.
///
/// # Errors
/// In its words.
pub fn request_again(key: ApiKey, bytes: &Bytes, version: i16) -> Result<Bytes, String> {
    let (mut from, mut to) = (bytes.clone(), BytesMut::new());
    let read = RequestKind::decode(key, &mut from, version).map_err(|e| e.to_string())?;
    read.encode(&mut to, version).map_err(|e| e.to_string())?;
    if from.is_empty() { Ok(to.freeze()) } else { Err(format!("{} bytes are left", from.len())) }
}

/// What `kafka-protocol` makes of the bytes of a response, written again.
///
/// # Errors
/// In its words.
pub fn response_again(key: ApiKey, bytes: &Bytes, version: i16) -> Result<Bytes, String> {
    let (mut from, mut to) = (bytes.clone(), BytesMut::new());
    let read = ResponseKind::decode(key, &mut from, version).map_err(|e| e.to_string())?;
    read.encode(&mut to, version).map_err(|e| e.to_string())?;
    if from.is_empty() { Ok(to.freeze()) } else { Err(format!("{} bytes are left", from.len())) }
}

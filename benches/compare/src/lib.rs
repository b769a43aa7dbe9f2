//! `kafka-proto` and the crate `kafka-protocol` side by side, each with the same message.

use bytes::{Bytes, BytesMut};
use kafka_proto::any::{AnyMessage, to_bytes};
use kafka_proto::api::{ApiInfo, Versions};
use kafka_proto::wire::Cx;
use kafka_protocol::messages::{ApiKey, RequestKind, ResponseKind};

/// What `kafka-protocol` calls the API; `None` where it does not know it.
#[must_use]
pub fn theirs(api: &ApiInfo) -> Option<ApiKey> {
    ApiKey::try_from(api.key.0).ok()
}

/// The versions that both speak.
#[must_use]
pub fn overlap(api: &ApiInfo) -> Option<Versions> {
    let theirs = theirs(api)?.valid_versions();
    let ours = api.versions;
    let both = Versions { min: ours.min.max(theirs.min), max: ours.max.min(theirs.max) };
    (both.min <= both.max).then_some(both)
}

/// The bytes that `kafka-proto` writes.
///
/// # Panics
/// When the version cannot carry the message.
pub fn ours(message: &dyn AnyMessage, cx: Cx) -> Bytes {
    to_bytes(message, cx).unwrap_or_else(|error| panic!("{message:?} {}: {error}", cx.version))
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

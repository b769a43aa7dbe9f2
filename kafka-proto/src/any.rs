//! Messages whose type is chosen at run time: by a frame's header, a record's key, or a name that a person typed.
//!
//! A [`MessageType`] stands for a type, a `Box<dyn AnyMessage>` for a value of it. Who goes over all messages gets by
//! without code of its own for each of them.

use crate::api::{APIS, ApiInfo, Request, Versions};
use crate::frame::{self, FIRST, Frame};
use crate::schema::{self, Prefix, SCHEMAS, Schema};
use crate::wire::{Cx, DecodeError, DecodeReason, EncodeError, Message, Reader, Visit, Writer};
use bytes::Bytes;
use std::any::Any;
use std::fmt;
use std::sync::Arc;

/// A message of a type that only it knows. Every [`Message`] is one.
pub trait AnyMessage: Visit + fmt::Debug + Send + Sync + Any {
    /// As [`Wire::encode`](crate::wire::Wire::encode).
    ///
    /// # Errors
    /// As there.
    fn write(&self, writer: &mut Writer, cx: Cx) -> Result<(), EncodeError>;

    /// As [`Clone::clone`].
    fn copy(&self) -> Box<dyn AnyMessage>;

    /// Whether `other` is of the same type and equal.
    fn same(&self, other: &dyn AnyMessage) -> bool;
}

impl<M: Message> AnyMessage for M {
    fn write(&self, writer: &mut Writer, cx: Cx) -> Result<(), EncodeError> {
        self.encode(writer, cx)
    }

    fn copy(&self) -> Box<dyn AnyMessage> {
        Box::new(self.clone())
    }

    fn same(&self, other: &dyn AnyMessage) -> bool {
        (other as &dyn Any).downcast_ref() == Some(self)
    }
}

impl Clone for Box<dyn AnyMessage> {
    fn clone(&self) -> Self {
        (**self).copy()
    }
}

impl PartialEq for dyn AnyMessage {
    fn eq(&self, other: &Self) -> bool {
        self.same(other)
    }
}

/// The bytes of `message` alone, without any header.
///
/// # Errors
/// When `cx` cannot carry it.
pub fn to_bytes(message: &dyn AnyMessage, cx: Cx) -> Result<Bytes, EncodeError> {
    let mut writer = Writer::default();
    message.write(&mut writer, cx)?;
    Ok(writer.into_bytes())
}

/// The type of a message.
#[derive(Clone, Copy, Debug)]
pub struct MessageType {
    /// Kafka's name, such as `FetchRequest`.
    pub name: &'static str,
    /// The number of the API or of the type of record, if it has one.
    pub number: Option<i16>,
    /// What stands in front of it where it is stored; `None` of one that travels in a frame.
    pub prefix: Option<Prefix>,
    /// Every version.
    pub versions: Versions,
    /// The first flexible version; past all versions where there is none.
    pub flexible: i16,
    /// The newest version that is not unstable.
    pub stable: i16,
    initial: fn() -> Box<dyn AnyMessage>,
    decode: Decode,
}

type Decode = fn(&mut Reader, Cx) -> Result<Box<dyn AnyMessage>, DecodeError>;

fn initial<M: Message>() -> Box<dyn AnyMessage> {
    Box::new(M::default())
}

fn decode<M: Message>(reader: &mut Reader, cx: Cx) -> Result<Box<dyn AnyMessage>, DecodeError> {
    Ok(Box::new(M::decode(reader, cx)?))
}

impl MessageType {
    const fn of_api<R: Request, M: Message>(name: &'static str) -> Self {
        Self {
            name,
            number: Some(R::KEY.0),
            prefix: None,
            versions: R::VERSIONS,
            flexible: R::FLEXIBLE,
            stable: ApiInfo::of::<R>().stable.max,
            initial: initial::<M>,
            decode: decode::<M>,
        }
    }

    pub(crate) const fn of_schema<S: Schema>() -> Self {
        Self {
            name: S::NAME,
            number: S::PREFIX.number(),
            prefix: Some(S::PREFIX),
            versions: S::VERSIONS,
            flexible: S::FLEXIBLE,
            stable: S::VERSIONS.max,
            initial: initial::<S>,
            decode: decode::<S>,
        }
    }

    /// The context of a message of `version`.
    pub const fn cx(&self, version: i16) -> Cx {
        Cx::new(version, version >= self.flexible)
    }

    /// A message that holds the defaults.
    #[must_use]
    pub fn initial(&self) -> Box<dyn AnyMessage> {
        (self.initial)()
    }

    /// Reads a message of `version`.
    ///
    /// # Errors
    /// When the bytes hold none, or there is no such version.
    pub fn decode(
        &self,
        reader: &mut Reader,
        version: i16,
    ) -> Result<Box<dyn AnyMessage>, DecodeError> {
        if !self.versions.contains(version) {
            return Err(reader.fail(DecodeReason::Version { name: self.name, version }));
        }
        (self.decode)(reader, self.cx(version))
    }
}

/// As it lies in a topic or a file. That a message is of this type is for the caller to know.
impl MessageType {
    /// As [`schema::to_bytes`].
    ///
    /// # Errors
    /// As there.
    pub fn to_stored(&self, message: &dyn AnyMessage, version: i16) -> Result<Bytes, EncodeError> {
        let mut writer = schema::behind_prefix(self.name, self.stored(), self.versions, version)?;
        message.write(&mut writer, self.cx(version))?;
        Ok(writer.into_bytes())
    }

    /// As [`schema::from_bytes`].
    ///
    /// # Errors
    /// As there.
    pub fn from_stored(&self, bytes: Bytes) -> Result<(Box<dyn AnyMessage>, i16), DecodeError> {
        let mut reader = Reader::new(bytes);
        let version = schema::read_prefix(&mut reader, self.name, self.stored(), self.versions)?;
        Ok((self.decode(&mut reader, version)?, version))
    }

    fn stored(&self) -> Prefix {
        self.prefix.unwrap_or(Prefix::Nothing)
    }
}

/// An API with its two messages.
#[derive(Clone, Copy, Debug)]
pub struct ApiType {
    /// What is fixed about it.
    pub info: ApiInfo,
    /// What asks.
    pub request: MessageType,
    /// What answers.
    pub response: MessageType,
}

/// As the functions of [`frame`]. That a message is of the API's type is for the caller to know.
impl ApiType {
    pub(crate) const fn of<R: Request>() -> Self {
        Self {
            info: ApiInfo::of::<R>(),
            request: MessageType::of_api::<R, R>(R::NAMES[0]),
            response: MessageType::of_api::<R, R::Response>(R::NAMES[1]),
        }
    }

    /// One request as a frame.
    ///
    /// # Errors
    /// When the version cannot carry the request.
    pub fn encode_request(
        &self,
        request: &dyn AnyMessage,
        version: i16,
        correlation_id: i32,
        client_id: Option<&Arc<str>>,
    ) -> Result<Frame, EncodeError> {
        let body = |writer: &mut Writer, cx: Cx| request.write(writer, cx);
        frame::write_request(&self.info, version, correlation_id, client_id, body)
    }

    /// One response as a frame.
    ///
    /// # Errors
    /// When the version cannot carry the response.
    pub fn encode_response(
        &self,
        response: &dyn AnyMessage,
        version: i16,
        correlation_id: i32,
    ) -> Result<Frame, EncodeError> {
        let body = |writer: &mut Writer, cx: Cx| response.write(writer, cx);
        let writer = Writer::with_capacity(FIRST);
        frame::write_response(writer, &self.info, version, correlation_id, body)
    }

    /// The body of a request.
    ///
    /// # Errors
    /// When the bytes hold no such request.
    pub fn decode_request(
        &self,
        body: Bytes,
        version: i16,
    ) -> Result<Box<dyn AnyMessage>, DecodeError> {
        frame::read_request(body, &self.info, version, self.request.decode)
    }

    /// A response, without its length prefix: its correlation id and body.
    ///
    /// # Errors
    /// When the bytes hold no such response.
    pub fn decode_response(
        &self,
        frame: Bytes,
        version: i16,
    ) -> Result<(i32, Box<dyn AnyMessage>), DecodeError> {
        frame::read_response(frame, &self.info, version, self.response.decode)
    }
}

/// The type of every message: requests, responses and schemas.
pub fn messages() -> impl Iterator<Item = &'static MessageType> {
    let of_apis = APIS.iter().flat_map(|api| [&api.request, &api.response]);
    of_apis.chain(SCHEMAS)
}

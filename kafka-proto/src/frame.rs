//! What travels on a connection: a length, a header, a message.
//!
//! A frame to be sent is a list of slices, so that record batches go to the socket from where they lie. Reading is
//! splitting the received bytes; cutting the stream into frames is the shell's work.

use crate::api::{ApiInfo, ApiKey, Request};
use crate::records::{FileRange, Records};
use crate::wire::{Cx, DecodeError, DecodeReason, EncodeError, EncodeReason, Reader, Wire, Writer};
use bytes::{Buf, Bytes};
use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::sync::Arc;

/// Largest frame that a broker takes by default, in bytes (`socket.request.max.bytes`).
pub const DEFAULT_MAX_FRAME: usize = 104_857_600;

/// Room for most messages without payloads, before it has to grow.
pub(crate) const FIRST: usize = 1024;

/// A piece of a frame.
#[derive(Clone, Debug)]
pub(crate) enum Piece {
    Bytes(Bytes),
    /// To be sent from the file.
    File(FileRange),
}

impl Piece {
    fn len(&self) -> usize {
        match self {
            Self::Bytes(bytes) => bytes.len(),
            Self::File(range) => range.len,
        }
    }

    fn advance(&mut self, sent: usize) {
        match self {
            Self::Bytes(bytes) => bytes.advance(sent),
            Self::File(range) => {
                range.offset += sent as u64;
                range.len -= sent;
            }
        }
    }
}

/// Bytes on their way to a socket, with their length in front.
#[derive(Clone, Debug, Default)]
pub struct Frame {
    pieces: VecDeque<Piece>,
    len: usize,
}

impl Frame {
    fn from_writer(mut writer: Writer) -> Result<Self, EncodeError> {
        writer.patch_frame_length()?;
        let len = writer.len();
        Ok(Self { pieces: writer.into_pieces().into(), len })
    }

    /// Bytes still to be sent.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether all is sent.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The pieces still to be sent that are in memory, in order.
    pub fn pieces(&self) -> impl Iterator<Item = &Bytes> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Bytes(bytes) => Some(bytes),
            Piece::File(_) => None,
        })
    }

    /// Fills `slices` from the front with what is to be sent next, up to a piece that is in a file; returns how many
    /// were filled.
    pub fn fill<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let mut filled = 0;
        for (slot, piece) in slices.iter_mut().zip(&self.pieces) {
            let Piece::Bytes(bytes) = piece else { break };
            *slot = IoSlice::new(bytes);
            filled += 1;
        }
        filled
    }

    /// What is to be sent next, if it is in a file.
    pub fn file(&self) -> Option<&FileRange> {
        match self.pieces.front() {
            Some(Piece::File(range)) => Some(range),
            _ => None,
        }
    }

    /// Whether a piece is in a file.
    pub fn has_files(&self) -> bool {
        self.pieces.iter().any(|piece| matches!(piece, Piece::File(_)))
    }

    /// Notes that the first `sent` bytes are gone; returns how many of them belonged to later frames.
    pub fn advance(&mut self, sent: usize) -> usize {
        let mut left = sent;
        while let Some(front) = self.pieces.front_mut() {
            if left < front.len() {
                front.advance(left);
                self.len -= sent;
                return 0;
            }
            left -= front.len();
            self.pieces.pop_front();
        }
        self.len = 0;
        left
    }

    /// Leaves no more than the first `len` bytes: for tests of who reads it, since its length prefix stays.
    pub fn truncate(&mut self, len: usize) {
        while self.len > len {
            let Some(last) = self.pieces.back_mut() else { break };
            let excess = self.len - len;
            if last.len() <= excess {
                self.len -= last.len();
                self.pieces.pop_back();
                continue;
            }
            self.len = len;
            match last {
                Piece::Bytes(bytes) => bytes.truncate(bytes.len() - excess),
                Piece::File(range) => range.len -= excess,
            }
        }
    }

    /// Everything in one piece, copied if there are several; of a frame without pieces in files.
    #[must_use]
    pub fn into_bytes(mut self) -> Bytes {
        if self.pieces.len() == 1
            && let Some(Piece::Bytes(whole)) = self.pieces.pop_front()
        {
            return whole;
        }
        let mut whole = Vec::with_capacity(self.len);
        self.pieces().for_each(|piece| whole.extend_from_slice(piece));
        whole.into()
    }

    /// Everything in one piece, with what is in files read from there.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn read(mut self) -> io::Result<Bytes> {
        for piece in &mut self.pieces {
            if let Piece::File(range) = piece {
                *piece = Piece::Bytes(Records::File(range.clone()).to_bytes()?);
            }
        }
        Ok(self.into_bytes())
    }
}

/// What precedes a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestHeader {
    /// Which API is asked.
    pub api_key: ApiKey,
    /// Version of request and response.
    pub version: i16,
    /// Comes back with the response.
    pub correlation_id: i32,
    /// The `client.id` of who asks.
    pub client_id: Option<Arc<str>>,
}

/// Kafka's string of a 16-bit length, whatever the header's version.
const CLIENT_ID: Cx = Cx { version: 0, flexible: false, nullable: true, tagged: false };

/// The first version of request headers that end in tagged fields: that of flexible requests.
const FLEXIBLE_REQUEST_HEADER: i16 = 2;

/// The first version of response headers that end in tagged fields.
const FLEXIBLE_RESPONSE_HEADER: i16 = 1;

impl RequestHeader {
    /// Appends the header in its version 1, or in version 2, which flexible requests have.
    ///
    /// # Errors
    /// When the client id is too long.
    pub fn write(&self, writer: &mut Writer, header_version: i16) -> Result<(), EncodeError> {
        let Self { api_key, version, correlation_id, .. } = *self;
        write_request_header(writer, api_key, version, correlation_id, self.client_id.as_ref())?;
        if header_version >= FLEXIBLE_REQUEST_HEADER {
            writer.unsigned_varint(0);
        }
        Ok(())
    }

    /// Reads a header of version 1 or 2, whatever API it names.
    ///
    /// # Errors
    /// When the bytes hold none.
    pub fn read(reader: &mut Reader, header_version: i16) -> Result<Self, DecodeError> {
        let mut header = Self::read_fixed(reader)?;
        header.read_rest(reader, header_version)?;
        Ok(header)
    }

    fn read_rest(&mut self, reader: &mut Reader, header_version: i16) -> Result<(), DecodeError> {
        self.client_id = Option::decode(reader, CLIENT_ID).map_err(|e| e.within("client_id"))?;
        if header_version >= FLEXIBLE_REQUEST_HEADER {
            reader.tagged_fields(|_, _| Ok(false))?;
        }
        Ok(())
    }

    /// The part that every version has.
    fn read_fixed(reader: &mut Reader) -> Result<Self, DecodeError> {
        Ok(Self {
            api_key: ApiKey(reader.i16()?),
            version: reader.i16()?,
            correlation_id: reader.i32()?,
            client_id: None,
        })
    }
}

fn write_request_header(
    writer: &mut Writer,
    key: ApiKey,
    version: i16,
    correlation_id: i32,
    client_id: Option<&Arc<str>>,
) -> Result<(), EncodeError> {
    writer.i16(key.0);
    writer.i16(version);
    writer.i32(correlation_id);
    match client_id {
        Some(client_id) => client_id.encode(writer, CLIENT_ID),
        None => <Arc<str>>::encode_null(writer, CLIENT_ID),
    }
}

/// Appends the header of a response: its correlation id, in version 0 or 1.
pub fn write_response_header(writer: &mut Writer, correlation_id: i32, header_version: i16) {
    writer.i32(correlation_id);
    if header_version >= FLEXIBLE_RESPONSE_HEADER {
        writer.unsigned_varint(0);
    }
}

/// Reads the header of a response, of version 0 or 1: its correlation id.
///
/// # Errors
/// When the bytes hold none.
pub fn read_response_header(reader: &mut Reader, header_version: i16) -> Result<i32, DecodeError> {
    let correlation_id = reader.i32()?;
    if header_version >= FLEXIBLE_RESPONSE_HEADER {
        reader.tagged_fields(|_, _| Ok(false))?;
    }
    Ok(correlation_id)
}

/// One request as a frame.
///
/// # Errors
/// When the version cannot carry the request.
pub fn encode_request<R: Request>(
    request: &R,
    version: i16,
    correlation_id: i32,
    client_id: Option<&Arc<str>>,
) -> Result<Frame, EncodeError> {
    let body = |writer: &mut Writer, cx: Cx| request.encode(writer, cx);
    write_request(&ApiInfo::of::<R>(), version, correlation_id, client_id, body)
}

pub(crate) fn write_request(
    api: &ApiInfo,
    version: i16,
    correlation_id: i32,
    client_id: Option<&Arc<str>>,
    body: impl FnOnce(&mut Writer, Cx) -> Result<(), EncodeError>,
) -> Result<Frame, EncodeError> {
    let cx = checked(api, version)?;
    let mut writer = Writer::with_capacity(FIRST);
    writer.i32(0);
    write_request_header(&mut writer, api.key, version, correlation_id, client_id)?;
    if cx.flexible {
        writer.unsigned_varint(0);
    }
    body(&mut writer, cx)?;
    Frame::from_writer(writer)
}

/// One response as a frame.
///
/// # Errors
/// When the version cannot carry the response.
pub fn encode_response<R: Request>(
    response: &R::Response,
    version: i16,
    correlation_id: i32,
) -> Result<Frame, EncodeError> {
    let body = |writer: &mut Writer, cx: Cx| response.encode(writer, cx);
    write_response(Writer::with_capacity(FIRST), &ApiInfo::of::<R>(), version, correlation_id, body)
}

/// One response as a frame, in which large records that lie in files stay there: for whoever sends from files.
///
/// # Errors
/// When the version cannot carry the response.
pub fn encode_response_with_files<R: Request>(
    response: &R::Response,
    version: i16,
    correlation_id: i32,
) -> Result<Frame, EncodeError> {
    let writer = Writer::with_capacity(FIRST).lending_files();
    let body = |writer: &mut Writer, cx: Cx| response.encode(writer, cx);
    write_response(writer, &ApiInfo::of::<R>(), version, correlation_id, body)
}

pub(crate) fn write_response(
    mut writer: Writer,
    api: &ApiInfo,
    version: i16,
    correlation_id: i32,
    body: impl FnOnce(&mut Writer, Cx) -> Result<(), EncodeError>,
) -> Result<Frame, EncodeError> {
    let cx = checked(api, version)?;
    writer.i32(0);
    write_response_header(&mut writer, correlation_id, response_header_version(api, cx));
    body(&mut writer, cx)?;
    Frame::from_writer(writer)
}

/// Splits a request, without its length prefix, into header and body.
///
/// Of an API or version that this crate does not know, the fixed part of the header is read and the rest left to the
/// body, so that the caller can say what it was.
///
/// # Errors
/// When the bytes hold no request header.
pub fn decode_request_header(frame: &Bytes) -> Result<(RequestHeader, Bytes), DecodeError> {
    let mut reader = Reader::new(frame.clone());
    let mut header = RequestHeader::read_fixed(&mut reader)?;
    if let Some(info) = header.api_key.info()
        && header.version >= 0
    {
        let flexible = header.version >= info.flexible;
        header.read_rest(&mut reader, FLEXIBLE_REQUEST_HEADER - i16::from(!flexible))?;
    }
    Ok((header, reader.rest()))
}

/// The body of a request. What follows it is dropped, as Apache Kafka does: librdkafka 2.16 sends three bytes too many
/// when it asks for all topics.
///
/// # Errors
/// When the bytes hold no such request.
pub fn decode_request<R: Request>(body: Bytes, version: i16) -> Result<R, DecodeError> {
    read_request(body, &ApiInfo::of::<R>(), version, R::decode)
}

pub(crate) fn read_request<M>(
    body: Bytes,
    api: &ApiInfo,
    version: i16,
    read: impl FnOnce(&mut Reader, Cx) -> Result<M, DecodeError>,
) -> Result<M, DecodeError> {
    let mut reader = Reader::new(body);
    let cx = known(api, version, &reader)?;
    read(&mut reader, cx)
}

/// A response, without its length prefix: its correlation id and body.
///
/// # Errors
/// When the bytes hold no such response.
pub fn decode_response<R: Request>(
    frame: Bytes,
    version: i16,
) -> Result<(i32, R::Response), DecodeError> {
    read_response(frame, &ApiInfo::of::<R>(), version, R::Response::decode)
}

pub(crate) fn read_response<M>(
    frame: Bytes,
    api: &ApiInfo,
    version: i16,
    body: impl FnOnce(&mut Reader, Cx) -> Result<M, DecodeError>,
) -> Result<(i32, M), DecodeError> {
    let mut reader = Reader::new(frame);
    let cx = known(api, version, &reader)?;
    let correlation_id = read_response_header(&mut reader, response_header_version(api, cx))?;
    let body = body(&mut reader, cx)?;
    reader.finish()?;
    Ok((correlation_id, body))
}

/// The context of bodies of `version`, that is about to be written.
fn checked(api: &ApiInfo, version: i16) -> Result<Cx, EncodeError> {
    let name = api.name;
    let unknown = || EncodeError::new(EncodeReason::Version { name, version });
    api.cx(version).ok_or_else(unknown)
}

/// As [`checked`], of one that is about to be read.
fn known(api: &ApiInfo, version: i16, reader: &Reader) -> Result<Cx, DecodeError> {
    let name = api.name;
    let unknown = || reader.fail(DecodeReason::Version { name, version });
    api.cx(version).ok_or_else(unknown)
}

/// A client reads the answer to ApiVersions before it knows what the broker speaks, so its header never changed.
fn response_header_version(api: &ApiInfo, cx: Cx) -> i16 {
    i16::from(cx.flexible && api.key != ApiKey::API_VERSIONS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::messages::{fetch, produce};

    fn request(len: usize) -> produce::Request {
        requests(len, 2)
    }

    fn requests(len: usize, partitions: usize) -> produce::Request {
        let records = Some(Records::Bytes(vec![7; len].into()));
        let partition = produce::PartitionProduceData { index: 3, records };
        let topic = produce::TopicProduceData {
            name: "orders".into(),
            partition_data: vec![partition; partitions],
            ..Default::default()
        };
        produce::Request { acks: -1, topic_data: vec![topic], ..Default::default() }
    }

    #[test]
    fn payloads_join_by_copy_or_by_reference_and_come_back() {
        // Large ones by reference; of many small ones, 16 KiB at most are copied together.
        for (len, partitions, pieces) in [
            (0, 2, 1),
            (1, 2, 1),
            (4095, 2, 1),
            (4096, 2, 5),
            (100_000, 2, 5),
            (4095, 3, 1),
            (4095, 4, 2),
            (4095, 9, 3),
        ] {
            let sent = requests(len, partitions);
            let frame = encode_request(&sent, 9, 42, Some(&"me".into())).unwrap();
            assert_eq!(frame.pieces().count(), pieces, "{partitions} of {len} bytes");
            let bytes = frame.into_bytes();
            let prefix = i32::from_be_bytes(*bytes.first_chunk().unwrap());
            assert_eq!(usize::try_from(prefix).unwrap(), bytes.len() - 4);
            let (header, body) = decode_request_header(&bytes.slice(4..)).unwrap();
            assert_eq!((header.api_key, header.version), (ApiKey::PRODUCE, 9));
            assert_eq!(header.client_id.as_deref(), Some("me"));
            assert_eq!(decode_request::<produce::Request>(body, 9).unwrap(), sent);
        }
    }

    #[test]
    fn records_in_files_stay_there_until_they_are_sent() {
        let path = std::env::temp_dir().join(format!("frame-{}", std::process::id()));
        let content: Vec<u8> = (0..=u8::MAX).cycle().take(50_000).collect();
        std::fs::write(&path, &content).unwrap();
        let file = Arc::new(std::fs::File::open(&path).unwrap());
        std::fs::remove_file(&path).unwrap();
        let records = |offset, len| {
            let range = FileRange { file: Arc::clone(&file), offset, len };
            fetch::PartitionData { records: Some(Records::File(range)), ..Default::default() }
        };
        let topic = fetch::FetchableTopicResponse {
            partitions: vec![records(100, 40_000), records(7, 20), records(1, 30_000)],
            ..Default::default()
        };
        let response = fetch::Response { responses: vec![topic], ..Default::default() };
        let read = encode_response::<fetch::Request>(&response, 12, 3).unwrap();
        assert!(!read.has_files());
        let whole = read.into_bytes();
        let lent = encode_response_with_files::<fetch::Request>(&response, 12, 3).unwrap();
        assert!(lent.has_files());
        assert_eq!(lent.len(), whole.len());
        assert_eq!(lent.clone().read().unwrap(), whole);
        for step in [1000, 40_000, 1 << 20] {
            let (mut frame, mut sent) = (lent.clone(), Vec::new());
            while !frame.is_empty() {
                let mut slices = [IoSlice::new(&[]); 8];
                let next = match frame.file() {
                    Some(range) => Records::File(range.clone()).to_bytes().unwrap().to_vec(),
                    None => {
                        let filled = frame.fill(&mut slices);
                        slices[..filled].iter().flat_map(|slice| slice.to_vec()).collect()
                    }
                };
                let taken = step.min(next.len());
                sent.extend_from_slice(&next[..taken]);
                assert_eq!(frame.advance(taken), 0);
            }
            assert_eq!(sent, whole, "step {step}");
        }
    }

    #[test]
    fn a_frame_is_sent_in_any_steps() {
        let whole = encode_request(&request(5000), 9, 1, None).unwrap().into_bytes();
        for step in [1, 3, 4999, 5000, 5001, 1 << 20] {
            let mut frame = encode_request(&request(5000), 9, 1, None).unwrap();
            let mut sent = Vec::new();
            while !frame.is_empty() {
                let mut slices = [IoSlice::new(&[]); 8];
                let filled = frame.fill(&mut slices);
                let next: Vec<u8> = slices[..filled].iter().flat_map(|s| s.to_vec()).collect();
                let taken = step.min(next.len());
                sent.extend_from_slice(&next[..taken]);
                assert_eq!(frame.advance(taken), 0);
            }
            assert_eq!(sent, whole);
        }
    }

    #[test]
    fn a_frame_is_cut_anywhere() {
        let whole = encode_request(&request(5000), 9, 1, None).unwrap().into_bytes();
        for len in [0, 1, 3, 4999, 5050, whole.len() - 1, whole.len(), whole.len() + 1] {
            let mut frame = encode_request(&request(5000), 9, 1, None).unwrap();
            frame.truncate(len);
            assert_eq!(frame.len(), len.min(whole.len()));
            assert_eq!(frame.into_bytes(), whole[..len.min(whole.len())]);
        }
    }

    #[test]
    fn an_error_names_field_and_byte() {
        let bytes = encode_request(&request(100), 9, 1, None).unwrap().into_bytes();
        let (_, body) = decode_request_header(&bytes.slice(4..bytes.len() - 60)).unwrap();
        let error = decode_request::<produce::Request>(body, 9).unwrap_err();
        let text = error.to_string();
        assert!(
            text.starts_with(
                ".topic_data[0].partition_data[1].records: length 100 does not fit at"
            ),
            "{text}"
        );
    }

    #[test]
    fn a_field_that_the_version_lacks_is_not_lost_silently() {
        let mut sent = request(1);
        sent.topic_data[0].topic_id = crate::uuid::Uuid([1; 16]);
        assert!(encode_request(&sent, 9, 1, None).is_ok(), "Kafka ignores a topic id here");
        let error = encode_request(&sent, 99, 1, None).unwrap_err().to_string();
        assert_eq!(error, "Produce has no version 99 here");
    }
}

//! What every fuzz target does with the bytes that the fuzzer makes up. A panic is a find.
//!
//! What is read has to be written and read again as the same: by its bytes, as a NaN does not equal itself.

use kafka_proto::any::AnyMessage;
use kafka_proto::api::ApiKey;
use kafka_proto::bytes::Bytes;
use kafka_proto::frame::{self, Frame, RequestHeader};
use kafka_proto::records::{Batches, Compression, Decompressor};
use kafka_proto::settings::Properties;
use kafka_proto::wire::{EncodeError, EncodeReason};

/// Bytes that records may decompress to here.
const LIMIT: usize = 1 << 20;

/// The bytes of a request without its length.
pub fn requests(data: &[u8]) {
    let Ok((header, body)) = frame::decode_request_header(&Bytes::copy_from_slice(data)) else {
        return;
    };
    let RequestHeader { api_key, version, correlation_id, client_id } = header;
    let Some(api) = api_key.messages() else { return };
    let Ok(read) = api.decode_request(body, version) else { return };
    let write = |request: &dyn AnyMessage| {
        written(api.encode_request(request, version, correlation_id, client_id.as_ref()))
    };
    let Some(once) = write(&*read) else { return };
    let (_, body) = frame::decode_request_header(&once.slice(4..)).expect("our header");
    let again = api.decode_request(body, version).expect("our own bytes");
    assert_eq!(write(&*again), Some(once));
}

/// The number of an API, a version, and the bytes of a response without its length.
pub fn responses(data: &[u8]) {
    let Some((&[k0, k1, v0, v1], response)) = data.split_first_chunk() else { return };
    let (key, version) = (i16::from_be_bytes([k0, k1]), i16::from_be_bytes([v0, v1]));
    let Some(api) = ApiKey(key).messages() else { return };
    let Ok((id, read)) = api.decode_response(Bytes::copy_from_slice(response), version) else {
        return;
    };
    let write = |response: &dyn AnyMessage| written(api.encode_response(response, version, id));
    let Some(once) = write(&*read) else { return };
    let (_, again) = api.decode_response(once.slice(4..), version).expect("our own bytes");
    assert_eq!(write(&*again), Some(once));
}

/// What was read can be written, but for a string of bad bytes, each of which has become three.
fn written(frame: Result<Frame, EncodeError>) -> Option<Bytes> {
    match frame {
        Ok(frame) => Some(frame.into_bytes()),
        Err(error) if matches!(error.reason(), EncodeReason::TooLong(_)) => None,
        Err(error) => panic!("{error}"),
    }
}

/// A piece of a log, with batches of all formats.
pub fn batches(data: &[u8]) {
    let mut decompressor = Decompressor::new();
    for batch in Batches::with_legacy(Bytes::copy_from_slice(data)) {
        let Ok(batch) = batch else { return };
        let _ = batch.verify_crc();
        let Ok(open) = batch.open(&mut decompressor, LIMIT) else { continue };
        assert_eq!(open.records().count(), open.count());
        for record in &open {
            let headers = record.headers().map(|header| header.key().len());
            assert!(headers.count() == record.headers().len());
            let _ = (record.offset(), record.timestamp(), record.key(), record.value());
        }
    }
}

/// The number of a codec, and what it is said to have compressed.
pub fn compressed(data: &[u8]) {
    let Some((&codec, compressed)) = data.split_first() else { return };
    let codec = Compression::ALL[usize::from(codec) % Compression::ALL.len()];
    if let Ok(plain) = Decompressor::new().decompress(codec, compressed, LIMIT) {
        assert!(plain.len() <= LIMIT);
    }
}

/// Java's properties text.
pub fn properties(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        let _ = Properties::parse(text);
    }
}

//! Every message at every version: what is written is read again, and nothing is lost on the way unnoticed.
//!
//! Whether the bytes are Kafka's is the business of `golden`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "in tests a panic is how a check fails"
)]

use kafka_proto::any::{AnyMessage, MessageType, messages, to_bytes};
use kafka_proto::api::{APIS, Request};
use kafka_proto::messages::{api_versions, fetch, produce};
use kafka_proto::records::Records;
use kafka_proto::wire::json::{read_json, to_json};
use kafka_proto::wire::sample::draw;
use kafka_proto::wire::{
    Cx, DecodeReason, EncodeReason, Field, Reader, Value, VisitError, Visitor, Wire,
};
use kafka_proto::{bytes::Bytes, frame};

/// Calls `check` for every message at every version.
fn every(mut check: impl FnMut(&MessageType, &str, Cx)) {
    for of in messages() {
        for version in of.versions.min..=of.versions.max {
            check(of, &format!("{} v{version}", of.name), of.cx(version));
        }
    }
}

fn sample(of: &MessageType, seed: u64, version: i16) -> Box<dyn AnyMessage> {
    let mut message = of.initial();
    draw(&mut *message, seed, version);
    message
}

fn decode(of: &MessageType, bytes: Bytes, cx: Cx) -> Box<dyn AnyMessage> {
    let mut reader = Reader::new(bytes);
    let message = of.decode(&mut reader, cx.version).unwrap();
    reader.finish().unwrap();
    message
}

#[test]
fn samples_survive_bytes_and_json() {
    let mut survived = 0;
    every(|of, name, cx| {
        for seed in 0..40 {
            let sent = sample(of, seed, cx.version);
            let context = format!("{name}, seed {seed}");
            let bytes = to_bytes(&*sent, cx).expect(&context);
            assert_eq!(&*decode(of, bytes.clone(), cx), &*sent, "{context}");
            let json = to_json(&*sent, cx.version).expect(&context);
            let mut read = of.initial();
            read_json(&mut *read, &json, cx.version).expect(&context);
            assert_eq!(&*read, &*sent, "{context}");
            assert_eq!(to_bytes(&*read, cx).as_ref(), Ok(&bytes), "{context}");
            survived += 1;
        }
    });
    assert!(survived >= 40 * 2 * 16);
}

#[test]
fn samples_survive_frames() {
    let mut survived = 0;
    for api in APIS {
        for version in api.info.versions.min..=api.info.versions.max {
            let request = sample(&api.request, 1, version);
            let sent = api.encode_request(&*request, version, 7, Some(&"é".into())).unwrap();
            let (header, body) =
                frame::decode_request_header(&sent.into_bytes().slice(4..)).unwrap();
            assert_eq!((header.api_key, header.version), (api.info.key, version));
            assert_eq!((header.correlation_id, header.client_id.as_deref()), (7, Some("é")));
            assert_eq!(&*api.decode_request(body, version).unwrap(), &*request);

            let response = sample(&api.response, 2, version);
            let sent = api.encode_response(&*response, version, 9).unwrap();
            let read = api.decode_response(sent.into_bytes().slice(4..), version);
            let (correlation_id, read) = read.unwrap();
            assert_eq!((correlation_id, &*read), (9, &*response));
            survived += 1;
        }
    }
    assert!(survived > 100);
}

/// The same, with the type at hand.
#[test]
fn a_frame_is_the_same_whether_its_type_is_known_or_not() {
    fn check<R: Request>(version: i16) {
        let api = R::KEY.messages().unwrap();
        let request: R = kafka_proto::wire::sample::sample(1, version);
        let sent = frame::encode_request(&request, version, 7, None).unwrap().into_bytes();
        let any = api.encode_request(&request, version, 7, None).unwrap();
        assert_eq!(any.into_bytes(), sent);
        let (_, body) = frame::decode_request_header(&sent.slice(4..)).unwrap();
        assert_eq!(frame::decode_request::<R>(body, version).unwrap(), request);

        let response: R::Response = kafka_proto::wire::sample::sample(2, version);
        let sent = frame::encode_response::<R>(&response, version, 9).unwrap().into_bytes();
        let any = api.encode_response(&response, version, 9).unwrap();
        assert_eq!(any.into_bytes(), sent);
        let read = frame::decode_response::<R>(sent.slice(4..), version);
        assert_eq!(read.unwrap(), (9, response));
    }
    for version in 3..=13 {
        check::<produce::Request>(version);
    }
    for version in 0..=4 {
        check::<api_versions::Request>(version);
    }
}

/// Takes the fields that a version lacks, in messages where every array has an element: each of them alone is set, and
/// then either may be dropped or stops the encoder.
#[test]
fn a_field_that_the_version_lacks_is_refused_or_may_be_dropped() {
    let (mut refused, mut dropped) = (0, 0);
    every(|of, name, cx| {
        let mut filled = of.initial();
        filled.visit(&mut Fill(cx.version)).unwrap();
        for target in 0.. {
            let mut message = filled.clone();
            let mut poke = Poke { version: cx.version, until: target, poked: None };
            message.visit(&mut poke).unwrap();
            let Some(field) = poke.poked else { break };
            assert_ne!(&*message, &*filled, "{name}: {} was not set", field.name);
            let context = format!("{name}: {}", field.name);
            match to_bytes(&*message, cx) {
                Ok(bytes) => {
                    assert!(field.droppable, "{context} was lost");
                    assert_eq!(&*decode(of, bytes, cx), &*filled, "{context}");
                    assert!(to_json(&*message, cx.version).is_ok(), "{context}");
                    dropped += 1;
                }
                Err(error) => {
                    assert!(!field.droppable, "{context}: {error}");
                    let lost = EncodeReason::Lost { version: cx.version };
                    assert_eq!(error.reason(), &lost, "{context}");
                    assert!(error.path().ends_with(field.name), "{context}: {error}");
                    assert!(to_json(&*message, cx.version).is_err(), "{context}");
                    refused += 1;
                }
            }
        }
    });
    assert!(refused > 50 && dropped > 100);
}

#[test]
fn null_is_refused_where_the_version_does_not_allow_it() {
    let mut refused = 0;
    every(|of, name, cx| {
        let mut message = of.initial();
        let mut nulls = SetNulls { version: cx.version, set: 0 };
        message.visit(&mut nulls).unwrap();
        if nulls.set > 0 {
            let error = to_bytes(&*message, cx).expect_err(name);
            assert_eq!(error.reason(), &EncodeReason::Null, "{name}");
            assert!(to_json(&*message, cx.version).is_err(), "{name}");
            refused += 1;
        }
    });
    assert!(refused >= 1);
}

/// Kafka skips tagged fields that it does not know, and refuses those that it knows of other versions only.
#[test]
fn a_tagged_field_of_another_version_is_refused() {
    let request = fetch::Request {
        topics: vec![fetch::FetchTopic {
            partitions: vec![fetch::FetchPartition::default()],
            ..Default::default()
        }],
        ..Default::default()
    };
    let at = |version| {
        let cx = Cx::new(version, true);
        let mut bytes = to_bytes(&request, cx).unwrap().to_vec();
        // The last bytes count the tagged fields of partition and topic, forgotten topics, a name, tagged fields.
        let tags_at = bytes.len() - 5;
        assert_eq!(bytes[tags_at..], [0, 0, 1, 1, 0]);
        let high_watermark = [&[1, 1, 8][..], &7_i64.to_be_bytes()].concat();
        bytes.splice(tags_at..=tags_at, high_watermark);
        fetch::Request::decode(&mut Reader::new(bytes.into()), cx)
    };
    let read = at(18).unwrap();
    assert_eq!(read.topics[0].partitions[0].high_watermark, 7);
    let error = at(17).unwrap_err();
    assert_eq!(error.reason(), &DecodeReason::Tag { tag: 1, version: 17 });
    assert_eq!(error.path(), ".topics[0].partitions[0].high_watermark");
}

/// Gives every array of the version one element and every nullable value a value.
struct Fill(i16);

impl Visitor for Fill {
    fn field(&mut self, field: &Field, _: bool, value: Value<'_>) -> Result<(), VisitError> {
        if field.has(self.0) { fill(self, value) } else { Ok(()) }
    }
}

fn fill(visitor: &mut Fill, value: Value<'_>) -> Result<(), VisitError> {
    match value {
        Value::Struct(value) => value.visit(visitor),
        Value::Array(array) => {
            array.push_default();
            array.item(0).map_or(Ok(()), |item| fill(visitor, item))
        }
        Value::Nullable(value) => {
            value.set_null(false);
            value.present().map_or(Ok(()), |value| fill(visitor, value))
        }
        _ => Ok(()),
    }
}

/// Changes one field that the version lacks, the one after `until` others.
struct Poke {
    version: i16,
    until: usize,
    poked: Option<Field>,
}

impl Visitor for Poke {
    fn field(&mut self, field: &Field, blank: bool, value: Value<'_>) -> Result<(), VisitError> {
        if self.poked.is_some() {
            return Ok(());
        }
        if field.has(self.version) {
            return descend(self, value);
        }
        if self.until > 0 {
            self.until -= 1;
            return Ok(());
        }
        assert!(blank, "{} is set in a version that lacks it", field.name);
        self.poked = Some(*field);
        change(value)
    }
}

fn descend(visitor: &mut Poke, value: Value<'_>) -> Result<(), VisitError> {
    match value {
        Value::Struct(value) => value.visit(visitor),
        Value::Array(array) => array.item(0).map_or(Ok(()), |item| descend(visitor, item)),
        Value::Nullable(value) => value.present().map_or(Ok(()), |value| descend(visitor, value)),
        _ => Ok(()),
    }
}

fn change(value: Value<'_>) -> Result<(), VisitError> {
    match value {
        Value::Bool(v) => *v = !*v,
        Value::I8(v) => *v ^= 2,
        Value::I16(v) => *v ^= 2,
        Value::U16(v) => *v ^= 2,
        Value::I32(v) => *v ^= 2,
        Value::U32(v) => *v ^= 2,
        Value::I64(v) => *v ^= 2,
        Value::F64(v) => *v += 1.0,
        Value::Uuid(v) => v.0[15] ^= 2,
        Value::Str(v) => *v = "changed".into(),
        Value::Bytes(v) => *v = Bytes::from_static(b"changed"),
        Value::Records(v) => *v = Records::Bytes(Bytes::from_static(b"changed")),
        Value::Array(v) => v.push_default(),
        Value::Nullable(v) => v.set_null(!v.is_null()),
        Value::Struct(v) => {
            struct First(bool);
            impl Visitor for First {
                fn field(&mut self, _: &Field, _: bool, v: Value<'_>) -> Result<(), VisitError> {
                    if std::mem::replace(&mut self.0, false) { change(v) } else { Ok(()) }
                }
            }
            v.visit(&mut First(true))?;
        }
    }
    Ok(())
}

/// Nulls the fields of the message itself that may be null in other versions only.
struct SetNulls {
    version: i16,
    set: usize,
}

impl Visitor for SetNulls {
    fn field(&mut self, field: &Field, _: bool, value: Value<'_>) -> Result<(), VisitError> {
        if let Value::Nullable(value) = value
            && field.has(self.version)
            && !field.nullable(self.version)
        {
            value.set_null(true);
            self.set += 1;
        }
        Ok(())
    }
}

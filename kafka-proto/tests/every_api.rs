//! Every message at every version: what is written is read again, and nothing is lost on the way unnoticed.
//!
//! Whether the bytes are Kafka's is the business of `golden`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "in tests a panic is how a check fails"
)]

use kafka_proto::api::{EachApi, Request, each_api};
use kafka_proto::records::Records;
use kafka_proto::schema::{About, EachMessage, each_message};
use kafka_proto::wire::json::{from_json, to_json};
use kafka_proto::wire::sample::sample;
use kafka_proto::wire::{
    Cx, EncodeReason, Field, Message, Reader, Value, VisitError, Visitor, to_bytes,
};
use kafka_proto::{bytes::Bytes, frame};

/// Calls a check for every message at every version.
trait Check {
    fn check<M: Message>(&mut self, name: &str, cx: Cx);
}

struct Every<'a, C>(&'a mut C);

impl<C: Check> EachMessage for Every<'_, C> {
    fn message<M: Message>(&mut self, about: &About) {
        for version in about.versions.min..=about.versions.max {
            self.0.check::<M>(&format!("{} v{version}", about.name), about.cx(version));
        }
    }
}

fn decode<M: Message>(bytes: Bytes, cx: Cx) -> M {
    let mut reader = Reader::new(bytes);
    let message = M::decode(&mut reader, cx).unwrap();
    reader.finish().unwrap();
    message
}

#[test]
fn samples_survive_bytes_and_json() {
    struct RoundTrip(usize);
    impl Check for RoundTrip {
        fn check<M: Message>(&mut self, name: &str, cx: Cx) {
            for seed in 0..40 {
                let sent: M = sample(seed, cx.version);
                let context = format!("{name}, seed {seed}");
                let bytes = to_bytes(&sent, cx).expect(&context);
                assert_eq!(decode::<M>(bytes.clone(), cx), sent, "{context}");
                let json = to_json(&sent, cx.version).expect(&context);
                let read: M = from_json(&json, cx.version).expect(&context);
                assert_eq!(read, sent, "{context}");
                assert_eq!(to_bytes(&read, cx).as_ref(), Ok(&bytes), "{context}");
                self.0 += 1;
            }
        }
    }
    let mut round_trip = RoundTrip(0);
    each_message(&mut Every(&mut round_trip));
    assert!(round_trip.0 >= 40 * 2 * 16);
}

#[test]
fn samples_survive_frames() {
    struct Frames(usize);
    impl EachApi for Frames {
        fn api<R: Request>(&mut self) {
            for version in R::VERSIONS.min..=R::VERSIONS.max {
                let request: R = sample(1, version);
                let sent = frame::encode_request(&request, version, 7, Some(&"é".into())).unwrap();
                let (header, body) =
                    frame::decode_request_header(&sent.into_bytes().slice(4..)).unwrap();
                assert_eq!((header.api_key, header.version), (R::KEY, version));
                assert_eq!((header.correlation_id, header.client_id.as_deref()), (7, Some("é")));
                assert_eq!(frame::decode_request::<R>(body, version).unwrap(), request);

                let response: R::Response = sample(2, version);
                let sent = frame::encode_response::<R>(&response, version, 9).unwrap();
                let read = frame::decode_response::<R>(sent.into_bytes().slice(4..), version);
                assert_eq!(read.unwrap(), (9, response));
                self.0 += 1;
            }
        }
    }
    let mut frames = Frames(0);
    each_api(&mut frames);
    assert!(frames.0 > 100);
}

/// Takes the fields that a version lacks, in messages where every array has an element: each of them alone is set, and
/// then either may be dropped or stops the encoder.
#[test]
fn a_field_that_the_version_lacks_is_refused_or_may_be_dropped() {
    #[derive(Default)]
    struct Lacking {
        refused: usize,
        dropped: usize,
    }
    impl Check for Lacking {
        fn check<M: Message>(&mut self, name: &str, cx: Cx) {
            let mut filled = M::default();
            filled.visit(&mut Fill(cx.version)).unwrap();
            for target in 0.. {
                let mut message = filled.clone();
                let mut poke = Poke { version: cx.version, until: target, poked: None };
                message.visit(&mut poke).unwrap();
                let Some(field) = poke.poked else { break };
                assert_ne!(message, filled, "{name}: {} was not set", field.name);
                let context = format!("{name}: {}", field.name);
                match to_bytes(&message, cx) {
                    Ok(bytes) => {
                        assert!(field.droppable, "{context} was lost");
                        assert_eq!(decode::<M>(bytes, cx), filled, "{context}");
                        assert!(to_json(&message, cx.version).is_ok(), "{context}");
                        self.dropped += 1;
                    }
                    Err(error) => {
                        assert!(!field.droppable, "{context}: {error}");
                        let lost = EncodeReason::Lost { version: cx.version };
                        assert_eq!(error.reason(), &lost, "{context}");
                        assert!(error.path().ends_with(field.name), "{context}: {error}");
                        assert!(to_json(&message, cx.version).is_err(), "{context}");
                        self.refused += 1;
                    }
                }
            }
        }
    }
    let mut lacking = Lacking::default();
    each_message(&mut Every(&mut lacking));
    assert!(lacking.refused > 50 && lacking.dropped > 100);
}

#[test]
fn null_is_refused_where_the_version_does_not_allow_it() {
    struct Nulls(usize);
    impl Check for Nulls {
        fn check<M: Message>(&mut self, name: &str, cx: Cx) {
            let mut message = M::default();
            let mut nulls = SetNulls { version: cx.version, set: 0 };
            message.visit(&mut nulls).unwrap();
            if nulls.set > 0 {
                let error = to_bytes(&message, cx).expect_err(name);
                assert_eq!(error.reason(), &EncodeReason::Null, "{name}");
                assert!(to_json(&message, cx.version).is_err(), "{name}");
                self.0 += 1;
            }
        }
    }
    let mut nulls = Nulls(0);
    each_message(&mut Every(&mut nulls));
    assert!(nulls.0 >= 1);
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

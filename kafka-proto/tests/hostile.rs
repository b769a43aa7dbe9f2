//! Bytes that someone made up, in every decoder at every version: no panic, and memory in proportion to the bytes.
//!
//! The worst is an array whose count promises empty strings, a byte each on the wire and two words in memory, and whose
//! strings then have a letter each, for which 24 bytes are allocated: 28 bytes for one.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "in tests a panic is how a check fails"
)]

use allocation_counter::measure;
use kafka_proto::any::{self, MessageType, messages};
use kafka_proto::api::ApiKey;
use kafka_proto::bytes::Bytes;
use kafka_proto::frame;
use kafka_proto::messages::metadata;
use kafka_proto::wire::sample::{Rng, draw};
use kafka_proto::wire::{
    Array, Cx, DecodeReason, Field, Reader, Value, VisitError, Visitor, Wire, to_bytes,
};
use std::sync::Arc;

/// The most bytes of memory that decoding a byte may take.
const MAX_RATIO: u64 = 32;

/// What it may take besides, whatever the length.
const ALLOWANCE: u64 = 64 << 10;

/// A message at a version, under attack.
struct Target {
    of: &'static MessageType,
    cx: Cx,
}

impl Target {
    fn name(&self) -> String {
        format!("{} v{}", self.of.name, self.cx.version)
    }

    /// The bytes of a good message.
    fn sample(&self, seed: u64) -> Bytes {
        let mut message = self.of.initial();
        draw(&mut *message, seed, self.cx.version);
        any::to_bytes(&*message, self.cx).unwrap()
    }

    /// Decodes `bytes` and checks the memory it took at most; returns whether they were a message.
    fn feed(&self, bytes: &[u8]) -> bool {
        let shared = Bytes::copy_from_slice(bytes);
        let mut read = false;
        let decode = || self.of.decode(&mut Reader::new(shared), self.cx.version);
        let memory = measure(|| read = decode().is_ok());
        let limit = MAX_RATIO * bytes.len() as u64 + ALLOWANCE;
        let (peak, len) = (memory.bytes_max, bytes.len());
        assert!(
            peak <= limit,
            "{}: {peak} bytes of memory for {len} bytes: {:02x?}",
            self.name(),
            &bytes[..32.min(len)]
        );
        read
    }
}

/// Every message at every version.
fn targets() -> impl Iterator<Item = Target> {
    messages().flat_map(|of| {
        let versions = of.versions.min..=of.versions.max;
        versions.map(move |version| Target { of, cx: of.cx(version) })
    })
}

/// Every message at the oldest and newest version and where lengths become compact: for what takes long.
fn edges() -> impl Iterator<Item = Target> {
    targets().filter(|target| {
        let MessageType { versions, flexible, .. } = *target.of;
        [versions.min, flexible, versions.max].contains(&target.cx.version)
    })
}

#[test]
fn random_bytes_are_survived() {
    let mut rng = Rng::new(1);
    for target in targets() {
        for len in (0..150).step_by(4) {
            let mut bytes = rng.bytes(len);
            target.feed(&bytes);
            // Small numbers pass for lengths and lead further in.
            bytes.iter_mut().for_each(|byte| *byte &= 0x83);
            target.feed(&bytes);
        }
    }
}

#[test]
fn one_byte_repeated_is_survived() {
    for target in edges() {
        for byte in (0..=8).chain([0x10, 0x3f, 0x7f, 0x80, 0x81, 0xff]) {
            for front in [&[][..], &[0, 0, 0x10, 0], &[0x7f, 0xff, 0xff, 0xff], &[0xff, 0xbf, 1]] {
                let mut bytes = front.to_vec();
                bytes.resize(6_000, byte);
                target.feed(&bytes);
            }
        }
    }
}

#[test]
fn a_message_cut_anywhere_is_refused() {
    let mut cuts = 0;
    for target in targets() {
        let whole = target.sample(7);
        assert!(target.feed(&whole));
        for len in 0..whole.len().min(2_000) {
            assert!(!target.feed(&whole[..len]), "{}: read from {len} bytes", target.name());
            cuts += 1;
        }
    }
    assert!(cuts > 50_000, "{cuts} cuts");
}

/// Wherever a count or length may be, one that lies: the largest ones of each encoding, null and below.
#[test]
fn lying_counts_are_survived() {
    let mut told = 0;
    for target in targets() {
        let flexible = target.cx.flexible;
        let valid = target.sample(5);
        let lies: &[&[u8]] = if flexible {
            &[&[0xff, 0xff, 0xff, 0xff, 0x0f], &[0xc1, 0x84, 0x3d], &[0]]
        } else {
            &[&[0x7f, 0xff, 0xff, 0xff], &[0, 0x0f, 0x42, 0x40], &[0x7f, 0xff], &[0xff; 4]]
        };
        for at in 0..valid.len().min(150) {
            for lie in lies {
                let mut bytes = valid[..at].to_vec();
                bytes.extend_from_slice(lie);
                bytes.extend(valid.iter().skip(at + if flexible { 1 } else { lie.len() }));
                target.feed(&bytes);
                told += 1;
            }
        }
    }
    assert!(told > 100_000, "{told} lies");
}

#[test]
fn what_takes_more_memory_than_the_budget_is_refused_before_it_is_allocated() {
    let topics = vec!["a-topic".into(); 1000];
    let sent = metadata::Request {
        topics: Some(topics.into_iter().map(topic).collect()),
        ..Default::default()
    };
    let cx = Cx::new(12, true);
    let bytes = to_bytes(&sent, cx).unwrap();
    let mut read = None;
    let memory = measure(|| {
        read = Some(metadata::Request::decode(&mut Reader::with_budget(bytes.clone(), 20_000), cx));
    });
    let error = read.unwrap().unwrap_err();
    assert!(matches!(error.reason(), DecodeReason::Budget { left: 20_000, .. }), "{error}");
    assert_eq!(error.path(), ".topics");
    assert!(error.to_string().contains("bytes of memory, 20000 are left"), "{error}");
    assert!(memory.bytes_max < 1000, "{} bytes", memory.bytes_max);

    // Enough for the array, but not for all names in it.
    let budget = 1000 * size_of::<metadata::MetadataRequestTopic>() + 10_000;
    let read = metadata::Request::decode(&mut Reader::with_budget(bytes.clone(), budget), cx);
    assert_eq!(read.unwrap_err().path(), ".topics[434].name");
    assert_eq!(metadata::Request::decode(&mut Reader::new(bytes), cx).unwrap(), sent);
}

fn topic(name: Arc<str>) -> metadata::MetadataRequestTopic {
    metadata::MetadataRequestTopic { name: Some(name), ..Default::default() }
}

#[test]
fn mutated_messages_are_survived() {
    let (mut read, mut refused) = (0, 0);
    for target in targets() {
        for seed in 0..4 {
            let valid = target.sample(seed);
            let mut rng = Rng::new(seed);
            for _ in 0..20 {
                if target.feed(&mutate(&valid, &mut rng)) {
                    read += 1;
                } else {
                    refused += 1;
                }
            }
        }
    }
    assert!(read > 1000 && refused > 1000);
}

fn mutate(valid: &[u8], rng: &mut Rng) -> Vec<u8> {
    let mut bytes = valid.to_vec();
    for _ in 0..=rng.below(3) {
        let at = rng.below(bytes.len() + 1);
        match rng.below(5) {
            0 => bytes.truncate(at),
            1 => bytes.extend(rng.bytes(3)),
            2 => bytes.splice(at..at, [0x7f, 0xff, 0xff, 0xff]).for_each(drop),
            _ if at == bytes.len() => {}
            3 => bytes[at] ^= 1 << rng.below(8),
            _ => bytes[at] = [0, 1, 0x7f, 0x80, 0xff][rng.below(5)],
        }
    }
    bytes
}

#[test]
fn the_densest_messages_take_memory_in_proportion() {
    let mut dense = 0;
    for target in edges() {
        for letter in ["", "x"] {
            for until in 0.. {
                let version = target.cx.version;
                let mut widen = Widen { version, until: Some(until), letter };
                let mut message = target.of.initial();
                message.visit(&mut widen).unwrap();
                if widen.until.is_some() {
                    break;
                }
                let bytes = any::to_bytes(&*message, target.cx).unwrap();
                assert!(target.feed(&bytes), "{} is valid", target.name());
                dense += 1;
            }
        }
    }
    assert!(dense > 500);
}

/// Gives one array of the version thousands of elements, the one after `until` others, and those one. Every string is
/// `letter`.
struct Widen {
    version: i16,
    until: Option<usize>,
    letter: &'static str,
}

impl Visitor for Widen {
    fn field(&mut self, field: &Field, _: bool, value: Value<'_>) -> Result<(), VisitError> {
        if field.has(self.version) { self.value(value) } else { Ok(()) }
    }
}

impl Widen {
    fn value(&mut self, value: Value<'_>) -> Result<(), VisitError> {
        match value {
            Value::Struct(value) => value.visit(self),
            Value::Array(array) => self.array(array),
            Value::Nullable(value) => {
                value.set_null(false);
                value.present().map_or(Ok(()), |value| self.value(value))
            }
            Value::Str(value) => {
                *value = self.letter.into();
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn array(&mut self, array: &mut dyn Array) -> Result<(), VisitError> {
        let wide = self.until == Some(0);
        self.until = self.until.and_then(|until| until.checked_sub(1));
        for index in 0..if wide { 6_000 } else { usize::from(self.until.is_some()) } {
            array.push_default();
            array.item(index).map_or(Ok(()), |item| self.value(item))?;
        }
        Ok(())
    }
}

#[test]
fn random_frames_are_survived() {
    let mut rng = Rng::new(3);
    let mut headers = 0;
    for key in (-2..80).chain([i16::MIN, i16::MAX]) {
        for version in [-1, 0, 1, 3, 9, 12, 13, 18, i16::MAX] {
            for len in 0..40 {
                let mut bytes = [key.to_be_bytes(), version.to_be_bytes()].concat();
                bytes.extend(rng.bytes(len));
                if let Ok((header, body)) = frame::decode_request_header(&bytes.into()) {
                    assert_eq!((header.api_key, header.version), (ApiKey(key), version));
                    assert!(body.len() <= len);
                    headers += 1;
                }
            }
        }
    }
    assert!(headers > 1000);
}

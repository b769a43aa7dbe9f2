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
use kafka_proto::api::ApiKey;
use kafka_proto::bytes::Bytes;
use kafka_proto::frame;
use kafka_proto::messages::metadata;
use kafka_proto::schema::{About, EachMessage, each_message};
use kafka_proto::wire::sample::{Rng, sample};
use kafka_proto::wire::{
    Array, Cx, DecodeReason, Field, Message, Reader, Value, VisitError, Visitor, Wire, to_bytes,
};
use std::sync::Arc;

/// The most bytes of memory that decoding a byte may take.
const MAX_RATIO: u64 = 32;

/// What it may take besides, whatever the length.
const ALLOWANCE: u64 = 64 << 10;

/// Hands every message at every version to an attack.
struct Every<A>(A);

trait Attack {
    fn attack<M: Message>(&mut self, name: &str, cx: Cx);
}

impl<A: Attack> EachMessage for Every<A> {
    fn message<M: Message>(&mut self, about: &About) {
        for version in about.versions.min..=about.versions.max {
            self.0.attack::<M>(&format!("{} v{version}", about.name), about.cx(version));
        }
    }
}

/// Decodes `bytes` and checks the memory it took at most; returns whether they were a message.
fn feed<M: Message>(name: &str, cx: Cx, bytes: &[u8]) -> bool {
    let shared = Bytes::copy_from_slice(bytes);
    let mut read = false;
    let memory = measure(|| read = M::decode(&mut Reader::new(shared), cx).is_ok());
    let limit = MAX_RATIO * bytes.len() as u64 + ALLOWANCE;
    let (peak, len) = (memory.bytes_max, bytes.len());
    assert!(
        peak <= limit,
        "{name}: {peak} bytes of memory for {len} bytes: {:02x?}",
        &bytes[..32.min(len)]
    );
    read
}

/// As `Every`, at the oldest and newest version and where lengths become compact: for what takes long.
struct Edges<A>(A);

impl<A: Attack> EachMessage for Edges<A> {
    fn message<M: Message>(&mut self, about: &About) {
        let mut versions = vec![about.versions.min, about.flexible, about.versions.max];
        versions.retain(|&version| about.versions.contains(version));
        versions.dedup();
        for version in versions {
            self.0.attack::<M>(&format!("{} v{version}", about.name), about.cx(version));
        }
    }
}

#[test]
fn random_bytes_are_survived() {
    struct Random(Rng);
    impl Attack for Random {
        fn attack<M: Message>(&mut self, name: &str, cx: Cx) {
            for len in (0..150).step_by(4) {
                let mut bytes = self.0.bytes(len);
                feed::<M>(name, cx, &bytes);
                // Small numbers pass for lengths and lead further in.
                bytes.iter_mut().for_each(|byte| *byte &= 0x83);
                feed::<M>(name, cx, &bytes);
            }
        }
    }
    each_message(&mut Every(Random(Rng::new(1))));
}

#[test]
fn one_byte_repeated_is_survived() {
    struct Repeated;
    impl Attack for Repeated {
        fn attack<M: Message>(&mut self, name: &str, cx: Cx) {
            for byte in (0..=8).chain([0x10, 0x3f, 0x7f, 0x80, 0x81, 0xff]) {
                for front in
                    [&[][..], &[0, 0, 0x10, 0], &[0x7f, 0xff, 0xff, 0xff], &[0xff, 0xbf, 1]]
                {
                    let mut bytes = front.to_vec();
                    bytes.resize(6_000, byte);
                    feed::<M>(name, cx, &bytes);
                }
            }
        }
    }
    each_message(&mut Edges(Repeated));
}

#[test]
fn a_message_cut_anywhere_is_refused() {
    struct Cut(usize);
    impl Attack for Cut {
        fn attack<M: Message>(&mut self, name: &str, cx: Cx) {
            let whole = to_bytes(&sample::<M>(7, cx.version), cx).unwrap();
            assert!(feed::<M>(name, cx, &whole));
            for len in 0..whole.len().min(2_000) {
                assert!(!feed::<M>(name, cx, &whole[..len]), "{name}: read from {len} bytes");
                self.0 += 1;
            }
        }
    }
    let mut cut = Every(Cut(0));
    each_message(&mut cut);
    assert!(cut.0.0 > 50_000, "{} cuts", cut.0.0);
}

/// Wherever a count or length may be, one that lies: the largest ones of each encoding, null and below.
#[test]
fn lying_counts_are_survived() {
    struct Lying(usize);
    impl Attack for Lying {
        fn attack<M: Message>(&mut self, name: &str, cx: Cx) {
            let valid = to_bytes(&sample::<M>(5, cx.version), cx).unwrap();
            let lies: &[&[u8]] = if cx.flexible {
                &[&[0xff, 0xff, 0xff, 0xff, 0x0f], &[0xc1, 0x84, 0x3d], &[0]]
            } else {
                &[&[0x7f, 0xff, 0xff, 0xff], &[0, 0x0f, 0x42, 0x40], &[0x7f, 0xff], &[0xff; 4]]
            };
            for at in 0..valid.len().min(150) {
                for lie in lies {
                    let mut bytes = valid[..at].to_vec();
                    bytes.extend_from_slice(lie);
                    bytes.extend(valid.iter().skip(at + if cx.flexible { 1 } else { lie.len() }));
                    feed::<M>(name, cx, &bytes);
                    self.0 += 1;
                }
            }
        }
    }
    let mut lying = Every(Lying(0));
    each_message(&mut lying);
    assert!(lying.0.0 > 100_000, "{} lies", lying.0.0);
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
    #[derive(Default)]
    struct Mutated {
        read: usize,
        refused: usize,
    }
    impl Attack for Mutated {
        fn attack<M: Message>(&mut self, name: &str, cx: Cx) {
            for seed in 0..4 {
                let valid = to_bytes(&sample::<M>(seed, cx.version), cx).unwrap();
                let mut rng = Rng::new(seed);
                for _ in 0..20 {
                    if feed::<M>(name, cx, &mutate(&valid, &mut rng)) {
                        self.read += 1;
                    } else {
                        self.refused += 1;
                    }
                }
            }
        }
    }
    let mut mutated = Every(Mutated::default());
    each_message(&mut mutated);
    assert!(mutated.0.read > 1000 && mutated.0.refused > 1000);
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
    struct Dense(usize);
    impl Attack for Dense {
        fn attack<M: Message>(&mut self, name: &str, cx: Cx) {
            for letter in ["", "x"] {
                for target in 0.. {
                    let mut widen = Widen { version: cx.version, until: Some(target), letter };
                    let mut message = M::default();
                    message.visit(&mut widen).unwrap();
                    if widen.until.is_some() {
                        break;
                    }
                    let bytes = to_bytes(&message, cx).unwrap();
                    assert!(feed::<M>(name, cx, &bytes), "{name} is valid");
                    self.0 += 1;
                }
            }
        }
    }
    let mut dense = Edges(Dense(0));
    each_message(&mut dense);
    assert!(dense.0.0 > 500);
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

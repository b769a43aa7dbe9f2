//! Records that are produced and deleted.

use super::batches::{Plan, THEN, forged, numbered, plain};
use super::twins::{Side, Twins};
use kafka_proto::messages::delete_records::{DeleteRecordsPartition, DeleteRecordsTopic};
use kafka_proto::messages::produce::{PartitionProduceData, TopicProduceData};
use kafka_proto::messages::{delete_records, produce};
use kafka_proto::records::{Compression, Records, Stamp};
use kafka_proto::uuid::Uuid;
use std::sync::Arc;

/// The first version of Produce that names topics by their ids.
const TOPIC_IDS_SINCE: i16 = 13;

/// What is sent to a topic.
type Sent<'a> = (&'a str, Vec<PartitionProduceData>);

fn partition(index: i32, batch: Option<Vec<u8>>) -> PartitionProduceData {
    PartitionProduceData { index, records: batch.map(|batch| Records::Bytes(batch.into())) }
}

fn request(side: &Side, version: i16, acks: i16, topics: &[Sent<'_>]) -> produce::Request {
    let data = |(name, partition_data): &Sent<'_>| {
        let by_id = version >= TOPIC_IDS_SINCE;
        TopicProduceData {
            name: if by_id { "".into() } else { (*name).into() },
            topic_id: if by_id { side.id(name) } else { Uuid::ZERO },
            partition_data: partition_data.clone(),
        }
    };
    let topic_data = topics.iter().map(data).collect();
    produce::Request { acks, timeout_ms: 5000, topic_data, ..Default::default() }
}

async fn send(twins: &mut Twins, what: &str, topic: &str, batch: Option<Vec<u8>>) {
    twins
        .change(what, |side, version| {
            request(side, version, -1, &[(topic, vec![partition(0, batch.clone())])])
        })
        .await;
}

pub(crate) async fn produced(twins: &mut Twins) {
    let there = twins.create("there", 2, &[]).await;
    let odd = twins.create("odd", 2, &[]).await;
    let stamped = twins.create("stamped", 1, &[("message.timestamp.type", "LogAppendTime")]).await;
    let missing = twins.name("missing");
    let ok = || Some(plain(&[0, 1]));
    for acks in [1, -1, 2, -2, i16::MAX] {
        twins
            .change(&format!("acks {acks}"), |side, version| {
                request(side, version, acks, &[(&there, vec![partition(0, ok())])])
            })
            .await;
    }
    let stories: Vec<(&str, Vec<Sent<'_>>)> = vec![
        ("no topic", vec![]),
        ("no partition", vec![(&there, vec![])]),
        ("two partitions", vec![(&there, vec![partition(0, ok()), partition(1, ok())])]),
        ("a partition twice", vec![(&odd, vec![partition(0, ok()), partition(0, ok())])]),
        ("a topic twice", vec![(&odd, vec![partition(0, ok())]), (&odd, vec![partition(1, ok())])]),
        ("partition 9", vec![(&there, vec![partition(9, ok())])]),
        ("partition -1", vec![(&there, vec![partition(-1, ok())])]),
        ("a missing topic", vec![(&missing, vec![partition(0, ok())])]),
        ("a bad name", vec![("a b", vec![partition(0, ok())])]),
        ("no name", vec![("", vec![partition(0, ok())])]),
        (
            "good and bad",
            vec![
                (&missing, vec![partition(0, ok())]),
                (&there, vec![partition(0, ok()), partition(7, ok())]),
            ],
        ),
        ("with append time", vec![(&stamped, vec![partition(0, ok())])]),
    ];
    for (what, topics) in &stories {
        twins.change(what, |side, version| request(side, version, -1, topics)).await;
    }
    for transactional_id in ["", "tx"] {
        twins
            .change("a transactional id, no transaction", |side, version| produce::Request {
                transactional_id: Some(transactional_id.into()),
                ..request(side, version, -1, &[(&there, vec![partition(0, ok())])])
            })
            .await;
    }
    for compression in [Compression::Gzip, Compression::Snappy, Compression::Lz4, Compression::Zstd]
    {
        let batch = Plan { compression, times: &[0, 1], ..Plan::NONE }.make();
        send(twins, &format!("{compression:?}"), &there, Some(batch)).await;
    }
}

/// Batches that no producer writes.
fn odd_batches() -> Vec<(&'static str, Vec<u8>)> {
    let two = [plain(&[0]), plain(&[1])].concat();
    let mut bad_crc = plain(&[0]);
    bad_crc[30] ^= 1;
    let mut with_tail = plain(&[0]);
    with_tail.extend_from_slice(&[0; 5]);
    let cut = |len: usize| plain(&[0])[..len].to_vec();
    vec![
        ("empty", vec![]),
        ("two batches", two),
        ("bad checksum", bad_crc),
        ("a tail", with_tail),
        ("5 bytes", cut(5)),
        ("12 bytes", cut(12)),
        ("20 bytes", cut(20)),
        ("60 bytes", cut(60)),
        ("61 bytes", cut(61)),
        ("zeros", vec![0; 100]),
        ("ones", vec![0xff; 100]),
        ("magic 0", forged(|b| b[16] = 0)),
        ("magic 1", forged(|b| b[16] = 1)),
        ("magic 3", forged(|b| b[16] = 3)),
        ("magic -1", forged(|b| b[16] = 0xff)),
        ("base offset 7", forged(|b| b[7] = 7)),
        ("leader epoch 9", forged(|b| b[15] = 9)),
        ("a control batch", forged(|b| b[22] |= 0x20)),
        ("a transactional batch", forged(|b| b[22] |= 0x10)),
        ("append time", forged(|b| b[22] |= 0x08)),
        ("codec 5", forged(|b| b[22] |= 0x05)),
        ("codec 7", forged(|b| b[22] |= 0x07)),
        ("gzip that is none", forged(|b| b[22] |= 0x01)),
        ("count 0", forged(|b| b[60] = 0)),
        ("count 9", forged(|b| b[60] = 9)),
        ("count -1", forged(|b| b[57..61].fill(0xff))),
        ("last offset delta 9", forged(|b| b[26] = 9)),
        ("last offset delta -1", forged(|b| b[23..27].fill(0xff))),
        ("largest time below the first", forged(|b| b[35..43].fill(0))),
        ("no times", forged(|b| b[27..43].fill(0xff))),
        (
            "a producer without a sequence",
            forged(|b| {
                b[43..57].copy_from_slice(&[0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0xff, 0xff, 0xff, 0xff])
            }),
        ),
        ("a sequence without a producer", forged(|b| b[53..57].fill(0))),
        ("a producer id below -1", forged(|b| b[50] = 0xfe)),
        ("a producer with epoch -1", numbered(77, -1, 0, 1)),
        ("a record that is too long", forged(|b| b[61] = 0x7e)),
        ("a record of length -1", forged(|b| b[61] = 0x01)),
        ("another delta of the second", forged(|b| b[61 + 13] = 0x08)),
    ]
}

pub(crate) async fn batches_that_are_refused(twins: &mut Twins) {
    // Each has a topic of its own, in which offsets stay the same whoever takes what.
    for (at, (what, batch)) in odd_batches().into_iter().enumerate() {
        let topic = twins.create(&format!("story-{at}"), 1, &[]).await;
        send(twins, what, &topic, Some(batch)).await;
    }
}

pub(crate) async fn records_that_are_refused(twins: &mut Twins) {
    let there = twins.create("there", 1, &[]).await;
    let keyed = twins.create("keyed", 1, &[("cleanup.policy", "compact")]).await;
    let small = twins.create("small", 1, &[("max.message.bytes", "80")]).await;
    let strict = twins
        .create(
            "strict",
            1,
            &[
                ("message.timestamp.before.max.ms", "1000"),
                ("message.timestamp.after.max.ms", "1000"),
            ],
        )
        .await;
    twins
        .change_at("null", 12..=12, |side, version| {
            request(side, version, -1, &[(&there, vec![partition(0, None)])])
        })
        .await;
    let keyless = Plan { times: &[0, 1, 2, 3], keyed: false, ..Plan::NONE };
    send(twins, "without keys", &keyed, Some(keyless.make())).await;
    let keyless = Plan { compression: Compression::Gzip, ..keyless };
    send(twins, "without keys, compressed", &keyed, Some(keyless.make())).await;
    let half = Plan { keyed: false, ..Plan::NONE };
    send(twins, "one without a key", &keyed, Some(half.make())).await;
    send(twins, "too large for its topic", &small, Some(plain(&[0, 1]))).await;
    send(twins, "much too large", &there, Some(plain(&vec![0; 200_000]))).await;
    send(twins, "long ago", &strict, Some(plain(&[0, 1]))).await;
    send(twins, "far ahead", &strict, Some(plain(&[8_000_000_000_000 - THEN]))).await;
    send(twins, "1970", &there, Some(plain(&[-THEN]))).await;
    send(twins, "before 1970", &there, Some(plain(&[-THEN - 5]))).await;
    send(twins, "the end of time", &there, Some(plain(&[i64::MAX - THEN]))).await;
}

pub(crate) async fn sequences(twins: &mut Twins) {
    for version in [3, 12, 13] {
        let topic = twins.create(&format!("v{version}"), 1, &[]).await;
        let at = At { version, topic: &topic };
        // An id that no broker has given out; nobody has to ask for one.
        let id = 1 << 40;
        let steps = [
            [(0, 0, 3), (0, 0, 3), (0, 3, 1), (0, 5, 1), (0, 4, 2), (0, 4, 1), (0, 6, 1)],
            [(0, 7, 1), (0, 8, 1), (0, 9, 1), (0, 10, 1), (0, 6, 1), (0, 0, 3), (0, 3, 1)],
            [(0, 4, 2), (2, 11, 1), (2, 1, 1), (2, 0, 1), (0, 11, 1), (1, 0, 1), (2, 0, 1)],
            [(2, 1, 1), (2, -1, 1), (2, 2, 1), (2, 2, 2), (2, 4, 1), (3, 0, 1), (3, 0, 1)],
        ];
        for (epoch, first, count) in steps.into_iter().flatten() {
            let what = format!("{epoch}: {first} + {count}");
            at.send(twins, &what, None, numbered(id, epoch, first, count)).await;
        }
        for (what, id, epoch, first) in [
            ("a stranger in the middle", 2 << 40, 0, 17),
            ("a stranger of a late epoch", 3 << 40, 9, 0),
            ("the end of the sequence", 4 << 40, 0, i32::MAX - 1),
            ("around the end", 4 << 40, 0, 0),
        ] {
            at.send(twins, what, None, numbered(id, epoch, first, 2)).await;
        }
        let stamp = Stamp { producer_id: id, producer_epoch: 3, base_sequence: 1, ..Stamp::NONE };
        let stamp = Stamp { transactional: true, ..stamp };
        let batch = Plan { stamp, ..Plan::NONE }.make();
        at.send(twins, "a transaction that was not begun", Some("nobody"), batch).await;
    }
}

/// One version of Produce and one topic, to which everything is sent.
struct At<'a> {
    version: i16,
    topic: &'a str,
}

impl At<'_> {
    async fn send(&self, twins: &mut Twins, what: &str, id: Option<&str>, batch: Vec<u8>) {
        let sent = [(self.topic, vec![partition(0, Some(batch))])];
        twins
            .change_at(what, self.version..=self.version, |side, version| produce::Request {
                transactional_id: id.map(Into::into),
                ..request(side, version, -1, &sent)
            })
            .await;
    }
}

pub(crate) async fn records_deleted(twins: &mut Twins) {
    let there = twins.create("there", 2, &[("retention.ms", "-1")]).await;
    let keyed = twins.create("keyed", 1, &[("cleanup.policy", "compact")]).await;
    let both = twins
        .create("both", 1, &[("cleanup.policy", "compact,delete"), ("retention.ms", "-1")])
        .await;
    let missing = twins.name("missing");
    for topic in [&there, &keyed, &both] {
        for _ in 0..4 {
            twins.append(topic, 0, plain(&[0, 1, 2])).await;
        }
    }
    let of = |name: &Arc<str>, partitions: &[(i32, i64)]| DeleteRecordsTopic {
        name: name.clone(),
        partitions: partitions
            .iter()
            .map(|&(partition_index, offset)| DeleteRecordsPartition { partition_index, offset })
            .collect(),
    };
    for topics in [
        vec![],
        vec![of(&there, &[])],
        vec![of(&there, &[(0, 13)])],
        vec![of(&there, &[(0, -2)])],
        vec![of(&there, &[(0, i64::MAX)])],
        vec![of(&there, &[(7, 0)])],
        vec![of(&there, &[(-1, 0)])],
        vec![of(&missing, &[(0, 0)])],
        vec![of(&"".into(), &[(0, 0)])],
        vec![of(&"a b".into(), &[(0, 0)])],
        vec![of(&keyed, &[(0, 1)])],
        vec![of(&both, &[(0, 1)])],
        vec![of(&there, &[(0, 0)])],
        vec![of(&there, &[(0, 4)])],
        vec![of(&there, &[(0, 2)])],
        vec![of(&there, &[(0, 5), (0, 6)])],
        vec![of(&there, &[(0, 7), (1, 0), (1, 1)]), of(&missing, &[(0, 0)])],
        vec![of(&there, &[(0, 12)])],
        vec![of(&there, &[(0, -1), (1, -1)])],
    ] {
        let request = delete_records::Request { topics: topics.clone(), timeout_ms: 5000 };
        twins.change(&format!("{topics:?}"), |_, _| request.clone()).await;
    }
}

//! Reads the logs of the broker without the client under test.

use crate::content::{Content, Sizes};
use crate::events;
use crate::history::Log;
use crate::world::{HOST, TOPIC};
use kafka_broker_lite::net::sim::{SimNet, SimStream};
use kafka_proto::ErrorCode;
use kafka_proto::bytes::Bytes;
use kafka_proto::frame::{decode_response, encode_request};
use kafka_proto::messages::fetch;
use kafka_proto::records::{Batches, Decompressor};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// The last version of Fetch that names topics by their names.
const VERSION: i16 = 12;

/// All records of every partition.
pub(crate) async fn read(net: &SimNet, partitions: i32, seed: u64, sizes: Sizes) -> Vec<Log> {
    let mut reader = Reader::open(net).await;
    let mut logs = Vec::new();
    for partition in 0..partitions {
        let mut log = Log::new();
        for bytes in reader.all(TOPIC, partition).await {
            append(&mut log, partition, bytes, (seed, sizes));
        }
        logs.push(log);
    }
    logs
}

/// A connection beside those of the clients.
#[derive(Debug)]
pub(crate) struct Reader(SimStream);

impl Reader {
    pub(crate) async fn open(net: &SimNet) -> Self {
        Self(net.connect(HOST).await.unwrap())
    }

    /// All batches of a partition, some at a time; none when there is no such topic.
    pub(crate) async fn all(&mut self, topic: &str, partition: i32) -> Vec<Bytes> {
        let (mut offset, mut all) = (0, Vec::new());
        loop {
            let request = request(topic, partition, offset);
            let frame =
                encode_request(&request, VERSION, 1, Some(&"log".into())).unwrap().into_bytes();
            self.0.write_all(&frame).await.unwrap();
            let len = usize::try_from(self.0.read_i32().await.unwrap()).unwrap();
            let mut frame = vec![0; len];
            self.0.read_exact(&mut frame).await.unwrap();
            let answer = decode_response::<fetch::Request>(frame.into(), VERSION).unwrap().1;
            let answer = &answer.responses[0].partitions[0];
            if answer.error_code == ErrorCode::UNKNOWN_TOPIC_OR_PARTITION {
                return all;
            }
            assert_eq!(answer.error_code, ErrorCode::NONE);
            let bytes = answer.records.as_ref().map(|records| records.to_bytes().unwrap());
            let bytes = bytes.unwrap_or_default();
            let last = Batches::new(bytes.clone()).map(|batch| batch.unwrap()).last();
            offset = last.map_or(offset, |batch| batch.header().last_offset() + 1);
            all.push(bytes);
            if offset == answer.high_watermark {
                return all;
            }
        }
    }
}

fn request(topic: &str, partition: i32, fetch_offset: i64) -> fetch::Request {
    let partition = fetch::FetchPartition {
        partition,
        fetch_offset,
        partition_max_bytes: 1 << 30,
        ..fetch::FetchPartition::default()
    };
    let topic = fetch::FetchTopic {
        topic: topic.into(),
        partitions: vec![partition],
        ..Default::default()
    };
    fetch::Request { max_bytes: 1 << 30, topics: vec![topic], ..fetch::Request::default() }
}

fn append(log: &mut Log, partition: i32, bytes: Bytes, (seed, sizes): (u64, Sizes)) {
    let mut decompressor = Decompressor::new();
    for batch in Batches::new(bytes) {
        let batch = batch.unwrap();
        batch.verify_crc().unwrap();
        let open = batch.open(&mut decompressor, 1 << 30).unwrap();
        let header = open.header();
        events::tell(|| {
            let (id, epoch) = (header.producer_id, header.producer_epoch);
            let (first, last) = (header.base_sequence, header.last_sequence());
            let offset = header.base_offset;
            format!("in the log {partition}@{offset}: {id}, epoch {epoch}, {first} to {last}")
        });
        for record in open.records() {
            assert_eq!(record.offset(), i64::try_from(log.len()).unwrap());
            let content = Content::read(record.key(), record.value(), record.headers());
            log.push(content.id(seed, sizes));
        }
    }
}

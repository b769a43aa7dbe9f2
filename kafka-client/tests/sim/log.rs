//! Reads the logs of the broker without the client under test.

use crate::content::{Content, Sizes};
use crate::events;
use crate::history::Log;
use crate::world::{HOST, TOPIC};
use kafka_broker_lite::net::sim::SimNet;
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
    let mut stream = net.connect(HOST).await.unwrap();
    let mut logs = Vec::new();
    for partition in 0..partitions {
        let mut log = Log::new();
        loop {
            let offset = i64::try_from(log.len()).unwrap();
            let request = request(partition, offset);
            let frame =
                encode_request(&request, VERSION, 1, Some(&"log".into())).unwrap().into_bytes();
            stream.write_all(&frame).await.unwrap();
            let len = usize::try_from(stream.read_i32().await.unwrap()).unwrap();
            let mut frame = vec![0; len];
            stream.read_exact(&mut frame).await.unwrap();
            let answer = decode_response::<fetch::Request>(frame.into(), VERSION).unwrap().1;
            let answer = &answer.responses[0].partitions[0];
            assert_eq!(answer.error_code, ErrorCode::NONE);
            let records = answer.records.as_ref().map(|records| records.to_bytes().unwrap());
            append(&mut log, partition, records.unwrap_or_default(), (seed, sizes));
            if log.len() == usize::try_from(answer.high_watermark).unwrap() {
                break;
            }
        }
        logs.push(log);
    }
    logs
}

fn request(partition: i32, fetch_offset: i64) -> fetch::Request {
    let partition = fetch::FetchPartition {
        partition,
        fetch_offset,
        partition_max_bytes: 1 << 30,
        ..fetch::FetchPartition::default()
    };
    let topic = fetch::FetchTopic {
        topic: TOPIC.into(),
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

//! A client of raw frames, for tests of the broker from outside.

#![allow(dead_code, reason = "every test file takes what it needs")]
#![allow(clippy::unwrap_used, reason = "in tests a panic is how a check fails")]

pub(crate) mod process;

use kafka_broker_lite::net::Stream;
use kafka_proto::ErrorCode;
use kafka_proto::api::Request;
use kafka_proto::bytes::Bytes;
use kafka_proto::frame::{decode_response, encode_request};
use kafka_proto::messages::{fetch, list_offsets, metadata, produce};
use kafka_proto::records::{
    BatchBuilder, Batches, Compression, Compressor, Decompressor, Records, Stamp,
};
use std::io;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A connection that sends requests and awaits answers.
pub(crate) struct Client {
    pub(crate) stream: Box<dyn Stream>,
    next: i32,
    id: Arc<str>,
}

impl Client {
    pub(crate) fn new(stream: impl Stream + 'static) -> Self {
        Self { stream: Box::new(stream), next: 0, id: "raw".into() }
    }

    pub(crate) async fn tcp(address: &str) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self::new(stream)
    }

    /// The bytes of the next request.
    pub(crate) fn encode<R: Request>(&mut self, request: &R, version: i16) -> Bytes {
        self.next += 1;
        encode_request(request, version, self.next, Some(&self.id)).unwrap().into_bytes()
    }

    pub(crate) async fn send<R: Request>(&mut self, request: &R, version: i16) -> io::Result<()> {
        let bytes = self.encode(request, version);
        self.stream.write_all(&bytes).await
    }

    /// The next answer, with its correlation id.
    pub(crate) async fn receive<R: Request>(
        &mut self,
        version: i16,
    ) -> io::Result<(i32, R::Response)> {
        let len = usize::try_from(self.stream.read_i32().await?).unwrap();
        let mut frame = vec![0; len];
        self.stream.read_exact(&mut frame).await?;
        Ok(decode_response::<R>(frame.into(), version).unwrap())
    }

    pub(crate) async fn call<R: Request>(
        &mut self,
        request: &R,
        version: i16,
    ) -> io::Result<R::Response> {
        self.send(request, version).await?;
        let (correlation_id, response) = self.receive::<R>(version).await?;
        assert_eq!(correlation_id, self.next);
        Ok(response)
    }

    pub(crate) async fn metadata(&mut self) -> metadata::Response {
        self.call(&metadata::Request { topics: None, ..Default::default() }, 9).await.unwrap()
    }

    /// Asks for one topic, which may create it.
    pub(crate) async fn metadata_of(&mut self, topic: &str) -> metadata::Response {
        let topic =
            metadata::MetadataRequestTopic { name: Some(topic.into()), ..Default::default() };
        let topics = Some(vec![topic]);
        self.call(&metadata::Request { topics, ..Default::default() }, 9).await.unwrap()
    }

    /// Appends one batch of these values, and gives its offset.
    pub(crate) async fn produce(&mut self, topic: &str, values: &[&[u8]]) -> io::Result<i64> {
        let response = self.call(&produce_request(topic, 0, -1, values), 9).await?;
        let partition = &response.responses[0].partition_responses[0];
        assert_eq!(partition.error_code, ErrorCode::NONE);
        Ok(partition.base_offset)
    }

    /// The values from `offset` on.
    pub(crate) async fn fetch(&mut self, topic: &str, offset: i64) -> io::Result<Vec<Bytes>> {
        let response = self.call(&fetch_request(topic, offset, 0), 11).await?;
        let partition = &response.responses[0].partitions[0];
        assert_eq!(partition.error_code, ErrorCode::NONE);
        Ok(values(partition.records.as_ref()))
    }

    pub(crate) async fn end_offset(&mut self, topic: &str) -> i64 {
        let partition = list_offsets::ListOffsetsPartition { timestamp: -1, ..Default::default() };
        let topic =
            list_offsets::ListOffsetsTopic { name: topic.into(), partitions: vec![partition] };
        let request =
            list_offsets::Request { replica_id: -1, topics: vec![topic], ..Default::default() };
        self.call(&request, 4).await.unwrap().topics[0].partitions[0].offset
    }
}

/// A request with one batch of these values for a partition.
pub(crate) fn produce_request(
    topic: &str,
    index: i32,
    acks: i16,
    values: &[&[u8]],
) -> produce::Request {
    let records = Some(Records::Bytes(batch(values).into()));
    let partition = produce::PartitionProduceData { index, records };
    let data = produce::TopicProduceData {
        name: topic.into(),
        partition_data: vec![partition],
        ..Default::default()
    };
    produce::Request { acks, timeout_ms: 1000, topic_data: vec![data], ..Default::default() }
}

/// A request for partition 0 from `offset` on.
pub(crate) fn fetch_request(topic: &str, offset: i64, max_wait_ms: i32) -> fetch::Request {
    let partition = fetch::FetchPartition {
        fetch_offset: offset,
        partition_max_bytes: 1 << 30,
        ..Default::default()
    };
    let topic = fetch::FetchTopic {
        topic: topic.into(),
        partitions: vec![partition],
        ..Default::default()
    };
    fetch::Request {
        max_wait_ms,
        min_bytes: 1,
        max_bytes: 1 << 30,
        topics: vec![topic],
        ..Default::default()
    }
}

pub(crate) fn batch(values: &[&[u8]]) -> Vec<u8> {
    let mut builder = BatchBuilder::new(Vec::new());
    for value in values {
        builder.append(1_700_000_000_000, None, Some(value), &[]);
    }
    builder.seal(Stamp::NONE, &mut Compressor::new(Compression::None, None).unwrap())
}

/// The values of all records.
pub(crate) fn values(records: Option<&Records>) -> Vec<Bytes> {
    let bytes = records.map(|records| records.to_bytes().unwrap()).unwrap_or_default();
    let mut decompressor = Decompressor::new();
    let mut values = Vec::new();
    for batch in Batches::new(bytes) {
        let batch = batch.unwrap();
        batch.verify_crc().unwrap();
        let open = batch.open(&mut decompressor, 1 << 30).unwrap();
        values.extend(open.records().map(|record| Bytes::copy_from_slice(record.value().unwrap())));
    }
    values
}

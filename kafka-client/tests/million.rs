//! A million records of an idempotent producer over TCP, while connections are cut in the middle of requests and
//! answers are lost after the append: each is in the log once, and in order.

#![allow(clippy::unwrap_used, reason = "in tests a panic is how a check fails")]

use kafka_broker_lite::Cluster;
use kafka_client::config::{AutoOffsetReset, ClientConfig, ConsumerConfig, ProducerConfig};
use kafka_client::{Client, Connector, Deliveries, ProducerRecord, Stream, TcpConnector};
use kafka_proto::api::ApiKey;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

const TOPIC: &str = "million";
const RECORDS: u64 = 1_000_000;
const PARTITIONS: u64 = 2;
const VALUE_BYTES: usize = 50;
/// Some 60 records in a batch make some thousand requests.
const BATCH_BYTES: usize = 4000;

/// At least so many of either fault must have happened.
const FAULTS: u64 = 50;
/// Of so many answers that come in turn, one is lost.
const LOSE_ONE_OF: u64 = 25;
/// Frames from this size on carry records, and are cut.
const LARGE: usize = 1000;

/// Connects by TCP; cuts a connection within one of its large requests.
#[derive(Clone, Debug, Default)]
struct Cutter {
    connections: Arc<AtomicU64>,
    cuts: Arc<AtomicU64>,
}

struct Cut {
    stream: Box<dyn Stream>,
    cuts: Arc<AtomicU64>,
    /// Large requests that pass before one is cut.
    pass: u64,
    /// Where in that request, in thousandths of it.
    place: usize,
    /// The length of the request that is being written, as far as it is known.
    head: Vec<u8>,
    /// Bytes of that request that are still to be written.
    left: usize,
    /// Bytes until the cut, in the request that is cut.
    until_cut: Option<usize>,
}

#[async_trait::async_trait]
impl Connector for Cutter {
    async fn connect(&self, host: &str, port: u16) -> io::Result<Box<dyn Stream>> {
        let stream = TcpConnector.connect(host, port).await?;
        let number = self.connections.fetch_add(1, Ordering::Relaxed);
        let word = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        Ok(Box::new(Cut {
            stream,
            cuts: self.cuts.clone(),
            pass: 15 + word % 30,
            place: usize::try_from(word % 1000).unwrap(),
            head: Vec::new(),
            left: 0,
            until_cut: None,
        }))
    }
}

impl Cut {
    fn is_cut(&self) -> bool {
        self.until_cut == Some(0)
    }

    /// How many of the next bytes may be written in one go.
    fn most(&self) -> usize {
        let frame = if self.left == 0 { 4 - self.head.len() } else { self.left };
        frame.min(self.until_cut.unwrap_or(usize::MAX))
    }

    fn written(&mut self, bytes: &[u8]) {
        if self.left > 0 {
            self.left -= bytes.len();
            if let Some(until) = &mut self.until_cut {
                *until -= bytes.len();
            }
        } else {
            self.head.extend_from_slice(bytes);
            let Ok(head) = <[u8; 4]>::try_from(&*self.head) else { return };
            self.head.clear();
            self.left = usize::try_from(i32::from_be_bytes(head)).unwrap();
            if self.left >= LARGE {
                match self.pass.checked_sub(1) {
                    Some(pass) => self.pass = pass,
                    None => self.until_cut = Some(1 + (self.left - 2) * self.place / 1000),
                }
            }
        }
        if self.is_cut() {
            self.cuts.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl AsyncRead for Cut {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.is_cut() {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Cut {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.is_cut() {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        let bytes = &bytes[..bytes.len().min(self.most())];
        let count = ready!(Pin::new(&mut self.stream).poll_write(cx, bytes))?;
        self.written(&bytes[..count]);
        Poll::Ready(Ok(count))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// What was counted while everything was read.
#[derive(Debug, Default, PartialEq, Eq)]
struct Found {
    lost: u64,
    doubled: u64,
    out_of_order: u64,
    other: u64,
}

fn value(number: u64) -> [u8; VALUE_BYTES] {
    let mut value = [b'.'; VALUE_BYTES];
    value[..8].copy_from_slice(&number.to_be_bytes());
    value
}

async fn connect(cluster: &Cluster, cutter: &Cutter) -> Client {
    let config = ClientConfig::default()
        .bootstrap_servers([cluster.bootstrap_servers()])
        .reconnect_backoff(Duration::from_millis(1))
        .reconnect_backoff_max(Duration::from_millis(10))
        .retry_backoff(Duration::from_millis(1))
        .retry_backoff_max(Duration::from_millis(10));
    Client::builder(config).connector(cutter.clone()).connect().await.unwrap()
}

/// Sends all records; each must be acknowledged at the offset that its place in the sequence gives it.
async fn produce(client: &Client) {
    let producer = client.producer(ProducerConfig::default().batch_size(BATCH_BYTES)).unwrap();
    let mut all: Vec<Deliveries> = Vec::new();
    let numbers: Vec<u64> = (0..RECORDS).collect();
    for some in numbers.chunks(1000) {
        let values: Vec<_> = some.iter().map(|number| value(*number)).collect();
        let records = some.iter().zip(&values).map(|(number, value)| {
            let partition = i32::try_from(number % PARTITIONS).unwrap();
            ProducerRecord::new(TOPIC, value).partition(partition)
        });
        all.push(producer.send_batch(records).await.unwrap());
    }
    producer.close(Duration::from_secs(60)).await.unwrap();
    let stored = all.iter().flat_map(Deliveries::results).map(Result::unwrap);
    let mut acknowledged = 0;
    for (number, stored) in (0..).zip(stored) {
        let offset = stored.offset().map(|offset| u64::try_from(offset).unwrap());
        assert_eq!(offset, Some(number / PARTITIONS), "record {number}");
        acknowledged += 1;
    }
    assert_eq!(acknowledged, RECORDS);
}

/// Reads all there is.
async fn consume(client: &Client) -> Found {
    let config = ConsumerConfig::default().auto_offset_reset(AutoOffsetReset::Earliest);
    let mut consumer = client.consumer(config).unwrap();
    let partitions = (0..i32::try_from(PARTITIONS).unwrap()).map(|partition| (TOPIC, partition));
    consumer.assign(partitions.clone()).unwrap();
    let ends = consumer.end_offsets(partitions).await.unwrap();
    let mut left: i64 = ends.values().sum();
    let mut seen = vec![false; usize::try_from(RECORDS).unwrap()];
    let mut next: Vec<u64> = (0..PARTITIONS).collect();
    let mut found = Found::default();
    while left > 0 {
        for record in &consumer.poll().await.unwrap() {
            left -= 1;
            let bytes = record.value().unwrap();
            let number = u64::from_be_bytes(bytes[..8].try_into().unwrap());
            let next = &mut next[usize::try_from(record.partition()).unwrap()];
            let seen = usize::try_from(number).ok().and_then(|at| seen.get_mut(at));
            match seen {
                Some(seen) if bytes == value(number) => {
                    found.doubled += u64::from(std::mem::replace(seen, true));
                }
                _ => found.other += 1,
            }
            found.out_of_order += u64::from(number != *next);
            *next = number + PARTITIONS;
        }
    }
    found.lost = seen.iter().map(|seen| u64::from(!seen)).sum();
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_of_a_million_records_is_there_once_and_in_order() {
    let partitions = i32::try_from(PARTITIONS).unwrap();
    let cluster = Cluster::builder().topic(TOPIC, partitions).start().await.unwrap();
    let control = cluster.control();
    for turn in 0..FAULTS + 10 {
        control.on(ApiKey::PRODUCE).skip((turn + 1) * LOSE_ONE_OF).times(1).lose_reply();
    }
    let cutter = Cutter::default();
    let client = connect(&cluster, &cutter).await;
    produce(&client).await;
    let lost_replies = control.counters().faults;
    control.clear();
    let found = consume(&client).await;

    let counters = control.counters();
    let (cuts, duplicates) = (cutter.cuts.load(Ordering::Relaxed), counters.duplicates_answered);
    let requests = counters.requests[&ApiKey::PRODUCE];
    println!("{RECORDS} records in {requests} requests over {PARTITIONS} partitions: {found:?}");
    println!("{cuts} requests cut, {lost_replies} replies lost, {duplicates} duplicates answered");
    assert_eq!(found, Found::default());
    assert!(cuts >= FAULTS && lost_replies >= FAULTS, "too few faults to show anything");
    assert!(duplicates > 0, "no batch was there already: this shows nothing");
}

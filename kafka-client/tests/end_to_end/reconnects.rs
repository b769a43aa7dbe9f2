//! Connections that end at any byte, under an idempotent producer.

use crate::world::{World, assert_same, nothing_more, take, texts};
use kafka_client::config::{ClientConfig, ProducerConfig};
use kafka_client::{Client, Connector, ProducerRecord, Stream, TcpConnector};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Connects by TCP, and cuts each connection after a number of bytes that differs from one to the next.
#[derive(Clone, Debug, Default)]
struct Cutter {
    connections: Arc<AtomicU64>,
    cuts: Arc<AtomicU64>,
}

struct Cut {
    stream: Box<dyn Stream>,
    /// Bytes that may still be read and written.
    read: usize,
    write: usize,
    cuts: Arc<AtomicU64>,
}

#[async_trait::async_trait]
impl Connector for Cutter {
    async fn connect(&self, host: &str, port: u16) -> io::Result<Box<dyn Stream>> {
        let stream = TcpConnector.connect(host, port).await?;
        let number = self.connections.fetch_add(1, Ordering::Relaxed);
        let mut state = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x1234_5678;
        let mut draw = |range: u64| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            usize::try_from(state % range).unwrap()
        };
        // Enough for the handshake and some batches; half of them are cut while reading: the answers are lost.
        let plenty = usize::MAX;
        let (read, write) = if number.is_multiple_of(2) {
            (2000 + draw(1000), plenty)
        } else {
            (plenty, 10_000 + draw(300_000))
        };
        Ok(Box::new(Cut { stream, read, write, cuts: self.cuts.clone() }))
    }
}

impl Cut {
    fn end(&self) -> io::Error {
        self.cuts.fetch_add(1, Ordering::Relaxed);
        io::ErrorKind::ConnectionReset.into()
    }
}

impl AsyncRead for Cut {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.read == 0 {
            return Poll::Ready(Err(self.end()));
        }
        let mut part = buffer.take(self.read.min(buffer.remaining()));
        let outcome = Pin::new(&mut self.stream).poll_read(cx, &mut part);
        let count = part.filled().len();
        let bytes = part.filled().to_vec();
        if count > 0 {
            self.read -= count;
            buffer.put_slice(&bytes);
        }
        outcome
    }
}

impl AsyncWrite for Cut {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.write == 0 {
            return Poll::Ready(Err(self.end()));
        }
        let bytes = &bytes[..bytes.len().min(self.write)];
        let outcome = Pin::new(&mut self.stream).poll_write(cx, bytes);
        if let Poll::Ready(Ok(count)) = &outcome {
            self.write -= count;
        }
        outcome
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

pub(crate) async fn idempotent_records_survive_cut_connections(world: World) {
    const PARTITIONS: i32 = 3;
    const RECORDS: usize = 30_000;
    let topic = world.topic(PARTITIONS).await;
    let cutter = Cutter::default();
    let config = ClientConfig::default()
        .bootstrap_servers([&*world.bootstrap])
        .set("reconnect.backoff.ms", "1")
        .and_then(|config| config.set("reconnect.backoff.max.ms", "20"))
        .and_then(|config| config.set("retry.backoff.ms", "1"))
        .and_then(|config| config.set("retry.backoff.max.ms", "20"))
        .unwrap();
    let client = Client::builder(config).connector(cutter.clone()).connect().await.unwrap();
    let producer = client.producer(ProducerConfig::default().batch_size(4000)).unwrap();

    let mut deliveries = Vec::with_capacity(RECORDS);
    for n in 0..RECORDS {
        let value = format!("{n:0>100}");
        let place = i32::try_from(n).unwrap() % PARTITIONS;
        let record = ProducerRecord::new(&topic, &value).partition(place);
        deliveries.push(producer.enqueue(record).await.unwrap());
        if n % 5000 == 4999 {
            producer.flush().await.unwrap();
            let cuts = cutter.cuts.load(Ordering::Relaxed);
            eprintln!("{} of {RECORDS} records acknowledged, {cuts} connections cut", n + 1);
        }
    }
    for (n, delivery) in deliveries.into_iter().enumerate() {
        let stored = delivery.await.unwrap();
        let offset = stored.offset().map(|offset| usize::try_from(offset).unwrap());
        // An answer that a duplicate gets may not say where the first one is.
        assert!(offset.is_none_or(|offset| offset == n / 3), "record {n} at {offset:?}");
    }
    let cuts = cutter.cuts.load(Ordering::Relaxed);
    assert!(cuts >= 10, "only {cuts} connections were cut: this shows nothing");

    for place in 0..PARTITIONS {
        let mut consumer = world.consumer(&topic, [place]);
        let read = texts(&take(&mut consumer, RECORDS / 3).await);
        let first = usize::try_from(place).unwrap();
        let expected: Vec<_> = (first..RECORDS).step_by(3).map(|n| format!("{n:0>100}")).collect();
        assert_same(&read, &expected, &format!("partition {place}"));
        nothing_more(&mut consumer).await;
    }
}

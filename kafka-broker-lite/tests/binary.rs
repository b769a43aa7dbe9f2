//! The program: its ready line, its errors, and how it stops.

#![allow(clippy::unwrap_used, reason = "in tests a panic is how a check fails")]

mod common;

use common::Client;
use common::process::{Scratch, address, kill, output, ready};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

#[tokio::test]
async fn it_serves_until_it_is_told_to_stop() {
    for signal in ["-TERM", "-INT"] {
        let scratch = Scratch::new("stopping");
        let listeners = "listeners=PLAINTEXT://127.0.0.1:0";
        let (mut child, line) = ready(&[
            "--override",
            listeners,
            "--override",
            &scratch.setting(),
            "--override",
            "num.io.threads=3",
        ])
        .await;
        assert!(line.starts_with("kafka-broker-lite is ready at PLAINTEXT://127.0.0.1:"), "{line}");
        let mut client = Client::tcp(&address(&line, "PLAINTEXT")).await;
        assert_eq!(client.metadata().await.brokers[0].node_id, 1);
        let mut hello = TcpStream::connect(address(&line, "PLAINTEXT")).await.unwrap();
        hello.write_all(&[0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3]).await.unwrap();
        let _closed = hello.read_to_end(&mut Vec::new()).await;
        kill(&child, signal).await;
        let status = tokio::time::timeout(Duration::from_secs(10), child.wait()).await;
        assert!(status.unwrap().unwrap().success(), "{signal} ends it cleanly");
        assert!(client.stream.read_u8().await.is_err(), "its connections are closed");
        let mut complaints = String::new();
        child.stderr.take().unwrap().read_to_string(&mut complaints).await.unwrap();
        let (first, rest) = complaints.split_once('\n').unwrap();
        assert_eq!(first, "warning: num.io.threads changes nothing: one thread does everything");
        assert!(scratch.0.join(".kafka_cleanshutdown").exists(), "its logs are in order");
        assert!(rest.starts_with("warning: peer 127.0.0.1:"), "{rest}");
        let tls = ": closed: peer speaks TLS, but this listener is plain text\n";
        assert!(rest.ends_with(tls), "{rest}");
    }
}

#[tokio::test]
async fn a_taken_port_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let listeners = format!("listeners=PLAINTEXT://127.0.0.1:{port}");
    let (code, printed, complaint) = output(&["--override", &listeners]).await;
    assert_eq!((code, &*printed), (Some(1), ""));
    assert_eq!(
        complaint,
        format!(
            "kafka-broker-lite: port {port} is taken: listener PLAINTEXT cannot listen at \
             127.0.0.1:{port}, because another process does\n"
        )
    );
}

#[tokio::test]
async fn a_properties_file_is_read_and_overridden() {
    let path = std::env::temp_dir().join(format!("server-{}.properties", std::process::id()));
    let text = "process.roles=broker,controller\nnode.id=7\n\
                controller.listener.names=CONTROLLER\n\
                listeners=INSIDE://127.0.0.1:0,OUTSIDE://127.0.0.1:0,CONTROLLER://:9093\n\
                advertised.listeners=INSIDE://broker-1:29092,OUTSIDE://kafka.example.com:9094\n\
                listener.security.protocol.map=INSIDE:PLAINTEXT,OUTSIDE:PLAINTEXT\n\
                inter.broker.listener.name=INSIDE\nnum.partitions=2\n";
    std::fs::write(&path, text).unwrap();
    let file = path.to_str().unwrap();
    let scratch = Scratch::new("overridden");
    let (_child, line) =
        ready(&[file, "--override", "node.id=8", "--override", &scratch.setting()]).await;
    for (listener, host, port) in
        [("INSIDE", "broker-1", 29_092), ("OUTSIDE", "kafka.example.com", 9094)]
    {
        let mut client = Client::tcp(&address(&line, listener)).await;
        let brokers = client.metadata().await.brokers;
        let told = (brokers[0].node_id, &*brokers[0].host, brokers[0].port);
        assert_eq!(told, (8, host, port), "each is told the address of where it came in");
    }
    let (code, _, complaint) = output(&[file, "--override", "num.partition=3"]).await;
    std::fs::remove_file(&path).unwrap();
    assert_eq!(code, Some(1));
    let expected = "unknown setting num.partition; did you mean num.partitions?\n";
    assert_eq!(
        complaint.lines().last().map(|l| format!("{l}\n")),
        Some(format!("kafka-broker-lite: {expected}"))
    );
}

/// What Apache Kafka 4.4 ships as config/server.properties, without its comments.
const STOCK: &str = "\
process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers=localhost:9093
listeners=PLAINTEXT://:9092,CONTROLLER://:9093
inter.broker.listener.name=PLAINTEXT
advertised.listeners=PLAINTEXT://localhost:9092,CONTROLLER://localhost:9093
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SSL:SSL,\
SASL_PLAINTEXT:SASL_PLAINTEXT,SASL_SSL:SASL_SSL
num.network.threads=3
num.io.threads=8
socket.send.buffer.bytes=102400
socket.receive.buffer.bytes=102400
socket.request.max.bytes=104857600
log.dirs=/tmp/kraft-combined-logs
num.partitions=1
num.recovery.threads.per.data.dir=1
offsets.topic.replication.factor=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
log.retention.hours=168
log.segment.bytes=1073741824
log.retention.check.interval.ms=300000
";

#[tokio::test]
async fn kafkas_own_properties_file_starts_it() {
    let scratch = Scratch::new("stock");
    let path = std::env::temp_dir().join(format!("stock-{}.properties", std::process::id()));
    std::fs::write(&path, STOCK).unwrap();
    // Another port and folder, so that tests do not meet.
    let listeners = "listeners=PLAINTEXT://127.0.0.1:0,CONTROLLER://:9093";
    let overrides = ["--override", listeners, "--override", &scratch.setting()];
    let (_child, line) = ready(&[&[path.to_str().unwrap()], &overrides[..]].concat()).await;
    std::fs::remove_file(&path).unwrap();
    let mut client = Client::tcp(&address(&line, "PLAINTEXT")).await;
    let brokers = client.metadata().await.brokers;
    let told = (brokers[0].node_id, &*brokers[0].host, brokers[0].port);
    assert_eq!(told, (1, "localhost", 9092));
}

#[tokio::test]
async fn help_version_and_bad_arguments() {
    let (code, printed, _) = output(&["--help"]).await;
    assert!(code == Some(0) && printed.starts_with("Usage: kafka-broker-lite [server.properties]"));
    let (_, printed, _) = output(&["--version"]).await;
    assert_eq!(printed, format!("kafka-broker-lite {}\n", env!("CARGO_PKG_VERSION")));
    let (code, _, complaint) = output(&["--port", "1"]).await;
    assert!(code == Some(2) && complaint.starts_with("kafka-broker-lite: unknown option --port"));
    let (code, _, complaint) = output(&["/nowhere/server.properties"]).await;
    assert_eq!(code, Some(1));
    assert!(complaint.starts_with("kafka-broker-lite: /nowhere/server.properties: No such file"));
}

//! The program: its ready line, its errors, and how it stops.

#![allow(clippy::unwrap_used, reason = "in tests a panic is how a check fails")]

mod common;

use common::Client;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

/// A log directory that is gone when it is dropped.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("binary-{name}-{}", std::process::id()));
        let _none_left = std::fs::remove_dir_all(&path);
        Self(path)
    }

    fn setting(&self) -> String {
        format!("log.dirs={}", self.0.display())
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _gone = std::fs::remove_dir_all(&self.0);
    }
}

fn broker(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kafka-broker-lite"));
    command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command
}

/// Runs it to its end: exit code, what it printed, what it complained about.
async fn output(arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = broker(arguments).output().await.unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// Starts it, and gives the line that says it is ready.
async fn ready(arguments: &[&str]) -> (Child, String) {
    let mut child = broker(arguments).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).await.unwrap();
    (child, line.trim_end().to_owned())
}

/// The address behind a listener's name in the ready line.
fn address(line: &str, listener: &str) -> String {
    let (_, rest) = line.split_once(&format!("{listener}://")).unwrap();
    rest.split(',').next().unwrap().to_owned()
}

async fn kill(child: &Child, signal: &str) {
    let pid = child.id().unwrap().to_string();
    assert!(Command::new("kill").args([signal, &pid]).status().await.unwrap().success());
}

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
async fn what_was_acknowledged_is_there_after_a_kill() {
    let scratch = Scratch::new("killed");
    let setting = scratch.setting();
    let arguments = [
        "--override",
        "listeners=PLAINTEXT://127.0.0.1:0",
        "--override",
        &setting,
        "--override",
        "log.segment.bytes=1048576",
    ];
    let mut stored: Vec<Vec<u8>> = Vec::new();
    for round in 0..5_usize {
        let (mut child, line) = ready(&arguments).await;
        let mut client = Client::tcp(&address(&line, "PLAINTEXT")).await;
        client.metadata_of("orders").await;
        let mut found = Vec::new();
        while found.len() < stored.len() {
            let offset = i64::try_from(found.len()).unwrap();
            let values = client.fetch("orders", offset).await.unwrap();
            assert!(!values.is_empty(), "round {round}: {} of {}", found.len(), stored.len());
            found.extend(values.iter().map(|value| value.to_vec()));
        }
        assert!(found == stored, "round {round}");
        assert_eq!(client.end_offset("orders").await, i64::try_from(stored.len()).unwrap());
        for at in 0..200 {
            let value = format!("{round}-{at}-").repeat(1000).into_bytes();
            let offset = client.produce("orders", &[&value]).await.unwrap();
            assert_eq!(offset, i64::try_from(stored.len()).unwrap());
            stored.push(value);
        }
        if round == 2 {
            let (code, _, complaint) = output(&arguments).await;
            assert_eq!(code, Some(1));
            assert!(complaint.contains("is in use: another broker holds the lock"), "{complaint}");
        }
        kill(&child, "-KILL").await;
        child.wait().await.unwrap();
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

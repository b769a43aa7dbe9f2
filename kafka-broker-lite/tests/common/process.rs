//! The broker as a process of its own, and a directory for it.

use super::Client;
use std::path::PathBuf;
use std::process::Stdio;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// A log directory that is gone when it is dropped.
pub(crate) struct Scratch(pub(crate) PathBuf);

impl Scratch {
    pub(crate) fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("broker-{name}-{}", std::process::id()));
        let _none_left = std::fs::remove_dir_all(&path);
        Self(path)
    }

    pub(crate) fn setting(&self) -> String {
        format!("log.dirs={}", self.0.display())
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _gone = std::fs::remove_dir_all(&self.0);
    }
}

pub(crate) fn broker(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kafka-broker-lite"));
    command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command
}

/// Runs it to its end: exit code, what it printed, what it complained about.
pub(crate) async fn output(arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = broker(arguments).output().await.unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// Starts it, and gives the line that says it is ready.
pub(crate) async fn ready(arguments: &[&str]) -> (Child, String) {
    let mut child = broker(arguments).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).await.unwrap();
    (child, line.trim_end().to_owned())
}

/// The address behind a listener's name in the ready line.
pub(crate) fn address(line: &str, listener: &str) -> String {
    let (_, rest) = line.split_once(&format!("{listener}://")).unwrap();
    rest.split(',').next().unwrap().to_owned()
}

pub(crate) async fn kill(child: &Child, signal: &str) {
    let pid = child.id().unwrap().to_string();
    assert!(Command::new("kill").args([signal, &pid]).status().await.unwrap().success());
}

/// Starts it on a directory with more settings, and connects.
pub(crate) async fn start_on(scratch: &Scratch, settings: &[&str]) -> (Child, Client) {
    let directory = scratch.setting();
    let mut arguments = vec!["--override", "listeners=PLAINTEXT://127.0.0.1:0"];
    for setting in [&*directory].iter().chain(settings) {
        arguments.extend(["--override", *setting]);
    }
    let (child, line) = ready(&arguments).await;
    let client = Client::tcp(&address(&line, "PLAINTEXT")).await;
    (child, client)
}

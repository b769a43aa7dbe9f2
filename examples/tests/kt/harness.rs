//! Runs `kt` as a process of its own: what it prints is waited for, and every wait has an end.

#![allow(dead_code, reason = "each test program uses some of it")]

use rustix::process::{Pid, Signal, kill_process};
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

/// Longer than anything here takes, even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A `kt` that runs.
pub(crate) struct Kt {
    what: String,
    pid: Pid,
    stdin: Option<ChildStdin>,
    stdout: Receiver<String>,
    stderr: Receiver<String>,
    exit: Receiver<ExitStatus>,
    ended: bool,
}

/// What a `kt` that has ended printed.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) code: Option<i32>,
}

impl Done {
    /// What was printed, of a command that succeeded.
    #[track_caller]
    pub(crate) fn ok(self) -> String {
        assert_eq!(self.code, Some(0), "{self:?}");
        self.stdout
    }

    /// What was told, of a command that failed with this exit code.
    #[track_caller]
    pub(crate) fn failed(self, code: i32) -> String {
        assert_eq!(self.code, Some(code), "{self:?}");
        self.stderr
    }
}

/// Splits arguments at blanks.
fn words(arguments: &str) -> Vec<&str> {
    arguments.split_whitespace().collect()
}

/// Starts `kt` with arguments.
pub(crate) fn start(arguments: &[&str]) -> Kt {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kt"));
    command.args(arguments).env("NO_COLOR", "1");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let pid = Pid::from_child(&child);
    let stdout = lines(child.stdout.take().unwrap());
    let stderr = lines(child.stderr.take().unwrap());
    let stdin = child.stdin.take();
    Kt { what: arguments.join(" "), pid, stdin, stdout, stderr, exit: exit(child), ended: false }
}

fn lines(stream: impl Read + Send + 'static) -> Receiver<String> {
    let (line, lines) = channel();
    thread::spawn(move || {
        let each = BufReader::new(stream).lines().map_while(Result::ok);
        each.take_while(|text| line.send(text.clone()).is_ok()).count()
    });
    lines
}

fn exit(mut child: Child) -> Receiver<ExitStatus> {
    let (tell, told) = channel();
    thread::spawn(move || tell.send(child.wait().unwrap()));
    told
}

impl Kt {
    /// Waits for the next line of the output.
    #[track_caller]
    pub(crate) fn line(&mut self) -> String {
        match self.stdout.recv_timeout(PATIENCE) {
            Ok(line) => line,
            Err(error) => {
                let stderr: Vec<_> = self.stderr.try_iter().collect();
                panic!("kt {}: no line of output ({error}); it says {stderr:?}", self.what)
            }
        }
    }

    /// Waits for so many lines.
    #[track_caller]
    pub(crate) fn lines(&mut self, count: usize) -> Vec<String> {
        (0..count).map(|_| self.line()).collect()
    }

    /// Waits until it says something with `part` in it on the standard error.
    #[track_caller]
    pub(crate) fn says(&mut self, part: &str) -> String {
        loop {
            match self.stderr.recv_timeout(PATIENCE) {
                Ok(line) if line.contains(part) => return line,
                Ok(_) => {}
                Err(error) => panic!("kt {}: does not say {part:?} ({error})", self.what),
            }
        }
    }

    /// What has been printed and not been looked at.
    pub(crate) fn unread(&self) -> Vec<String> {
        self.stdout.try_iter().collect()
    }

    /// Types this.
    pub(crate) fn input(&mut self, text: &str) {
        let stdin = self.stdin.as_mut().unwrap();
        stdin.write_all(text.as_bytes()).unwrap();
        stdin.flush().unwrap();
    }

    /// Ends the input.
    pub(crate) fn end_input(&mut self) {
        self.stdin = None;
    }

    /// As Ctrl-C does.
    pub(crate) fn interrupt(&self) {
        kill_process(self.pid, Signal::INT).unwrap();
    }

    /// As `kill -9` does; returns when it is gone.
    pub(crate) fn kill(mut self) {
        kill_process(self.pid, Signal::KILL).unwrap();
        self.exit.recv_timeout(PATIENCE).unwrap();
        self.ended = true;
    }

    /// Stops reading its output.
    pub(crate) fn close_output(&mut self) {
        self.stdout = channel().1;
    }

    /// Waits until it ends.
    #[track_caller]
    pub(crate) fn wait(mut self) -> Done {
        let status = match self.exit.recv_timeout(PATIENCE) {
            Ok(status) => status,
            Err(RecvTimeoutError::Timeout) => panic!("kt {} does not end", self.what),
            Err(error) => panic!("kt {}: {error}", self.what),
        };
        self.ended = true;
        let all = |lines: &Receiver<String>| lines.iter().map(|line| line + "\n").collect();
        Done { stdout: all(&self.stdout), stderr: all(&self.stderr), code: status.code() }
    }
}

impl Drop for Kt {
    fn drop(&mut self) {
        if !self.ended {
            let _gone_already = kill_process(self.pid, Signal::KILL);
        }
    }
}

/// Runs `kt` with these arguments, separated by blanks, and no input.
#[track_caller]
pub(crate) fn run(arguments: &str) -> Done {
    run_with(&words(arguments), "")
}

/// Runs `kt` with this input.
#[track_caller]
pub(crate) fn run_with(arguments: &[&str], input: &str) -> Done {
    let mut kt = start(arguments);
    kt.input(input);
    kt.end_input();
    kt.wait()
}

/// A broker in this process, and `kt` on it.
pub(crate) struct Broker {
    _cluster: kafka_broker_lite::Cluster,
    pub(crate) bootstrap: String,
}

/// Starts a broker.
pub(crate) fn broker() -> Broker {
    broker_with(&[])
}

/// Starts a broker with these settings.
pub(crate) fn broker_with(settings: &[(&str, &str)]) -> Broker {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut builder = kafka_broker_lite::Cluster::builder();
    for (key, value) in settings {
        builder = builder.config(*key, *value);
    }
    let cluster = runtime.block_on(builder.start()).unwrap();
    let bootstrap = cluster.bootstrap_servers();
    Broker { _cluster: cluster, bootstrap }
}

impl Broker {
    /// Runs `kt` on it; arguments are separated by blanks.
    #[track_caller]
    pub(crate) fn kt(&self, arguments: &str) -> Done {
        self.kt_with(arguments, "")
    }

    /// Runs `kt` on it with this input.
    #[track_caller]
    pub(crate) fn kt_with(&self, arguments: &str, input: &str) -> Done {
        run_with(&self.words(arguments), input)
    }

    /// Starts `kt` on it.
    pub(crate) fn start(&self, arguments: &str) -> Kt {
        start(&self.words(arguments))
    }

    fn words<'a>(&'a self, arguments: &'a str) -> Vec<&'a str> {
        let mut words = words(arguments);
        words.extend(["--bootstrap-server", &self.bootstrap]);
        words
    }
}

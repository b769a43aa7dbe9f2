//! A process that listens until it is killed, and says on its standard output what it does.
//!
//! It is this test program once more, told by a variable of its environment what to do.

use crate::block_on;
use kafka_client::config::{AutoOffsetReset, ConsumerConfig};
use kafka_client::listener::{Ack, AckMode, ListenerBuilder, ListenerEvent};
use kafka_client::{Client, ConsumerRecord};
use std::collections::BTreeMap;
use std::io::Write;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const ORDERS: &str = "KAFKA_LISTENER_CHILD";

/// How many records of a partition a process in a manual mode keeps before it acknowledges them, out of order.
pub(crate) const KEPT: usize = 4;

/// What a process is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Orders {
    pub(crate) bootstrap: String,
    pub(crate) topic: String,
    pub(crate) group: String,
    pub(crate) mode: String,
    pub(crate) poll: usize,
}

impl Orders {
    fn text(&self) -> String {
        let Self { bootstrap, topic, group, mode, poll } = self;
        format!("{bootstrap} {topic} {group} {mode} {poll}")
    }

    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split(' ').map(str::to_owned);
        Some(Self {
            bootstrap: parts.next()?,
            topic: parts.next()?,
            group: parts.next()?,
            mode: parts.next()?,
            poll: parts.next()?.parse().ok()?,
        })
    }

    /// `batch`, `time:100` (milliseconds), `count:30`, `count-time:30:100`, ...
    pub(crate) fn ack_mode(&self) -> AckMode {
        let mut parts = self.mode.split(':');
        let name = parts.next().unwrap();
        let mut number = || parts.next().unwrap().parse().unwrap();
        match name {
            "record" => AckMode::Record,
            "batch" => AckMode::Batch,
            "time" => AckMode::Time(Duration::from_millis(number())),
            "count" => AckMode::Count(number()),
            "count-time" => AckMode::CountTime(number(), Duration::from_millis(number())),
            "manual" => AckMode::Manual,
            "manual-immediate" => AckMode::ManualImmediate,
            other => panic!("no mode {other}"),
        }
    }

    /// Starts a process that does this.
    pub(crate) fn start(&self) -> Child {
        Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "listener::child::does_as_it_is_told", "--nocapture"])
            .env(ORDERS, self.text())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap()
    }
}

/// One line, at once: what was written before the process is killed has been said.
fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    out.write_all(format!("{line}\n").as_bytes()).unwrap();
    out.flush().unwrap();
}

#[test]
fn does_as_it_is_told() {
    let Ok(text) = std::env::var(ORDERS) else {
        let name = |text: &str| text.to_owned();
        let (bootstrap, topic, group) = (name("a:1"), name("t"), name("g"));
        let orders = Orders { bootstrap, topic, group, mode: name("count-time:3:4"), poll: 5 };
        assert_eq!(Orders::parse(&orders.text()), Some(orders.clone()));
        assert_eq!(orders.ack_mode(), AckMode::CountTime(3, Duration::from_millis(4)));
        return;
    };
    block_on(listen(Orders::parse(&text).unwrap()));
}

async fn listen(orders: Orders) {
    let client = Client::connect(&orders.bootstrap).await.unwrap();
    // Static members: whoever is started in place of one that was killed need not wait until its session is over.
    let config = ConsumerConfig::default()
        .auto_offset_reset(AutoOffsetReset::Earliest)
        .heartbeat_interval(Duration::from_millis(100))
        .session_timeout(Duration::from_secs(30))
        .group_instance_id("child")
        .max_poll_records(orders.poll);
    let mode = orders.ack_mode();
    let listener = client.listener(&*orders.group).topics([&*orders.topic]).config(config);
    let listener = listener.ack_mode(mode).on_event(|event| match event {
        ListenerEvent::Committed { offsets } => {
            for (which, offset) in offsets {
                say(&format!("committed {} {offset}", which.partition));
            }
        }
        event => say(&format!("# {event:?}")),
    });
    let ended = match mode {
        AckMode::Manual | AckMode::ManualImmediate => acknowledge(listener).await,
        _ => listener.run(handle).await,
    };
    say(&format!("# ended: {ended:?}"));
}

async fn handle(record: ConsumerRecord) {
    // Some time passes, or there is none to be killed in.
    tokio::time::sleep(Duration::from_millis(1)).await;
    say(&format!("handled {} {}", record.partition(), record.offset()));
}

/// Keeps what it is given, and acknowledges several at a time, the second of them last.
async fn acknowledge(listener: ListenerBuilder) -> kafka_client::Result<()> {
    type Kept = BTreeMap<i32, Vec<(i64, Ack)>>;
    let kept: Arc<Mutex<Kept>> = Arc::default();
    listener
        .run_acked(move |record, ack| {
            let kept = kept.clone();
            async move {
                let (partition, offset) = (record.partition(), record.offset());
                handle(record).await;
                let full = {
                    let mut kept = kept.lock().unwrap();
                    let kept = kept.entry(partition).or_default();
                    kept.push((offset, ack));
                    if kept.len() < KEPT {
                        return;
                    }
                    std::mem::take(kept)
                };
                let (second, others) = full.into_iter().partition::<Vec<_>, _>(|(o, _)| o % 4 == 1);
                for (offset, ack) in others.into_iter().chain(second) {
                    say(&format!("acknowledged {partition} {offset}"));
                    ack.acknowledge().await.unwrap();
                }
            }
        })
        .await
}

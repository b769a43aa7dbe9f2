//! What a group of a run is to be like.

use crate::plan::{WAKES, client, request_timeout};
use crate::seed::Random;
use kafka_client::config::{AutoOffsetReset, ClientConfig, ConsumerConfig};
use kafka_client::listener::AckMode;
use std::time::Duration;

pub(crate) const GROUP: &str = "group";

/// How a member commits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Commits {
    /// `enable.auto.commit`.
    Automatic,
    /// After each batch, and waits for it.
    Waiting,
    /// After each batch, and goes on.
    Async,
    /// Of each partition, whenever it likes.
    Explicit,
}

#[derive(Clone, Debug)]
pub(crate) struct GroupPlan {
    pub(crate) cooperative: bool,
    pub(crate) members: Vec<MemberPlan>,
}

#[derive(Clone, Debug)]
pub(crate) struct MemberPlan {
    pub(crate) client: ClientConfig,
    pub(crate) config: ConsumerConfig,
    pub(crate) commits: Commits,
    /// It is a listener container with this mode, and not a consumer.
    pub(crate) listens: Option<AckMode>,
    /// Its handler takes the records of a poll at once.
    pub(crate) batches: bool,
    /// What its handler acknowledges later, it does so after this time, at most.
    pub(crate) acks_late_ms: u64,
    /// Handled records that its death may leave uncommitted in a partition, if its mode says so.
    pub(crate) repeats: Option<u64>,
    /// For how long it stands still when it does.
    pub(crate) standstill: Duration,
    /// For how long it is off the network when it is.
    pub(crate) cut: Duration,
    /// What a life lasts, at most.
    pub(crate) life_ms: u64,
    /// How long a record takes, at most.
    pub(crate) handling_ms: u64,
    /// Wake-ups per second that there is reason for.
    pub(crate) wakes: u64,
}

impl MemberPlan {
    pub(crate) fn is_static(&self) -> bool {
        self.config.is_set("group.instance.id")
    }

    /// Whether a record is done when it is acknowledged, and not when it is handled.
    pub(crate) fn acknowledges(&self) -> bool {
        matches!(self.listens, Some(AckMode::Manual | AckMode::ManualImmediate))
    }
}

impl GroupPlan {
    pub(crate) fn draw(random: &mut Random) -> Self {
        let cooperative = random.percent(50);
        let members = random.within(1..=4);
        let members = (0..members).map(|slot| member(random, slot, cooperative)).collect();
        Self { cooperative, members }
    }

    /// Handled records of a partition that may wait for more before they are committed.
    pub(crate) fn lag(&self) -> i64 {
        let lags = self.members.iter().map(|member| match member.listens {
            Some(AckMode::Count(count)) => i64::try_from(count).unwrap() - 1,
            _ => 0,
        });
        lags.max().unwrap_or_default()
    }
}

fn member(random: &mut Random, slot: u64, cooperative: bool) -> MemberPlan {
    let ms = Duration::from_millis;
    let session_ms = random.pick(&[600, 2000, 6000]);
    let poll_interval_ms = random.pick(&[1000, 4000]);
    // A member that learns of a rebalance too late to join is expelled.
    let heartbeat_ms = session_ms.min(poll_interval_ms) / random.pick(&[4, 10]);
    let commit_every_ms = random.pick(&[50, 1000]);
    let fetch_wait_ms = random.pick(&[50, 500]);
    let commits =
        random.pick(&[Commits::Automatic, Commits::Waiting, Commits::Async, Commits::Explicit]);
    let most_polled = random.pick(&[1, 7, 500]);
    let strategy = if cooperative { "cooperative-sticky" } else { "range" };
    let mut config = ConsumerConfig::default()
        .group(GROUP)
        .partition_assignment_strategy([strategy])
        .auto_offset_reset(AutoOffsetReset::Earliest)
        .session_timeout(ms(session_ms))
        .heartbeat_interval(ms(heartbeat_ms))
        .max_poll_interval(ms(poll_interval_ms))
        .enable_auto_commit(commits == Commits::Automatic)
        .auto_commit_interval(ms(commit_every_ms))
        .fetch_max_wait(ms(fetch_wait_ms))
        .max_partition_fetch_bytes(random.pick(&[300, 1_048_576]))
        .max_poll_records(most_polled);
    if random.percent(30) {
        config = config.group_instance_id(format!("static-{slot}"));
    }
    let batches = random.percent(30);
    let (listens, repeats) = if random.percent(40) {
        config = config.enable_auto_commit(false);
        let (mode, repeats) = mode(random, most_polled, batches);
        (Some(mode), repeats)
    } else {
        (None, None)
    };
    let request_timeout = request_timeout(random);
    let wakes = WAKES * (1 + 1000 / fetch_wait_ms + 1000 / heartbeat_ms + 1000 / commit_every_ms);
    MemberPlan {
        client: client(random, request_timeout),
        config,
        commits,
        listens,
        batches,
        acks_late_ms: random.pick(&[10, 300]),
        repeats,
        standstill: ms(poll_interval_ms + poll_interval_ms / 10 + random.pick(&[0, 100, 3000])),
        cut: ms(random.pick(&[session_ms / 2, session_ms + 500, session_ms * 2])),
        life_ms: random.pick(&[1000, 5000, 20_000]),
        handling_ms: random.pick(&[0, 0, 5, 100]),
        wakes,
    }
}

/// A mode, and what it lets a death repeat: in the manual ones that is up to whoever acknowledges.
fn mode(random: &mut Random, most_polled: usize, batches: bool) -> (AckMode, Option<u64>) {
    let polled = most_polled as u64;
    let count = random.pick(&[3, 50]);
    let time = Duration::from_millis(random.pick(&[20, 500]));
    match random.word() % 7 {
        0 => (AckMode::Record, Some(if batches { polled } else { 1 })),
        1 => (AckMode::Batch, Some(polled)),
        2 => (AckMode::Time(time), None),
        3 => (AckMode::Count(count), Some(count - 1 + polled)),
        4 => (AckMode::CountTime(count, time), Some(count - 1 + polled)),
        5 => (AckMode::Manual, None),
        _ => (AckMode::ManualImmediate, None),
    }
}

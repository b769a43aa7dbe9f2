//! The faults of a run besides those of the network: what the broker is made to do, drawn from the seed.

use crate::events;
use crate::host::{End, Host};
use crate::plan::Plan;
use crate::seed::{Random, Stream};
use crate::world::{HOST, TOPIC, now_ms};
use kafka_broker_lite::net::sim::SimNet;
use kafka_proto::ErrorCode;
use kafka_proto::api::ApiKey;
use std::sync::Arc;
use std::time::Duration;

/// Which requests faults meet: most of all those that carry records.
const APIS: [ApiKey; 10] = [
    ApiKey::PRODUCE,
    ApiKey::PRODUCE,
    ApiKey::PRODUCE,
    ApiKey::PRODUCE,
    ApiKey::FETCH,
    ApiKey::FETCH,
    ApiKey::METADATA,
    ApiKey::INIT_PRODUCER_ID,
    ApiKey::LIST_OFFSETS,
    ApiKey::API_VERSIONS,
];

/// What a broker answers without having acted. None is a lie that a real one never tells: a broker that has a batch
/// does not say that its sequence number is out of order.
fn errors(api: ApiKey) -> &'static [ErrorCode] {
    match api {
        ApiKey::PRODUCE => &[
            ErrorCode::NOT_LEADER_OR_FOLLOWER,
            ErrorCode::LEADER_NOT_AVAILABLE,
            ErrorCode::NOT_ENOUGH_REPLICAS,
            ErrorCode::REQUEST_TIMED_OUT,
            ErrorCode::KAFKA_STORAGE_ERROR,
            ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
            ErrorCode::UNKNOWN_PRODUCER_ID,
        ],
        ApiKey::FETCH => &[
            ErrorCode::NOT_LEADER_OR_FOLLOWER,
            ErrorCode::LEADER_NOT_AVAILABLE,
            ErrorCode::FENCED_LEADER_EPOCH,
            ErrorCode::UNKNOWN_LEADER_EPOCH,
            ErrorCode::KAFKA_STORAGE_ERROR,
            ErrorCode::OFFSET_NOT_AVAILABLE,
            ErrorCode::REPLICA_NOT_AVAILABLE,
            ErrorCode::FETCH_SESSION_ID_NOT_FOUND,
            ErrorCode::INVALID_FETCH_SESSION_EPOCH,
        ],
        ApiKey::INIT_PRODUCER_ID => &[
            ErrorCode::COORDINATOR_LOAD_IN_PROGRESS,
            ErrorCode::COORDINATOR_NOT_AVAILABLE,
            ErrorCode::CONCURRENT_TRANSACTIONS,
        ],
        ApiKey::LIST_OFFSETS => &[
            ErrorCode::NOT_LEADER_OR_FOLLOWER,
            ErrorCode::OFFSET_NOT_AVAILABLE,
            ErrorCode::FENCED_LEADER_EPOCH,
        ],
        ApiKey::METADATA => &[ErrorCode::LEADER_NOT_AVAILABLE],
        ApiKey::FIND_COORDINATOR => &[ErrorCode::COORDINATOR_NOT_AVAILABLE],
        ApiKey::JOIN_GROUP
        | ApiKey::SYNC_GROUP
        | ApiKey::HEARTBEAT
        | ApiKey::OFFSET_COMMIT
        | ApiKey::OFFSET_FETCH => &COORDINATOR_ERRORS,
        _ => &[],
    }
}

/// What a broker answers to a Produce that it has acted on.
const ERRORS_AFTER: [ErrorCode; 5] = [
    ErrorCode::NOT_ENOUGH_REPLICAS_AFTER_APPEND,
    ErrorCode::REQUEST_TIMED_OUT,
    ErrorCode::NOT_LEADER_OR_FOLLOWER,
    ErrorCode::KAFKA_STORAGE_ERROR,
    ErrorCode::UNKNOWN_SERVER_ERROR,
];

/// What a coordinator answers that is not, or not yet, or no longer, in charge.
const COORDINATOR_ERRORS: [ErrorCode; 3] = [
    ErrorCode::COORDINATOR_LOAD_IN_PROGRESS,
    ErrorCode::COORDINATOR_NOT_AVAILABLE,
    ErrorCode::NOT_COORDINATOR,
];

/// The kinds of faults, as `Weights::all` has them.
const KINDS: [&str; 12] = [
    "error",
    "error after",
    "delay",
    "lost reply",
    "hang",
    "drop",
    "stop",
    "epoch",
    "clean stop",
    "kill",
    "power loss",
    "coordinator",
];

/// Those of groups, where there is one.
const GROUP_APIS: [ApiKey; 8] = [
    ApiKey::FIND_COORDINATOR,
    ApiKey::JOIN_GROUP,
    ApiKey::SYNC_GROUP,
    ApiKey::HEARTBEAT,
    ApiKey::LEAVE_GROUP,
    ApiKey::OFFSET_COMMIT,
    ApiKey::OFFSET_COMMIT,
    ApiKey::OFFSET_FETCH,
];

/// Makes faults for as long as the plan says, and leaves the broker running.
pub(crate) async fn run(seed: u64, plan: Arc<Plan>, net: SimNet, host: Host) {
    let until_ms = now_ms() + plan.faulty_ms;
    let mut random = Random::new(seed, Stream::Faults, 0);
    let weights = plan.weights.all();
    let sum: u64 = weights.iter().sum();
    loop {
        let left_ms = until_ms.saturating_sub(now_ms());
        let pause_ms = if sum == 0 { left_ms } else { random.within(1..=plan.fault_every_ms) };
        tokio::time::sleep(Duration::from_millis(pause_ms.min(left_ms))).await;
        if now_ms() >= until_ms {
            return;
        }
        let mut drawn = random.word() % sum;
        let kind = weights.iter().position(|weight| {
            let here = drawn < *weight;
            drawn = drawn.saturating_sub(*weight);
            here
        });
        fault(kind.unwrap_or_default(), &mut random, &plan, &net, &host).await;
    }
}

async fn fault(kind: usize, random: &mut Random, plan: &Plan, net: &SimNet, host: &Host) {
    let Some(control) = host.control() else { return };
    let groups = plan.group.is_some() && random.percent(50);
    let api = if groups { random.pick(&GROUP_APIS) } else { random.pick(&APIS) };
    let (skip, times) = (random.within(0..=3), random.within(1..=3));
    let longest = random.pick(&[100, 5000]);
    let wait = Duration::from_millis(random.within(1..=longest));
    let rule = control.on(api).skip(skip).times(times);
    let name = KINDS[kind];
    events::tell(|| format!("fault: {name}, {api}, after {skip}, times {times}, {wait:?}"));
    match kind {
        0 if errors(api).is_empty() => rule.times(0).drop_connection(),
        0 => rule.error(random.pick(errors(api))),
        1 if api == ApiKey::OFFSET_COMMIT => {
            rule.handle_then_error(random.pick(&COORDINATOR_ERRORS));
        }
        1 => {
            let rule = control.on(ApiKey::PRODUCE).skip(skip).times(times);
            rule.handle_then_error(random.pick(&ERRORS_AFTER));
        }
        2 if random.percent(50) => rule.delay(wait),
        2 => rule.delay_reply(wait),
        3 => rule.lose_reply(),
        4 => rule.hang(),
        5 => rule.drop_connection(),
        6 => {
            net.stop(HOST);
            tokio::time::sleep(wait).await;
            net.start(HOST);
        }
        8 => host.crash(End::Stop, wait, random).await,
        9 => host.crash(End::Kill, wait, random).await,
        10 => host.crash(End::PowerLoss, wait, random).await,
        11 => host.restart_coordinator(),
        _ => {
            let last = u64::try_from(plan.partitions - 1).unwrap();
            let partition = i32::try_from(random.within(0..=last)).unwrap();
            control.raise_leader_epoch(TOPIC, partition);
        }
    }
}

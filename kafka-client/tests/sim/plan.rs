//! What a run is to be like, drawn from its seed: how many clients with which settings, and which faults.

use crate::content::Sizes;
use crate::groups::plan::GroupPlan;
use crate::history::Promise;
use crate::seed::{Random, Stream};
use kafka_broker_lite::net::sim::Faults;
use kafka_client::config::{Acks, AutoOffsetReset, ClientConfig, ConsumerConfig, ProducerConfig};
use std::ops::RangeInclusive;
use std::time::Duration;

/// How the producer ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// `close(timeout)` while faults go on.
    CloseUnderFaults(Duration),
    /// Dropped while faults go on, without a word.
    Drop,
    /// Flushed and closed when everything is healed.
    Healed,
}

#[derive(Clone, Debug)]
pub(crate) struct ProducerPlan {
    pub(crate) client: ClientConfig,
    pub(crate) config: ProducerConfig,
    pub(crate) promise: Promise,
    pub(crate) ending: Ending,
    pub(crate) records: u32,
    /// How long a send may take in all, whatever happens.
    pub(crate) patience: Duration,
}

#[derive(Clone, Debug)]
pub(crate) struct ConsumerPlan {
    pub(crate) client: ClientConfig,
    pub(crate) config: ConsumerConfig,
    /// Wake-ups per second that there is reason for.
    pub(crate) wakes: u64,
}

/// How likely each kind of fault is, in relation to the others; 0 in some runs, so that faults are met alone, too.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Weights {
    pub(crate) errors: u64,
    pub(crate) errors_after: u64,
    pub(crate) delays: u64,
    pub(crate) lost_replies: u64,
    pub(crate) hangs: u64,
    pub(crate) drops: u64,
    pub(crate) stops: u64,
    pub(crate) epochs: u64,
    pub(crate) clean_stops: u64,
    pub(crate) kills: u64,
    pub(crate) power_losses: u64,
    pub(crate) coordinators: u64,
}

impl Weights {
    pub(crate) const fn all(&self) -> [u64; 12] {
        let Self {
            errors, errors_after, delays, lost_replies, hangs, drops, stops, epochs, ..
        } = *self;
        let Self { clean_stops, kills, power_losses, coordinators, .. } = *self;
        [
            errors,
            errors_after,
            delays,
            lost_replies,
            hangs,
            drops,
            stops,
            epochs,
            clean_stops,
            kills,
            power_losses,
            coordinators,
        ]
    }
}

/// How often something wakes up over a request and its answer, at most: tasks, and bytes on their way.
pub(crate) const WAKES: u64 = 20;

/// Where the broker keeps its logs.
#[derive(Clone, Debug)]
pub(crate) enum Storage {
    Memory,
    Disk {
        /// `log.flush.interval.messages`, unless it is Kafka's default.
        flush: Option<&'static str>,
        segment_bytes: u64,
        /// How long a sync takes.
        sync_ms: RangeInclusive<u64>,
    },
}

#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) partitions: i32,
    pub(crate) storage: Storage,
    pub(crate) sizes: Sizes,
    pub(crate) message_max_bytes: usize,
    pub(crate) network: Faults,
    pub(crate) weights: Weights,
    /// From one fault to the next, at most.
    pub(crate) fault_every_ms: u64,
    /// How long faults go on.
    pub(crate) faulty_ms: u64,
    pub(crate) producers: Vec<ProducerPlan>,
    pub(crate) consumers: Vec<ConsumerPlan>,
    pub(crate) group: Option<GroupPlan>,
}

impl Plan {
    /// Whether nothing may be acknowledged or read before it is synced.
    pub(crate) fn flushed(&self) -> bool {
        matches!(self.storage, Storage::Disk { flush: Some("1"), .. })
    }

    /// Whether what was acknowledged may be lost, with the power.
    pub(crate) fn loses(&self) -> bool {
        self.weights.power_losses > 0 && !self.flushed()
    }

    pub(crate) fn draw(seed: u64) -> Self {
        let mut random = Random::new(seed, Stream::Plan, 0);
        let random = &mut random;
        let sizes = Sizes {
            usual: random.pick(&[0, 20, 100, 1000]),
            largest: random.pick(&[100, 3000, 30_000, 200_000]),
        };
        let group = random.percent(50).then(|| GroupPlan::draw(random));
        let storage = storage(random, group.is_some());
        let producers = random.within(1..=3);
        let consumers = random.within(1..=2);
        Self {
            partitions: random.pick(&[1, 1, 2, 3, 5]),
            sizes,
            message_max_bytes: random.pick(&[1_048_588, 1_048_588, 20_000, 2000]),
            network: network(seed, random),
            weights: weights(random, &storage, group.is_some()),
            storage,
            group,
            fault_every_ms: random.pick(&[100, 500, 2000]),
            faulty_ms: random.within(2000..=20_000),
            producers: (0..producers).map(|_| producer(random)).collect(),
            consumers: (0..consumers).map(|_| consumer(random)).collect(),
        }
    }
}

fn network(seed: u64, random: &mut Random) -> Faults {
    let drawn = Faults::drawn(Random::new(seed, Stream::Network, 0).word());
    Faults {
        cut_within_bytes: random.pick(&[3000, 30_000, 300_000]),
        stall_ms: 1..=random.pick(&[1000, 8000]),
        slow_bytes_per_ms: 1..=random.pick(&[20, 1000]),
        ..drawn
    }
}

/// Commits of a group are as good as the records that they count: of both, nothing may be lost.
fn storage(random: &mut Random, has_group: bool) -> Storage {
    if random.percent(40) {
        return Storage::Memory;
    }
    let flush = random.pick(&[Some("1"), Some("1"), Some("20"), None]);
    Storage::Disk {
        flush: if has_group { Some("1") } else { flush },
        segment_bytes: random.pick(&[1_048_576, 1_073_741_824]),
        sync_ms: 0..=random.pick(&[0, 3, 100]),
    }
}

fn weights(random: &mut Random, storage: &Storage, has_group: bool) -> Weights {
    let mut weight = || if random.percent(60) { random.within(1..=10) } else { 0 };
    let mut crash = || weight() * u64::from(matches!(storage, Storage::Disk { .. }));
    let (clean_stops, kills, power_losses) = (crash(), crash(), crash());
    Weights {
        clean_stops,
        kills,
        power_losses,
        coordinators: weight() * u64::from(has_group),
        errors: weight(),
        errors_after: weight(),
        delays: weight(),
        lost_replies: weight(),
        hangs: weight(),
        drops: weight(),
        stops: weight(),
        epochs: weight(),
    }
}

pub(crate) fn client(random: &mut Random, request_timeout: Duration) -> ClientConfig {
    let ms = Duration::from_millis;
    ClientConfig::default()
        .bootstrap_servers([crate::world::HOST])
        .request_timeout(request_timeout)
        .retry_backoff(ms(random.pick(&[1, 20, 100])))
        .retry_backoff_max(ms(random.pick(&[100, 1000])))
        .reconnect_backoff(ms(random.pick(&[1, 50])))
        .reconnect_backoff_max(ms(random.pick(&[50, 1000])))
        .socket_connection_setup_timeout(ms(random.pick(&[500, 2000])))
        .metadata_max_age(ms(random.pick(&[500, 5000, 300_000])))
}

pub(crate) fn request_timeout(random: &mut Random) -> Duration {
    Duration::from_millis(random.pick(&[600, 1500, 5000]))
}

fn producer(random: &mut Random) -> ProducerPlan {
    let ms = Duration::from_millis;
    let request_timeout = request_timeout(random);
    let client = client(random, request_timeout);
    let linger = ms(random.pick(&[0, 0, 5, 50]));
    let patient = ms(random.pick(&[0, 2000, 20_000, 120_000]));
    let timeout = request_timeout + linger + patient;
    let codec = random.pick(&["none", "none", "gzip", "snappy", "lz4", "zstd"]);
    let max_block = ms(random.pick(&[200, 3000, 60_000]));
    let config = ProducerConfig::default()
        .linger(linger)
        .delivery_timeout(timeout)
        .batch_size(random.pick(&[1, 200, 1000, 16_384]))
        .buffer_memory(random.pick(&[4000, 30_000, 33_554_432]))
        .max_block(max_block)
        .max_request_size(random.pick(&[1_048_576, 1_048_576, 10_000]))
        .max_in_flight_requests_per_connection(random.size(1..=5))
        .set("compression.type", codec)
        .unwrap();
    let (promise, config) = match random.word() % 12 {
        0 => (Promise::AtLeastOnce, config.enable_idempotence(false)),
        1 => (Promise::AtLeastOnce, config.acks(Acks::Leader)),
        2 => (Promise::AtMostOnce, config.retries(0)),
        3 => (Promise::Unacknowledged, config.acks(Acks::None)),
        _ => (Promise::ExactlyOnce, config),
    };
    let ending = match random.word() % 8 {
        0 => Ending::Drop,
        1 | 2 => Ending::CloseUnderFaults(ms(random.pick(&[0, 100, 2000, 30_000]))),
        _ => Ending::Healed,
    };
    let records = u32::try_from(random.within(10..=300)).unwrap();
    let patience = timeout + max_block * 2 + ms(30_000);
    ProducerPlan { client, config, promise, ending, records, patience }
}

fn consumer(random: &mut Random) -> ConsumerPlan {
    let ms = Duration::from_millis;
    let fetch_wait_ms = random.pick(&[10, 500]);
    let config = ConsumerConfig::default()
        .auto_offset_reset(AutoOffsetReset::Earliest)
        .fetch_max_wait(ms(fetch_wait_ms))
        .fetch_min_bytes(random.pick(&[1, 1, 200]))
        .fetch_max_bytes(random.pick(&[1000, 50_000, 52_428_800]))
        .max_partition_fetch_bytes(random.pick(&[300, 10_000, 1_048_576]))
        .max_poll_records(random.pick(&[1, 7, 500]))
        .consumer_buffer_memory(random.pick(&[1000, 100_000, 67_108_864]));
    let request_timeout = request_timeout(random);
    let wakes = WAKES * (1 + 1000 / fetch_wait_ms);
    ConsumerPlan { client: client(random, request_timeout), config, wakes }
}

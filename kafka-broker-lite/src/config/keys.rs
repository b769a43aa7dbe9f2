//! Which of Kafka's broker settings change nothing here, and why.

use crate::metadata::BROKER_CONFIGS;

const CONTROLLER: &str = "this broker is its own controller";
const COPIES: &str = "there is one broker, so nothing is replicated or moved";
const DISK: &str = "log directories are recovered by one thread, and one that fails stays offline";
const CHECKPOINTS: &str = "checkpoints are written every minute and when the broker stops";
const THREADS: &str = "one thread does everything";
const SOCKETS: &str = "sockets keep the buffers that the system gives them";
const CLEANER: &str = "one log is cleaned at a time, in small steps between requests";
const GROUPS: &str = "groups of the consumer protocol are not served";
const OFFSETS: &str = "the log of groups is written at once, as it is";
const SHARE: &str = "share groups are not served";
const TRANSACTIONS: &str = "transactions are not served";
const SECURITY: &str = "only plain-text listeners are served";
const QUOTAS: &str = "there are no quotas";
const TIERS: &str = "there is no tiered storage";
const METRICS: &str = "there are no metrics reporters";
const ZOOKEEPER: &str = "no Kafka since 4.0 uses ZooKeeper";

/// Settings that change nothing, by name or, where it ends in a dot, by what the name begins with; and why.
const IGNORED: &[(&str, &str)] = &[
    ("auto.leader.rebalance.enable", COPIES),
    ("background.threads", THREADS),
    ("broker.heartbeat.interval.ms", CONTROLLER),
    ("broker.session.timeout.ms", CONTROLLER),
    ("client.quota.", QUOTAS),
    ("compression.", "batches keep the compression they are sent with"),
    ("connection.failed.authentication.delay.ms", SECURITY),
    ("connections.max.reauth.ms", SECURITY),
    ("controlled.shutdown.", CONTROLLER),
    ("controller.", CONTROLLER),
    ("delegation.token.", SECURITY),
    ("group.consumer.", GROUPS),
    ("group.coordinator.", THREADS),
    ("group.share.", SHARE),
    ("group.streams.", "streams groups are not served"),
    ("initial.broker.registration.timeout.ms", CONTROLLER),
    ("kafka.metrics.", METRICS),
    ("leader.imbalance.", COPIES),
    ("log.cleaner.dedupe.buffer.size", CLEANER),
    ("log.cleaner.enable", CLEANER),
    ("log.cleaner.io.buffer.load.factor", CLEANER),
    ("log.cleaner.io.buffer.size", CLEANER),
    ("log.cleaner.io.max.bytes.per.second", CLEANER),
    ("log.cleaner.threads", CLEANER),
    ("log.dir.failure.timeout.ms", DISK),
    ("log.flush.offset.checkpoint.interval.ms", CHECKPOINTS),
    ("log.flush.scheduler.interval.ms", "logs are flushed when log.flush.interval.ms says so"),
    ("log.flush.start.offset.checkpoint.interval.ms", CHECKPOINTS),
    ("log.initial.task.delay.ms", DISK),
    ("log.local.retention.", TIERS),
    ("log.preallocate", "files grow with what is in them"),
    ("log.remote.", TIERS),
    ("log.roll.jitter.", "segments of one broker need not roll apart"),
    ("metadata.log.dir", "the metadata log lies in the first of log.dirs, or where it was found"),
    ("metadata.log.segment.bytes", CONTROLLER),
    ("metadata.log.segment.ms", CONTROLLER),
    ("metadata.max.", CONTROLLER),
    ("metric.", METRICS),
    ("metrics.", METRICS),
    ("num.io.threads", THREADS),
    ("num.network.threads", THREADS),
    ("num.recovery.threads.per.data.dir", DISK),
    ("num.replica.", COPIES),
    ("offsets.commit.timeout.ms", OFFSETS),
    ("offsets.load.buffer.size", OFFSETS),
    ("offsets.topic.compression.codec", OFFSETS),
    ("offsets.topic.replication.factor", COPIES),
    ("queued.max.", THREADS),
    ("quota.", QUOTAS),
    ("remote.", TIERS),
    ("replica.", COPIES),
    ("replication.quota.", QUOTAS),
    ("request.timeout.ms", COPIES),
    ("sasl.", SECURITY),
    ("security.inter.broker.protocol", SECURITY),
    ("server.max.startup.time.ms", CONTROLLER),
    ("share.", SHARE),
    ("socket.listen.backlog.size", SOCKETS),
    ("socket.receive.buffer.bytes", SOCKETS),
    ("socket.send.buffer.bytes", SOCKETS),
    ("ssl.", SECURITY),
    ("telemetry.", METRICS),
    ("transaction.", TRANSACTIONS),
    ("transactional.id.expiration.ms", TRANSACTIONS),
    ("unclean.leader.election.", COPIES),
    ("zookeeper.", ZOOKEEPER),
];

/// Why a setting changes nothing, if that is so.
pub(super) fn ignored(key: &str) -> Option<&'static str> {
    let fits = |name: &str| key == name || (name.ends_with('.') && key.starts_with(name));
    IGNORED.iter().find(|(name, _)| fits(name)).map(|(_, why)| *why)
}

/// Every name that can be meant by a mistyped one.
pub(super) fn all() -> impl Iterator<Item = &'static str> {
    let ignored = IGNORED.iter().map(|(name, _)| *name).filter(|name| !name.ends_with('.'));
    BROKER_CONFIGS.iter().map(|definition| definition.name).chain(ignored)
}

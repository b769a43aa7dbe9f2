//! Kafka's names that are no settings here: ignored with a reason, or refused with one.
//!
//! Refused is what would break a promise if it were ignored. The settings proper are in their configs.

use super::{ClientConfig, ConsumerConfig, ProducerConfig, Settings as _};

/// Whose setting it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Of all that is made from one client.
    Client,
    Producer,
    Consumer,
}

impl Role {
    pub(super) fn config(self) -> &'static str {
        match self {
            Self::Client => "ClientConfig",
            Self::Producer => "ProducerConfig",
            Self::Consumer => "ConsumerConfig",
        }
    }
}

/// What happens to a setting that is Kafka's but not ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Ignored,
    Refused,
}
use Role::{Client, Consumer, Producer};
use Verdict::{Ignored, Refused};

/// Settings with one fate.
pub(super) struct Other {
    pub(super) role: Role,
    pub(super) verdict: Verdict,
    /// Names, with white space between them.
    keys: &'static str,
    /// The value that asks for nothing else than what happens anyway: it passes without a word.
    as_is: Option<&'static str>,
    pub(super) reason: &'static str,
}

impl Other {
    const fn new(role: Role, verdict: Verdict, keys: &'static str, reason: &'static str) -> Self {
        Self { role, verdict, keys, as_is: None, reason }
    }

    const fn unless(mut self, value: &'static str) -> Self {
        self.as_is = Some(value);
        self
    }

    pub(super) fn passes(&self, value: &str) -> bool {
        self.as_is.is_some_and(|as_is| as_is.eq_ignore_ascii_case(value.trim()))
    }
}

const OTHERS: &[Other] = &[
    Other::new(
        Client,
        Refused,
        "security.protocol",
        "this version speaks PLAINTEXT only, neither TLS nor SASL",
    )
    .unless("PLAINTEXT"),
    Other::new(
        Client,
        Refused,
        "client.dns.lookup",
        "canonical names serve Kerberos only, which this version does not speak; \
         use_all_dns_ips is what happens",
    )
    .unless("use_all_dns_ips"),
    Other::new(
        Client,
        Refused,
        "bootstrap.controllers",
        "controllers are not asked directly by this version; set bootstrap.servers",
    )
    .unless(""),
    Other::new(
        Client,
        Refused,
        PROVIDERS,
        "values are taken as they stand: variables in them are not replaced",
    )
    .unless(""),
    Other::new(
        Client,
        Ignored,
        "enable.metrics.push",
        "metrics are not pushed to the brokers by this version",
    )
    .unless("false"),
    Other::new(
        Client,
        Ignored,
        "metric.reporters interceptor.classes security.providers",
        "it names Java classes",
    ),
    Other::new(
        Client,
        Ignored,
        "metrics.num.samples metrics.recording.level metrics.sample.window.ms",
        "it is about the metrics of a JVM",
    ),
    Other::new(
        Client,
        Ignored,
        SECURITY,
        "it has no effect with security.protocol=PLAINTEXT, the only one this version speaks",
    ),
    Other::new(
        Client,
        Ignored,
        "metadata.cluster.check.enable",
        "brokers are not asked which cluster they belong to by this version",
    )
    .unless("false"),
    Other::new(
        Client,
        Ignored,
        "metadata.recovery.strategy",
        "this client always goes back to bootstrap.servers when no other broker answers",
    )
    .unless("rebootstrap"),
    Other::new(
        Client,
        Ignored,
        "metadata.recovery.rebootstrap.trigger.ms",
        "this client goes back to bootstrap.servers as soon as no other broker answers",
    ),
    Other::new(
        Client,
        Ignored,
        "bootstrap.resolve.timeout.ms",
        "names are resolved anew with each attempt to connect",
    ),
    Other::new(Producer, Refused, "transactional.id", "transactions are not part of this version"),
    Other::new(
        Producer,
        Ignored,
        "transaction.timeout.ms transaction.two.phase.commit.enable",
        "it has an effect only with transactional.id",
    ),
    Other::new(
        Producer,
        Ignored,
        "key.serializer value.serializer",
        "it names a Java class; keys and values are bytes here, made before a record is sent",
    ),
    Other::new(
        Producer,
        Refused,
        PARTITIONER,
        "it names a Java class; a partitioner of your own is given in code",
    )
    .unless("org.apache.kafka.clients.producer.internals.DefaultPartitioner"),
    Other::new(
        Producer,
        Ignored,
        "partitioner.rack.aware",
        "racks do not count in the choice of partitions by this version",
    )
    .unless("false"),
    Other::new(
        Producer,
        Ignored,
        "partitioner.adaptive.partitioning.enable",
        "slow brokers get as many records without a key as others in this version",
    )
    .unless("false"),
    Other::new(
        Producer,
        Ignored,
        "partitioner.availability.timeout.ms",
        "brokers are not avoided by this version",
    )
    .unless("0"),
    Other::new(
        Producer,
        Ignored,
        "metadata.max.idle.ms",
        "topics are remembered as long as the client lives",
    ),
    Other::new(
        Producer,
        Ignored,
        "buffer.memory.allocation.strategy",
        "it is about the memory of a JVM",
    ),
    Other::new(
        Producer,
        Ignored,
        "compression.lz4.level",
        "the lz4 encoder has a single level here",
    ),
    Other::new(
        Consumer,
        Ignored,
        "key.deserializer value.deserializer",
        "it names a Java class; keys and values are handed out as the bytes they are",
    ),
    Other::new(
        Consumer,
        Refused,
        "share.acknowledgement.mode share.acquire.mode",
        "share groups are not part of this version",
    ),
    Other::new(
        Consumer,
        Ignored,
        "internal.throw.on.fetch.stable.offset.unsupported",
        "it is internal to the Java client",
    ),
];

const PROVIDERS: &str = "config.providers";
const PARTITIONER: &str = "partitioner.class";

/// What TLS and SASL need.
const SECURITY: &str = "
    sasl.client.callback.handler.class sasl.jaas.config sasl.kerberos.kinit.cmd
    sasl.kerberos.min.time.before.relogin sasl.kerberos.service.name
    sasl.kerberos.ticket.renew.jitter sasl.kerberos.ticket.renew.window.factor
    sasl.login.callback.handler.class sasl.login.class sasl.login.connect.timeout.ms
    sasl.login.read.timeout.ms sasl.login.refresh.buffer.seconds
    sasl.login.refresh.min.period.seconds sasl.login.refresh.window.factor
    sasl.login.refresh.window.jitter sasl.login.retry.backoff.max.ms sasl.login.retry.backoff.ms
    sasl.mechanism sasl.oauthbearer.allow.unverified.audience
    sasl.oauthbearer.allow.unverified.issuer sasl.oauthbearer.assertion.algorithm
    sasl.oauthbearer.assertion.claim.aud sasl.oauthbearer.assertion.claim.exp.seconds
    sasl.oauthbearer.assertion.claim.iss sasl.oauthbearer.assertion.claim.jti.include
    sasl.oauthbearer.assertion.claim.nbf.seconds sasl.oauthbearer.assertion.claim.sub
    sasl.oauthbearer.assertion.file sasl.oauthbearer.assertion.private.key.file
    sasl.oauthbearer.assertion.private.key.passphrase sasl.oauthbearer.assertion.template.file
    sasl.oauthbearer.client.credentials.client.id
    sasl.oauthbearer.client.credentials.client.secret sasl.oauthbearer.clock.skew.seconds
    sasl.oauthbearer.expected.audience sasl.oauthbearer.expected.issuer
    sasl.oauthbearer.header.urlencode sasl.oauthbearer.jwks.endpoint.refresh.ms
    sasl.oauthbearer.jwks.endpoint.retry.backoff.max.ms
    sasl.oauthbearer.jwks.endpoint.retry.backoff.ms sasl.oauthbearer.jwks.endpoint.url
    sasl.oauthbearer.jwt.retriever.class sasl.oauthbearer.jwt.validator.class
    sasl.oauthbearer.scope sasl.oauthbearer.scope.claim.name sasl.oauthbearer.sub.claim.name
    sasl.oauthbearer.token.endpoint.url
    ssl.cipher.suites ssl.enabled.protocols ssl.endpoint.identification.algorithm
    ssl.engine.factory.class ssl.key.password ssl.keymanager.algorithm
    ssl.keystore.certificate.chain ssl.keystore.key ssl.keystore.location ssl.keystore.password
    ssl.keystore.type ssl.protocol ssl.provider ssl.secure.random.implementation
    ssl.trustmanager.algorithm ssl.truststore.certificates ssl.truststore.location
    ssl.truststore.password ssl.truststore.type";

/// What becomes of `key`, if it is Kafka's and no setting here.
pub(super) fn other(key: &str) -> Option<&'static Other> {
    // Every provider brings settings of its own, under a name that the user chooses.
    let provider = key.strip_prefix(PROVIDERS).is_some_and(|rest| rest.starts_with('.'));
    let key = if provider { PROVIDERS } else { key };
    OTHERS.iter().find(|other| other.keys.split_whitespace().any(|name| name == key))
}

/// Every name that is known.
pub(super) fn known() -> impl Iterator<Item = &'static str> {
    let settings = [ClientConfig::KEYS, ProducerConfig::KEYS, ConsumerConfig::KEYS];
    let others = OTHERS.iter().flat_map(|other| other.keys.split_whitespace());
    settings.into_iter().flatten().copied().chain(others)
}

/// Java classes that only say what a setting of ours says too.
pub(super) fn translate<'a>(key: &'a str, value: &'a str) -> (&'a str, &'a str) {
    const STICKY: &str = "org.apache.kafka.clients.producer.UniformStickyPartitioner";
    if key == PARTITIONER && value.trim() == STICKY {
        return ("partitioner.ignore.keys", "true");
    }
    (key, value)
}

//! Every name and default of Kafka 4.4, and what is said to a person when a setting is wrong.

use super::*;
use crate::config::{Acks, AutoOffsetReset};
use kafka_proto::records::Compression;
use std::collections::BTreeSet;
use std::time::Duration;

/// Every setting of Kafka 4.4's producer, consumer and admin: name, who has it, default.
const KAFKA: &str = include_str!("kafka-4.4-keys.tsv");

fn kafka() -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
    KAFKA.lines().map(|line| {
        let mut columns = line.split('\t');
        let mut next = || columns.next().unwrap();
        (next(), next(), next())
    })
}

fn ours(key: &str) -> Option<String> {
    ClientConfig::default()
        .get(key)
        .or_else(|| ProducerConfig::default().get(key))
        .or_else(|| ConsumerConfig::default().get(key))
}

#[track_caller]
fn complaint<T: std::fmt::Debug>(result: Result<T, ConfigError>, text: &str) {
    assert_eq!(result.unwrap_err().to_string(), text);
}

#[test]
fn every_setting_of_kafka_is_taken_ignored_or_refused_with_a_reason() {
    let (mut taken, mut judged) = (0, 0);
    for (key, roles, _) in kafka() {
        match (ours(key), keys::other(key)) {
            (Some(_), None) => taken += 1,
            (None, Some(other)) => {
                assert!(!other.reason.is_empty(), "{key}");
                judged += 1;
            }
            (ours, other) => {
                panic!("{key} of {roles}: {ours:?}, {:?}", other.map(|other| other.reason));
            }
        }
    }
    assert!(taken > 50 && judged > 80, "{taken} taken, {judged} judged");
}

#[test]
fn names_and_defaults_are_kafkas() {
    // Where Java's roles differ, one of them has our default.
    let mut differ = BTreeSet::new();
    let names: BTreeSet<_> = kafka().map(|(key, ..)| key).collect();
    for key in names {
        let Some(ours) = ours(key) else { continue };
        let mut defaults = kafka().filter(|(name, ..)| *name == key).map(|(.., default)| default);
        if !defaults.any(|default| default == ours || default == "null" && ours.is_empty()) {
            differ.insert(key);
        }
    }
    assert_eq!(differ, BTreeSet::from(["receive.buffer.bytes", "send.buffer.bytes"]));

    let kafkas: BTreeSet<_> = kafka().map(|(key, ..)| key).collect();
    let not_kafkas: Vec<_> = keys::known().filter(|key| !kafkas.contains(key)).collect();
    assert_eq!(not_kafkas, ["consumer.buffer.memory"]);
}

fn set_all_to_their_defaults<C: Settings>(get: fn(&C, &str) -> Option<String>) {
    for key in C::KEYS {
        let default = get(&C::default(), key).unwrap();
        // A name that is absent has no text.
        if !default.is_empty() {
            let config = set(C::default(), key, &default).unwrap();
            config.check_values().unwrap();
            assert_eq!(get(&config, key).as_ref(), Some(&default), "{key}");
        }
    }
}

#[test]
fn a_default_is_a_value_that_text_could_have() {
    set_all_to_their_defaults(ClientConfig::get);
    set_all_to_their_defaults(ProducerConfig::get);
    set_all_to_their_defaults(ConsumerConfig::get);
}

const ONE_TEXT: &str = "
# All roles read this.
bootstrap.servers = kafka-1:9092, kafka-2:9092
security.protocol = PLAINTEXT
acks = 1
linger.ms = 20
connections.max.idle.ms = -1
key.serializer = org.apache.kafka.common.serialization.StringSerializer
key.deserializer = org.apache.kafka.common.serialization.StringDeserializer
ssl.truststore.location = trust.jks
group.id = billing
auto.offset.reset = by_duration:PT1H30M
";

#[test]
fn one_text_serves_every_role() {
    let client = ClientConfig::from_properties(ONE_TEXT).unwrap();
    assert_eq!(client.bootstrap_servers, ["kafka-1:9092", "kafka-2:9092"]);
    assert_eq!(client.connections_max_idle, Duration::from_millis(i64::MAX.unsigned_abs()));
    assert!(client.is_set("bootstrap.servers") && !client.is_set("client.id"));

    let producer = ProducerConfig::from_properties(ONE_TEXT).unwrap();
    assert_eq!((producer.acks, producer.linger), (Acks::Leader, Duration::from_millis(20)));
    assert!(!producer.is_idempotent());

    let consumer = ConsumerConfig::from_properties(ONE_TEXT).unwrap();
    assert_eq!(consumer.group.as_deref(), Some("billing"));
    let age = Duration::from_secs(90 * 60);
    assert_eq!(consumer.auto_offset_reset, AutoOffsetReset::ByDuration(age));
}

#[test]
fn what_is_ignored_is_said_by_the_role_it_is_of() {
    let text = |warnings: &[ConfigWarning]| {
        warnings.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    };
    let client = ClientConfig::from_properties(ONE_TEXT).unwrap();
    assert_eq!(
        text(client.warnings()),
        "ssl.truststore.location (line 10) is ignored: it has no effect with \
         security.protocol=PLAINTEXT, the only one this version speaks"
    );
    let producer = ProducerConfig::from_properties(ONE_TEXT).unwrap();
    assert_eq!(
        text(producer.warnings()),
        "key.serializer (line 8) is ignored: it names a Java class; keys and values are bytes \
         here, made before a record is sent"
    );
    let consumer = ConsumerConfig::from_properties(ONE_TEXT).unwrap();
    assert_eq!(consumer.warnings().len(), 1);
    let consumer = consumer.set("metric.reporters", "x").unwrap();
    assert_eq!(
        consumer.warnings()[1].to_string(),
        "metric.reporters is ignored: it names Java classes"
    );
}

#[test]
fn what_asks_for_what_happens_anyway_passes() {
    let text = "security.protocol=plaintext\nclient.dns.lookup=use_all_dns_ips\n\
                metadata.recovery.strategy=rebootstrap\nenable.metrics.push=false\n\
                partitioner.class=org.apache.kafka.clients.producer.internals.DefaultPartitioner";
    assert_eq!(ClientConfig::from_properties(text).unwrap().warnings(), []);
    assert_eq!(ProducerConfig::from_properties(text).unwrap().warnings(), []);

    let sticky = "org.apache.kafka.clients.producer.UniformStickyPartitioner";
    let producer = ProducerConfig::default().set("partitioner.class", sticky).unwrap();
    assert!(producer.partitioner_ignore_keys);
}

#[test]
fn an_unknown_name_is_refused_with_the_nearest() {
    let read = ClientConfig::from_properties;
    complaint(
        read("acks=all\nlinger.sm=5"),
        "unknown setting \"linger.sm\" (line 2): did you mean \"linger.ms\"?",
    );
    complaint(
        read("ssl.keystore.pasword=x"),
        "unknown setting \"ssl.keystore.pasword\" (line 1): \
         did you mean \"ssl.keystore.password\"?",
    );
    complaint(
        read("spring.kafka.template.default-topic=x"),
        "unknown setting \"spring.kafka.template.default-topic\" (line 1): \
         no Kafka client has one of this name",
    );
    complaint(
        ConsumerConfig::default().set("fetch_min_byte", "1"),
        "unknown setting \"fetch_min_byte\": did you mean \"fetch.min.bytes\"?",
    );
}

#[test]
fn what_this_version_cannot_do_is_refused() {
    for (line, text) in [
        (
            "security.protocol=SASL_SSL",
            "security.protocol=SASL_SSL (line 1): this version speaks PLAINTEXT only, \
             neither TLS nor SASL",
        ),
        (
            "transactional.id=orders-1",
            "transactional.id=orders-1 (line 1): transactions are not part of this version",
        ),
        (
            "partitioner.class=org.apache.kafka.clients.producer.RoundRobinPartitioner",
            "partitioner.class=org.apache.kafka.clients.producer.RoundRobinPartitioner (line 1): \
             it names a Java class; a partitioner of your own is given in code",
        ),
        (
            "config.providers.vault.class=Vault",
            "config.providers.vault.class=Vault (line 1): values are taken as they stand: \
             variables in them are not replaced",
        ),
    ] {
        complaint(ConsumerConfig::from_properties(line), text);
    }
}

#[test]
fn a_wrong_value_is_refused_with_what_is_allowed() {
    for (line, text) in [
        ("linger.ms=soon", "linger.ms=soon (line 1): has to be a whole number from 0 to 2^63-1"),
        ("linger.ms=", "linger.ms= (line 1): has to be a whole number from 0 to 2^63-1"),
        ("acks=2", "acks=2 (line 1): has to be one of 0, 1, all, -1"),
        (
            "compression.type=brotli",
            "compression.type=brotli (line 1): has to be one of none, gzip, snappy, lz4, zstd",
        ),
        (
            "compression.gzip.level=0",
            "compression.gzip.level=0 (line 1): has to be -1, or a whole number from 1 to 9",
        ),
        (
            "compression.zstd.level=23",
            "compression.zstd.level=23 (line 1): has to be a whole number from -131072 to 22",
        ),
        ("enable.idempotence=yes", "enable.idempotence=yes (line 1): has to be true or false"),
        ("group.id=", "group.id= (line 1): has to be not empty"),
        (
            "batch.size=2147483648",
            "batch.size=2147483648 (line 1): has to be a whole number from 0 to 2147483647",
        ),
        (
            "max.poll.records=0",
            "max.poll.records=0 (line 1): has to be a whole number from 1 to 2147483647",
        ),
        (
            "auto.offset.reset=by_duration:1h",
            "auto.offset.reset=by_duration:1h (line 1): has to be earliest, latest, none, \
             or by_duration: with a duration like PT1H30M",
        ),
        (
            "bootstrap.servers=a:1,,b:2",
            "bootstrap.servers=a:1,,b:2 (line 1): has to be a list separated by commas, \
             without empty items",
        ),
        (
            "a=\\u00",
            "not a properties text: line 1: \\u has to be followed by four hexadecimal digits",
        ),
    ] {
        complaint(ProducerConfig::from_properties(line), text);
    }
}

#[test]
fn the_level_is_that_of_the_compression() {
    let levels = "compression.gzip.level=9\ncompression.zstd.level=-5\ncompression.type=";
    for (compression, level) in
        [("none", None), ("gzip", Some(9)), ("snappy", None), ("lz4", None), ("zstd", Some(-5))]
    {
        let producer = ProducerConfig::from_properties(&format!("{levels}{compression}")).unwrap();
        assert_eq!(producer.compression_type.name(), compression);
        assert_eq!(producer.compression_level(), level, "{compression}");
    }
    assert_eq!(
        ProducerConfig::default().compression_type(Compression::Gzip).compression_level(),
        None
    );
}

#[test]
fn a_long_value_is_not_shown_in_full() {
    let error = ProducerConfig::default().set("acks", &"ä".repeat(1000)).unwrap_err();
    assert_eq!(error.to_string().len(), "acks=…: has to be one of 0, 1, all, -1".len() + 200);
    assert_eq!(error.key(), Some("acks"));
}

#[test]
fn a_name_of_another_role_is_told_where_it_belongs() {
    complaint(
        ProducerConfig::default().set("request.timeout.ms", "1000"),
        "request.timeout.ms: is a setting of ClientConfig, set it there",
    );
    complaint(
        ClientConfig::default().set("acks", "all"),
        "acks: is a setting of ProducerConfig, set it there",
    );
}

#[test]
fn typed_values_out_of_range_are_found() {
    let client = ClientConfig::default();
    complaint(
        ConsumerConfig::default().max_poll_records(0).validate(),
        "max.poll.records=0: has to be a whole number from 1 to 2147483647",
    );
    complaint(
        ProducerConfig::default().batch_size(usize::MAX).validate(&client),
        "batch.size=18446744073709551615: has to be a whole number from 0 to 2147483647",
    );
    complaint(
        client.clone().request_timeout(Duration::from_secs(3_000_000)).validate(),
        "request.timeout.ms=3000000000: has to be a whole number from 0 to 2147483647",
    );
    complaint(
        client.retry_backoff_max(Duration::MAX).validate(),
        "retry.backoff.max.ms=18446744073709551615999: \
         has to be a whole number from 0 to 2^63-1",
    );
}

#[test]
fn idempotence_gives_way_unless_asked_for() {
    let check = |text: &str| ProducerConfig::from_properties(text).map(|c| c.is_idempotent());
    assert_eq!(check(""), Ok(true));
    assert_eq!(check("acks=-1\nenable.idempotence=true"), Ok(true));
    assert_eq!(check("acks=1"), Ok(false));
    assert_eq!(check("acks=0\nmax.in.flight.requests.per.connection=9"), Ok(false));
    assert_eq!(check("retries=0"), Ok(false));
    assert_eq!(check("enable.idempotence=false"), Ok(false));
    complaint(
        check("acks=1\nenable.idempotence=true"),
        "acks=1: has to be all with enable.idempotence=true",
    );
    complaint(
        check("retries=0\nenable.idempotence=true"),
        "retries=0: has to be at least 1 with enable.idempotence=true",
    );
    complaint(
        check("max.in.flight.requests.per.connection=6"),
        "max.in.flight.requests.per.connection=6: has to be at most 5 with enable.idempotence=true",
    );
}

#[test]
fn a_delivery_has_time_for_one_attempt() {
    complaint(
        ProducerConfig::from_properties("delivery.timeout.ms=20000\nlinger.ms=100"),
        "delivery.timeout.ms=20000: has to be at least 30100: linger.ms=100 and \
         request.timeout.ms=30000 together",
    );
    let text = "delivery.timeout.ms=20000\nrequest.timeout.ms=1000";
    assert!(ProducerConfig::from_properties(text).is_ok());

    // Not set, it grows with the others.
    let client = ClientConfig::default().request_timeout(Duration::from_secs(200));
    let producer = ProducerConfig::default().linger(Duration::ZERO);
    assert_eq!(producer.delivery_timeout_with(&client), Ok(Duration::from_secs(200)));
    let usual = producer.delivery_timeout_with(&ClientConfig::default());
    assert_eq!(usual, Ok(Duration::from_secs(120)));
}

#[test]
fn a_group_needs_settings_that_go_together() {
    let check = |text: &str| ConsumerConfig::from_properties(text).map(drop);
    complaint(
        check("heartbeat.interval.ms=45000"),
        "heartbeat.interval.ms=45000: has to be less than session.timeout.ms=45000",
    );
    complaint(
        check("enable.auto.commit=true"),
        "enable.auto.commit=true: has to be false without group.id",
    );
    complaint(
        check("group.protocol=CONSUMER\nsession.timeout.ms=6000"),
        "session.timeout.ms=6000: has to be left out with group.protocol=consumer",
    );
    complaint(
        check("group.remote.assignor=uniform"),
        "group.remote.assignor=uniform: has to be left out with group.protocol=classic",
    );
    assert_eq!(check("group.protocol=consumer\ngroup.remote.assignor=uniform"), Ok(()));
}

#[test]
fn durations_are_read_as_java_reads_them() {
    let reset = |text: &str| {
        let set = ConsumerConfig::default().set("auto.offset.reset", text);
        set.ok().map(|config| config.auto_offset_reset)
    };
    for (text, seconds, nanos) in [
        ("PT1H", 3_600, 0),
        ("P2D", 172_800, 0),
        ("p1dt1h1m1s", 90_061, 0),
        ("PT0.5S", 0, 500_000_000),
        ("PT90M", 5_400, 0),
        ("PT0S", 0, 0),
    ] {
        let age = AutoOffsetReset::ByDuration(Duration::new(seconds, nanos));
        assert_eq!(reset(&format!("by_duration:{text}")), Some(age), "{text}");
        let shown = ConsumerConfig::default().auto_offset_reset(age).get("auto.offset.reset");
        assert_eq!(reset(&shown.unwrap()), Some(age), "{text}");
    }
    for text in [
        "",
        "P",
        "PT",
        "1H",
        "PT1",
        "P1H",
        "PT1M1H",
        "PT-1S",
        "PT1.5H",
        "P1DT",
        "PT1.0123456789S",
        "PT99999999999999999999H",
        "PT9223372036854775807H",
    ] {
        assert_eq!(reset(&format!("by_duration:{text}")), None, "{text}");
    }
}

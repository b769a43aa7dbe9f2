//! The settings of a broker: what is read, what is refused and in which words.

use super::*;

fn config(text: &str) -> BrokerConfig {
    BrokerConfig::from_properties(text).unwrap()
}

#[track_caller]
fn refused(text: &str, complaint: &str) {
    assert_eq!(BrokerConfig::from_properties(text).unwrap_err().to_string(), complaint);
}

fn told(config: &BrokerConfig, listener: &str) -> String {
    config.advertised(&ListenerName::new(listener)).to_string()
}

#[test]
fn no_settings_are_the_defaults() {
    assert_eq!(config(""), BrokerConfig::default());
}

#[test]
fn a_properties_file_of_a_combined_broker_is_taken_as_it_is() {
    let config = config(
        "process.roles=broker,controller\nnode.id=7\n\
         controller.quorum.bootstrap.servers=localhost:9093\n\
         listeners=PLAINTEXT://:9092,CONTROLLER://:9093\n\
         inter.broker.listener.name=PLAINTEXT\n\
         advertised.listeners=PLAINTEXT://localhost:9092,CONTROLLER://localhost:9093\n\
         controller.listener.names=CONTROLLER\n\
         listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SSL:SSL\n\
         num.network.threads=3\nsocket.send.buffer.bytes=102400\n\
         socket.request.max.bytes=1000\nlog.dirs=/tmp/logs\nnum.partitions=6\n\
         offsets.topic.replication.factor=1\nlog.retention.hours=2\n\
         log.segment.bytes=1073741824\nlog.retention.check.interval.ms=1000\n",
    );
    assert_eq!((config.node_id, config.num_partitions), (7, 6));
    assert_eq!(config.socket_request_max_bytes, 1000);
    assert_eq!(config.log_retention_check_interval_ms, 1000);
    assert_eq!(config.listeners.len(), 1, "the controller's is not opened");
    assert_eq!(told(&config, "PLAINTEXT"), "localhost:9092");
    let warned = |start: &str| config.warnings().iter().any(|text| text.starts_with(start));
    assert!(warned("controller.quorum.bootstrap.servers changes nothing: this broker is its own"));
    assert!(warned("num.network.threads changes nothing: one thread"));
    assert!(config.properties().any(|pair| pair == ("log.retention.hours", "2")));
    assert_eq!(config.log_dirs, ["/tmp/logs"].map(std::path::PathBuf::from));
}

#[test]
fn log_dirs_goes_over_log_dir_and_names_each_directory_once() {
    let dirs = |pairs: &[(&str, &str)]| {
        BrokerConfig::from_pairs(pairs.iter().copied()).map(|config| config.log_dirs)
    };
    assert_eq!(dirs(&[]), Ok(vec![]));
    assert_eq!(dirs(&[("log.dir", "/a")]), Ok(vec!["/a".into()]));
    assert_eq!(dirs(&[("log.dir", "/a"), ("log.dirs", "/b")]), Ok(vec!["/b".into()]));
    assert_eq!(dirs(&[("log.dirs", "/a, /b")]), Ok(vec!["/a".into(), "/b".into()]));
    let error = dirs(&[("log.dirs", "/a,/b,/a")]).unwrap_err().to_string();
    assert_eq!(error, "log.dirs names /a twice");
}

#[test]
fn the_last_value_counts() {
    let pairs = [("num.partitions", "2"), ("broker.rack", "a"), ("num.partitions", " 3 ")];
    let config = BrokerConfig::from_pairs(pairs).unwrap();
    assert_eq!((config.num_partitions, config.rack.as_deref()), (3, Some("a")));
}

#[test]
fn clients_inside_and_outside_are_told_their_addresses() {
    let config = config(
        "listeners=inside://0.0.0.0:9092,OUTSIDE://[::1]:9094,LOCAL://:0\n\
         advertised.listeners=INSIDE://broker-1:9092,OUTSIDE://kafka.example.com:19094\n\
         listener.security.protocol.map=INSIDE:PLAINTEXT,outside:plaintext,LOCAL:PLAINTEXT",
    );
    assert_eq!(told(&config, "INSIDE"), "broker-1:9092");
    assert_eq!(told(&config, "OUTSIDE"), "kafka.example.com:19094");
    assert_eq!(told(&config, "LOCAL"), "localhost:0");
    let binds: Vec<_> = config.listeners.iter().map(|l| l.bind.to_string()).collect();
    assert_eq!(binds, ["0.0.0.0:9092", "[::1]:9094", ":0"]);
}

#[test]
fn listeners_that_cannot_be_are_refused() {
    refused("listeners=", "listeners names no listener for clients");
    for listener in ["localhost:9092", "A://b", "A://b:x", "A://b:70000", "://b:1", "A://::1:9"] {
        refused(
            &format!("listeners={listener}"),
            &format!("listeners: {listener:?} is not of the form NAME://host:port"),
        );
    }
    refused(
        "listeners=SSL://:9093",
        "listener SSL speaks SSL, but only PLAINTEXT is served: neither TLS nor SASL",
    );
    refused(
        "listeners=IN://:9093",
        "listener.security.protocol.map says nothing of listener IN; add IN:PLAINTEXT",
    );
    refused(
        "listener.security.protocol.map=IN:TCP",
        "listener.security.protocol.map: \"IN:TCP\" is not of the form \
         NAME:PLAINTEXT|SSL|SASL_PLAINTEXT|SASL_SSL",
    );
    refused(
        "listeners=PLAINTEXT://0.0.0.0:9092",
        "listener PLAINTEXT is bound to 0.0.0.0, which no client can connect to; \
         set advertised.listeners to PLAINTEXT://host:9092",
    );
    refused(
        "advertised.listeners=PLAINTEXT://0.0.0.0:9092",
        "advertised.listeners: \"PLAINTEXT://0.0.0.0:9092\" names no host that clients could \
         connect to",
    );
    refused(
        "advertised.listeners=OUTSIDE://a:9092",
        "advertised.listeners names OUTSIDE, which listeners does not",
    );
    refused("listeners=A://:1,a://:2", "listeners names A twice");
    refused("listeners=A://:1,B://:1", "listeners gives A and B the same port 1");
    refused(
        "inter.broker.listener.name=INSIDE",
        "inter.broker.listener.name is INSIDE, which listeners does not name",
    );
}

#[test]
fn unknown_names_are_refused_with_what_was_meant() {
    refused("num.partition=3", "unknown setting num.partition; did you mean num.partitions?");
    refused("log.dris=/tmp", "unknown setting log.dris; did you mean log.dirs?");
    refused("spring.application.name=x", "unknown setting spring.application.name");
    refused(
        "authorizer.class.name=x",
        "authorizer.class.name is not served: nothing is authorized here, everybody may do \
         everything",
    );
}

#[test]
fn values_that_are_not_allowed_are_refused() {
    for (key, value, why) in [
        ("num.partitions", "0", "Value must be at least 1"),
        ("num.partitions", "4294967297", "Not a number of type INT"),
        ("log.retention.ms", "abc", "Not a number of type LONG"),
        ("log.segment.bytes", "1000", "Value must be at least 1048576"),
        ("log.cleanup.policy", "gone", "String must be one of: compact, delete"),
    ] {
        let complaint = format!("Invalid value {value} for configuration {key}: {why}");
        refused(&format!("{key}={value}"), &complaint);
    }
    refused(
        "process.roles=controller",
        "process.roles has to be broker, or broker,controller, not \"controller\"",
    );
    refused(
        "node.id=1\nbroker.id=2",
        "node.id and broker.id are two names of one setting, and differ",
    );
    refused("a=\\u12", "line 1: \\u has to be followed by four hexadecimal digits");
}

#[test]
fn what_changes_nothing_is_checked_and_told_all_the_same() {
    let config = config("compression.type=gzip\nnum.io.threads=8");
    let warnings = [
        "compression.type changes nothing: batches keep the compression they are sent with",
        "num.io.threads changes nothing: one thread does everything",
    ];
    assert_eq!(config.warnings(), warnings);
    assert_eq!(config.properties().collect::<Vec<_>>(), [("compression.type", "gzip")]);
    assert!(BrokerConfig::from_properties("compression.type=rar").is_err());
}

#[test]
fn a_negative_idle_time_is_none() {
    assert_eq!(config("connections.max.idle.ms=-1").connections_max_idle_ms, None);
    assert_eq!(config("connections.max.idle.ms=5").connections_max_idle_ms, Some(5));
}

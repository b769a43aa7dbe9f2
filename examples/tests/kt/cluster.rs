//! `kt configs`, `get-offsets`, `delete-records`, `cluster`, `broker-api-versions`, `completions`.

use super::harness::{Broker, broker, run};
use std::path::PathBuf;

fn with_records() -> Broker {
    let broker = broker();
    broker.kt("topics --create --topic two --partitions 2 --config retention.ms=60000").ok();
    broker.kt("topics --create --topic one --partitions 1").ok();
    broker.kt_with("console-producer --topic one", "a\nb\nc\n").ok();
    broker
}

#[test]
fn configs_are_shown_and_changed() {
    let broker = with_records();
    let shown = broker.kt("configs --describe --entity-type topics --entity-name two").ok();
    let expected = "Dynamic configs for topic two are:
  retention.ms=60000 sensitive=false synonyms={DYNAMIC_TOPIC_CONFIG:retention.ms=60000";
    assert!(shown.starts_with(expected), "{shown}");
    let add = "--add-config retention.ms=1000,cleanup.policy=[delete,compact]";
    let done = broker.kt(&format!("configs --alter --topic two {add}")).ok();
    assert_eq!(done, "Completed updating config for topic two.\n");
    let plain = "configs --describe --topic two --output plain";
    let all = "topic\ttwo\tcleanup.policy\tdelete,compact\ntopic\ttwo\tretention.ms\t1000\n";
    assert_eq!(broker.kt(plain).ok(), all);
    broker.kt("configs --alter --topic two --delete-config retention.ms").ok();
    assert_eq!(broker.kt(plain).ok(), "topic\ttwo\tcleanup.policy\tdelete,compact\n");
    let every = broker.kt("configs --describe --topic two --all --output json").ok();
    assert!(every.contains(r#""name":"segment.bytes""#), "{every}");
    let of_all = broker.kt("configs --describe --entity-type topics").ok();
    assert_eq!(of_all.matches("Dynamic configs for topic").count(), 2, "{of_all}");

    let broker_configs = broker.kt("configs --describe --broker 1 --all").ok();
    assert!(broker_configs.starts_with("All configs for broker 1 are:\n"), "{broker_configs}");
    assert!(broker_configs.contains("synonyms={STATIC_BROKER_CONFIG:"), "{broker_configs}");
    broker.kt("configs --alter --broker-defaults --add-config log.retention.ms=5000").ok();
    let defaults = broker.kt("configs --describe --entity-type brokers --entity-default").ok();
    assert!(defaults.starts_with("Default configs for brokers in the cluster are:\n"));
    assert!(defaults.contains("  log.retention.ms=5000 "), "{defaults}");
}

#[test]
fn changes_that_make_no_sense_are_refused() {
    let broker = with_records();
    let unknown = broker.kt("configs --alter --topic two --add-config nope=1").failed(1);
    assert!(unknown.contains("INVALID_CONFIG") && unknown.contains("nope"), "{unknown}");
    broker.kt("configs --alter --topic two").failed(2);
    broker.kt("configs --alter --topic two --add-config nope").failed(2);
    broker.kt("configs --describe").failed(2);
    let users = broker.kt("configs --describe --entity-type users").failed(2);
    assert!(users.contains("users are not handled"), "{users}");
    let path = file("kt-add.properties", "retention.ms = 7000\n");
    let add = format!("configs --alter --topic two --add-config-file {}", path.display());
    broker.kt(&add).ok();
    let shown = broker.kt("configs --describe --topic two --output plain").ok();
    assert_eq!(shown, "topic\ttwo\tretention.ms\t7000\n");
    std::fs::remove_file(path).unwrap();
}

fn file(name: &str, text: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("{}-{name}", std::process::id()));
    std::fs::write(&path, text).unwrap();
    path
}

#[test]
fn offsets_are_listed_as_kafka_does() {
    let broker = with_records();
    assert_eq!(broker.kt("get-offsets").ok(), "one:0:3\ntwo:0:0\ntwo:1:0\n");
    assert_eq!(broker.kt("get-offsets --topic o.* --time -2").ok(), "one:0:0\n");
    let ranges = "get-offsets --topic-partitions two:1-,one --time latest";
    assert_eq!(broker.kt(ranges).ok(), "one:0:3\ntwo:1:0\n");
    assert_eq!(
        broker.kt("get-offsets --topic two --partitions 1 --time earliest").ok(),
        "two:1:0\n"
    );
    assert_eq!(broker.kt("get-offsets --time 1").ok(), "one:0:0\n", "others have no record");
    assert_eq!(broker.kt("get-offsets --topic one --output plain").ok(), "one\t0\t3\n");
    let none = broker.kt("get-offsets --topic nope").failed(1);
    assert!(none.contains("no partition matches"), "{none}");
}

#[test]
fn records_are_deleted_up_to_an_offset() {
    let broker = with_records();
    let row = |topic: &str, offset: i32| {
        format!(r#"{{"topic":"{topic}","partition":0,"offset":{offset}}}"#)
    };
    let path = file("kt-delete.json", &format!(r#"{{"partitions":[{}]}}"#, row("one", 2)));
    let delete = format!("delete-records --offset-json-file {}", path.display());
    let expected = "Executing records delete operation
Records delete operation completed:
partition: one-0\tlow_watermark: 2
";
    assert_eq!(broker.kt(&delete).ok(), expected);
    assert_eq!(broker.kt("console-consumer --topic one --from-beginning -e").ok(), "c\n");
    let rows = [row("nope", 0), row("one", -1)].join(",");
    std::fs::write(&path, format!(r#"{{"partitions":[{rows}],"version":1}}"#)).unwrap();
    let partly = broker.kt(&format!("{delete} --output plain"));
    assert_eq!(partly.stdout, "one\t0\t3\n", "one that fails does not stop the others");
    assert!(partly.failed(1).contains("nope"));
    std::fs::remove_file(path).unwrap();
    assert!(broker.kt(&delete).failed(1).contains("kt-delete.json"));
}

#[test]
fn brokers_are_shown_with_what_they_speak() {
    let broker = with_records();
    let id = broker.kt("cluster cluster-id").ok();
    let id = id.strip_prefix("Cluster ID: ").unwrap().trim();
    assert_eq!(id.len(), 22);
    assert_eq!(broker.kt("cluster cluster-id --output plain").ok().trim(), id);
    let endpoints = broker.kt("cluster list-endpoints --output plain").ok();
    let (host, port) = broker.bootstrap.split_once(':').unwrap();
    assert_eq!(endpoints, format!("1\t{host}\t{port}\t-\tunfenced\tbroker\n"));

    let versions = broker.kt("broker-api-versions").ok();
    let first = format!("{} (id: 1 rack: null isFenced: false) -> (", broker.bootstrap);
    assert_eq!(versions.lines().next(), Some(&*first));
    let fetch = versions.lines().find(|line| line.starts_with("\tFetch(1): ")).unwrap();
    assert_eq!(fetch, "\tFetch(1): 4 to 18 [usable: 18] ours: 4 to 18,");
    assert!(versions.contains("\tVote(52): UNSUPPORTED ours: "), "{versions}");
    assert!(versions.ends_with("\n)\n"));
    let json = broker.kt("broker-api-versions --output json").ok();
    let json: serde_json::Value = serde_json::from_str(json.lines().nth(1).unwrap()).unwrap();
    assert_eq!((&json["api"], &json["offered"]), (&"Fetch".into(), &"4-18".into()));
}

#[test]
fn shells_get_completions() {
    for shell in ["bash", "zsh", "fish"] {
        let script = run(&format!("completions {shell}")).ok();
        assert!(script.contains("console-consumer") && script.contains("from-beginning"));
    }
    run("completions tcsh").failed(2);
}

//! `kt decode`.

use super::harness::{run, run_with, start};
use kafka_proto::api::ApiKey;
use kafka_proto::bytes::Bytes;
use kafka_proto::frame::{encode_request, encode_response};
use kafka_proto::group_protocol::Subscription;
use kafka_proto::messages::{fetch, produce};
use kafka_proto::records::{BatchBuilder, Compression, Compressor, Records, Stamp};
use kafka_proto::schema;
use std::path::{Path, PathBuf};

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn batch() -> Bytes {
    let mut builder = BatchBuilder::new(Vec::new());
    builder.append(7, Some(b"key"), Some(b"value"), &[("h", Some(b"1"))]);
    let mut compressor = Compressor::new(Compression::Zstd, None).unwrap();
    builder.seal(Stamp::NONE, &mut compressor).into()
}

fn produce_request() -> Bytes {
    let partition =
        produce::PartitionProduceData { index: 3, records: Some(Records::Bytes(batch())) };
    let name = "orders".into();
    let partition_data = vec![partition];
    let topic = produce::TopicProduceData { name, partition_data, ..Default::default() };
    let request = produce::Request { acks: -1, topic_data: vec![topic], ..Default::default() };
    encode_request(&request, 9, 42, Some(&"me".into())).unwrap().into_bytes()
}

#[test]
fn a_request_is_printed_with_its_records() {
    let text = run_with(&["decode", "--hex"], &hex(&produce_request())).ok();
    let size = produce_request().len() - 4;
    let first = format!(
        "Produce request (0), version 9, {size} bytes, correlation id 42, client id \"me\""
    );
    assert_eq!(text.lines().next(), Some(&*first));
    for part in ["name: orders", "index: 3", "compression: zstd", "key: key", "value: value"] {
        assert!(text.contains(part), "{part:?} is not in {text}");
    }
    let bare = hex(&produce_request()[4..]);
    let json = run_with(&["decode", "-", "--hex", "--output", "json"], &bare).ok();
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&json["api"], &json["version"]), (&"Produce".into(), &9.into()));
    let records = &json["body"]["topicData"][0]["partitionData"][0]["records"];
    assert_eq!(records[0]["records"][0]["value"], "value");
    assert_eq!(records[0]["records"][0]["headers"][0]["key"], "h");
}

#[test]
fn a_response_is_found_out_or_told() {
    let partition = fetch::PartitionData {
        partition_index: 1,
        high_watermark: 1,
        records: Some(Records::Bytes(batch())),
        ..Default::default()
    };
    let topic = "orders".into();
    let row =
        fetch::FetchableTopicResponse { topic, partitions: vec![partition], ..Default::default() };
    let response = fetch::Response { responses: vec![row], ..Default::default() };
    let frame = encode_response::<fetch::Request>(&response, 12, 5).unwrap().into_bytes();
    let path = std::env::temp_dir().join(format!("kt-frame-{}", std::process::id()));
    std::fs::write(&path, &frame).unwrap();
    let text = run(&format!("decode {}", path.display())).ok();
    assert!(text.starts_with("Fetch response (1), version 12, "), "{text}");
    assert!(text.contains("topic: orders") && text.contains("value: value"), "{text}");
    let told = format!("decode {} --api fetch --api-version 12 --output json", path.display());
    let json: serde_json::Value = serde_json::from_str(&run(&told).ok()).unwrap();
    assert_eq!((&json["frame"], &json["correlationId"]), (&"response".into(), &5.into()));
    assert!(json.get("couldAlsoBe").is_none(), "{json}");
    let wrong = format!("decode {} --api Metadata --request", path.display());
    assert!(run(&wrong).failed(1).contains("frame 1 of"), "it is no request");
    std::fs::remove_file(&path).unwrap();
    assert!(run(&told).failed(1).contains("kt-frame"));
    let info = ApiKey::FETCH.info().unwrap();
    assert!(info.versions.contains(12));
}

#[test]
fn a_message_without_a_frame_is_named() {
    let topics = vec!["tea".into()];
    let subscription = Subscription { topics, ..Default::default() };
    let bytes = hex(&schema::to_bytes(&subscription, 1).unwrap());
    let message = ["decode", "--hex", "--message", "ConsumerProtocolSubscription"];
    let text = run_with(&message, &bytes).ok();
    assert!(text.starts_with("ConsumerProtocolSubscription, version 1, "), "{text}");
    assert!(text.contains("topics: [\"tea\"]"), "{text}");
    let typo = run_with(&["decode", "--hex", "--message", "TopicRecrod"], "00").failed(1);
    assert!(typo.contains("did you mean \"TopicRecord\"?"), "{typo}");
    assert!(run_with(&["decode", "--hex"], "0g").failed(1).contains("hexadecimal"));
    assert!(run("decode").failed(1).contains("there is nothing to decode"));
    run("decode --api Fetsch").failed(2);
}

/// The logs of a broker on which a topic was filled and read by a group.
fn logs() -> PathBuf {
    let logs = std::env::temp_dir().join(format!("kt-decode-{}", std::process::id()));
    let dirs = format!("log.dirs={}", logs.display());
    let settings =
        ["listeners=PLAINTEXT://127.0.0.1:0", &*dirs, "group.initial.rebalance.delay.ms=0"];
    let mut arguments = vec!["broker"];
    settings.iter().for_each(|setting| arguments.extend(["--override", setting]));
    let mut broker = start(&arguments);
    let ready = broker.line();
    let at = ready.strip_prefix("The broker is ready at PLAINTEXT://").unwrap();
    let kt = |arguments: &str, input: &str| {
        let mut words: Vec<&str> = arguments.split_whitespace().collect();
        words.extend(["--bootstrap-server", at]);
        run_with(&words, input).ok()
    };
    kt("topics --create --topic tea --partitions 1", "");
    kt("console-producer --topic tea --property parse.key=true --compression-codec lz4", "k\tv\n");
    assert_eq!(kt("console-consumer --topic tea --from-beginning --group g -e", ""), "v\n");
    broker.interrupt();
    broker.wait().ok();
    logs
}

fn decode(path: &Path, more: &str) -> String {
    run(&format!("decode {} {more}", path.display())).ok()
}

#[test]
fn logs_are_printed_as_kafka_dumps_them() {
    let logs = logs();
    let segment = logs.join("tea-0/00000000000000000000.log");
    let text = decode(&segment, "");
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], format!("Dumping {}", segment.display()));
    assert!(
        lines[1].starts_with("baseOffset: 0 lastOffset: 0 count: 1 baseSequence: 0 "),
        "{text}"
    );
    assert!(lines[1].contains(" compresscodec: lz4 ") && lines[1].ends_with("isvalid: true"));
    assert!(lines[2].starts_with("| offset: 0 CreateTime: "), "{text}");
    assert!(lines[2].ends_with("keySize: 1 valueSize: 1 headerKeys: [] key: k payload: v"));
    assert_eq!(decode(&segment, "--batches-only").lines().count(), 2);
    let hexed = hex(&std::fs::read(&segment).unwrap());
    let piped = run_with(&["decode", "--hex"], &hexed).ok();
    assert_eq!(piped.lines().collect::<Vec<_>>(), lines[1..], "a segment shows that it is one");

    let all = decode(&logs, "--output json");
    let rows: Vec<serde_json::Value> =
        all.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let records = || rows.iter().flat_map(|row| row["records"].as_array().unwrap());
    let messages = || records().filter_map(|record| record.get("message"));
    assert!(records().any(|record| record["value"] == "v"));
    let topic = messages().find(|message| message["value"]["type"] == "TopicRecord").unwrap();
    assert_eq!(topic["value"]["data"]["name"], "tea");
    let commit = messages().find(|message| message["key"]["type"] == "OffsetCommitKey").unwrap();
    assert_eq!(commit["key"]["data"]["group"], "g");
    assert_eq!(commit["value"]["data"]["offset"], 1);

    let mut cut = std::fs::read(&segment).unwrap();
    cut.pop();
    std::fs::write(&segment, cut).unwrap();
    let error = run(&format!("decode {}", segment.display())).failed(1);
    assert!(error.contains("at byte 0: ") && error.contains("not whole"), "{error}");
    let empty = run(&format!("decode {}", logs.join("none").display())).failed(1);
    assert!(empty.contains("none"), "{empty}");
    std::fs::remove_dir_all(logs).unwrap();
}

//! `kt console-producer` and `kt console-consumer`.

use super::harness::{Broker, broker, broker_with};

fn with_topic(partitions: u32) -> Broker {
    let broker = broker();
    broker.kt(&format!("topics --create --topic t --partitions {partitions}")).ok();
    broker
}

#[test]
fn lines_go_in_and_come_out() {
    let broker = with_topic(1);
    assert_eq!(broker.kt_with("console-producer --topic t", "1\n2\n3").ok(), "");
    let done = broker.kt("console-consumer --topic t --from-beginning --max-messages 3");
    assert!(done.stderr.contains("Processed a total of 3 messages"), "{done:?}");
    assert_eq!(done.ok(), "1\n2\n3\n");
}

#[test]
fn keys_headers_and_where_a_record_is_are_printed() {
    let broker = with_topic(1);
    let properties = "--property parse.key=true --reader-property parse.headers=true";
    let lines = "h1:a,h2:b\tk1\tv1\n\tk2\tv2\n";
    let acknowledged = "console-producer --topic t --acks all --compression-codec --output plain";
    let acknowledged = broker.kt_with(&format!("{acknowledged} {properties}"), lines).ok();
    assert_eq!(acknowledged, "t\t0\t0\nt\t0\t1\n");
    let print = ["timestamp", "partition", "offset", "headers", "key"];
    let print: String = print.map(|field| format!(" --property print.{field}=true")).concat();
    let read = format!("console-consumer --topic t --partition 0 --offset 0 -e{print}");
    let read = broker.kt(&read).ok();
    let lines: Vec<&str> = read.lines().collect();
    assert_eq!(lines.len(), 2, "{read}");
    assert!(lines[0].starts_with("CreateTime:1"), "{read}");
    assert!(lines[0].ends_with("\tPartition:0\tOffset:0\th1:a,h2:b\tk1\tv1"), "{read}");
    assert!(lines[1].ends_with("\tPartition:0\tOffset:1\tNO_HEADERS\tk2\tv2"), "{read}");

    let tokens = r"console-consumer --topic t --partition 0 --offset -1 -e -f %t-%p@%o:%k=%s;%S\n";
    assert_eq!(broker.kt(tokens).ok(), "t-0@1:k2=v2;2\n");
    let json = broker.kt("console-consumer --topic t --partition 0 --offset 0 -e -J").ok();
    let json: serde_json::Value = serde_json::from_str(json.lines().next().unwrap()).unwrap();
    assert_eq!((&json["key"], &json["payload"]), (&"k1".into(), &"v1".into()));
    assert_eq!((&json["broker"], &json["offset"]), (&1.into(), &0.into()));
    assert_eq!(json["headers"], serde_json::json!(["h1", "a", "h2", "b"]));
}

#[test]
fn a_line_that_cannot_be_read_ends_the_producer() {
    let broker = with_topic(1);
    let keys = "console-producer --topic t --property parse.key=true --property key.separator=:";
    let error = broker.kt_with(keys, "k:v\nbad\nk:w\n").failed(1);
    assert!(error.contains("no key separator found on line 2: 'bad'"), "{error}");
    let read = broker.kt("console-consumer --topic t --from-beginning -e").ok();
    assert_eq!(read, "v\n", "what came before was sent");
    let typo = broker.kt("console-producer --topic t --property parse.keys=true").failed(2);
    assert!(typo.contains("did you mean \"parse.key\"?"), "{typo}");
}

#[test]
fn a_record_that_is_refused_is_told() {
    let broker = with_topic(1);
    let large = "x".repeat(2_000_000);
    let error = broker.kt_with("console-producer --topic t", &large).failed(1);
    assert!(error.contains("record too large"), "{error}");
}

#[test]
fn a_group_goes_on_where_it_was_and_what_was_not_printed_comes_again() {
    let broker = with_topic(1);
    broker.kt_with("console-producer --topic t", "1\n2\n3\n4\n5\n").ok();
    let some = "console-consumer --topic t --from-beginning --group g --max-messages 2";
    assert_eq!(broker.kt(some).ok(), "1\n2\n");
    let rest = "console-consumer --topic t --group g -e";
    assert_eq!(broker.kt(rest).ok(), "3\n4\n5\n");
    assert_eq!(broker.kt(rest).ok(), "");
}

#[test]
fn a_consumer_that_waits_behind_records_says_how_to_see_them() {
    let broker = with_topic(1);
    broker.kt_with("console-producer --topic t", "1\n2\n3\n").ok();
    let mut consumer = broker.start("console-consumer --topic t");
    let hint = consumer.says("hint:");
    assert!(hint.contains("t has 3 already, which --from-beginning shows"), "{hint}");
    broker.kt_with("console-producer --topic t", "4\n").ok();
    assert_eq!(consumer.line(), "4");
    consumer.interrupt();
    assert_eq!(consumer.wait().ok(), "");

    broker.kt("console-consumer --topic t --group g --from-beginning -e").ok();
    let mut member = broker.start("console-consumer --topic t --group g --from-beginning");
    let hint = member.says("hint:");
    assert!(hint.contains("group g has read all 4 records of t"), "{hint}");
}

#[test]
fn a_group_that_takes_its_time_to_form_is_waited_for() {
    let broker = broker_with(&[("group.initial.rebalance.delay.ms", "2500")]);
    broker.kt("topics --create --topic t --partitions 1").ok();
    broker.kt_with("console-producer --topic t", "1\n2\n").ok();
    let done = broker.kt("console-consumer --topic t --group g --from-beginning -e");
    assert!(!done.stderr.contains("hint:"), "{done:?}");
    assert_eq!(done.ok(), "1\n2\n");
}

#[test]
fn two_signals_at_once_are_one() {
    let broker = with_topic(1);
    broker.kt_with("console-producer --topic t", "1\n").ok();
    let mut consumer = broker.start("console-consumer --topic t --group g --from-beginning");
    assert_eq!(consumer.line(), "1");
    consumer.interrupt();
    consumer.interrupt();
    assert_eq!(consumer.wait().ok(), "");
    let state = broker.kt("consumer-groups --describe --group g --output plain").ok();
    assert_eq!(state, "g\tt\t0\t1\t1\t0\t-\t-\t-\n", "it has committed and left");
}

#[test]
fn topics_are_found_by_a_pattern() {
    let broker = with_topic(2);
    broker.kt("topics --create --topic tea --partitions 1").ok();
    broker.kt_with("console-producer --topic t", "1\n").ok();
    broker.kt_with("console-producer --topic tea", "2\n").ok();
    let read = broker.kt("console-consumer --include t.* --from-beginning -e -f %t=%s\\n").ok();
    let mut lines: Vec<&str> = read.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["t=1", "tea=2"]);
}

#[test]
fn it_ends_when_nothing_comes() {
    let broker = with_topic(1);
    let done = broker.kt("console-consumer --topic t --timeout-ms 200");
    assert!(done.stderr.contains("Processed a total of 0 messages"), "{done:?}");
    assert_eq!(done.ok(), "");
}

#[test]
fn wrong_questions_are_refused() {
    let broker = with_topic(2);
    let beyond = broker.kt("console-consumer --topic t --partition 2").failed(1);
    assert!(beyond.contains("has no partition 2, it has 2"), "{beyond}");
    broker.kt("console-consumer --topic t --offset 1").failed(2);
    broker.kt("console-consumer --topic t --partition 0 --group g").failed(2);
    broker.kt("console-consumer").failed(2);
    broker.kt("console-consumer --topic t -f %x").failed(2);
    broker.kt("console-consumer --topic t --formatter com.example.Own").failed(2);
    let own = broker.kt("console-consumer --topic t --partition 0 --offset first").failed(2);
    assert!(own.contains("\"first\" is no offset"), "{own}");
}

#[test]
fn numbers_are_shown_as_what_they_are() {
    let broker = with_topic(1);
    broker.kt_with("console-producer --topic t", "\0\0\0\u{7}\nlong\n\0\0\0\u{1}\n").ok();
    let integers = "console-consumer --topic t --from-beginning --value-deserializer Integer";
    assert_eq!(broker.kt(&format!("{integers} --max-messages 2")).ok(), "7\n1819242087\n");
    let longs = "console-consumer --topic t --partition 0 --offset 0 --value-deserializer Long -e";
    let error = broker.kt(longs).failed(1);
    assert!(error.contains("t-0 at 0: 4 bytes are no number of 8 bytes"), "{error}");
    assert_eq!(broker.kt(&format!("{longs} --skip-message-on-error")).ok(), "");
}

//! `kt perf`.

use super::harness::broker;

/// The number before `unit` in a line of numbers with their units.
fn number(line: &str, unit: &str) -> f64 {
    let before = line.split(unit).next().unwrap();
    before.trim_end().rsplit([' ', '(']).next().unwrap().parse().unwrap()
}

#[test]
fn what_was_produced_is_told_as_kafka_tells_it() {
    let broker = broker();
    broker.kt("topics --create --topic t --partitions 3").ok();
    let produce = "perf produce --topic t --num-records 5000 --record-size 100 --throughput -1";
    let told = broker.kt(&format!("{produce} --producer-props linger.ms=1 acks=all")).ok();
    let mut lines = told.lines();
    let last = lines.next().unwrap();
    assert!(last.starts_with("5000 records sent, "), "{told}");
    assert!(last.ends_with(" ms 99.9th."), "{told}");
    let (p50, max) = (number(last, " ms 50th"), number(last, " ms max latency"));
    assert!(number(last, " records/sec") > 0.0 && p50 <= max, "{told}");
    let cost = lines.next().unwrap();
    assert!(number(cost, " ns CPU per record") > 0.0, "{told}");
    assert!(number(cost, " MB resident at most") > 1.0, "{told}");
    let ends = broker.kt("get-offsets --topic t --output plain").ok();
    let ends: Vec<u32> =
        ends.lines().map(|line| line.rsplit('\t').next().unwrap().parse().unwrap()).collect();
    assert_eq!(ends.iter().sum::<u32>(), 5000);
    assert!(ends.iter().all(|end| *end > 1000), "each partition has its turn: {ends:?}");

    let json = broker.kt("perf consume --topic t --num-records 5000 --json").ok();
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&json["records"], &json["bytes"]), (&5000.into(), &500_000.into()));
    assert!(json["cpuNsPerRecord"].as_f64().unwrap() > 0.0, "{json}");
    assert!(json["rebalanceMs"].as_f64().unwrap() > 0.0, "{json}");

    let rows = broker.kt("perf consume --topic t --messages 5000 --group g").ok();
    let rows: Vec<&str> = rows.lines().collect();
    assert!(rows[0].starts_with("start.time, end.time, data.consumed.in.MB, MB.sec, "), "{rows:?}");
    let cells: Vec<&str> = rows[1].split(", ").collect();
    assert_eq!((cells.len(), cells[2], cells[4]), (10, "0.4768", "5000"), "{rows:?}");
}

#[test]
fn a_rate_is_kept_and_told_on_the_way() {
    let broker = broker();
    broker.kt("topics --create --topic t --partitions 1").ok();
    let produce = "perf produce --topic t --num-records 600 --payload-monotonic --throughput 1000";
    let done = broker.kt(&format!("{produce} --reporting-interval 200"));
    let live = done.stderr.lines().next().unwrap_or_else(|| panic!("{done:?}"));
    let (sent, rate) = (number(live, " records sent"), number(live, " records/sec"));
    assert!(sent > 20.0 && rate < 1500.0, "{live}");
    let told = done.ok();
    let rate = number(&told, " records/sec");
    assert!((300.0..1050.0).contains(&rate), "{told}");
    let values = broker.kt("console-consumer --topic t --from-beginning -e").ok();
    let expected: String = (0..600).map(|n| format!("{n}\n")).collect();
    assert_eq!(values, expected, "in order, each once");
}

#[test]
fn payloads_come_from_a_file() {
    let broker = broker();
    broker.kt("topics --create --topic t --partitions 1").ok();
    let path = std::env::temp_dir().join(format!("kt-payload-{}", std::process::id()));
    std::fs::write(&path, "one\ntwo\n").unwrap();
    let produce = "perf produce --topic t --num-records 3 --throughput -1 --json --payload-file";
    let json = broker.kt(&format!("{produce} {}", path.display())).ok();
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&json["records"], &json["failed"]), (&3.into(), &0.into()));
    std::fs::remove_file(path).unwrap();
    let values = broker.kt("console-consumer --topic t --from-beginning -e").ok();
    assert_eq!(values, "one\ntwo\none\n");
}

#[test]
fn failures_are_counted_and_told() {
    let broker = broker();
    broker.kt("topics --create --topic t --partitions 1 --config max.message.bytes=1000").ok();
    let produce = "perf produce --topic t --num-records 3 --record-size 5000 --throughput -1";
    let done = broker.kt(produce);
    assert!(done.stdout.starts_with("0 records sent"), "{done:?}");
    assert!(done.failed(1).contains("3 records failed; the first: "));
    let few = broker.kt("perf consume --topic t --num-records 1 --timeout 300").failed(1);
    assert!(few.contains("only 0 of 1 records came"), "{few}");
    broker.kt("perf produce --topic t --num-records 3").failed(2);
    broker.kt("perf consume --topic t").failed(2);
}

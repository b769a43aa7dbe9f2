//! What the program leaves on its disk, for its next run and for others.

#![allow(clippy::unwrap_used, clippy::panic, reason = "in tests a panic is how a check fails")]

mod common;

use common::process::{Scratch, address, kill, output, ready, start_on};
use common::{Client, batch, fetch_request, produce_request, values};
use kafka_proto::ErrorCode;
use kafka_proto::messages::{create_topics, delete_records, fetch};
use kafka_proto::records::{BatchBuilder, Compression, Compressor, Records, Stamp};
use std::time::{Duration, Instant};

async fn create(client: &mut Client, name: &str, partitions: i32, configs: &[(&str, &str)]) {
    let configs = configs.iter().map(|(name, value)| create_topics::CreatableTopicConfig {
        name: (*name).into(),
        value: Some((*value).into()),
    });
    let topic = create_topics::CreatableTopic {
        name: name.into(),
        num_partitions: partitions,
        replication_factor: 1,
        configs: configs.collect(),
        ..Default::default()
    };
    let request =
        create_topics::Request { topics: vec![topic], timeout_ms: 60_000, ..Default::default() };
    let created = client.call(&request, 5).await.unwrap();
    assert_eq!(created.topics[0].error_code, ErrorCode::NONE, "{:?}", created.topics[0]);
}

/// Appends a sealed batch, and gives its offset.
async fn append(client: &mut Client, topic: &str, partition: i32, batch: Vec<u8>) -> i64 {
    let mut request = produce_request(topic, partition, -1, &[b""]);
    request.topic_data[0].partition_data[0].records = Some(Records::Bytes(batch.into()));
    let response = client.call(&request, 9).await.unwrap();
    let stored = &response.responses[0].partition_responses[0];
    assert_eq!(stored.error_code, ErrorCode::NONE, "{:?}", stored.error_message);
    stored.base_offset
}

fn many(records: usize, size: usize, stamp: Stamp, compression: Compression) -> Vec<u8> {
    let mut builder = BatchBuilder::new(Vec::new());
    for at in 0..records {
        let value: Vec<u8> =
            (0..size).map(|n| b'a' + u8::try_from((n * at) % 26).unwrap()).collect();
        builder.append(1_700_000_000_000 + at as i64, None, Some(&value), &[]);
    }
    builder.seal(stamp, &mut Compressor::new(compression, None).unwrap())
}

#[tokio::test]
async fn what_was_acknowledged_is_there_after_a_kill() {
    let scratch = Scratch::new("killed");
    let settings = [
        "log.segment.bytes=1048576",
        "log.cleaner.backoff.ms=50",
        "metadata.log.max.record.bytes.between.snapshots=400",
    ];
    let mut stored: Vec<Vec<u8>> = Vec::new();
    for round in 0..5_usize {
        let (mut child, mut client) = start_on(&scratch, &settings).await;
        client.metadata_of("orders").await;
        let mut found = Vec::new();
        while found.len() < stored.len() {
            let offset = i64::try_from(found.len()).unwrap();
            let values = client.fetch("orders", offset).await.unwrap();
            assert!(!values.is_empty(), "round {round}: {} of {}", found.len(), stored.len());
            found.extend(values.iter().map(|value| value.to_vec()));
        }
        assert!(found == stored, "round {round}");
        assert_eq!(client.end_offset("orders").await, i64::try_from(stored.len()).unwrap());
        for at in 0..200 {
            let value = format!("{round}-{at}-").repeat(1000).into_bytes();
            let offset = client.produce("orders", &[&value]).await.unwrap();
            assert_eq!(offset, i64::try_from(stored.len()).unwrap());
            stored.push(value);
        }
        kill(&child, "-KILL").await;
        child.wait().await.unwrap();
    }
}

#[tokio::test]
async fn who_does_not_take_old_records_keeps_nobody_waiting() {
    let scratch = Scratch::new("slow");
    let directory = scratch.setting();
    let listeners = "listeners=PLAINTEXT://127.0.0.1:0";
    let (_child, line) = ready(&["--override", listeners, "--override", &directory]).await;
    let address = address(&line, "PLAINTEXT");
    let mut client = Client::tcp(&address).await;
    let value = vec![b'x'; 900_000];
    client.metadata_of("orders").await;
    for at in 0..40 {
        assert_eq!(client.produce("orders", &[&value]).await.unwrap(), at);
    }
    let mut slow = Client::tcp(&address).await;
    for _ in 0..5 {
        slow.send(&fetch_request("orders", 0, 0), 11).await.unwrap();
    }
    for at in 40..80 {
        assert_eq!(client.produce("orders", &[b"y"]).await.unwrap(), at);
        let values = client.fetch("orders", at).await.unwrap();
        assert_eq!(values, [&b"y"[..]]);
    }
    for _ in 0..5 {
        let (_, answer) = slow.receive::<fetch::Request>(11).await.unwrap();
        let found = values(answer.responses[0].partitions[0].records.as_ref());
        assert!(found.len() >= 40 && found[..40].iter().all(|found| *found == value));
    }
}

#[tokio::test]
async fn a_second_process_is_refused() {
    let scratch = Scratch::new("taken");
    let (_child, _client) = start_on(&scratch, &[]).await;
    let listeners = "listeners=PLAINTEXT://127.0.0.1:0";
    let directory = scratch.setting();
    let (code, _, complaint) = output(&["--override", listeners, "--override", &directory]).await;
    assert_eq!(code, Some(1));
    assert!(complaint.contains("is in use: another broker holds the lock"), "{complaint}");
}

#[tokio::test]
async fn a_full_disk_acknowledges_nothing_more() {
    // The system refuses to let the process write beyond this, as a full disk would.
    let scratch = Scratch::new("full");
    let directory = scratch.setting();
    let command = format!(
        "ulimit -f 4000; trap '' XFSZ; exec {} --override listeners=PLAINTEXT://127.0.0.1:0 \
         --override {directory}",
        env!("CARGO_BIN_EXE_kafka-broker-lite")
    );
    let mut child = tokio::process::Command::new("bash")
        .args(["-c", &command])
        .stdout(std::process::Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut lines = tokio::io::BufReader::new(child.stdout.as_mut().unwrap());
    tokio::io::AsyncBufReadExt::read_line(&mut lines, &mut line).await.unwrap();
    let mut client = Client::tcp(&address(line.trim_end(), "PLAINTEXT")).await;
    client.metadata_of("orders").await;
    let mut acknowledged = 0;
    for _ in 0..10 {
        let request = produce_request("orders", 0, -1, &[&vec![b'x'; 900_000]]);
        let response = client.call(&request, 9).await.unwrap();
        let stored = &response.responses[0].partition_responses[0];
        if stored.error_code != ErrorCode::NONE {
            assert_eq!(stored.error_code, ErrorCode::KAFKA_STORAGE_ERROR);
            break;
        }
        acknowledged += 1;
    }
    assert!((1..9).contains(&acknowledged), "{acknowledged}");
    let refused = client.call(&produce_request("orders", 0, -1, &[b"small"]), 9).await.unwrap();
    let code = refused.responses[0].partition_responses[0].error_code;
    assert_eq!(code, ErrorCode::KAFKA_STORAGE_ERROR, "offline until it is started again");
    kill(&child, "-KILL").await;
    child.wait().await.unwrap();
    let (_child, mut client) = start_on(&scratch, &[]).await;
    assert_eq!(client.end_offset("orders").await, acknowledged);
}

/// Leaves a topic with batches of which records, or all, are compacted away.
async fn compact(client: &mut Client, scratch: &Scratch) {
    let configs = [("cleanup.policy", "compact"), ("min.cleanable.dirty.ratio", "0")];
    create(client, "compacted", 1, &configs).await;
    let codecs = [Compression::None, Compression::Lz4, Compression::Zstd];
    for round in 0..100_u32 {
        let mut builder = BatchBuilder::new(Vec::new());
        for at in 0..20 {
            let key = (at * 7 + round % 11).to_be_bytes();
            let value = vec![b'x'; 2_000];
            let value = (at % 5 > 0).then_some(&value[..]);
            builder.append(1_700_000_000_000, Some(&key), value, &[("h", Some(b"1"))]);
        }
        let stamp = Stamp {
            producer_id: i64::from(round % 4),
            producer_epoch: 0,
            base_sequence: i32::try_from(round / 4 * 20).unwrap(),
            ..Stamp::NONE
        };
        let codec = codecs[usize::try_from(round).unwrap() % codecs.len()];
        let batch = builder.seal(stamp, &mut Compressor::new(codec, None).unwrap());
        append(client, "compacted", 0, batch).await;
    }
    let checkpoint = scratch.0.join("cleaner-offset-checkpoint");
    for _ in 0..200 {
        let text = std::fs::read_to_string(&checkpoint).unwrap_or_default();
        if text.contains("compacted 0 ") {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("it was not cleaned");
}

/// Fills `KAFKA_LOGS` with files of every kind, for Kafka's dump tool to go over.
#[tokio::test]
#[ignore = "needs KAFKA_LOGS; .ci/run full has Kafka's dump tool read what this leaves"]
async fn leaves_files_of_every_kind() {
    let directory = std::env::var("KAFKA_LOGS").expect("KAFKA_LOGS names a directory");
    let scratch = std::mem::ManuallyDrop::new(Scratch(directory.into()));
    let settings = [
        "log.segment.bytes=1048576",
        "log.cleaner.backoff.ms=50",
        "metadata.log.max.record.bytes.between.snapshots=400",
    ];
    let (mut child, mut client) = start_on(&scratch, &settings).await;
    create(&mut client, "orders", 2, &[("retention.ms", "-1")]).await;
    create(&mut client, "stamped", 1, &[("message.timestamp.type", "LogAppendTime")]).await;
    let codecs = [
        Compression::None,
        Compression::Gzip,
        Compression::Snappy,
        Compression::Lz4,
        Compression::Zstd,
    ];
    for round in 0..200_i32 {
        let stamp = Stamp {
            producer_id: i64::from(round % 3),
            producer_epoch: 0,
            base_sequence: round / 3 * 50,
            ..Stamp::NONE
        };
        let codec = codecs[usize::try_from(round).unwrap() % codecs.len()];
        append(&mut client, "orders", 0, many(50, 1200, stamp, codec)).await;
        append(&mut client, "orders", 1, batch(&[b"one"])).await;
        append(&mut client, "stamped", 0, many(20, 500, Stamp::NONE, codec)).await;
        if round == 100 {
            kill(&child, "-KILL").await;
            child.wait().await.unwrap();
            (child, client) = start_on(&scratch, &settings).await;
        }
    }
    compact(&mut client, &scratch).await;
    let partition = delete_records::DeleteRecordsPartition { partition_index: 0, offset: 3_000 };
    let topic =
        delete_records::DeleteRecordsTopic { name: "orders".into(), partitions: vec![partition] };
    let request = delete_records::Request { topics: vec![topic], timeout_ms: 1000 };
    client.call(&request, 1).await.unwrap();
    kill(&child, "-TERM").await;
    assert!(child.wait().await.unwrap().success());
    let names = std::fs::read_dir(scratch.0.join("orders-0")).unwrap();
    let logs =
        names.filter(|name| name.as_ref().unwrap().file_name().to_string_lossy().ends_with(".log"));
    assert!(logs.count() > 1, "segments were rolled");
}

#[expect(clippy::disallowed_methods, reason = "it measures")]
async fn timed_start(
    scratch: &Scratch,
    what: &str,
    limit: Duration,
) -> (tokio::process::Child, Client) {
    let began = Instant::now();
    let started = start_on(scratch, &[]).await;
    let took = began.elapsed();
    println!("{what}: {took:?}");
    assert!(took < limit, "{what}: {took:?}, over {limit:?}");
    started
}

async fn opens_in_time(scratch: &Scratch, what: &str, child: tokio::process::Child, ends: &[i64]) {
    let mut child = child;
    for (signal, limit) in [("-KILL", 10), ("-TERM", 2)] {
        kill(&child, signal).await;
        child.wait().await.unwrap();
        let what = format!("{what} after {signal}");
        let (next, mut client) = timed_start(scratch, &what, Duration::from_secs(limit)).await;
        assert_eq!(client.end_offset("big").await, ends[0]);
        child = next;
    }
}

#[tokio::test]
#[ignore = "writes a gigabyte, and is for a release build"]
async fn a_large_log_opens_in_time() {
    let scratch = Scratch::new("large");
    let (child, mut client) = start_on(&scratch, &["message.max.bytes=2000000"]).await;
    create(&mut client, "big", 1, &[]).await;
    let mut end = 0;
    for _ in 0..1024 {
        end = append(&mut client, "big", 0, many(1000, 1036, Stamp::NONE, Compression::None)).await;
    }
    opens_in_time(&scratch, "1 GB", child, &[end + 1000]).await;
}

#[tokio::test]
#[ignore = "writes three million records, and is for a release build"]
async fn many_partitions_open_in_time() {
    let scratch = Scratch::new("many");
    let (child, mut client) = start_on(&scratch, &[]).await;
    create(&mut client, "big", 1000, &[]).await;
    let batch = many(100, 100, Stamp::NONE, Compression::None);
    for round in 0..30 {
        for partition in 0..1000 {
            let at = append(&mut client, "big", partition, batch.clone()).await;
            assert_eq!(at, round * 100);
        }
    }
    opens_in_time(&scratch, "3,000,000 records in 1,000 partitions", child, &[3000]).await;
}

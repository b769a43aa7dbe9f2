//! The broker on the simulated network, in paused time: waiting costs nothing, and a seed repeats a run.

#![allow(clippy::unwrap_used, reason = "in tests a panic is how a check fails")]

mod common;

use common::{Client, fetch_request, produce_request};
use kafka_broker_lite::net::sim::{FaultCounters, Faults, SimNet};
use kafka_broker_lite::{Cluster, ClusterBuilder};
use kafka_proto::ErrorCode;
use kafka_proto::api::ApiKey;
use kafka_proto::messages::{fetch, metadata};
use std::collections::BTreeSet;
use std::future::Future;
use std::io;
use std::time::Duration;
use tokio::io::AsyncReadExt;

const HOST: &str = "broker:9092";

/// Runs in paused time.
fn paused<T>(future: impl Future<Output = T>) -> T {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_time().start_paused(true).build().unwrap().block_on(future)
}

fn start(net: &SimNet, builder: ClusterBuilder) -> Cluster {
    builder.topic("orders", 1).seed(1).start_on(net.listen(HOST)).unwrap()
}

async fn connect(net: &SimNet) -> io::Result<Client> {
    Ok(Client::new(net.connect(HOST).await?))
}

#[test]
fn a_fetch_waits_in_virtual_time() {
    paused(async {
        let net = SimNet::new(1, Faults::none());
        let cluster = start(&net, Cluster::builder());
        assert_eq!(cluster.bootstrap_servers(), HOST);
        let mut client = connect(&net).await.unwrap();
        let broker = &client.metadata().await.brokers[0];
        assert_eq!((&*broker.host, broker.port), ("broker", 9092));
        let mut clock = kafka_broker_lite::clock::Clock::new(Some(1));
        let response = client.call(&fetch_request("orders", 0, 500_000), 11).await.unwrap();
        assert_eq!(response.error_code, ErrorCode::NONE);
        let waited = clock.now().monotonic_ms;
        assert!((500_000..500_010).contains(&waited), "{waited} ms");
        assert_eq!(cluster.control().counters().requests[&ApiKey::FETCH], 1);
    });
}

#[test]
fn a_rule_that_delays_an_unanswered_request_does_not_stop_what_is_behind_it() {
    paused(async {
        let net = SimNet::new(1, Faults::none());
        let cluster = start(&net, Cluster::builder());
        let control = cluster.control();
        control.on(ApiKey::PRODUCE).times(1).delay(Duration::from_secs(60));
        let mut client = connect(&net).await.unwrap();
        client.send(&produce_request("orders", 0, 0, &[b"a"]), 9).await.unwrap();
        assert_eq!(client.produce("orders", &[b"b"]).await.unwrap(), 1);
    });
}

#[test]
fn an_idle_connection_is_closed_and_a_busy_one_is_not() {
    paused(async {
        let net = SimNet::new(1, Faults::none());
        let _cluster = start(&net, Cluster::builder().config("connections.max.idle.ms", "10000"));
        let mut idle = connect(&net).await.unwrap();
        let mut busy = connect(&net).await.unwrap();
        for _ in 0..10 {
            tokio::time::sleep(Duration::from_secs(4)).await;
            busy.metadata().await;
        }
        assert_eq!(idle.stream.read(&mut [0; 1]).await.unwrap(), 0);
    });
}

#[test]
fn a_client_that_takes_no_answers_is_not_read_and_holds_up_nobody() {
    paused(async {
        let net = SimNet::new(1, Faults::none());
        let cluster = start(&net, Cluster::builder());
        let mut other = connect(&net).await.unwrap();
        let value = vec![7; 100_000];
        for _ in 0..10 {
            other.produce("orders", &[&value]).await.unwrap();
        }
        let mut slow = connect(&net).await.unwrap();
        let asks = async {
            for _ in 0..100_000 {
                slow.send(&fetch_request("orders", 0, 0), 11).await.unwrap();
            }
        };
        let asked = tokio::time::timeout(Duration::from_secs(60), asks).await;
        assert!(asked.is_err(), "what it asks is not read any more");
        let handled = cluster.control().counters().requests[&ApiKey::FETCH];
        assert!(handled < 10, "{handled} answers of 1 MB are held for it");
        assert_eq!(other.produce("orders", &[b"x"]).await.unwrap(), 10);
        for _ in 0..200 {
            let (_, response) = slow.receive::<fetch::Request>(11).await.unwrap();
            let records = response.responses[0].partitions[0].records.as_ref();
            assert!(common::values(records).len() >= 10);
        }
    });
}

#[test]
fn connections_over_the_limits_wait_or_are_refused() {
    paused(async {
        let net = SimNet::new(1, Faults::none());
        let _cluster = start(&net, Cluster::builder().config("max.connections", "2"));
        let (mut first, mut second) = (connect(&net).await.unwrap(), connect(&net).await.unwrap());
        first.metadata().await;
        second.metadata().await;
        let mut third = connect(&net).await.unwrap();
        let request = metadata::Request::default();
        let answered = tokio::time::timeout(Duration::from_secs(60), third.call(&request, 9)).await;
        assert!(answered.is_err(), "it waits for its turn");
        drop(first);
        assert!(third.receive::<metadata::Request>(9).await.is_ok());
    });
    paused(async {
        let net = SimNet::new(1, Faults::none());
        let _cluster = start(&net, Cluster::builder().config("max.connections.per.ip", "1"));
        let mut first = connect(&net).await.unwrap();
        first.metadata().await;
        let mut second = connect(&net).await.unwrap();
        assert_eq!(second.stream.read(&mut [0; 1]).await.unwrap(), 0);
        drop(first);
        connect(&net).await.unwrap().metadata().await;
    });
}

#[test]
fn a_broker_that_is_dropped_leaves_the_network() {
    paused(async {
        let net = SimNet::new(1, Faults::none());
        let cluster = start(&net, Cluster::builder());
        let mut client = connect(&net).await.unwrap();
        client.metadata().await;
        cluster.shutdown().await;
        assert!(matches!(client.stream.read(&mut [0; 1]).await, Ok(0) | Err(_)));
        let refused = net.connect(HOST).await.unwrap_err().kind();
        assert_eq!(refused, io::ErrorKind::ConnectionRefused);
    });
}

/// Produces every value at least once over a network with faults; then each is there, whole and after its forerunners.
async fn produce_through_faults(seed: u64) -> (u64, FaultCounters) {
    let faults = Faults { cut_request: 0.5, cut_reply: 0.5, ..Faults::drawn(seed) };
    let faults = Faults { cut_within_bytes: 20_000, ..faults };
    let net = SimNet::new(seed, faults);
    let cluster = start(&net, Cluster::builder());
    let mut next = 0_u16;
    while next < 50 {
        let Ok(mut client) = connect(&net).await else { continue };
        while next < 50 {
            let mut value = vec![0; 1000];
            value[..2].copy_from_slice(&next.to_be_bytes());
            let values: [&[u8]; 1] = [&value];
            let sent = client.produce("orders", &values);
            // A connection that stalls is left; what was sent on it may be in the log or not.
            match tokio::time::timeout(Duration::from_secs(5), sent).await {
                Ok(Ok(_)) => next += 1,
                Ok(Err(_)) | Err(_) => break,
            }
        }
    }
    net.heal();
    let values = connect(&net).await.unwrap().fetch("orders", 0).await.unwrap();
    let firsts: Vec<u16> = values.iter().map(|v| u16::from_be_bytes([v[0], v[1]])).collect();
    assert!(values.iter().all(|value| value.len() == 1000), "seed {seed}");
    let distinct: BTreeSet<u16> = firsts.iter().copied().collect();
    assert_eq!(distinct.len(), 50, "seed {seed}: all are there: {firsts:?}");
    let counters = cluster.control().counters();
    assert_eq!(counters.appended_batches, values.len() as u64, "seed {seed}");
    (net.trace(), net.counters())
}

#[test]
fn nothing_acknowledged_is_lost_through_faults_and_runs_repeat() {
    let (mut cuts, mut stalls) = (0, 0);
    for seed in 0..60 {
        let run = paused(produce_through_faults(seed));
        assert_eq!(paused(produce_through_faults(seed)), run, "seed {seed} repeats");
        cuts += run.1.cut_requests.min(1) + run.1.cut_replies.min(1);
        stalls += run.1.stalls.min(1);
    }
    assert!(cuts > 40 && stalls > 5, "{cuts} cuts, {stalls} stalls");
}

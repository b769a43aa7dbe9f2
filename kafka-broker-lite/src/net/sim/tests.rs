//! The simulated network: what arrives, when, and which faults the seed brings.

use super::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const HOST: &str = "broker:9092";

async fn pair(net: &SimNet) -> (SimStream, Box<dyn crate::net::Stream>, SimAcceptor) {
    let mut acceptor = net.listen(HOST);
    let client = net.connect(HOST).await.unwrap();
    let accepted = acceptor.accept().await.unwrap();
    assert_eq!(accepted.listener.as_str(), "PLAINTEXT");
    (client, accepted.stream, acceptor)
}

fn pattern(len: usize) -> Vec<u8> {
    (0..=u8::MAX).cycle().take(len).collect()
}

fn elapsed_ms(net: &SimNet) -> u64 {
    net.world().clock.now().monotonic_ms
}

/// Echoes everything on every connection, for ever.
async fn echo(mut acceptor: SimAcceptor) {
    while let Ok(mut accepted) = acceptor.accept().await {
        tokio::spawn(async move {
            let mut buffer = [0; 1000];
            while let Ok(len @ 1..) = accepted.stream.read(&mut buffer).await {
                if accepted.stream.write_all(&buffer[..len]).await.is_err() {
                    break;
                }
            }
        });
    }
}

#[tokio::test(start_paused = true)]
async fn bytes_arrive_in_order_after_the_latency() {
    let net = SimNet::new(1, Faults { latency_ms: 10..=10, ..Faults::none() });
    let (mut client, mut broker, _acceptor) = pair(&net).await;
    assert_eq!(elapsed_ms(&net), 10, "connecting takes as long");
    let sent = pattern(200_000);
    let writer = async {
        client.write_all(&sent).await.unwrap();
        client.shutdown().await.unwrap();
    };
    let mut received = Vec::new();
    let (_, read) = tokio::join!(writer, broker.read_to_end(&mut received));
    read.unwrap();
    assert_eq!(received, sent);
    assert_eq!(elapsed_ms(&net), 50, "four windows of 64 KiB, each after 10 ms");
    assert_eq!(net.counters(), FaultCounters { connections: 1, ..FaultCounters::default() });
}

#[tokio::test(start_paused = true)]
async fn a_writer_waits_for_a_reader() {
    let net = SimNet::new(1, Faults::none());
    let (mut client, mut broker, _acceptor) = pair(&net).await;
    let sent = pattern(100_000);
    let mut write = Box::pin(client.write_all(&sent));
    let waiting = tokio::time::timeout(Duration::from_secs(60), &mut write).await;
    assert!(waiting.is_err(), "more than the window is not taken in");
    let mut received = vec![0; sent.len()];
    let (written, read) = tokio::join!(write, broker.read_exact(&mut received));
    written.unwrap();
    read.unwrap();
    assert_eq!(received, sent);
}

#[tokio::test(start_paused = true)]
async fn an_end_that_is_dropped_is_noticed() {
    let net = SimNet::new(1, Faults::none());
    let (mut client, broker, _acceptor) = pair(&net).await;
    client.write_all(b"unread").await.unwrap();
    drop(broker);
    assert_eq!(client.read(&mut [0; 8]).await.unwrap(), 0);
    assert_eq!(client.write(b"x").await.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    drop(client);
    assert!(net.world().links.is_empty(), "nothing is kept of a closed connection");
}

#[tokio::test(start_paused = true)]
async fn connections_are_cut_at_the_byte_of_the_seed() {
    let (mut cuts, mut requests) = (std::collections::BTreeSet::new(), 0);
    for seed in 0..200 {
        let faults = Faults { cut_request: 0.5, cut_reply: 0.5, ..Faults::none() };
        let faults = Faults { cut_within_bytes: 1000, partial: 0.3, ..faults };
        let net = SimNet::new(seed, faults);
        tokio::spawn(echo(net.listen(HOST)));
        let mut client = net.connect(HOST).await.unwrap();
        let sent = pattern(2000);
        let mut received = Vec::new();
        let (mut reader, mut writer) = tokio::io::split(&mut client);
        let exchange = async {
            let written = writer.write_all(&sent).await;
            writer.shutdown().await.unwrap();
            written
        };
        let (written, read) = tokio::join!(exchange, reader.read_to_end(&mut received));
        assert_eq!(received, sent[..received.len()], "seed {seed}: what arrives is a beginning");
        let counters = net.counters();
        match counters.cut_requests + counters.cut_replies {
            0 => assert_eq!((received.len(), written.is_ok()), (2000, true), "seed {seed}"),
            1 => {
                assert_eq!(read.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
                cuts.insert(received.len());
                requests += counters.cut_requests;
            }
            more => panic!("seed {seed}: one connection was cut {more} times"),
        }
    }
    assert!(cuts.len() > 30, "only {} places", cuts.len());
    assert!((20..130).contains(&requests), "{requests}");
}

#[tokio::test(start_paused = true)]
async fn one_direction_stalls_and_the_other_does_not() {
    let net = SimNet::new(
        3,
        Faults { stall: 1.0, stall_ms: 500..=500, cut_within_bytes: 1, ..Faults::none() },
    );
    let (mut client, mut broker, _acceptor) = pair(&net).await;
    net.world().links.values_mut().for_each(Link::forget_stall_of_replies);
    client.write_all(b"request").await.unwrap();
    broker.write_all(b"reply").await.unwrap();
    client.read_exact(&mut [0; 5]).await.unwrap();
    assert!(elapsed_ms(&net) < 10);
    broker.read_exact(&mut [0; 7]).await.unwrap();
    assert_eq!(elapsed_ms(&net), 502);
    assert_eq!(net.counters().stalls, 1);
}

#[tokio::test(start_paused = true)]
async fn a_slow_connection_keeps_its_rate_until_healed() {
    let net = SimNet::new(3, Faults { slow: 1.0, slow_bytes_per_ms: 10..=10, ..Faults::none() });
    let (mut client, mut broker, _acceptor) = pair(&net).await;
    client.write_all(&pattern(20_000)).await.unwrap();
    broker.read_exact(&mut vec![0; 10_000]).await.unwrap();
    assert!((990..1010).contains(&elapsed_ms(&net)), "{}", elapsed_ms(&net));
    net.heal();
    broker.read_exact(&mut vec![0; 10_000]).await.unwrap();
    assert!(elapsed_ms(&net) < 1010, "{}", elapsed_ms(&net));
    assert_eq!(net.counters().slow, 2);
}

#[tokio::test(start_paused = true)]
async fn healing_lets_stalled_bytes_arrive() {
    let hour = 3_600_000;
    let faults =
        Faults { stall: 1.0, stall_ms: hour..=hour, cut_within_bytes: 1, ..Faults::none() };
    let net = SimNet::new(3, faults);
    let (mut client, mut broker, _acceptor) = pair(&net).await;
    client.write_all(b"request").await.unwrap();
    let healer = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        net.heal();
    };
    let mut request = [0; 7];
    let (_, read) = tokio::join!(healer, broker.read_exact(&mut request));
    read.unwrap();
    assert_eq!((&request, elapsed_ms(&net)), (b"request", 101));
}

#[tokio::test(start_paused = true)]
async fn a_stopped_broker_is_off_the_network_until_started() {
    let net = SimNet::new(1, Faults::none());
    let (mut client, mut broker, _acceptor) = pair(&net).await;
    let kind = |result: io::Result<SimStream>| result.unwrap_err().kind();
    net.stop(HOST);
    assert_eq!(client.read_u8().await.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
    assert_eq!(broker.read_u8().await.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
    assert_eq!(kind(net.connect(HOST).await), io::ErrorKind::ConnectionRefused);
    net.start(HOST);
    assert!(net.connect(HOST).await.is_ok());
    assert_eq!(kind(net.connect("nobody:1").await), io::ErrorKind::NotFound);
    assert_eq!(net.counters().stops, 1);
}

#[tokio::test(start_paused = true)]
async fn nobody_listens_when_the_acceptor_is_gone() {
    let net = SimNet::new(1, Faults::none());
    let acceptor = net.listen(HOST);
    let mut waiting = net.connect(HOST).await.unwrap();
    drop(acceptor);
    assert_eq!(waiting.read_u8().await.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
    let refused = net.connect(HOST).await.unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
    drop(waiting);
    assert!(net.world().links.is_empty());
    let (old, mut new) = (net.listen(HOST), net.listen(HOST));
    drop(old);
    let _client = net.connect(HOST).await.unwrap();
    assert!(new.accept().await.is_ok(), "one that was replaced takes nothing away");
}

async fn run(seed: u64) -> (u64, FaultCounters) {
    let net = SimNet::new(seed, Faults { cut_within_bytes: 5000, ..Faults::drawn(seed) });
    tokio::spawn(echo(net.listen(HOST)));
    for round in 0..20_u8 {
        let Ok(mut client) = net.connect(HOST).await else { continue };
        for _ in 0..10 {
            let sent = [round; 300];
            let mut received = [0; 300];
            if client.write_all(&sent).await.is_err()
                || client.read_exact(&mut received).await.is_err()
            {
                break;
            }
            assert_eq!(received, sent);
        }
    }
    (net.trace(), net.counters())
}

/// In a runtime of its own, as a test has.
fn run_alone(seed: u64) -> (u64, FaultCounters) {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_time().start_paused(true).build().unwrap().block_on(run(seed))
}

#[test]
fn the_same_seed_gives_the_same_run_and_another_another() {
    let runs: Vec<_> = (0..30).map(run_alone).collect();
    for (seed, run) in (0..).zip(&runs) {
        assert_eq!(run_alone(seed), *run, "seed {seed}");
    }
    let traces: std::collections::BTreeSet<_> = runs.iter().map(|(trace, _)| trace).collect();
    assert_eq!(traces.len(), runs.len());
    let count = |of: fn(&FaultCounters) -> u64| runs.iter().map(|(_, c)| of(c)).sum::<u64>();
    for (name, fired) in [
        ("refused", count(|c| c.refused)),
        ("cut requests", count(|c| c.cut_requests)),
        ("cut replies", count(|c| c.cut_replies)),
        ("stalls", count(|c| c.stalls)),
        ("slow", count(|c| c.slow)),
        ("partial", count(|c| c.partial)),
    ] {
        assert!(fired >= 5, "{name}: only {fired}");
    }
}

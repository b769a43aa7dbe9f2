//! A connection to a broker that asks for a pause, and one that breaks.

use super::*;
use crate::backoff::Backoff;
use kafka_proto::frame::{decode_request_header, encode_response};
use kafka_proto::messages::metadata;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

const SECOND: Duration = Duration::from_secs(1);

fn options() -> Options {
    let once = Backoff { first: SECOND, max: SECOND };
    let (setup_timeout, reconnect) = (once, once);
    let (request_timeout, max_idle) = (SECOND * 10, SECOND * 1000);
    Options { client_id: "test".into(), request_timeout, setup_timeout, max_idle, reconnect }
}

/// Answers every question about metadata at once, the first with a wish for a pause; tells when each came.
async fn broker(mut stream: DuplexStream, clock: Arc<Clock>, told: mpsc::UnboundedSender<u64>) {
    let mut pause_ms = 30_000;
    while let Ok(len) = stream.read_u32().await {
        let mut frame = vec![0; usize::try_from(len).unwrap()];
        stream.read_exact(&mut frame).await.unwrap();
        let (header, _) = decode_request_header(&frame.into()).unwrap();
        let (version, id) = (header.version, header.correlation_id);
        let frame = if header.api_key == ApiKey::API_VERSIONS {
            let (api_key, max_version) = (ApiKey::METADATA.0, 12);
            let row = api_versions::ApiVersion { api_key, min_version: 0, max_version };
            let answer = api_versions::Response { api_keys: vec![row], ..Default::default() };
            encode_response::<api_versions::Request>(&answer, version, id)
        } else {
            told.send(clock.now().monotonic.0 / 1_000_000).unwrap();
            let throttle_time_ms = std::mem::take(&mut pause_ms);
            let answer = metadata::Response { throttle_time_ms, ..Default::default() };
            encode_response::<metadata::Request>(&answer, version, id)
        };
        let pieces: Vec<Bytes> = frame.unwrap().pieces().cloned().collect();
        stream.write_all(&pieces.concat()).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_asks_for_a_pause_gets_it() {
    let clock = Arc::new(Clock::new(Some(1)));
    let (near, far) = tokio::io::duplex(64 << 10);
    let (told, mut came) = mpsc::unbounded_channel();
    tokio::spawn(broker(far, clock.clone(), told));
    let peer = "broker:9092".to_owned();
    let connection =
        Connection::open(Box::new(near), peer, options(), clock.clone(), Buffers::default());
    let connection = connection.await.unwrap();
    let question = metadata::Request::default();
    connection.call(&question).await.unwrap();
    // Longer than a request may take: none of that counts before the pause is over.
    let (one, two) = tokio::join!(connection.call(&question), connection.call(&question));
    assert!(one.is_ok() && two.is_ok(), "{one:?}, {two:?}");
    connection.call(&question).await.unwrap();
    let came: Vec<u64> = (0..4).map(|_| came.try_recv().unwrap()).collect();
    assert_eq!(came, [0, 30, 30, 30]);
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_breaks_within_a_request_fails_it_once() {
    let (near, far) = tokio::io::duplex(4);
    let (commands, queue) = mpsc::unbounded_channel();
    let shared = Arc::new(Shared {
        peer: "broker:9092".to_owned(),
        offered: OnceLock::new(),
        next_id: AtomicI32::new(0),
        alive: AtomicBool::new(true),
        muted_until: AtomicU64::new(0),
        options: options(),
        clock: Arc::new(Clock::new(Some(1))),
    });
    let mut task = Task::new(Box::new(near), queue, Buffers::default(), shared.clone());
    let connection = Connection { commands, shared };
    let (told, mut came) = mpsc::unbounded_channel();
    for _ in 0..2 {
        let told = told.clone();
        let on_reply: OnReply = Box::new(move |reply| told.send(reply).unwrap());
        let question = metadata::Request::default();
        connection.send(&question, 12, SECOND, true, on_reply).unwrap();
    }
    let mut cx = Context::from_waker(std::task::Waker::noop());
    assert!(task.poll(&mut cx).is_pending());
    drop(far);
    let Poll::Ready(error) = task.poll(&mut cx) else { panic!("it goes on") };
    task.fail(&error);
    drop(task);
    let mut sent = || match came.try_recv() {
        Ok(Reply::Failed { sent, .. }) => sent,
        _ => panic!("it did not fail"),
    };
    assert_eq!((sent(), sent()), (true, false));
    assert!(came.try_recv().is_err());
}

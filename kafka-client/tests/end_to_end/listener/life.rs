//! From the start to the end: pause, resume, stop, events.

use super::world::{Gate, HOUR, Handled, Told, World, eventually, stop};
use kafka_client::listener::{AckMode, ListenerBuilder, ListenerEvent, ListenerHandle};
use kafka_client::{ErrorKind, TopicPartition};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

fn start(listener: ListenerBuilder) -> (ListenerHandle, Handled) {
    let handled = Handled::default();
    let own = handled.clone();
    let handle = listener.start(move |record| {
        own.note(&record);
        async {}
    });
    (handle.unwrap(), handled)
}

/// A handler that is done with record 3 when the gate opens, and says so if it is dropped before.
fn start_gated(world: &World, gate: &Gate) -> (ListenerHandle, Handled, Arc<AtomicBool>) {
    struct Unfinished(Arc<AtomicBool>);
    impl Drop for Unfinished {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Relaxed);
        }
    }
    let (handled, dropped) = (Handled::default(), Arc::new(AtomicBool::new(false)));
    let (own, gate, flag) = (handled.clone(), gate.clone(), dropped.clone());
    let listener = world.listener(500).start(move |record| {
        let (own, gate, end) = (own.clone(), gate.clone(), Unfinished(flag.clone()));
        async move {
            if record.offset() == 3 {
                gate.pass().await;
            }
            own.note(&record);
            std::mem::forget(end);
        }
    });
    (listener.unwrap(), handled, dropped)
}

pub(crate) async fn stopping_finishes_what_is_in_hand(world: World) {
    world.fill(1, 10).await;
    let gate = Gate::new();
    let (listener, handled, dropped) = start_gated(&world, &gate);
    handled.reaches(3).await;
    let stopping = tokio::spawn(listener.stop(HOUR));
    tokio::task::yield_now().await;
    gate.open();
    stopping.await.unwrap().unwrap();
    let done = handled.of(0);
    // The handler may have been through before it was told to stop; none was cut short.
    assert!(done.len() >= 4 && !dropped.load(Ordering::Relaxed), "{done:?}");
    assert_eq!(world.committed(0).await, Some(done.len().try_into().unwrap()));
}

pub(crate) async fn stopping_out_of_time_drops_the_handler(world: World) {
    world.fill(1, 10).await;
    let (listener, handled, dropped) = start_gated(&world, &Gate::new());
    handled.reaches(3).await;
    let error = listener.stop(Duration::from_millis(50)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    eventually("the handler is dropped", || dropped.load(Ordering::Relaxed)).await;
    assert_eq!(world.committed(0).await, None, "nothing of the poll was committed");
    let (listener, handled) = start(world.listener(500));
    world.commits(0, 10).await;
    assert_eq!(handled.of(0), (0..10).collect::<Vec<_>>());
    stop(listener).await;
}

pub(crate) async fn a_paused_listener_waits(world: World) {
    world.fill(2, 10).await;
    let told = Told::default();
    let (listener, handled) = start(told.by(world.listener(500).concurrency(2)));
    handled.reaches(20).await;
    listener.pause();
    assert!(listener.is_paused());
    let paused = || told.count(|e| matches!(e, ListenerEvent::Paused)) == 2;
    eventually("both are paused", paused).await;
    world.append(0, 10..20).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(handled.lock().len(), 20);
    listener.resume();
    handled.reaches(30).await;
    world.commits(0, 20).await;
    assert_eq!(told.count(|e| matches!(e, ListenerEvent::Resumed)), 2);
    assert_eq!(told.count(|e| matches!(e, ListenerEvent::Lost { .. })), 0);
    stop(listener).await;
}

pub(crate) async fn a_dropped_handle_stops_the_listener(world: World) {
    world.fill(1, 10).await;
    let told = Told::default();
    let (listener, handled) = start(told.by(world.listener(500)));
    handled.reaches(10).await;
    drop(listener);
    told.comes("it stops", |e| matches!(e, ListenerEvent::Stopped { error: None })).await;
    assert_eq!(world.committed(0).await, Some(10));

    // So does a call that is dropped.
    let told = Told::default();
    let running = told.by(world.listener(500)).run(|_| async {});
    assert!(tokio::time::timeout(Duration::from_millis(50), running).await.is_err());
    told.comes("it stops", |e| matches!(e, ListenerEvent::Stopped { error: None })).await;
}

pub(crate) async fn events_tell_what_happens(world: World) {
    world.fill(1, 10).await;
    let told = Told::default();
    let listener = world.listener(500).idle_after(Duration::from_millis(20));
    let (listener, _) = start(told.by(listener));
    told.comes("it is idle", |e| matches!(e, ListenerEvent::Idle { .. })).await;
    let which = TopicPartition::new(&*world.topic, 0);
    told.comes("it commits", |event| {
        matches!(event, ListenerEvent::Committed { offsets } if offsets.get(&which) == Some(&10))
    })
    .await;
    let (second, _) = start(world.listener(500));
    stop(second).await;
    stop(listener).await;
    let events = told.lock();
    assert!(matches!(events.first(), Some(ListenerEvent::Started)), "{events:?}");
    let first = events
        .iter()
        .find(|event| !matches!(event, ListenerEvent::Idle { .. } | ListenerEvent::Started));
    assert!(
        matches!(first, Some(ListenerEvent::Assigned { partitions }) if *partitions == [which]),
        "{events:?}"
    );
    assert!(matches!(events.last(), Some(ListenerEvent::Stopped { error: None })), "{events:?}");
}

pub(crate) async fn what_cannot_be_is_refused(world: World) {
    let refused = |result: kafka_client::Result<ListenerHandle>, text: &str| {
        let error = result.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(error.to_string().contains(text), "{error}");
    };
    let manual = world.listener(1).ack_mode(AckMode::Manual);
    refused(manual.start(|_| async {}), "wants a handler that acknowledges");
    let record = world.listener(1).ack_mode(AckMode::Record);
    refused(record.start_acked(|_, _| async {}), "is no mode for a handler that acknowledges");
    let nothing = world.client.listener("g");
    refused(nothing.start(|_| async {}), "a topic has to be named");
    let auto = world.listener(1).config(world.config().enable_auto_commit(true));
    refused(auto.start(|_| async {}), "enable.auto.commit=true");
    refused(world.listener(1).pattern("(").start(|_| async {}), "regular expression");
}

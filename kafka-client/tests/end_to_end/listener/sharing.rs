//! Several consumers: side by side, taking over from one another, and given up by the group.

use super::world::{Gate, Handled, Told, World, eventually, stop};
use kafka_client::ConsumerRecord;
use kafka_client::config::ConsumerConfig;
use kafka_client::listener::{ListenerBuilder, ListenerEvent, ListenerHandle};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::Barrier;

fn start_gated(
    listener: ListenerBuilder,
    waits: impl Fn(&ConsumerRecord) -> bool + Send + Sync + 'static,
    gate: &Gate,
) -> (ListenerHandle, Handled) {
    let handled = Handled::default();
    let (own, gate) = (handled.clone(), gate.clone());
    let listener = listener.start(move |record| {
        let (own, gate, wait) = (own.clone(), gate.clone(), waits(&record));
        async move {
            if wait {
                gate.pass().await;
            }
            own.note(&record);
        }
    });
    (listener.unwrap(), handled)
}

fn cooperative(world: &World) -> ConsumerConfig {
    world.config().partition_assignment_strategy(["cooperative-sticky"])
}

pub(crate) async fn consumers_work_side_by_side_in_order(world: World) {
    world.fill(6, 50).await;
    let (handled, told) = (Handled::default(), Told::default());
    let (own, all) = (handled.clone(), Arc::new(Barrier::new(3)));
    let first = AtomicUsize::new(0);
    let listener = told.by(world.listener(500).concurrency(3)).start(move |record| {
        let (own, all) = (own.clone(), all.clone());
        // Three at a time, or it never gets past.
        let waits = first.fetch_add(1, Ordering::Relaxed) < 3;
        async move {
            if waits {
                all.wait().await;
            }
            own.note(&record);
        }
    });
    // Whoever is first is given everything until the others have joined.
    let listener = listener.unwrap();
    listener.pause();
    let shared = |event: &ListenerEvent| match event {
        ListenerEvent::Assigned { partitions } => partitions.len() == 2,
        _ => false,
    };
    eventually("they share", || told.count(shared) == 3).await;
    listener.resume();
    handled.reaches(300).await;
    stop(listener).await;
    for partition in 0..6 {
        assert_eq!(handled.of(partition), (0..50).collect::<Vec<_>>());
        assert_eq!(world.committed(partition).await, Some(50));
    }
}

pub(crate) async fn a_partition_goes_when_its_record_is_done(world: World) {
    world.fill(2, 10).await;
    let (gate, told) = (Gate::new(), Told::default());
    let listener = told.by(world.listener(500));
    let (first, one) = start_gated(listener, |record| record.offset() == 3, &gate);
    one.reaches(3).await;
    let (second, two) = start_gated(world.listener(500), |_| false, &Gate::new());
    // The second cannot have anything while the first has a record in hand.
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(told.count(|e| matches!(e, ListenerEvent::Revoked { .. })), 0);
    assert!(two.lock().is_empty());
    gate.open();
    told.comes("partitions go", |e| matches!(e, ListenerEvent::Revoked { .. })).await;
    for partition in 0..2 {
        world.commits(partition, 10).await;
    }
    stop(first).await;
    stop(second).await;
    let mut all: Vec<_> = one.lock().iter().chain(two.lock().iter()).copied().collect();
    all.sort_unstable();
    let once: Vec<_> = (0..2).flat_map(|p| (0..10).map(move |offset| (p, offset))).collect();
    assert_eq!(all, once, "what is done is committed before it goes, so that nothing is repeated");
}

pub(crate) async fn unconcerned_partitions_come_and_go_while_a_handler_runs(world: World) {
    world.fill(2, 10).await;
    let (gate, told) = (Gate::new(), Told::default());
    let listener = world.listener(1).config(cooperative(&world).max_poll_records(1));
    let (first, one) = start_gated(told.by(listener), |record| record.partition() == 0, &gate);
    told.comes("it has both", |e| matches!(e, ListenerEvent::Assigned { .. })).await;
    let (second, two) =
        start_gated(world.listener(500).config(cooperative(&world)), |_| false, &Gate::new());
    // The handler of the first waits all the while, and a partition goes.
    told.comes("one goes", |e| matches!(e, ListenerEvent::Revoked { .. })).await;
    world.commits(1, 10).await;
    assert!(one.of(0).is_empty());
    gate.open();
    world.commits(0, 10).await;
    assert_eq!(told.count(|e| matches!(e, ListenerEvent::Lost { .. })), 0);
    assert_eq!((one.of(0).len(), one.of(1).len() + two.of(1).len()), (10, 10));
    stop(first).await;
    stop(second).await;
}

pub(crate) async fn a_handler_that_takes_too_long_is_dropped(world: World) {
    world.fill(1, 10).await;
    let told = Told::default();
    let config = world.config().max_poll_interval(Duration::from_secs(1));
    let once = AtomicUsize::new(0);
    let waits = move |record: &ConsumerRecord| {
        record.offset() == 3 && once.fetch_add(1, Ordering::Relaxed) == 0
    };
    let listener = told.by(world.listener(500).config(config));
    let (listener, handled) = start_gated(listener, waits, &Gate::new());
    told.comes("it is lost", |e| matches!(e, ListenerEvent::Lost { .. })).await;
    world.commits(0, 10).await;
    stop(listener).await;
    // Nothing of the poll was committed, so it came again as a whole.
    assert_eq!(handled.of(0), (0..3).chain(0..10).collect::<Vec<_>>());
}

pub(crate) async fn a_pattern_finds_its_topics(world: World) {
    world.fill(2, 10).await;
    let pattern = format!("{}.*", &world.topic[..world.topic.len() - 1]);
    let listener = world.listener(500).pattern(pattern);
    let (listener, handled) = start_gated(listener, |_| false, &Gate::new());
    for partition in 0..2 {
        world.commits(partition, 10).await;
    }
    assert!(handled.lock().len() >= 20);
    stop(listener).await;
}

//! What is committed when, in each ack mode. A gate in the handler makes "when" exact.

use super::world::{Gate, HOUR, Handled, Told, World, eventually, stop};
use kafka_client::listener::{
    Ack, AckMode, Commits, ListenerBuilder, ListenerEvent, ListenerHandle,
};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

const MOMENT: Duration = Duration::from_millis(30);

/// Starts a listener that notes what it has handled, and whose handler waits before it is done with the record at `at`.
fn start(listener: ListenerBuilder, gate: &Gate, at: i64) -> (ListenerHandle, Handled) {
    let handled = Handled::default();
    let (own, gate) = (handled.clone(), gate.clone());
    let handle = listener.start(move |record| {
        let (own, gate) = (own.clone(), gate.clone());
        async move {
            if record.offset() == at {
                gate.pass().await;
            }
            own.note(&record);
        }
    });
    (handle.unwrap(), handled)
}

/// Has a listener handle 10 records up to the one at `at`, and checks what is committed then.
async fn commits(world: World, mode: AckMode, poll: usize, at: i64, expected: Option<i64>) {
    world.fill(1, 10).await;
    let gate = Gate::new();
    let (listener, handled) = start(world.listener(poll).ack_mode(mode), &gate, at);
    handled.reaches(usize::try_from(at).unwrap()).await;
    if let Some(expected) = expected {
        world.commits(0, expected).await;
    }
    assert_eq!(world.committed(0).await, expected);
    gate.open();
    handled.reaches(10).await;
    stop(listener).await;
    assert_eq!(world.committed(0).await, Some(10), "whatever is done is committed at the end");
    assert_eq!(handled.of(0), (0..10).collect::<Vec<_>>());
}

pub(crate) async fn record_commits_after_each(world: World) {
    commits(world, AckMode::Record, 500, 3, Some(3)).await;
}

pub(crate) async fn batch_commits_after_each_poll(world: World) {
    commits(world, AckMode::Batch, 4, 6, Some(4)).await;
}

pub(crate) async fn count_commits_after_polls_with_so_many(world: World) {
    commits(world, AckMode::Count(4), 3, 9, Some(6)).await;
}

pub(crate) async fn time_commits_between_polls(world: World) {
    world.fill(1, 10).await;
    let listener = world.listener(4).ack_mode(AckMode::Time(HOUR));
    let (listener, handled) = start(listener, &Gate::new(), -1);
    handled.reaches(10).await;
    assert_eq!(world.committed(0).await, None);
    stop(listener).await;
    assert_eq!(world.committed(0).await, Some(10));

    let listener = world.listener(4).ack_mode(AckMode::Time(MOMENT));
    let (listener, _) = start(listener, &Gate::new(), -1);
    world.append(0, 10..15).await;
    world.commits(0, 15).await;
    stop(listener).await;
}

pub(crate) async fn count_and_time_commit_by_either(world: World) {
    let by_count = AckMode::CountTime(5, HOUR);
    commits(world.clone(), by_count, 4, 9, Some(8)).await;
    let listener = world.listener(4).ack_mode(AckMode::CountTime(1000, MOMENT));
    let (listener, _) = start(listener, &Gate::new(), -1);
    world.append(0, 10..13).await;
    world.commits(0, 13).await;
    stop(listener).await;
}

pub(crate) async fn async_commits_do_not_hold_up(world: World) {
    world.fill(1, 50).await;
    let listener = world.listener(7).ack_mode(AckMode::Record).commits(Commits::Async);
    let (listener, handled) = start(listener, &Gate::new(), -1);
    handled.reaches(50).await;
    world.commits(0, 50).await;
    stop(listener).await;
    assert_eq!(handled.of(0), (0..50).collect::<Vec<_>>());
}

/// The right to acknowledge what was handed out, by offset.
type Held = Arc<Mutex<BTreeMap<i64, Ack>>>;

fn start_holding(listener: ListenerBuilder, held: &Held) -> ListenerHandle {
    let held = held.clone();
    let handler = move |record: kafka_client::ConsumerRecord, ack| {
        assert!(held.lock().unwrap().insert(record.offset(), ack).is_none(), "given twice");
        async {}
    };
    listener.start_acked(handler).unwrap()
}

async fn acknowledge(held: &Held, offset: i64) {
    let ack = held.lock().unwrap().remove(&offset).unwrap();
    ack.acknowledge().await.unwrap();
}

pub(crate) async fn manual_commits_the_contiguous_prefix(world: World) {
    world.fill(1, 6).await;
    let held = Held::default();
    let listener = start_holding(world.listener(4).ack_mode(AckMode::Manual), &held);
    eventually("all are handed out", || held.lock().unwrap().len() == 6).await;
    acknowledge(&held, 2).await;
    acknowledge(&held, 1).await;
    assert_eq!(world.committed(0).await, None);
    acknowledge(&held, 0).await;
    world.commits(0, 3).await;
    acknowledge(&held, 5).await;
    stop(listener).await;
    assert_eq!(world.committed(0).await, Some(3));
    let late = held.lock().unwrap().remove(&3).unwrap();
    let error = late.acknowledge().await.unwrap_err();
    assert!(error.to_string().contains("handled again"), "{error}");

    let again = Held::default();
    let listener = start_holding(world.listener(4).ack_mode(AckMode::Manual), &again);
    eventually("the rest is handed out again", || again.lock().unwrap().keys().copied().eq(3..6))
        .await;
    stop(listener).await;
}

pub(crate) async fn manual_immediate_is_committed_when_awaited(world: World) {
    world.fill(1, 6).await;
    let handled = Handled::default();
    let (own, there) = (handled.clone(), world.clone());
    let listener = world.listener(500).ack_mode(AckMode::ManualImmediate);
    let listener = listener.start_acked(move |record, ack| {
        let (own, world) = (own.clone(), there.clone());
        async move {
            ack.acknowledge().await.unwrap();
            assert_eq!(world.committed(0).await, Some(record.offset() + 1));
            own.note(&record);
        }
    });
    handled.reaches(6).await;
    stop(listener.unwrap()).await;

    // By other tasks, out of order: what closes the gap is awaited, what is behind it is not.
    let held = Held::default();
    let listener = world.listener(500).ack_mode(AckMode::ManualImmediate);
    let listener = start_holding(listener, &held);
    world.append(0, 6..9).await;
    eventually("all are handed out", || held.lock().unwrap().len() == 3).await;
    acknowledge(&held, 8).await;
    acknowledge(&held, 7).await;
    assert_eq!(world.committed(0).await, Some(6));
    acknowledge(&held, 6).await;
    assert_eq!(world.committed(0).await, Some(9));
    stop(listener).await;
}

/// A handler that waits for a commit which cannot begin before another has ended.
pub(crate) async fn commits_follow_one_another_while_a_handler_waits(world: World) {
    world.fill(1, 10).await;
    let kept: Arc<Mutex<Option<Ack>>> = Arc::default();
    let listener = world.listener(500).ack_mode(AckMode::ManualImmediate);
    let listener = listener.start_acked(move |_, ack| {
        let before = kept.lock().unwrap().take();
        let kept = kept.clone();
        async move {
            match before {
                Some(before) => {
                    drop(before.acknowledge());
                    tokio::task::yield_now().await;
                    ack.acknowledge().await.unwrap();
                }
                None => *kept.lock().unwrap() = Some(ack),
            }
        }
    });
    world.commits(0, 10).await;
    stop(listener.unwrap()).await;
}

pub(crate) async fn a_gap_pauses_its_partition(world: World) {
    world.fill(1, 20).await;
    let (held, told) = (Held::default(), Told::default());
    let listener = world.listener(2).ack_mode(AckMode::Manual).ack_gap_limit(4);
    let listener = told.by(listener.idle_after(Duration::from_millis(100)));
    let listener = start_holding(listener, &held);
    told.comes("it pauses", |e| matches!(e, ListenerEvent::PartitionPaused { .. })).await;
    told.comes("nothing comes", |e| matches!(e, ListenerEvent::Idle { .. })).await;
    assert_eq!(held.lock().unwrap().keys().copied().collect::<Vec<_>>(), [0, 1, 2, 3]);
    for offset in (1..4).chain([0]).chain(4..20) {
        eventually("it is handed out", || held.lock().unwrap().contains_key(&offset)).await;
        acknowledge(&held, offset).await;
    }
    world.commits(0, 20).await;
    assert!(told.count(|e| matches!(e, ListenerEvent::PartitionResumed { .. })) > 0);
    stop(listener).await;
}

pub(crate) async fn batches_are_polls(world: World) {
    world.fill(1, 10).await;
    let (gate, sizes) = (Gate::new(), Arc::new(Mutex::new(Vec::new())));
    let (passed, own) = (gate.clone(), sizes.clone());
    let listener = world.listener(4).start_batches(move |records| {
        let (gate, sizes) = (passed.clone(), own.clone());
        async move {
            if sizes.lock().unwrap().len() == 2 {
                gate.pass().await;
            }
            sizes.lock().unwrap().push(records.len());
        }
    });
    world.commits(0, 8).await;
    gate.open();
    world.commits(0, 10).await;
    assert_eq!(*sizes.lock().unwrap(), [4, 4, 2]);
    stop(listener.unwrap()).await;
}

pub(crate) async fn batches_are_acknowledged_as_one(world: World) {
    world.fill(1, 10).await;
    let acks: Arc<Mutex<Vec<Ack>>> = Arc::default();
    let own = acks.clone();
    let listener = world.listener(4).start_batches_acked(move |records, ack| {
        assert!(records.len() <= 4);
        own.lock().unwrap().push(ack);
        async {}
    });
    eventually("all are handed out", || acks.lock().unwrap().len() == 3).await;
    let ack = |at| acks.lock().unwrap().remove(at);
    ack(2).acknowledge().await.unwrap();
    assert_eq!(world.committed(0).await, None);
    ack(0).acknowledge().await.unwrap();
    world.commits(0, 4).await;
    ack(0).acknowledge().await.unwrap();
    world.commits(0, 10).await;
    stop(listener.unwrap()).await;
}

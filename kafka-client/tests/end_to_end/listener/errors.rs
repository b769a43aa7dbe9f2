//! Handlers that fail: again, no more, elsewhere.

use super::world::{HOUR, Handled, Told, World, stop};
use kafka_client::listener::{ErrorPolicy, ListenerBuilder, ListenerEvent, ListenerHandle};
use kafka_client::{ErrorKind, Records, TopicPartition};
use std::error::Error;
use std::fmt;
use std::time::Duration;

const MOMENT: Duration = Duration::from_millis(1);

#[derive(Debug)]
struct NoTea(i64);

impl fmt::Display for NoTea {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no tea for {}", self.0)
    }
}

impl Error for NoTea {}

/// Starts a listener that notes each delivery, and whose handler fails with record 3 as many times.
fn start(listener: ListenerBuilder, failures: usize) -> (ListenerHandle, Handled) {
    let delivered = Handled::default();
    let own = delivered.clone();
    let handle = listener.start(move |record| {
        own.note(&record);
        let times = own.of(record.partition()).iter().filter(|offset| **offset == 3).count();
        async move {
            if record.offset() == 3 && times <= failures { Err(NoTea(3)) } else { Ok(()) }
        }
    });
    (handle.unwrap(), delivered)
}

pub(crate) async fn a_record_is_delivered_again_until_it_works(world: World) {
    world.fill(1, 6).await;
    let told = Told::default();
    let policy = ErrorPolicy::backoff(MOMENT, 3);
    let (listener, delivered) = start(told.by(world.listener(500).on_error(policy)), 2);
    world.commits(0, 6).await;
    assert_eq!(delivered.of(0), [0, 1, 2, 3, 3, 3, 4, 5]);
    let which = TopicPartition::new(&*world.topic, 0);
    for times in 1..=2 {
        let retried = |event: &ListenerEvent| {
            matches!(event, ListenerEvent::Retrying { partition, offset: 3, deliveries, error, .. }
                if *deliveries == times && *partition == which && error.is::<NoTea>())
        };
        assert_eq!(told.count(retried), 1);
    }
    stop(listener).await;
}

pub(crate) async fn what_keeps_failing_stops_the_listener(world: World) {
    world.fill(1, 6).await;
    let told = Told::default();
    let policy = ErrorPolicy::backoff(MOMENT, 4);
    let (mut listener, delivered) = start(told.by(world.listener(500).on_error(policy)), 99);
    let error = listener.wait().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Handler);
    assert!(error.source().unwrap().is::<NoTea>());
    assert_eq!((error.topic(), error.partition()), (Some(&*world.topic), Some(0)));
    assert!(error.to_string().contains("offset 3, after 4 deliveries: no tea for 3"), "{error}");
    assert_eq!(delivered.of(0), [0, 1, 2, 3, 3, 3, 3]);
    assert_eq!(world.committed(0).await, Some(3), "what was handled, and nothing else");
    assert_eq!(told.count(|e| matches!(e, ListenerEvent::Stopped { error: Some(_) })), 1);
    let again = listener.stop(HOUR).await.unwrap_err();
    assert_eq!(again.to_string(), error.to_string());
}

pub(crate) async fn what_keeps_failing_is_skipped_if_asked_for(world: World) {
    world.fill(1, 6).await;
    let told = Told::default();
    let policy = ErrorPolicy::backoff(MOMENT, 2).then_skip();
    let (listener, delivered) = start(told.by(world.listener(500).on_error(policy)), 99);
    world.commits(0, 6).await;
    assert_eq!(delivered.of(0), [0, 1, 2, 3, 3, 4, 5]);
    assert_eq!(told.count(|e| matches!(e, ListenerEvent::Skipped { offset: 3, .. })), 1);
    stop(listener).await;
}

pub(crate) async fn some_errors_are_not_tried_again(world: World) {
    world.fill(1, 6).await;
    let policy = ErrorPolicy::backoff(HOUR, 9).retry_if(|error| !error.is::<NoTea>()).then_skip();
    let (listener, delivered) = start(world.listener(500).on_error(policy), 99);
    world.commits(0, 6).await;
    assert_eq!(delivered.of(0), [0, 1, 2, 3, 4, 5]);
    stop(listener).await;
}

pub(crate) async fn dead_letters_say_where_they_are_from(world: World) {
    world.fill(1, 6).await;
    let letters = format!("{}-dlt", world.topic);
    world.make(&letters, 1).await;
    let told = Told::default();
    let policy = ErrorPolicy::backoff(MOMENT, 2).then_dead_letter(&*letters);
    let (listener, delivered) = start(told.by(world.listener(500).on_error(policy)), 99);
    world.commits(0, 6).await;
    assert_eq!(delivered.of(0), [0, 1, 2, 3, 3, 4, 5]);
    assert_eq!(told.count(|e| matches!(e, ListenerEvent::DeadLettered { offset: 3, .. })), 1);
    stop(listener).await;

    let mut reader = world.client.consumer(world.config()).unwrap();
    reader.assign([(&*letters, 0)]).unwrap();
    let letter = reader.recv().await.unwrap();
    assert_eq!((letter.key(), letter.value()), (Some(&b"k"[..]), Some(&b"3"[..])));
    let header = |name: &str| {
        let found = letter.headers().find(|header| header.key() == name);
        found.unwrap_or_else(|| panic!("no {name}")).value().unwrap().to_vec()
    };
    assert_eq!(header("kafka_dlt-original-topic"), world.topic.as_bytes());
    assert_eq!(header("kafka_dlt-original-partition"), 0_i32.to_be_bytes());
    assert_eq!(header("kafka_dlt-original-offset"), 3_i64.to_be_bytes());
    assert_eq!(header("kafka_dlt-original-consumer-group"), world.group.as_bytes());
    assert_eq!(header("kafka_dlt-exception-message"), b"no tea for 3");
    let timestamp = i64::from_be_bytes(header("kafka_dlt-original-timestamp").try_into().unwrap());
    assert!((1..=letter.timestamp_ms()).contains(&timestamp));
    world.client.admin().delete_topics([&*letters]).await.unwrap().all().unwrap();
}

pub(crate) async fn a_panic_ends_the_listener(world: World) {
    world.fill(2, 6).await;
    let policy = ErrorPolicy::backoff(MOMENT, 3).then_skip();
    let listener = world.listener(500).concurrency(2).on_error(policy);
    let mut listener = listener
        .start(|record| async move {
            let (partition, offset) = (record.partition(), record.offset());
            assert!(partition > 0 || offset < 3, "the pot is empty");
        })
        .unwrap();
    let error = listener.wait().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Handler);
    assert!(error.to_string().contains("offset 3, it panicked: the pot is empty"), "{error}");
    assert_eq!(world.committed(0).await, Some(3));

    // Before there is a future, too.
    let listener = world.listener(500).start(|record| -> std::future::Ready<()> {
        panic!("{} is too much", record.offset());
    });
    let error = listener.unwrap().wait().await.unwrap_err();
    assert!(error.to_string().contains("is too much"), "{error}");
}

pub(crate) async fn a_batch_is_retried_and_skipped_together(world: World) {
    world.fill(1, 10).await;
    let delivered = Handled::default();
    let own = delivered.clone();
    let policy = ErrorPolicy::backoff(MOMENT, 2).then_skip();
    let listener = world.listener(4).on_error(policy).start_batches(move |records: Records| {
        for record in &records {
            own.note(&record.to_owned());
        }
        let bad = records.iter().any(|record| record.offset() == 5);
        async move { if bad { Err(NoTea(5)) } else { Ok(()) } }
    });
    world.commits(0, 10).await;
    assert_eq!(delivered.of(0), [0, 1, 2, 3, 4, 5, 6, 7, 4, 5, 6, 7, 8, 9]);
    stop(listener.unwrap()).await;
}

/// While a record waits to be delivered again, the group shares its partitions out anew, and the record goes.
pub(crate) async fn a_retry_that_waits_holds_nobody_up(world: World) {
    world.fill(2, 6).await;
    let policy = ErrorPolicy::backoff(HOUR, 9).max_wait(HOUR);
    let told = Told::default();
    let (first, _) = start(told.by(world.listener(500).on_error(policy)), 99);
    told.comes("it waits", |e| matches!(e, ListenerEvent::Retrying { .. })).await;
    let (second, handled) = start(world.listener(500), 0);
    let (third, more) = start(world.listener(500), 0);
    told.comes("it gives up", |e| matches!(e, ListenerEvent::Revoked { .. })).await;
    // Whoever of the others has partition 0 by now handles the record, unless the first got it again; so it stops.
    stop(first).await;
    for partition in 0..2 {
        world.commits(partition, 6).await;
    }
    stop(second).await;
    stop(third).await;
    assert!(handled.of(0).contains(&3) || more.of(0).contains(&3));
}

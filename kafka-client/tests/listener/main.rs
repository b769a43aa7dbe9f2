//! The listener container in real time, over sockets: every ack mode, errors, its life, its part in a group, and what
//! is repeated when its process is killed.
//!
//! Every scenario runs on an embedded broker with each `cargo test`, and unchanged on a running Apache Kafka:
//!
//! ```text
//! KAFKA_BOOTSTRAP=127.0.0.1:9092 cargo test -p kafka-client --test listener -- --ignored
//! ```

#![allow(clippy::unwrap_used, clippy::panic, reason = "in tests a panic is how a check fails")]
#![allow(clippy::expect_used, reason = "in tests a panic is how a check fails")]

mod child;
mod errors;
mod faults;
mod kills;
mod life;
mod modes;
mod sharing;
mod world;

use kafka_broker_lite::Cluster;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;
use world::World;

/// No scenario takes this long, not even on a busy machine.
const LIMIT: Duration = Duration::from_secs(120);

/// One that runs: boxed in one place, so that neither it nor what runs it is compiled more than once.
type Scenario = Pin<Box<dyn Future<Output = ()> + Send>>;

macro_rules! scenarios {
    ($($file:ident::$scenario:ident,)*) => {
        mod boxed {
            $(pub(super) fn $scenario(world: super::World) -> super::Scenario {
                Box::pin(super::$file::$scenario(world))
            })*
        }
        mod embedded {
            $(#[test]
            fn $scenario() {
                super::run_embedded(super::boxed::$scenario);
            })*
        }
        mod kafka {
            $(#[test]
            #[ignore = "needs a running Kafka: KAFKA_BOOTSTRAP=host:port"]
            fn $scenario() {
                super::run_on_kafka(super::boxed::$scenario);
            })*
        }
    };
}

scenarios! {
    errors::a_batch_is_retried_and_skipped_together,
    errors::a_panic_ends_the_listener,
    errors::a_record_is_delivered_again_until_it_works,
    errors::a_retry_that_waits_holds_nobody_up,
    errors::dead_letters_say_where_they_are_from,
    errors::some_errors_are_not_tried_again,
    errors::what_keeps_failing_is_skipped_if_asked_for,
    errors::what_keeps_failing_stops_the_listener,
    kills::batch_repeats_at_most_a_poll,
    kills::count_and_time_repeat_the_smaller_of_both,
    kills::count_repeats_fewer_than_that_and_a_poll,
    kills::manual_immediate_repeats_the_unacknowledged_and_one,
    kills::manual_repeats_the_unacknowledged_and_a_poll,
    kills::record_repeats_at_most_one,
    kills::time_repeats_what_came_since,
    life::a_dropped_handle_stops_the_listener,
    life::a_paused_listener_waits,
    life::events_tell_what_happens,
    life::stopping_finishes_what_is_in_hand,
    life::stopping_out_of_time_drops_the_handler,
    life::what_cannot_be_is_refused,
    modes::a_gap_pauses_its_partition,
    modes::async_commits_do_not_hold_up,
    modes::batch_commits_after_each_poll,
    modes::batches_are_acknowledged_as_one,
    modes::batches_are_polls,
    modes::commits_follow_one_another_while_a_handler_waits,
    modes::count_commits_after_polls_with_so_many,
    modes::count_and_time_commit_by_either,
    modes::manual_commits_the_contiguous_prefix,
    modes::manual_immediate_is_committed_when_awaited,
    modes::record_commits_after_each,
    modes::time_commits_between_polls,
    sharing::a_handler_that_takes_too_long_is_dropped,
    sharing::a_partition_goes_when_its_record_is_done,
    sharing::a_pattern_finds_its_topics,
    sharing::consumers_work_side_by_side_in_order,
    sharing::unconcerned_partitions_come_and_go_while_a_handler_runs,
}

fn run_embedded(scenario: fn(World) -> Scenario) {
    block_on(async {
        let cluster = Cluster::builder().start().await.unwrap();
        run(cluster.bootstrap_servers(), scenario).await;
        cluster.shutdown().await;
    });
}

fn run_on_kafka(scenario: fn(World) -> Scenario) {
    let bootstrap = std::env::var("KAFKA_BOOTSTRAP");
    let bootstrap = bootstrap.expect("KAFKA_BOOTSTRAP=host:port has to name a running Kafka");
    block_on(run(bootstrap, scenario));
}

async fn run(bootstrap: String, scenario: fn(World) -> Scenario) {
    let world = World::new(bootstrap).await;
    let task = tokio::spawn(tokio::time::timeout(LIMIT, scenario(world.clone())));
    let outcome = task.await;
    world.clean_up().await;
    match outcome {
        Ok(finished) => finished.expect("the scenario hangs"),
        Err(failed) => std::panic::resume_unwind(failed.into_panic()),
    }
}

fn block_on(future: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(future);
}

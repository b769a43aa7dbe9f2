//! The end-to-end suite: scenarios in real time, over sockets, that know nothing of the broker but its address.
//!
//! Every scenario runs on an embedded broker with each `cargo test`, once as it is and once per older Kafka it passes
//! itself off as; and unchanged on a running Apache Kafka, when asked to:
//!
//! ```text
//! KAFKA_BOOTSTRAP=127.0.0.1:9092 cargo test -p kafka-client --test end_to_end -- --ignored
//! ```
//!
//! What only a fault or an order of events can show is the simulation's.

#![allow(clippy::unwrap_used, clippy::panic, reason = "in tests a panic is how a check fails")]
#![allow(clippy::expect_used, reason = "in tests a panic is how a check fails")]

mod administration;
mod churn;
mod consuming;
mod group_administration;
mod groups;
mod listener;
mod lives_of_topics;
mod member;
mod positions;
mod producing;
mod reconnects;
mod sizes;
mod world;

use kafka_broker_lite::Cluster;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;
use world::World;

/// No scenario takes this long, not even on a busy machine.
const LIMIT: Duration = Duration::from_secs(180);

/// One that runs: boxed in one place, so that neither it nor what runs it is compiled more than once.
type Scenario = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Hands all scenarios to a macro that makes tests of them.
macro_rules! scenarios {
    ($make:ident $with:tt) => {
        $make! { $with
            administration::cluster_is_described,
            administration::configs_are_set_and_described,
            administration::partitions_are_added_under_a_running_producer,
            administration::topics_are_made_described_and_deleted,
            administration::what_cannot_be_made_is_refused,
            consuming::batches_of_every_codec_are_read_from_their_middle,
            consuming::many_partitions_are_read_in_a_small_memory,
            consuming::paused_partitions_wait,
            consuming::poll_recv_and_stream_give_the_same,
            consuming::records_arrive_while_they_are_waited_for,
            group_administration::groups_are_moved_to_other_offsets,
            groups::a_listener_commits_what_goes,
            groups::a_pattern_finds_topics_that_come,
            groups::added_partitions_are_shared_out,
            groups::auto_commit_leaves_out_what_is_in_hand,
            groups::cooperative_members_read_on_through_a_rebalance,
            groups::every_assignor_shares_everything_out,
            groups::offsets_are_committed_with_metadata,
            groups::records_are_read_on_from_where_the_group_committed,
            groups::silent_members_leave_and_come_back,
            groups::subscriptions_change,
            groups::two_members_share_and_one_dies,
            lives_of_topics::deleted_and_made_again_under_producer_and_consumer,
            lives_of_topics::made_because_a_consumer_asks,
            lives_of_topics::made_by_the_first_record,
            lives_of_topics::not_made_where_a_consumer_says_so,
            lives_of_topics::unknown_to_a_consumer,
            lives_of_topics::unknown_to_a_producer,
            positions::beginning_end_and_lag,
            positions::deleted_records_put_a_position_out_of_range,
            positions::offsets_for_times,
            positions::reset_policies,
            positions::seek_and_position,
            producing::closed_producers_have_sent_everything,
            producing::every_acks_with_every_codec,
            producing::explicit_and_custom_partitions,
            producing::flush_does_not_wait_for_linger,
            producing::headers_nulls_and_empty_values,
            producing::keys_land_where_javas_do,
            producing::records_without_key_stick_and_spread,
            producing::send_batch_acknowledges_each_record,
            producing::timestamps_of_the_client_and_of_the_broker,
            producing::try_enqueue_never_waits,
            reconnects::idempotent_records_survive_cut_connections,
            sizes::a_batch_too_large_for_the_topic_is_split,
            sizes::a_record_too_large_for_the_topic_is_refused_alone,
            sizes::records_as_large_as_a_request_may_be,
        }
    };
}

/// Scenarios with what Kafka has had since 2.4: static members, and the deletion of offsets.
macro_rules! scenarios_since_2_4 {
    ($make:ident $with:tt) => {
        $make! { $with
            group_administration::groups_are_listed_described_and_deleted,
            group_administration::offsets_of_groups_are_altered_listed_and_deleted,
            groups::a_static_member_comes_back_unnoticed,
        }
    };
}

/// Those of the listener, for which it makes no difference as what a broker passes itself off.
macro_rules! listener_scenarios {
    ($make:ident $with:tt) => {
        $make! { $with
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
    };
}

/// Long ones, for which that makes no difference either.
macro_rules! long_scenarios {
    ($make:ident $with:tt) => {
        $make! { $with
            churn::cooperative_members_come_and_go,
            churn::range_members_come_and_go,
        }
    };
}

macro_rules! boxed {
    (($module:ident) $($file:ident::$scenario:ident,)*) => {
        mod $module {
            $(pub(super) fn $scenario(world: super::World) -> super::Scenario {
                Box::pin(super::$file::$scenario(world))
            })*
        }
    };
    (($module:ident, $of:ident) $($file:ident::$scenario:ident,)*) => {
        mod $module {
            $(pub(super) fn $scenario(world: super::World) -> super::Scenario {
                Box::pin(super::$of::$file::$scenario(super::$of::World::new(world)))
            })*
        }
    };
}

macro_rules! on_embedded {
    (($module:ident, $boxed:ident, $version:expr) $($file:ident::$scenario:ident,)*) => {
        mod $module {
            $(#[test]
            fn $scenario() {
                super::run_embedded($version, super::$boxed::$scenario);
            })*
        }
    };
}

macro_rules! on_kafka {
    (($module:ident, $boxed:ident) $($file:ident::$scenario:ident,)*) => {
        mod $module {
            $(#[test]
            #[ignore = "needs a running Kafka: KAFKA_BOOTSTRAP=host:port"]
            fn $scenario() {
                super::run_on_kafka(super::$boxed::$scenario);
            })*
        }
    };
}

scenarios!(boxed(boxed));
scenarios!(on_embedded(embedded, boxed, None));
scenarios!(on_embedded(embedded_as_2_1, boxed, Some("2.1")));
scenarios!(on_embedded(embedded_as_2_8, boxed, Some("2.8")));
scenarios!(on_embedded(embedded_as_3_9, boxed, Some("3.9")));
scenarios!(on_embedded(embedded_as_4_0, boxed, Some("4.0")));
scenarios!(on_kafka(kafka, boxed));
scenarios_since_2_4!(boxed(since_2_4_boxed));
scenarios_since_2_4!(on_embedded(since_2_4_embedded, since_2_4_boxed, None));
scenarios_since_2_4!(on_embedded(since_2_4_embedded_as_2_8, since_2_4_boxed, Some("2.8")));
scenarios_since_2_4!(on_embedded(since_2_4_embedded_as_3_9, since_2_4_boxed, Some("3.9")));
scenarios_since_2_4!(on_embedded(since_2_4_embedded_as_4_0, since_2_4_boxed, Some("4.0")));
scenarios_since_2_4!(on_kafka(since_2_4_kafka, since_2_4_boxed));
listener_scenarios!(boxed(listener_boxed, listener));
listener_scenarios!(on_embedded(listener_embedded, listener_boxed, None));
listener_scenarios!(on_kafka(listener_kafka, listener_boxed));
long_scenarios!(boxed(long_boxed));
long_scenarios!(on_embedded(long_embedded, long_boxed, None));
long_scenarios!(on_kafka(long_kafka, long_boxed));

fn run_embedded(version: Option<&str>, scenario: fn(World) -> Scenario) {
    block_on(async {
        let mut builder = Cluster::builder();
        if let Some(version) = version {
            builder = builder.as_version(version);
        }
        let cluster = builder.start().await.unwrap();
        run(cluster.bootstrap_servers().to_string(), scenario).await;
        cluster.shutdown().await;
    });
}

fn run_on_kafka(scenario: fn(World) -> Scenario) {
    let bootstrap = std::env::var("KAFKA_BOOTSTRAP");
    let bootstrap = bootstrap.expect("KAFKA_BOOTSTRAP=host:port has to name a running Kafka");
    block_on(run(bootstrap, scenario));
}

/// Runs a scenario as a task, so that what it leaves behind is cleaned up even if it fails.
async fn run(bootstrap: String, scenario: fn(World) -> Scenario) {
    let world = World::new(bootstrap).await;
    let task = tokio::spawn(tokio::time::timeout(LIMIT + churn::length(), scenario(world.clone())));
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

//! The same raw requests to this broker and to a running Apache Kafka get the same answers, and leave the same records.
//!
//! ```sh
//! KAFKA_BOOTSTRAP=127.0.0.1:9092 cargo test -p kafka-broker-lite --test same_groups_as_kafka -- --ignored
//! ```
//!
//! That Kafka is a 4.4 with `group.initial.rebalance.delay.ms=0` and `group.min.session.timeout.ms=100`. What differs
//! from run to run (member ids, topic ids, times) is told apart by the order in which it comes.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "in tests a panic is how a check fails"
)]

#[path = "../common/mod.rs"]
mod common;
mod groups;
mod members;
mod offsets;
mod records;
mod script;

use kafka_broker_lite::Cluster;
use script::Script;

macro_rules! scenarios {
    ($($module:ident::$scenario:ident)*) => {$(
        #[tokio::test]
        #[ignore = "needs a running Kafka: KAFKA_BOOTSTRAP=host:port"]
        async fn $scenario() {
            let kafka = std::env::var("KAFKA_BOOTSTRAP").expect("KAFKA_BOOTSTRAP=host:port");
            let cluster = Cluster::builder().start().await.unwrap();
            let name = stringify!($scenario);
            let mut theirs = Script::new(&kafka, name).await;
            $module::$scenario(&mut theirs).await;
            let mut ours = Script::new(&cluster.bootstrap_servers(), name).await;
            $module::$scenario(&mut ours).await;
            theirs.compare(&ours);
            cluster.shutdown().await;
        }
    )*};
}

scenarios! {
    members::lives_in_every_version
    members::refuses_to_join
    members::two_members_and_all_states
    members::static_members
    members::members_leave
    members::slow_members
    groups::describes_and_lists
    groups::deletes_groups
    groups::unknown_groups_in_every_api
    groups::finds_coordinators
    groups::internal_topics
    offsets::commits_and_fetches_in_every_version
    offsets::commits_of_members
    offsets::commits_without_membership
    offsets::the_group_without_a_name
    offsets::bad_commits
    offsets::deletes_offsets
    offsets::topics_that_go
    records::leaves_the_same_records
}

//! The same requests to this broker and to Apache Kafka, in every version: their answers have to be the same.
//!
//! What cannot be the same, like ids, times and addresses, is left out of the comparison (`twins.rs`); what is meant to
//! be different is listed with its reason (`differences.rs`).
//!
//! ```text
//! KAFKA_BOOTSTRAP=127.0.0.1:9092 cargo test -p kafka-broker-lite --test same_as_kafka -- --ignored
//! ```

#![allow(clippy::unwrap_used, clippy::panic, reason = "in tests a panic is how a check fails")]

mod admin;
mod batches;
mod cluster;
mod configs;
mod differences;
mod fetching;
mod offsets;
mod sessions;
mod topics;
mod twins;
mod writing;

use twins::Twins;

/// Makes a test of each story.
macro_rules! stories {
    ($($file:ident::$story:ident,)*) => {
        $(#[tokio::test]
        #[ignore = "needs an Apache Kafka 4.4 at KAFKA_BOOTSTRAP"]
        async fn $story() {
            let mut twins = Twins::start(stringify!($story)).await;
            $file::$story(&mut twins).await;
            twins.agree();
        })*
    };
}

stories! {
    admin::leaders_elected,
    admin::log_dirs_described,
    admin::moved_to_nowhere,
    admin::producers_described,
    admin::quorum_described,
    admin::quotas_described,
    admin::reassigned,
    admin::resources_listed,
    admin::topics_described_in_pages,
    admin::what_is_not_here,
    cluster::api_versions,
    cluster::clusters_are_described,
    cluster::coordinators_are_found,
    cluster::producer_ids,
    configs::altered,
    configs::altered_incrementally,
    configs::described,
    fetching::fetched,
    fetching::fetched_by_whom,
    fetching::fetched_of_epochs,
    fetching::fetched_within_limits,
    offsets::offsets_listed,
    offsets::offsets_of_epochs,
    sessions::fetched_in_sessions,
    topics::created,
    topics::deleted,
    topics::grown,
    topics::looked_up,
    topics::made_by_asking,
    writing::batches_that_are_refused,
    writing::produced,
    writing::records_deleted,
    writing::records_that_are_refused,
    writing::sequences,
}

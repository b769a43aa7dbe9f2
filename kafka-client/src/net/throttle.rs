//! How long a broker wants to be left alone, as its answers say it.
//!
//! Since Kafka 2.0 a broker answers at once and leaves the waiting to the client, whose connection it does not read
//! meanwhile (KIP-219).

use kafka_proto::messages;
use std::time::Duration;

/// An answer that may ask for a pause.
pub(crate) trait Throttled {
    /// How long nothing more shall be sent on the connection it came from.
    fn throttle_time(&self) -> Duration;
}

macro_rules! throttled {
    ($($api:ident)*) => {$(
        impl Throttled for messages::$api::Response {
            fn throttle_time(&self) -> Duration {
                Duration::from_millis(self.throttle_time_ms.try_into().unwrap_or(0))
            }
        }
    )*};
}

throttled! {
    alter_configs api_versions consumer_group_describe create_partitions create_topics delete_groups
    delete_records delete_topics describe_cluster describe_configs describe_groups fetch
    find_coordinator heartbeat incremental_alter_configs init_producer_id join_group leave_group
    list_groups list_offsets metadata offset_commit offset_delete offset_fetch
    offset_for_leader_epoch produce sync_group
}

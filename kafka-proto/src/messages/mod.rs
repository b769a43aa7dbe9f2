//! The messages, a file per API: `fetch::Request` is Kafka's FetchRequest in all its versions.
//!
//! Names, types, versions and defaults are Kafka's; `wire!` explains the notation. A struct with
//! `..Default::default()` is the way to build one, so that a field added later breaks nothing.

pub mod alter_configs;
pub mod api_versions;
pub mod create_partitions;
pub mod create_topics;
pub mod delete_records;
pub mod delete_topics;
pub mod describe_cluster;
pub mod describe_configs;
pub mod fetch;
pub mod find_coordinator;
pub mod incremental_alter_configs;
pub mod init_producer_id;
pub mod list_offsets;
pub mod metadata;
pub mod offset_for_leader_epoch;
pub mod produce;

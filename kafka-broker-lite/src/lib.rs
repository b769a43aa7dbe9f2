//! A real, small Kafka broker: embeddable in a test, runnable as a binary.

mod api;
pub mod broker;
pub mod clock;
mod cluster;
pub mod config;
pub mod control;
mod fetch_session;
mod group;
pub mod log;
mod metadata;
pub mod net;
mod server;
mod state;
pub mod trace;

pub use cluster::{Cluster, ClusterBuilder, StartError};

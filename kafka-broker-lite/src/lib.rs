//! A real, small Kafka broker: embeddable in a test, runnable as a binary.

mod api;
pub mod broker;
pub mod clock;
pub mod config;
pub mod control;
mod fetch_session;
pub mod log;
mod metadata;
mod state;

//! A real, small Kafka broker: embeddable in a test, runnable as a binary.

pub mod clock;
pub mod config;

//! Shared pieces of the benchmarks: payloads, a meter of CPU time, a histogram.

pub mod histogram;
pub mod meter;
pub mod payloads;

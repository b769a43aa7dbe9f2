//! Shared pieces of the benchmarks: work to measure, payloads, a meter of CPU time, a histogram.

pub mod cases;
pub mod histogram;
pub mod meter;
pub mod payloads;

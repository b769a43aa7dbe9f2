//! `kt`, command by command, as a process on a broker of each test's own.

#![allow(clippy::unwrap_used, clippy::panic, reason = "in tests a panic is how a check fails")]

mod cluster;
mod console;
mod decode;
mod frame;
mod groups;
mod harness;
mod perf;
mod topics;

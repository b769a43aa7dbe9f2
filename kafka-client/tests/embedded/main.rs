//! The client against embedded brokers, some of which misbehave or are none: what its calls promise then, and say.
//!
//! One program, because each would compile the client once more. What needs no fault is told by the end-to-end suite,
//! every rule in detail by the machines' own tests.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "in tests a panic is how a check fails"
)]

mod admin;
mod consumer;
mod errors;
mod guarantees;
mod hostile;
mod producer;

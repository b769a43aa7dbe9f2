//! The simulated world: the client and the broker as they ship, in one thread and in virtual time, over a network in
//! memory, with faults and workload drawn from a seed; a checker holds what happened against the guarantees.
//!
//! ```text
//! cargo test --release -p kafka-client --test sim                                               some hundred seeds
//! KAFKA_SIM_SEED=7 cargo test --release -p kafka-client --test sim guarantees -- --nocapture    one, told in full
//! KAFKA_SIM_SEEDS=0..5000 cargo test --release -p kafka-client --test sim guarantees            a range
//! ```

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "in tests a panic is how a check fails"
)]

mod checker;
mod consuming;
mod content;
mod events;
mod faults;
mod groups;
mod history;
mod host;
mod log;
mod plan;
mod producing;
mod seed;
mod suite;
mod world;

use std::ops::Range;

/// What `cargo test` runs.
const USUAL: Range<u64> = 0..300;

/// Of these, every so many is run a second time.
const REPEATED: usize = 10;

#[test]
fn guarantees_hold_through_every_fault() {
    if let Some(seed) = variable("KAFKA_SIM_SEED") {
        return suite::replay(seed.parse().unwrap());
    }
    let seeds = variable("KAFKA_SIM_SEEDS").map_or(USUAL, |range| {
        let (from, to) = range.split_once("..").expect("KAFKA_SIM_SEEDS=FROM..TO");
        from.parse().unwrap()..to.parse().unwrap()
    });
    suite::run(seeds);
}

#[test]
fn a_seed_repeats_its_run() {
    for seed in USUAL.step_by(REPEATED) {
        let (one, other) = (world::run(seed), world::run(seed));
        assert_eq!(one.trace, other.trace, "seed {seed}");
        assert!(one == other, "seed {seed}: the same trace of two different runs");
    }
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

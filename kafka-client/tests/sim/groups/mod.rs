//! A group of the simulated world: its members, what they do, and what has to hold of it.

pub(crate) mod checker;
#[cfg(test)]
mod checker_tests;
pub(crate) mod gate;
pub(crate) mod history;
pub(crate) mod listening;
pub(crate) mod member;
pub(crate) mod plan;
pub(crate) mod stored;

//! The listener container: every ack mode, errors, its life, its part in a group, and what is repeated when its process
//! is killed.

mod child;
pub(crate) mod errors;
mod faults;
pub(crate) mod kills;
pub(crate) mod life;
pub(crate) mod modes;
pub(crate) mod sharing;
mod world;

pub(crate) use world::World;

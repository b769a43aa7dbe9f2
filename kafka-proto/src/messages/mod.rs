//! One file per API.
pub mod produce;

//! The worker's shell against a scheduler's end that the test plays, by pointer and through the codec.

#[path = "../common/mod.rs"]
mod common;

mod ends;
mod limits;
mod rejoining;
mod runs;
mod values;

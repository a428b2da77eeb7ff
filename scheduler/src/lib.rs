//! Brisk's scheduler.
//!
//! - [`machine`]: what the scheduler knows and decides, as a function of its events. Pure, and deterministic.
//! - `recording` (feature `recording`): what happened to a machine, in a file, and its replay.
//! - `server` (feature `server`): the async shell that feeds the machine from connections and carries out what it asks.

pub mod machine;
#[cfg(feature = "recording")]
pub mod recording;
#[cfg(feature = "server")]
pub mod server;

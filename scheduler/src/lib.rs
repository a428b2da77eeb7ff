//! Brisk's scheduler.
//!
//! - [`machine`]: what the scheduler knows and decides, as a function of its events. Pure, and deterministic.
//! - `dump` (feature `dump`): what a machine knows, in a file, and a machine made of that.
//! - `recording` (feature `recording`): what happened to a machine, in a file, and its replay.
//! - `server` (feature `server`): the async shell that feeds the machine from connections and carries out what it asks.

#[cfg(feature = "dump")]
pub mod dump;
pub mod machine;
#[cfg(feature = "recording")]
pub mod recording;
#[cfg(feature = "server")]
pub mod server;

//! Brisk's scheduler.
//!
//! - [`machine`]: what the scheduler knows and decides, as a function of its events. Pure, and deterministic.
//! - `server` (feature `server`): the async shell that feeds the machine from connections and carries out what it asks.

pub mod machine;
#[cfg(feature = "server")]
pub mod server;

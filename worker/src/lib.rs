//! Brisk's worker: it runs tasks and holds their values.
//!
//! [`machine`] decides: a pure function of its events that the simulator runs as it is. `server` acts: threads, links,
//! and the values themselves. Users meet neither; `brisk-client` starts workers for them.

#[cfg(feature = "dump")]
pub mod dump;
pub mod machine;
#[cfg(feature = "server")]
#[allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "the shell drives the machine: it reads clocks, starts threads and does I/O"
)]
pub mod server;

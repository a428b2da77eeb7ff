//! Brisk's worker: it runs tasks and holds their values.
//!
//! [`machine`] decides: a pure function of its events that the simulator runs as it is. `server` acts: threads, links,
//! and the values themselves. Users meet neither; `brisk-client` starts workers for them.

pub mod machine;

//! Brisk's types and contracts: what every other crate stands on.
//!
//! Pure: no sockets, no clocks, no threads, no async runtime. A user of Brisk depends on `brisk-client`, which shows what
//! users need of this; transports, the machines and the simulator depend on this crate.
//!
//! In reading order:

pub mod actor;
pub mod address;
pub mod backoff;
pub mod comm;
pub mod encode;
pub mod error;
pub mod function;
pub mod future;
pub mod graph;
pub mod hello;
mod hex;
pub mod id;
pub mod json;
pub mod key;
pub mod key_map;
pub mod limits;
pub mod lines;
pub mod message;
pub mod options;
pub mod payload;
pub mod registry;
pub mod shareable;
pub mod show;
pub mod state;
pub mod task;
#[cfg(feature = "testing")]
#[allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "the suite drives real transports, in real time"
)]
pub mod testing;
pub mod time;
pub mod trace;
pub mod typedef;
pub mod value;
mod wakers;
pub mod wire;

#[doc(hidden)]
pub use inventory;

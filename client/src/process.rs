//! Worker processes: this program, started again.
//!
//! A worker process runs the user's own executable. Whoever starts it writes a private file that says what it is to do,
//! and names that file in `BRISK_WORKER`; `#[brisk_client::main]` (or [`init`](crate::init)) sees it and the process
//! becomes a worker instead of running `main`.

mod config;
#[cfg(feature = "quic")]
mod image;
#[cfg(feature = "quic")]
pub mod supervisor;
#[cfg(feature = "quic")]
mod worker;

pub use config::TestHook;
#[cfg(feature = "quic")]
pub(crate) use config::entry;
pub(crate) use config::main_has_the_hook;
#[cfg(feature = "quic")]
pub use image::Image;
#[cfg(feature = "quic")]
pub(crate) use worker::become_worker_if_told;

//! The whole of Brisk on one thread, from one seed.
//!
//! The scheduler's and the workers' machines are the real ones. Around them everything is virtual: time, network,
//! executors, clients; and a judge who knows the right answers. A seed decides the size of the cluster, the graphs, what
//! clients do, and what goes wrong; the same seed gives the same story, to the last message.
//!
//! In reading order:

pub mod random;

pub mod calendar;
pub mod network;
pub mod trace;

pub mod oracle;
pub mod workload;

pub mod client;
pub mod cluster;
pub mod tamper;

pub mod failure;
pub mod history;
pub mod presence;
pub mod properties;

pub mod faults;
pub mod sharing;
pub mod simulation;

pub mod quality;

pub mod cost;

#[cfg(feature = "planted")]
pub mod planted;

//! How good schedules are, and what scheduling costs.
//!
//! Graphs of a known shape run in virtual time, on the real machines of scheduler and workers, and on the schedulers of
//! textbooks beside them: the same graph, the same hosts, the same network. What comes out are tables; see
//! `docs/scale.md` for what they say.
//!
//! In reading order:

pub mod graph;
pub mod hosts;
pub mod variation;

pub mod families;
pub mod json;
pub mod wfformat;

pub mod bound;
pub mod flows;
pub mod outcome;
pub mod windows;

pub mod heft;
pub mod listed;
pub mod machines;
pub mod placements;

pub mod makespan;
pub mod scale;
pub mod spread;
pub mod workflow;

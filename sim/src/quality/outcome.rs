//! What comes of running a graph.

use super::hosts::Hosts;

/// One run of one graph, in virtual time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// From the submission to the end of the last task, in nanoseconds.
    pub makespan_ns: u64,
    /// What all tasks took, each times its threads, in nanoseconds.
    pub busy_ns: u64,
    /// Bytes that moved between hosts.
    pub moved_bytes: u64,
    /// How often a value moved between hosts.
    pub transfers: u64,
}

impl Outcome {
    /// The part of all threads' time in which nothing ran, from 0 to 1.
    pub fn idle_share(&self, hosts: &Hosts) -> f64 {
        let all = self.makespan_ns as f64 * hosts.threads() as f64;
        if all == 0.0 { 0.0 } else { (1.0 - self.busy_ns as f64 / all).max(0.0) }
    }

    pub(super) fn ended(&mut self, at_ns: u64, took_ns: u64, cores: u32) {
        self.makespan_ns = self.makespan_ns.max(at_ns);
        self.busy_ns = self.busy_ns.saturating_add(took_ns.saturating_mul(u64::from(cores)));
    }
}

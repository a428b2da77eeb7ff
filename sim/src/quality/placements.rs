//! Simple ways to say where a task runs, to compare with.

use super::{graph::Graph, hosts::Hosts, listed::Placement};
use crate::random::Random;

/// Each task where a schedule that was made beforehand says.
#[derive(Debug)]
pub struct Planned(pub Vec<usize>);

impl Placement for Planned {
    fn place(&mut self, task: u32, _: &[usize]) -> usize {
        self.0[task as usize]
    }
}

/// Threads in turn.
#[derive(Debug)]
pub struct RoundRobin {
    threads: Vec<usize>,
    next: usize,
}

impl RoundRobin {
    /// From the first thread on.
    pub fn new(hosts: &Hosts) -> Self {
        RoundRobin { threads: threads(hosts), next: 0 }
    }
}

impl Placement for RoundRobin {
    fn place(&mut self, _: u32, wide_enough: &[usize]) -> usize {
        loop {
            let host = self.threads[self.next];
            self.next = (self.next + 1) % self.threads.len();
            if wide_enough.contains(&host) {
                return host;
            }
        }
    }
}

/// Any thread.
#[derive(Debug)]
pub struct AtRandom {
    threads: Vec<usize>,
    random: Random,
}

impl AtRandom {
    /// Always the same throws.
    pub fn new(hosts: &Hosts) -> Self {
        AtRandom { threads: threads(hosts), random: Random::new(7) }
    }
}

impl Placement for AtRandom {
    fn place(&mut self, _: u32, wide_enough: &[usize]) -> usize {
        loop {
            let host = self.threads[self.random.index(self.threads.len())];
            if wide_enough.contains(&host) {
                return host;
            }
        }
    }
}

/// The host of each thread; first one thread of each host, then the second of those that have two, and so on, so that
/// neighbours in this list are on different hosts.
fn threads(hosts: &Hosts) -> Vec<usize> {
    let most = hosts.hosts.iter().map(|host| host.threads).max().unwrap_or(0);
    let nth = |n: u32| (0..hosts.hosts.len()).filter(move |&host| hosts.hosts[host].threads > n);
    (0..most).flat_map(nth).collect()
}

/// The order of a client's submission.
pub fn submission_order(graph: &Graph) -> Vec<u32> {
    (0..graph.tasks.len() as u32).collect()
}

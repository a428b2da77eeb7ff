//! What graphs run on.

use std::time::Duration;

use super::graph::Task;

/// Hosts and the network between them.
#[derive(Clone, Debug)]
pub struct Hosts {
    /// What tables call them.
    pub name: String,
    /// One worker each.
    pub hosts: Vec<Host>,
    /// Bytes that the network card of each host sends in a second, and as many that it receives.
    pub bandwidth: u64,
    /// From asking a peer for a value to its first byte.
    pub latency: Duration,
    /// How long a message to or from the scheduler takes.
    pub message: Duration,
    /// Whether workers say how fast they are.
    pub told: bool,
}

/// One host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Host {
    /// How many tasks of one thread it runs at once.
    pub threads: u32,
    /// How fast its threads are, in per cent of ordinary ones.
    pub speed: u32,
}

impl Hosts {
    /// Equal hosts on a network of 1 GB/s.
    pub fn equal(count: usize, threads: u32) -> Self {
        Hosts::of(&format!("{count} × {threads}"), vec![Host { threads, speed: 100 }; count])
    }

    /// Hosts of a laptop, a desktop and a server, 1, 4 and 16 threads, so many of each.
    pub fn mixed(each: usize) -> Self {
        let sizes = [1, 4, 16].map(|threads| vec![Host { threads, speed: 100 }; each]);
        Hosts::of(&format!("{each} × (1, 4, 16)"), sizes.concat())
    }

    /// Hosts of four threads of which half run at half the speed. Brisk is not told.
    pub fn uneven(each: usize) -> Self {
        let speeds = [100, 50].map(|speed| vec![Host { threads: 4, speed }; each]);
        Hosts::of(&format!("{each} × 4 and {each} × 4 half as fast"), speeds.concat())
    }

    /// The same hosts, whose workers say how fast they are.
    pub fn told(self) -> Self {
        Hosts { name: format!("{}, and told so", self.name), told: true, ..self }
    }

    /// Any hosts, on a network of 1 GB/s.
    pub fn of(name: &str, hosts: Vec<Host>) -> Self {
        Hosts {
            name: name.to_owned(),
            hosts,
            bandwidth: 1_000_000_000,
            latency: Duration::from_micros(200),
            message: Duration::from_micros(50),
            told: false,
        }
    }

    /// All threads.
    pub fn threads(&self) -> u64 {
        self.hosts.iter().map(|host| u64::from(host.threads)).sum()
    }

    /// How long a task takes on a host, in nanoseconds.
    pub fn run_ns(&self, task: &Task, host: usize) -> u64 {
        let speed = u128::from(self.hosts[host].speed.max(1));
        u64::try_from(u128::from(task.work_ns) * 100 / speed).unwrap_or(u64::MAX)
    }

    /// How long a transfer takes if nothing else uses the network, in nanoseconds.
    pub fn transfer_ns(&self, nbytes: u64) -> u64 {
        let moving = u128::from(nbytes) * 1_000_000_000 / u128::from(self.bandwidth.max(1));
        self.latency.as_nanos() as u64 + u64::try_from(moving).unwrap_or(u64::MAX / 2)
    }
}

//! What moving bytes from worker to worker takes: presumed at first, then as workers measure it.
//!
//! Two kinds of links are told apart, between workers of one host and between hosts; and of each worker that sends to other
//! hosts, how fast it is. Large transfers tell of bandwidth and small ones of latency, as moving averages like Dask's.
//! Peers measure, so nothing they say may lead to more than a bad choice: what is beyond sense is cut.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use brisk_core::message::Transfer;
use serde::{Deserialize, Serialize};

use super::{
    Scheduler,
    config::Config,
    functions::nanos,
    slab::{HostIndex, Slab, WorkerIndex},
};

/// All kinds of links, and the hosts they are between.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Links {
    pub(super) near: Link,
    pub(super) far: Link,
    hosts: Slab<HostIndex, Host>,
    by_name: BTreeMap<Arc<str>, HostIndex>,
}

/// A host with workers.
#[derive(Debug, Serialize, Deserialize)]
struct Host {
    name: Arc<str>,
    /// In the order of their joining.
    workers: Vec<WorkerIndex>,
}

/// One kind of link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Link {
    /// What a mebibyte takes, in nanoseconds.
    pub(super) mebibyte_ns: u64,
    /// What passes before the first byte comes.
    pub(super) latency_ns: u64,
}

/// How fast a worker sends to other hosts.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(super) struct Sending {
    mebibyte_ns: u64,
    transfers: u32,
}

/// From this length on a transfer tells of bandwidth.
const LARGE: u64 = 64 << 10;

/// So many transfers of a worker must be known before it is told apart from others.
const ENOUGH: u32 = 8;

/// What a measurement weighs in the average, as a shift: an eighth.
const WEIGHT: u32 = 3;

/// Bandwidths between 16 TiB/s, more than memory has, and 10 KiB/s make sense.
const MEBIBYTE_NS: std::ops::RangeInclusive<u64> = 64..=100_000_000_000;

/// Latencies between a microsecond and ten seconds make sense.
const LATENCY_NS: std::ops::RangeInclusive<u64> = 1_000..=10_000_000_000;

impl Links {
    pub(super) fn new(config: &Config) -> Self {
        let presumed = Link {
            mebibyte_ns: cut(mebibyte_ns(config.bandwidth_bytes_per_second, Duration::from_secs(1)), MEBIBYTE_NS),
            latency_ns: nanos(config.latency),
        };
        Links { near: presumed, far: presumed, hosts: Slab::new(), by_name: BTreeMap::new() }
    }

    /// The host of this name, which a worker is about to [join](Self::join).
    pub(super) fn host(&mut self, name: &Arc<str>) -> HostIndex {
        let hosts = &mut self.hosts;
        let new = || hosts.insert(Host { name: name.clone(), workers: Vec::new() });
        *self.by_name.entry(name.clone()).or_insert_with(new)
    }

    /// A worker has joined on a host.
    pub(super) fn join(&mut self, host: HostIndex, worker: WorkerIndex) {
        self.hosts[host].workers.push(worker);
    }

    /// A worker of a host is gone.
    pub(super) fn part(&mut self, host: HostIndex, worker: WorkerIndex) {
        self.hosts[host].workers.retain(|&other| other != worker);
        if self.hosts[host].workers.is_empty() {
            let gone = self.hosts.remove(host);
            self.by_name.remove(&gone.name);
        }
    }

    /// The workers of a host, if there are other hosts.
    pub(super) fn neighbours(&self, host: HostIndex) -> &[WorkerIndex] {
        if self.hosts.len() > 1 { &self.hosts[host].workers } else { &[] }
    }

    /// Whether these workers are those that are known, each on its host.
    pub(super) fn are_between<'a>(&self, workers: impl Iterator<Item = (WorkerIndex, HostIndex, &'a str)>) -> bool {
        let mut count = 0;
        let mut right = workers.inspect(|_| count += 1).map(|(worker, host, name)| {
            let host = self.hosts.get(host);
            host.is_some_and(|host| *host.name == *name && host.workers.contains(&worker))
        });
        let right = right.all(|right| right);
        let known: usize = self.hosts.iter().map(|(_, host)| host.workers.len()).sum();
        right && known == count && self.by_name.len() == self.hosts.len()
    }
}

impl Link {
    /// What so many bytes take, but for the latency.
    pub(super) fn moving_ns(&self, bytes: u64) -> u64 {
        let ns = (u128::from(bytes) * u128::from(self.mebibyte_ns)) >> 20;
        u64::try_from(ns).unwrap_or(u64::MAX)
    }

    fn measure(&mut self, transfer: &Transfer) {
        if transfer.nbytes >= LARGE {
            let measured = mebibyte_ns(transfer.nbytes, transfer.took);
            self.mebibyte_ns = average(self.mebibyte_ns, cut(measured, MEBIBYTE_NS));
        } else {
            self.latency_ns = average(self.latency_ns, cut(nanos(transfer.took), LATENCY_NS));
        }
    }
}

impl Sending {
    fn measure(&mut self, transfer: &Transfer) {
        if transfer.nbytes >= LARGE {
            let measured = cut(mebibyte_ns(transfer.nbytes, transfer.took), MEBIBYTE_NS);
            self.mebibyte_ns = if self.transfers == 0 { measured } else { average(self.mebibyte_ns, measured) };
            self.transfers = self.transfers.saturating_add(1);
        }
    }

    /// What a mebibyte takes from this worker, if that is known.
    pub(super) fn mebibyte_ns(&self) -> Option<u64> {
        (self.transfers >= ENOUGH).then_some(self.mebibyte_ns)
    }
}

fn mebibyte_ns(bytes: u64, took: Duration) -> u64 {
    let ns = (u128::from(nanos(took)) << 20) / u128::from(bytes.max(1));
    u64::try_from(ns).unwrap_or(u64::MAX)
}

fn cut(ns: u64, to: std::ops::RangeInclusive<u64>) -> u64 {
    ns.clamp(*to.start(), *to.end())
}

fn average(before: u64, measured: u64) -> u64 {
    before - (before >> WEIGHT) + (measured >> WEIGHT)
}

impl Scheduler {
    /// A worker tells what transfers to it have taken.
    pub(super) fn transfers_measured(&mut self, to: WorkerIndex, transfers: &[Transfer]) {
        for transfer in transfers {
            let Some(from) = self.workers.find(transfer.from).filter(|&from| from != to) else { continue };
            if self.workers[from].host == self.workers[to].host {
                self.links.near.measure(transfer);
            } else {
                self.links.far.measure(transfer);
                self.workers[from].sending.measure(transfer);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use brisk_core::id::{Incarnation, WorkerId};

    use super::*;

    fn transfer(nbytes: u64, took: Duration) -> Transfer {
        Transfer { from: WorkerId(Incarnation(1)), nbytes, took }
    }

    #[test]
    fn large_transfers_tell_of_bandwidth_and_small_ones_of_latency() {
        let mut link = Links::new(&Config::default()).far;
        assert_eq!((link.moving_ns(1_000_000_000) / 1_000_000, link.latency_ns), (1_000, 200_000));
        for _ in 0..60 {
            link.measure(&transfer(100 << 20, Duration::from_secs(1)));
        }
        assert!((9_900_000..10_100_000).contains(&link.mebibyte_ns), "{link:?}");
        assert_eq!(link.latency_ns, 200_000);
        for _ in 0..60 {
            link.measure(&transfer(100, Duration::from_millis(5)));
        }
        assert!((4_900_000..5_100_000).contains(&link.latency_ns), "{link:?}");
    }

    #[test]
    fn what_is_beyond_sense_is_cut() {
        let mut link = Links::new(&Config::default()).far;
        for nonsense in [transfer(u64::MAX, Duration::ZERO), transfer(LARGE, Duration::MAX), transfer(0, Duration::MAX)]
        {
            for _ in 0..200 {
                link.measure(&nonsense);
            }
            assert!(MEBIBYTE_NS.contains(&link.mebibyte_ns) || link.mebibyte_ns < 80, "{link:?}");
            assert!(link.moving_ns(u64::MAX) > 0 && link.moving_ns(0) == 0);
        }
        assert!(*LATENCY_NS.end() >= link.latency_ns);
    }
}

//! The workloads, by the names and sizes that other systems are measured by.

use std::{future::Future, pin::Pin};

use crate::program::Bench;

mod graphs;
mod independent;
mod lives;
mod transfers;
mod watched;

type Run = for<'a> fn(&'a mut Bench, usize) -> Pin<Box<dyn Future<Output = anyhow::Result<()>> + 'a>>;

/// Something to measure.
pub(crate) struct Workload {
    pub(crate) name: &'static str,
    /// Its usual sizes.
    pub(crate) sizes: &'static [usize],
    /// Where it makes sense.
    pub(crate) on: On,
    /// How often it is run.
    pub(crate) often: Often,
    pub(crate) run: Run,
}

/// Names of several workloads, as other systems' programs have them.
const GROUPS: &[(&str, &[&str])] = &[
    ("memory", &["memory-held", "memory-released"]),
    ("scatter-gather", &["scatter-gather-bytes", "scatter-gather-array"]),
    ("failure", &["failure-undisturbed", "failure-killed"]),
];

impl Workload {
    /// Whether this is its name, or that of a group that it is in.
    pub(crate) fn is_called(&self, name: &str) -> bool {
        self.name == name || GROUPS.iter().any(|(group, names)| *group == name && names.contains(&self.name))
    }
}

/// How often a workload is run.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Often {
    /// Once for the caches, then as often as is asked for.
    Repeated,
    /// Once, as the first: it shows what grows with time, or what memory is taken by what has none yet. If others are to run
    /// as well, in a program of its own.
    Once,
}

/// Where a workload makes sense.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum On {
    Everything,
    /// Only with workers that are processes.
    Processes,
}

const fn on(on: On, name: &'static str, sizes: &'static [usize], run: Run) -> Workload {
    Workload { name, sizes, on, often: Often::Repeated, run }
}

const fn once(name: &'static str, sizes: &'static [usize], run: Run) -> Workload {
    Workload { name, sizes, on: On::Everything, often: Often::Once, run }
}

const fn workload(name: &'static str, sizes: &'static [usize], run: Run) -> Workload {
    on(On::Everything, name, sizes, run)
}

const LARGE: usize = 256 << 20;
const SMALL: usize = 64 << 10;
const PUT: usize = 64 << 20;

pub(crate) const ALL: &[Workload] = &[
    workload("noop-many", &[1_000, 10_000, 100_000, 1_000_000], |b, n| Box::pin(independent::noop_many(b, n))),
    workload("growth", &[1_000_000], |b, n| Box::pin(independent::growth(b, n))),
    workload("noop-map", &[10_000, 100_000], |b, n| Box::pin(independent::noop_map(b, n))),
    workload("map-inc-gather", &[1_000, 10_000], |b, n| Box::pin(independent::map_inc_gather(b, n))),
    workload("latency", &[1_000], |b, n| Box::pin(independent::latency(b, n))),
    workload("latency-idle", &[200], |b, n| Box::pin(independent::latency_idle(b, n))),
    workload("as-completed", &[1_000], |b, n| Box::pin(independent::completions(b, n))),
    workload("chain", &[1_000, 10_000], |b, n| Box::pin(graphs::chain(b, n))),
    workload("chain-delayed", &[10_000], |b, n| Box::pin(graphs::chain_delayed(b, n))),
    workload("tree-reduce", &[1 << 14], |b, n| Box::pin(graphs::tree_reduce(b, n))),
    workload("wide-shuffle", &[64], |b, n| Box::pin(graphs::wide_shuffle(b, n))),
    workload("wide-shuffle-direct", &[64], |b, n| Box::pin(graphs::wide_shuffle_direct(b, n))),
    workload("graph-submit", &[100_000, 1_000_000], |b, n| Box::pin(graphs::graph_submit(b, n))),
    workload("transfer-bytes", &[1], |b, n| Box::pin(transfers::bytes(b, n, LARGE))),
    workload("transfer-array", &[1], |b, n| Box::pin(transfers::array(b, n, LARGE))),
    workload("transfer-bytes-small", &[1_000], |b, n| Box::pin(transfers::bytes(b, n, SMALL))),
    workload("transfer-array-small", &[1_000], |b, n| Box::pin(transfers::array(b, n, SMALL))),
    workload("transfer-bytes-one-consumer", &[1_000], |b, n| Box::pin(transfers::bytes_to_one(b, n, SMALL))),
    workload("transfer-array-one-consumer", &[1_000], |b, n| Box::pin(transfers::array_to_one(b, n, SMALL))),
    workload("scatter-gather-bytes", &[1], |b, n| Box::pin(transfers::scatter_bytes(b, n, PUT))),
    workload("scatter-gather-array", &[1], |b, n| Box::pin(transfers::scatter_array(b, n, PUT))),
    once("memory-held", &[100_000], |b, n| Box::pin(lives::memory_held(b, n))),
    workload("memory-released", &[100_000], |b, n| Box::pin(lives::memory_released(b, n))),
    workload("dashboard", &[500_000], |b, n| Box::pin(watched::watched(b, n))),
    once("dashboard-memory", &[1_000_000], |b, n| Box::pin(watched::memory(b, n))),
    workload("startup", &[1], |b, n| Box::pin(lives::startup(b, n))),
    workload("failure-undisturbed", &[200], |b, n| Box::pin(lives::undisturbed(b, n))),
    on(On::Processes, "failure-killed", &[200], |b, n| Box::pin(lives::killed(b, n))),
];

/// Waits until the scheduler has forgotten every task.
async fn released(bench: &Bench) -> anyhow::Result<()> {
    bench.client.flush().await;
    let left = bench.cluster.snapshot().total();
    anyhow::ensure!(left == 0, "{left} tasks are left after all futures were dropped");
    Ok(())
}

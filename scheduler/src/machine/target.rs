//! How many workers the present work wants: a number for those who start and end workers.
//!
//! As Dask's `adaptive_target`: enough threads to be through with what is ready in [`target_duration`], no more than there
//! are tasks that can run at once, and twice the workers when their memory is more than three fifths full. Unlike there,
//! tasks that wait for a worker of another kind than there are (for a resource that nobody declares) do not count: more of
//! the same would not help them.
//!
//! The number follows the estimates and may go up and down by one as they move. Go up at once, and down only after it has
//! been lower for a while; let those go that have least to give away, by retiring them.
//!
//! [`target_duration`]: super::Config::target_duration

use std::collections::BTreeMap;

use brisk_core::id::EnvironmentId;
use serde::{Deserialize, Serialize};

use super::{
    Scheduler,
    class::Kind,
    functions,
    slab::EnvironmentIndex,
    task::{State, Task},
};

/// How many workers of one build the present work wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// The build.
    pub environment: EnvironmentId,
    /// How many workers there should be.
    pub workers: u32,
    /// How many threads they should have together.
    pub threads: u64,
    /// How many workers there are that are not leaving.
    pub present: u32,
    /// What decides.
    pub reason: Reason,
}

/// What decides how many workers there should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Reason {
    /// Nothing is ready or held: none is wanted.
    Idle,
    /// Nothing is ready, but values are held, or asynchronous tasks run, which take no threads: one is wanted.
    Kept,
    /// So much work, to be done in time.
    Work,
    /// So few tasks can run at once, however long they take.
    Tasks,
    /// The values need more memory than there is.
    Memory,
}

/// What there is to do for one build.
#[derive(Default)]
struct Demand {
    work_ns: u128,
    /// Tasks that a thread could begin now, or has begun.
    ready: u64,
    /// Whether anything needs a worker to be there without a thread of it.
    kept: bool,
}

impl Scheduler {
    /// How many workers the present work wants, for each build that has tasks or workers, by id. Looks at every task: ask
    /// now and then, not with every event.
    pub fn targets(&self) -> Vec<Target> {
        let mut demands: BTreeMap<EnvironmentIndex, Demand> = BTreeMap::new();
        for (_, task) in self.tasks.slab.iter() {
            let environment = self.classes.slab[task.class].environment;
            self.add_demand(task, demands.entry(environment).or_default());
        }
        for (_, worker) in self.workers.in_order() {
            demands.entry(worker.environment).or_default();
        }
        let mut targets: Vec<_> =
            demands.iter().map(|(environment, demand)| self.target(*environment, demand)).collect();
        targets.sort_unstable_by_key(|target| target.environment);
        targets
    }

    fn add_demand(&self, task: &Task, demand: &mut Demand) {
        let class = &self.classes.slab[task.class];
        let (counts, awaits) = match &task.state {
            State::Queued => (true, false),
            State::Processing(run) => (true, run.awaiting > 0),
            // For want of any worker, or of one of another kind.
            State::NoWorker { .. } => (self.classes.environments[class.environment].pool.workers.is_empty(), false),
            State::Memory { .. } => return demand.kept = true,
            _ => return,
        };
        if !counts {
            return;
        }
        if class.demand.kind == Kind::Async {
            demand.kept = true;
            return;
        }
        demand.work_ns += u128::from(self.functions.estimate_ns(task.function, self.config.unknown_duration));
        demand.ready += u64::from(!awaits);
    }

    fn target(&self, environment: EnvironmentIndex, demand: &Demand) -> Target {
        let pool = &self.classes.environments[environment];
        let there = pool.pool.workers.iter().map(|&w| &self.workers[w]).filter(|worker| !worker.retiring);
        let (mut present, mut threads_there, mut bytes, mut limits, mut limited) = (0u32, 0u64, 0u128, 0u128, true);
        for worker in there {
            present += 1;
            threads_there += worker.threads() as u64;
            bytes += u128::from(worker.bytes);
            limits += u128::from(worker.info.memory_limit);
            limited &= worker.info.memory_limit > 0;
        }
        let in_time = demand.work_ns.div_ceil(u128::from(functions::nanos(self.config.target_duration).max(1)));
        let in_time = u64::try_from(in_time).unwrap_or(u64::MAX);
        let (threads, reason) = match in_time.min(demand.ready) {
            0 if demand.kept => (1, Reason::Kept),
            0 => (0, Reason::Idle),
            threads if threads < in_time => (threads, Reason::Tasks),
            threads => (threads, Reason::Work),
        };
        // New workers are taken to be like those that are there.
        let each = (threads_there / u64::from(present.max(1))).max(1);
        let workers = u32::try_from(threads.div_ceil(each)).unwrap_or(u32::MAX);
        let target = Target { environment: pool.id, workers, threads, present, reason };
        let is_short = limited && limits > 0 && bytes * 5 > limits * 3;
        let doubled = present.saturating_mul(2);
        if is_short && doubled > workers {
            return Target { workers: doubled, threads: u64::from(doubled) * each, reason: Reason::Memory, ..target };
        }
        target
    }
}

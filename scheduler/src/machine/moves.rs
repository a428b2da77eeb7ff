//! What moving a task's inputs to a worker would take.
//!
//! Bytes are counted by worker and by host: what lies on the worker itself costs nothing, what lies on its host goes over
//! the near link, and all else over the far one. Three things make an input lighter or heavier than it is:
//!
//! - One that many tasks will need is moved once for all of them that follow it, so each pays its part only. Else every
//!   task would go to the one worker that has it, for as long as that has room, however many others are idle.
//! - One that another task brings to a worker already is as good as there.
//! - One that is only on workers known to send slowly is the longer for it.

use smallvec::SmallVec;

use super::{
    Scheduler,
    links::Link,
    slab::{HostIndex, Index, TaskIndex, WorkerIndex},
    task::Task,
};

/// Where a task's inputs are. Kept from call to call, so that counting takes no memory.
#[derive(Debug, Default)]
pub(super) struct Moves {
    /// The length of all inputs, as they are.
    pub(super) total: u64,
    /// Their weights together.
    weight: u64,
    by_worker: Counts,
    by_host: Counts,
    /// Workers beside the one that holds the heaviest input: they would get it over the near link.
    beside: Vec<WorkerIndex>,
}

/// Bytes by index.
#[derive(Debug, Default)]
struct Counts {
    bytes: Vec<Option<u64>>,
    touched: Vec<u32>,
}

/// Holders of one value that are looked at. Of a value that more have it hardly matters who has it.
const HOLDERS: usize = 32;

/// Other tasks that need an input which are looked at, for one that is on its way.
const CONSUMERS: usize = 8;

/// Workers beside the holder of the heaviest input that are candidates too.
const BESIDE: usize = 8;

impl Moves {
    /// Workers that hold inputs or will, and workers beside them.
    pub(super) fn candidates(&self) -> impl Iterator<Item = WorkerIndex> {
        self.by_worker.touched.iter().map(|&w| WorkerIndex::from_u32(w)).chain(self.beside.iter().copied())
    }

    /// What moving the inputs to a worker takes in nanoseconds, and how many bytes would be moved.
    pub(super) fn cost(&self, w: WorkerIndex, host: HostIndex, near: &Link, far: &Link) -> (u64, u64) {
        let here = self.by_worker.of(w.as_u32());
        let on_host = self.by_host.of(host.as_u32()).max(here);
        let (missing_near, missing_far) = (on_host - here, self.weight.saturating_sub(on_host));
        let latency = match (missing_near, missing_far) {
            (0, 0) => 0,
            (_, 0) => near.latency_ns,
            _ => far.latency_ns,
        };
        let moving = near.moving_ns(missing_near).saturating_add(far.moving_ns(missing_far));
        (latency.saturating_add(moving), missing_near.saturating_add(missing_far))
    }

    pub(super) fn clear(&mut self) {
        (self.total, self.weight) = (0, 0);
        self.by_worker.clear();
        self.by_host.clear();
        self.beside.clear();
    }
}

impl Counts {
    fn add(&mut self, index: u32, bytes: u64) {
        let at = index as usize;
        if at >= self.bytes.len() {
            self.bytes.resize(at + 1, None);
        }
        match &mut self.bytes[at] {
            Some(sum) => *sum = sum.saturating_add(bytes),
            none => {
                *none = Some(bytes);
                self.touched.push(index);
            }
        }
    }

    fn of(&self, index: u32) -> u64 {
        self.bytes.get(index as usize).copied().flatten().unwrap_or(0)
    }

    fn clear(&mut self) {
        for index in self.touched.drain(..) {
            self.bytes[index as usize] = None;
        }
    }
}

impl Scheduler {
    /// Finds out where a task's inputs are. `open` is the worker that would be chosen if it had none.
    pub(super) fn count_moves(&self, t: TaskIndex, open: WorkerIndex, moves: &mut Moves) {
        let environment = self.classes.slab[self.tasks[t].class].environment;
        let workers = self.classes.environments[environment].pool.workers.len() as u64;
        let mut heaviest = (0, None);
        for edge in &self.tasks[t].dependencies {
            let input = &self.tasks[edge.task];
            moves.total = moves.total.saturating_add(input.nbytes());
            let weight = self.weight(input, workers);
            moves.weight = moves.weight.saturating_add(weight);
            let holders = input.holders();
            if holders.len() > HOLDERS {
                if input.is_held_by(open) {
                    self.count(moves, open, weight, &mut SmallVec::new());
                }
                continue;
            }
            let mut hosts = SmallVec::new();
            for holder in holders {
                self.count(moves, holder.worker, weight, &mut hosts);
            }
            self.count_on_the_way(t, input, weight, moves);
            if weight > heaviest.0 {
                heaviest = (weight, holders.first().map(|holder| holder.worker));
            }
        }
        if let (_, Some(holder)) = heaviest {
            let neighbours = self.links.neighbours(self.workers[holder].host).iter();
            moves.beside.extend(neighbours.copied().filter(|&w| w != holder).take(BESIDE));
        }
    }

    /// Counts an input for a worker, and once for its host.
    fn count(&self, moves: &mut Moves, w: WorkerIndex, weight: u64, hosts: &mut SmallVec<[HostIndex; 4]>) {
        moves.by_worker.add(w.as_u32(), weight);
        let host = self.workers[w].host;
        if !hosts.contains(&host) {
            hosts.push(host);
            moves.by_host.add(host.as_u32(), weight);
        }
    }

    /// Counts an input for the workers that were given another task that needs it.
    fn count_on_the_way(&self, t: TaskIndex, input: &Task, weight: u64, moves: &mut Moves) {
        if input.waiters < 2 || input.dependents.len() > CONSUMERS {
            return;
        }
        let mut bringing: SmallVec<[WorkerIndex; CONSUMERS]> = SmallVec::new();
        for edge in input.dependents.iter().filter(|edge| edge.task != t) {
            let Some(run) = self.tasks[edge.task].run() else { continue };
            if !input.is_held_by(run.worker) && !bringing.contains(&run.worker) {
                bringing.push(run.worker);
                moves.by_worker.add(run.worker.as_u32(), weight);
            }
        }
    }

    /// What an input counts for where it is missing, in bytes.
    fn weight(&self, input: &Task, workers: u64) -> u64 {
        let shares = (u64::from(input.waiters) / workers.max(1)).max(1);
        let weight = input.nbytes() / shares;
        let mut rates = input.holders().iter().take(4).map(|holder| self.workers[holder.worker].sending.mebibyte_ns());
        let slowest_best = rates.try_fold(u64::MAX, |best, rate| rate.map(|rate| best.min(rate)));
        match slowest_best {
            Some(rate) if rate != u64::MAX && rate > self.links.far.mebibyte_ns => {
                let heavier = u128::from(weight) * u128::from(rate) / u128::from(self.links.far.mebibyte_ns.max(1));
                u64::try_from(heavier).unwrap_or(u64::MAX)
            }
            _ => weight,
        }
    }
}

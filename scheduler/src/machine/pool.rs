//! The workers of one build, in order of load.

use std::collections::BTreeSet;

use super::{
    class::{KINDS, Kind},
    live_bytes::{Live, Withheld},
    peers::{Worker, Workers},
    placement::Budget,
    slab::WorkerIndex,
    speed::{Paces, Step},
};

/// The workers of one build.
#[derive(Debug, Default)]
pub(super) struct Pool {
    /// All of them, in the order of their joining.
    pub(super) workers: Vec<WorkerIndex>,
    /// Their threads together.
    pub(super) threads: usize,
    /// How fast they are.
    pub(super) paces: Paces,
    /// The least memory limit of any.
    pub(super) least_limit: Option<u64>,
    /// What is live on them together.
    pub(super) live: Live,
    pub(super) withheld: Withheld,
    /// If there are many: all and only those that are open, by load; for each kind of task.
    by_load: [BTreeSet<(u64, WorkerIndex)>; 2],
}

/// Up to here looking at every worker is cheaper than keeping them in order.
pub(super) const FEW: usize = 32;

impl Pool {
    /// Takes a worker in. With the first that is one too many to look at all, the order begins to be kept.
    pub(super) fn join(&mut self, index: WorkerIndex, workers: &mut Workers, budget: Budget) {
        self.workers.push(index);
        self.threads += workers[index].threads();
        self.paces.enter(workers[index].speed.step());
        self.live.add(&workers[index].live);
        // The others are not asked again: thousands may join at once.
        let limit = least_limit(&[index], workers);
        self.least_limit = self.least_limit.into_iter().chain(limit).min();
        let unlisted = if self.workers.len() == FEW + 1 { 0 } else { self.workers.len() - 1 };
        for i in unlisted..self.workers.len() {
            let index = self.workers[i];
            self.update(index, &mut workers[index], budget);
        }
    }

    /// Takes a worker out.
    pub(super) fn part(&mut self, index: WorkerIndex, workers: &mut Workers) {
        self.workers.retain(|&other| other != index);
        self.threads -= workers[index].threads();
        self.paces.leave(workers[index].speed.step());
        self.live.remove(&workers[index].live);
        self.least_limit = least_limit(&self.workers, workers);
        for (order, listed) in self.by_load.iter_mut().zip(&mut workers[index].listed) {
            if let Some(load) = listed.take() {
                order.remove(&(load, index));
            }
        }
        if self.workers.len() == FEW {
            self.by_load.iter_mut().for_each(BTreeSet::clear);
            for &index in &self.workers {
                workers[index].listed = [None; 2];
            }
        }
    }

    /// A worker of this pool has more or less to do.
    pub(super) fn update(&mut self, index: WorkerIndex, worker: &mut Worker, budget: Budget) {
        if self.workers.len() <= FEW {
            return;
        }
        for kind in KINDS {
            let load = budget.is_open(worker, kind).then(|| worker.load(kind));
            let (order, listed) = (&mut self.by_load[kind as usize], &mut worker.listed[kind as usize]);
            if load == *listed {
                continue;
            }
            if let Some(before) = *listed {
                order.remove(&(before, index));
            }
            if let Some(load) = load {
                order.insert((load, index));
            }
            *listed = load;
        }
    }

    /// A worker of this pool has come to another pace.
    pub(super) fn change_pace(&mut self, from: Step, to: Step) {
        self.paces.leave(from);
        self.paces.enter(to);
    }

    /// The open worker with the least to do, or the fastest of those with a free thread; of equals the first.
    pub(super) fn least_loaded(&self, workers: &Workers, budget: Budget, kind: Kind) -> Option<WorkerIndex> {
        if self.workers.len() > FEW {
            return self.by_load[kind as usize].first().map(|(_, worker)| *worker);
        }
        let open = self.workers.iter().copied().filter(|&worker| budget.is_open(&workers[worker], kind));
        open.min_by_key(|&worker| workers[worker].load(kind))
    }

    /// The open workers with the least to do first, if they are many enough to be kept in order.
    pub(super) fn in_order(&self, kind: Kind) -> Option<impl Iterator<Item = WorkerIndex>> {
        (self.workers.len() > FEW).then(|| self.by_load[kind as usize].iter().map(|(_, worker)| *worker))
    }

    /// Whether a worker of this pool stands in its order as it should.
    pub(super) fn lists_rightly(&self, worker: &Worker, budget: Budget) -> bool {
        let ordered = self.workers.len() > FEW;
        let expected = KINDS.map(|kind| (ordered && budget.is_open(worker, kind)).then(|| worker.load(kind)));
        worker.listed == expected
    }
}

/// The least memory limit of some workers, if any has one.
pub(super) fn least_limit(some: &[WorkerIndex], workers: &Workers) -> Option<u64> {
    some.iter().map(|&worker| workers[worker].info.memory_limit).filter(|&limit| limit > 0).min()
}

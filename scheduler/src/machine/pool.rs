//! The workers of one build, in order of load.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{
    class::{KINDS, Kind},
    live_bytes::{Live, Withheld},
    peers::{Worker, Workers},
    placement::Budget,
    slab::WorkerIndex,
    speed::{Paces, Step},
};

/// The workers of one build.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Pool {
    /// All of them, in the order of their ids: about that of their joining, but two that are welcomed at once may join in
    /// either order.
    pub(super) workers: Vec<WorkerIndex>,
    /// Their threads together.
    pub(super) threads: usize,
    /// How fast they are.
    pub(super) paces: Paces,
    /// What is live on them together.
    pub(super) live: Live,
    pub(super) withheld: Withheld,
    /// Their memory limits, with how many have each.
    limits: BTreeMap<u64, u32>,
    /// How many of them are open, for each kind of task.
    open: [u32; 2],
    /// If there are few: their loads, in the same order; for each kind of task.
    loads: [Vec<u64>; 2],
    /// If there are many: all and only those that are open, by load; for each kind of task.
    by_load: [BTreeSet<(u64, WorkerIndex)>; 2],
}

/// Up to here looking at every worker's load is cheaper than keeping them in order.
pub(super) const FEW: usize = 32;

/// Stands among the loads for a worker that is not open.
const CLOSED: u64 = u64::MAX;

/// The place of a worker that is in no pool.
pub(super) const NOWHERE: u32 = u32::MAX;

impl Pool {
    /// Takes a worker in. With the first that is one too many to look at all, the order begins to be kept.
    pub(super) fn join(&mut self, index: WorkerIndex, workers: &mut Workers, budget: Budget) {
        let id = workers[index].id;
        let position = self.workers.partition_point(|&other| workers[other].id < id);
        self.workers.insert(position, index);
        self.workers.iter().zip(0..).skip(position).for_each(|(&w, place)| workers[w].place = place);
        let worker = &mut workers[index];
        self.threads += worker.threads();
        self.paces.enter(worker.speed.step());
        self.live.add(&worker.live);
        *self.limits.entry(worker.info.memory_limit).or_default() += 1;
        if self.workers.len() <= FEW {
            self.loads.iter_mut().for_each(|loads| loads.insert(position, CLOSED));
        } else if self.workers.len() == FEW + 1 {
            self.keep_order(workers);
        }
        KINDS.into_iter().for_each(|kind| self.update(index, &mut workers[index], budget, kind));
    }

    /// Takes a worker out.
    pub(super) fn part(&mut self, index: WorkerIndex, workers: &mut Workers) {
        let id = workers[index].id;
        let found = self.workers.binary_search_by_key(&id, |&other| workers[other].id);
        let position = found.expect("a worker is in its pool until it is taken out");
        self.workers.remove(position);
        let worker = &mut workers[index];
        self.threads -= worker.threads();
        self.paces.leave(worker.speed.step());
        self.live.remove(&worker.live);
        let limit = worker.info.memory_limit;
        if let Some(count) = self.limits.get_mut(&limit) {
            *count -= 1;
            if *count == 0 {
                self.limits.remove(&limit);
            }
        }
        for kind in KINDS {
            if let Some(load) = worker.listed[kind as usize].take() {
                self.open[kind as usize] -= 1;
                self.by_load[kind as usize].remove(&(load, index));
            }
            if self.workers.len() < FEW {
                self.loads[kind as usize].remove(position);
            }
        }
        workers[index].place = NOWHERE;
        if self.workers.len() == FEW {
            self.keep_loads(workers);
        } else if self.workers.len() < FEW {
            self.workers.iter().zip(0..).skip(position).for_each(|(&w, place)| workers[w].place = place);
        }
    }

    /// Whether it counts the threads and memory limits of its workers, and no others.
    pub(super) fn sums_up(&self, workers: &Workers) -> bool {
        let mut limits = BTreeMap::new();
        self.workers.iter().for_each(|&w| *limits.entry(workers[w].info.memory_limit).or_default() += 1);
        let threads: usize = self.workers.iter().map(|&w| workers[w].threads()).sum();
        threads == self.threads && limits == self.limits
    }

    /// There are many now.
    fn keep_order(&mut self, workers: &Workers) {
        for kind in KINDS {
            let listed = self.workers.iter().filter_map(|&w| Some((workers[w].listed[kind as usize]?, w)));
            self.by_load[kind as usize] = listed.collect();
            self.loads[kind as usize] = Vec::new();
        }
    }

    /// There are few again.
    fn keep_loads(&mut self, workers: &mut Workers) {
        for kind in KINDS {
            let loads = self.workers.iter().map(|&w| workers[w].listed[kind as usize].unwrap_or(CLOSED));
            self.loads[kind as usize] = loads.collect();
            self.by_load[kind as usize].clear();
        }
        self.workers.iter().zip(0..).for_each(|(&w, place)| workers[w].place = place);
    }

    /// A worker of this pool has more or less to do, of this kind.
    pub(super) fn update(&mut self, index: WorkerIndex, worker: &mut Worker, budget: Budget, kind: Kind) {
        let load = budget.is_open(worker, kind).then(|| worker.load(kind));
        let before = std::mem::replace(&mut worker.listed[kind as usize], load);
        if load == before {
            return;
        }
        match (before, load) {
            (None, Some(_)) => self.open[kind as usize] += 1,
            (Some(_), None) => self.open[kind as usize] -= 1,
            _ => {}
        }
        if self.workers.len() <= FEW {
            // One that is just being taken out has no place any more.
            if let Some(listed) = self.loads[kind as usize].get_mut(worker.place as usize) {
                *listed = load.unwrap_or(CLOSED);
            }
            return;
        }
        let order = &mut self.by_load[kind as usize];
        if let Some(before) = before {
            order.remove(&(before, index));
        }
        if let Some(load) = load {
            order.insert((load, index));
        }
    }

    /// A worker of this pool has come to another pace.
    pub(super) fn change_pace(&mut self, from: Step, to: Step) {
        self.paces.leave(from);
        self.paces.enter(to);
    }

    /// Whether any worker should be given more of a kind.
    pub(super) fn is_any_open(&self, kind: Kind) -> bool {
        self.open[kind as usize] > 0
    }

    /// The open worker with the least to do, or the fastest of those with a free thread; of equals the first.
    pub(super) fn least_loaded(&self, kind: Kind) -> Option<WorkerIndex> {
        if self.workers.len() > FEW {
            return self.by_load[kind as usize].first().map(|(_, worker)| *worker);
        }
        let (mut least, mut best) = (CLOSED, None);
        for (&load, &worker) in self.loads[kind as usize].iter().zip(&self.workers) {
            if load < least {
                (least, best) = (load, Some(worker));
            }
        }
        best
    }

    /// The open workers with the least to do first, if they are many enough to be kept in order.
    pub(super) fn in_order(&self, kind: Kind) -> Option<impl Iterator<Item = WorkerIndex>> {
        (self.workers.len() > FEW).then(|| self.by_load[kind as usize].iter().map(|(_, worker)| *worker))
    }

    /// The least memory limit of any, if any has one.
    pub(super) fn least_limit(&self) -> Option<u64> {
        self.limits.range(1..).next().map(|(limit, _)| *limit)
    }

    /// Whether it is known how many workers are open.
    pub(super) fn counts_open(&self, workers: &Workers) -> bool {
        KINDS.into_iter().all(|kind| {
            let open = self.workers.iter().filter(|&&w| workers[w].listed[kind as usize].is_some()).count();
            self.open[kind as usize] as usize == open
        })
    }

    /// Whether a worker of this pool is listed as it should be, and stands where that says.
    pub(super) fn lists_rightly(&self, index: WorkerIndex, worker: &Worker, budget: Budget) -> bool {
        let expected = KINDS.map(|kind| budget.is_open(worker, kind).then(|| worker.load(kind)));
        let there = KINDS.map(|kind| {
            let position = self.workers.iter().position(|&other| other == index)?;
            match self.loads[kind as usize].get(position) {
                Some(&load) => (load < CLOSED && worker.place as usize == position).then_some(load),
                None => expected[kind as usize].filter(|&load| self.by_load[kind as usize].contains(&(load, index))),
            }
        });
        worker.listed == expected && there == expected
    }
}

/// The least memory limit of some workers, if any has one.
pub(super) fn least_limit(some: &[WorkerIndex], workers: &Workers) -> Option<u64> {
    some.iter().map(|&worker| workers[worker].info.memory_limit).filter(|&limit| limit > 0).min()
}

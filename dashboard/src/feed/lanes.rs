//! Which line of its worker a run is drawn on.
//!
//! Workers report which run has ended and how long it took, not in which thread, and report short runs in bulk, some time after
//! their ends; a number more in each report would cost every task, for the sake of a picture. So the lanes are reckoned, as
//! one would pack the runs by hand: from the last to the first, each as late as its report allows, in a lane that is free for
//! as long. A worker's threads are enough for what its threads ran; asynchronous runs, which overlap as they like, have lanes
//! below those, at the times that were reported.

use std::collections::{BTreeMap, BTreeSet};

use brisk_scheduler::{machine::FunctionOverview, server::EndedRun};

use super::runs::Shown;

/// A report may be so much younger than the end that it tells of: workers wait for company, and the scheduler may have a queue.
const LATE: u64 = 100_000_000;

/// Most are no younger than this: so long a worker waits for company.
const HELD: u64 = 1_000_000;

/// Measures of two machines' clocks may differ by so much.
const SLACK: u64 = 100_000;

/// Lanes of a worker beyond its threads, for what overlaps. What finds none shares one.
const BEYOND: usize = 64;

/// Threads of a worker that have lanes.
const THREADS: u32 = 1_024;

/// The lanes of all workers.
#[derive(Default)]
pub(super) struct Lanes {
    workers: BTreeMap<u64, Lane>,
    /// Functions whose runs hold no thread.
    asynchronous: BTreeSet<u32>,
}

/// A worker's lanes.
struct Lane {
    threads: usize,
    /// For each lane up to when it is taken, in nanoseconds: by what was placed before.
    taken: Vec<u64>,
}

impl Lane {
    fn new(threads: u32) -> Self {
        Lane { threads: threads.clamp(1, THREADS) as usize, taken: Vec::new() }
    }
}

impl Lanes {
    /// There is a worker with so many threads.
    pub(super) fn has(&mut self, worker: u64, threads: u32) {
        self.workers.entry(worker).or_insert_with(|| Lane::new(threads));
    }

    /// A worker has gone.
    pub(super) fn has_not(&mut self, worker: u64) {
        self.workers.remove(&worker);
    }

    /// There is a function.
    pub(super) fn knows(&mut self, function: &FunctionOverview) {
        if function.is_async {
            self.asynchronous.insert(function.index.0);
        }
    }

    /// Places runs that are later than all that were placed before, given in the order of their reports.
    pub(super) fn place(&mut self, runs: &[EndedRun]) -> Vec<Shown> {
        let mut shown: Vec<Option<Shown>> = vec![None; runs.len()];
        let mut of_workers: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
        for (i, run) in runs.iter().enumerate() {
            of_workers.entry(run.worker.0.0).or_default().push(i);
        }
        for (worker, places) in of_workers {
            // One that has joined and left between two looks was never told of.
            let mut passing = Lane::new(1);
            let lanes = self.workers.get_mut(&worker).unwrap_or(&mut passing);
            let mut packing = Packing::new(lanes);
            for &i in places.iter().rev() {
                let run = &runs[i];
                let (lane, end) = packing.place(run, self.asynchronous.contains(&run.function.0));
                shown[i] = Some(Shown {
                    worker,
                    lane: u32::try_from(lane).unwrap_or(u32::MAX),
                    start: end.saturating_sub(run.took_ns) / 1_000,
                    end: end / 1_000,
                    function: run.function.0,
                    key: run.key,
                    bytes: run.nbytes,
                    ok: run.ok,
                });
            }
            packing.end();
        }
        shown.into_iter().flatten().collect()
    }
}

/// Lanes while they are filled, from the last run to the first.
struct Packing<'a> {
    lanes: &'a mut Lane,
    /// Where the next run of each lane must end.
    free: Vec<u64>,
    /// Where the last run of each lane ends.
    last: Vec<u64>,
}

impl<'a> Packing<'a> {
    fn new(lanes: &'a mut Lane) -> Self {
        Packing { lanes, free: Vec::new(), last: Vec::new() }
    }

    /// A lane and an end for a run.
    fn place(&mut self, run: &EndedRun, is_async: bool) -> (usize, u64) {
        let (reported, took, threads) = (run.ended.as_nanos(), run.took_ns, self.lanes.threads);
        if !is_async {
            // The first lane where it ends about when it was reported; else the one where it ends last. So the lanes of threads
            // that run something long stay free for that.
            let ends = (0..threads).filter_map(|lane| self.fits(lane, reported, took, LATE).map(|end| (end, lane)));
            let soon = |&(end, _): &(u64, usize)| end.saturating_add(HELD) >= reported;
            let best =
                ends.clone().find(soon).or_else(|| ends.max_by_key(|&(end, lane)| (end, std::cmp::Reverse(lane))));
            if let Some((end, lane)) = best {
                return self.take(lane, end, took);
            }
        }
        let beyond = threads..threads + BEYOND;
        let lane = beyond.clone().find(|&lane| self.fits(lane, reported, took, 0).is_some());
        self.take(lane.unwrap_or(beyond.end - 1), reported, took)
    }

    /// Where a run would end in a lane, if it has room for it.
    fn fits(&self, lane: usize, reported: u64, took: u64, late: u64) -> Option<u64> {
        let end = self.free.get(lane).map_or(reported, |&free| free.min(reported));
        let taken = self.lanes.taken.get(lane).copied().unwrap_or(0);
        let slack = if late > 0 { SLACK } else { 0 };
        (end + late >= reported && end.saturating_sub(took) + slack >= taken).then_some(end)
    }

    fn take(&mut self, lane: usize, end: u64, took: u64) -> (usize, u64) {
        if self.free.len() <= lane {
            self.free.resize(lane + 1, u64::MAX);
            self.last.resize(lane + 1, 0);
        }
        self.free[lane] = end.saturating_sub(took).min(self.free[lane]);
        self.last[lane] = self.last[lane].max(end);
        (lane, end)
    }

    fn end(self) {
        if self.lanes.taken.len() < self.last.len() {
            self.lanes.taken.resize(self.last.len(), 0);
        }
        for (taken, last) in self.lanes.taken.iter_mut().zip(self.last) {
            *taken = last.max(*taken);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use brisk_core::{
        id::{Incarnation, WorkerId},
        key::Key,
        time::Moment,
    };
    use brisk_scheduler::machine::{FunctionIndex, StateCounts};

    use super::*;

    const MS: u64 = 1_000_000;

    /// A run of worker 1 that was reported at `ended` milliseconds and took `took`.
    fn run(function: u32, ended: u64, took: u64) -> EndedRun {
        EndedRun {
            key: Key::from_u128(1),
            function: FunctionIndex(function),
            worker: WorkerId(Incarnation(1)),
            ended: Moment::ORIGIN + Duration::from_millis(ended),
            took_ns: took * MS,
            nbytes: 0,
            ok: true,
        }
    }

    fn lanes(threads: u32) -> Lanes {
        let mut lanes = Lanes::default();
        lanes.has(1, threads);
        let name: Arc<str> = "asynchronous".into();
        let tasks = StateCounts::default();
        lanes.knows(&FunctionOverview { index: FunctionIndex(9), name, is_async: true, tasks });
        lanes
    }

    /// Lane, start and end of each, in milliseconds.
    fn placed(lanes: &mut Lanes, runs: &[EndedRun]) -> Vec<(u32, u64, u64)> {
        lanes.place(runs).iter().map(|run| (run.lane, run.start / 1_000, run.end / 1_000)).collect()
    }

    fn overlap(runs: &[(u32, u64, u64)]) -> bool {
        runs.iter().enumerate().any(|(i, a)| runs[..i].iter().any(|b| a.0 == b.0 && a.1 < b.2 && b.1 < a.2))
    }

    #[test]
    fn what_was_reported_in_bulk_is_drawn_one_after_the_other() {
        let mut lanes = lanes(2);
        let runs: Vec<_> = (0..8).map(|_| run(0, 100, 10)).collect();
        let seen = placed(&mut lanes, &runs);
        assert!(!overlap(&seen) && seen.iter().all(|run| run.0 < 2), "{seen:?}");
        assert_eq!(seen.iter().map(|run| run.1).min(), Some(60));
    }

    #[test]
    fn threads_are_enough_for_what_ran_in_threads_over_many_looks() {
        let mut lanes = lanes(2);
        let mut all = Vec::new();
        // A long run beside short ones.
        for look in 1..20 {
            let mut runs: Vec<_> = (1..=10).map(|i| run(0, 100 * look + 10 * i - 100, 9)).collect();
            if look == 19 {
                runs.push(run(1, 1_900, 1_800));
            }
            all.extend(placed(&mut lanes, &runs));
        }
        assert!(!overlap(&all));
        assert!(all.iter().all(|run| run.0 < 2), "{all:?}");
    }

    #[test]
    fn asynchronous_runs_keep_their_times_below_the_threads() {
        let mut lanes = lanes(2);
        let runs: Vec<_> = (0..100).map(|_| run(9, 100, 50)).collect();
        let seen = placed(&mut lanes, &runs);
        assert!(seen.iter().all(|run| (2..2 + BEYOND as u32).contains(&run.0) && (run.1, run.2) == (50, 100)));
        assert!(!overlap(&seen[100 - BEYOND..]));
    }

    #[test]
    fn a_worker_that_nobody_was_told_of_has_a_lane_for_its_runs() {
        let seen = placed(&mut Lanes::default(), &[run(0, 10, 5), run(0, 20, 5)]);
        assert_eq!(seen, [(0, 5, 10), (0, 15, 20)]);
    }
}

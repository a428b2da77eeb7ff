//! Which line of its worker a run is drawn on.
//!
//! Workers report which run has ended and how long it took, not in which thread, and report short runs in bulk, some time after
//! their ends; a number more in each report would cost every task, for the sake of a picture. So the lanes are reckoned, as
//! one would pack the runs by hand: from the last to the first, each as late as its report allows, in a lane that is free for
//! as long. A worker's threads are enough for what its threads ran: where a report that was late has put a run too far to the
//! right, the next one of its thread is drawn over its end. Runs below the threads' are those that truly overlap: asynchronous
//! ones, at the times that were reported, and those of tasks that have given their threads up.

use std::collections::{BTreeMap, BTreeSet};

use brisk_scheduler::{machine::FunctionOverview, server::EndedRun};

use super::runs::Shown;

mod drawn;

use drawn::{Drawn, Stretch};

/// A report may be so much younger than the end that it tells of: workers wait for company, and the scheduler may have a queue.
const LATE: u64 = 100_000_000;

/// Most are no younger than this: so long a worker waits for company.
const HELD: u64 = 1_000_000;

/// Measures of two machines' clocks may differ by so much.
const SLACK: u64 = 100_000;

/// What was reported late is drawn over the run before it, and what was long over short ones that were taken for another thread's: by
/// so much and half its own length. What overlaps by more on each lane of a thread has overlapped: its task has given its thread up.
const OVERLAP: u64 = 20_000_000;
const OVERLAP_PART: u64 = 2;

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
    /// For each lane what was placed before.
    drawn: Vec<Drawn>,
}

impl Lane {
    fn new(threads: u32) -> Self {
        Lane { threads: threads.clamp(1, THREADS) as usize, drawn: Vec::new() }
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
    /// What was placed on each.
    placed: Vec<Stretch>,
}

/// Where a run would be drawn.
struct Place {
    lane: usize,
    end: u64,
    /// By how much it overlaps with what was drawn before, in nanoseconds.
    overlap: u64,
}

impl<'a> Packing<'a> {
    fn new(lanes: &'a mut Lane) -> Self {
        Packing { lanes, free: Vec::new(), placed: Vec::new() }
    }

    /// A lane and an end for a run.
    fn place(&mut self, run: &EndedRun, is_async: bool) -> (usize, u64) {
        let (reported, took, threads) = (run.ended.as_nanos(), run.took_ns, self.lanes.threads);
        let on_thread = if is_async { None } else { self.on_thread(reported, took) };
        let Place { lane, end, .. } = on_thread.unwrap_or_else(|| {
            let mut beyond = (threads..threads + BEYOND).map(|lane| self.at(lane, reported, took));
            let free = beyond.find(|place| place.end == reported && place.overlap == 0);
            free.unwrap_or(Place { lane: threads + BEYOND - 1, end: reported, overlap: 0 })
        });
        self.take(lane, end, took);
        (lane, end)
    }

    /// The first thread's lane where a run ends about when it was reported; else the one where it ends last. So the lanes of
    /// threads that run something long stay free for that. If there is room on none, the one with most of it.
    fn on_thread(&self, reported: u64, took: u64) -> Option<Place> {
        let mut best: Option<Place> = None;
        for lane in 0..self.lanes.threads {
            let place = self.at(lane, reported, took);
            let too_late = place.end + LATE < reported;
            if too_late || place.overlap > OVERLAP + took / OVERLAP_PART {
                continue;
            }
            let has_room = place.overlap <= SLACK;
            if has_room && place.end + HELD >= reported {
                return Some(place);
            }
            let rank = |place: &Place| (place.overlap.max(SLACK), std::cmp::Reverse(place.end));
            if best.as_ref().is_none_or(|best| rank(&place) < rank(best)) {
                best = Some(place);
            }
        }
        best
    }

    /// Where a run would be on a lane.
    fn at(&self, lane: usize, reported: u64, took: u64) -> Place {
        let end = self.free.get(lane).map_or(reported, |&free| free.min(reported));
        let before = self.lanes.drawn.get(lane);
        let overlap = before.map_or(0, |drawn| drawn.overlap(end.saturating_sub(took), end));
        Place { lane, end, overlap }
    }

    fn take(&mut self, lane: usize, end: u64, took: u64) {
        if self.free.len() <= lane {
            self.free.resize(lane + 1, u64::MAX);
            self.placed.resize(lane + 1, Stretch::default());
        }
        let start = end.saturating_sub(took);
        self.free[lane] = start.min(self.free[lane]);
        self.placed[lane].add(start, end);
    }

    fn end(self) {
        if self.lanes.drawn.len() < self.placed.len() {
            self.lanes.drawn.resize_with(self.placed.len(), Drawn::default);
        }
        for (drawn, placed) in self.lanes.drawn.iter_mut().zip(self.placed) {
            if placed != Stretch::default() {
                drawn.push(placed);
            }
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

    /// Two threads that are never idle, runs of every length, reports that are late by as much as a busy machine makes them.
    #[test]
    fn late_reports_make_no_lanes() {
        let mut lanes = lanes(2);
        let mut random = 1_u64;
        let mut next = |below: u64| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (random >> 33) % below
        };
        let mut reports = Vec::new();
        for _ in 0..2 {
            let mut at = 0;
            while at < 20_000 * MS {
                // One of a hundred is long.
                let took =
                    [50_000, 2 * MS, 10 * MS, 800 * MS][if next(100) == 0 { 3 } else { next(3) as usize }] + next(MS);
                at += took;
                let ended = Moment::from_nanos(at + next(15) * next(MS));
                reports.push(EndedRun { took_ns: took, ended, ..run(0, 0, 0) });
            }
        }
        reports.sort_by_key(|run| run.ended);
        let mut shown = Vec::new();
        for look in reports.chunk_by(|a, b| a.ended.as_nanos() / (100 * MS) == b.ended.as_nanos() / (100 * MS)) {
            shown.extend(placed(&mut lanes, look));
        }
        let beyond = shown.iter().filter(|run| run.0 >= 2).count();
        assert_eq!((beyond, shown.len() > 1_000), (0, true), "of {}", shown.len());
    }

    /// A task that waits for others in its own thread has made room for them.
    #[test]
    fn what_has_given_its_thread_up_is_drawn_below() {
        let mut lanes = lanes(1);
        for look in 1..=20 {
            let mut runs: Vec<_> = (1..=10).map(|i| run(0, 100 * look + 10 * i - 100, 10)).collect();
            if look == 20 {
                runs.push(run(1, 2_000, 1_500));
            }
            let shown = placed(&mut lanes, &runs);
            let beyond: Vec<_> = shown.iter().filter(|run| run.0 > 0).map(|run| (run.1, run.2)).collect();
            assert_eq!(beyond, if look == 20 { vec![(500, 2_000)] } else { Vec::new() });
        }
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

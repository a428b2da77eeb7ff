//! The last chains begin beside those that run: where values are long, no chain is left for a second round.
//!
//! A chain whose values are long [stays](super::binding) on the worker where it began, and holds its thread to the end. So
//! if there are a few more chains than threads, those that are left over begin when the others end, and run alone beside
//! idle threads: 96 chains on 63 threads took 1.37 times what they need. But what one worker holds all its threads can
//! use: within it chains change places at no cost, and 25 of them go through 16 threads as fast as their work takes
//! (McNaughton's wrap-around rule, 1959), as long as the one with most left goes first. What can't be changed later is where
//! a chain begins: whole chains are dealt out to workers, by what they will take, as the *linear clusters* of Kim and Browne
//! (1988) are.
//!
//! So chains that wait while all threads are taken are given out at once, each to the worker that would come to its end first
//! with one more, by what is left to do there for its threads and speed; but only the last ones, as many as there are threads
//! at most, and only when they can't wait: as long as a thread will be free in time for a chain to end with all others,
//! beginning it earlier would only keep one more value alive. On the worker, the links of such chains go in the order of the longest way to the end; see
//! [`turn_at_worker`](Scheduler::turn_at_worker). If some end sooner than was thought, idle workers take links from others,
//! where [moving](super::balance) them pays.
//!
//! Where values are short none of this is needed: there chains change workers freely, through the [`window`](super::window).

use std::{cmp::Reverse, collections::BinaryHeap};

use brisk_core::message::Priority;

use super::{
    Scheduler,
    class::Kind,
    functions::LONG_NS,
    locality::is_worth_staying,
    slab::{EnvironmentIndex, TaskIndex, WorkerIndex},
};

/// A chain has so many links at least: what two calls in a row leave over is hardly more than what one would.
const LINKS: u32 = 4;

/// Whether chains can wait is looked at again when one in so many of them has begun since.
const LOOKS: u32 = 16;

/// What is left to do of all that runs, in links of ordinary speed.
#[derive(Clone, Debug, Default)]
struct Left {
    /// For each worker, beside how many such links it does in the time that one takes; both in parts of [`ONE`].
    workers: Vec<(WorkerIndex, u64, u64)>,
    /// After how long a thread will be free.
    soonest: Option<u64>,
}

const ONE: u64 = 1 << 16;

impl Scheduler {
    /// No worker has a thread to spare: if all that waits is the last chains, and they can't wait any longer, they are given
    /// out. Not called where memory is limited: there what is begun early may be what there is no room for.
    pub(super) fn begin_abreast(&mut self, environment: EnvironmentIndex, kind: Kind) {
        let build = &self.classes.environments[environment];
        let (lane, pool) = (&build.lanes[kind as usize], &build.pool);
        let (waiting, threads) = (lane.queued, pool.threads as u32);
        if kind != Kind::Thread || waiting > threads {
            return;
        }
        if lane.looked_at.is_some_and(|before| waiting.abs_diff(before) < (waiting / LOOKS).max(1)) {
            return;
        }
        let Some(t) = self.next_chain(environment, kind) else { return };
        self.classes.environments[environment].lanes[kind as usize].looked_at = Some(waiting);
        let (chain, left) = (links(self.tasks[t].way), self.left_to_do(environment));
        if !left.can_wait(chain, waiting) {
            self.deal(environment, chain, left);
        }
    }

    /// Gives the chains that wait out, each to the worker that would come to its end first with one more of about this length.
    fn deal(&mut self, environment: EnvironmentIndex, chain: u64, left: Left) {
        let with_one_more = |left: u64, speed: u64| (left + chain) * ONE / speed;
        let shares =
            left.workers.into_iter().map(|(w, left, speed)| Reverse((with_one_more(left, speed), w, left, speed)));
        let mut shares: BinaryHeap<_> = shares.collect();
        while let Some(t) = self.next_chain(environment, Kind::Thread)
            && let Some(Reverse((_, w, left, speed))) = shares.pop()
        {
            if self.budget.has_room(&self.workers[w], Kind::Thread) {
                let left = left + links(self.tasks[t].way);
                self.assign(t, w);
                shares.push(Reverse((with_one_more(left, speed), w, left, speed)));
            }
        }
    }

    /// What is left to do on all workers that may be given more.
    fn left_to_do(&self, environment: EnvironmentIndex) -> Left {
        let mut all = Left::default();
        for &w in &self.classes.environments[environment].pool.workers {
            let worker = &self.workers[w];
            if !self.budget.has_room(worker, Kind::Thread) {
                continue;
            }
            let step = worker.speed.step();
            let running = worker.processing.iter().map(|&t| &self.tasks[t]);
            let running = running.filter(|task| task.run().is_some_and(|run| run.awaiting == 0));
            let mut left = 0;
            for task in running {
                left += links(task.way);
                let ends = step.scale(links(task.way));
                all.soonest = Some(all.soonest.map_or(ends, |soonest| soonest.min(ends)));
            }
            all.workers.push((w, left, step.ordinary(worker.threads() as u64 * ONE).max(1)));
        }
        all
    }

    /// The place of a task among those that wait at its worker. Links of chains that share threads come in the order of the
    /// longest way to the end, behind all else of their submission: else the first chains would go to their ends while others
    /// had not begun.
    pub(super) fn turn_at_worker(&self, t: TaskIndex) -> Priority {
        let task = &self.tasks[t];
        match self.is_link(t) {
            true => Priority { order: u32::MAX - task.way, ..task.priority },
            false => task.priority,
        }
    }

    /// The first of the tasks that wait, if a chain begins with it which will stay where that is.
    fn next_chain(&self, environment: EnvironmentIndex, kind: Kind) -> Option<TaskIndex> {
        let (account, class) = self.classes.environments[environment].lanes[kind as usize].first()?;
        let class = &self.classes.slab[class];
        let (_, t) = class.queue.first(account)?;
        let begins = class.is_plain() && self.tasks[t].dependencies.is_empty() && self.is_link(t);
        (begins && self.leads_far(t)).then_some(t)
    }

    /// Whether a task has one input at most and one dependent at most, and neither has another; and takes long, beside which
    /// moving the input, or the value if it has none, takes long too.
    fn is_link(&self, t: TaskIndex) -> bool {
        let task = &self.tasks[t];
        let Some(run_ns) = self.functions.measured_ns(task.function).filter(|&ns| ns > LONG_NS) else { return false };
        let made_by = match &task.dependencies[..] {
            [] => task.function,
            [input] if self.tasks[input.task].dependents.len() == 1 => self.tasks[input.task].function,
            _ => return false,
        };
        let follows = match &task.dependents[..] {
            [] => !task.dependencies.is_empty(),
            [dependent] => self.tasks[dependent.task].dependencies.len() == 1,
            _ => false,
        };
        let nbytes = self.functions.measured_bytes(made_by);
        follows && nbytes.is_some_and(|nbytes| is_worth_staying(self.links.far.moving_ns(nbytes), run_ns))
    }

    /// Whether a chain of some length begins with a task.
    fn leads_far(&self, t: TaskIndex) -> bool {
        let mut link = t;
        for _ in 1..LINKS {
            match &self.tasks[link].dependents[..] {
                [dependent] if self.tasks[dependent.task].dependencies.len() == 1 => link = dependent.task,
                _ => return false,
            }
        }
        true
    }
}

impl Left {
    /// Whether all would end together, but for a link, though chains of this length, of which so many wait, begin when threads
    /// are free.
    fn can_wait(&self, chain: u64, waiting: u32) -> bool {
        let Some(soonest) = self.soonest else { return true };
        let left: u64 = self.workers.iter().map(|(_, left, _)| left).sum();
        let speed: u64 = self.workers.iter().map(|(.., speed)| speed).sum();
        let even = (left + chain * u64::from(waiting)) * ONE / speed.max(1);
        soonest + chain <= even + ONE
    }
}

/// A way and the task itself.
fn links(way: u32) -> u64 {
    (u64::from(way) + 1) * ONE
}

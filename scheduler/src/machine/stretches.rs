//! Siblings that meet later start on one worker: each worker walks through a *stretch* of the graph's order.
//!
//! Tasks without inputs can start anywhere, and whoever has room gets the next one. But where a near dependent needs
//! several of them, all but one are moved to where it runs, unless they were made there: the leaves of a tree that are
//! handed out one by one are on two workers half of the time and more, and so are the sums above them. Dask gives what looks
//! like one collection out in blocks, by the names of keys and the size of groups, and not at all where tasks are queued
//! (distributed#7555, #8225).
//!
//! Here it is by the structure of the graph. Tasks stand in depth-first order, so those that meet soon are neighbours. A
//! worker that has begun at one place goes on from there. Who comes to the end of a stretch, or has none, takes a part of
//! what another has left, the larger the more threads it has; so did lazy binary splitting of loops (Tzannes et al., 2010).
//! A worker whose turn it is always gets something, so that nobody is idle for it: what is decided is only who gets what.
//!
//! That is done where values are long beside calls, since else it is of no use, and a little before the first in the order:
//! what depends on that waits for it. Of functions whose values are not known, where all that could be handed out would
//! begin at once anyway.

use std::{
    cmp::Reverse,
    collections::BTreeMap,
    ops::{Bound, RangeBounds},
};

use brisk_core::message::Priority;
use serde::{Deserialize, Serialize};

use super::{
    Scheduler,
    accounts::AccountId,
    locality::{WORTH_OF_A_TRANSFER, is_worth_staying},
    slab::{ClassIndex, Index, TaskIndex, WorkerIndex},
    window::ReadyTasks,
};

/// The stretches of one queue. Each goes from its start to the next one's, or to the end of the submission.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Stretches {
    #[serde(with = "super::dump::pairs")]
    by_start: BTreeMap<Priority, WorkerIndex>,
    /// The same by worker. One that is gone has its stretch until others have taken it, or the queue is empty.
    starts: BTreeMap<WorkerIndex, Priority>,
    horizon: Option<Horizon>,
}

/// Before which place in the order roots may be handed out.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Horizon {
    /// For how many roots, as was asked.
    ahead: usize,
    until: Priority,
    /// It is set anew with the first root of this place or behind it. Not with each: roots that are gone would move it on.
    renew: Priority,
}

/// A worker asks for a root.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    pub(super) by: WorkerIndex,
    /// The root whose turn it is.
    pub(super) first: Priority,
    /// All threads that there are.
    pub(super) threads: usize,
    /// How many roots may be overtaken, for each thread.
    pub(super) rounds: usize,
}

/// What keeping a task beside its siblings may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Together {
    /// How many roots may be overtaken, for each thread.
    rounds: usize,
    /// How much further from the end of the graph the task may be that is overtaken.
    margin: u32,
}

/// What is left of a stretch.
#[derive(Clone, Copy, Debug)]
struct Left {
    /// The next root.
    next: Priority,
    end: Priority,
    /// How much of the graph's order it is.
    length: u32,
    /// How many threads work on it.
    threads: usize,
}

/// How many roots may be overtaken for each thread, where values are known to be long: the longer stretches are, the less is
/// moved between them, and the more of the graph is begun. A tree of a thousand leaves on 32 threads, beside 120 GB without
/// stretches, moved 63 GB with one, 24 with four and 7 with sixteen.
const ROUNDS: usize = 16;

/// Through how many dependents with one input it is looked for one with several.
const LEVELS: usize = 3;

/// Tasks with more inputs than this have them from everywhere.
const FEW_INPUTS: usize = 16;

/// So many stretches are looked at for the one that has most left.
const LOOKED_AT: usize = 32;

/// So far from where a stretch should be parted, in the graph's order, it may be.
const CUT_WITHIN: u32 = 48;

/// Among so many roots is counted how dense they are in the graph's order.
const SAMPLE: usize = 64;

impl Stretches {
    /// Whether each stretch is that of one worker, and no worker has two.
    pub(super) fn are_paired(&self) -> bool {
        self.by_start.len() == self.starts.len()
            && self.by_start.iter().all(|(start, worker)| self.starts.get(worker) == Some(start))
    }

    /// Where a stretch ends.
    fn end(&self, start: Priority) -> Priority {
        let next = self.by_start.range((Bound::Excluded(start), Bound::Excluded(last(start)))).next();
        next.map_or(last(start), |(end, _)| *end)
    }

    /// A worker begins anew. What was left of its stretch falls to the one before; and a stretch that began there is its own.
    fn begin(&mut self, worker: WorkerIndex, start: Priority) {
        if let Some(before) = self.starts.insert(worker, start) {
            self.by_start.remove(&before);
        }
        if let Some(other) = self.by_start.insert(start, worker).filter(|&other| other != worker) {
            self.starts.remove(&other);
        }
    }

    fn some(&self, range: impl RangeBounds<Priority>) -> impl Iterator<Item = (Priority, WorkerIndex)> {
        self.by_start.range(range).map(|(start, worker)| (*start, *worker))
    }
}

impl ReadyTasks {
    /// The next root of a worker's stretch; if nothing is left of that, of a part of another's. None if that whose turn it
    /// is is in nobody's. `threads`: how many a worker has; of one that is gone none.
    pub(super) fn root_for(&mut self, asked: Asked, threads: impl Fn(WorkerIndex) -> usize) -> Option<TaskIndex> {
        let Asked { by, first, .. } = asked;
        let until = self.horizon(asked);
        let own = self.stretches.starts.get(&by).copied().filter(|own| are_of_one(*own, first));
        if self.stretches.some(front(first)..=first).next().is_none() {
            if own.is_none() {
                self.stretches.begin(by, first);
            }
            return None;
        }
        if let Some((_, t)) = own.and_then(|start| self.root_of(start, until)) {
            return Some(t);
        }
        let start = self.part(asked, own, until, threads)?;
        self.stretches.begin(by, start);
        self.root_of(start, until).map(|(_, t)| t)
    }

    /// The first root of a stretch, before the horizon.
    fn root_of(&self, start: Priority, until: Priority) -> Option<(Priority, TaskIndex)> {
        self.roots_between(start, self.stretches.end(start).min(until)).next()
    }

    /// Where the part of another's stretch begins that a worker takes: of the stretch with most left for each thread, the
    /// end, as much as the worker has threads.
    fn part(
        &self,
        Asked { by, first, .. }: Asked,
        own: Option<Priority>,
        until: Priority,
        threads: impl Fn(WorkerIndex) -> usize,
    ) -> Option<Priority> {
        // If they are too many to look at all, then at those behind the worker's own; who has none looks somewhere.
        let from = own.unwrap_or_else(|| {
            let somewhere = u64::from(by.as_u32().wrapping_mul(0x9e37_79b9));
            let span = u64::from(until.order.saturating_sub(first.order));
            Priority { order: first.order + ((span * somewhere) >> 32) as u32, ..first }
        });
        let from = from.min(until);
        let all = self.stretches.some(from..until).chain(self.stretches.some(front(first)..from));
        let end_of_all = self.last_root(until).map_or(until.order, |last| last.order.saturating_add(1));
        let mut best: Option<(u64, Left)> = None;
        for (start, owner) in all.take(LOOKED_AT) {
            let Some((next, _)) = self.root_of(start, until) else { continue };
            let end = self.stretches.end(start).min(until);
            let length = end.order.min(end_of_all).saturating_sub(next.order);
            let threads = threads(owner);
            let each = (u64::from(length) << 16) / threads.max(1) as u64;
            if best.is_none_or(|(most, _)| each > most) {
                best = Some((each, Left { next, end, length, threads }));
            }
        }
        best.map(|(_, left)| self.cut(left, threads(by)))
    }

    /// The first root of the part that one with so many threads takes. Of the roots about there it is the one before which
    /// most of the graph comes, since those on its two sides meet last.
    fn cut(&self, Left { next, end, length, threads }: Left, others: usize) -> Priority {
        let keeps = u64::from(length) * threads as u64 / (threads + others).max(1) as u64;
        if keeps == 0 {
            return next;
        }
        let (middle, about) = (next.order + keeps as u32, (length / 3).min(CUT_WITHIN) + 1);
        let from = Priority { order: middle.saturating_sub(about), ..next }.max(next);
        let to = Priority { order: middle.saturating_add(about), ..next }.min(end);
        let mut roots = self.roots_between(from, to).map(|(at, _)| at);
        let Some(mut before) = roots.next() else { return next };
        let gaps = roots.map(|at| {
            let gap = at.order - std::mem::replace(&mut before, at).order;
            (gap, Reverse(at.order.abs_diff(middle)), at)
        });
        gaps.max().map_or(next, |(.., at)| at)
    }

    /// Before which place roots may be handed out now.
    fn horizon(&mut self, Asked { first, threads, rounds, .. }: Asked) -> Priority {
        let ahead = threads * rounds;
        let known = self.stretches.horizon.filter(|known| known.ahead == ahead && are_of_one(known.until, first));
        if let Some(known) = known.filter(|known| first < known.renew) {
            return known.until;
        }
        let until = self.place_of_root(first, ahead);
        let middle = Priority { order: first.order + until.order.saturating_sub(first.order) / 2, ..first };
        let renew = if rounds > 1 { middle } else { until };
        self.stretches.horizon = Some(Horizon { ahead, until, renew });
        until
    }

    /// About where in the order the root is that has so many others before it, from the first one on. As dense as the next
    /// ones are, all are taken to be.
    fn place_of_root(&self, first: Priority, ahead: usize) -> Priority {
        let Some(beyond) = ahead.checked_sub(self.width()) else {
            return self.roots_behind().first().map_or(last(first), |(at, ..)| *at).min(last(first));
        };
        let sample = beyond.clamp(1, SAMPLE);
        match self.roots_behind().nth_from(first, sample) {
            Some(&(at, ..)) if are_of_one(at, first) => {
                let span = u64::from(at.order.saturating_sub(first.order)) * beyond.max(1) as u64 / sample as u64;
                let order = u64::from(first.order) + span;
                Priority { order: u32::try_from(order).unwrap_or(u32::MAX), ..first }
            }
            _ => last(first),
        }
    }
}

impl Scheduler {
    /// The task that a worker gets when it is the turn of `t`, which has no inputs: that one, or another that is nearer to
    /// what the worker has begun.
    pub(super) fn next_of_stretch(
        &mut self,
        t: TaskIndex,
        w: WorkerIndex,
        class: ClassIndex,
        account: AccountId,
    ) -> TaskIndex {
        let Some(Together { rounds, margin }) = self.together(t) else {
            return self.least_critical(t, w, class, account);
        };
        let asked = Asked { by: w, first: self.tasks[t].priority, threads: self.classes.threads(class), rounds };
        let workers = &self.workers;
        let threads = |w: WorkerIndex| workers.slab.get(w).map_or(0, |worker| worker.threads());
        let other = self.classes.slab[class].queue.root_for(account, asked, threads);
        // It is of the same class and has no inputs: wherever one can go the other can.
        match other {
            Some(other) if self.tasks[other].way >= self.tasks[t].way.saturating_sub(margin) => {
                if self.takes_too_much(other) { t } else { other }
            }
            _ => t,
        }
    }

    /// Whether a task is better begun beside its siblings than in its turn.
    pub(super) fn is_to_be_kept_together(&self, t: TaskIndex) -> bool {
        self.together(t).is_some()
    }

    fn together(&self, t: TaskIndex) -> Option<Together> {
        let task = &self.tasks[t];
        if task.dependents.is_empty() || !task.dependencies.is_empty() {
            return None;
        }
        let together = match self.functions.measured_bytes(task.function) {
            None => Together { rounds: 1, margin: 0 },
            Some(bytes) => {
                let run_ns = self.functions.estimate_ns(task.function, self.config.unknown_duration);
                let moving_ns = self.links.far.moving_ns(bytes);
                let ways = moving_ns.saturating_mul(WORTH_OF_A_TRANSFER) / run_ns.max(1);
                is_worth_staying(moving_ns, run_ns)
                    .then(|| Together { rounds: ROUNDS, margin: u32::try_from(ways).unwrap_or(u32::MAX) })?
            }
        };
        self.meets_soon(t).then_some(together)
    }

    /// Whether a task's value will be needed together with a few others.
    fn meets_soon(&self, t: TaskIndex) -> bool {
        let mut branch = t;
        for _ in 0..LEVELS {
            let Some(edge) = self.tasks[branch].dependents.first() else { return false };
            match self.tasks[edge.task].dependencies.len() {
                1 => branch = edge.task,
                inputs => return inputs <= FEW_INPUTS,
            }
        }
        false
    }
}

/// Whether two places are of one submission and one user priority.
fn are_of_one(one: Priority, other: Priority) -> bool {
    (one.user, one.generation) == (other.user, other.generation)
}

/// The first place in a submission's order.
fn front(any: Priority) -> Priority {
    Priority { order: 0, ..any }
}

/// The last place in a submission's order.
fn last(any: Priority) -> Priority {
    Priority { order: u32::MAX, ..any }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::window::Ready;

    fn workers() -> [WorkerIndex; 2] {
        [0, 1].map(WorkerIndex::from_u32)
    }

    /// A queue of roots with these places in the order of a submission.
    fn roots(tasks: &mut ReadyTasks, generation: u64, orders: impl Iterator<Item = u32>) {
        for order in orders {
            let ready = Ready { t: TaskIndex::from_u32(order), way: 3, is_root: true };
            tasks.insert(Priority { user: 0, generation, order }, ready, 4);
        }
    }

    /// A worker takes what it gets, where there are so many threads and it has so many.
    fn take(tasks: &mut ReadyTasks, by: WorkerIndex, (threads, rounds): (usize, usize), of: [usize; 2]) -> u32 {
        let (first, t) = tasks.first().unwrap();
        let asked = Asked { by, first, threads, rounds };
        let got = tasks.root_for(asked, |w| of[w.as_u32() as usize]).unwrap_or(t);
        assert!(tasks.stretches.are_paired());
        tasks.remove(Priority { order: got.as_u32(), ..first }, 4);
        got.as_u32()
    }

    #[test]
    fn workers_walk_apart_and_part_what_is_left_by_their_threads() {
        let [a, b] = workers();
        let mut tasks = ReadyTasks::default();
        roots(&mut tasks, 1, (0..800).step_by(2));
        let mut take = |by| take(&mut tasks, by, (25, 16), [1, 3]);
        assert_eq!([take(a), take(b), take(b), take(a), take(b), take(a)], [0, 202, 204, 2, 206, 4]);
    }

    #[test]
    fn where_another_begins_the_one_before_has_none_any_more() {
        let ([a, b], mut stretches) = (workers(), Stretches::default());
        let place = Priority { user: 0, generation: 1, order: 5 };
        stretches.begin(a, place);
        stretches.begin(b, place);
        assert!(stretches.are_paired());
        assert_eq!((stretches.starts.get(&a), stretches.starts.get(&b)), (None, Some(&place)));
        stretches.begin(b, place);
        assert_eq!(stretches.starts.get(&b), Some(&place), "who begins where it is stays there");
    }

    #[test]
    fn nobody_goes_without_and_everything_goes_once() {
        let [a, b] = workers();
        let mut tasks = ReadyTasks::default();
        roots(&mut tasks, 1, (0..600).step_by(3));
        let mut all: Vec<_> =
            (0..200u32).map(|n| take(&mut tasks, if n % 7 < 3 { a } else { b }, (4, 16), [2, 2])).collect();
        assert!(tasks.is_empty());
        all.sort_unstable();
        assert!(all.into_iter().eq((0..600).step_by(3)));
    }

    #[test]
    fn what_is_left_of_one_that_is_gone_is_taken_from_its_beginning() {
        let [a, b] = workers();
        let mut tasks = ReadyTasks::default();
        roots(&mut tasks, 1, 0..100);
        let mut take = |by, threads_of_a| take(&mut tasks, by, (10, 16), [threads_of_a, 1]);
        assert_eq!([take(a, 1), take(a, 1), take(b, 0), take(b, 0)], [0, 1, 2, 3]);
    }

    #[test]
    fn a_part_is_taken_of_the_stretch_with_most_left_for_each_thread() {
        let ([a, b], c) = (workers(), WorkerIndex::from_u32(2));
        // Sixty for two threads and forty for one, in either order.
        for (parted, of, expected) in [(60, [2, 1, 1], 80), (40, [1, 2, 1], 20)] {
            let mut tasks = ReadyTasks::default();
            roots(&mut tasks, 1, 0..100);
            let (first, _) = tasks.first().unwrap();
            tasks.stretches.begin(a, first);
            tasks.stretches.begin(b, Priority { order: parted, ..first });
            let asked = Asked { by: c, first, threads: 4, rounds: 1_000 };
            let got = tasks.root_for(asked, |w| of[w.as_u32() as usize]).unwrap();
            assert_eq!(got.as_u32(), expected, "it takes half of the forty");
        }
    }

    #[test]
    fn a_stretch_is_parted_where_most_of_the_graph_lies_between_two_roots_but_not_far_from_its_middle() {
        let [a, b] = workers();
        let near_a_gap = |orders: &mut dyn Iterator<Item = u32>| {
            let mut tasks = ReadyTasks::default();
            roots(&mut tasks, 1, orders);
            let mut take = |by| take(&mut tasks, by, (1_000, 16), [1, 1]);
            (take(a), take(b)).1
        };
        let with_gaps = |gaps: &'static [u32]| (0..600).step_by(2).filter(move |at| !gaps.contains(&(at / 10)));
        assert_eq!(near_a_gap(&mut with_gaps(&[31])), 320, "ten further on a sum may lie between them");
        assert_eq!(near_a_gap(&mut with_gaps(&[10])), 300);
        // Of a short one that is its middle third.
        assert_eq!(near_a_gap(&mut (0..12).chain([20])), 11);
    }

    #[test]
    fn nothing_behind_the_horizon_goes_before_it_has_moved_on() {
        let [a, b] = workers();
        let mut tasks = ReadyTasks::default();
        roots(&mut tasks, 1, (0..100).step_by(2));
        let mut take = |by| take(&mut tasks, by, (4, 1), [1, 1]);
        // The horizon is at 8, and then at 16.
        assert_eq!([take(a), take(b), take(b), take(a)], [0, 6, 4, 2]);
        assert_eq!([take(b), take(a), take(b), take(b)], [8, 14, 10, 12]);
    }

    #[test]
    fn an_earlier_submission_goes_first_and_what_comes_in_front_goes_in_its_turn() {
        let [a, b] = workers();
        let mut tasks = ReadyTasks::default();
        roots(&mut tasks, 1, 40..43);
        roots(&mut tasks, 2, 50..60);
        let one = |tasks: &mut ReadyTasks, by| take(tasks, by, (10, 16), [1, 1]);
        assert_eq!([one(&mut tasks, a), one(&mut tasks, b), one(&mut tasks, a)], [40, 42, 41]);
        assert_eq!(one(&mut tasks, b), 50);
        roots(&mut tasks, 2, 20..22);
        assert_eq!([one(&mut tasks, b), one(&mut tasks, a), one(&mut tasks, b)], [20, 21, 51]);
    }
}

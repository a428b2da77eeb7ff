//! Which of the ready tasks of one account and class is next: depth first, but for a *window* over the first of them, in
//! which the one with the longest way to the end of its graph goes first.
//!
//! Depth first keeps few values alive, and leaves the last long way for the end, where it runs alone beside idle threads:
//! of 96 equal chains on 63 threads, a third begins when the others end. Longest way first (Hu's algorithm, 1961; HEFT
//! orders by the same) ends everything together, and would hold the values of all leaves of a tree at once. A window as
//! wide as there are threads has the first at a bounded price: at most so many values more are alive. A user's priority and
//! the order of submissions come before either.

use std::{cmp::Reverse, collections::BTreeMap};

use brisk_core::message::Priority;
use serde::{Deserialize, Serialize};

use super::{slab::TaskIndex, sorted::Sorted, stretches::Stretches};

/// Ready tasks. If all have ways of the same length, as calls that have nothing to do with one another, depth first is
/// all there is, and no window is kept.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct ReadyTasks {
    /// The length of all ways, while it is the same.
    even: Option<u32>,
    /// The tasks of the window by priority. None comes after one that is behind it.
    #[serde(with = "super::dump::pairs")]
    window: BTreeMap<Priority, Ready>,
    /// All and only the tasks of the window, the next first.
    #[serde(with = "super::dump::pairs")]
    ranked: BTreeMap<Rank, TaskIndex>,
    /// All others, by priority: those with inputs, and roots.
    behind: [Sorted; 2],
    /// Who goes on where, among the roots.
    pub(super) stretches: Stretches,
}

/// A ready task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Ready {
    pub(super) t: TaskIndex,
    /// How many tasks long the way to the end is.
    pub(super) way: u32,
    /// Whether it has no inputs.
    pub(super) is_root: bool,
}

/// User priority and submission as in a priority; then the longest way; then depth first.
type Rank = (i32, u64, Reverse<u32>, u32);

/// The priorities of the first task before something has changed and after, while there is one.
pub(super) type Change = (Option<Priority>, Option<Priority>);

/// Whatever the number of threads, a window is at most so wide: it costs time with each task.
const WIDEST: usize = 1_024;

/// So many tasks of the window are looked at for one without inputs.
const LOOKED_AT: usize = 64;

impl ReadyTasks {
    pub(super) fn is_empty(&self) -> bool {
        self.window.is_empty() && self.behind.iter().all(Sorted::is_empty)
    }

    /// All tasks, by priority; of those behind the window the ones with inputs first.
    pub(super) fn iter(&self) -> impl Iterator<Item = TaskIndex> {
        self.window.values().map(|ready| ready.t).chain(self.behind.iter().flat_map(Sorted::iter).map(|&(.., t)| t))
    }

    pub(super) fn contains(&self, priority: Priority, t: TaskIndex) -> bool {
        let behind = || self.behind.iter().find_map(|tasks| tasks.get(priority)).map(|&(.., t)| t);
        self.window.get(&priority).map(|ready| ready.t).or_else(behind) == Some(t)
    }

    /// The next task.
    pub(super) fn first(&self) -> Option<(Priority, TaskIndex)> {
        match self.ranked.first_key_value() {
            Some((&(user, generation, _, order), &t)) => Some((Priority { user, generation, order }, t)),
            None => self.first_behind().map(|(priority, ready)| (priority, ready.t)),
        }
    }

    /// All tasks as far as is known in which order they come: the window's, or if none is kept all, those with inputs
    /// first.
    pub(super) fn next(&self) -> impl Iterator<Item = TaskIndex> {
        let even = self.behind.iter().flat_map(Sorted::iter).filter(|_| self.ranked.is_empty()).map(|&(.., t)| t);
        self.ranked.values().copied().chain(even)
    }

    /// Of those that come next by user priority and submission, the task of the window with the shortest way to the end;
    /// of equals the last. `None` if all ways are of one length.
    pub(super) fn least_critical(&self) -> Option<TaskIndex> {
        let (&(user, generation, ..), _) = self.ranked.first_key_value()?;
        self.ranked.range(..=(user, generation, Reverse(0), u32::MAX)).next_back().map(|(_, &t)| t)
    }

    /// The tasks that have inputs: those of the window first, each part by priority.
    pub(super) fn with_inputs(&self) -> impl Iterator<Item = TaskIndex> {
        let inside = self.window.values().filter(|ready| !ready.is_root).map(|ready| ready.t);
        inside.chain(self.behind[0].iter().map(|&(.., t)| t))
    }

    /// How many tasks are in the window.
    pub(super) fn width(&self) -> usize {
        self.window.len()
    }

    /// The roots behind the window.
    pub(super) fn roots_behind(&self) -> &Sorted {
        &self.behind[1]
    }

    /// The roots from one place in the order on, and before another.
    pub(super) fn roots_between(&self, from: Priority, to: Priority) -> impl Iterator<Item = (Priority, TaskIndex)> {
        let inside = self.window.range(from..to.max(from)).take(LOOKED_AT);
        let inside = inside.filter(|(_, ready)| ready.is_root).map(|(at, ready)| (*at, ready.t));
        let behind = self.behind[1].iter_from(from).take_while(move |(at, ..)| *at < to);
        inside.chain(behind.map(|&(at, _, t)| (at, t)))
    }

    /// The last root before a place in the order, if it is behind the window or among its last tasks.
    pub(super) fn last_root(&self, before: Priority) -> Option<Priority> {
        let behind = self.behind[1].last_to(before).map(|(at, ..)| *at);
        let mut inside = self.window.range(..before).rev().take(LOOKED_AT);
        behind.or_else(|| inside.find(|(_, ready)| ready.is_root).map(|(at, _)| *at))
    }

    /// Adds a task; `threads` is how wide the window is to be.
    pub(super) fn insert(&mut self, priority: Priority, task: Ready, threads: usize) -> Change {
        let before = self.first_priority();
        if before.is_none() {
            self.even = Some(task.way);
        }
        if self.even == Some(task.way) {
            self.put_behind(priority, task);
            return (before, Some(before.map_or(priority, |before| before.min(priority))));
        }
        self.even = None;
        if self.first_behind().is_some_and(|(first, _)| first < priority) {
            self.put_behind(priority, task);
        } else {
            self.enter(priority, task);
        }
        self.fit(threads);
        (before, self.first_priority())
    }

    pub(super) fn remove(&mut self, priority: Priority, threads: usize) -> Change {
        let before = self.first_priority();
        match self.window.remove(&priority) {
            Some(Ready { way, .. }) => {
                self.ranked.remove(&rank(priority, way));
            }
            None => {
                let [with_inputs, roots] = &mut self.behind;
                with_inputs.remove(priority).or_else(|| roots.remove(priority));
            }
        }
        if self.even.is_none() {
            self.fit(threads);
        }
        (before, self.first_priority())
    }

    fn first_priority(&self) -> Option<Priority> {
        self.first().map(|(priority, _)| priority)
    }

    /// Whether window, order and stretches are as they should be, given what tasks are.
    pub(super) fn is_in_order(&self, is: impl Fn(TaskIndex) -> Ready) -> bool {
        let ranked: BTreeMap<_, _> =
            self.window.iter().map(|(&priority, ready)| (rank(priority, ready.way), ready.t)).collect();
        let last = self.window.last_key_value().map(|(last, _)| *last);
        let first = self.first_behind().map(|(first, _)| first);
        let mut behind = self
            .behind
            .iter()
            .zip([false, true])
            .flat_map(|(tasks, is_root)| tasks.iter().map(move |&(_, way, t)| Ready { t, way, is_root }));
        ranked == self.ranked
            && self.behind.iter().all(Sorted::is_sorted)
            && self.stretches.are_paired()
            && last.zip(first).is_none_or(|(last, first)| last < first)
            && (self.even.is_none() || self.window.is_empty())
            && self.window.values().all(|&ready| ready == is(ready.t))
            && behind.all(|ready| ready == is(ready.t) && self.even.is_none_or(|even| ready.way == even))
    }

    fn enter(&mut self, priority: Priority, task: Ready) {
        self.window.insert(priority, task);
        self.ranked.insert(rank(priority, task.way), task.t);
    }

    fn put_behind(&mut self, priority: Priority, task: Ready) {
        self.behind[usize::from(task.is_root)].insert((priority, task.way, task.t));
    }

    /// The first task behind the window.
    fn first_behind(&self) -> Option<(Priority, Ready)> {
        let [with_inputs, roots] = &self.behind;
        let (is_root, &(priority, way, t)) = match (with_inputs.first(), roots.first()) {
            (Some(first), Some(root)) if first.0 < root.0 => (false, first),
            (Some(first), None) => (false, first),
            (_, root) => (true, root?),
        };
        Some((priority, Ready { t, way, is_root }))
    }

    /// Makes the window as wide as it is to be.
    fn fit(&mut self, threads: usize) {
        let width = threads.clamp(1, WIDEST);
        while self.window.len() > width
            && let Some((priority, task)) = self.window.pop_last()
        {
            self.ranked.remove(&rank(priority, task.way));
            self.put_behind(priority, task);
        }
        while self.window.len() < width
            && let Some((priority, task)) = self.first_behind()
        {
            self.behind[usize::from(task.is_root)].pop_first();
            self.enter(priority, task);
        }
    }
}

fn rank(priority: Priority, way: u32) -> Rank {
    (priority.user, priority.generation, Reverse(way), priority.order)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::slab::Index;

    /// Task of this number: each third is a root.
    fn is(number: u32, way: u32) -> Ready {
        Ready { t: TaskIndex::from_u32(number), way, is_root: number.is_multiple_of(3) }
    }

    fn add(tasks: &mut ReadyTasks, (user, generation, order): (i32, u64, u32), way: u32) {
        let task = is(order, way);
        tasks.insert(Priority { user, generation, order }, task, 3);
    }

    fn drain(tasks: &mut ReadyTasks) -> Vec<u32> {
        let mut orders = Vec::new();
        while let Some((priority, t)) = tasks.first() {
            assert!(tasks.contains(priority, t));
            tasks.remove(priority, 3);
            orders.push(priority.order);
        }
        assert!(tasks.is_empty());
        orders
    }

    #[test]
    fn even_ways_go_depth_first() {
        let mut tasks = ReadyTasks::default();
        [5, 1, 4, 2, 3].into_iter().for_each(|order| add(&mut tasks, (0, 1, order), 7));
        assert!(tasks.window.is_empty() && tasks.is_in_order(|t| is(t.as_u32(), 7)));
        assert_eq!(drain(&mut tasks), [1, 2, 3, 4, 5]);
    }

    #[test]
    fn the_longest_way_of_the_window_goes_first_and_what_is_behind_waits() {
        let mut tasks = ReadyTasks::default();
        let ways = [1, 2, 3, 9, 1, 8];
        (0..6).for_each(|order| add(&mut tasks, (0, 1, order), ways[order as usize]));
        assert!(tasks.is_in_order(|t| is(t.as_u32(), ways[t.as_u32() as usize])));
        assert_eq!(tasks.window.len(), 3);
        // 0, 1 and 2 are in the window first; with each that goes, one moves up.
        assert_eq!(drain(&mut tasks), [2, 3, 1, 5, 0, 4]);
    }

    #[test]
    fn those_that_have_inputs_are_told_wherever_they_are() {
        let mut tasks = ReadyTasks::default();
        (0..9).for_each(|order| add(&mut tasks, (0, 1, order), order));
        assert_eq!(tasks.window.len(), 3);
        let with_inputs: Vec<_> = tasks.with_inputs().map(|t| t.as_u32()).collect();
        assert_eq!(with_inputs, [1, 2, 4, 5, 7, 8]);
    }

    #[test]
    fn users_and_submissions_come_before_ways() {
        let mut tasks = ReadyTasks::default();
        add(&mut tasks, (0, 1, 10), 1);
        add(&mut tasks, (0, 2, 11), 9);
        add(&mut tasks, (-1, 3, 12), 1);
        assert_eq!(drain(&mut tasks), [12, 10, 11]);
    }

    #[test]
    fn what_comes_before_the_window_pushes_its_last_out() {
        let mut tasks = ReadyTasks::default();
        (4..9).for_each(|order| add(&mut tasks, (0, 1, order), order));
        add(&mut tasks, (0, 1, 1), 1);
        let inside: Vec<_> = tasks.window.keys().map(|priority| priority.order).collect();
        assert_eq!(inside, [1, 4, 5]);
        assert!(tasks.is_in_order(|t| is(t.as_u32(), t.as_u32())));
    }
}

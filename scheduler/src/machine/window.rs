//! Which of the ready tasks of one account and class is next: depth first, but for a *window* over the first of them, in
//! which the one with the longest way to the end of its graph goes first.
//!
//! Depth first keeps few values alive, and leaves the last long way for the end, where it runs alone beside idle threads:
//! of 96 equal chains on 63 threads, a third begins when the others end. Longest way first (Hu's algorithm, 1961; HEFT
//! orders by the same) ends everything together, and would hold the values of all leaves of a tree at once. A window as
//! wide as there are threads has the first at a bounded price: at most so many values more are alive. A user's priority and
//! the order of submissions come before either.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, btree_map},
};

use brisk_core::message::Priority;

use super::slab::TaskIndex;

/// Ready tasks. If all have ways of the same length, as calls that have nothing to do with one another, depth first is
/// all there is, and no window is kept.
#[derive(Debug, Default)]
pub(super) struct ReadyTasks {
    /// The length of all ways, while it is the same.
    even: Option<u32>,
    /// The tasks of the window by priority, with the lengths of their ways. None comes after one of `behind`.
    window: BTreeMap<Priority, (u32, TaskIndex)>,
    /// All and only the tasks of the window, the next first.
    ranked: BTreeMap<Rank, TaskIndex>,
    /// All others, by priority.
    behind: BTreeMap<Priority, (u32, TaskIndex)>,
}

/// User priority and submission as in a priority; then the longest way; then depth first.
type Rank = (i32, u64, Reverse<u32>, u64);

/// Whatever the number of threads, a window is at most so wide: it costs time with each task.
const WIDEST: usize = 1_024;

impl ReadyTasks {
    pub(super) fn is_empty(&self) -> bool {
        self.window.is_empty() && self.behind.is_empty()
    }

    /// All tasks, by priority.
    pub(super) fn iter(&self) -> impl Iterator<Item = TaskIndex> {
        self.window.values().chain(self.behind.values()).map(|&(_, t)| t)
    }

    pub(super) fn contains(&self, priority: Priority, t: TaskIndex) -> bool {
        let found = self.window.get(&priority).or_else(|| self.behind.get(&priority));
        found.is_some_and(|&(_, other)| other == t)
    }

    /// The next task.
    pub(super) fn first(&self) -> Option<(Priority, TaskIndex)> {
        match self.ranked.first_key_value() {
            Some((&(user, generation, _, order), &t)) => Some((Priority { user, generation, order }, t)),
            None => self.behind.first_key_value().map(|(&priority, &(_, t))| (priority, t)),
        }
    }

    /// All tasks as far as is known in which order they come: the window's, or if none is kept all.
    pub(super) fn next(&self) -> impl Iterator<Item = TaskIndex> {
        let even = self.behind.values().filter(|_| self.ranked.is_empty()).map(|&(_, t)| t);
        self.ranked.values().copied().chain(even)
    }

    /// Of those that come next by user priority and submission, the task of the window with the shortest way to the end;
    /// of equals the last. `None` if all ways are of one length.
    pub(super) fn least_critical(&self) -> Option<TaskIndex> {
        let (&(user, generation, ..), _) = self.ranked.first_key_value()?;
        self.ranked.range(..=(user, generation, Reverse(0), u64::MAX)).next_back().map(|(_, &t)| t)
    }

    /// Adds a task from which the way to the end is `way` tasks long; `threads` is how wide the window is to be.
    pub(super) fn insert(&mut self, priority: Priority, way: u32, t: TaskIndex, threads: usize) {
        if self.is_empty() {
            self.even = Some(way);
        }
        if self.even == Some(way) {
            self.behind.insert(priority, (way, t));
            return;
        }
        self.even = None;
        if self.behind.first_key_value().is_some_and(|(first, _)| *first < priority) {
            self.behind.insert(priority, (way, t));
        } else {
            self.enter(priority, way, t);
        }
        self.fit(threads);
    }

    pub(super) fn remove(&mut self, priority: Priority, threads: usize) {
        match self.window.entry(priority) {
            btree_map::Entry::Occupied(entry) => {
                let (way, _) = entry.remove();
                self.ranked.remove(&rank(priority, way));
            }
            btree_map::Entry::Vacant(_) => {
                self.behind.remove(&priority);
            }
        }
        if self.even.is_none() {
            self.fit(threads);
        }
    }

    /// Whether window and order are as they should be, given how long ways are.
    pub(super) fn is_in_order(&self, way_of: impl Fn(TaskIndex) -> u32) -> bool {
        let ranked: BTreeMap<_, _> =
            self.window.iter().map(|(&priority, &(way, t))| (rank(priority, way), t)).collect();
        let last = self.window.last_key_value().map(|(last, _)| *last);
        let first = self.behind.first_key_value().map(|(first, _)| *first);
        ranked == self.ranked
            && last.zip(first).is_none_or(|(last, first)| last < first)
            && (self.even.is_none() || self.window.is_empty())
            && self.window.values().chain(self.behind.values()).all(|&(way, t)| way == way_of(t))
            && self.even.is_none_or(|even| self.behind.values().all(|&(way, _)| way == even))
    }

    fn enter(&mut self, priority: Priority, way: u32, t: TaskIndex) {
        self.window.insert(priority, (way, t));
        self.ranked.insert(rank(priority, way), t);
    }

    /// Makes the window as wide as it is to be.
    fn fit(&mut self, threads: usize) {
        let width = threads.clamp(1, WIDEST);
        while self.window.len() > width
            && let Some((priority, (way, t))) = self.window.pop_last()
        {
            self.ranked.remove(&rank(priority, way));
            self.behind.insert(priority, (way, t));
        }
        while self.window.len() < width
            && let Some((priority, (way, t))) = self.behind.pop_first()
        {
            self.enter(priority, way, t);
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

    fn add(tasks: &mut ReadyTasks, (user, generation, order): (i32, u64, u64), way: u32) {
        tasks.insert(Priority { user, generation, order }, way, TaskIndex::from_u32(order as u32), 3);
    }

    fn drain(tasks: &mut ReadyTasks) -> Vec<u64> {
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
        assert!(tasks.window.is_empty() && tasks.is_in_order(|_| 7));
        assert_eq!(drain(&mut tasks), [1, 2, 3, 4, 5]);
    }

    #[test]
    fn the_longest_way_of_the_window_goes_first_and_what_is_behind_waits() {
        let mut tasks = ReadyTasks::default();
        let ways = [1, 2, 3, 9, 1, 8];
        (0..6).for_each(|order| add(&mut tasks, (0, 1, order), ways[order as usize]));
        assert!(tasks.is_in_order(|t| ways[t.as_u32() as usize]));
        assert_eq!(tasks.window.len(), 3);
        // 0, 1 and 2 are in the window first; with each that goes, one moves up.
        assert_eq!(drain(&mut tasks), [2, 3, 1, 5, 0, 4]);
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
        (4..9).for_each(|order| add(&mut tasks, (0, 1, order), order as u32));
        add(&mut tasks, (0, 1, 1), 1);
        let inside: Vec<_> = tasks.window.keys().map(|priority| priority.order).collect();
        assert_eq!(inside, [1, 4, 5]);
        assert!(tasks.is_in_order(|t| t.as_u32()));
    }
}

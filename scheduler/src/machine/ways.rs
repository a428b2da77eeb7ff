//! How long the way from a task to the end of its graph is, in tasks: what makes one of several ready tasks urgent.
//!
//! Counted as chunks of a graph come in, from their last task to their first. A chunk also makes ways of earlier ones
//! longer; how far back that is followed is bounded, so that a chain that comes in a thousand chunks costs what its tasks
//! cost. Ways that are too short for that reason cost an order that is a little worse.
//!
//! Tasks are counted, not their time: when a graph comes, most of its functions were never measured.

use brisk_core::message::Priority;

use super::{Scheduler, slab::TaskIndex, task::State};

/// How many dependencies of earlier chunks a task of a new one may lead to, on average.
const FOLLOWED_A_TASK: usize = 8;

impl Scheduler {
    /// A chunk is in the table: `named` are its tasks, dependencies first; the new ones have places in the submission's
    /// order from `first` on.
    pub(super) fn raise_ways(&mut self, generation: u64, first: u32, named: &[TaskIndex]) {
        let mut earlier = Vec::new();
        for &t in named.iter().rev() {
            self.raise_dependencies(
                t,
                |priority| priority.generation != generation || priority.order < first,
                &mut earlier,
            );
        }
        let mut budget = FOLLOWED_A_TASK * named.len();
        while let Some(t) = earlier.pop() {
            let cost = self.tasks[t].dependencies.len().max(1);
            if cost > budget {
                return;
            }
            budget -= cost;
            self.raise_dependencies(t, |_| true, &mut earlier);
        }
    }

    /// Makes the ways of a task's dependencies at least one longer than its own, and lists those of them whose own
    /// dependencies must be looked at again.
    fn raise_dependencies(&mut self, t: TaskIndex, again: impl Fn(&Priority) -> bool, list: &mut Vec<TaskIndex>) {
        let way = self.tasks[t].way.saturating_add(1);
        for i in 0..self.tasks[t].dependencies.len() {
            let d = self.tasks[t].dependencies[i].task;
            let dependency = &self.tasks[d];
            if dependency.way < way && !matches!(dependency.state, State::Memory { .. } | State::Erred { .. }) {
                if again(&dependency.priority) {
                    list.push(d);
                }
                self.set_way(d, way);
            }
        }
    }

    fn set_way(&mut self, t: TaskIndex, way: u32) {
        let queued = matches!(self.tasks[t].state, State::Queued | State::NoWorker { .. });
        if queued {
            self.dequeue(t);
        }
        self.tasks[t].way = way;
        if queued {
            self.enqueue(t);
        }
    }
}

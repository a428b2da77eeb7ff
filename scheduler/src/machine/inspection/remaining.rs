//! What has to be computed before some tasks are: for whoever shows how far a graph is of which only the end is wanted.

use std::sync::Arc;

use brisk_core::{
    key::Key,
    message::{Remaining, TaskFilter},
};
use rustc_hash::{FxHashMap, FxHashSet};

use super::super::{
    Scheduler,
    record::FunctionIndex,
    slab::TaskIndex,
    task::{State, Task},
};

impl Scheduler {
    /// Goes from these tasks down to what they wait for, breadth first, and counts what is neither computed nor failed. Only what
    /// is unfinished is gone through, and no more than [`Remaining::MAX_COUNTED`] of it.
    pub(super) fn remaining(&self, keys: &[Key]) -> Result<Remaining, String> {
        if keys.len() > TaskFilter::MAX_KEYS {
            return Err(format!("no more than {} tasks can be asked for by key at once", TaskFilter::MAX_KEYS));
        }
        let asked: Vec<TaskIndex> = keys.iter().filter_map(|key| self.tasks.find(*key)).collect();
        let mut seen: FxHashSet<TaskIndex> = asked.iter().copied().collect();
        let mut found: Vec<TaskIndex> = Vec::new();
        let mut complete = self.add_awaited(asked.into_iter(), &mut seen, &mut found);
        let mut next = 0;
        while next < found.len() {
            let task = found[next];
            complete &= self.add_awaited(std::iter::once(task), &mut seen, &mut found);
            next += 1;
        }
        Ok(Remaining { functions: self.by_function(&found), complete })
    }

    /// Adds what these wait for and what was not seen yet. Whether there was room for all.
    fn add_awaited(
        &self,
        tasks: impl Iterator<Item = TaskIndex>,
        seen: &mut FxHashSet<TaskIndex>,
        found: &mut Vec<TaskIndex>,
    ) -> bool {
        for t in tasks.filter(|t| is_unfinished(&self.tasks[*t])) {
            for edge in self.tasks[t].dependencies.iter() {
                if !is_unfinished(&self.tasks[edge.task]) || !seen.insert(edge.task) {
                    continue;
                }
                if found.len() == Remaining::MAX_COUNTED {
                    return false;
                }
                found.push(edge.task);
            }
        }
        true
    }

    fn by_function(&self, tasks: &[TaskIndex]) -> Vec<(Arc<str>, u64)> {
        let mut places: FxHashMap<FunctionIndex, usize> = FxHashMap::default();
        let mut functions: Vec<(Arc<str>, u64)> = Vec::new();
        for t in tasks {
            let function = self.tasks[*t].function;
            let place = *places.entry(function).or_insert_with(|| {
                functions.push((self.functions.info(function).name.clone(), 0));
                functions.len() - 1
            });
            functions[place].1 += 1;
        }
        functions
    }
}

fn is_unfinished(task: &Task) -> bool {
    !matches!(task.state, State::Memory { .. } | State::Erred { .. })
}

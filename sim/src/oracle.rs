//! What is true: the value of every task, by a serial interpreter that knows nothing of clusters.

use std::collections::BTreeSet;

use brisk_core::{id::RunId, payload::Payload};

use crate::{
    random::mix,
    workload::{TaskIndex, Workload},
};

/// The right answers.
#[derive(Clone, Debug)]
pub struct Oracle {
    values: Vec<u64>,
    /// Of tasks that are not pure, or need such: what their runs have made. The value of any other is known before.
    made: Vec<Option<BTreeSet<u64>>>,
}

impl Oracle {
    /// Computes every task, one after the other.
    pub fn new(workload: &Workload) -> Self {
        let mut values = Vec::with_capacity(workload.tasks().len());
        for (index, task) in workload.tasks().iter().enumerate() {
            let inputs = task.dependencies.iter().map(|d| values[*d]);
            values.push(compute(index, inputs));
        }
        let mut made: Vec<Option<BTreeSet<u64>>> = Vec::with_capacity(values.len());
        for task in workload.tasks() {
            let is_open = task.impure || task.dependencies.iter().any(|d| made[*d].is_some());
            made.push(is_open.then(BTreeSet::new));
        }
        Oracle { values, made }
    }

    /// A run has made this value of a task.
    pub fn made(&mut self, index: TaskIndex, value: u64) {
        if let Some(made) = &mut self.made[index] {
            made.insert(value);
        }
    }

    /// Whether this is the value of a task, or for one that is not pure, one that a run of it has made.
    pub fn is_right(&self, index: TaskIndex, value: u64) -> bool {
        self.made[index].as_ref().map_or(value == self.values[index], |made| made.contains(&value))
    }

    /// A task's value.
    pub fn value(&self, index: TaskIndex) -> u64 {
        self.values[index]
    }
}

/// What a task returns: a number that is another for every other task, input, and order of inputs.
pub fn compute(index: TaskIndex, inputs: impl Iterator<Item = u64>) -> u64 {
    inputs.fold(mix(index as u64 + 1), |sum, input| mix(sum.rotate_left(17) ^ input))
}

/// What a run of a task returns: if the task is not pure, something else each time.
pub fn run(workload: &Workload, index: TaskIndex, run: RunId, inputs: impl Iterator<Item = u64>) -> u64 {
    let value = compute(index, inputs);
    if workload.task(index).impure { mix(value ^ mix(run.0)) } else { value }
}

/// A value as it travels.
pub fn encode(value: u64) -> Payload {
    Payload::from_bytes(value.to_le_bytes().to_vec())
}

/// A value that has travelled, if that is what it is.
pub fn decode(payload: &Payload) -> Option<u64> {
    let bytes = payload.encode().ok()?;
    Some(u64::from_le_bytes(bytes.as_ref().try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workload::Task;

    #[test]
    fn values_depend_on_everything_before_them() {
        let mut workload = Workload::new();
        let a = workload.add(Task::plain(vec![]));
        let b = workload.add(Task::plain(vec![a]));
        let c = workload.add(Task::plain(vec![a, b]));
        let oracle = Oracle::new(&workload);
        assert_eq!(oracle.value(c), compute(c, [oracle.value(a), oracle.value(b)].into_iter()));
        assert_ne!(oracle.value(c), compute(c, [oracle.value(b), oracle.value(a)].into_iter()));
        assert_ne!(oracle.value(a), compute(b, std::iter::empty()));
        assert_eq!(decode(&encode(oracle.value(c))), Some(oracle.value(c)));
    }
}

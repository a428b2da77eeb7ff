//! One task with its neighbours, and some tasks with the edges between them.

use std::{collections::BTreeMap, sync::Arc};

use brisk_core::{error::TaskError, key::Key, message::TaskStatus, state::TaskState, task::TaskName};

use crate::machine::{
    Scheduler,
    record::FunctionIndex,
    slab::TaskIndex,
    task::{Edge, State},
};

/// A task at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct TaskDetail {
    /// What clients are told of it.
    pub status: TaskStatus,
    /// The user's priority: a higher one runs first.
    pub priority: i32,
    /// The tasks whose values it takes; of many some.
    pub inputs: Vec<(TaskName, TaskState)>,
    /// The tasks that take its value; of many some.
    pub dependents: Vec<(TaskName, TaskState)>,
    /// Why it failed, if it did.
    pub error: Option<TaskError>,
}

/// Some tasks, and the edges between them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GraphSample {
    /// The tasks.
    pub tasks: Vec<SampledTask>,
    /// How many more there are.
    pub more: u64,
    /// The names of the functions that they call.
    pub functions: BTreeMap<FunctionIndex, Arc<str>>,
}

/// A task of a [`GraphSample`].
#[derive(Clone, Debug, PartialEq)]
pub struct SampledTask {
    /// What it is called; `None` if names were not asked for.
    pub name: Option<TaskName>,
    /// Its function.
    pub function: FunctionIndex,
    /// Its state.
    pub state: TaskState,
    /// Those of its inputs that are in the sample, by their places there.
    pub inputs: Vec<u32>,
}

impl Scheduler {
    /// A task, and at most `most` of its neighbours on either side.
    pub fn task_detail(&self, key: Key, most: usize) -> Option<TaskDetail> {
        let t = self.tasks.find(key)?;
        let task = &self.tasks[t];
        let linked = |edge: &Edge| (self.name(edge.task), self.tasks[edge.task].state.name());
        Some(TaskDetail {
            status: self.status_of_task(t, task),
            priority: task.priority.user.saturating_neg(),
            inputs: task.dependencies.iter().take(most).map(linked).collect(),
            dependents: task.dependents.iter().take(most).map(linked).collect(),
            error: self.error_at(t).cloned(),
        })
    }

    /// Why a task failed, if it did: the failure that is told of it, which may be of a task that it depends on.
    pub fn task_error(&self, key: Key) -> Option<&TaskError> {
        self.error_at(self.tasks.find(key)?)
    }

    /// The first `most` tasks of the table, with their names if those are wanted. Looks at no other.
    pub fn graph_sample(&self, most: usize, names: bool) -> GraphSample {
        let places: BTreeMap<TaskIndex, u32> = self.tasks.slab.iter().take(most).map(|(t, _)| t).zip(0..).collect();
        let mut sample = GraphSample { more: (self.tasks.len() - places.len()) as u64, ..GraphSample::default() };
        for (t, task) in self.tasks.slab.iter().take(most) {
            let function = task.function;
            sample.functions.entry(function).or_insert_with(|| self.functions.info(function).name.clone());
            sample.tasks.push(SampledTask {
                name: names.then(|| self.name(t)),
                function,
                state: task.state.name(),
                inputs: task.dependencies.iter().filter_map(|edge| places.get(&edge.task).copied()).collect(),
            });
        }
        sample
    }

    fn error_at(&self, t: TaskIndex) -> Option<&TaskError> {
        match &self.tasks[t].state {
            State::Erred { error, .. } => Some(error),
            _ => None,
        }
    }
}

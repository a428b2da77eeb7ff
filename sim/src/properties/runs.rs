//! Runs are numbered upwards, over the whole life of the scheduler; each goes to one live worker of its build, and its inputs can be
//! had there: held by somebody, or made by a run that this worker was given before (I2, I18, I31).

use std::collections::BTreeMap;

use brisk_core::{
    id::{RunId, WorkerId},
    message::Assignment,
};

use crate::{
    failure::Failure,
    workload::{Build, TaskIndex, Workload},
};

/// Every run that was assigned and, by the scheduler's word and the workers' reports, has not ended.
#[derive(Debug, Default)]
pub struct Runs {
    last: RunId,
    /// All and only the live workers, with their runs.
    workers: BTreeMap<WorkerId, BTreeMap<RunId, TaskIndex>>,
    /// The builds of all workers that ever were there.
    builds: BTreeMap<WorkerId, Build>,
}

impl Runs {
    /// A worker is there.
    pub fn worker_joined(&mut self, worker: WorkerId, build: Build) {
        self.builds.insert(worker, build);
        self.workers.insert(worker, BTreeMap::new());
    }

    /// A worker is gone, and all its runs.
    pub fn worker_left(&mut self, worker: WorkerId) {
        self.workers.remove(&worker);
    }

    /// The build of a worker that is or was there.
    pub fn build_of(&self, worker: WorkerId) -> Build {
        self.builds.get(&worker).copied().unwrap_or(0)
    }

    /// Whether a worker is there.
    pub fn is_live(&self, worker: WorkerId) -> bool {
        self.workers.contains_key(&worker)
    }

    /// The runs that a worker was given and that have not ended, with their tasks.
    pub fn of_worker(&self, worker: WorkerId) -> impl Iterator<Item = (RunId, TaskIndex)> {
        self.workers.get(&worker).into_iter().flat_map(|runs| runs.iter().map(|(run, task)| (*run, *task)))
    }

    /// The task of a run that a worker was given and that has not ended.
    pub fn task_of(&self, worker: WorkerId, run: RunId) -> Option<TaskIndex> {
        self.workers.get(&worker)?.get(&run).copied()
    }

    /// Whether a worker was given this run, and it has not ended.
    pub fn is_current(&self, worker: WorkerId, run: RunId) -> bool {
        self.workers.get(&worker).is_some_and(|runs| runs.contains_key(&run))
    }

    /// A run has ended, or was cancelled.
    pub fn ended(&mut self, worker: WorkerId, run: RunId) {
        if let Some(runs) = self.workers.get_mut(&worker) {
            runs.remove(&run);
        }
    }

    /// A run was assigned.
    ///
    /// # Errors
    /// If it must not have been.
    pub fn assigned(&mut self, workload: &Workload, worker: WorkerId, assignment: &Assignment) -> Result<(), Failure> {
        let broken = |found: String| Err(Failure::safety("runs", found));
        let Assignment { task: name, run, spec, dependencies, .. } = assignment;
        if *run <= self.last {
            return broken(format!("{run} of {name} comes after {}", self.last));
        }
        self.last = *run;
        let Some(task) = workload.find(name.key).filter(|task| workload.called_by(spec) == Some(*task)) else {
            return broken(format!("{run} is of {name}, but its call is another task's"));
        };
        let Some(runs) = self.workers.get_mut(&worker) else {
            return broken(format!("{run} of {name} goes to {worker}, which is gone"));
        };
        if self.builds.get(&worker) != Some(&workload.task(task).build) {
            return broken(format!("{run} of {name} goes to {worker}, which is of another build"));
        }
        let mut needed: Vec<_> = workload.task(task).dependencies.iter().map(|d| workload.task(*d).key).collect();
        let mut given: Vec<_> = dependencies.iter().map(|dependency| dependency.key).collect();
        needed.sort_unstable();
        given.sort_unstable();
        if needed != given {
            return broken(format!("{run} of {name} is given {} inputs, and needs {}", given.len(), needed.len()));
        }
        for dependency in dependencies.iter().filter(|dependency| dependency.holders.is_empty()) {
            let maker = workload.find(dependency.key);
            if !runs.values().any(|task| Some(*task) == maker) {
                let key = dependency.key;
                return broken(format!("{run} of {name} awaits {key}, which nobody holds and {worker} is not making"));
            }
        }
        runs.insert(*run, task);
        Ok(())
    }
}

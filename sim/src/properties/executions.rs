//! A task runs once unless there is a reason to run it again (I45): each further start needs a worker that was lost or
//! left or has too little memory, a failed attempt, a value or run that was lost, or a submission that names the task again when its value had
//! gone, since nobody needed it any more.

use std::collections::BTreeMap;

use crate::{
    failure::Failure,
    history::History,
    workload::{TaskIndex, Workload},
};

/// How often each task was started.
#[derive(Debug, Default)]
pub struct Executions(BTreeMap<TaskIndex, u32>);

impl Executions {
    /// A worker starts a task.
    pub fn started(&mut self, task: TaskIndex) {
        *self.0.entry(task).or_default() += 1;
    }

    /// Checks the start of a task that may be started once only: each further one needs somebody who asked for
    /// it again. Its own failures are no reason.
    ///
    /// # Errors
    /// If nothing allows it.
    pub fn check_once(&self, workload: &Workload, history: &History, task: TaskIndex) -> Result<(), Failure> {
        let facts = history.of(task);
        let (count, allowed) = (self.of(task), facts.submissions);
        // After another scheduler or another try nobody can say what was meant.
        if !workload.task(task).once || count <= allowed || history.restarts > 0 || history.retried {
            return Ok(());
        }
        let found = format!("task {task}, to be started once only, was started {count} times, and asked for {allowed}");
        Err(Failure::safety("executions", found))
    }

    /// How often a task was started.
    pub fn of(&self, task: TaskIndex) -> u32 {
        self.0.get(&task).copied().unwrap_or(0)
    }

    /// How often any task was started.
    pub fn total(&self) -> u64 {
        self.0.values().map(|count| u64::from(*count)).sum()
    }

    /// Checks the whole run.
    ///
    /// # Errors
    /// If a task ran once more than there was reason for.
    pub fn check(&self, workload: &Workload, history: &History) -> Result<(), Failure> {
        if history.departures > 0
            || history.retirements > 0
            || history.restarts > 0
            || history.cancelled
            || history.retried
            || history.releases > 0
        {
            // Each of these may cost any number of tasks their values.
            return Ok(());
        }
        // A loss costs the task whose value is lost, and whatever must be computed again for it.
        let losses: u32 = (0..workload.tasks().len()).map(|task| history.of(task).losses).sum();
        for (task, count) in &self.0 {
            let facts = history.of(*task);
            let reasons = facts.submissions + facts.failures + losses + history.pauses;
            if *count > reasons {
                let found = format!("task {task} was started {count} times, with reason for {reasons}");
                return Err(Failure::safety("executions", found));
            }
        }
        Ok(())
    }
}

//! Time limits of runs.
//!
//! A run's time begins when the executor gets it. When it is up the task has failed: that is reported at once, so that
//! whoever waits is told in time, and the run is forgotten like one that was cancelled. Its body cannot be stopped by
//! force: it is [abandoned](super::abandoned), its inputs stay until it ends by itself, and what it returns then is dropped. (Dask
//! has no such limit; Temporal's experience is that an activity without one is the usual way for a workflow to hang.)

use std::time::Duration;

use brisk_core::{
    error::{ErrorKind, Failure},
    id::RunId,
};

use super::{Worker, state::Owner, timers::Timer, words};

impl Worker {
    /// Sets the deadline of a run that begins, if it has a limit.
    pub(super) fn watch(&mut self, run: RunId) {
        if let Some(deadline) = self.executions.get(&run).and_then(|execution| execution.deadline()) {
            self.timers.set(deadline, Timer::Run(run));
        }
    }

    /// Clears the deadline of a run that has ended, or that nobody waits for any more.
    pub(super) fn unwatch(&mut self, run: RunId) {
        if let Some(deadline) = self.executions.get(&run).and_then(|execution| execution.deadline()) {
            self.timers.clear(deadline, Timer::Run(run));
        }
    }

    /// A run's time is up.
    pub(super) fn on_run_overdue(&mut self, run: RunId) {
        let Some(execution) = self.executions.get(&run) else { return };
        if let (Owner::Task(place), Some(limit)) = (&execution.owner, execution.limit) {
            let took = self.now - execution.started;
            self.fail(*place, overdue(limit), took);
            self.abandon(run);
        }
    }
}

/// What is said of a run that took longer than it may.
pub(super) fn overdue(limit: Duration) -> Box<Failure> {
    let message = format!("the task took longer than its limit of {}", words::span(limit));
    Box::new(Failure::new(ErrorKind::TimedOut, message))
}

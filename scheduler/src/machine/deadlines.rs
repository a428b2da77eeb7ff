//! Time limits of runs.
//!
//! A worker holds a run to its limit itself: it alone knows when the task's own code began, and says that it failed. The
//! scheduler looks only whether it said so, some time later: a worker whose machine is stuck, or whose report is, does not
//! keep a task for ever that was to end in time.

use brisk_core::error::{ErrorKind, Failure};

use super::{
    Scheduler,
    slab::{TaskIndex, WorkerIndex},
};

impl Scheduler {
    /// A run has started: if it has a limit, it is looked at when that has passed.
    pub(super) fn watch_limit(&mut self, t: TaskIndex) {
        if let Some(limit) = self.tasks[t].options().and_then(|options| options.timeout) {
            self.set_alarm(t, limit.saturating_add(self.config.timeout_grace));
        }
    }

    /// A run's limit has passed, and its worker has not said that it has ended.
    pub(super) fn overdue(&mut self, t: TaskIndex) {
        self.tasks[t].history().alarm = None;
        let limit = self.tasks[t].options().and_then(|options| options.timeout);
        let (Some(limit), Some(run)) = (limit, self.tasks[t].run().copied()) else { return };
        let message = format!(
            "it took longer than its limit of {limit:?}: it was started {:?} ago, and its worker has not said that it has \
             ended. Is the worker's process stopped, or without processor time?",
            limit.saturating_add(self.config.timeout_grace)
        );
        self.cancel_run(t);
        self.run_failed(t, run.worker, Failure::new(ErrorKind::TimedOut, message));
    }

    /// A run failed by its own doing: it is tried again if retries are left. Only such failures use them up, not deaths and
    /// losses; and a function that no worker knows is not found by trying again.
    pub(super) fn run_failed(&mut self, t: TaskIndex, w: WorkerIndex, failure: Failure) {
        let retries = if self.tasks[t].is_once() { 0 } else { self.tasks[t].retries() };
        if retries > 0 && failure.kind != ErrorKind::UnknownFunction {
            self.tasks[t].history().failures += 1;
            if self.tasks[t].history().failures <= retries {
                return self.run_again(t);
            }
        }
        let error = self.run_error(t, w, failure);
        self.enter_erred(t, error, None);
    }
}
